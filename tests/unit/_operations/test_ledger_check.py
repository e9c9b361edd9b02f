# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ledger is compared with the service: each entry and each current session gets a finding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible import ledger_results
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import InvalidInput, ServiceError
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import Redactor
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.lease_owner import new_owner
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.location import LedgerSettings
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.schema import slots
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import Claim, Ledger, Slot
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._operations.ledger_check import check_ledger
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._operations.ledger_maintenance import LedgerMaintenance
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.api import WebinarApi
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.transport import Connection

from ..ledger_cases import ELSEWHERE, OpenRun, claimed, new_key, written
from ..scripted_server import Answer, Request, refusal
from ..small_service import SmallService

PRESET = "0d3f2c84-5f43-4b0c-9a57-0c6a6f1f2a11"
Keep = Callable[..., str]
Findings = Callable[[], dict[str, str]]


@pytest.fixture
def ledger(open_run: OpenRun) -> Ledger:
    return open_run()


@pytest.fixture
def room_id(service: SmallService) -> str:
    return service.add_room("Main stage")


@pytest.fixture
def keep(service: SmallService, api: WebinarApi, ledger: Ledger, room_id: str) -> Keep:
    """Create a session at the service, and its entry in the ledger."""

    def make(title: str, *, with_key: bool = True, status: str = "scheduled") -> str:
        session_id = service.add_session(room_id, title, PRESET, status)
        claim = ledger.claim(Slot(api.url, "session", room_id, title), [], 60.0)
        assert isinstance(claim, Claim)
        ledger.keep(claim, "created" if with_key else "keyless", session_id, new_key() if with_key else None)
        return session_id

    return make


@pytest.fixture
def findings(api: WebinarApi, ledger: Ledger) -> Findings:
    def found() -> dict[str, str]:
        checked = check_ledger(api, ledger.entries(), 4)
        return {
            (one.session.id if one.session else one.row.object_id or one.row.slot.title if one.row else ""): one.finding
            for one in checked
        }

    return found


def test_a_current_session_with_its_key_is_ok(keep: Keep, findings: Findings) -> None:
    ids = [keep("Keynote"), keep("Panel", status="live")]
    assert findings() == dict.fromkeys(ids, "ok")


def test_a_session_whose_key_is_not_stored_is_keyless(
    service: SmallService, keep: Keep, findings: Findings, room_id: str
) -> None:
    ours, foreign = keep("Keynote", with_key=False), service.add_session(room_id, "Made in the dashboard", PRESET)
    assert findings() == {ours: "keyless", foreign: "keyless"}


def test_a_session_that_is_gone_is_missing_and_one_that_is_past_is_over(
    service: SmallService, keep: Keep, findings: Findings
) -> None:
    gone, ended, expired = keep("Keynote"), keep("Panel", status="ended"), keep("Closing", status="expired")
    del service.sessions[gone]
    assert findings() == {gone: "missing", ended: "over", expired: "over"}


def test_a_past_session_without_an_entry_is_not_reported(
    service: SmallService, findings: Findings, room_id: str
) -> None:
    service.add_session(room_id, "Last year", PRESET, "ended")
    assert findings() == {}


def test_a_session_with_another_title_or_room_has_drifted(
    service: SmallService, keep: Keep, findings: Findings
) -> None:
    renamed, moved = keep("Keynote"), keep("Panel")
    service.sessions[renamed]["title"] = "Opening"
    service.sessions[moved]["room_id"] = service.add_room("Workshop")
    assert findings() == {renamed: "drifted", moved: "drifted"}


def test_a_second_session_of_a_slot_is_orphaned(
    service: SmallService, api: WebinarApi, open_run: OpenRun, keep: Keep, findings: Findings, room_id: str
) -> None:
    first, unknown = keep("Keynote"), service.add_session(room_id, "Keynote", PRESET)
    slow, quick = open_run(ELSEWHERE), open_run()
    slot = Slot(api.url, "session", room_id, "Panel")
    late, prompt = slow.claim(slot, [], -1.0), quick.claim(slot, [], 60.0)
    assert isinstance(late, Claim)
    assert isinstance(prompt, Claim)
    made, spare = (service.add_session(room_id, "Panel", PRESET) for _number in range(2))
    quick.keep(prompt, "created", made, new_key())
    slow.keep(late, "created", spare, new_key())
    assert findings() == {first: "ok", unknown: "orphaned", made: "ok", spare: "orphaned"}


def spare(ledger: Ledger, session_id: str) -> None:
    changed = sa.update(slots).where(slots.c.object_id == session_id).values(phase="spare")
    written(ledger, changed)


def findings_with(api: WebinarApi, ledger: Ledger, phase: Any) -> list[str]:
    """Return the findings in the order of the entries, with ``phase`` in place of ``spare``."""
    rows = [replace(row, phase=phase) if row.phase == "spare" else row for row in ledger.entries()]
    return [one.finding for one in check_ledger(api, rows, 4)]


def test_a_session_that_is_being_replaced_is_in_order_until_its_replacement_exists(
    keep: Keep, ledger: Ledger, api: WebinarApi, room_id: str
) -> None:
    spare(ledger, keep("Keynote"))
    claim = claimed(ledger, Slot(api.url, "session", room_id, "Keynote"), lease=-1.0)
    assert findings_with(api, ledger, "replaced") == ["ok", "interrupted"]
    ledger.withdraw(claim)
    assert findings_with(api, ledger, "replaced") == ["ok"]
    keep("Keynote")
    assert findings_with(api, ledger, "replaced") == ["orphaned", "ok"]


@pytest.mark.parametrize("with_key", [True, False])
def test_a_session_beside_its_slot_is_in_order_if_its_key_is_stored(
    keep: Keep, ledger: Ledger, api: WebinarApi, with_key: bool
) -> None:
    spare(ledger, keep("Keynote", with_key=with_key))
    keep("Keynote")
    assert findings_with(api, ledger, "beside") == ["ok" if with_key else "keyless", "ok"]
    assert findings_with(api, ledger, "spare") == ["orphaned", "ok"]


def test_a_title_in_the_services_spelling_has_not_drifted(
    service: SmallService, keep: Keep, findings: Findings, room_id: str
) -> None:
    session_id = keep("Q&A  caf\u00e9")
    service.sessions[session_id]["title"] = "Q&amp;A cafe\u0301"
    second = service.add_session(room_id, "Q&A caf\u00e9", PRESET)
    assert findings() == {session_id: "ok", second: "orphaned"}


def test_rooms_and_sessions_of_another_account_are_unknown_and_not_missing(
    service: SmallService, api: WebinarApi, ledger: Ledger, findings: Findings
) -> None:
    """Otherwise, to ``forget`` all missing entries would erase the keys of the other account."""
    mine, theirs, gone = (service.add_room(title) for title in ("Main stage", "Workshop", "Lounge"))
    host = service.rooms[mine].setdefault("host_id", "me")
    for room_id, title, account in ((theirs, "Workshop", "somebody else"), (gone, "Lounge", host)):
        for slot, made in (
            (Slot(api.url, "room", account, title), room_id),
            (Slot(api.url, "session", room_id, title), f"session-of-{room_id}"),
        ):
            ledger.keep(claimed(ledger, slot), "created", made, new_key() if slot.kind == "session" else None)
        del service.rooms[room_id]
    found = {"unknown": theirs, "missing": gone}
    expected = {one: finding for finding, room in found.items() for one in (room, f"session-of-{room}")}
    assert findings() == expected


def test_an_intent_is_interrupted_unless_its_run_is_active(
    api: WebinarApi, open_run: OpenRun, findings: Findings, room_id: str
) -> None:
    for title, lease in (("Keynote", 60.0), ("Panel", -1.0)):
        open_run(ELSEWHERE).claim(Slot(api.url, "session", room_id, title), [], lease)
    assert findings() == {"Keynote": "in_progress", "Panel": "interrupted"}


def test_an_entry_that_cannot_be_read_is_damaged(keep: Keep, ledger: Ledger, findings: Findings) -> None:
    sound, spoilt = keep("Keynote"), keep("Panel")
    spoil = sa.update(slots).where(slots.c.object_id == spoilt).values(secret=b"damaged")
    written(ledger, spoil)
    assert findings() == {sound: "ok", spoilt: "damaged"}


def test_a_room_that_was_renamed_has_drifted_and_one_that_is_gone_is_missing(
    service: SmallService, api: WebinarApi, ledger: Ledger, findings: Findings
) -> None:
    ids = [service.add_room(title) for title in ("Main stage", "Workshop", "Lounge")]
    for room_id, title in zip(ids, ("Main stage", "Workshop", "Lounge"), strict=True):
        claim = ledger.claim(Slot(api.url, "room", "", title), [], 60.0)
        assert isinstance(claim, Claim)
        ledger.keep(claim, "created", room_id, None)
    service.rooms[ids[1]]["title"] = "Hands on"
    del service.rooms[ids[2]]
    checked = check_ledger(api, ledger.entries(), 4)
    assert [one.finding for one in checked] == ["ok", "drifted", "missing"]


def test_a_lagging_list_does_not_make_a_session_missing(service: SmallService, keep: Keep, findings: Findings) -> None:
    session_id = keep("Keynote")
    service.hidden_lists = 1
    assert findings() == {session_id: "ok"}


def test_a_session_that_this_account_may_not_see_is_unknown(
    service: SmallService, keep: Keep, findings: Findings, room_id: str
) -> None:
    session_id = keep("Keynote")
    del service.rooms[room_id]

    def forbid(request: Request) -> Answer | None:
        return refusal(403) if request.path.startswith("/sessions/") else None

    service.on_request = forbid
    assert findings() == {session_id: "unknown"}


def test_a_refused_credential_is_an_error_and_no_finding(service: SmallService, keep: Keep, findings: Findings) -> None:
    keep("Keynote")
    service.on_request = lambda _request: refusal(401)
    with pytest.raises(ServiceError):
        findings()


def test_entries_of_another_api_are_left_out(keep: Keep, ledger: Ledger, findings: Findings) -> None:
    session_id = keep("Keynote")
    ledger.claim(Slot("https://b.invalid", "session", "r1", "Keynote"), [], 60.0)
    assert findings() == {session_id: "ok"}


def test_the_result_of_a_check_counts_findings_and_contains_no_key(
    service: SmallService, keep: Keep, ledger_settings: LedgerSettings, room_id: str, api_key: str
) -> None:
    kept, foreign = keep("Keynote"), service.add_session(room_id, "Made in the dashboard", PRESET)
    connection = Connection(service.url, api_key=api_key, timeout=5.0, retries=0, concurrency=4)
    maintenance = LedgerMaintenance(ledger_settings, Redactor(), check_mode=False)
    result = ledger_results.checked(maintenance.check(connection), service.url)
    assert (result["changed"], result["in_order"]) == (False, False)
    assert result["summary"] == {"keyless": 1, "ok": 1}
    shown = {entry["session_id"]: (entry["room"], entry["title"], entry["entry"]) for entry in result["entries"]}
    assert shown == {kept: ("Main stage", "Keynote", 1), foreign: ("Main stage", "Made in the dashboard", None)}
    assert "unit-stream" not in str(result)
    assert service.count("POST") == 0


def test_an_entry_that_another_run_is_creating_is_not_forgotten(
    open_run: OpenRun, ledger_settings: LedgerSettings
) -> None:
    owner = new_owner().replace(":", "-elsewhere:", 1)
    claim = open_run(owner).claim(Slot("a", "session", "r1", "Keynote"), [], 60.0)
    assert isinstance(claim, Claim)
    with pytest.raises(InvalidInput, match="another run is just creating it"):
        LedgerMaintenance(ledger_settings, Redactor(), check_mode=False).forget((), {claim.row_id})
