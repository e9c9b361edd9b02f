# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders.host_requests import Change
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders.host_task import HostTask, settled
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders.obs_requests import convergence, inspection

from tests.unit._encoders.answering_host import KEY, UNITS_OF_HEALTH_CHECK, AnsweringHost, task_of
from tests.unit._encoders.role_streams import ID, OTHER_ID, STREAM

ROOT, UNITS, NAME = "/etc/tenbyte-obs", "/etc/systemd/system", ID.lower()
HEALTH = list(UNITS_OF_HEALTH_CHECK["obs_encoder"])
ME = {"home": "/home/me", "uid": 1000, "gid": 1000}
OBS = "/home/me/.config/obs-studio"
PERSON: dict[str, Any] = {"start": False, "user": "me"}


def request(
    state: str = "started", found: dict[str, Any] | None = None, parts: dict[str, Any] | None = None, **settings: Any
) -> dict[str, Any]:
    asked = task_of("obs_encoder", state, **settings)
    wanted = settled(asked, ()) if state == "started" else None
    keys = {str(one["name"]): KEY for one in wanted or ()}
    change = Change(wanted=wanted, stream_keys=keys, secret=b"s" * 32, **(parts or {}))
    return convergence(asked, AnsweringHost(**{"account": ME, **(found or {})}).found, change)


def paths(made: dict[str, Any]) -> list[str]:
    return [one["path"] for one in made["present"]["files"]]


def test_a_record_comes_before_its_key_and_leaves_after_it() -> None:
    made = request(parts={"leaving": [OTHER_ID]})
    assert paths(made) == [
        f"{ROOT}/streams/{NAME}/place.json",
        f"{ROOT}/keys/{NAME}.json",
        f"{ROOT}/streams/{NAME}/basic.ini",
        f"{ROOT}/streams/{NAME}/streamEncoder.json",
        f"{ROOT}/streams/{NAME}/scene.json",
        f"{ROOT}/global.ini",
        f"{ROOT}/start.sh",
        f"{ROOT}/health.py",
        f"{ROOT}/health_settings.json",
        f"{UNITS}/tenbyte-obs@.service",
        f"{UNITS}/tenbyte-obs@{NAME}.service.d/stream.conf",
    ]
    assert made["leaving"][0]["paths"][-1] == f"{ROOT}/streams/{OTHER_ID}"


@pytest.mark.parametrize("settings", [{}, PERSON], ids=["unattended", "person"])
def test_a_key_is_in_one_hidden_file_that_only_root_reads(settings: dict[str, Any]) -> None:
    made = request(**settings)
    (holder,) = [one for one in made["present"]["files"] if KEY in (one["content"] or "")]
    assert (holder["path"], holder["mode"], holder["shown"]) == (f"{ROOT}/keys/{NAME}.json", "0600", False)
    assert str(made).count(KEY) == 1
    assert {one["mode"] for one in made["present"]["folders"] if one["path"].startswith(ROOT)} == {"0700"}


@pytest.mark.parametrize(("version", "lines"), [(252, ""), (254, "RestartSteps=6\nRestartMaxDelaySec=30\n")])
def test_the_unit_has_the_program_that_was_found_and_what_systemd_knows(version: int, lines: str) -> None:
    found = {"program": {"path": "/opt/obs", "version": ""}, "systemd_version": version}
    files = {one["path"]: one["content"] for one in request(found=found)["present"]["files"]}
    assert files[f"{UNITS}/tenbyte-obs@.service"] == f"Environment=OBS_PROGRAM=/opt/obs\n{lines}"


@pytest.mark.parametrize(
    ("settings", "restarts"),
    [
        ({}, False),
        ({"scope": "mine", "health_failures": 9}, False),
        ({"profile": {"framerate": 25}}, True),
        ({"source": {"type": "image", "path": "/srv/b.png"}}, True),
    ],
)
def test_what_a_stream_starts_with_decides_about_its_restart(settings: dict[str, Any], restarts: bool) -> None:
    first, second = (
        request(**{"source": {"type": "image", "path": "/srv/a.png"}, **one})["present"]["streams"][0]["revision"]
        for one in ({}, settings)
    )
    assert (first != second) is restarts


def test_a_person_gets_the_files_and_the_unattended_stream_stops() -> None:
    made = request(parts={"there": [{"name": NAME}]}, source={"type": "file", "path": "/srv/a.mp4"}, **PERSON)
    present = made["present"]
    assert (present["streams"], made["stopping"]) == ([], [NAME])
    assert not [path for path in paths(made) if path.startswith(UNITS)]
    (record,) = [one for one in present["files"] if "/people/" in one["path"]]
    assert (record["path"], record["content"]) == (f"{ROOT}/people/{NAME}", f"{OBS}\n1000 1000\n")
    places = {one["from"].removeprefix(f"{ROOT}/"): one["path"] for one in present["person"]["files"]}
    profile = f"{OBS}/basic/profiles/tenbyte-{NAME}"
    assert places == {
        f"streams/{NAME}/basic.ini": f"{profile}/basic.ini",
        f"streams/{NAME}/streamEncoder.json": f"{profile}/streamEncoder.json",
        f"streams/{NAME}/scene.json": f"{OBS}/basic/scenes/tenbyte-{NAME}.json",
        f"keys/{NAME}.json": f"{profile}/service.json",
    }
    assert set(places) <= {path.removeprefix(f"{ROOT}/") for path in paths(made)}
    assert present["person"]["folders"][-1] == profile
    (scene,) = [one["content"] for one in present["files"] if one["path"].endswith("scene.json")]
    assert '"/srv/a.mp4"' in scene


@pytest.mark.parametrize(
    ("state", "people", "parts", "settings", "taken"),
    [
        ("started", {NAME: OBS}, {}, PERSON, []),
        ("started", {NAME: "/home/other/obs"}, {}, PERSON, [NAME]),
        ("started", {NAME: OBS}, {}, {}, [NAME]),
        ("started", {OTHER_ID: OBS}, {"left": [OTHER_ID]}, PERSON, []),
        ("started", {OTHER_ID: OBS}, {"leaving": [OTHER_ID]}, PERSON, [OTHER_ID]),
        ("gone", {OTHER_ID: OBS, NAME: OBS}, {"leaving": [OTHER_ID], "left": [NAME]}, {}, [OTHER_ID]),
        # Their homes were not there when they left.
        ("started", {OTHER_ID: OBS}, {}, {}, [OTHER_ID]),
        ("gone", {OTHER_ID: OBS, NAME: OBS}, {"left": [NAME]}, {}, [OTHER_ID]),
        ("stopped", {NAME: OBS}, {"stopping": [NAME]}, {}, []),
        ("absent", {OTHER_ID: OBS, NAME: OBS}, {"leaving": [NAME], "is_emptied": True}, {}, [OTHER_ID, NAME]),
    ],
)
def test_streams_are_taken_back_from_whoever_is_not_to_have_them_any_more(
    state: str, people: dict[str, str], parts: dict[str, Any], settings: dict[str, Any], taken: list[str]
) -> None:
    found = {name: {"home": home, "owner": [1000, 1000]} for name, home in people.items()}
    made = request(state, {"people": found}, parts, **settings)
    assert [one["record"] for one in made["taken_back"]] == [f"{ROOT}/people/{name}" for name in taken]
    for name, one in zip(taken, made["taken_back"], strict=True):
        assert (one["home"], one["owner"]) == (people[name], [1000, 1000])
        assert one["paths"] == [
            f"basic/profiles/tenbyte-{name}",
            f"basic/scenes/tenbyte-{name}.json",
            f"basic/scenes/tenbyte-{name}.json.bak",
        ]


@pytest.mark.parametrize(
    ("state", "home", "parts", "settings", "is_required"),
    [
        ("started", "/home/other/obs", {}, PERSON, True),
        ("started", OBS, {}, {}, False),
        ("gone", OBS, {"leaving": [NAME], "left": [OTHER_ID]}, {}, False),
        ("absent", OBS, {"leaving": [NAME], "is_emptied": True}, {}, True),
    ],
)
def test_where_the_record_does_not_stay_the_person_has_to_be_reached(
    state: str, home: str, parts: dict[str, Any], settings: dict[str, Any], is_required: bool
) -> None:
    people = {NAME: {"home": home, "owner": None}}
    (entry,) = request(state, {"people": people}, parts, **settings)["taken_back"]
    assert entry["required"] is is_required


@pytest.mark.parametrize(
    ("state", "parts", "settings", "expected"),
    [
        ("started", {}, {}, ["written", "started"]),
        ("started", {}, {"health_interval": 0}, ["absent", "absent"]),
        ("started", {}, PERSON, ["absent", "absent"]),
        ("started", {"left": [OTHER_ID]}, PERSON, []),
        ("stopped", {}, {}, ["stopped", "stopped"]),
        ("gone", {}, {}, []),
        ("absent", {"is_emptied": True}, {}, ["absent", "absent"]),
    ],
)
def test_the_health_check_goes_with_the_unattended_streams(
    state: str, parts: dict[str, Any], settings: dict[str, Any], expected: list[str]
) -> None:
    units = request(state, parts=parts, **settings)["units"]
    assert [one["state"] for one in units] == expected
    assert [one["name"] for one in units] == HEALTH[: len(expected)]


def test_absent_names_all_that_the_role_has_made() -> None:
    absent = request("absent", parts={"leaving": [NAME], "is_emptied": True})
    removed = [*absent["absent"]["paths"], *absent["leaving"][0]["paths"]]
    removed += [f"{UNITS}/{one}" for one in absent["absent"]["units"]]
    # The module removes the folder of a unit with the stream.
    removed.append(f"{UNITS}/tenbyte-obs@{NAME}.service.d")
    made = [*paths(request()), *paths(request(**PERSON))]
    assert [path for path in made if not any(path == one or path.startswith(f"{one}/") for one in removed)] == []


def test_an_inspection_asks_for_what_the_state_needs() -> None:
    asked = task_of("obs_encoder", source={"type": "image", "path": "/srv/a.png"})
    started = inspection(asked, settled(asked, ()), b"s")
    assert (started["program"]["name"], started["programs"]) == ("obs", ["xvfb-run", "Xvfb", "xauth", "ss"])
    assert (started["media"], started["account"]) == (["/srv/a.png"], "")
    played = [STREAM | {"hls_url": "https://h/x.m3u8"}]
    person = task_of("obs_encoder", streams=played, health_look=True, **PERSON)
    handed = inspection(person, settled(person, ()), b"s")
    assert (handed["programs"], handed["account"]) == (["ffmpeg"], "me")
    stopped = inspection(replace(asked, state="stopped"), (), b"s")
    assert (stopped["program"]["name"], stopped["programs"], stopped["media"]) == ("", [], [])


def test_streams_that_a_person_sends_are_not_waited_for() -> None:
    watching: HostTask = task_of("obs_encoder", "watched")
    assert inspection(watching, (), b"s", [NAME])["watched"]["names"] == [NAME]
    assert inspection(task_of("obs_encoder", "watched", **PERSON), (), b"s", [NAME])["watched"] is None
