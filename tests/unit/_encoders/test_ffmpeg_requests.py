# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders.ffmpeg_requests import (
    asked_manager,
    convergence,
    inspection,
    media_paths,
)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders.host_requests import Change
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders.host_task import settled

from tests.unit._encoders.answering_host import CONTENTS, KEY, PROGRAM, ROOT, AnsweringHost, task
from tests.unit._encoders.role_streams import STREAM

UNITS = "/etc/systemd/system"
SECRET = b"s" * 32
TIMER = {"name": "tenbyte-encoder-health.timer", "state": "started", "content": "[Timer]\n"}


def request(
    manager: str, *, contents: dict[str, Any] | None = None, stream: Any = None, **settings: Any
) -> dict[str, Any]:
    """Return what the module is to do for one stream."""
    asked = replace(task(streams=[stream or STREAM], **settings), contents=contents or CONTENTS, further_units=[TIMER])
    (one,) = wanted = settled(asked, ())
    found = AnsweringHost(manager).found
    change = Change(leaving=["old-00000000"], wanted=wanted, stream_keys={one["name"]: KEY}, secret=SECRET)
    return convergence(asked, found, change)


def paths(made: dict[str, Any]) -> list[str]:
    name = made["present"]["streams"][0]["name"]
    return [one["path"].replace(name, "NAME") for one in made["present"]["files"]]


def test_a_record_comes_before_its_key_and_leaves_after_it() -> None:
    made = request("systemd")
    assert paths(made) == [
        f"{ROOT}/about/NAME.json",
        f"{ROOT}/keys/NAME.ffpreset",
        f"{ROOT}/encoder.py",
        f"{ROOT}/encoder_media.py",
        f"{ROOT}/streams/NAME.json",
        f"{ROOT}/health.py",
        f"{ROOT}/health_settings.json",
        f"{UNITS}/tenbyte-encoder@.service",
        f"{UNITS}/tenbyte-encoder@NAME.service.d/stream.conf",
    ]
    (leaving,) = made["leaving"]
    assert [path.removeprefix(f"{ROOT}/") for path in leaving["paths"]] == [
        "stamps/old-00000000",
        "streams/old-00000000.json",
        "streams/old-00000000.sh",
        "keys/old-00000000.ffpreset",
        "about/old-00000000.json",
    ]


def test_a_stream_under_supervisord_has_logs_and_a_folder_and_no_units() -> None:
    made = request("supervisord")
    assert not [path for path in paths(made) if path.startswith(UNITS)]
    assert made["units"] == []
    assert {f"{ROOT}/log", f"{ROOT}/run"} <= {one["path"] for one in made["present"]["folders"]}
    assert f"{ROOT}/log/old-00000000.log.1" in made["leaving"][0]["paths"]
    assert made["manager"]["own"]["content"] == CONTENTS["supervisord.conf"]
    elsewhere = request("supervisord", supervisord_config="/etc/supervisord.conf")
    assert elsewhere["manager"]["own"] is None


def test_all_that_could_hold_a_secret_is_private_and_in_no_diff() -> None:
    for manager in ("systemd", "supervisord"):
        for one in request(manager)["present"]["files"]:
            is_check = one["path"] == f"{ROOT}/health.py"
            assert one["mode"] == ("0700" if is_check else "0644" if one["path"].startswith(UNITS) else "0600")
            # A program holds none, and would bury the rest of a diff.
            is_hidden = "/keys/" in one["path"] or "/streams/" in one["path"] or one["path"].endswith(".py")
            assert one["shown"] is not is_hidden
            assert (KEY in one["content"]) is ("/keys/" in one["path"])
    assert {one["mode"] for one in request("supervisord")["present"]["folders"]} == {"0700"}


def test_a_key_is_in_a_diff_as_its_fingerprint() -> None:
    (note,) = [one["note"] for one in request("systemd")["present"]["files"] if "/keys/" in one["path"]]
    assert note == "stream key (no fingerprint)"
    made = request("systemd", stream=STREAM | {"stream_key_fingerprint": "fp-1"})
    (note,) = [one["note"] for one in made["present"]["files"] if "/keys/" in one["path"]]
    assert note == "stream key fp-1"


FILM = {"type": "file", "path": "/srv/a.mp4"}


@pytest.mark.parametrize(
    ("manager", "change", "restarts"),
    [
        ("systemd", {"contents": CONTENTS | {"program": PROGRAM | {"encoder_media.py": "# newer\n"}}}, True),
        ("systemd", {"contents": CONTENTS | {"unit.service": "[Unit]\nX=\n"}}, True),
        ("supervisord", {"contents": CONTENTS | {"unit.service": "[Unit]\nX=\n"}}, False),
        ("systemd", {"refusals": 11}, True),
        ("systemd", {"source": FILM}, True),
        ("systemd", {"start_timeout": 1}, False),
        ("systemd", {"scope": "mine"}, False),
        ("systemd", {"stream": STREAM | {"stream_key_fingerprint": "fp-2"}}, False),
    ],
)
def test_a_stream_restarts_if_something_that_its_process_starts_with_changes(
    manager: str, change: dict[str, Any], restarts: bool
) -> None:
    before, after = (
        made["present"]["streams"][0]["revision"] for made in (request(manager), request(manager, **change))
    )
    assert (before != after) is restarts


def test_a_film_at_another_path_restarts_its_stream_though_systemd_binds_it_to_the_same_place() -> None:
    other = FILM | {"path": "/srv/b.mp4"}
    first, second = (request("systemd", source=one)["present"]["streams"][0]["revision"] for one in (FILM, other))
    assert first != second


@pytest.mark.parametrize(
    ("state", "is_emptied", "expected"),
    [("started", False, ["started"]), ("stopped", False, ["stopped"]), ("gone", False, []), ("gone", True, ["absent"])],
)
def test_further_units_go_with_the_state_of_the_streams(state: str, is_emptied: bool, expected: list[str]) -> None:
    asked = replace(task(state), further_units=[TIMER])
    made = convergence(asked, AnsweringHost().found, Change(is_emptied=is_emptied))
    assert [one["state"] for one in made["units"]] == expected


@pytest.mark.parametrize(
    ("option", "fact", "manager"),
    [
        ("auto", "", ""),
        ("auto", "systemd", "systemd"),
        ("auto", "upstart", "supervisord"),
        ("systemd", "upstart", "systemd"),
        ("supervisord", "systemd", "supervisord"),
    ],
)
def test_the_option_decides_about_the_manager_then_the_fact_then_the_host(option: str, fact: str, manager: str) -> None:
    assert asked_manager(replace(task(service_manager=option), service_manager=fact)) == manager


def test_an_inspection_asks_for_what_the_state_needs() -> None:
    asked = task(source=FILM, slate={"type": "file", "path": "/srv/slate.mp4"}, profile={"name": "copy"})
    wanted = settled(asked, ())
    assert media_paths([*wanted, *wanted]) == ["/srv/a.mp4", "/srv/slate.mp4"]
    started = inspection(asked, wanted, SECRET)
    assert (started["program"]["name"], started["media"]) == ("ffmpeg", ["/srv/a.mp4", "/srv/slate.mp4"])
    (looked_at,) = started["look"]["streams"]
    assert (looked_at["label"], looked_at["source"]) == ("Main hall/Keynote", FILM)
    assert inspection(task(), settled(task(), ()), SECRET)["look"] is None
    camera = task(source={"type": "url", "url": "rtsp://camera/main"})
    # The host needs an ffprobe for it, too.
    assert len(inspection(camera, settled(camera, ()), SECRET)["look"]["streams"]) == 1
    stopped = inspection(replace(asked, state="stopped"), (), SECRET)
    assert (stopped["program"]["name"], stopped["media"], stopped["supervisord"]["config"]) == ("", [], "")
    other = inspection(task(supervisord_config="/etc/s.conf"), (), SECRET)["supervisord"]
    assert (other["programs"], other["config"]) == (["supervisorctl"], "/etc/s.conf")


@pytest.mark.parametrize(
    ("manager", "words"),
    [
        ("systemd", "journalctl --identifier tenbyte-encoder"),
        ("supervisord", "the files NAME.log in /etc/tenbyte-encoder/log"),
    ],
)
def test_streams_that_do_not_stay_up_are_told_with_where_their_last_words_are(manager: str, words: str) -> None:
    message = request(manager)["present"]["not_up"]
    assert words in message
    assert "after 30 s not all have been running for 3 s" in message
