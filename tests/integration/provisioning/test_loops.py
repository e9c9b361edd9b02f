# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A task with a loop: what its items share, and what each of them still decides by itself."""

from __future__ import annotations

from typing import Any

from tests.integration.conftest import PRESET, SESSION
from tests.integration.controller import Controller, Run
from tests.simulator.server import Simulator

TITLES = ["Keynote", "Panel", "Closing"]


def loop(controller: Controller, items: list[dict[str, Any]], **options: Any) -> Run:
    task = {
        SESSION: {"room": "{{ item.room }}", "title": "{{ item.title }}", "preset_id": PRESET, **options},
        "loop": items,
        "register": "made",
    }
    count = {"ansible.builtin.debug": {"msg": "{{ made.results | map(attribute='session') | map(attribute='id') }}"}}
    facts = {"ansible.builtin.debug": {"msg": "{{ tenbyte_sessions | dict2items | map(attribute='key') | sort }}"}}
    return controller.plays([{"hosts": "localhost", "gather_facts": False, "tasks": [task, count, facts]}])


def items(*rooms: str) -> list[dict[str, Any]]:
    return [{"room": room, "title": title} for room in rooms for title in TITLES]


def reads_of_rooms(simulator: Simulator) -> int:
    return sum(entry.path == "/rooms/my" for entry in simulator.journal)


def test_a_loop_lists_the_rooms_once_for_the_rooms_that_exist(simulator: Simulator, controller: Controller) -> None:
    first = loop(controller, items("Main stage", "Workshop"))
    assert first.returncode == 0, first.output
    assert [entry.status for entry in simulator.journal.writes()] == [201] * 8
    # No run is active, so a copy of the file is a copy of the ledger.
    files = {one.name for one in controller.ledger_file.parent.glob("*.sqlite3*")}
    assert files == {"ledger.sqlite3", "ledger.sqlite3.key"}
    # Before the second room is created, the list is read again.
    assert reads_of_rooms(simulator) == 2
    simulator.journal.clear()
    again = loop(controller, items("Main stage", "Workshop"))
    assert again.recap()["changed"] == 0
    assert not simulator.journal.writes()
    assert reads_of_rooms(simulator) == 1
    assert all(f"{room}/{title}" in again.output for room in ("Main stage", "Workshop") for title in TITLES)


def test_an_item_that_fails_does_not_spoil_the_next_one(simulator: Simulator, controller: Controller) -> None:
    wanted = [*items("Main stage"), {"room": "x", "title": "Too short a room"}, {"room": "Workshop", "title": "Panel"}]
    run = loop(controller, wanted)
    assert run.returncode != 0
    assert sorted(one.title for one in simulator.service.sessions.values()) == sorted([*TITLES, "Panel"])


def test_each_item_may_name_another_ledger(simulator: Simulator, controller: Controller) -> None:
    first, other = (f"sqlite:///{controller.home}/{name}/ledger.sqlite3" for name in ("one", "two"))
    wanted = [
        {"room": "Main stage", "title": title, "ledger": ledger}
        for title, ledger in (("Keynote", first), ("Panel", other), ("Closing", first))
    ]
    run = loop(controller, wanted, ledger_url="{{ item.ledger }}")
    assert run.returncode == 0, run.output
    again = loop(controller, wanted, ledger_url="{{ item.ledger }}")
    assert again.recap()["changed"] == 0
    swapped = loop(controller, [{**one, "ledger": first} for one in wanted], ledger_url="{{ item.ledger }}")
    assert swapped.returncode != 0
    assert "does not hold its stream key" in swapped.output
