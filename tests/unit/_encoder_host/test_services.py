# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A service beside the streams, such as the relay, and what is said of streams that say nothing themselves."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.unit._encoder_host.hosts import Host, file

FRONT, TALK = "front.service", "e@talk.service"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path / "host")


def served(host: Host, *, restart: str = "1", reload: str = "1") -> dict[str, Any]:
    """Return a request for a stream and a service."""
    request = host.present("talk")
    stamps = {word: str(host.root / "stamps" / f"front-{word}") for word in ("restart", "reload")}
    request["present"]["service"] = {"name": FRONT, "restart": restart, "reload": reload, "stamps": stamps}
    return request


def told(host: Host) -> list[list[str]]:
    return [command for command in host.systemd.commands if FRONT in command]


@pytest.mark.parametrize(
    ("change", "kind"),
    [({"restart": "2"}, "restarted"), ({"reload": "2"}, "reloaded"), ({"restart": "2", "reload": "2"}, "restarted")],
)
def test_a_service_reloads_where_that_is_enough(host: Host, change: dict[str, str], kind: str) -> None:
    first = host.converge(served(host))
    assert (first["started"], first["enabled"]) == ([TALK, FRONT], [TALK, FRONT])
    assert host.converge(served(host))["changed"] is False
    planned = host.converge(served(host, **change), check=True)
    assert host.systemd.commands == []
    done = host.converge(served(host, **change))
    assert {name: done[name] for name in ("started", "restarted", "reloaded")} == {
        name: [FRONT] if name == kind else [] for name in ("started", "restarted", "reloaded")
    }
    assert done | {"off_air": []} == planned
    assert told(host) == [["restart" if kind == "restarted" else "reload", FRONT]]
    assert host.converge(served(host, **change))["changed"] is False


def test_a_service_that_has_died_is_started_with_what_it_is_to_have(host: Host) -> None:
    host.converge(served(host))
    host.systemd.active.discard(FRONT)
    assert host.converge(served(host, reload="2"))["started"] == [FRONT]
    assert told(host) == [["restart", FRONT]]


def test_a_run_that_died_before_the_restart_is_made_good(host: Host) -> None:
    host.converge(served(host))
    host.systemd.refused = {"reload"}
    assert "reload" in host.converge(served(host, reload="2"))["problem"]
    host.systemd.refused.clear()
    assert host.converge(served(host, reload="2"))["reloaded"] == [FRONT]


def test_settings_are_edited_and_read_again_once(host: Host) -> None:
    host.converge(served(host))
    stamp = host.root / "stamps" / "front-reload"
    path = host.root / "front.conf"
    path.write_text("talk\nbreak\n")
    content = file(path, "talk\n", mode="0644")
    edited = {"file": content, "reload": "2", "stamp": str(stamp), "unit": FRONT}
    planned = host.converge(host.request(edited=edited), check=True)
    assert path.read_text() == "talk\nbreak\n"
    done = host.converge(host.request(edited=edited))
    assert done == planned
    assert (done["written"], done["reloaded"]) == ([str(path)], [FRONT])
    assert path.read_text() == "talk\n"
    assert host.converge(host.request(edited=edited))["changed"] is False
    assert host.converge(served(host, reload="2"))["changed"] is False
    host.systemd.active.discard(FRONT)
    other = host.converge(host.request(edited={**edited, "file": file(path, "", mode="0644"), "reload": "3"}))
    assert (other["reloaded"], path.read_text()) == ([], "")
    # What reads its settings when it starts gets a stamp then.
    assert host.converge(served(host, reload="3"))["started"] == [FRONT]


def test_settings_that_a_killed_run_has_written_are_read_by_the_next_one(host: Host) -> None:
    host.converge(served(host))
    path, stamp = host.root / "front.conf", str(host.root / "stamps" / "front-reload")
    edited = {"file": file(path, "talk\n", mode="0644"), "reload": "2", "stamp": stamp, "unit": FRONT}
    host.systemd.refused = {"reload"}
    assert "reload" in host.converge(host.request(edited=edited))["problem"]
    host.systemd.refused.clear()
    assert path.read_text() == "talk\n"
    assert host.converge(host.request(edited=edited))["reloaded"] == [FRONT]


def test_units_that_do_not_stay_up_are_told_with_their_last_words(host: Host) -> None:
    request = served(host)
    request["present"]["start_timeout"] = 1
    host.systemd.started = 10**18
    host.systemd.journal = {FRONT: "bind() to 127.0.0.1:1935 failed (98: Address already in use)\n"}
    problem = host.converge(request)["problem"]
    assert problem == (
        "They do not stay up. front.service said last: bind() to 127.0.0.1:1935 failed (98: Address already in use)."
    )


def reporting(host: Host, *, try_seconds: float = 30, timeout: int = 1) -> dict[str, Any]:
    request = host.present("talk")
    result = str(host.root / "health.json")
    report = {"program": "/r/health.py", "well": ["on air"], "result": result, "lately_seconds": 60}
    request["present"] |= {"report": report, "start_timeout": timeout, "try_seconds": try_seconds}
    return request


def test_new_streams_are_waited_for_until_the_health_check_calls_them_well(host: Host) -> None:
    host.systemd.reports = [{}, {"talk": {"state": "not on air", "problem": "refused"}}, {"talk": {"state": "on air"}}]
    assert host.converge(reporting(host))["off_air"] == []
    assert host.systemd.asked == 3


@pytest.mark.parametrize(("age", "state", "asked"), [(5, "on air", 0), (5, "down", 1), (99, "on air", 1), (0, None, 1)])
def test_others_are_asked_about_once_unless_they_were_well_lately(
    host: Host, age: float, state: str | None, asked: int
) -> None:
    ill = [{"name": "talk", "state": "not on air", "words": "refused"}]
    host.systemd.reports = [{"talk": {"state": "not on air", "problem": "refused"}}]
    assert host.converge(reporting(host, try_seconds=0))["off_air"] == ill
    host.systemd.asked = 0
    if state is not None:
        result = {"checked": time.time() - age, "streams": {"talk": {"state": state}}}
        (host.root / "health.json").write_text(json.dumps(result))
    done = host.converge(reporting(host))
    assert (done["changed"], done["off_air"], host.systemd.asked) == (False, ill if asked else [], asked)
    host.systemd.asked = 0
    assert host.converge(reporting(host, timeout=0))["off_air"] == []
    assert host.converge(reporting(host), check=True)["off_air"] == []
    assert host.systemd.asked == 0


def test_new_streams_that_are_not_well_in_time_are_told_with_the_reason(host: Host) -> None:
    host.systemd.reports = [{"talk": {"state": "not on air", "problem": "h port 1 refuses"}}]
    done = host.converge(reporting(host, try_seconds=0))
    assert done["off_air"] == [{"name": "talk", "state": "not on air", "words": "h port 1 refuses"}]
    assert done["problem"] == ""


@pytest.mark.parametrize("check", [True, False])
def test_nobody_is_waited_for_without_a_time_or_in_check_mode(host: Host, check: bool) -> None:
    host.systemd.reports = [{}]
    assert host.converge(reporting(host, timeout=1 if check else 0), check=check)["off_air"] == []
    assert host.systemd.asked == 0


@pytest.mark.parametrize("state", ["stopped", "absent"])
def test_what_a_check_starts_when_it_is_stopped_does_not_stay(host: Host, state: str) -> None:
    units = [{"name": name, "state": "started", "content": ""} for name in ("health.service", "off-air.service")]
    host.converge(host.request(units=units))
    host.systemd.active.discard("off-air.service")
    host.systemd.on_failure = {"health.service": "off-air.service"}
    done = host.converge(host.request(units=[{**one, "state": state} for one in units]))
    assert done["problem"] == ""
    assert host.systemd.active == set()
    assert host.converge(host.request(units=[{**one, "state": state} for one in units]))["changed"] is False
