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
        """Adopt the key; return whether that changed the ledger."""
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


def test_an_adopted_key_is_in_the_slot_of_its_session(adoption: Adoption) -> None:
    assert adoption.run()
    (row,) = list(adoption.ledger.rows(adoption.slot.api, [adoption.slot.parent]))
    assert (row.slot, row.object_id, row.phase) == (adoption.slot, adoption.session_id, "created")
    assert row.key == adoption.key


def test_a_place_where_another_run_is_creating_is_left_to_it(adoption: Adoption) -> None:
    adoption.claim(lease=60.0)
    with pytest.raises(InvalidInput, match="another run is just creating"):
        adoption.run()
    assert adoption.kept() is None


def test_a_run_that_died_before_it_received_a_key_is_no_hindrance(adoption: Adoption) -> None:
    adoption.claim(lease=0.0)
    assert adoption.run()
    assert adoption.kept() is not None


def test_what_else_the_ledger_knows_of_the_same_key_stays(adoption: Adoption) -> None:
    known = StreamKey(adoption.key.stream_key, None, "https://ingest.invalid/whip")
    adoption.ledger.adopt(adoption.slot, adoption.session_id, known)
    assert [adoption.run() for _number in range(2)] == [True, False]
    assert adoption.kept() == replace(known, rtmp_url=adoption.key.rtmp_url)
    assert adoption.run(stream_key="unit-stream-rotated")
    assert adoption.kept() == StreamKey("unit-stream-rotated", adoption.key.rtmp_url)


def test_a_key_that_is_kept_for_another_service_is_kept_for_this_one_too(adoption: Adoption) -> None:
    key = adoption.key
    adoption.ledger.adopt(replace(adoption.slot, api="https://other.invalid"), adoption.session_id, key)
    assert [adoption.run() for _number in range(2)] == [True, False]
    (row,) = adoption.ledger.rows(adoption.slot.api, [adoption.slot.parent])
    assert row.key == key


@pytest.mark.parametrize("is_unanswered", [False, True])
def test_a_key_that_is_kept_already_is_no_change_whatever_holds_its_place(
    adoption: Adoption, is_unanswered: bool
) -> None:
    claim = adoption.claim(lease=60.0)
    if is_unanswered:
        sent = replace(claim, unanswered=claim.unanswered.with_request(None, Clock(None, adoption.ledger.now())))
        assert adoption.ledger.renew(sent, 0.0)
    adoption.ledger.release(claim)
    assert [adoption.run() for _number in range(2)] == [True, False]
    assert adoption.kept() is not None


def test_a_key_whose_session_is_not_known_yet_is_not_lost(adoption: Adoption) -> None:
    claim = adoption.claim(lease=60.0)
    adoption.ledger.keep(claim, "pending", None, StreamKey("unit-stream-of-nobody-yet"))
    adoption.ledger.release(claim)
    with pytest.raises(InvalidInput, match="did not learn for which session"):
        adoption.run()


def test_a_key_whose_session_is_not_known_yet_may_be_said_to_be_of_this_one(adoption: Adoption) -> None:
    claim = adoption.claim(lease=60.0)
    adoption.ledger.keep(claim, "pending", None, StreamKey(adoption.key.stream_key))
    adoption.ledger.release(claim)
    assert adoption.run()
    assert adoption.kept() == adoption.key


@pytest.mark.parametrize("check_mode", [False, True])
def test_the_key_of_another_current_session_is_not_lost(adoption: Adoption, check_mode: bool) -> None:
    other = adoption.service.add_session(adoption.slot.parent, "Keynote")
    adoption.ledger.adopt(adoption.slot, other, StreamKey(adoption.service.keys[other]))
    with pytest.raises(InvalidInput, match=other):
        adoption.run(check_mode=check_mode)
    assert adoption.kept(other) == StreamKey(adoption.service.keys[other])


def test_a_key_that_cannot_be_read_with_the_keys_that_are_given_is_not_lost(
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


def test_a_key_that_was_kept_in_the_same_place_just_now_is_not_lost(
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


def test_a_session_of_which_the_service_does_not_say_the_room_is_refused(adoption: Adoption) -> None:
    adoption.service.on_request = lambda _request: success({"id": adoption.session_id, "title": "Keynote"})
    with pytest.raises(InvalidInput, match="does not say which room"):
        adoption.run()


def test_check_mode_writes_nothing(adoption: Adoption) -> None:
    assert adoption.run(check_mode=True)
    assert adoption.kept() is None
    adoption.run()
    assert adoption.forget(check_mode=True)
    assert adoption.kept() is not None


def test_a_forgotten_key_is_erased_under_whichever_api_it_was_kept(adoption: Adoption) -> None:
    adoption.run()
    assert adoption.forget()
    assert adoption.kept() is None


def test_neither_the_key_nor_the_ingest_url_is_in_what_is_returned(adoption: Adoption) -> None:
    given = (adoption.connection, adoption.settings, adoption.session_id, adoption.key, Redactor())
    adopted = adopt(*given, check_mode=False)
    forgotten = forget(adoption.settings, adoption.session_id, Redactor(), check_mode=False)
    assert adopted.after == forgotten.before
    assert adopted.after is not None
    assert adopted.after.stream_key == adoption.ledger.fingerprint(adoption.key.stream_key)
    for kept in (adopted, forgotten):
        assert adoption.key.stream_key not in repr(kept)
        assert str(adoption.key.rtmp_url) not in repr(kept)
