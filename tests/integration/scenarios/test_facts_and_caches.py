# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The facts that roles read: of real runs and of check mode, in memory and in a cache, with deleted and equal rooms."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.conftest import EVENT, PRESET
from tests.integration.controller import Controller
from tests.integration.scenarios.plays import event, play, results, room
from tests.simulator.server import Simulator

REAL = ["tenbyte_event", "tenbyte_sessions", "tenbyte_sessions_run"]


@pytest.fixture
def cache(controller: Controller) -> Path:
    """Give the controller a persistent fact cache, and return its folder."""
    folder = controller.home / "facts"
    controller.environment |= {"ANSIBLE_CACHE_PLUGIN": "jsonfile", "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(folder)}
    return folder


def cached(folder: Path) -> dict[str, Any]:
    """Return the facts of the real run that a cache holds for localhost."""
    (file,) = (path for path in folder.iterdir() if path.name.endswith("localhost"))
    facts = json.loads(file.read_text())
    # ansible-core 2.19 and later put the facts into another field.
    facts = facts.get("__payload__", facts) if isinstance(facts, dict) else facts
    facts = json.loads(facts) if isinstance(facts, str) else facts
    return {name: facts.get(name) for name in REAL}


def test_check_mode_does_not_change_the_cached_facts_of_a_real_run(
    simulator: Simulator, controller: Controller, cache: Path
) -> None:
    controller.home.mkdir(parents=True)
    file = controller.home / "event.yml"
    file.write_text(yaml.safe_dump({"event_rooms": [room("Main stage", "Keynote", "Panel")]}))
    made = controller.playbook("tenbyte.webinar.provision", "-e", f"@{file}")
    assert made.returncode == 0, made.output
    before = cached(cache)
    assert list(before["tenbyte_sessions"]) == ["Main stage/Keynote", "Main stage/Panel"]
    assert list(before["tenbyte_event"]) == ["run", "rooms", "gone"]
    assert [one["title"] for one in before["tenbyte_event"]["rooms"]] == ["Main stage"]
    preview = controller.playbook("tenbyte.webinar.teardown", "-e", f"@{file}", "--check")
    assert preview.returncode == 0, preview.output
    assert preview.recap()["changed"] > 0
    assert all(list(one["ansible_facts"]) == ["tenbyte_preview"] for one in results(preview, EVENT))
    assert cached(cache) == before
    assert len(simulator.service.sessions) == 2


def test_a_task_in_check_mode_sets_tenbyte_preview_in_a_real_run_and_the_usual_facts_in_a_run_in_check_mode(
    controller: Controller,
) -> None:
    rooms = [room("Main stage", "Keynote")]
    tasks: list[dict[str, Any]] = [
        {EVENT: {"rooms": rooms}},
        {EVENT: {"rooms": rooms, "state": "absent"}, "check_mode": True},
        {"ansible.builtin.debug": {"msg": "{{ ansible_facts['tenbyte_sessions'] | length }}"}},
    ]
    run = play(controller, tasks)
    real, preview = (one["ansible_facts"] for one in results(run, EVENT))
    assert sorted(real) == REAL
    assert list(preview) == ["tenbyte_preview"]
    assert sorted(preview["tenbyte_preview"]) == ["gone", "rooms", "run", "sessions"]
    assert list(preview["tenbyte_preview"]["gone"]) == ["Main stage/Keynote"]
    assert run.result("ansible.builtin.debug")["msg"] == 1
    whole = play(controller, [{EVENT: {"rooms": rooms, "state": "absent"}}], "--check").result(EVENT)["ansible_facts"]
    assert sorted(whole) == REAL
    assert whole["tenbyte_sessions"] == {}
    assert list(whole["tenbyte_event"]["gone"]) == ["Main stage/Keynote"]


def test_the_facts_lose_the_sessions_of_a_deleted_room(controller: Controller) -> None:
    tasks: list[dict[str, Any]] = [
        {EVENT: {"rooms": [room("Main stage", "Keynote"), room("Workshop", "Hands on", "Questions")]}},
        {"tenbyte.webinar.room": {"title": "Workshop", "state": "absent"}},
    ]
    facts = ("tenbyte_sessions", "tenbyte_event']['gone")
    shown = " ".join(f"{{{{ ansible_facts['{fact}'].keys() | sort }}}}" for fact in facts)
    by_room = play(controller, [*tasks, {"ansible.builtin.debug": {"msg": shown}}])
    assert by_room.returncode == 0, by_room.output
    left = "['Main stage/Keynote'] ['Workshop/Hands on', 'Workshop/Questions']"
    tasks[1] = {EVENT: {"rooms": [{"title": "Workshop", "state": "absent"}]}}
    by_event = play(controller, [*tasks, {"ansible.builtin.debug": {"msg": shown}}])
    assert by_event.returncode == 0, by_event.output
    assert [one.result("ansible.builtin.debug")["msg"] for one in (by_room, by_event)] == [left, left]


def test_two_sessions_with_the_same_name_both_keep_their_encoders(simulator: Simulator, controller: Controller) -> None:
    for title in ("Hall", "Hall"):
        simulator.dashboard.create_room(title)
    rooms = [
        {"room_id": one, "sessions": [{"title": "Show", "preset_id": PRESET, "encoder": f"enc{number}"}]}
        for number, one in enumerate(simulator.service.rooms)
    ]
    run = event(controller, "--diff", rooms=rooms)
    assert run.returncode == 0, run.output
    result = run.result(EVENT)
    facts = result["ansible_facts"]["tenbyte_sessions"]
    assert sorted(one["encoder"] for one in facts.values()) == ["enc0", "enc1"]
    assert [one["name"] for one in result["sessions"]] == list(facts)
    assert all(one["id"] in run.output for one in facts.values())
    assert event(controller, rooms=rooms).result(EVENT)["changed"] is False
    # These two cannot have different names, and are refused before any call.
    simulator.journal.clear()
    slashes = event(controller, rooms=[room("Day 1/Hall", "Talk 1"), room("Day 1", "Hall/Talk 1")])
    assert slashes.returncode != 0
    assert "Day 1/Hall/Talk 1" in slashes.result(EVENT)["msg"]
    assert simulator.journal.writes() == []
