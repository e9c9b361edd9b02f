# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""provision.yml and teardown.yml find relays and OBS hosts by their groups, as they find encoders."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.conftest import PRESET
from tests.integration.controller import Controller, Run
from tests.simulator.server import Simulator

GROUPS = {"encoders": ["sender1"], "relays": ["relay1"], "studios": ["studio1"]}
ROLES = {"sender1": "ffmpeg_encoder", "relay1": "rtmp_relay", "studio1": "obs_encoder"}
ROOMS = [
    {
        "title": "Hall",
        "sessions": [
            {"title": host.title(), "preset_id": PRESET, "mode": "rtmp", "encoder": host} for host in (*ROLES, "other1")
        ],
    }
]
PATTERN_WARNING = "Could not match supplied host pattern"


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder whose path leaves room for the name of supervisord's socket, which pytest's own may not."""
    with tempfile.TemporaryDirectory(prefix="tenbyte-webinar-") as folder:
        yield Path(folder)


def play(
    controller: Controller,
    folder: Path,
    playbook: str,
    *arguments: str,
    groups: dict[str, list[str]] | None = None,
    **variables: Any,
) -> Run:
    """Run a playbook with an inventory of hosts that are this machine, where nothing is to be started."""
    common = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "ffmpeg_encoder_root": f"{folder}/ffmpeg",
        "ffmpeg_encoder_service_manager": "supervisord",
        "ffmpeg_encoder_state": "stopped",
        "rtmp_relay_root": f"{folder}/relay",
        "rtmp_relay_state": "stopped",
        "__rtmp_relay_systemd_folder": str(folder),
        "obs_encoder_root": f"{folder}/obs",
        "obs_encoder_state": "stopped",
        "__obs_encoder_systemd_folder": str(folder),
        **variables,
    }
    named = {**(GROUPS if groups is None else groups), "others": ["other1"]}
    inventory: dict[str, Any] = {group: {"hosts": dict.fromkeys(hosts)} for group, hosts in named.items()}
    inventory["local"] = {"hosts": {"localhost": None}}
    controller.home.mkdir(parents=True, exist_ok=True)
    (controller.home / "inventory.yml").write_text(
        yaml.safe_dump({"all": {"vars": common, "children": inventory}}, sort_keys=False)
    )
    (controller.home / "event.yml").write_text(yaml.safe_dump({"event_rooms": ROOMS}))
    return controller.playbook(f"tenbyte.webinar.{playbook}", "-i", "inventory.yml", "-e", "@event.yml", *arguments)


def roles_in(run: Run) -> dict[str, str]:
    """Return which role has looked at each host."""
    task = r"TASK \[tenbyte\.webinar\.(\w+) : (?:Bring the|Remove the) streams [^]]*\].*\n((?:(?!TASK|PLAY).*\n)*)"
    results = (
        (role, re.findall(r"^(?:ok|changed): \[(.+?)\]", said, re.MULTILINE))
        for role, said in re.findall(task, run.output)
    )
    return {host: role for role, hosts in results for host in hosts}


@pytest.mark.parametrize("playbook", ["provision", "teardown"])
def test_each_host_gets_the_role_of_its_group(
    simulator: Simulator, controller: Controller, short_folder: Path, playbook: str
) -> None:
    run = play(controller, short_folder, playbook)
    assert run.returncode == 0, run.output
    assert roles_in(run) == ROLES
    assert PATTERN_WARNING not in run.output
    said = " ".join(run.output.split())
    assert ("Hall/Other1 gets no stream, because its encoder other1" in said) is (playbook == "provision")
    assert "Relay1 gets no stream" not in said
    assert len(simulator.service.sessions) == (4 if playbook == "provision" else 0)


@pytest.mark.parametrize(
    "groups", [{"encoders": ["sender1"]}, {"studios": ["studio1"]}, {"encoders": ["sender1"], "relays": []}]
)
def test_a_group_that_is_not_there_is_not_spoken_of(
    simulator: Simulator, controller: Controller, short_folder: Path, groups: dict[str, list[str]]
) -> None:
    run = play(controller, short_folder, "provision", groups=groups)
    assert run.returncode == 0, run.output
    assert set(roles_in(run)) == {host for hosts in groups.values() for host in hosts}
    assert PATTERN_WARNING not in run.output
    assert "no hosts matched" not in run.output


@pytest.mark.parametrize("playbook", ["provision", "teardown", "verify", "rehearse"])
def test_a_host_in_two_groups_ends_it_before_anything_is_done(
    simulator: Simulator, controller: Controller, short_folder: Path, playbook: str
) -> None:
    groups = {**GROUPS, "studios": ["studio1", "relay1"]}
    for arguments in ((), ("--check",), ("--limit", "localhost,sender1")):
        run = play(controller, short_folder, playbook, *arguments, groups=groups)
        assert run.returncode != 0
        assert "relay1 is in the groups relays and studios; a host sends its streams in one way" in run.output
    assert len(simulator.journal) == 0


def test_limit_and_check_mode_leave_the_others_alone(
    simulator: Simulator, controller: Controller, short_folder: Path
) -> None:
    limited = play(controller, short_folder, "provision", "--limit", "localhost,relay1")
    assert limited.returncode == 0, limited.output
    assert roles_in(limited) == {"relay1": "rtmp_relay"}
    simulator.journal.clear()
    previewed = play(controller, short_folder, "teardown", "--check")
    assert previewed.returncode == 0, previewed.output
    assert roles_in(previewed) == ROLES
    assert simulator.journal.writes() == []


def test_the_sessions_stay_where_one_of_the_hosts_cannot_be_reached(
    simulator: Simulator, controller: Controller, short_folder: Path
) -> None:
    assert play(controller, short_folder, "provision").returncode == 0
    run = play(controller, short_folder, "teardown", "-e", "rtmp_relay_root=/etc")
    assert run.returncode != 0
    assert "rtmp_relay_root must be an absolute path" in run.output
    assert len(simulator.service.sessions) == 4
    alone = play(controller, short_folder, "teardown", "--limit", "localhost")
    assert alone.returncode == 0, alone.output
    assert simulator.service.sessions == {}


def test_verify_takes_a_host_of_each_group_for_an_encoder(
    simulator: Simulator, controller: Controller, short_folder: Path
) -> None:
    run = play(controller, short_folder, "verify")
    assert run.returncode != 0
    said = " ".join(run.output.split())
    assert "Hall/Other1: its encoder other1 is a host of the inventory, but of none of its groups" in said
    assert "its encoder relay1" not in said
