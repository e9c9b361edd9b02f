# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Typed calls to the service, one for each route of the contract that the collection uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .errors import GarbledAnswer, ServiceError
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

    def my_rooms(self) -> list[Room]:
        rooms = (room_from_answer(item) for item in self._transport.pages("/rooms/my", "rooms"))
        return [room for room in rooms if room]

    def room(self, room_id: str) -> Room | None:
        """Return a room by its id, None where the service has none."""
        data = self._read_or_none(f"/rooms/{room_id}")
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

    def delete_session(self, session_id: str) -> None:
        """Delete a session; that it is gone already is as good."""
        try:
            self._transport.write("DELETE", session_path(session_id))
        except ServiceError as error:
            if error.status != 404:
                raise

    def end_session(self, session_id: str) -> None:
        self._transport.write("POST", end_path(session_id))

    def _read_or_none(self, path: str) -> Any:
        try:
            return self._transport.read(path)
        except ServiceError as error:
            if error.status == 404:
                return None
            raise


def sessions_path(room_id: str) -> str:
    return f"/rooms/{room_id}/sessions"


def session_path(session_id: str) -> str:
    return f"/sessions/{session_id}"


def end_path(session_id: str) -> str:
    return f"/sessions/{session_id}/end"


def _unwrap(data: Any, name: str) -> Mapping[str, Any]:
    """Return the object itself, whether the answer's ``data`` is it or holds it by name: the contract has both."""
    if not isinstance(data, Mapping):
        return {}
    inner = data.get(name)
    return inner if isinstance(inner, Mapping) and "id" not in data else data
