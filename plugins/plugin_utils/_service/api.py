# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Typed calls to the service, one for each route of the contract that the collection uses."""

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
# How often a request to go live or to end is sent, where its answer is lost and looking shows that it had no effect.
_STATE_ATTEMPTS = 3
_STATE_PAUSE = 1.0
# Of an answer that shows a stream key: where it stands, and the address that it belongs to.
_KEYS_OF_ANSWERS = (("rtmp", "url"), ("rtmp_setup", "server"))


@dataclass(frozen=True)
class CreatedSession:
    """What POST /rooms/{id}/sessions answered. ``session`` is None where the answer did not name it."""

    key: StreamKey | None
    session: Session | None


class WebinarApi:
    """``sleep`` is replaced in tests of the waiting."""

    def __init__(self, transport: Transport, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._transport = transport
        self.sleep = sleep

    @property
    def connection(self) -> Connection:
        return self._transport.connection

    @property
    def url(self) -> str:
        return self._transport.connection.api_url

    def service_time(self) -> float | None:
        """Return what the service's own clock shows by now at least, in seconds since 1970; None where unknown."""
        return self._transport.service_time()

    def my_rooms(self, *, sure: bool = True) -> list[Room]:
        """Return one's own rooms; ``sure``: see PagedLists.whole."""
        rooms = (room_from_answer(item) for item in self._transport.pages(MY_ROOMS_PATH, "rooms", sure=sure))
        return [room for room in rooms if room]

    def room(self, room_id: str) -> Room | None:
        """Return a room by its id, None where the service has none."""
        data = self._read_or_none(room_path(room_id))
        return None if data is None else room_from_answer(_unwrap(data, "room"))

    def create_room(
        self, request: Mapping[str, Any], before_each: Callable[[], None], before_wait: Callable[[float], None]
    ) -> Room:
        answer = self._transport.write("POST", ROOMS_PATH, request, before_each=before_each, before_wait=before_wait)
        room = room_from_answer(_unwrap(answer, "room"))
        if room is None:
            raise GarbledAnswer("POST /rooms was answered without the room's id.")
        return room

    def is_confirmed(self, path: str) -> bool:
        """Say whether the list of a path, as it was read last, lacks nothing for certain."""
        return self._transport.is_confirmed(path)

    def sessions(self, room_id: str, *, sure: bool = True) -> list[Session]:
        listed = self._transport.pages(sessions_path(room_id), "sessions", sure=sure)
        sessions = (session_from_answer(item) for item in listed)
        return [session for session in sessions if session]

    def session(self, session_id: str) -> Session | None:
        """Return a session by its id, None where the service has none."""
        data = self._read_or_none(session_path(session_id))
        return None if data is None else session_from_answer(_unwrap(data, "session"))

    def create_session(
        self,
        room_id: str,
        request: Mapping[str, Any],
        before_each: Callable[[], None],
        before_wait: Callable[[float], None],
    ) -> CreatedSession:
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
        """Delete a room; that it is gone already is as good."""
        self._delete(room_path(room_id), lambda: self.room(room_id) is None)

    def delete_session(self, session_id: str) -> None:
        """Delete a session; that it is gone already is as good."""
        self._delete(session_path(session_id), lambda: self.session(session_id) is None)

    def end_session(self, session_id: str) -> None:
        """End a live session. Whatever the answer says or does not say: that it has ended is what counts."""
        self._until(end_path(session_id), session_id)

    def reschedule_session(self, session_id: str, scheduled_start_time: str) -> None:
        request = {"scheduled_start_time": scheduled_start_time}
        self._transport.write("PATCH", reschedule_path(session_id), request, repeatable=True)

    def update_settings(self, session_id: str, request: Mapping[str, Any]) -> None:
        self._transport.write("PATCH", settings_path(session_id), request, repeatable=True)

    def go_live(self, session_id: str, *, needs_key: bool) -> StreamKey | None:
        """Put a session on air and return the stream key that the answer shows, None where it shows none.

        A session that is live already is as asked. Where the answer with the key was lost and ``needs_key``, a session
        that is live is asked to go live once more: that shows its key again.
        """
        data = self._until(go_live_path(session_id), session_id, needs_answer=needs_key)
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

    def _until(self, path: str, session_id: str, *, needs_answer: bool = False) -> Any:
        """POST a change of a session's state, and return the answer's data; None where only looking shows the effect.

        Asking again for a state that is reached already changes nothing.
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
                # It may be in that state already, which services refuse in several ways.
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
        """Return rooms as the service writes them (the contract's RoomResponse): one's own, or all public ones."""
        return self._transport.pages(MY_ROOMS_PATH if mine else ROOMS_PATH, "rooms")

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
