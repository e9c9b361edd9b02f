# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rooms and sessions of the stand-in, kept as the text of their JSON, and its answers in the contract's shapes.

It checks the credential of a request and little else: ``tests/simulator`` is the strict one.
"""

from __future__ import annotations

import json
import secrets
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from urllib.parse import parse_qsl
from uuid import uuid4

BASE_PATH = "/v1/webinar"
# Tells what was counted; not counted itself, and never late.
JOURNAL_PATH = "/journal"
API_KEY = "bench-api-key"
PRESET_ID = "5e0f2a4c-0d51-4c6b-9a35-0d1f5f6c0001"
# The first is the contract's default. It names no largest limit: a `uri` loop may read all rooms at once.
DEFAULT_LIMIT, MOST_PER_PAGE = 10, 1000
_CREDENTIALS = (f"\r\nx-api-key: {API_KEY}\r\n".encode(), f"\r\nauthorization: bearer {API_KEY}\r\n".encode())
_STARTED_AT = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
_HOST = {
    "id": str(uuid4()),
    "email": "host@example.com",
    "username": "host",
    "role": "host",
    "is_active": True,
    "created_at": _STARTED_AT,
}
_SWITCHES = (
    *("stage_enabled", "chat_enabled", "poll_enabled", "viewer_count_visible", "host_add_co_host"),
    *("host_camera_enabled", "host_screen_share", "host_chat_send_text", "host_chat_receive_message"),
    *("onstage_camera_enabled", "onstage_viewer_view", "audience_stage_join_request", "audience_chat_send_text"),
    *("audience_chat_receive_message", "moderator_manage_chat"),
)
_PRESET = {
    **dict.fromkeys(_SWITCHES, True),
    "recording_enabled": False,
    "is_default": False,
    "max_join_limit": 50,
    "primary_color": "#336699",
    "created_at": _STARTED_AT,
    "updated_at": _STARTED_AT,
    "id": PRESET_ID,
    "name": "Main stage",
    "type": "rtmp",
}


def _text(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


_HOST_ID, _HOST_TEXT, _PRESET_TEXT = _text(_HOST["id"]), _text(_HOST), _text(_PRESET)


class Refused(Exception):
    """A request that is refused, with its status and the ``body`` of the response."""

    def __init__(self, status: int, **body: object) -> None:
        super().__init__(status)
        self.status = status
        self.body = _text({"success": False, **body})


@dataclass
class Room:
    """A room and its sessions, as the text of their JSON."""

    text: bytes
    sessions: list[bytes] = field(default_factory=list)


@dataclass
class Service:
    """The rooms and sessions, by their ids, and how often each route was called."""

    rooms: dict[str, Room] = field(default_factory=dict)
    room_texts: list[bytes] = field(default_factory=list)
    sessions: dict[str, bytes] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    connections: int = 0

    def answer(self, method: str, target: str, head: bytes, body: bytes) -> bytes:
        """Return the response to a request. ``head`` is its head in lower case, but for the request line."""
        path, _mark, query = target.partition("?")
        if path == JOURNAL_PATH:
            return response(200, _text(self.journal()))
        parts = path.removeprefix(f"{BASE_PATH}/").split("/") if path.startswith(f"{BASE_PATH}/") else []
        try:
            route = self._route(method, parts)
            self.calls[route] += 1
            if not any(credential in head for credential in _CREDENTIALS):
                raise Refused(401, code="unauthorized", message="The credentials are not valid.")
            status, data = self._data(route, parts, query, body)
        except Refused as refused:
            self.refused += 1
            return response(refused.status, refused.body)
        return response(status, b'{"success":true,"data":%b,"timestamp":%d}' % (data, time.time()))

    def journal(self) -> dict[str, object]:
        return {
            "calls": self.calls,
            "refused": self.refused,
            "connections": self.connections,
            "rooms": len(self.rooms),
            "sessions": len(self.sessions),
            "cpu_seconds": time.process_time(),
        }

    def _route(self, method: str, parts: list[str]) -> str:
        match method, parts:
            case ("POST", ["rooms"]) | ("GET", ["rooms", "my"]):
                return f"{method} /{'/'.join(parts)}"
            case (("GET" | "POST"), ["rooms", _id, "sessions"]):
                return f"{method} /rooms/{{id}}/sessions"
            case ("GET", ["rooms" | "sessions" as kind, _id]):
                return f"GET /{kind}/{{id}}"
        self.calls["other"] += 1
        raise Refused(404, error="Not Found", timestamp=int(time.time()), message="No route of the benchmark")

    def _data(self, route: str, parts: list[str], query: str, body: bytes) -> tuple[int, bytes]:
        """Return the status of a successful response, and the text of its ``data``."""
        match route:
            case "GET /rooms/my":
                return 200, page(b"rooms", self.room_texts, query)
            case "POST /rooms":
                return 201, self._new_room(title_of(json.loads(body)))
            case "GET /rooms/{id}/sessions":
                return 200, page(b"sessions", self._room(parts[1]).sessions, query)
            case "POST /rooms/{id}/sessions":
                return 201, self._new_session(parts[1], self._room(parts[1]), json.loads(body))
            case "GET /rooms/{id}":
                return 200, self._room(parts[1]).text
        if parts[1] not in self.sessions:
            raise Refused(404, message="Session not found")
        return 200, self.sessions[parts[1]]

    def _room(self, room_id: str) -> Room:
        if room_id not in self.rooms:
            raise Refused(404, message="Room not found")
        return self.rooms[room_id]

    def _new_room(self, title: bytes) -> bytes:
        room_id, at = str(uuid4()), moment()
        text = b'{"id":"%b","host_id":%b,"host":%b,"title":%b,"created_at":%b,"updated_at":%b}' % (
            *(room_id.encode(), _HOST_ID, _HOST_TEXT, title, at, at),
        )
        self.rooms[room_id] = Room(text)
        self.room_texts.append(text)
        return b'{"room":%b}' % text

    def _new_session(self, room_id: str, room: Room, fields: dict[str, object]) -> bytes:
        title = title_of(fields)
        if fields.get("preset_id") != PRESET_ID:
            raise invalid("preset_id", "validation_exists", "There is no such preset")
        session_id, at = str(uuid4()), moment()
        text = (
            b'{"id":"%b","room_id":"%b","room":%b,"preset":%b,"title":%b,"status":"scheduled","mode":"rtmp",'
            b'"viewer_count":0,"max_viewers":0,"recording_enabled":false,'
            b'"hls_url":"http://127.0.0.1:8080/hls/%b/index.m3u8","created_at":%b,"updated_at":%b,'
            b'"effective_chat_enabled":true,"effective_stage_enabled":true,"effective_max_join_limit":50}'
        ) % (session_id.encode(), room_id.encode(), room.text, _PRESET_TEXT, title, session_id.encode(), at, at)
        self.sessions[session_id] = text
        room.sessions.append(text)
        key = secrets.token_hex(24).encode()
        return b'{"session":%b,"rtmp_url":"rtmp://127.0.0.1:1935/live","stream_key":"sim-%b"}' % (text, key)


def invalid(name: str, code: str, message: str) -> Refused:
    return Refused(422, message="Invalid Request", errors=[{"field": name, "code": code, "message": message}])


def title_of(fields: dict[str, object]) -> bytes:
    """Return the title in a request's body, as JSON."""
    title = fields.get("title")
    if not isinstance(title, str) or not 3 <= len(title) <= 255:
        raise invalid("title", "validation_length", "This field must have 3 to 255 characters")
    return _text(title)


def page(name: bytes, items: Sequence[bytes], query: str) -> bytes:
    """Return one page of a list, newest first."""
    asked = dict(parse_qsl(query))
    number, limit = int(asked.get("page", 1)), min(int(asked.get("limit", DEFAULT_LIMIT)), MOST_PER_PAGE)
    last = max(len(items) - (number - 1) * limit, 0)
    shown = items[max(last - limit, 0) : last][::-1]
    return b'{"%b":[%b],"total":%d,"page":%d,"limit":%d}' % (name, b",".join(shown), len(items), number, limit)


def moment() -> bytes:
    """Return the time as a JSON string, in milliseconds."""
    now = time.time()
    return b'"%b.%03dZ"' % (time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)).encode(), now % 1 * 1000)


def response(status: int, body: bytes) -> bytes:
    return b"HTTP/1.1 %d %b\r\nDate: %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
        *(status, HTTPStatus(status).phrase.encode(), formatdate(usegmt=True).encode(), len(body), body),
    )
