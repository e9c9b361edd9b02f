# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role event, and the playbooks that use it: one call on the controller, its facts on every host of the play."""

from __future__ import annotations

from typing import Any

import yaml

from tests.integration.conftest import EVENT, PRESET
from tests.integration.controller import Controller, Run
from tests.simulator.server import Simulator

ROOMS: list[dict[str, Any]] = [
    {
        "title": "Main stage",
        "sessions": [
            {"title": "Keynote", "preset_id": PRESET, "encoder": "one"},
            {"title": "Panel", "preset_id": PRESET, "encoder": "two"},
        ],
    }
]


def run_role(controller: Controller, **variables: Any) -> Run:
    """Run the role on three hosts that cannot be reached: nothing may try to."""
    controller.home.mkdir(parents=True, exist_ok=True)
    inventory = controller.home / "inventory.yml"
    hosts = {host: {"ansible_host": "192.0.2.1"} for host in ("one", "two", "three")}
    inventory.write_text(yaml.safe_dump({"all": {"hosts": hosts}}))
    show = {
        "ansible.builtin.debug": {
            "msg": "{{ inventory_hostname }} {{ ansible_facts['tenbyte_sessions'].keys() | sort }}"
        }
    }
    play = {
        "hosts": "all",
        "gather_facts": False,
        "roles": [{"role": "tenbyte.webinar.event", "vars": variables}],
        "post_tasks": [show],
    }
    return controller.plays([play], "-i", str(inventory))


def test_the_event_is_provisioned_once_and_every_host_has_the_facts(
    simulator: Simulator, controller: Controller
) -> None:
    run = run_role(controller, event_rooms=ROOMS)
    assert run.returncode == 0, run.output
    assert len(simulator.journal.writes()) == 3
    shown = [record["result"]["msg"] for record in run.records if record["action"] == "ansible.builtin.debug"]
    assert sorted(shown) == [f"{host} ['Main stage/Keynote', 'Main stage/Panel']" for host in ("one", "three", "two")]


def test_absent_removes_the_sessions_again(simulator: Simulator, controller: Controller) -> None:
    run_role(controller, event_rooms=ROOMS)
    run = run_role(controller, event_rooms=ROOMS, event_state="absent")
    assert run.returncode == 0, run.output
    assert simulator.service.sessions == {}
    assert len(simulator.service.rooms) == 1


def test_its_input_is_checked_before_anything_is_called(simulator: Simulator, controller: Controller) -> None:
    for variables, said in (
        ({}, "event_rooms"),
        ({"event_rooms": [{"title": "Main stage", "sessions": [{"preset_id": PRESET}]}]}, "title"),
        ({"event_rooms": ROOMS, "event_state": "maybe"}, "event_state"),
    ):
        run = run_role(controller, **variables)
        assert run.returncode != 0
        assert said in run.output
    assert len(simulator.journal) == 0


def test_the_provision_playbook_works_without_encoders(simulator: Simulator, controller: Controller) -> None:
    controller.home.mkdir(parents=True)
    event = controller.home / "event.yml"
    event.write_text(yaml.safe_dump({"event_rooms": ROOMS}))
    run = controller.playbook("tenbyte.webinar.provision", "-e", f"@{event}")
    assert run.returncode == 0, run.output
    assert run.result(EVENT)["changed"] is True
    run = controller.playbook("tenbyte.webinar.teardown", "-e", f"@{event}")
    assert run.returncode == 0, run.output
    assert simulator.service.sessions == {}
