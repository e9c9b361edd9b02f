# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The roles rtmp_relay and obs_encoder on a host whose systemd only remembers: what it costs, changes and leaves."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.integration.controller import Controller, Run
from tests.integration.roles.booted import BootedHost
from tests.integration.roles.encoders import rooms
from tests.integration.roles.test_module_starts import module_starts
from tests.lab.leaks import places_in_files
from tests.simulator.server import Simulator

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the roles need root")

ROLES = ("rtmp_relay", "obs_encoder")
UNITS = {"rtmp_relay": "tenbyte-rtmp-relay", "obs_encoder": "tenbyte-obs"}
KINDS = ("changed", "written", "deleted", "started", "restarted", "reloaded", "stopped", "removed", "enabled")


@pytest.fixture
def host(controller: Controller, tmp_path: Path) -> BootedHost:
    return BootedHost(controller, tmp_path / "host")


def event(count: int, *, others: int = 0) -> list[dict[str, Any]]:
    """Return an event with streams for this host, and streams that have left it for another one."""
    here = {f"Talk {number}": "host1" for number in range(count)}
    return rooms("Hall A", **here, **{f"Talk {count + number}": "localhost" for number in range(others)})


def result_of(run: Run) -> dict[str, Any]:
    assert run.returncode == 0, run.output
    results: list[dict[str, Any]] = [
        one["result"] for one in run.records if (one["action"], one["kind"]) == ("tenbyte.webinar.encoder_host", "ok")
    ]
    assert len(results) == 1, run.output
    return results[0]


def streams_of(host: BootedHost, role: str) -> set[str]:
    """Return the units of streams that run."""
    unit = "tenbyte-rtmp-relay-push@" if role == "rtmp_relay" else "tenbyte-obs@"
    return {one for one in host.active() if one.startswith(unit)}


@pytest.mark.parametrize("role", ROLES)
def test_a_host_costs_two_module_starts_whatever_the_number_of_its_streams(host: BootedHost, role: str) -> None:
    runs: dict[str, Run] = {}
    for count in (1, 5):
        runs[f"new, {count}"] = host.play(role, event(count), "-vvv")
        assert len(streams_of(host, role)) == count
    before = host.state()
    runs["unchanged"] = host.play(role, event(5), "-vvv")
    assert runs["unchanged"].recap("host1")["changed"] == 0
    assert host.state() == before
    runs["changed"] = host.play(role, event(4, others=1), "-vvv")
    assert len(streams_of(host, role)) == 4
    for state in ("stopped", "absent"):
        runs[state] = host.play(role, None, "-vvv", **{f"{role}_state": state})
        assert (host.active(), host.enabled()) == (set(), set())
    assert not host.root(role).exists()
    assert {name: module_starts(run) for name, run in runs.items()} == dict.fromkeys(runs, 2)


@pytest.mark.parametrize("role", ROLES)
def test_check_mode_says_what_a_real_run_does_and_shows_fingerprints(
    simulator: Simulator, host: BootedHost, role: str
) -> None:
    steps: list[tuple[dict[str, Any], list[str]]] = [
        ({"rooms": event(2)}, ["written", "started", "enabled"]),
        ({"rooms": event(1, others=1)}, ["deleted", "removed", "stopped"]),
        ({"rooms": None, f"{role}_state": "stopped"}, ["stopped"]),
        ({"rooms": None, f"{role}_state": "absent"}, ["deleted", "removed"]),
    ]
    # In check mode, a session that does not exist yet has no key.
    assert host.play(role, event(2), "--limit", "localhost").returncode == 0
    for asked, kinds in steps:
        planned = host.play(role, asked["rooms"], "--check", "--diff", **without(asked))
        done = host.play(role, asked["rooms"], "--diff", **without(asked))
        first, second = ({name: result_of(run)[name] for name in KINDS} for run in (planned, done))
        assert first == second
        assert [name for name in kinds if not second[name]] == []
        keys = simulator.issued_keys()
        assert len(keys) == 2
        assert [key for key in keys if key in planned.output + done.output] == []
        if "started" in kinds:
            assert planned.output.count("+stream key fp-") == done.output.count("+stream key fp-") == 2


def without(asked: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in asked.items() if name != "rooms"}


@pytest.mark.parametrize("role", ROLES)
def test_a_key_is_in_its_own_file_alone_and_absent_leaves_nothing(
    simulator: Simulator, host: BootedHost, role: str
) -> None:
    host.controller.environment["ANSIBLE_KEEP_REMOTE_FILES"] = "true"
    assert host.play(role, event(2), "-vvvv").returncode == 0
    keys = simulator.issued_keys()
    found = [one for key in keys for one in places_in_files([key], host.folder)]
    assert len(found) == len(keys) == 2
    assert all(one.startswith(f"etc/{role}/keys/") and one.endswith(" 0600") for one in found), found
    assert places_in_files(keys, host.controller.home / ".ansible") == []
    assert (host.root(role) / "keys").stat().st_mode & 0o777 == 0o700
    assert set(host.files().values()) <= {"600", "700", "644"}
    absent = host.play(role, None, **{f"{role}_state": "absent"})
    assert absent.returncode == 0, absent.output
    assert (host.files(), host.active(), host.enabled()) == ({}, set(), set())
    assert not host.root(role).exists()
    again = host.play(role, None, **{f"{role}_state": "absent"})
    assert again.recap("host1")["changed"] == 0, again.output


@pytest.mark.parametrize("role", ROLES)
def test_a_changed_key_restarts_that_stream_and_no_other(simulator: Simulator, host: BootedHost, role: str) -> None:
    assert host.play(role, event(2)).returncode == 0
    before = host.state()
    # What a run leaves that writes a key and dies: a file that is newer than the process.
    first, _second = sorted((host.root(role) / "keys").iterdir())
    first.write_bytes(first.read_bytes())
    run = host.play(role, event(2))
    restarted = result_of(run)["restarted"]
    assert len(restarted) == 1
    assert first.stem in restarted[0]
    changed = {unit for unit, one in host.state().items() if one != before.get(unit)}
    assert changed == set(restarted)


@pytest.mark.parametrize("role", ROLES)
def test_gone_takes_off_what_is_gone_and_leaves_the_rest(host: BootedHost, role: str) -> None:
    a, b = rooms("Hall A", Talk="host1"), rooms("Hall B", Talk="host1")
    for one in (a, b):
        assert host.play(role, one).returncode == 0
    assert len(streams_of(host, role)) == 2
    host.told()
    first = host.play(role, a, tasks_from="gone")
    assert len(result_of(first)["removed"]) == 1
    assert len(streams_of(host, role)) == 1
    if role == "rtmp_relay":
        settings = (host.root(role) / "relay.conf").read_text()
        assert ("publish:hall-a-talk" in settings, "publish:hall-b-talk" in settings) == (False, True)
        assert "reload tenbyte-rtmp-relay.service" in host.told()
        assert host.state()["tenbyte-rtmp-relay.service"]["starts"] == 1
    second = host.play(role, b, tasks_from="gone")
    assert result_of(second)["left"] == []
    assert (host.files(), host.active()) == ({}, set())


def test_the_relay_reloads_for_another_stream_and_restarts_for_another_program(host: BootedHost) -> None:
    assert host.play("rtmp_relay", event(1)).returncode == 0
    more = host.play("rtmp_relay", event(2))
    assert (result_of(more)["reloaded"], result_of(more)["restarted"]) == (["tenbyte-rtmp-relay.service"], [])
    shutil.copy(host.programs / "nginx", host.programs / "nginx2")
    other = host.play("rtmp_relay", event(2), rtmp_relay_nginx=str(host.programs / "nginx2"))
    assert "tenbyte-rtmp-relay.service" in result_of(other)["restarted"]
    assert result_of(other)["reloaded"] == []


@pytest.mark.parametrize("role", ROLES)
def test_a_health_check_that_is_not_wanted_any_more_is_removed(host: BootedHost, role: str) -> None:
    assert host.play(role, event(1)).returncode == 0
    assert f"{UNITS[role]}-health.timer" in host.active() & host.enabled()
    off: dict[str, Any] = {f"{role}_health_interval": 0}
    run = host.play(role, event(1), **off)
    assert run.returncode == 0, run.output
    assert f"{UNITS[role]}-health.timer" not in host.active() | host.enabled()
    assert [path for path in host.files() if "health" in path or "off-air" in path if path.startswith("units/")] == []
