# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from tests.unit._encoder_host.hosts import KEY, Host, file

TALK, BREAK = "e@talk.service", "e@break.service"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path / "host")


def words(host: Host) -> list[str]:
    return [command[0] for command in host.systemd.commands]


def test_new_streams_are_written_enabled_and_started_and_then_left_alone(host: Host) -> None:
    first = host.converge(host.present("talk", "break"))
    assert (first["problem"], first["started"], first["enabled"]) == ("", [TALK, BREAK], [TALK, BREAK])
    assert host.systemd.active == host.systemd.enabled == {TALK, BREAK}
    assert host.key("talk").read_text() == KEY
    files = host.tree()
    again = host.converge(host.present("talk", "break"))
    assert again["changed"] is False
    assert {name: value for name, value in again.items() if value and name != "off_air"} == {}
    assert host.tree() == files
    assert host.systemd.commands == []


@pytest.mark.parametrize("change", [{"settings": "{1}"}, {"key": "another-key"}])
def test_what_changes_restarts_its_stream_and_no_other(host: Host, change: dict[str, str]) -> None:
    host.converge(host.present("talk", "break"))
    request, changed = host.present("talk", "break"), host.present("talk", **change)
    names = {one["path"] for one in changed["present"]["files"]}
    request["present"]["files"] = [one for one in request["present"]["files"] if one["path"] not in names]
    request["present"]["files"] += changed["present"]["files"]
    request["present"]["streams"][0] = changed["present"]["streams"][0]
    done = host.converge(request)
    assert (done["restarted"], done["started"]) == ([TALK], [])
    assert host.converge(request)["changed"] is False


def test_a_key_of_a_run_that_died_before_the_restart_counts(host: Host) -> None:
    host.converge(host.present("talk", "break"))
    os.utime(host.key("break"))
    assert host.converge(host.present("talk", "break"))["restarted"] == [BREAK]
    host.systemd.refused = {"restart"}
    host.key("talk").write_text("another-key")
    assert (
        "systemctl restart has failed: Job for e@talk.service failed." in host.converge(host.present("talk"))["problem"]
    )
    host.systemd.refused = set()
    assert host.converge(host.present("talk"))["restarted"] == [TALK]


def test_units_that_a_killed_run_has_written_are_loaded_by_the_next_one(host: Host) -> None:
    host.converge(host.present("talk"))
    assert "daemon-reload" not in words(host) or host.converge(host.present("talk"))["changed"] is False
    host.systemd.stale = {TALK}
    host.converge(host.present("talk"))
    assert words(host) == ["daemon-reload"]


def test_a_stopped_or_disabled_stream_is_started_and_enabled_again(host: Host) -> None:
    host.converge(host.present("talk"))
    host.systemd.active.clear()
    host.systemd.enabled.clear()
    done = host.converge(host.present("talk"))
    assert (done["started"], done["restarted"], done["enabled"]) == ([TALK], [], [TALK])
    assert words(host) == ["enable", "start"]


def test_streams_leave_with_their_record_last_and_before_others_are_written(host: Host) -> None:
    host.converge(host.present("talk", "break"))
    removed: list[str] = []
    request = {**host.present("talk"), "leaving": host.leaving("break")}
    done = host.converge(request)
    removed = [path for path in done["deleted"] if path.startswith(str(host.root))]
    assert [os.path.relpath(path, host.root) for path in removed] == [
        "stamps/break",
        "streams/break.json",
        "keys/break.key",
        "about/break.json",
    ]
    assert (done["removed"], done["stopped"]) == (["break"], [BREAK])
    assert host.systemd.active == host.systemd.enabled == {TALK}
    assert host.systemd.commands[:3] == [["disable", BREAK], ["stop", BREAK], ["reset-failed", BREAK]]


def test_a_removal_that_was_interrupted_is_completed(host: Host) -> None:
    host.converge(host.present("talk"))
    host.key("talk").unlink()
    host.systemd.active.clear()
    done = host.converge(host.request(leaving=host.leaving("talk")))
    assert done["problem"] == ""
    assert not [path for path in host.tree() if "talk" in path]


def test_stopped_keeps_the_files_and_started_starts_again(host: Host) -> None:
    host.converge(host.present("talk"))
    files = host.tree()
    done = host.converge(host.request(stopping=["talk"]))
    assert done["stopped"] == [TALK]
    assert host.systemd.active == host.systemd.enabled == set()
    assert host.tree() == files
    assert host.converge(host.request(stopping=["talk"]))["changed"] is False
    assert host.converge(host.present("talk"))["started"] == [TALK]


def test_a_stream_that_has_failed_is_not_called_failed_once_it_is_stopped(host: Host) -> None:
    host.converge(host.present("talk"))
    host.systemd.active.clear()
    host.converge(host.request(stopping=["talk"]), check=True)
    assert host.systemd.commands == []
    host.converge(host.request(stopping=["talk"]))
    assert host.systemd.commands == [["disable", TALK], ["reset-failed", TALK]]


def test_absent_leaves_nothing_and_can_be_repeated(host: Host) -> None:
    host.converge(host.present("talk"))
    paths = [str(host.root / one) for one in ("keys", "streams", "about", "stamps")]
    absent = {"units": ["e@.service"], "commands": [["systemctl", "reset-failed", "e-health.service"]], "paths": paths}
    done = host.converge(host.request(leaving=host.leaving("talk"), absent=absent))
    assert done["problem"] == ""
    assert host.tree() == {}
    assert not host.root.exists()
    assert ["reset-failed", "e-health.service"] in host.systemd.commands
    assert host.converge(host.request(absent=absent))["changed"] is False
    assert host.systemd.commands == []


def test_what_killed_runs_left_of_keys_programs_and_units_goes_with_the_streams(host: Host) -> None:
    host.converge(host.present("talk"))
    left = [host.key("talk").with_name(".talk.key.unfinished"), host.root / ".health.py.unfinished"]
    left.append(host.units / ".e@.service.unfinished")
    for path in left:
        path.write_text("a-key")
    host.key("talk").unlink()
    host.converge(host.request(leaving=host.leaving("talk")))
    assert [path.exists() for path in left] == [False, True, True]
    paths = [str(host.root / one) for one in ("keys", "streams", "about", "stamps", "health.py")]
    absent = {"units": ["e@.service"], "commands": [], "paths": paths}
    (host.units / "e@.service").unlink()
    assert host.converge(host.request(absent=absent), check=True)["deleted"][0] == str(left[2])
    host.converge(host.request(absent=absent))
    assert (host.tree(), host.root.exists()) == ({}, False)


def further(timer: str, service: str | None) -> list[dict[str, Any]]:
    if service is None:
        return [{"name": name, "state": timer, "content": ""} for name in ("h.timer", "h.service")]
    return [
        {"name": "h.timer", "state": "started", "content": timer},
        {"name": "h.service", "state": "written", "content": service},
    ]


@pytest.mark.parametrize("state", ["stopped", "absent"])
def test_what_units_start_when_they_are_stopped_is_stopped_too_also_a_moment_later(host: Host, state: str) -> None:
    host.converge({**host.present(), "units": further("[Timer]\n", "[Service]\n")})
    host.systemd.late = ["h.service", "h.timer", "h.service"]
    host.converge(host.request(units=further(state, None)))
    assert host.systemd.late == []
    assert not host.systemd.active & {"h.timer", "h.service"}
    assert host.systemd.commands.count(["stop", "h.service"]) == 2


def test_further_units_are_started_once_and_again_if_one_of_their_files_changes(host: Host) -> None:
    first = host.converge({**host.present(), "units": further("[Timer]\n", "[Service]\n")})
    assert (first["started"], first["enabled"]) == (["h.timer"], ["h.timer"])
    assert host.converge({**host.present(), "units": further("[Timer]\n", "[Service]\n")})["changed"] is False
    changed = host.converge({**host.present(), "units": further("[Timer]\n", "[Service]\nX=\n")})
    assert changed["restarted"] == ["h.timer"]
    stopped = host.converge(host.request(units=further("stopped", None)))
    assert stopped["stopped"] == ["h.timer"]
    assert ["reset-failed", "h.timer", "h.service"] in host.systemd.commands
    assert (host.units / "h.timer").exists()
    host.converge(host.request(units=further("absent", None)))
    assert not (host.units / "h.timer").exists()
    assert not (host.units / "h.service").exists()


def test_check_mode_says_what_a_real_run_does_and_does_nothing(host: Host) -> None:
    new = host.converge(host.present("talk"), check=True, diff=True)
    assert host.tree() == {}
    assert host.systemd.commands == []
    assert new == {**host.converge(host.present("talk"), diff=True), "off_air": []}
    host.converge(host.present("break"))
    changing = {**host.present("talk", key="another-key"), "leaving": host.leaving("break")}
    files = host.tree()
    planned = host.converge(changing, check=True, diff=True)
    assert host.tree() == files
    assert host.systemd.commands == []
    assert planned == {**host.converge(changing, diff=True), "off_air": []}
    assert planned["restarted"] == [TALK]
    assert "another-key" not in str(planned)


def test_streams_that_do_not_stay_up_are_told(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    request = host.present("talk")
    request["present"]["start_timeout"] = 1
    host.systemd.started = 10**18
    assert host.converge(request)["problem"] == "They do not stay up."
    host.systemd.started = 1
    host.systemd.active.clear()
    assert host.converge(request)["problem"] == ""


def test_a_unit_that_has_given_up_is_told_at_once_and_not_waited_for(host: Host) -> None:
    request = host.present("talk", "other")
    request["present"] |= {"start_timeout": 30, "try_seconds": 30, "refused": 77}
    host.status("other").parent.mkdir(parents=True)
    host.status("other").write_text(json.dumps({"state": "on air"}))
    host.systemd.given_up.add("e@talk.service")
    began = time.monotonic()
    done = host.converge(request)
    assert (done["problem"], time.monotonic() - began < 10) == ("", True)
    # Its runtime folder is gone with it.
    assert done["off_air"] == [{"name": "talk", "state": "refused", "words": ""}]


@pytest.mark.parametrize("timeout", [0, 1])
def test_a_stream_that_was_refused_before_its_key_was_rotated_has_not_given_up(host: Host, timeout: int) -> None:
    request = host.present("talk")
    request["present"] |= {"start_timeout": timeout, "refused": 77}
    host.status("talk").parent.mkdir(parents=True)
    host.status("talk").write_text(json.dumps({"state": "refused", "last_words": "of the old key"}))
    assert host.converge(request)["off_air"] == [{"name": "talk", "state": "", "words": ""}]
    host.systemd.given_up.add(TALK)
    host.systemd.active.clear()
    refused = {"name": "talk", "state": "refused", "words": "of the old key"}
    assert host.converge(request)["off_air"] == [refused]


def test_new_streams_that_are_not_on_air_are_told_with_ffmpegs_last_words(host: Host) -> None:
    states = {
        "well": {"state": "on air"},
        "ill": {"state": "waiting", "last_words": "Connection refused"},
        "mute": None,
    }
    for name, state in states.items():
        host.status(name).parent.mkdir(parents=True)
        if state:
            host.status(name).write_text(json.dumps(state))
    request = host.present(*states)
    request["present"]["start_timeout"] = 1
    assert host.converge(request)["off_air"] == [
        {"name": "ill", "state": "waiting", "words": "Connection refused"},
        {"name": "mute", "state": "", "words": ""},
    ]
    # An unchanged host is not better for it.
    again = host.converge(request)
    assert not again["changed"]
    assert [one["name"] for one in again["off_air"]] == ["ill", "mute"]
    host.status("ill").write_text(
        json.dumps({"state": "on air", "showing": "slate", "source_problem": "no such camera"})
    )
    assert host.converge(request)["off_air"][0] == {
        "name": "ill",
        "state": "it shows its slate",
        "words": "no such camera",
    }


def test_what_the_system_refuses_is_a_sentence_that_names_the_path(host: Host) -> None:
    host.root.parent.mkdir(parents=True)
    host.root.write_text("a file where the folder has to be")
    done = host.converge(host.present("talk"))
    assert done["problem"] == f"{host.root}: File exists."
    assert host.systemd.active == set()


def test_a_file_without_a_content_is_not_touched(host: Host) -> None:
    host.converge(host.present("talk"))
    written = host.key("talk").stat().st_mtime_ns
    assert host.converge(host.present("talk", key=None))["changed"] is False
    assert host.key("talk").stat().st_mtime_ns == written
    missing = host.converge(host.request(present={**host.present("break", key=None)["present"]}))
    assert "break.key was removed while the role was at work" in missing["problem"]


def test_a_request_can_write_files_of_other_modes(host: Host) -> None:
    request = host.present("talk")
    request["present"]["files"].append(file(host.root / "program", "#!/bin/sh\n", mode="0755"))
    host.converge(request)
    assert (host.root / "program").stat().st_mode & 0o777 == 0o755
