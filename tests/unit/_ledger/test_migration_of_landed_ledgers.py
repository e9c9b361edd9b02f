# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The upgrade of the ledger that the first version wrote: no key is lost, and every row has an exact meaning."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger import rotation
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.location import LedgerSettings
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import Claim, Ledger, Row, Slot
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.unanswered import Unanswered
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.account import Account
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.indexes import KnownRows, known_rows

from tests.fixtures.landed_ledger import LANDED

from ..ledger_cases import SLOT, both_databases, claimed, new_key, opened
from .earlier_ledgers import all_rows, expected_keys, laid_down, make_version_1, run_sql, tables

pytestmark = both_databases
API = "https://api.example.com/v1/webinar"
OTHER_SPELLING = "https://API.example.com:443/v1/webinar/"
ROOM, WORKSHOP = "00000000-0000-4000-8000-00000000a001", "00000000-0000-4000-8000-00000000a002"


def session_id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


@pytest.fixture
def landed(ledger_settings: LedgerSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LedgerSettings:
    """The ledger that the first version wrote. Its former key does not expire in these tests."""
    monkeypatch.setattr(rotation, "FORMER_KEY_LASTS", float("inf"))
    return laid_down(ledger_settings, tmp_path, "2")


def rows_of(settings: LedgerSettings, *, writable: bool) -> list[Row]:
    with closing(opened(settings, writable=writable)) as ledger:
        return [row for row in ledger.rows(API, [ROOM, WORKSHOP]) if not row.damaged]


def held(rows: list[Row]) -> dict[Slot, str | None]:
    known: KnownRows = known_rows(rows, Account("me", other_names=("",)), {ROOM})
    return {slot: row.object_id for slot, row in known.held.items()}


def keys_of(ledger: Ledger) -> dict[int | None, str]:
    found = {number: ledger.row_of_session(session_id(number)) for number in LANDED["2"].keys if number is not None}
    return {number: row.key.stream_key for number, row in found.items() if row is not None and row.key is not None}


def test_every_key_can_still_be_read_by_the_id_of_its_session(landed: LedgerSettings) -> None:
    for writable in (False, True, False):
        with closing(opened(landed, writable=writable)) as ledger:
            assert {**keys_of(ledger), None: "not-a-real-key-46"} == expected_keys("2")
            (nameless,) = [row for row in ledger.entries() if row.key is not None and row.object_id is None]
            assert (nameless.phase, nameless.slot.title) == ("pending", "Key without a session")


def test_one_row_holds_each_slot_although_the_url_had_several_spellings(landed: LedgerSettings) -> None:
    rows = all_rows(landed)
    assert {row["api"] for row in rows} == {API}
    of_slot = [
        (row["kind"], row["parent"], row["title"]) for row in rows if row["phase"] in ("pending", "created", "keyless")
    ]
    assert len(of_slot) == len(set(of_slot))
    by_id = {row["object_id"]: row["phase"] for row in rows if row["title"] == "Keynote"}
    assert by_id == {session_id(101): "beside", session_id(107): "created"}
    assert [row["object_id"] for row in rows if row["kind"] == "room" and row["title"] == "Main stage"] == [ROOM]
    assert [row["phase"] for row in rows if row["object_id"] == session_id(108)] == ["created"]


def test_retired_rows_are_deleted_unless_a_request_of_their_slot_is_unanswered(landed: LedgerSettings) -> None:
    rows = all_rows(landed)
    assert [row["object_id"] for row in rows if row["phase"] == "retired"] == [session_id(106)]
    assert {row["seen_ids"] for row in rows if row["unanswered"] is None and row["phase"] != "pending"} == {"[]"}
    pending = {row["title"]: row["seen_ids"] for row in rows if row["phase"] == "pending"}
    assert pending["Unanswered"] == f'["{session_id(101)}"]'


def test_a_retired_row_stays_while_a_request_of_its_slot_is_unanswered(landed: LedgerSettings) -> None:
    run_sql(landed, f"UPDATE slots SET title = 'Retired in doubt' WHERE object_id = '{session_id(240)}'")  # noqa: S608
    rows = all_rows(landed)
    assert {row["object_id"] for row in rows if row["phase"] == "retired"} == {session_id(106), session_id(240)}


def test_an_intent_without_a_count_has_no_unanswered_request(landed: LedgerSettings) -> None:
    with closing(opened(landed)) as ledger:
        rows = {row.slot.title: row for row in ledger.entries() if row.phase == "pending"}
        assert rows["Settled, says NULL"].unanswered == Unanswered.none()
        asked = rows["Unanswered"].unanswered
        assert (asked.count, asked.since, asked.until, asked.by_service) == (1, 1777625280.0, 1777625280.0, True)
        assert rows["Lounge"].unanswered.count == 1
        claim = ledger.claim(rows["Settled, says NULL"].slot, [], 60.0)
        assert isinstance(claim, Claim)
        assert not claim.unanswered


def test_a_ledger_is_read_alike_before_and_after_the_upgrade(landed: LedgerSettings) -> None:
    before = rows_of(landed, writable=False)
    assert {row.slot.api for row in before} == {API}
    again = rows_of(landed, writable=False)
    after = rows_of(landed, writable=True)
    assert held(before) == held(again) == held(after)
    read = [
        {(row.slot, row.object_id): (row.key, row.unanswered) for row in rows if row.key or row.unanswered}
        for rows in (before, after)
    ]
    assert read[0] == read[1]


def test_reading_upgrades_nothing_and_a_second_upgrade_changes_nothing(landed: LedgerSettings) -> None:
    rows_of(landed, writable=False)
    with tables(landed) as connection:
        count = connection.exec_driver_sql("SELECT count(*) FROM slots").scalar_one()
    assert count == 58
    assert all_rows(landed) == all_rows(landed)


def test_unanswered_requests_under_two_spellings_are_merged_in_the_row_that_holds_the_slot(
    landed: LedgerSettings,
) -> None:
    """Row 49 is an intent with an unanswered request. A session was created in its slot under the other spelling."""
    run_sql(
        landed,
        f"UPDATE slots SET parent = '{ROOM}', title = 'Unanswered' WHERE object_id = '{session_id(109)}'",  # noqa: S608
    )
    rows = [row for row in all_rows(landed) if row["title"] == "Unanswered"]
    assert [(row["object_id"], row["phase"]) for row in rows] == [(session_id(109), "created")]
    with closing(opened(landed)) as ledger:
        row = ledger.row_of_session(session_id(109))
    assert row is not None
    assert row.key is not None
    assert (row.unanswered.count, row.unanswered.since, row.unanswered.by_service) == (1, 1777625280.0, True)
    assert row.seen_ids == {session_id(1), session_id(101)}


def test_the_key_of_an_intent_is_kept_beside_the_slot(landed: LedgerSettings) -> None:
    """Row 51 has a key without a session id. A session was created in its slot under the other spelling."""
    run_sql(
        landed,
        f"UPDATE slots SET parent = '{ROOM}', title = 'Key without a session' "  # noqa: S608
        f"WHERE object_id = '{session_id(109)}'",
    )
    with closing(opened(landed)) as ledger:
        rows = [row for row in ledger.rows(API, [ROOM]) if row.slot.title == "Key without a session"]
    assert {(row.phase, row.object_id, row.key is not None) for row in rows} == {
        ("created", session_id(109), True),
        ("beside", None, True),
    }


def test_an_intent_of_version_1_counts_as_one_request_at_the_times_of_its_row(ledger_settings: LedgerSettings) -> None:
    with closing(opened(ledger_settings)) as ledger:
        ledger.release(claimed(ledger))
        ledger.keep(claimed(ledger, replace(SLOT, title="Panel")), "created", "s1", new_key())
    make_version_1(ledger_settings)
    with closing(opened(ledger_settings)) as ledger:
        intent, made = ledger.rows(SLOT.api, [SLOT.parent])
        now = ledger.now()
    asked = intent.unanswered
    assert (asked.count, asked.by_service, asked.preset_ids) == (1, False, ())
    assert now - 60 < asked.since <= asked.until <= now
    assert not made.unanswered
