# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import ServiceError
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import StreamKey
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import MASK, Redactor
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.location import LedgerSettings
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import Claim, Ledger, Slot
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._operations.info import (
    FoundSession,
    RoomQuery,
    SessionQuery,
    find_rooms,
    find_sessions,
)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.transport import Connection

from ..scripted_server import Answer, Request, refusal, success
from ..small_service import SmallService

Ask = Callable[..., tuple[FoundSession, ...]]


@pytest.fixture
def connection(service: SmallService, api_key: str) -> Connection:
    return Connection(service.url, api_key=api_key, timeout=5.0, retries=0, concurrency=4)


@pytest.fixture
def ask(connection: Connection, ledger_settings: LedgerSettings) -> Ask:
    def sessions(**query: Any) -> tuple[FoundSession, ...]:
        return find_sessions(SessionQuery(**query), connection, ledger_settings, Redactor()).sessions

    return sessions


def answering(service: SmallService, path: str, answer: Answer) -> None:
    """Give one answer to every request for a path, whatever its query."""
    service.on_request = lambda request: answer if request.path.partition("?")[0] == path else None


def keep_key(ledger: Ledger, service: SmallService, room_id: str, session_id: str) -> None:
    slot = Slot(service.url, "session", room_id, service.sessions[session_id]["title"])
    ledger.adopt(slot, session_id, StreamKey(service.keys[session_id]))


def test_rooms_and_sessions_beyond_one_page_are_all_found(
    service: SmallService, connection: Connection, ask: Ask
) -> None:
    rooms = [service.add_room(f"Room {number}") for number in range(250)]
    for number in range(250):
        service.add_session(rooms[0], f"Session {number}")
    found = find_rooms(RoomQuery(), connection, Redactor())
    assert sorted(room["id"] for room in found) == sorted(rooms)
    assert sorted(one.session.id for one in ask(room_title="Room 0")) == sorted(service.sessions)


def test_sessions_of_rooms_with_the_same_title_are_all_found(service: SmallService, ask: Ask) -> None:
    for _time in range(2):
        service.add_session(service.add_room("Main stage"), "Keynote")
    assert len(ask(room_title="Main stage")) == 2


def test_a_room_that_is_deleted_during_the_query_has_no_sessions(service: SmallService, ask: Ask) -> None:
    room_id = service.add_room("Main stage")
    service.add_session(service.add_room("Workshop"), "Hands on")
    answering(service, f"/rooms/{room_id}/sessions", refusal(404))
    assert [one.session.title for one in ask()] == ["Hands on"]


def test_a_session_without_a_room_in_its_answer_has_the_listed_rooms_title(service: SmallService, ask: Ask) -> None:
    session_id = service.add_session(service.add_room("Main stage"), "Keynote")
    assert "room" not in service.sessions[session_id]
    assert [one.room_title for one in ask()] == ["Main stage"]


@pytest.mark.parametrize("wrap", [lambda item: item, lambda item: {"session": item}])
def test_one_session_is_read_from_both_forms_of_the_answer(service: SmallService, ask: Ask, wrap: Any) -> None:
    session_id = str(uuid.uuid4())
    answering(service, f"/sessions/{session_id}", success(wrap({"id": session_id, "title": "Keynote"})))
    assert [(one.session.id, one.session.status) for one in ask(session_id=session_id)] == [(session_id, "scheduled")]


def test_sessions_without_an_id_are_left_out(service: SmallService, ask: Ask) -> None:
    session_id = str(uuid.uuid4())
    answering(service, f"/sessions/{session_id}", success({"title": "Keynote"}))
    assert ask(session_id=session_id) == ()


def test_health_is_read_for_each_current_session(service: SmallService, ask: Ask) -> None:
    room_id = service.add_room("Main stage")
    current, over = service.add_session(room_id, "Keynote"), service.add_session(room_id, "Over", status="ended")

    def health(request: Request) -> Answer | None:
        assert over not in request.path
        return success({"publishing": True}) if request.path.endswith("/stream_health") else None

    service.on_request = health
    assert {one.session.id: one.stream_health for one in ask(with_stream_health=True)} == {
        current: {"publishing": True},
        over: None,
    }


def test_the_ledgers_keys_are_masked_from_then_on(
    service: SmallService, connection: Connection, ledger_settings: LedgerSettings, open_run: Callable[..., Ledger]
) -> None:
    room_id = service.add_room("Main stage")
    kept, redactor = service.add_session(room_id, "Keynote"), Redactor()
    keep_key(open_run(), service, room_id, kept)
    find_sessions(SessionQuery(), connection, ledger_settings, redactor)
    assert redactor.text(f"live/{service.keys[kept]}") == f"live/{MASK}"


@pytest.mark.parametrize("answer", [refusal(404), refusal(500), Answer(200, b"<html>"), Answer(200, b"[1]")])
def test_a_session_whose_health_cannot_be_read_does_not_hide_the_others(
    service: SmallService, ask: Ask, answer: Answer
) -> None:
    room_id = service.add_room("Main stage")
    bad, good = service.add_session(room_id, "Keynote"), service.add_session(room_id, "Panel")
    answers = {f"/sessions/{bad}/stream_health": answer, f"/sessions/{good}/stream_health": success({"ok": True})}
    service.on_request = lambda request: answers.get(request.path)
    found = {one.session.id: one.stream_health for one in ask(with_stream_health=True)}
    assert f"GET /sessions/{bad}" in str(found[bad])
    assert found[good] == {"ok": True}


def test_a_refused_credential_ends_the_query(service: SmallService, ask: Ask) -> None:
    session_id = service.add_session(service.add_room("Main stage"), "Keynote")
    answering(service, f"/sessions/{session_id}/stream_health", refusal(401))
    with pytest.raises(ServiceError, match="Check api_key or api_token"):
        ask(with_stream_health=True)


def test_statistics_are_the_services_own(
    service: SmallService, connection: Connection, ledger_settings: LedgerSettings
) -> None:
    answering(service, "/sessions/stats", success({"live_now": 1}))
    for asked, told in ((True, {"live_now": 1}), (False, None)):
        query = SessionQuery(with_statistics=asked)
        assert find_sessions(query, connection, ledger_settings, Redactor()).statistics == told


def test_a_stored_key_is_shown_by_its_fingerprint(
    service: SmallService, ask: Ask, open_run: Callable[..., Ledger]
) -> None:
    room_id = service.add_room("Main stage")
    kept, other = service.add_session(room_id, "Keynote"), service.add_session(room_id, "Panel")
    ledger = open_run()
    keep_key(ledger, service, room_id, kept)
    found = {one.session.id: (one.has_key, one.fingerprint) for one in ask()}
    fingerprint = ledger.fingerprint(service.keys[kept])
    assert found == {kept: (True, fingerprint), other: (False, None)}


def test_a_key_stored_beside_its_slot_is_available_too(
    service: SmallService, ask: Ask, open_run: Callable[..., Ledger]
) -> None:
    room_id = service.add_room("Main stage")
    first, second = service.add_session(room_id, "Keynote"), service.add_session(room_id, "Keynote")
    slot = Slot(service.url, "session", room_id, "Keynote")
    late, winner = open_run(), open_run()
    lost = late.claim(slot, [], 0.0)
    taken_over = winner.claim(slot, [], 60.0)
    assert isinstance(lost, Claim)
    assert isinstance(taken_over, Claim)
    winner.keep(taken_over, "created", first, StreamKey(service.keys[first]))
    late.keep(lost, "created", second, StreamKey(service.keys[second]))
    assert [one.has_key for one in ask()] == [True, True]


def test_reading_creates_no_ledger(service: SmallService, ask: Ask, tmp_path: Path) -> None:
    service.add_session(service.add_room("Main stage"), "Keynote")
    assert ask()[0].has_key is False
    assert not (tmp_path / "ledger").exists()


def test_a_ledger_in_a_folder_that_cannot_exist_is_no_ledger(service: SmallService, connection: Connection) -> None:
    service.add_session(service.add_room("Main stage"), "Keynote")
    nowhere = LedgerSettings("sqlite:////proc/nowhere/keys.sqlite3")
    assert find_sessions(SessionQuery(), connection, nowhere, Redactor()).sessions[0].has_key is False


def test_nothing_but_reading_calls_are_made(service: SmallService, connection: Connection, ask: Ask) -> None:
    service.add_session(service.add_room("Main stage"), "Keynote")
    answering(service, "/sessions/stats", success({}))
    find_rooms(RoomQuery(), connection, Redactor())
    ask(with_stream_health=True, with_statistics=True)
    assert {method for method, _path in service.journal} == {"GET"}
