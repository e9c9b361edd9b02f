# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Replacing a session: it gives up its slot, and keeps its key until the key of the new one is stored."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import StreamKey
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.location import LedgerSettings
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import Busy, Claim, Ledger, Row
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.unanswered import Clock

from ..ledger_cases import ELSEWHERE, SLOT, OpenRun, both_databases, claimed, maintained, new_key

pytestmark = both_databases
CLOCK = Clock(1000.0, 2000.0)
PRESET = "0d3f2c84-5f43-4b0c-9a57-0c6a6f1f2a11"


def made(ledger: Ledger, session_id: str = "s1") -> StreamKey:
    key = new_key()
    assert ledger.keep(claimed(ledger), "created", session_id, key)
    return key


def replacing(ledger: Ledger, session_id: str = "s1", lease: float = 60.0) -> Claim:
    claim = ledger.claim(SLOT, [session_id], lease, replaced_id=session_id)
    assert isinstance(claim, Claim)
    assert claim.replaced_id == session_id
    return claim


def phases(ledger: Ledger) -> dict[str | None, str]:
    return {row.object_id: row.phase for row in ledger.rows(SLOT.api, [SLOT.parent])}


def key_of(ledger: Ledger, session_id: str) -> StreamKey | None:
    row = ledger.row_of_session(session_id)
    return row.key if row is not None else None


def test_the_key_of_a_replaced_session_can_be_read_until_it_is_retired(open_run: OpenRun) -> None:
    ledger = open_run()
    key = made(ledger)
    claim = replacing(ledger)
    assert phases(ledger) == {"s1": "replaced", None: "pending"}
    assert key_of(open_run(), "s1") == key
    new = new_key()
    assert ledger.keep(claim, "created", "s2", new)
    assert phases(ledger) == {"s1": "replaced", "s2": "created"}
    assert (key_of(ledger, "s1"), key_of(ledger, "s2")) == (key, new)
    ledger.retire(SLOT.api, ["s1"])
    assert phases(ledger) == {"s2": "created"}
    assert key_of(ledger, "s1") is None


def test_a_refused_creation_gives_the_slot_back(open_run: OpenRun) -> None:
    ledger = open_run()
    key = made(ledger)
    ledger.withdraw(replacing(ledger))
    assert phases(ledger) == {"s1": "created"}
    row = open_run().claim(SLOT, [], 60.0)
    assert isinstance(row, Row)
    assert (row.object_id, row.key) == ("s1", key)


def test_the_slot_is_given_back_after_a_run_was_killed_before_its_request(open_run: OpenRun) -> None:
    killed, ledger = open_run(ELSEWHERE), open_run()
    key = made(killed)
    replacing(killed, lease=-1.0)
    assert (phases(ledger), key_of(ledger, "s1")) == ({"s1": "replaced", None: "pending"}, key)
    for _number in range(2):
        ledger.withdraw_unsent(SLOT)
        assert (phases(ledger), key_of(ledger, "s1")) == ({"s1": "created"}, key)


def test_a_run_that_is_killed_before_the_removal_leaves_a_row_for_each_session(
    open_run: OpenRun,
) -> None:
    killed, ledger, new = open_run(ELSEWHERE), open_run(), new_key()
    key = made(killed)
    assert killed.keep(replacing(killed), "created", "s2", new)
    assert phases(ledger) == {"s1": "replaced", "s2": "created"}
    assert (key_of(ledger, "s1"), key_of(ledger, "s2")) == (key, new)
    ledger.withdraw_unsent(SLOT)
    assert phases(ledger) == {"s1": "replaced", "s2": "created"}


def test_an_unknown_session_gets_a_row_when_it_is_replaced(open_run: OpenRun) -> None:
    ledger = open_run()
    claim = replacing(ledger, "theirs")
    assert phases(ledger) == {"theirs": "replaced", None: "pending"}
    ledger.withdraw(claim)
    assert phases(ledger) == {"theirs": "keyless"}
    assert ledger.keep(replacing(ledger, "theirs"), "created", "s2", new_key())
    assert phases(ledger) == {"theirs": "replaced", "s2": "created"}


def test_a_replacing_run_inherits_the_intent_of_an_earlier_run(open_run: OpenRun) -> None:
    killed, ledger = open_run(ELSEWHERE), open_run()
    made(killed)
    sent = replacing(killed, lease=-1.0)
    assert killed.renew(replace(sent, unanswered=sent.unanswered.with_request(PRESET, CLOCK)), -1.0)
    claim = replacing(ledger)
    assert (claim.inherited, claim.unanswered.count, claim.seen_ids) == (True, 1, frozenset({"s1"}))
    assert phases(ledger) == {"s1": "replaced", None: "pending"}


def test_sessions_that_are_replaced_one_after_the_other_keep_their_rows(open_run: OpenRun) -> None:
    ledger = open_run()
    keys = [made(ledger)]
    for number in (2, 3):
        keys.append(new_key())
        assert ledger.keep(replacing(ledger, f"s{number - 1}"), "created", f"s{number}", keys[-1])
    assert phases(ledger) == {"s1": "replaced", "s2": "replaced", "s3": "created"}
    assert [key_of(ledger, f"s{number}") for number in (1, 2, 3)] == keys
    # A refused creation gives the slot back to the session that held it last.
    ledger.withdraw(replacing(ledger, "s3"))
    assert phases(ledger) == {"s1": "replaced", "s2": "replaced", "s3": "created"}


def test_a_session_that_another_run_has_just_created_is_not_replaced(open_run: OpenRun) -> None:
    rival, ledger = open_run(ELSEWHERE), open_run()
    made(rival)
    assert rival.keep(replacing(rival), "created", "s2", new_key())
    row = ledger.claim(SLOT, ["s1"], 60.0, replaced_id="s1")
    assert isinstance(row, Row)
    assert row.object_id == "s2"
    assert phases(ledger) == {"s1": "replaced", "s2": "created"}


def test_a_session_in_a_busy_slot_is_not_marked_as_replaced(open_run: OpenRun) -> None:
    rival, ledger = open_run(ELSEWHERE), open_run()
    made(rival)
    claimed_by_rival = replacing(rival)
    assert isinstance(ledger.claim(SLOT, [], 60.0, replaced_id="s9"), Busy)
    assert phases(ledger) == {"s1": "replaced", None: "pending"}
    rival.withdraw(claimed_by_rival)
    assert phases(ledger) == {"s1": "created"}


def test_exactly_one_of_several_concurrent_runs_may_replace_a_session(open_run: OpenRun) -> None:
    made(open_run())
    runs, start = [open_run() for _number in range(8)], threading.Barrier(8)

    def replace_it(ledger: Ledger) -> str:
        start.wait()
        return type(ledger.claim(SLOT, ["s1"], 60.0, replaced_id="s1")).__name__

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(replace_it, runs)) == ["Busy"] * 7 + ["Claim"]
    assert phases(runs[0]) == {"s1": "replaced", None: "pending"}


def test_a_forgotten_intent_gives_the_slot_back(open_run: OpenRun, ledger_settings: LedgerSettings) -> None:
    ledger = open_run()
    made(ledger)
    with closing(maintained(ledger_settings)) as maintenance:
        maintenance.forget([replacing(ledger).row_id])
    ledger.withdraw_unsent(SLOT)
    assert phases(ledger) == {"s1": "created"}


@pytest.mark.parametrize("over", [[], ["s2", "s9"]])
def test_adopting_a_key_erases_no_key_of_a_session_that_may_be_current(open_run: OpenRun, over: list[str]) -> None:
    ledger, other = open_run(), new_key()
    key = made(ledger)
    ledger.adopt(SLOT, "s2", other, over)
    assert phases(ledger) == {"s1": "created", "s2": "beside"}
    assert (key_of(ledger, "s1"), key_of(ledger, "s2")) == (key, other)
    newer = new_key()
    ledger.adopt(SLOT, "s2", newer, over)
    ledger.adopt(SLOT, "s1", other, over)
    assert phases(ledger) == {"s1": "created", "s2": "beside"}
    assert (key_of(ledger, "s1"), key_of(ledger, "s2")) == (other, newer)


def test_adopting_a_key_takes_the_slot_of_a_session_that_is_over(open_run: OpenRun) -> None:
    ledger, other = open_run(), new_key()
    made(ledger)
    ledger.adopt(SLOT, "s2", other, ["s1"])
    assert phases(ledger) == {"s2": "created"}
    assert key_of(ledger, "s2") == other


def test_adopting_a_key_takes_the_slot_of_an_intent_only_if_it_is_unsent(open_run: OpenRun) -> None:
    killed, ledger = open_run(ELSEWHERE), open_run()
    slots = [replace(SLOT, title=title) for title in ("idle", "leased", "asked", "with a key")]
    idle, leased, asked, with_key = (
        claimed(killed, slot, lease=60.0 if slot.title == "leased" else -1.0) for slot in slots
    )
    assert killed.renew(replace(asked, unanswered=asked.unanswered.with_request(None, CLOCK)), -1.0)
    assert killed.keep(with_key, "pending", None, new_key())
    for slot in slots:
        ledger.adopt(slot, slot.title, new_key())
    found = {row.object_id: row.phase for row in ledger.rows(SLOT.api, [SLOT.parent]) if row.object_id}
    assert found == {"idle": "created", "leased": "beside", "asked": "beside", "with a key": "beside"}
    pending = {row.id for row in ledger.rows(SLOT.api, [SLOT.parent]) if row.phase == "pending"}
    assert pending == {leased.row_id, asked.row_id, with_key.row_id}
    assert idle.row_id not in pending


@pytest.mark.parametrize("phase", ["replaced", "spare"])
def test_adopting_the_key_of_a_session_that_will_be_removed_does_not_take_the_slot(
    open_run: OpenRun, phase: str
) -> None:
    slow, ledger = open_run(ELSEWHERE), open_run()
    if phase == "replaced":
        made(ledger)
        assert ledger.keep(replacing(ledger), "created", "s2", new_key())
    else:
        late = claimed(slow, lease=-1.0)
        made(ledger, "s2")
        assert not slow.keep(late, "created", "s1", new_key())
    newer = new_key()
    ledger.adopt(SLOT, "s1", newer)
    assert phases(ledger) == {"s1": phase, "s2": "created"}
    assert key_of(ledger, "s1") == newer
