# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Typed calls to the service, one for each route of the contract that the collection uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from .errors import AnswerLost, GarbledAnswer, ServiceError
from .model import Room, Session, StreamKey, room_from_answer, session_from_answer
from .transport import Transport

ROOMS_PATH = "/rooms"


@dataclass(frozen=True)
class CreatedSession:
    """What POST /rooms/{id}/sessions answered. ``session`` is None where the answer did not name it."""

    key: StreamKey | None
    session: Session | None


class WebinarApi:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    @property
    def url(self) -> str:
        return self._transport.connection.api_url

    def service_time(self) -> float | None:
        """Return what the service's own clock shows by now at least, in seconds since 1970; None where unknown."""
        return self._transport.service_time()

    def my_rooms(self) -> list[Room]:
        rooms = (room_from_answer(item) for item in self._transport.pages("/rooms/my", "rooms"))
        return [room for room in rooms if room]

    def room(self, room_id: str) -> Room | None:
        """Return a room by its id, None where the service has none."""
        data = self._read_or_none(room_path(room_id))
        return None if data is None else room_from_answer(_unwrap(data, "room"))

    def create_room(self, request: Mapping[str, Any], before_each: Callable[[], None]) -> Room:
        room = room_from_answer(
            _unwrap(self._transport.write("POST", ROOMS_PATH, request, before_each=before_each), "room")
        )
        if room is None:
            raise GarbledAnswer("POST /rooms was answered without the room's id.")
        return room

    def sessions(self, room_id: str) -> list[Session]:
        sessions = (session_from_answer(item) for item in self._transport.pages(sessions_path(room_id), "sessions"))
        return [session for session in sessions if session]

    def session(self, session_id: str) -> Session | None:
        """Return a session by its id, None where the service has none."""
        data = self._read_or_none(session_path(session_id))
        return None if data is None else session_from_answer(_unwrap(data, "session"))

    def create_session(
        self, room_id: str, request: Mapping[str, Any], before_each: Callable[[], None]
    ) -> CreatedSession:
        data = self._transport.write("POST", sessions_path(room_id), request, before_each=before_each)
        answer = data if isinstance(data, Mapping) else {}
        stream_key, rtmp_url = answer.get("stream_key"), answer.get("rtmp_url")
        key = None
        if isinstance(stream_key, str) and stream_key:
            self._transport.redactor.learn(stream_key)
            key = StreamKey(stream_key, rtmp_url if isinstance(rtmp_url, str) and rtmp_url else None)
        return CreatedSession(key, session_from_answer(_unwrap(answer, "session")))

    def update_room(self, room_id: str, request: Mapping[str, Any]) -> None:
        self._transport.write("PATCH", room_path(room_id), request, repeatable=True)

    def delete_room(self, room_id: str) -> None:
        """Delete a room; that it is gone already is as good."""
        self._delete(room_path(room_id))

    def delete_session(self, session_id: str) -> None:
        """Delete a session; that it is gone already is as good."""
        self._delete(session_path(session_id))

    def end_session(self, session_id: str) -> None:
        """End a live session; where the answer is lost or says that it cannot be, look whether it has ended."""
        try:
            self._transport.write("POST", end_path(session_id))
        except (AnswerLost, ServiceError) as error:
            if isinstance(error, ServiceError) and error.status not in (404, 409):
                raise
            session = self.session(session_id)
            if session is not None and session.is_current:
                raise

    def reschedule_session(self, session_id: str, scheduled_start_time: str) -> None:
        request = {"scheduled_start_time": scheduled_start_time}
        self._transport.write("PATCH", reschedule_path(session_id), request, repeatable=True)

    def update_settings(self, session_id: str, request: Mapping[str, Any]) -> None:
        self._transport.write("PATCH", settings_path(session_id), request, repeatable=True)

    def go_live(self, session_id: str) -> StreamKey | None:
        """Put a session on air and return the stream key that the answer shows, if it does.

        Where the answer is lost and the session is live all the same, there is no key to return.
        """
        try:
            data = self._transport.write("POST", go_live_path(session_id))
        except AnswerLost:
            session = self.session(session_id)
            if session is None or session.status != "live":
                raise
            return None
        answer = data if isinstance(data, Mapping) else {}
        token = answer.get("livekit_token")
        self._transport.redactor.learn(token if isinstance(token, str) else None)
        for part, address in (("rtmp", "url"), ("rtmp_setup", "server")):
            shown = answer.get(part)
            if isinstance(shown, Mapping) and isinstance(shown.get("stream_key"), str) and shown["stream_key"]:
                self._transport.redactor.learn(shown["stream_key"])
                url = shown.get(address)
                return StreamKey(shown["stream_key"], url if isinstance(url, str) and url else None)
        return None

    def _delete(self, path: str) -> None:
        try:
            self._transport.write("DELETE", path, repeatable=True)
        except ServiceError as error:
            if error.status != 404:
                raise

    def described_rooms(self, *, mine: bool) -> list[dict[str, Any]]:
        """Return rooms as the service writes them (the contract's RoomResponse): one's own, or all public ones."""
        return self._transport.pages("/rooms/my" if mine else ROOMS_PATH, "rooms")

    def described_room(self, room_id: str) -> Mapping[str, Any] | None:
        data = self._read_or_none(room_path(room_id))
        return None if data is None else _unwrap(data, "room")

    def described_sessions(self, room_id: str | None = None) -> list[dict[str, Any]]:
        """Return sessions as the service writes them (SessionResponse): those of a room, or all public ones."""
        return self._transport.pages(sessions_path(room_id) if room_id else "/sessions", "sessions")

    def live_sessions(self) -> list[dict[str, Any]]:
        return self._transport.pages("/sessions/live", "sessions")

    def described_session(self, session_id: str) -> Mapping[str, Any] | None:
        data = self._read_or_none(session_path(session_id))
        return None if data is None else _unwrap(data, "session")

    def stream_health(self, session_id: str) -> Any:
        """Return what the service says of a session's stream; the contract documents no shape."""
        return self._transport.read(f"{session_path(session_id)}/stream_health")

    def statistics(self) -> Any:
        return self._transport.read("/sessions/stats")

    def _read_or_none(self, path: str) -> Any:
        try:
            return self._transport.read(path)
        except ServiceError as error:
            if error.status == 404:
                return None
            raise


def room_path(room_id: str) -> str:
    return f"/rooms/{_part(room_id)}"


def sessions_path(room_id: str) -> str:
    return f"/rooms/{_part(room_id)}/sessions"


def session_path(session_id: str) -> str:
    return f"/sessions/{_part(session_id)}"


def end_path(session_id: str) -> str:
    return f"/sessions/{_part(session_id)}/end"


def go_live_path(session_id: str) -> str:
    return f"/sessions/{_part(session_id)}/go_live"


def reschedule_path(session_id: str) -> str:
    return f"/sessions/{_part(session_id)}/reschedule"


def settings_path(session_id: str) -> str:
    return f"/sessions/{_part(session_id)}/settings"


def _part(identifier: str) -> str:
    """Return an id as one part of a path; the braces are those of a room that is still to be created."""
    return quote(identifier, safe="{}")


def _unwrap(data: Any, name: str) -> Mapping[str, Any]:
    """Return the object itself, whether the answer's ``data`` is it or holds it by name: the contract has both."""
    if not isinstance(data, Mapping):
        return {}
    inner = data.get(name)
    return inner if isinstance(inner, Mapping) and "id" not in data else data
