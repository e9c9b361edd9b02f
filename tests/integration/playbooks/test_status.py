# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""status.yml prints a table and writes a page."""

from __future__ import annotations

import base64
import functools
import http.server
import os
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from datetime import datetime, timezone
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.integration.conftest import PRESET, seed
from tests.integration.controller import BIN, Controller, Run
from tests.integration.playbooks.event import (
    HOSTILE,
    ROOMS,
    assert_no_secret,
    play,
    provision,
    publish,
    session_titled,
)
from tests.simulator.server import Simulator

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg, which makes pictures, is not there")


class Page(HTMLParser):
    """Collects what a browser would see in a page: elements, attributes, text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.loaded: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        for name, value in attrs:
            if name in ("src", "srcset", "poster", "data") or (tag == "link" and name == "href"):
                self.loaded.append(value or "")
            elif name == "href":
                self.links.append(value or "")

    def handle_data(self, data: str) -> None:
        self.text += data


def page_file(controller: Controller) -> Path:
    return controller.home / ".cache" / "tenbyte-webinar" / "status.html"


def table(run: Run) -> list[list[str]]:
    """Return the cells of the printed table, without its head."""
    assert run.returncode == 0, run.output
    lines = run.result("ansible.builtin.debug")["msg"]
    assert re.split(r"  +", lines[0]) == ["ROOM", "SESSION", "STATUS", "ENCODER", "PUBLISHING", "VIEWERS", "START"]
    return [re.split(r"  +", line) for line in lines[1:]]


def test_the_table_tells_what_is_on_air_and_what_is_not(simulator: Simulator, controller: Controller) -> None:
    provision(controller)
    panel = session_titled(simulator, "Panel")
    publish(simulator, panel)
    simulator.service.add_viewer(panel)
    assert panel.started_at is not None
    started = panel.started_at.strftime("%Y-%m-%d %H:%M UTC")
    run = play(controller, "status", "-e", "status_thumbnails=false", rooms=ROOMS)
    assert sorted(table(run)) == [
        ["Main stage", "Keynote", "scheduled", "encoder1", "no", "0", "2027-05-04 07:00 UTC"],
        ["Main stage", "Panel", "live", "encoder2", "yes", "1", started],
        ["Workshop", "Hands on", "scheduled", "-", "no", "0", "-"],
    ]


def test_its_columns_stand_below_each_other(simulator: Simulator, controller: Controller) -> None:
    provision(controller)
    run = play(controller, "status", rooms=ROOMS)
    lines = run.result("ansible.builtin.debug")["msg"]
    assert {line.find("scheduled") for line in lines[1:]} == {lines[0].find("STATUS")}


@pytest.mark.seed(rooms=[{"title": "Not mine", "host": "stranger"}])
def test_without_an_event_file_all_rooms_of_the_account_are_shown(simulator: Simulator, controller: Controller) -> None:
    provision(controller)
    run = play(controller, "status")
    assert sorted({row[0] for row in table(run)}) == ["Main stage", "Workshop"]


def test_with_an_event_file_only_its_rooms_are_shown(simulator: Simulator, controller: Controller) -> None:
    provision(controller)
    room_id = next(room.id for room in simulator.service.rooms.values() if room.title == "Workshop")
    for rooms in ([{"title": "Workshop"}], [{"room_id": room_id.upper()}]):
        assert [row[:3] for row in table(play(controller, "status", rooms=rooms))] == [
            ["Workshop", "Hands on", "scheduled"]
        ]


def test_rooms_stand_in_the_event_files_order_and_sessions_by_their_start(
    simulator: Simulator, controller: Controller
) -> None:
    provision(controller)
    main, workshop = [("Main stage", "Keynote"), ("Main stage", "Panel")], [("Workshop", "Hands on")]
    for rooms, order in ((ROOMS, main + workshop), (ROOMS[::-1], workshop + main)):
        assert [tuple(row[:2]) for row in table(play(controller, "status", rooms=rooms))] == order


def test_what_the_event_file_asks_for_and_is_not_there_is_called_missing(
    simulator: Simulator, controller: Controller
) -> None:
    provision(controller, [{"title": "Main stage", "sessions": []}])
    rooms = [ROOMS[0], {"title": "Rooftop"}]
    rows = table(play(controller, "status", rooms=rooms))
    assert ["Main stage", "Keynote", "missing", "encoder1", "-", "-", "2027-05-04 07:00 UTC"] in rows
    assert ["Rooftop", "(not there yet)", "-", "-", "-", "-", "-"] in rows
    assert "2 missing" in Page(page_file(controller).read_text()).text


def test_sessions_that_are_over_are_counted_and_named_on_the_page(simulator: Simulator, controller: Controller) -> None:
    provision(controller)
    hands_on = session_titled(simulator, "Hands on")
    simulator.service.start(hands_on)
    simulator.service.end(hands_on)
    run = play(controller, "status")
    assert run.result("ansible.builtin.debug")["msg"][-1] == "1 more is over."
    assert "Hands on" in Page(page_file(controller).read_text()).text


def test_the_page_has_each_session_and_loads_nothing(simulator: Simulator, controller: Controller) -> None:
    provision(controller)
    publish(simulator, session_titled(simulator, "Panel"))
    run = play(controller, "status", "-e", "status_thumbnails=false", rooms=ROOMS)
    assert run.returncode == 0, run.output
    html = page_file(controller).read_text()
    page = Page(html)
    for said in ("Main stage", "Plenary sessions", "Keynote", "encoder1", "Panel", "Workshop", "Hands on", "1 on air"):
        assert said in page.text
    assert page.loaded == []
    assert "script" not in page.elements
    assert page.links == [session_titled(simulator, "Panel").hls_url]
    assert "default-src 'none'" in html
    assert page_file(controller).stat().st_mode & 0o777 == 0o644


def test_a_run_changes_nothing_and_leaves_the_folder_that_it_is_run_in_alone(
    simulator: Simulator, controller: Controller
) -> None:
    provision(controller)
    before = sorted(path.name for path in controller.home.iterdir())
    run = play(controller, "status")
    assert run.recap()["changed"] == 0
    assert f"The page is {page_file(controller).resolve()}" in run.output
    here = sorted(path.name for path in controller.home.iterdir() if not path.name.startswith("record-"))
    assert [name for name in here if name not in before] == [".cache"]
    elsewhere = controller.home / "cache"
    run = play(controller, "status", environment={"XDG_CACHE_HOME": str(elsewhere)})
    assert (elsewhere / "tenbyte-webinar" / "status.html").is_file(), run.output


def test_the_page_names_the_event_and_comes_anew_by_itself(simulator: Simulator, controller: Controller) -> None:
    provision(controller)
    for arguments, rooms, name, seconds in (
        ([], ROOMS, "Main stage, Workshop", "30"),
        (["-e", '{"status_title": "R&D <days>", "status_refresh": 5}'], ROOMS, "R&D <days>", "5"),
        (["-e", "status_refresh=0", "-e", "status_title="], None, "Event status", None),
        (["-e", "status_refresh=no", "-e", "status_html="], None, "Event status", None),
        (["-e", "status_refresh="], None, "Event status", "30"),
    ):
        play(controller, "status", *arguments, rooms=rooms)
        html = page_file(controller).read_text()
        assert Page(html).text.partition("Status as of")[0].split("\n  ")[-2].strip() == name
        found = re.findall('<meta http-equiv="refresh" content="([0-9]+)">', html)
        assert found == ([seconds] if seconds else [])
        assert ("the page is no longer written" in html) is bool(seconds)


def test_what_is_well_and_what_is_not_differ_in_more_than_colour(simulator: Simulator, controller: Controller) -> None:
    provision(controller)
    publish(simulator, session_titled(simulator, "Panel"))
    simulator.service.start(session_titled(simulator, "Hands on"))
    rooms = [*ROOMS, {"title": "Rooftop", "sessions": [{"title": "Sunrise", "preset_id": PRESET}]}]
    play(controller, "status", "-e", "status_thumbnails=no", rooms=rooms)
    html = page_file(controller).read_text()
    badges = dict(re.findall(r'<span class="badge (\w*)">(\S [^<]+)</span>', html))
    assert badges == {
        "live": "\N{BLACK CIRCLE} on air",
        "scheduled": "\N{WHITE CIRCLE} scheduled",
        "alarm": "\N{BLACK UP-POINTING TRIANGLE} on air, no media",
        "missing": "\N{BLACK UP-POINTING TRIANGLE} missing",
    }
    for scheme in re.findall(r"--live: (#\w+);.*?--alarm: (#\w+);", html):
        assert scheme[0] != scheme[1]
    # A room is as wide as it has sessions, and says of each since when or when.
    assert re.findall(r'<section class="(of\d)">', html) == ["of2", "of1", "of1"]
    assert (html.count("<dt>Since</dt>"), html.count("<dt>Starts</dt>")) == (2, 2)
    # Only what is on air has the place of a picture.
    assert html.count('<div class="picture">') == 2


@pytest.mark.parametrize(
    "start", ["2027-05-04T09:00:00+02:00", datetime(2027, 5, 4, 9, 0, tzinfo=timezone.utc), None, ""]
)
def test_a_start_that_yaml_makes_a_date_is_shown(simulator: Simulator, controller: Controller, start: object) -> None:
    wishes = [{"title": "Sunrise", "scheduled_start_time": start}, {"title": "Noon", "scheduled_start_time": "12:00"}]
    rooms = [{"title": "Rooftop", "sessions": wishes}, {"title": "Cellar", "sessions": None}]
    run = play(controller, "status", rooms=rooms)
    shown = {row[1]: row[-1] for row in table(run)}
    given = "2027-05-04 07:00 UTC" if isinstance(start, str) else "2027-05-04 09:00 UTC"
    assert shown["Sunrise"] == (given if start else "-")


def test_a_session_on_air_without_media_stands_out(simulator: Simulator, controller: Controller) -> None:
    provision(controller)
    simulator.service.start(session_titled(simulator, "Panel"))
    run = play(controller, "status", rooms=ROOMS)
    assert ["live", "encoder2", "no"] in [row[2:5] for row in table(run)]
    assert "1 on air without media" in Page(page_file(controller).read_text()).text


def test_the_services_text_is_text_and_neither_markup_nor_template(
    simulator: Simulator, controller: Controller
) -> None:
    rooms = [{"title": "Main stage", "description": "plain", "sessions": []}]
    provision(controller, rooms)
    room = next(iter(simulator.service.rooms.values()))
    room.description = room.title = HOSTILE
    session = simulator.service.create_session(room, {"title": HOSTILE, "preset_id": PRESET, "description": HOSTILE})
    session.hls_url = 'javascript:alert("2")'
    simulator.service.creation_shown(session)
    publish(simulator, session)
    run = play(controller, "status")
    assert run.returncode == 0, run.output
    assert sum(HOSTILE[:35] in line for line in run.result("ansible.builtin.debug")["msg"]) == 1
    page = Page(page_file(controller).read_text())
    assert page.text.count(HOSTILE) == 3
    assert "script" not in page.elements
    assert page.links == []


def test_no_secret_is_shown(simulator: Simulator, controller: Controller) -> None:
    provision(controller)
    publish(simulator, session_titled(simulator, "Panel"))
    run = play(controller, "status", "-vvv", rooms=ROOMS)
    assert run.returncode == 0, run.output
    assert_no_secret(run.output + str(run.records) + page_file(controller).read_text(), simulator)


def test_check_mode_shows_the_table_and_writes_nothing(simulator: Simulator, controller: Controller) -> None:
    provision(controller)
    publish(simulator, session_titled(simulator, "Panel"))
    run = play(controller, "status", "--check", rooms=ROOMS)
    assert len(table(run)) == 3
    assert not (controller.home / ".cache").exists()


def test_another_file_can_be_named(simulator: Simulator, controller: Controller) -> None:
    run = play(controller, "status", "-e", "status_html=pages/now.html")
    assert run.returncode == 0, run.output
    assert "There is no room." in Page((controller.home / "pages" / "now.html").read_text()).text


class Media(http.server.SimpleHTTPRequestHandler):
    """Serves the same playlist under any session's id."""

    def translate_path(self, path: str) -> str:
        return str(Path(self.directory) / Path(path).name)

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def media(tmp_path: Path) -> Iterator[str]:
    """HLS for each session, as a URL with its id left open."""
    folder = tmp_path / "media"
    folder.mkdir()
    make = ["ffmpeg", "-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", "testsrc=size=320x180:rate=10"]
    make += ["-t", "4", "-c:v", "libx264", "-preset", "ultrafast", "-g", "10", "-pix_fmt", "yuv420p"]
    subprocess.run([*make, "-hls_time", "1", "-f", "hls", str(folder / "index.m3u8")], check=True, timeout=60)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Media, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/{{session_id}}/index.m3u8"
    server.shutdown()
    thread.join(10)
    server.server_close()


def status_of_a_stream(hls_url: str, home: Path, collections: Path, *arguments: str, **environment: str) -> Page:
    """Return the page where one session is on air that can be watched at a URL."""
    start = seed()
    start["ingest"]["hls_url"] = hls_url
    with Simulator(start) as simulator:
        controller = Controller(home, simulator.api_url, simulator.service.users[0].api_key, collections)
        provision(controller, ROOMS[1:])
        publish(simulator, session_titled(simulator, "Hands on"))
        run = play(controller, "status", *arguments, environment=environment)
        assert run.returncode == 0, run.output
        assert run.recap()["failed"] == 0
    left = [path for path in home.rglob("*") if path.suffix == ".jpg"]
    assert left == []
    return Page(page_file(controller).read_text())


@needs_ffmpeg
def test_the_page_carries_a_picture_of_each_session_that_plays(
    media: str, tmp_path: Path, collections_path: Path
) -> None:
    page = status_of_a_stream(media, tmp_path / "controller", collections_path)
    (picture,) = page.loaded
    kind, content = picture.split(",", 1)
    assert kind == "data:image/jpeg;base64"
    assert base64.b64decode(content, validate=True).startswith(b"\xff\xd8\xff")


@needs_ffmpeg
def test_pictures_can_be_left_out(media: str, tmp_path: Path, collections_path: Path) -> None:
    page = status_of_a_stream(media, tmp_path / "controller", collections_path, "-e", "status_thumbnails=false")
    assert page.loaded == []


@needs_ffmpeg
def test_a_stream_that_hangs_costs_its_picture_only(tmp_path: Path, collections_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/{{session_id}}/index.m3u8"
        page = status_of_a_stream(url, tmp_path / "controller", collections_path)
    assert page.loaded == []
    assert "no picture" in page.text


def test_without_ffmpeg_there_is_a_placeholder(tmp_path: Path, collections_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("chmod", "mkdir", "rm", "sleep", "ls", "cat"):
        found = shutil.which(name)
        assert found is not None
        (programs / name).symlink_to(found)
    path = f"{BIN}{os.pathsep}{programs}"
    assert shutil.which("ffmpeg", path=path) is None
    url = "http://127.0.0.1:9/{session_id}/index.m3u8"
    page = status_of_a_stream(url, tmp_path / "controller", collections_path, PATH=path)
    assert page.loaded == []
    assert "no picture" in page.text
