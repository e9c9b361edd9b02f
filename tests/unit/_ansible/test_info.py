# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.argument_specs import (
    ROOM_INFO_SPEC,
    SESSION_INFO_SPEC,
)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.info import room_info, session_info
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.options import options_from
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import InvalidInput
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import StreamKey
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import Redactor
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.location import LedgerSettings
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import Ledger, Slot

from ..scripted_server import Answer, Request, refusal, success
from ..small_service import SmallService

Ask = Callable[..., dict[str, Any]]
ONE, OTHER = "3f0a5a53-3f4c-4d3c-8f6e-8a4a9a0f9d10", "6c1de0a3-5b3a-4f5e-8a56-2f8e43f0b7c2"


@pytest.fixture
def given(service: SmallService, api_key: str, ledger_settings: LedgerSettings) -> dict[str, Any]:
    return {"api_url": service.url, "api_key": api_key, "retries": 0, "timeout": 5, "ledger_url": ledger_settings.url}


def read(arguments: Mapping[str, Any], spec: Mapping[str, Any]) -> dict[str, Any]:
    return options_from(arguments, spec, lambda _name: None, {})


@pytest.fixture
def sessions(given: dict[str, Any]) -> Ask:
    return lambda **options: session_info(read({**given, **options}, SESSION_INFO_SPEC), Redactor())


@pytest.fixture
def rooms(given: dict[str, Any]) -> Ask:
    return lambda **options: room_info(read({**given, **options}, ROOM_INFO_SPEC), Redactor())


def test_rooms_are_found_by_titles_that_look_the_same(service: SmallService, rooms: Ask) -> None:
    room_id = service.add_room("Main stage")
    service.add_room("Side stage")
    result = rooms(title="Main\u00a0stage")
    assert result["changed"] is False
    assert [room["id"] for room in result["rooms"]] == [room_id]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"room_id": ONE, "room": "Hall"}, "^Give only one of session_id, room_id and room, not room_id and room"),
        ({"session_id": "7"}, "^session_id '7' is not a UUID"),
        ({"live": True, "status": ["ended"]}, "^live: true asks for the sessions that are live already"),
        ({"live": True, "session_id": OTHER}, "^live and session_id are given"),
        ({"status": ["late"]}, "^status is 'late'; it must be one of: scheduled, live, ended, expired"),
    ],
)
def test_contradicting_options_are_refused_before_any_call(
    service: SmallService, sessions: Ask, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        sessions(**options)
    assert service.journal == []


def test_a_room_is_named_by_id_or_title_and_not_both(rooms: Ask) -> None:
    with pytest.raises(InvalidInput, match=r"^Give room_id or title, not both"):
        rooms(room_id=ONE, title="Hall")


def test_health_is_shown_without_its_secrets(
    service: SmallService, sessions: Ask, open_run: Callable[..., Ledger]
) -> None:
    room_id = service.add_room("Main stage")
    kept = service.add_session(room_id, "Keynote")
    service.add_session(room_id, "Over", status="ended")
    key = service.keys[kept]
    open_run().adopt(Slot(service.url, "session", room_id, "Keynote"), kept, StreamKey(key))

    def health(request: Request) -> Answer | None:
        if not request.path.endswith("/stream_health"):
            return None
        return success({"publishing": True, "name": f"live/{key}", "stream_key": key, "rtmp": {"app": key}})

    service.on_request = health
    result = sessions(stream_health=True)
    found = {session["title"]: session for session in result["sessions"]}
    # The key is masked because the ledger has it; nothing else shows that it is a key.
    assert found["Keynote"]["stream_health"] == {"publishing": True, "name": "live/********"}
    assert (found["Over"]["stream_health"], found["Over"]["stream_health_error"]) == (None, None)
    assert found["Keynote"]["stream_key_available"] is True
    assert key not in json.dumps(result)
    assert "stream_health" not in sessions()["sessions"][0]


def test_unknown_health_is_a_warning(service: SmallService, sessions: Ask) -> None:
    session_id = service.add_session(service.add_room("Main stage"), "Keynote")
    answers = {f"/sessions/{session_id}/stream_health": refusal(500)}
    service.on_request = lambda request: answers.get(request.path)
    result = sessions(stream_health=True)
    assert result["sessions"][0]["stream_health"] is None
    assert result["sessions"][0]["stream_health_error"].startswith("GET /sessions/")
    assert [warning.partition(": ")[0] for warning in result["warnings"]] == ["Main stage/Keynote"]


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        ({"live_now": 1, "by_room": {"a": 2}}, {"live_now": 1, "by_room": {"a": 2}}),
        ({"live_now": 1, "access_token": "unit-token"}, {"live_now": 1}),
        (None, {}),
        ([1], {}),
    ],
)
def test_statistics_are_returned_without_secrets(
    service: SmallService, sessions: Ask, data: Any, shown: dict[str, Any]
) -> None:
    service.on_request = lambda request: success(data) if request.path == "/sessions/stats" else None
    assert sessions(statistics=True)["statistics"] == shown
    assert "statistics" not in sessions()
