# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import ServiceError
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import StreamKey
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import Redactor
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.location import LedgerSettings
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import Claim, Ledger, Slot
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._operations.info import room_info, session_info

from ..scripted_server import Answer, Request, refusal, success
from ..small_service import SmallService

Ask = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def options(service: SmallService, api_key: str, ledger_settings: LedgerSettings) -> dict[str, Any]:
    return {
        "api_url": service.url,
        "api_key": api_key,
        "timeout": 5.0,
        "retries": 0,
        "concurrency": 4,
        "scope": "mine",
        "live": False,
        "stream_health": False,
        "statistics": False,
        "ledger_url": ledger_settings.url,
    }


@pytest.fixture
def ask(options: dict[str, Any]) -> Ask:
    def sessions(**given: Any) -> list[dict[str, Any]]:
        result = session_info({**options, **given}, Redactor())
        assert result["changed"] is False
        found: list[dict[str, Any]] = result["sessions"]
        return found

    return sessions


def answering(service: SmallService, path: str, answer: Answer) -> None:
    """Give one answer to every request for a path, whatever its query."""
    service.on_request = lambda request: answer if request.path.partition("?")[0] == path else None


def keep_key(ledger: Ledger, service: SmallService, room_id: str, session_id: str) -> None:
    slot = Slot(service.url, "session", room_id, service.sessions[session_id]["title"])
    ledger.adopt(slot, session_id, StreamKey(service.keys[session_id]))


def test_rooms_and_sessions_beyond_one_page_are_all_found(
    service: SmallService, options: dict[str, Any], ask: Ask
) -> None:
    rooms = [service.add_room(f"Room {number}") for number in range(250)]
    for number in range(250):
        service.add_session(rooms[0], f"Session {number}")
    found = room_info(options, Redactor())["rooms"]
    assert sorted(room["id"] for room in found) == sorted(rooms)
    assert sorted(session["id"] for session in ask(room="Room 0")) == sorted(service.sessions)


def test_sessions_of_rooms_of_one_title_are_all_found(service: SmallService, ask: Ask) -> None:
    for _time in range(2):
        service.add_session(service.add_room("Main stage"), "Keynote")
    assert len(ask(room="Main stage")) == 2


def test_a_room_that_is_deleted_meanwhile_has_no_sessions(service: SmallService, ask: Ask) -> None:
    room_id = service.add_room("Main stage")
    service.add_session(service.add_room("Workshop"), "Hands on")
    answering(service, f"/rooms/{room_id}/sessions", refusal(404))
    assert [session["title"] for session in ask()] == ["Hands on"]


def test_a_session_without_its_room_in_the_answer_is_shown_with_its_title(service: SmallService, ask: Ask) -> None:
    session_id = service.add_session(service.add_room("Main stage"), "Keynote")
    assert "room" not in service.sessions[session_id]
    assert [session["room"] for session in ask()] == ["Main stage"]


@pytest.mark.parametrize("wrap", [lambda item: item, lambda item: {"session": item}])
def test_one_session_is_read_whether_it_is_the_data_or_in_it(service: SmallService, ask: Ask, wrap: Any) -> None:
    session_id = str(uuid.uuid4())
    answering(service, f"/sessions/{session_id}", success(wrap({"id": session_id, "title": "Keynote"})))
    assert [(session["id"], session["status"]) for session in ask(session_id=session_id)] == [(session_id, "scheduled")]


def test_what_the_service_writes_without_an_id_is_left_out(service: SmallService, ask: Ask) -> None:
    session_id = str(uuid.uuid4())
    answering(service, f"/sessions/{session_id}", success({"title": "Keynote"}))
    assert ask(session_id=session_id) == []


def test_health_is_asked_for_each_current_session_and_shown_without_its_secrets(
    service: SmallService, ask: Ask, open_run: Callable[..., Ledger]
) -> None:
    room_id = service.add_room("Main stage")
    kept, over = service.add_session(room_id, "Keynote"), service.add_session(room_id, "Over", status="ended")
    keep_key(open_run(), service, room_id, kept)
    key = service.keys[kept]

    def health(request: Request) -> Answer | None:
        if not request.path.endswith("/stream_health"):
            return None
        assert over not in request.path
        return success({"publishing": True, "name": f"live/{key}", "stream_key": key, "rtmp": {"app": key}})

    service.on_request = health
    found = {session["title"]: session for session in ask(stream_health=True)}
    # The ledger knows the key, so that it is masked where nothing else would tell that it is one.
    assert found["Keynote"]["stream_health"] == {"publishing": True, "name": "live/********"}
    assert found["Over"]["stream_health"] is None
    assert key not in json.dumps(found)


@pytest.mark.parametrize("answer", [refusal(404), refusal(500), Answer(200, b"<html>"), Answer(200, b"[1]")])
def test_a_session_whose_health_cannot_be_read_does_not_hide_the_others(
    service: SmallService, options: dict[str, Any], answer: Answer
) -> None:
    room_id = service.add_room("Main stage")
    bad, good = service.add_session(room_id, "Keynote"), service.add_session(room_id, "Panel")
    answers = {f"/sessions/{bad}/stream_health": answer, f"/sessions/{good}/stream_health": success({"ok": True})}
    service.on_request = lambda request: answers.get(request.path)
    result = session_info({**options, "stream_health": True}, Redactor())
    found = {session["id"]: session for session in result["sessions"]}
    assert found[bad]["stream_health"] is None
    assert found[bad]["stream_health_error"].startswith("GET /sessions/")
    assert (found[good]["stream_health"], found[good]["stream_health_error"]) == ({"ok": True}, None)
    assert len(result["warnings"]) == 1


def test_a_credential_that_is_refused_ends_the_task(service: SmallService, options: dict[str, Any]) -> None:
    session_id = service.add_session(service.add_room("Main stage"), "Keynote")
    answering(service, f"/sessions/{session_id}/stream_health", refusal(401))
    with pytest.raises(ServiceError, match="Check api_key or api_token"):
        session_info({**options, "stream_health": True}, Redactor())


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        ({"live_now": 1, "by_room": {"a": 2}}, {"live_now": 1, "by_room": {"a": 2}}),
        ({"live_now": 1, "access_token": "unit-token"}, {"live_now": 1}),
        (None, {}),
        ([1], {}),
    ],
)
def test_statistics_are_passed_on_as_they_are_without_secrets(
    service: SmallService, options: dict[str, Any], data: Any, shown: dict[str, Any]
) -> None:
    answering(service, "/sessions/stats", success(data))
    assert session_info({**options, "statistics": True}, Redactor())["statistics"] == shown


def test_a_kept_key_is_told_by_its_fingerprint(
    service: SmallService, ask: Ask, open_run: Callable[..., Ledger]
) -> None:
    room_id = service.add_room("Main stage")
    kept, other = service.add_session(room_id, "Keynote"), service.add_session(room_id, "Panel")
    ledger = open_run()
    keep_key(ledger, service, room_id, kept)
    found = {session["id"]: session for session in ask()}
    fingerprint = ledger.fingerprint(service.keys[kept])
    assert (found[kept]["stream_key_available"], found[kept]["stream_key_fingerprint"]) == (True, fingerprint)
    assert (found[other]["stream_key_available"], found[other]["stream_key_fingerprint"]) == (False, None)


def test_a_key_kept_beside_its_slot_is_available_too(
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
    assert [session["stream_key_available"] for session in ask()] == [True, True]


def test_reading_makes_no_ledger(service: SmallService, ask: Ask, tmp_path: Path) -> None:
    service.add_session(service.add_room("Main stage"), "Keynote")
    assert ask()[0]["stream_key_available"] is False
    assert not (tmp_path / "ledger").exists()


def test_a_ledger_in_a_folder_that_cannot_exist_is_no_ledger(service: SmallService, ask: Ask) -> None:
    service.add_session(service.add_room("Main stage"), "Keynote")
    assert ask(ledger_url="sqlite:////proc/nowhere/keys.sqlite3")[0]["stream_key_available"] is False


def test_nothing_but_reading_calls_are_made(service: SmallService, options: dict[str, Any], ask: Ask) -> None:
    service.add_session(service.add_room("Main stage"), "Keynote")
    answering(service, "/sessions/stats", success({}))
    room_info(options, Redactor())
    ask(stream_health=True, statistics=True)
    assert {method for method, _path in service.journal} == {"GET"}
