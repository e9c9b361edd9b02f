# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import InvalidInput
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import StreamKey
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import Cipher, Redactor
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.location import LedgerSettings, database_file
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import Claim, Ledger, Slot
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.unanswered import Clock
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._operations.adoption import adopt, forget
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.transport import Connection
from cryptography.fernet import Fernet

from ..scripted_server import success
from ..small_service import SmallService


@dataclass
class Adoption:
    service: SmallService
    ledger: Ledger
    connection: Connection
    settings: LedgerSettings
    slot: Slot
    session_id: str
    key: StreamKey

    def run(self, *, check_mode: bool = False, stream_key: str | None = None) -> bool:
        """Adopt the key, and return whether that changed the ledger."""
        key = replace(self.key, stream_key=stream_key or self.key.stream_key)
        kept = adopt(self.connection, self.settings, self.session_id, key, Redactor(), check_mode=check_mode)
        return kept.changed

    def forget(self, *, check_mode: bool = False) -> bool:
        return forget(self.settings, self.session_id, Redactor(), check_mode=check_mode).changed

    def claim(self, lease: float) -> Claim:
        claim = self.ledger.claim(self.slot, [], lease)
        assert isinstance(claim, Claim)
        return claim

    def kept(self, session_id: str | None = None) -> StreamKey | None:
        row = self.ledger.row_of_session(session_id or self.session_id)
        return row.key if row else None


@pytest.fixture
def adoption(
    service: SmallService, api_key: str, ledger_settings: LedgerSettings, open_run: Callable[..., Ledger]
) -> Adoption:
    room_id = service.add_room("Main stage")
    session_id = service.add_session(room_id, "Keynote")
    connection = Connection(service.url, api_key=api_key, timeout=5.0, retries=0, concurrency=4)
    key = StreamKey(service.keys[session_id], "rtmp://ingest.invalid/live")
    slot = Slot(service.url, "session", room_id, "Keynote")
    return Adoption(service, open_run(), connection, ledger_settings, slot, session_id, key)


def test_an_adopted_key_fills_the_slot_of_its_session(adoption: Adoption) -> None:
    assert adoption.run()
    (row,) = list(adoption.ledger.rows(adoption.slot.api, [adoption.slot.parent]))
    assert (row.slot, row.object_id, row.phase) == (adoption.slot, adoption.session_id, "created")
    assert row.key == adoption.key


def test_a_key_is_refused_while_another_run_creates_in_its_slot(adoption: Adoption) -> None:
    adoption.claim(lease=60.0)
    with pytest.raises(InvalidInput, match="another run is just creating"):
        adoption.run()
    assert adoption.kept() is None


def test_a_run_that_was_killed_before_it_received_a_key_does_not_prevent_adoption(adoption: Adoption) -> None:
    adoption.claim(lease=0.0)
    assert adoption.run()
    assert adoption.kept() is not None


def test_an_adopted_key_keeps_what_else_the_ledger_knows_about_it(adoption: Adoption) -> None:
    known = StreamKey(adoption.key.stream_key, None, "https://ingest.invalid/whip")
    adoption.ledger.adopt(adoption.slot, adoption.session_id, known)
    assert [adoption.run() for _number in range(2)] == [True, False]
    assert adoption.kept() == replace(known, rtmp_url=adoption.key.rtmp_url)
    assert adoption.run(stream_key="unit-stream-rotated")
    assert adoption.kept() == StreamKey("unit-stream-rotated", adoption.key.rtmp_url)


def test_a_key_may_be_adopted_for_two_services(adoption: Adoption) -> None:
    key = adoption.key
    adoption.ledger.adopt(replace(adoption.slot, api="https://other.invalid"), adoption.session_id, key)
    assert [adoption.run() for _number in range(2)] == [True, False]
    (row,) = adoption.ledger.rows(adoption.slot.api, [adoption.slot.parent])
    assert row.key == key


@pytest.mark.parametrize("is_unanswered", [False, True])
def test_a_stored_key_is_no_change_whatever_fills_its_slot(adoption: Adoption, is_unanswered: bool) -> None:
    claim = adoption.claim(lease=60.0)
    if is_unanswered:
        sent = replace(claim, unanswered=claim.unanswered.with_request(None, Clock(None, adoption.ledger.now())))
        assert adoption.ledger.renew(sent, 0.0)
    adoption.ledger.release(claim)
    assert [adoption.run() for _number in range(2)] == [True, False]
    assert adoption.kept() is not None


def test_a_key_without_a_known_session_is_not_overwritten(adoption: Adoption) -> None:
    claim = adoption.claim(lease=60.0)
    adoption.ledger.keep(claim, "pending", None, StreamKey("unit-stream-of-nobody-yet"))
    adoption.ledger.release(claim)
    with pytest.raises(InvalidInput, match="did not learn for which session"):
        adoption.run()


def test_a_key_without_a_known_session_may_be_adopted_for_a_session(adoption: Adoption) -> None:
    claim = adoption.claim(lease=60.0)
    adoption.ledger.keep(claim, "pending", None, StreamKey(adoption.key.stream_key))
    adoption.ledger.release(claim)
    assert adoption.run()
    assert adoption.kept() == adoption.key


@pytest.mark.parametrize("check_mode", [False, True])
def test_the_key_of_another_current_session_is_not_overwritten(adoption: Adoption, check_mode: bool) -> None:
    other = adoption.service.add_session(adoption.slot.parent, "Keynote")
    adoption.ledger.adopt(adoption.slot, other, StreamKey(adoption.service.keys[other]))
    with pytest.raises(InvalidInput, match=other):
        adoption.run(check_mode=check_mode)
    assert adoption.kept(other) == StreamKey(adoption.service.keys[other])


def test_a_key_that_the_given_ledger_keys_cannot_read_is_not_overwritten(
    adoption: Adoption, ledger_settings: LedgerSettings
) -> None:
    other = adoption.service.add_session(adoption.slot.parent, "Keynote")
    foreign = Cipher([Fernet.generate_key().decode()]).encrypt({"stream_key": adoption.service.keys[other]})
    adoption.ledger.adopt(adoption.slot, other, StreamKey(adoption.service.keys[other]))
    with closing(sqlite3.connect(database_file(ledger_settings), isolation_level=None)) as connection:
        connection.execute("UPDATE tenbyte_webinar_slots SET secret = ?", (foreign,))
    with pytest.raises(InvalidInput, match="damaged or was written with a key that is not given"):
        adoption.run()
    (row,) = adoption.ledger.entries()
    assert (row.object_id, row.phase, row.damaged) == (other, "created", True)


def test_a_key_that_another_run_has_just_stored_is_not_overwritten(
    adoption: Adoption, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = adoption.service.add_session(adoption.slot.parent, "Keynote")
    real = Ledger.adopt

    def after_another_run(ledger: Ledger, *given: Any) -> None:
        monkeypatch.setattr(Ledger, "adopt", real)
        ledger.adopt(adoption.slot, other, StreamKey(adoption.service.keys[other]))
        ledger.adopt(*given)

    monkeypatch.setattr(Ledger, "adopt", after_another_run)
    assert adoption.run()
    assert adoption.kept() is not None
    assert adoption.kept(other) == StreamKey(adoption.service.keys[other])


def test_a_session_without_a_room_is_refused(adoption: Adoption) -> None:
    adoption.service.on_request = lambda _request: success({"id": adoption.session_id, "title": "Keynote"})
    with pytest.raises(InvalidInput, match="does not say which room"):
        adoption.run()


def test_check_mode_writes_nothing(adoption: Adoption) -> None:
    assert adoption.run(check_mode=True)
    assert adoption.kept() is None
    adoption.run()
    assert adoption.forget(check_mode=True)
    assert adoption.kept() is not None


def test_a_forgotten_key_is_erased_for_any_api(adoption: Adoption) -> None:
    adoption.run()
    assert adoption.forget()
    assert adoption.kept() is None


def test_the_result_contains_neither_key_nor_ingest_url(adoption: Adoption) -> None:
    given = (adoption.connection, adoption.settings, adoption.session_id, adoption.key, Redactor())
    adopted = adopt(*given, check_mode=False)
    forgotten = forget(adoption.settings, adoption.session_id, Redactor(), check_mode=False)
    assert adopted.after == forgotten.before
    assert adopted.after is not None
    assert adopted.after.stream_key == adoption.ledger.fingerprint(adoption.key.stream_key)
    for kept in (adopted, forgotten):
        assert adoption.key.stream_key not in repr(kept)
        assert str(adoption.key.rtmp_url) not in repr(kept)
