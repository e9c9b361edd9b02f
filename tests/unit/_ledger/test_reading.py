# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.rows import ChosenRooms
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import Ledger, Slot

from ..ledger_cases import SLOT, both_databases, claimed, new_key


@both_databases
def test_the_known_ids_of_a_room_are_those_of_its_sessions_with_and_without_keys(
    open_run: Callable[..., Ledger],
) -> None:
    ledger = open_run()
    ledger.keep(claimed(ledger, Slot(SLOT.api, "room", "me", "Main stage")), "created", SLOT.parent, None)
    ledger.keep(claimed(ledger), "created", "s1", new_key())
    ledger.keep(claimed(ledger, replace(SLOT, title="Panel")), "keyless", "s2", None)
    ledger.keep(claimed(ledger, replace(SLOT, parent="r2")), "created", "s3", new_key())
    ledger.keep(claimed(ledger, replace(SLOT, api="https://other.invalid")), "created", "s4", new_key())
    ledger.keep(claimed(ledger, replace(SLOT, title="Over")), "created", "s5", new_key())
    ledger.retire(SLOT.api, ["s5"])
    claimed(ledger, replace(SLOT, title="Intent"))
    assert ledger.known_ids(SLOT.api, SLOT.parent) == {"s1", "s2"}


def _with_rooms(open_run: Callable[..., Ledger]) -> Ledger:
    ledger = open_run()
    for title, room_id in (("Main stage", SLOT.parent), ("Workshop", "r2"), ("Lounge", "r3")):
        ledger.keep(claimed(ledger, Slot(SLOT.api, "room", "me", title)), "created", room_id, None)
    ledger.keep(claimed(ledger), "created", "s1", new_key())
    claimed(ledger, Slot(SLOT.api, "room", "me", "Intent"))
    return ledger


def _titles(ledger: Ledger, ids: Iterable[str] = (), titles: Iterable[str] = (), last_row: int = 1000) -> list[str]:
    chosen = ChosenRooms(frozenset(ids), frozenset(titles), last_row)
    return [row.slot.title for row in ledger.rows(SLOT.api, [SLOT.parent], chosen)]


@both_databases
def test_rows_of_rooms_are_found_by_their_ids_titles_and_numbers(open_run: Callable[..., Ledger]) -> None:
    ledger = _with_rooms(open_run)
    assert _titles(ledger) == [SLOT.title]
    found = _titles(ledger, ids=["r3", "r9"], titles=["Workshop", "Intent"])
    assert found == ["Workshop", "Lounge", SLOT.title, "Intent"]
    last = max(row.id for row in ledger.rows(SLOT.api, []))
    assert _titles(ledger, last_row=last) == [SLOT.title]
    assert _titles(ledger, last_row=last - 1) == [SLOT.title, "Intent"]


# SQLITE_LIMIT_VARIABLE_NUMBER. Python 3.10 cannot set it.
MOST_PARAMETERS = 9


@pytest.mark.skipif(not hasattr(sqlite3.Connection, "setlimit"), reason="this Python cannot limit SQLite")
@pytest.mark.parametrize("count", [400, 449, 450, 451, 899, 900, 901, 5000])
def test_any_number_of_rooms_can_be_chosen_also_with_an_old_sqlite(open_run: Callable[..., Ledger], count: int) -> None:
    ledger = _with_rooms(open_run)
    names = {f"{number}" for number in range(count)}
    with ledger._database.engine.connect() as connection:
        # The pool hands this connection out again.
        connection.connection.driver_connection.setlimit(MOST_PARAMETERS, 999)  # type: ignore[union-attr]
    for ids, titles in ((names, {"Workshop"}), ({"r2"}, names), (names, {*names, "Workshop"})):
        assert "Workshop" in _titles(ledger, ids, titles)
    assert [row.slot.title for row in ledger.rows(SLOT.api, [*names, SLOT.parent])].count(SLOT.title) == 1
