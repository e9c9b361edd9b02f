# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The actions with playbook keywords: loop, until, delegate_to, run_once, tags, handlers, --limit, several plays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.integration.conftest import PRESET, SESSION
from tests.integration.controller import Controller, Run
from tests.simulator.server import Simulator

HOSTS = ("one", "two")


def run(controller: Controller, plays: list[dict[str, Any]], *arguments: str) -> Run:
    """Run plays on unreachable hosts: the actions need no connection."""
    controller.home.mkdir(parents=True, exist_ok=True)
    inventory = controller.home / "inventory.yml"
    inventory.write_text(yaml.safe_dump({"all": {"hosts": {host: {"ansible_host": "192.0.2.1"} for host in HOSTS}}}))
    done = controller.plays(
        [{"hosts": "all", "gather_facts": False, **play} for play in plays], "-i", str(inventory), *arguments
    )
    assert done.returncode == 0, done.output
    return done


def keynote(title: str = "Keynote", **keywords: Any) -> dict[str, Any]:
    return {SESSION: {"room": "Main stage", "title": title, "preset_id": PRESET}, **keywords}


def titles(simulator: Simulator) -> list[str]:
    return sorted(session.title for session in simulator.service.sessions.values())


def shows(expression: str) -> dict[str, Any]:
    return {"ansible.builtin.assert": {"that": expression}}


FACTS = "ansible_facts['tenbyte_sessions'].keys() | sort"


def test_a_task_on_all_hosts_creates_one_session(simulator: Simulator, controller: Controller) -> None:
    run(controller, [{"tasks": [keynote(), shows(f"{FACTS} == ['Main stage/Keynote']")]}])
    assert titles(simulator) == ["Keynote"]
    assert len(simulator.service.rooms) == 1


def test_run_once_sets_the_facts_of_every_host(controller: Controller) -> None:
    run(controller, [{"tasks": [keynote(run_once=True), shows(f"{FACTS} == ['Main stage/Keynote']")]}])


def test_delegate_facts_sets_the_facts_of_the_delegate(controller: Controller) -> None:
    task = keynote(delegate_to="two", delegate_facts=True, run_once=True)
    there = "hostvars['two'].ansible_facts['tenbyte_sessions'].keys() | sort == ['Main stage/Keynote']"
    run(controller, [{"tasks": [task, shows(there)]}])


def test_a_loop_registers_each_item_and_merges_the_facts(simulator: Simulator, controller: Controller) -> None:
    task = keynote("{{ item }}", loop=["Talk A", "Talk B", "Talk C"], register="made", run_once=True)
    checks = [
        shows("made.results | map(attribute='session.title') == ['Talk A', 'Talk B', 'Talk C']"),
        shows(f"{FACTS} == ['Main stage/Talk A', 'Main stage/Talk B', 'Main stage/Talk C']"),
    ]
    run(controller, [{"tasks": [task, *checks]}])
    assert titles(simulator) == ["Talk A", "Talk B", "Talk C"]


def test_until_waits_for_a_change_by_somebody_else(simulator: Simulator, controller: Controller) -> None:
    simulator.faults.add("status", method="POST", path="/sessions$", status=409, times=2)
    task = keynote(register="made", until="made is success", retries=4, delay=0, run_once=True)
    run(controller, [{"tasks": [task]}])
    assert titles(simulator) == ["Keynote"]


def test_a_handler_is_notified_only_by_a_change(controller: Controller) -> None:
    play = {
        "tasks": [keynote(notify="Tell", run_once=True)],
        "handlers": [{"name": "Tell", "ansible.builtin.debug": {"msg": "handled"}}],
    }
    assert "RUNNING HANDLER" in run(controller, [play]).output
    assert "RUNNING HANDLER" not in run(controller, [play]).output


def test_tags_and_limit_choose_what_runs(simulator: Simulator, controller: Controller) -> None:
    plays = [{"tasks": [keynote("Tagged", tags="wanted"), keynote("Untagged")]}]
    run(controller, plays, "--tags", "wanted", "--limit", "two")
    assert titles(simulator) == ["Tagged"]


def test_facts_of_several_plays_are_merged(controller: Controller) -> None:
    plays = [
        {"tasks": [keynote("Talk A", run_once=True)]},
        {"tasks": [keynote("Talk B", run_once=True), shows(f"{FACTS} == ['Main stage/Talk A', 'Main stage/Talk B']")]},
    ]
    run(controller, plays)


def test_module_defaults_of_the_group_reach_the_action(simulator: Simulator, controller: Controller) -> None:
    api_key = controller.api_key
    controller.environment["TENBYTE_API_KEY"] = ""
    done = run(
        controller, [{"module_defaults": {"group/tenbyte.webinar.all": {"api_key": api_key}}, "tasks": [keynote()]}]
    )
    assert api_key not in done.output
    assert titles(simulator) == ["Keynote"]


def test_every_action_of_the_group_accepts_the_documented_defaults(
    simulator: Simulator, controller: Controller, tmp_path: Path
) -> None:
    connection = {"api_key": controller.api_key, "api_url": simulator.api_url, "timeout": 20, "retries": 1}
    ledger = {"ledger_url": f"sqlite:///{tmp_path}/group.db", "ledger_key_file": str(tmp_path / "group.key")}
    defaults = {"group/tenbyte.webinar.all": {**connection, **ledger}}
    tasks: list[dict[str, Any]] = [
        keynote(register="made"),
        {"tenbyte.webinar.event": {"rooms": [{"title": "Main stage"}]}},
        {"tenbyte.webinar.room": {"title": "Main stage"}},
        {"tenbyte.webinar.room_info": {}},
        {"tenbyte.webinar.session_info": {}},
        {"tenbyte.webinar.stream_key": {"session_id": "{{ made.session.id }}", "state": "absent"}},
        {"tenbyte.webinar.ledger": {"operation": "list"}},
    ]
    controller.environment.update({"TENBYTE_API_KEY": "", "TENBYTE_API_URL": "", "TENBYTE_LEDGER_URL": ""})
    done = controller.plays(
        [{"hosts": "localhost", "gather_facts": False, "module_defaults": defaults, "tasks": tasks}]
    )
    assert done.recap()["ok"] == len(tasks), done.output
    assert (tmp_path / "group.db").exists()
