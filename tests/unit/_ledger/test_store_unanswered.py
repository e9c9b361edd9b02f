# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the ledger stores because of unanswered requests, and for how long."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.schema import slots
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import Claim, Ledger, Row, Slot
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.unanswered import REMEMBERED, Clock, Unanswered

from ..ledger_cases import ELSEWHERE, SLOT, OpenRun, both_databases, claimed, new_key, only_row, stored, written

pytestmark = both_databases
CLOCK = Clock(1000.0, 2000.0)
PRESET = "0d3f2c84-5f43-4b0c-9a57-0c6a6f1f2a11"


def asked(ledger: Ledger, slot: Slot = SLOT, count: int = 1, lease: float = 60.0) -> Claim:
    """Claim a slot and commit ``count`` unanswered requests."""
    claim = claimed(ledger, slot, lease)
    for _number in range(count):
        claim = replace(claim, unanswered=claim.unanswered.with_request(PRESET, CLOCK))
        assert ledger.renew(claim, lease)
    return claim


def made(ledger: Ledger, session_id: str, unanswered: int = 0, slot: Slot = SLOT) -> int:
    """Store a session after a number of unanswered requests. Return the id of its row."""
    claim = asked(ledger, slot, unanswered)
    assert ledger.keep(claim, "created", session_id, new_key())
    return claim.row_id


def left_in(ledger: Ledger) -> dict[str | None, tuple[str, str, bool]]:
    """Return the phase, the seen ids, and whether a request is unanswered, of each row by the object's id."""
    chosen = sa.select(slots.c.object_id, slots.c.phase, slots.c.seen_ids, slots.c.unanswered)
    rows = stored(ledger, chosen)
    return {row.object_id: (row.phase, row.seen_ids, row.unanswered is not None) for row in rows}


def make_older(ledger: Ledger, *object_ids: str | None) -> None:
    of_ids = sa.or_(*(slots.c.object_id == one for one in object_ids))
    older = sa.update(slots).where(of_ids).values(updated_at=slots.c.updated_at - REMEMBERED - 1)
    assert written(ledger, older) == len(object_ids)


def test_a_request_is_counted_before_it_is_sent_and_releasing_keeps_the_count(open_run: OpenRun) -> None:
    killed, ledger = open_run(ELSEWHERE), open_run()
    claim = asked(killed)
    # Releasing commits no new count: the committed one stays.
    killed.release(replace(claim, unanswered=Unanswered.none()))
    row = only_row(ledger)
    assert (row.leased, row.unanswered.count, row.unanswered.preset_ids) == (False, 1, (PRESET,))
    inherited = ledger.claim(SLOT, [], 60.0)
    assert isinstance(inherited, Claim)
    assert inherited.unanswered == claim.unanswered


def test_an_intent_without_unanswered_requests_is_withdrawn(open_run: OpenRun) -> None:
    ledger = open_run()
    claim = asked(ledger, count=2)
    ledger.release(claim)
    row = only_row(ledger)
    ledger.resolve_requests(row, 1)
    assert only_row(ledger).unanswered.count == 1
    ledger.resolve_requests(row, 1)
    assert ledger.rows(SLOT.api, [SLOT.parent]) == []
    ledger.resolve_requests(row, 1)
    assert not claimed(ledger).inherited


@pytest.mark.parametrize("count", [0, 1])
def test_requests_of_an_earlier_intent_do_not_resolve_those_of_a_later_one(open_run: OpenRun, count: int) -> None:
    """SQLite may give the row of the later intent the id of the earlier one."""
    ended, one, other = open_run(ELSEWHERE), open_run(), open_run()
    ended.release(asked(ended))
    row = only_row(one)
    one.resolve_requests(row, 1)
    claim = claimed(one)
    if count:
        claim = replace(claim, unanswered=claim.unanswered.with_request(PRESET, Clock(1060.0, 2060.0)))
    assert one.renew(claim, 60.0)
    other.resolve_requests(row, 1)
    assert one.renew(claim, 60.0)
    assert only_row(other).unanswered.count == count


def test_an_intent_that_another_run_has_claimed_meanwhile_stays(open_run: OpenRun) -> None:
    killed, one, other = open_run(ELSEWHERE), open_run(), open_run()
    killed.release(asked(killed))
    row = only_row(one)
    inherited = claimed(other)
    assert inherited.inherited
    one.resolve_requests(row, 1)
    assert other.renew(inherited, 60.0)
    assert only_row(other).unanswered.count == 1


def test_a_withdrawn_intent_gives_the_slot_back_to_the_session_to_replace(open_run: OpenRun) -> None:
    ledger = open_run()
    made(ledger, "s1")
    claim = ledger.claim(SLOT, ["s1"], 60.0, replaced_id="s1")
    assert isinstance(claim, Claim)
    assert ledger.renew(replace(claim, unanswered=claim.unanswered.with_request(PRESET, CLOCK)), 60.0)
    ledger.release(claim)
    ledger.resolve_requests(row_with(ledger, claim.row_id), 1)
    row = only_row(ledger)
    assert (row.object_id, row.phase, row.key is not None) == ("s1", "created", True)


def test_an_intent_with_a_key_is_never_withdrawn(open_run: OpenRun) -> None:
    ledger, key = open_run(), new_key()
    claim = asked(ledger)
    ledger.keep(claim, "pending", None, key)
    ledger.resolve_requests(only_row(ledger), 1)
    assert (only_row(ledger).key, only_row(ledger).seen_ids) == (key, frozenset({"s0"}))


def test_seen_ids_are_stored_only_while_a_request_is_unanswered(open_run: OpenRun) -> None:
    ledger = open_run()
    made(ledger, "s1")
    panel = replace(SLOT, title="Panel")
    made(ledger, "s2", 2, panel)
    row = next(one for one in ledger.rows(SLOT.api, [SLOT.parent]) if one.object_id == "s2")
    assert left_in(ledger) == {"s1": ("created", "[]", False), "s2": ("created", '["s0"]', True)}
    ledger.resolve_requests(row, 1)
    assert left_in(ledger)["s2"] == ("created", '["s0"]', True)
    ledger.resolve_requests(row, 1)
    assert left_in(ledger)["s2"] == ("created", "[]", False)


def test_a_retired_row_stays_only_while_a_request_of_its_slot_is_unanswered(open_run: OpenRun) -> None:
    ledger = open_run()
    made(ledger, "s1")
    made(ledger, "s2", 1, panel := replace(SLOT, title="Panel"))
    ledger.retire(SLOT.api, ["s1", "s2"])
    assert left_in(ledger) == {"s2": ("retired", '["s0"]', True)}
    (row,) = ledger.rows(SLOT.api, [SLOT.parent])
    assert (row.slot, row.object_id, row.key, row.phase) == (panel, "s2", None, "retired")
    # The next session of that slot has no unanswered request, but its id is needed for the same reason.
    made(ledger, "s3", 0, panel)
    ledger.retire(SLOT.api, ["s3"])
    assert {one.object_id for one in ledger.rows(SLOT.api, [SLOT.parent])} == {"s2", "s3"}
    assert ledger.row_of_session("s3") is None
    assert ledger.entries() == []
    ledger.resolve_requests(row, 1)
    assert left_in(ledger) == {}


def test_old_unanswered_requests_are_forgotten(open_run: OpenRun) -> None:
    ledger = open_run()
    titles = ("old", "young", "old and over", "young and over")
    for title in titles:
        made(ledger, title, 1, replace(SLOT, title=title))
    ledger.release(asked(ledger, replace(SLOT, title="intent")))
    ledger.retire(SLOT.api, ["old and over", "young and over"])
    make_older(ledger, "old", "old and over", None)
    ledger.forget_old_requests()
    assert left_in(ledger) == {
        "old": ("created", "[]", False),
        "young": ("created", '["s0"]', True),
        "young and over": ("retired", '["s0"]', True),
        None: ("pending", '["s0"]', True),
    }
    assert all(row.key is not None for row in ledger.entries() if row.object_id)


def test_rooms_are_assigned_to_an_account_once(open_run: OpenRun) -> None:
    ledger = open_run()
    unknown, named, other = (Slot(SLOT.api, "room", account, "Main stage") for account in ("", "me", "credential x"))
    row_ids = []
    for slot, room_id in ((unknown, "r1"), (named, "r2"), (other, "r3"), (replace(unknown, title="Lounge"), "r4")):
        claim = claimed(ledger, slot)
        assert ledger.keep(claim, "created", room_id, None)
        row_ids.append(claim.row_id)
    for _number in range(2):
        ledger.assign_rooms(row_ids, "me")
        found = {row.object_id: (row.slot.parent, row.phase) for row in ledger.rows(SLOT.api, [])}
        assert found == {
            "r1": ("me", "beside"),
            "r2": ("me", "created"),
            "r3": ("me", "beside"),
            "r4": ("me", "created"),
        }


def test_the_rooms_of_two_accounts_have_separate_slots(open_run: OpenRun) -> None:
    ledger = open_run()
    for account in ("me", "you"):
        claim = claimed(ledger, Slot(SLOT.api, "room", account, "Main stage"))
        assert ledger.keep(claim, "created", f"room of {account}", None)
    rows = ledger.rows(SLOT.api, [])
    assert {(row.slot.parent, row.object_id) for row in rows} == {("me", "room of me"), ("you", "room of you")}


def row_with(ledger: Ledger, row_id: int) -> Row:
    return next(row for row in ledger.rows(SLOT.api, [SLOT.parent]) if row.id == row_id)


def write_everything(ledger: Ledger, rival: Ledger) -> None:
    """Use every method of the ledger that writes."""
    key = new_key()
    s1 = made(ledger, "s1", 2)
    claim = ledger.claim(SLOT, ["s1"], 60.0, replaced_id="s1")
    assert isinstance(claim, Claim)
    ledger.renew(replace(claim, unanswered=claim.unanswered.with_request(PRESET, CLOCK)), 60.0)
    ledger.keep(claim, "created", "s2", key)
    ledger.resolve_requests(row_with(ledger, s1), 1)
    for title in ("Withdrawn", "Settled", "Released", "Resolved", "Resolved once", "Nameless", "Overtaken"):
        one = asked(ledger, replace(SLOT, title=title), 2 if title == "Resolved once" else 1, -1.0)
        match title:
            case "Withdrawn":
                ledger.withdraw(one)
            case "Settled":
                ledger.renew(replace(one, unanswered=Unanswered.none()), -1.0)
                ledger.withdraw_unsent(one.slot)
            case "Resolved" | "Resolved once":
                ledger.resolve_requests(row_with(ledger, one.row_id), 1)
            case "Nameless":
                ledger.keep(one, "pending", None, key)
            case "Overtaken":
                assert rival.keep(claimed(rival, one.slot), "created", "s3", key)
                assert not ledger.keep(one, "created", "s4", key)
            case _:
                ledger.release(one)
    ledger.adopt(replace(SLOT, title="Overtaken"), "s5", key, ["s3", "s4"])
    ledger.remember(replace(SLOT, title="Other"), "s6", {})
    room = claimed(ledger, Slot(SLOT.api, "room", "", "Main stage"))
    ledger.keep(room, "created", "r1", None)
    ledger.assign_rooms([room.row_id], "me")
    made(ledger, "s7", 1, replace(SLOT, title="Over"))
    ledger.retire(SLOT.api, ["s7"])
    made(ledger, "s8", 0, replace(SLOT, parent="r2"))
    ledger.retire(SLOT.api, ["r2"])
    ledger.forget_old_requests()


def contents(ledger: Ledger) -> list[Any]:
    """Return all rows without ids, times and random values."""
    names = ("api", "kind", "parent", "title", "object_id", "phase", "seen_ids", "unanswered")
    chosen = sa.select(*(slots.c[name] for name in names), slots.c.secret.is_(None)).order_by(*names)
    return [tuple(row) for row in stored(ledger, chosen)]


def test_a_write_whose_commit_was_not_acknowledged_takes_effect_once(
    open_run: OpenRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the acknowledgement of a commit is lost, its transaction runs again."""
    ledger, rival = open_run(), open_run(ELSEWHERE)
    write_everything(ledger, rival)
    once = contents(ledger)
    written(ledger, sa.delete(slots))

    for one in (ledger, rival):
        real: Callable[..., Any] = one._commits.run

        def twice(operation: Any, *pauses: Any, real: Callable[..., Any] = real, **named: Any) -> Any:
            real(operation, *pauses, **named)
            return real(operation, *pauses, **named)

        monkeypatch.setattr(one._commits, "run", twice)
    write_everything(ledger, rival)
    assert contents(ledger) == once
    assert len(once) == 10
