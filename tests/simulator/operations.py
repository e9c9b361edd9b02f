# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The operations of the contract: their input, who may call them, and the ``data`` of their response.

Most operations that change a session are "host only" in the contract. It does not say so for ``settings``, the two
state broadcasts and ``monitor``; here they are host only too. ``join`` and ``stream_health`` are for every user.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .publishing import stream_health
from .records import Json, Room, Session, User
from .refusals import conflict
from .seed import ANALYTICS
from .state import Service, require_status
from .validation import Field, Listing, boolean, date_time, one_of, text, uuid, whole_number


@dataclass(frozen=True)
class Call:
    """One checked call. ``caller`` is None for a public operation. ``target`` is the room or session in the path."""

    service: Service
    caller: User | None
    target: Room | Session | None
    fields: Json
    listing: Listing

    @property
    def user(self) -> User:
        assert self.caller is not None
        return self.caller

    @property
    def room(self) -> Room:
        assert isinstance(self.target, Room)
        return self.target

    @property
    def session(self) -> Session:
        assert isinstance(self.target, Session)
        return self.target


@dataclass(frozen=True)
class Operation:
    """One operation. If ``body`` is None, the contract documents no body: only an empty one or ``{}`` is accepted."""

    method: str
    path: str
    answer: Callable[[Call], Json]
    status: int = 200
    public: bool = False
    host_only: bool = False
    pages: bool = False
    body: Mapping[str, Field] | None = None


TITLE = text(3, 255)
NEW_ROOM = {"title": Field(TITLE, required=True), "description": Field(text()), "analytics": ANALYTICS}
CHANGED_ROOM = {"title": Field(TITLE), "description": Field(text()), "analytics": ANALYTICS}
NEW_SESSION = {
    "title": Field(TITLE, required=True),
    "preset_id": Field(uuid, required=True),
    "description": Field(text()),
    "mode": Field(one_of("webcam", "rtmp")),
    "scheduled_start_time": Field(date_time),
}
NEW_START = {"scheduled_start_time": Field(date_time, required=True)}
# The contract has no range for this limit; here it is the range of the preset's limit, which it overrides.
SETTINGS = {
    "chat_enabled": Field(boolean),
    "stage_enabled": Field(boolean),
    "max_join_limit": Field(whole_number(1, 100)),
}


def _create_room(call: Call) -> Json:
    return {"room": call.service.create_room(call.user, call.fields).shown()}


def _delete_room(call: Call) -> Json:
    call.service.delete_room(call.room)
    return _message("Room deleted")


def _create_session(call: Call) -> Json:
    return call.service.creation_shown(call.service.create_session(call.room, call.fields))


def _delete_session(call: Call) -> Json:
    call.service.delete_session(call.session)
    return _message("Session deleted")


def _start(call: Call) -> Json:
    call.service.start(call.session)
    return call.service.start_shown(call.session)


def _end(call: Call) -> Json:
    call.service.end(call.session)
    return _message("Session ended")


def _reschedule(call: Call) -> Json:
    call.service.reschedule(call.session, call.fields["scheduled_start_time"])
    return _message("Session rescheduled")


def _update_settings(call: Call) -> Json:
    call.service.update_settings(call.session, call.fields)
    return _message("Settings updated")


def _start_webcam(call: Call) -> Json:
    require_status(call.session, ("live",), "streamed from a webcam")
    if call.session.mode != "webcam":
        raise conflict("The session takes its media over RTMP")
    return _message("Webcam HLS started")


def _while_live(done: str, message: str) -> Callable[[Call], Json]:
    def answer(call: Call) -> Json:
        require_status(call.session, ("live",), done)
        return _message(message)

    return answer


def _message(message: str) -> Json:
    """Return a ``data`` for operations without a documented one. Clients must not depend on it."""
    return {"message": message}


_ALL = (
    Operation("GET", "/rooms", lambda c: c.service.room_list(c.listing), public=True, pages=True),
    Operation("POST", "/rooms", _create_room, status=201, body=NEW_ROOM),
    Operation("GET", "/rooms/my", lambda c: c.service.room_list(c.listing, host=c.user), pages=True),
    Operation("GET", "/rooms/{id}", lambda c: c.room.shown(), public=True),
    Operation(
        "PATCH",
        "/rooms/{id}",
        lambda c: c.service.update_room(c.room, c.fields).shown(),
        host_only=True,
        body=CHANGED_ROOM,
    ),
    Operation("DELETE", "/rooms/{id}", _delete_room, host_only=True),
    Operation(
        "GET",
        "/rooms/{id}/sessions",
        lambda c: c.service.session_list(c.listing, room=c.room),
        host_only=True,
        pages=True,
    ),
    Operation("POST", "/rooms/{id}/sessions", _create_session, status=201, host_only=True, body=NEW_SESSION),
    Operation("GET", "/sessions", lambda c: c.service.session_list(c.listing), public=True, pages=True),
    Operation(
        "GET", "/sessions/live", lambda c: c.service.session_list(c.listing, status="live"), public=True, pages=True
    ),
    Operation("GET", "/sessions/stats", lambda c: c.service.statistics(c.user)),
    Operation("GET", "/sessions/{id}", lambda c: c.session.shown(), public=True),
    Operation("DELETE", "/sessions/{id}", _delete_session, host_only=True),
    Operation("POST", "/sessions/{id}/join", lambda c: c.service.join(c.session)),
    Operation("POST", "/sessions/{id}/go_live", _start, host_only=True),
    Operation("POST", "/sessions/{id}/start", _start, host_only=True),
    Operation(
        "POST",
        "/sessions/{id}/ensure_hls_egress",
        _while_live("given an HLS egress", "HLS egress ensured"),
        host_only=True,
    ),
    Operation("POST", "/sessions/{id}/start_webcam_hls", _start_webcam, host_only=True),
    Operation("POST", "/sessions/{id}/end", _end, host_only=True),
    Operation("PATCH", "/sessions/{id}/reschedule", _reschedule, host_only=True, body=NEW_START),
    Operation("PATCH", "/sessions/{id}/settings", _update_settings, host_only=True, body=SETTINGS),
    Operation(
        "POST",
        "/sessions/{id}/host_video_state",
        _while_live("changed in its video state", "State broadcasted"),
        host_only=True,
    ),
    Operation(
        "POST",
        "/sessions/{id}/host_audio_state",
        _while_live("changed in its audio state", "State broadcasted"),
        host_only=True,
    ),
    Operation("GET", "/sessions/{id}/monitor", lambda c: c.service.monitor(c.session), host_only=True),
    Operation("GET", "/sessions/{id}/stream_health", lambda c: stream_health(c.service, c.session)),
)

OPERATIONS: dict[str, dict[str, Operation]] = {}
for _operation in _ALL:
    OPERATIONS.setdefault(_operation.path, {})[_operation.method] = _operation


def operations_at(path: str) -> tuple[dict[str, Operation], str | None]:
    """Return the operations of a path below the base URL, by method, and the id in the path, if any."""
    if path in OPERATIONS and "{" not in path:
        return OPERATIONS[path], None
    segments = path.split("/")
    if len(segments) < 3 or not segments[2]:
        return {}, None
    template = "/".join([*segments[:2], "{id}", *segments[3:]])
    return OPERATIONS.get(template, {}), segments[2]


def target_of(operation: Operation, service: Service, checked_id: str) -> Room | Session:
    return service.room(checked_id) if operation.path.startswith("/rooms") else service.session(checked_id)
