# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

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


@both_databases
def test_rows_of_rooms_are_found_by_their_ids_and_titles(open_run: Callable[..., Ledger]) -> None:
    ledger = open_run()
    for title, room_id in (("Main stage", SLOT.parent), ("Workshop", "r2"), ("Lounge", "r3")):
        ledger.keep(claimed(ledger, Slot(SLOT.api, "room", "me", title)), "created", room_id, None)
    ledger.keep(claimed(ledger), "created", "s1", new_key())
    claimed(ledger, Slot(SLOT.api, "room", "me", "Intent"))

    def titles(*names: str) -> list[str]:
        return [row.slot.title for row in ledger.rows(SLOT.api, [SLOT.parent], set(names))]

    assert titles("Workshop", "r3", "Intent") == ["Workshop", "Lounge", SLOT.title, "Intent"]
    assert titles() == [SLOT.title]
    # So many names that a database would refuse the query.
    assert titles(*map(str, range(100_000))) == ["Main stage", "Workshop", "Lounge", SLOT.title, "Intent"]
