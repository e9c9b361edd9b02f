# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role event, and the playbooks that use it: one call on the controller, its facts on every host of the play."""

from __future__ import annotations

from typing import Any

import yaml

from tests.integration.conftest import EVENT, OTHER_PRESET, PRESET
from tests.integration.controller import Controller, Run
from tests.lab.leaks import places_in_files
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
    expected_keys = variables.pop("expected_keys", 0)
    count = {
        "ansible.builtin.assert": {"that": f"tenbyte_stream_keys | default({{}}) | length == {expected_keys}"},
        "no_log": True,
    }
    show = {
        "ansible.builtin.debug": {
            "msg": "{{ inventory_hostname }} {{ ansible_facts['tenbyte_sessions'].keys() | sort }}"
        }
    }
    play = {
        "hosts": "all",
        "gather_facts": False,
        "roles": [{"role": "tenbyte.webinar.event", "vars": variables}],
        "post_tasks": [count, show],
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


def test_keys_are_set_in_memory_only_on_request(simulator: Simulator, controller: Controller) -> None:
    controller.environment |= {
        "ANSIBLE_CACHE_PLUGIN": "jsonfile",
        "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(controller.home / "facts"),
    }
    assert run_role(controller, event_rooms=ROOMS).returncode == 0
    run = run_role(controller, event_rooms=ROOMS, event_reveal_stream_keys=True, expected_keys=2)
    assert run.returncode == 0, run.output
    assert not any(key in run.output for key in simulator.issued_keys())
    assert places_in_files(simulator.issued_keys(), controller.home) == []


def test_an_event_file_that_asks_for_the_keys_can_be_taken_down(simulator: Simulator, controller: Controller) -> None:
    controller.home.mkdir(parents=True)
    event = controller.home / "event.yml"
    event.write_text(yaml.safe_dump({"event_rooms": ROOMS, "event_reveal_stream_keys": True}))
    # The teardown's first play is in check mode, in a run that is not.
    for playbook in ("provision", "teardown"):
        run = controller.playbook(f"tenbyte.webinar.{playbook}", "-e", f"@{event}")
        assert run.returncode == 0, run.output
    assert simulator.service.sessions == {}
    assert not any(key in run.output for key in simulator.issued_keys())


def test_text_means_what_it_says(simulator: Simulator, controller: Controller) -> None:
    given = {"event_reveal_stream_keys": "no", "event_purge": "false", "event_wait_timeout": "20", "event_state": ""}
    assert run_role(controller, event_rooms=ROOMS, **given).returncode == 0
    fewer = [{"title": "Main stage", "sessions": ROOMS[0]["sessions"][:1]}]
    run = run_role(controller, event_rooms=fewer, **given | {"event_reveal_stream_keys": "0"})
    assert run.returncode == 0, run.output
    assert len(simulator.service.sessions) == 2
    run = run_role(controller, event_rooms=ROOMS, **given | {"event_reveal_stream_keys": "yes"}, expected_keys=2)
    assert run.returncode == 0, run.output


def test_every_policy_is_passed_on(simulator: Simulator, controller: Controller) -> None:
    assert run_role(controller, event_rooms=ROOMS).returncode == 0
    one = [{"title": "Main stage", "sessions": [{"title": "Keynote", "preset_id": OTHER_PRESET}]}]
    assert run_role(controller, event_rooms=one, event_replace="never").returncode != 0
    assert run_role(controller, event_rooms=one, event_purge=True).returncode == 0
    assert [session.title for session in simulator.service.sessions.values()] == ["Keynote"]
    assert run_role(controller, event_rooms=one, event_state="live", event_wait_timeout=20).returncode == 0
    controller.environment["TENBYTE_LEDGER_URL"] = f"sqlite:///{controller.home}/another/ledger.sqlite3"
    assert run_role(controller, event_rooms=one).returncode != 0
    assert run_role(controller, event_rooms=one, event_on_missing_key="ignore").returncode == 0
    assert [session.status for session in simulator.service.sessions.values()] == ["live"]
