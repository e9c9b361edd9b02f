# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
import sqlalchemy as sa
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import LedgerError
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import StreamKey
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import MASK, Redactor
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.database import Database
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.lease_owner import new_owner
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.location import LedgerSettings
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.schema import slots
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import Busy, Claim, Row, Slot, open_ledger
from cryptography.fernet import Fernet

from ..ledger_cases import ELSEWHERE, SLOT, OpenRun, both_databases, claimed, new_key, only_row, stored

pytestmark = both_databases


def test_a_first_claim_is_new_and_committed(open_run: OpenRun) -> None:
    claim = claimed(open_run(ELSEWHERE))
    assert not claim.inherited
    assert claim.seen_ids == {"s0"}
    row = only_row(open_run())
    assert (row.phase, row.object_id, row.key, row.leased) == ("pending", None, None, True)
    assert row.seen_ids == {"s0"}


def test_a_slot_that_another_run_has_claimed_is_busy_until_its_lease_ends(open_run: OpenRun) -> None:
    claimed(open_run(ELSEWHERE))
    busy = open_run().claim(SLOT, [], 60.0)
    assert isinstance(busy, Busy)
    assert 50 < busy.seconds <= 60


def test_a_claim_with_an_ended_lease_is_inherited_with_the_ids_that_the_first_run_saw(open_run: OpenRun) -> None:
    claimed(open_run(ELSEWHERE), lease=-1.0)
    claim = open_run().claim(SLOT, ["s0", "s1"], 60.0)
    assert isinstance(claim, Claim)
    assert claim.inherited
    assert claim.seen_ids == {"s0"}
    assert 0 <= claim.age < 30


def test_a_row_that_is_read_again_has_its_age_and_whether_it_is_leased_by_now(
    open_run: OpenRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, later = Database.now, 0.0
    monkeypatch.setattr(Database, "now", lambda database, connection: now(database, connection) + later)
    claimed(open_run(ELSEWHERE), lease=60.0)
    reader = open_run()
    first = only_row(reader)
    assert first.leased
    later = 70.0
    assert not only_row(reader).leased
    writer = open_run()
    assert writer.keep(claimed(writer), "created", "s1", StreamKey("unit-stream-1", None, None))
    kept = only_row(reader)
    assert kept.key is not None
    later = 80.0
    again = only_row(reader)
    assert again == kept
    assert again.age >= kept.age + 10


def test_a_released_claim_is_inherited_at_once(open_run: OpenRun) -> None:
    first = open_run(ELSEWHERE)
    first.release(claimed(first))
    claim = open_run().claim(SLOT, [], 60.0)
    assert isinstance(claim, Claim)
    assert claim.inherited


def test_a_claim_that_was_taken_over_cannot_be_renewed_or_released_or_withdrawn(open_run: OpenRun) -> None:
    first, second = open_run(ELSEWHERE), open_run("another-boot/[1]:8:8:x")
    old = claimed(first, lease=-1.0)
    claimed(second)
    assert not first.renew(old, 60.0)
    first.release(old)
    first.withdraw(old)
    assert only_row(first).leased


def test_a_renewed_lease_keeps_the_slot_busy(open_run: OpenRun) -> None:
    first = open_run(ELSEWHERE)
    claim = claimed(first, lease=-1.0)
    assert first.renew(claim, 60.0)
    assert isinstance(open_run().claim(SLOT, [], 60.0), Busy)


def test_a_withdrawn_intent_leaves_nothing(open_run: OpenRun) -> None:
    ledger = open_run()
    ledger.withdraw(claimed(ledger))
    assert ledger.rows(SLOT.api, [SLOT.parent]) == []
    assert not claimed(ledger).inherited


def test_a_stored_key_is_read_by_the_next_run(open_run: OpenRun) -> None:
    ledger, key = open_run(), new_key()
    ledger.keep(claimed(ledger), "created", "s1", key)
    row = open_run().row_of_session("s1")
    assert row is not None
    assert (row.phase, row.object_id, row.key, row.leased) == ("created", "s1", key, False)
    assert row.fingerprint == ledger.fingerprint(key.stream_key)


def test_claiming_a_filled_slot_returns_its_row(open_run: OpenRun) -> None:
    ledger, key = open_run(), new_key()
    ledger.keep(claimed(ledger), "created", "s1", key)
    for over in ((), ("s2",)):
        row = open_run().claim(SLOT, [], 60.0, over_ids=over)
        assert isinstance(row, Row)
        assert (row.object_id, row.key) == ("s1", key)


def test_a_slot_whose_session_is_over_can_be_claimed(open_run: OpenRun) -> None:
    ledger = open_run()
    ledger.keep(claimed(ledger), "created", "s1", new_key())
    claim = ledger.claim(SLOT, ["s9"], 60.0, over_ids=["s1"])
    assert isinstance(claim, Claim)
    assert not claim.inherited
    assert ledger.row_of_session("s1") is None


def test_a_key_without_its_session_is_stored_and_inherited(open_run: OpenRun) -> None:
    first, key = open_run(ELSEWHERE), new_key()
    claim = claimed(first)
    first.keep(claim, "pending", None, key)
    assert isinstance(open_run().claim(SLOT, [], 60.0), Busy)
    first.release(claim)
    inherited = open_run().claim(SLOT, [], 60.0)
    assert isinstance(inherited, Claim)
    assert inherited.key == key


def test_a_session_without_a_key_has_a_keyless_row(open_run: OpenRun) -> None:
    ledger = open_run()
    ledger.keep(claimed(ledger), "keyless", "s1", None)
    row = only_row(ledger)
    assert (row.phase, row.object_id, row.key, row.fingerprint) == ("keyless", "s1", None, None)


def test_both_keys_are_stored_if_a_run_continues_after_its_claim_was_taken_over(open_run: OpenRun) -> None:
    slow, quick = open_run(ELSEWHERE), open_run()
    slows, quicks = new_key(), new_key()
    late = claimed(slow, lease=-1.0)
    quick.keep(claimed(quick), "created", "s-quick", quicks)
    slow.keep(late, "created", "s-slow", slows)
    found = {session_id: quick.row_of_session(session_id) for session_id in ("s-quick", "s-slow")}
    assert {session_id: row and row.key for session_id, row in found.items()} == {"s-quick": quicks, "s-slow": slows}


def test_a_key_is_stored_although_its_claim_was_taken_over_and_withdrawn(open_run: OpenRun) -> None:
    slow, quick, key = open_run(ELSEWHERE), open_run(), new_key()
    late = claimed(slow, lease=-1.0)
    quick.withdraw(claimed(quick))
    slow.keep(late, "created", "s-slow", key)
    row = quick.row_of_session("s-slow")
    assert row is not None
    assert row.key == key


def test_slots_with_different_apis_kinds_rooms_or_titles_are_independent(open_run: OpenRun) -> None:
    ledger = open_run()
    others = [
        Slot("https://b.invalid", "session", "r1", "Keynote"),
        Slot(SLOT.api, "room", "", "Keynote"),
        Slot(SLOT.api, "session", "r2", "Keynote"),
        Slot(SLOT.api, "session", "r1", "keynote"),
    ]
    ids = {claimed(ledger, slot).row_id for slot in (SLOT, *others)}
    assert len(ids) == 5
    assert {row.slot for row in ledger.rows(SLOT.api, ["r1"])} == {SLOT, others[1], others[3]}


def test_retiring_erases_the_row_and_its_key(open_run: OpenRun) -> None:
    ledger = open_run()
    ledger.keep(claimed(ledger), "created", "s1", new_key())
    ledger.retire("https://other.invalid", ["s1"])
    assert ledger.row_of_session("s1") is not None
    ledger.retire(SLOT.api, ["s1"])
    assert ledger.row_of_session("s1") is None
    assert ledger.rows(SLOT.api, [SLOT.parent]) == []
    assert stored(ledger, sa.select(slots.c.secret)) == []


def test_a_key_is_masked_after_it_was_read(open_run: OpenRun) -> None:
    ledger, key, redactor = open_run(), new_key(), Redactor()
    ledger.keep(claimed(ledger), "created", "s1", key)
    open_run(redactor=redactor).row_of_session("s1")
    assert redactor.text(key.stream_key) == MASK


def test_a_wrong_ledger_key_is_detected_when_the_ledger_is_opened(
    open_run: OpenRun, ledger_settings: LedgerSettings
) -> None:
    open_run().close()
    settings = LedgerSettings(ledger_settings.url, key=Fernet.generate_key().decode())
    for writable in (True, False):
        with pytest.raises(LedgerError, match="ledger_key"):
            open_ledger(settings, Redactor(), new_owner(), writable=writable)


def test_a_ledger_can_be_opened_with_several_keys(ledger_settings: LedgerSettings) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    key = new_key()
    for keys in (old, f"{new}, {old}"):
        ledger = open_ledger(LedgerSettings(ledger_settings.url, key=keys), Redactor(), new_owner())
        assert ledger is not None
        if keys == old:
            ledger.keep(claimed(ledger), "created", "s1", key)
        row = ledger.row_of_session("s1")
        ledger.close()
        assert row is not None
        assert row.key == key
