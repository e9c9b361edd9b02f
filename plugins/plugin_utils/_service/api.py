# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Typed calls to the service, one for each route of the contract that the collection uses.

Every call raises WebinarError: ServiceError for an error response, NotSent and AnswerLost for a broken connection.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from .._core.errors import AnswerLost, GarbledAnswer, ServiceError
from .._core.model import Room, Session, StreamKey, room_from_answer, session_from_answer
from .transport import Connection, Transport

ROOMS_PATH = "/rooms"
MY_ROOMS_PATH = "/rooms/my"
# How often a request to go live or to end is sent if its response is lost and the session has not changed.
_STATE_ATTEMPTS = 3
_STATE_PAUSE = 1.0
# The members of a response that contain a stream key, each with the name of its ingest URL.
_KEYS_OF_ANSWERS = (("rtmp", "url"), ("rtmp_setup", "server"))


@dataclass(frozen=True)
class CreatedSession:
    """The response of POST /rooms/{id}/sessions. ``session`` is None if the response does not identify it."""

    key: StreamKey | None
    session: Session | None


class WebinarApi:
    """The calls. ``sleep`` is used between attempts; tests replace it."""

    def __init__(self, transport: Transport, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._transport = transport
        self.sleep = sleep

    def close(self) -> None:
        self._transport.close()

    @property
    def connection(self) -> Connection:
        return self._transport.connection

    @property
    def is_rate_limited(self) -> bool:
        return self._transport.is_rate_limited

    @property
    def url(self) -> str:
        return self._transport.connection.api_url

    def service_time(self) -> float | None:
        """Return a lower bound of the service's clock, in seconds since 1970; None if unknown."""
        return self._transport.service_time()

    def my_rooms(self, *, sure: bool = True) -> list[Room]:
        """Return the account's own rooms; ``sure``: see PagedLists.items."""
        rooms = (room_from_answer(item) for item in self._transport.pages(MY_ROOMS_PATH, "rooms", sure=sure))
        return [room for room in rooms if room]

    def room(self, room_id: str) -> Room | None:
        """Return a room by its id, None if it does not exist."""
        data = self._read_or_none(room_path(room_id))
        return None if data is None else room_from_answer(_unwrap(data, "room"))

    def create_room(
        self, request: Mapping[str, Any], before_each: Callable[[], None], before_wait: Callable[[float], None]
    ) -> Room:
        """Create a room. ``before_each``, ``before_wait``: see Transport.write."""
        answer = self._transport.write("POST", ROOMS_PATH, request, before_each=before_each, before_wait=before_wait)
        room = room_from_answer(_unwrap(answer, "room"))
        if room is None:
            raise GarbledAnswer("The response to POST /rooms does not contain the room's id.")
        return room

    def is_confirmed(self, path: str) -> bool:
        """Return whether the last list of a path is known to be complete: see PagedLists."""
        return self._transport.is_confirmed(path)

    def sessions(self, room_id: str, *, sure: bool = True) -> list[Session]:
        """Return a room's sessions; ``sure``: see PagedLists.items."""
        listed = self._transport.pages(sessions_path(room_id), "sessions", sure=sure)
        sessions = (session_from_answer(item) for item in listed)
        return [session for session in sessions if session]

    def session(self, session_id: str) -> Session | None:
        """Return a session by its id, None if it does not exist."""
        data = self._read_or_none(session_path(session_id))
        return None if data is None else session_from_answer(_unwrap(data, "session"))

    def create_session(
        self,
        room_id: str,
        request: Mapping[str, Any],
        before_each: Callable[[], None],
        before_wait: Callable[[float], None],
    ) -> CreatedSession:
        """Create a session in a room. ``before_each``, ``before_wait``: see Transport.write."""
        data = self._transport.write(
            "POST", sessions_path(room_id), request, before_each=before_each, before_wait=before_wait
        )
        answer = data if isinstance(data, Mapping) else {}
        key = self._key(answer.get("stream_key"), answer.get("rtmp_url"), answer.get("whip_url"))
        return CreatedSession(key, session_from_answer(_unwrap(answer, "session")))

    def _key(self, stream_key: Any, rtmp_url: Any, whip_url: Any) -> StreamKey | None:
        if not isinstance(stream_key, str) or not stream_key:
            return None
        self._transport.redactor.learn(stream_key)
        return StreamKey(stream_key, *(url if isinstance(url, str) and url else None for url in (rtmp_url, whip_url)))

    def update_room(self, room_id: str, request: Mapping[str, Any]) -> None:
        self._transport.write("PATCH", room_path(room_id), request, repeatable=True)

    def delete_room(self, room_id: str) -> None:
        """Delete a room; do nothing if it does not exist."""
        self._delete(room_path(room_id), lambda: self.room(room_id) is None)

    def delete_session(self, session_id: str) -> None:
        """Delete a session; do nothing if it does not exist."""
        self._delete(session_path(session_id), lambda: self.session(session_id) is None)

    def end_session(self, session_id: str) -> None:
        """End a live session; do nothing if it has ended, also if an earlier response was lost."""
        self._change_state(end_path(session_id), session_id)

    def reschedule_session(self, session_id: str, scheduled_start_time: str) -> None:
        request = {"scheduled_start_time": scheduled_start_time}
        self._transport.write("PATCH", reschedule_path(session_id), request, repeatable=True)

    def update_settings(self, session_id: str, request: Mapping[str, Any]) -> None:
        self._transport.write("PATCH", settings_path(session_id), request, repeatable=True)

    def go_live(self, session_id: str, *, needs_key: bool) -> StreamKey | None:
        """Make a session live and return the stream key of the response, None if it contains none.

        A session that is live already stays so. With ``needs_key``, the request is repeated for a live session whose
        response was lost, because each response contains the key.
        """
        data = self._change_state(go_live_path(session_id), session_id, needs_answer=needs_key)
        answer = data if isinstance(data, Mapping) else {}
        token = answer.get("livekit_token")
        self._transport.redactor.learn(token if isinstance(token, str) else None)
        for part, address in _KEYS_OF_ANSWERS:
            shown = answer.get(part)
            if isinstance(shown, Mapping):
                key = self._key(shown.get("stream_key"), shown.get(address), answer.get("whip_url"))
                if key is not None:
                    return key
        return None

    def _change_state(self, path: str, session_id: str, *, needs_answer: bool = False) -> Any:
        """POST a change of a session's state and return the response's ``data``.

        Return None if there is no usable response, but the session is in the state. The request is idempotent.
        """
        for attempt in range(_STATE_ATTEMPTS):
            last = attempt == _STATE_ATTEMPTS - 1
            try:
                return self._transport.write("POST", path)
            except AnswerLost:
                if self._is_in_state(path, session_id) and (last or not needs_answer):
                    return None
                if last:
                    raise
                self.sleep(_STATE_PAUSE)
            except ServiceError as error:
                # The session may be in that state already. Services refuse that with different statuses.
                if error.status not in (404, 409, 422) or not self._is_in_state(path, session_id):
                    raise
                return None
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _is_in_state(self, path: str, session_id: str) -> bool:
        session = self.session(session_id)
        if path == end_path(session_id):
            return session is None or not session.is_current
        return session is not None and session.status == "live"

    def _delete(self, path: str, is_gone: Callable[[], bool]) -> None:
        try:
            self._transport.write("DELETE", path, repeatable=True)
        except AnswerLost:
            if not is_gone():
                raise
        except ServiceError as error:
            if error.status != 404:
                raise

    def described_rooms(self, *, mine: bool) -> list[dict[str, Any]]:
        """Return rooms as the contract's RoomResponse: the account's own ones, or all public ones."""
        return self._transport.pages(MY_ROOMS_PATH if mine else ROOMS_PATH, "rooms")

    def described_room(self, room_id: str) -> Mapping[str, Any] | None:
        data = self._read_or_none(room_path(room_id))
        return None if data is None else _unwrap(data, "room")

    def described_sessions(self, room_id: str | None = None) -> list[dict[str, Any]]:
        """Return sessions as the contract's SessionResponse: those of a room, or all public ones."""
        return self._transport.pages(sessions_path(room_id) if room_id else "/sessions", "sessions")

    def live_sessions(self) -> list[dict[str, Any]]:
        return self._transport.pages("/sessions/live", "sessions")

    def described_session(self, session_id: str) -> Mapping[str, Any] | None:
        data = self._read_or_none(session_path(session_id))
        return None if data is None else _unwrap(data, "session")

    def stream_health(self, session_id: str) -> Any:
        """Return the service's report about a session's stream; the contract does not document its shape."""
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
    """Return an id as a path segment. In check mode, braces mark the id of a room that is not created yet."""
    return quote(identifier, safe="{}")


def _unwrap(data: Any, name: str) -> Mapping[str, Any]:
    """Return the object in a response's ``data``: ``data`` itself or its member ``name``; the contract has both."""
    if not isinstance(data, Mapping):
        return {}
    inner = data.get(name)
    return inner if isinstance(inner, Mapping) and "id" not in data else data
