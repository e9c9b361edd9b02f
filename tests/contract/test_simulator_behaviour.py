# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The simulator's behaviour: strict input, states, pages, and secrets only in the responses of the contract."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from tests.simulator.server import Simulator

from .conftest import RTMP_PRESET, WHIP_PRESET, Client, seed

START = "2030-01-01T10:00:00Z"


def _problems(answer: requests.Response) -> dict[str, str]:
    assert answer.status_code == 422, f"{answer.status_code}: {answer.text[:300]}"
    return {item["field"]: item["code"] for item in answer.json()["errors"]}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"title": "ab"}, "title"),
        ({"title": "x" * 256}, "title"),
        ({"title": 7}, "title"),
        ({"title": None}, "title"),
        ({"preset_id": "1"}, "preset_id"),
        ({"preset_id": "5e0f2a4c-0d51-4c6b-9a35-0d1f5f6cffff"}, "preset_id"),
        ({"mode": "hologram"}, "mode"),
        ({"mode": True}, "mode"),
        ({"description": ["text"]}, "description"),
        ({"scheduled_start_time": "2030-01-01"}, "scheduled_start_time"),
        ({"scheduled_start_time": "2030-01-01T10:00:00"}, "scheduled_start_time"),
        ({"scheduled_start_time": "2030-02-30T10:00:00Z"}, "scheduled_start_time"),
        ({"scheduled_start_time": "2030-01-01T10:00:00+24:00"}, "scheduled_start_time"),
        ({"scheduled_start_time": "0001-01-01T00:00:00+10:00"}, "scheduled_start_time"),
        ({"scheduled_start_time": 1893492000}, "scheduled_start_time"),
        ({"stream_key": "sim-key-mine"}, "stream_key"),
    ],
)
def test_a_session_with_a_field_outside_the_contract_is_not_created(
    client: Client, fields: dict[str, Any], field: str
) -> None:
    room_id = client.new_room()
    body = {"title": "Keynote", "preset_id": RTMP_PRESET, **fields}
    assert field in _problems(client.call("POST", f"/rooms/{room_id}/sessions", json=body))
    assert client.data("GET", f"/rooms/{room_id}/sessions")["total"] == 0


def test_one_error_response_contains_all_problems_of_a_body(client: Client) -> None:
    body = {"title": "ab", "analytics": {"google_tag_manager": {"enabled": "yes"}}, "colour": "red"}
    assert _problems(client.call("POST", "/rooms", json=body)) == {
        "title": "validation_min_length",
        "analytics.google_tag_manager.enabled": "validation_type",
        "colour": "validation_unknown_field",
    }
    assert _problems(client.call("POST", "/rooms", json={})) == {"title": "validation_required"}


@pytest.mark.parametrize("length", [3, 255])
def test_titles_of_minimal_and_maximal_length_are_accepted(client: Client, length: int) -> None:
    assert client.call("POST", "/rooms", json={"title": "é" * length}).status_code == 201


@pytest.mark.parametrize("limit", [0, 101, -1, True, 5.5, "5"])
def test_a_join_limit_outside_its_range_is_refused(client: Client, limit: object) -> None:
    answer = client.call("PATCH", f"/sessions/{client.new_session()}/settings", json={"max_join_limit": limit})
    assert "max_join_limit" in _problems(answer)


def test_titles_are_not_unique_and_every_post_creates_a_session(client: Client) -> None:
    room_id = client.new_room("Twice")
    assert room_id != client.new_room("Twice")
    assert client.new_session(room_id, title="Twice") != client.new_session(room_id, title="Twice")


def test_a_viewer_may_not_create_rooms(client: Client) -> None:
    assert client.as_user("viewer").call("POST", "/rooms", json={"title": "Mine"}).status_code == 403


def test_a_session_contains_its_start_in_utc_and_its_options(client: Client) -> None:
    session_id = client.new_session(
        scheduled_start_time="2030-01-01T12:30:00.5+02:30", description="About", mode="webcam", preset_id=WHIP_PRESET
    )
    session = client.data("GET", f"/sessions/{session_id}")
    assert session["scheduled_start_time"] == "2030-01-01T10:00:00.500Z"
    assert (session["description"], session["mode"], session["status"]) == ("About", "webcam", "scheduled")
    assert session["preset"]["id"] == WHIP_PRESET
    assert session["preset"]["name"] == "Small room"
    assert session["room"]["host"]["username"] == "host"
    assert session["room"]["title"] == "Room"
    assert session_id in session["hls_url"]


def test_settings_override_the_preset_and_reschedule_changes_the_start(client: Client) -> None:
    session_id = client.new_session(preset_id=WHIP_PRESET)
    assert client.data("GET", f"/sessions/{session_id}")["effective_max_join_limit"] == 5
    client.data("PATCH", f"/sessions/{session_id}/settings", json={"max_join_limit": 9, "chat_enabled": False})
    client.data("PATCH", f"/sessions/{session_id}/reschedule", json={"scheduled_start_time": START})
    session = client.data("GET", f"/sessions/{session_id}")
    assert session["effective_max_join_limit"] == session["max_join_limit_override"] == 9
    assert session["effective_chat_enabled"] is False
    assert "stage_enabled_override" not in session
    assert session["scheduled_start_time"] == "2030-01-01T10:00:00.000Z"


@pytest.mark.parametrize(
    ("status", "method", "step", "expected"),
    [
        ("scheduled", "POST", "start", 200),
        ("live", "POST", "start", 200),
        ("ended", "POST", "start", 409),
        ("scheduled", "POST", "go_live", 200),
        ("live", "POST", "go_live", 200),
        ("ended", "POST", "go_live", 409),
        ("scheduled", "POST", "end", 409),
        ("live", "POST", "end", 200),
        ("ended", "POST", "end", 409),
        ("scheduled", "PATCH", "reschedule", 200),
        ("live", "PATCH", "reschedule", 409),
        ("ended", "PATCH", "reschedule", 409),
        ("scheduled", "PATCH", "settings", 200),
        ("live", "PATCH", "settings", 200),
        ("ended", "PATCH", "settings", 409),
        ("scheduled", "DELETE", "", 200),
        ("live", "DELETE", "", 409),
        ("ended", "DELETE", "", 200),
        ("scheduled", "POST", "join", 409),
        ("ended", "GET", "monitor", 409),
        ("scheduled", "POST", "ensure_hls_egress", 409),
        ("live", "POST", "start_webcam_hls", 409),
        ("scheduled", "POST", "host_audio_state", 409),
    ],
)
def test_a_session_changes_only_from_a_state_that_allows_it(
    client: Client, status: str, method: str, step: str, expected: int
) -> None:
    session_id = client.new_session(status=status)
    bodies: dict[str, Any] = {"reschedule": {"scheduled_start_time": START}, "settings": {"chat_enabled": True}}
    options = {"json": bodies[step]} if step in bodies else {}
    path = f"/sessions/{session_id}/{step}".rstrip("/")
    assert client.call(method, path, **options).status_code == expected


def test_an_expired_session_cannot_be_started(client: Client) -> None:
    expired = next(item for item in client.sim.service.sessions.values() if item.status == "expired")
    assert client.call("POST", f"/sessions/{expired.id}/go_live").status_code == 409


def test_a_live_session_is_in_its_room_and_in_the_lists(client: Client) -> None:
    room_id = client.new_room()
    first = client.new_session(room_id, status="live")
    second = client.new_session(room_id, status="live")
    assert client.data("GET", f"/rooms/{room_id}")["active_session_id"] == second
    live = {item["id"] for item in client.data("GET", "/sessions/live", params={"limit": 100})["sessions"]}
    assert {first, second} <= live
    assert client.call("DELETE", f"/rooms/{room_id}").status_code == 409
    for session_id in (second, first):
        client.data("POST", f"/sessions/{session_id}/end")
    room = client.data("GET", f"/rooms/{room_id}")
    assert "active_session_id" not in room
    session = client.data("GET", f"/sessions/{first}")
    assert session["status"] == "ended"
    assert session["ended_at"] >= session["started_at"]
    client.data("DELETE", f"/rooms/{room_id}")
    assert client.call("GET", f"/sessions/{first}").status_code == 404


def test_statistics_count_the_sessions_of_the_caller(client: Client) -> None:
    with Simulator(seed()) as fresh:
        host = Client(fresh, client.http)
        host.new_session(status="live")
        host.new_session()
        assert host.data("GET", "/sessions/stats") == {"total_sessions": 4, "live_now": 1, "scheduled": 1, "ended": 2}
        assert host.as_user("other").data("GET", "/sessions/stats")["total_sessions"] == 0


def test_only_create_start_and_go_live_return_the_stream_key(client: Client) -> None:
    room_id = client.new_room()
    created = client.created(room_id, preset_id=WHIP_PRESET)
    session_id, key = created["session"]["id"], created["stream_key"]
    assert key.startswith("sim-")
    assert len(key) >= 40
    assert key in client.sim.issued_keys()
    for step in ("start", "go_live"):
        started = client.data("POST", f"/sessions/{session_id}/{step}")
        assert started["rtmp"]["stream_key"] == started["rtmp_setup"]["stream_key"] == key
        assert started["rtmp"]["url"] == started["rtmp_setup"]["server"] == created["rtmp_url"]
        assert started["livekit_token"] in client.sim.secrets()
        assert key not in str(started["session"])
        assert key not in started["whip_url"]
    answers = [
        client.call(method, path)
        for method, path in (
            ("GET", "/rooms/my"),
            ("GET", f"/rooms/{room_id}"),
            ("GET", f"/rooms/{room_id}/sessions"),
            ("GET", "/sessions"),
            ("GET", "/sessions/live"),
            ("GET", f"/sessions/{session_id}"),
            ("GET", f"/sessions/{session_id}/stream_health"),
            ("GET", f"/sessions/{session_id}/monitor"),
            ("POST", f"/sessions/{session_id}/ensure_hls_egress"),
            ("POST", f"/sessions/{session_id}/join"),
            ("POST", f"/sessions/{session_id}/end"),
            ("DELETE", f"/sessions/{session_id}"),
        )
    ]
    assert all(answer.status_code == 200 for answer in answers)
    assert not any(key in answer.text or "rtmp_url" in answer.text for answer in answers)


def test_the_next_start_returns_a_rotated_key(client: Client) -> None:
    created = client.created()
    session_id = created["session"]["id"]
    key = client.sim.service.rotate_stream_key(session_id)
    assert key != created["stream_key"]
    assert client.data("POST", f"/sessions/{session_id}/start")["rtmp"]["stream_key"] == key


@pytest.mark.parametrize("kind", ["rooms", "my", "of_room", "sessions", "live"])
def test_a_list_has_ten_items_without_page_and_limit(client: Client, kind: str) -> None:
    with Simulator(seed()) as fresh:
        host = Client(fresh, client.http)
        room_id = host.new_room()
        made = [host.new_session(room_id, status="live") for _unused in range(13)]
        if kind in ("rooms", "my"):
            made = [host.new_room() for _unused in range(13)]
        path = {
            "rooms": "/rooms",
            "my": "/rooms/my",
            "of_room": f"/rooms/{room_id}/sessions",
            "sessions": "/sessions",
            "live": "/sessions/live",
        }[kind]
        items = "rooms" if kind in ("rooms", "my") else "sessions"
        first = host.data("GET", path)
        assert (len(first[items]), first["page"], first["limit"]) == (10, 1, 10)
        assert first["total"] >= 13
        pages = [host.data("GET", path, params={"page": page, "limit": 4})[items] for page in range(1, 6)]
        seen = [item["id"] for page in pages for item in page]
        assert len(seen) == len(set(seen)) == first["total"]
        assert set(made) <= set(seen)
        assert host.data("GET", path, params={"page": 99})[items] == []
        assert host.data("GET", path, params={"limit": 5000})["limit"] == 100


@pytest.mark.parametrize(
    "query", ["page=0", "limit=0", "page=-1", "limit=ten", "page=", "page=1&page=2", "status=live"]
)
def test_an_invalid_page_or_limit_is_refused(client: Client, query: str) -> None:
    assert _problems(client.call("GET", f"/rooms/my?{query}"))


def test_my_rooms_contains_only_own_rooms(client: Client) -> None:
    mine = client.new_room()
    theirs = client.as_user("other").new_room()
    ids = {item["id"] for item in client.data("GET", "/rooms/my", params={"limit": 100})["rooms"]}
    assert mine in ids
    assert theirs not in ids


def test_the_journal_contains_users_and_requests_and_no_secret(client: Client) -> None:
    created = client.created()
    session_id, key = created["session"]["id"], created["stream_key"]
    client.sim.journal.clear()
    client.call("GET", f"/sessions/{session_id}?key={key}")
    client.call("GET", f"/sessions/{key}")
    client.call("POST", f"/sessions/{session_id}/start")
    client.as_user(None).call("GET", "/rooms/my", headers={"Authorization": "Bearer sim-token-wrong"})
    client.as_user(None).call("GET", "/rooms")
    client.callback("on_publish", name=key, app="live", clientid="1")
    entries = [(entry.method, entry.path, entry.status, entry.credential) for entry in client.sim.journal]
    assert entries == [
        ("GET", f"/sessions/{session_id}", 422, "host"),
        ("GET", "/sessions/{masked}", 422, "host"),
        ("POST", f"/sessions/{session_id}/start", 200, "host"),
        ("GET", "/rooms/my", 401, "invalid"),
        ("GET", "/rooms", 200, "anonymous"),
    ]
    assert [entry.path for entry in client.sim.journal.writes()] == [f"/sessions/{session_id}/start"]
    secrets = [*client.sim.secrets(), "sim-api-key-host", "sim-token-wrong"]
    assert not any(secret in repr(list(client.sim.journal)) for secret in secrets)


def test_thirty_two_concurrent_clients_get_different_sessions(client: Client) -> None:
    room_id = client.new_room()
    local = threading.local()

    def create(number: int) -> str:
        if not hasattr(local, "http"):
            local.http = requests.Session()
        return str(Client(client.sim, local.http).created(room_id, title=f"Session {number}")["stream_key"])

    with ThreadPoolExecutor(32) as pool:
        keys = list(pool.map(create, range(320)))
    assert len(set(keys)) == 320
    assert client.data("GET", f"/rooms/{room_id}/sessions")["total"] == 320
