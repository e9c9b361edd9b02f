# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A stateful HTTP server with the routes that the engine calls, and with faults of the POSTs that create objects."""

from __future__ import annotations

import json
import re
import secrets
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any
from urllib.parse import parse_qs, urlsplit

from .scripted_server import Answer, QuietHandler, Request, drop, refusal, send, serving, success, truncated

# Faults of one POST. The part before the hyphen is its effect: lost, done, refused, or late (when the test calls
# ``commit_late``). The rest is what the client receives.
FAULTS = (
    "lost-drop",
    "lost-500",
    "late-drop",
    "done-drop",
    "done-500",
    "done-408",
    "done-truncated",
    "done-html",
    "done-empty",
    "done-nameless",
    "done-keyless",
    "refused-422",
    "refused-429",
)
INGEST_URL = "rtmp://ingest.invalid/live"


@dataclass
class SmallService:
    url: str = ""
    rooms: dict[str, dict[str, Any]] = field(default_factory=dict)
    sessions: dict[str, dict[str, Any]] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    journal: list[tuple[str, str]] = field(default_factory=list)
    on_request: Callable[[Request], Answer | Callable[[Any], None] | None] = lambda _request: None
    # Returns what the client receives in place of the response, after the request has taken effect.
    on_answer: Callable[[Request, Any], Any] = lambda _request, answer: answer
    # Returns the fields that the service stores, from those it was sent.
    stores: Callable[[dict[str, Any]], dict[str, Any]] = lambda body: body
    now: Callable[[], float | None] = lambda: None
    host_id: str | None = None
    # Rooms that belong to another account.
    hidden_rooms: set[str] = field(default_factory=set)
    hidden_lists: int = 0
    late: list[Callable[[], object]] = field(default_factory=list)
    key_suffix: str = ""
    status_after_go_live: str = "live"
    go_live_shows_key: bool = True
    lock: threading.RLock = field(default_factory=threading.RLock)

    def count(self, method: str) -> int:
        return sum(1 for called, _path in self.journal if called == method)

    def add_room(self, title: str) -> str:
        room_id = str(uuid.uuid4())
        host = {"host_id": self.host_id} if self.host_id else {}
        self.rooms[room_id] = {"id": room_id, "title": title, **host, **self._created_at()}
        return room_id

    def _created_at(self) -> dict[str, str]:
        now = self.now()
        return {} if now is None else {"created_at": datetime.fromtimestamp(now, timezone.utc).isoformat()}

    def add_session(self, room_id: str, title: str, preset_id: str | None = None, status: str = "scheduled") -> str:
        session_id = str(uuid.uuid4())
        preset = {"id": preset_id, "name": "Stage", "type": "rtmp"} if preset_id else None
        entry = {"id": session_id, "room_id": room_id, "title": title, "status": status, "preset": preset}
        entry |= self._created_at()
        self.sessions[session_id] = entry
        self.keys[session_id] = f"unit-stream-{secrets.token_hex(12)}{self.key_suffix}"
        return session_id

    def commit_late(self) -> None:
        """Let the late requests take effect, whose clients have stopped waiting."""
        with self.lock:
            while self.late:
                self.late.pop()()

    def current(self, title: str) -> list[str]:
        return [
            entry["id"]
            for entry in self.sessions.values()
            if entry["title"] == title and entry["status"] in ("scheduled", "live")
        ]

    def answer(self, request: Request) -> Answer | Callable[[Any], None]:
        parts = urlsplit(request.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        with self.lock:
            self.journal.append((request.method, parts.path))
            forced = self.on_request(request)
            if forced is not None:
                return forced
            return self.on_answer(request, self._called(request, parts.path, query))  # type: ignore[no-any-return]

    def _called(self, request: Request, path: str, query: dict[str, str]) -> Answer | Callable[[Any], None]:
        body = self.stores(json.loads(request.body or b"{}"))
        if request.method == "POST" and not path.startswith("/sessions/"):
            return self._create(path, body)
        if match := re.fullmatch(r"/sessions/([^/]+)(/[a-z_]+)?", path):
            entry = self.sessions.get(match[1])
            return self._session(request.method, match[2] or "", entry, body) if entry else refusal(404)
        return self._room(request.method, path, query, body)

    def _room(self, method: str, path: str, query: dict[str, str], body: dict[str, Any]) -> Answer:
        if path == "/rooms/my":
            mine = [room for room_id, room in self.rooms.items() if room_id not in self.hidden_rooms]
            return self._page("rooms", mine, query)
        if match := re.fullmatch(r"/rooms/([^/]+)", path):
            if match[1] not in self.rooms:
                return refusal(404)
            if method == "PATCH":
                self.rooms[match[1]].update(body)
            if method == "DELETE":
                return self._delete_room(match[1])
            return success(self.rooms[match[1]])
        if match := re.fullmatch(r"/rooms/([^/]+)/sessions", path):
            listed = [entry for entry in self.sessions.values() if entry["room_id"] == match[1]]
            if self.hidden_lists:
                self.hidden_lists -= 1
                listed = []
            return self._page("sessions", listed, query)
        return refusal(404)

    def _delete_room(self, room_id: str) -> Answer:
        inside = [entry for entry in self.sessions.values() if entry["room_id"] == room_id]
        if any(entry["status"] == "live" for entry in inside):
            return refusal(409)
        for entry in inside:
            del self.sessions[entry["id"]]
        del self.rooms[room_id]
        return Answer(200)

    def _session(self, method: str, call: str, entry: dict[str, Any], body: dict[str, Any]) -> Answer:
        """Respond to a call of one session, as strictly as the contract allows: 409 in every state it does not fit."""
        status = entry["status"]
        match method, call:
            case "GET", "":
                return success(entry)
            case "DELETE", "" if status != "live":
                del self.sessions[entry["id"]]
            case "POST", "/end" if status == "live":
                entry["status"] = "ended"
            case "PATCH", "/reschedule" if status == "scheduled":
                entry.update(body)
            case "PATCH", "/settings" if status in ("scheduled", "live"):
                entry.update({f"effective_{name}": value for name, value in body.items()})
            case "POST", "/go_live" if status in ("scheduled", "live"):
                entry["status"] = self.status_after_go_live
                shown = {"url": INGEST_URL, "stream_key": self.keys[entry["id"]]}
                return success({"session": entry, "rtmp": shown if self.go_live_shows_key else None})
            case _:
                return refusal(409)
        return Answer(200)

    def _page(self, name: str, items: list[dict[str, Any]], query: dict[str, str]) -> Answer:
        page, limit = int(query.get("page", 1)), int(query.get("limit", 10))
        shown = items[(page - 1) * limit : page * limit]
        return success({name: shown, "total": len(items), "page": page, "limit": limit})

    def _create(self, path: str, body: dict[str, Any]) -> Answer | Callable[[Any], None]:
        effect, _unused, seen = (self.faults.pop(0) if self.faults else "done-whole").partition("-")
        if effect == "refused":
            return refusal(int(seen), {"success": False, "code": "refused", "message": "not today"}, Retry_After="1")
        answer = success(None)
        if effect == "done":
            answer = success(self._commit(path, body, seen), 201)
        if effect == "late":
            self.late.append(lambda: self._commit(path, body, seen))
        if seen == "drop":
            return drop
        if seen == "truncated":
            return truncated(answer.body)
        special = {"html": Answer(200, b"<html>a proxy's page</html>"), "empty": Answer(201, b"")}
        return special.get(seen) or (refusal(int(seen)) if seen.isdigit() else answer)

    def _commit(self, path: str, body: dict[str, Any], seen: str) -> dict[str, Any]:
        if path == "/rooms":
            room = self.rooms[self.add_room(body["title"])]
            room.update(body)
            return {"room": room}
        session_id = self.add_session(path.split("/")[2], body["title"], body["preset_id"])
        self.sessions[session_id].update({name: value for name, value in body.items() if name != "preset_id"})
        data: dict[str, Any] = {"session": self.sessions[session_id], "rtmp_url": INGEST_URL}
        data["stream_key"] = self.keys[session_id]
        if seen == "nameless":
            del data["session"]
        if seen == "keyless":
            del data["stream_key"]
        return data


@contextmanager
def small_service() -> Iterator[SmallService]:
    service = SmallService()

    class Handler(QuietHandler):
        def answer(self) -> None:
            answer = service.answer(self.read_request())
            if isinstance(answer, Answer):
                send(self, answer)
            else:
                answer(self)

    with serving(Handler) as server:
        service.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield service
