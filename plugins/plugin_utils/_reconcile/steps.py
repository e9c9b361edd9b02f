# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""The calls that change the service: each step knows its request, and its effect on a room or session.

A plan consists of steps. Apply runs them; check mode evaluates the effects of the same steps without a call.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from .._core.comparison import Difference, settings_field
from .._core.model import Preset, Room, RoomSpec, Session, SessionSpec, Settings, StreamKey, settings_values
from .._ledger.rows import Row
from .._service.api import (
    ROOMS_PATH,
    CreatedSession,
    WebinarApi,
    end_path,
    go_live_path,
    reschedule_path,
    room_path,
    session_path,
    sessions_path,
    settings_path,
)

Action = Literal[
    "create_room",
    "update_room",
    "delete_room",
    "create_session",
    "delete_session",
    "end_session",
    "reschedule_session",
    "update_settings",
    "go_live",
]
# Placeholders in the path of a step whose room or session the plan creates.
UNKNOWN_ROOM_ID = "{room_id}"
UNKNOWN_SESSION_ID = "{session_id}"


@dataclass(frozen=True)
class Step(ABC):
    """One call. ``room`` and ``title`` are shown to the user, and so is ``reason``: why the call is made."""

    action: ClassVar[Action]
    method: ClassVar[str]
    room: str
    title: str | None
    reason: str

    @property
    @abstractmethod
    def path(self) -> str:
        """Return the path of the request."""

    @property
    def body(self) -> Mapping[str, Any] | None:
        return None


class RoomStep(Step):
    @abstractmethod
    def effect(self, room: Room | None) -> Room | None:
        """Return the room of the slot after the step."""


class SessionStep(Step):
    @abstractmethod
    def effect(self, session: Session | None) -> Session | None:
        """Return the session of the slot after the step."""


@dataclass(frozen=True)
class CreateRoom(RoomStep):
    action = "create_room"
    method = "POST"
    spec: RoomSpec

    @property
    def path(self) -> str:
        return ROOMS_PATH

    @property
    def body(self) -> Mapping[str, Any]:
        spec = self.spec
        return _given({"title": spec.title, "description": spec.description, "analytics": spec.analytics})

    def send(self, api: WebinarApi, before_each: Callable[[], None], before_wait: Callable[[float], None]) -> Room:
        return api.create_room(self.body, before_each, before_wait)

    def effect(self, room: Room | None) -> Room:  # noqa: ARG002 - there was none
        return Room("", self.spec.title or "", None, self.spec.description, self.spec.analytics or {})


@dataclass(frozen=True)
class UpdateRoom(RoomStep):
    """``changes`` is the body. ``values`` are the fields in it that differ, by their names in ``comparison``."""

    action = "update_room"
    method = "PATCH"
    found: Room
    changes: Mapping[str, Any]
    values: Mapping[str, Any]

    @property
    def path(self) -> str:
        return room_path(self.found.id)

    @property
    def body(self) -> Mapping[str, Any]:
        return self.changes

    def send(self, api: WebinarApi) -> None:
        api.update_room(self.found.id, self.changes)

    def effect(self, room: Room | None) -> Room | None:
        return None if room is None else replace(room, **self.changes)


@dataclass(frozen=True)
class DeleteRoom(RoomStep):
    """``row``: the ledger's row whose unanswered request created the room, None for a room asked to be absent."""

    action = "delete_room"
    method = "DELETE"
    found: Room
    row: Row | None = None

    @property
    def path(self) -> str:
        return room_path(self.found.id)

    def send(self, api: WebinarApi) -> None:
        api.delete_room(self.found.id)

    def effect(self, room: Room | None) -> Room | None:
        return None if room is not None and room.id == self.found.id else room


@dataclass(frozen=True)
class CreateSession(SessionStep):
    """``replaces`` is the session that the new one replaces. A step of its own removes it later."""

    action = "create_session"
    method = "POST"
    room_id: str | None
    spec: SessionSpec
    replaces: Session | None = None

    @property
    def path(self) -> str:
        return sessions_path(self.room_id or UNKNOWN_ROOM_ID)

    @property
    def body(self) -> Mapping[str, Any]:
        """A CreateSessionRequest of the contract, with only what was asked for."""
        spec = self.spec
        return _given(
            {
                "title": spec.title,
                "preset_id": spec.preset_id,
                "description": spec.description,
                "mode": spec.mode,
                "scheduled_start_time": spec.scheduled_start_time,
            }
        )

    def send(
        self, api: WebinarApi, room_id: str, before_each: Callable[[], None], before_wait: Callable[[float], None]
    ) -> CreatedSession:
        return api.create_session(room_id, self.body, before_each, before_wait)

    def effect(self, session: Session | None) -> Session:  # noqa: ARG002 - the new one takes its place
        spec = self.spec
        start = spec.scheduled_start_time
        return Session("", self.room_id, spec.title, "scheduled", spec.mode, Preset(spec.preset_id), start)


@dataclass(frozen=True)
class ChangeSession(SessionStep):
    """A change to a session that stays the same one. ``session`` is None where the plan creates it."""

    method = "PATCH"
    session: Session | None

    @property
    @abstractmethod
    def values(self) -> Mapping[str, Any]:
        """The fields that are sent, by their names in ``comparison``."""

    @abstractmethod
    def send(self, api: WebinarApi, session_id: str) -> None:
        """Send the request that changes the session."""


@dataclass(frozen=True)
class RescheduleSession(ChangeSession):
    action = "reschedule_session"
    start: str

    @property
    def path(self) -> str:
        return reschedule_path(_id_of(self.session))

    @property
    def body(self) -> Mapping[str, Any]:
        return {"scheduled_start_time": self.start}

    @property
    def values(self) -> Mapping[str, Any]:
        return self.body

    def send(self, api: WebinarApi, session_id: str) -> None:
        api.reschedule_session(session_id, self.start)

    def effect(self, session: Session | None) -> Session | None:
        return None if session is None else replace(session, scheduled_start_time=self.start)


@dataclass(frozen=True)
class UpdateSettings(ChangeSession):
    action = "update_settings"
    settings: Mapping[str, Any]

    @property
    def path(self) -> str:
        return settings_path(_id_of(self.session))

    @property
    def body(self) -> Mapping[str, Any]:
        return self.settings

    @property
    def values(self) -> Mapping[str, Any]:
        return {settings_field(name): value for name, value in self.settings.items()}

    def send(self, api: WebinarApi, session_id: str) -> None:
        api.update_settings(session_id, self.settings)

    def effect(self, session: Session | None) -> Session | None:
        if session is None:
            return None
        return replace(session, settings=Settings(**{**settings_values(session.settings), **self.settings}))


@dataclass(frozen=True)
class GoLive(SessionStep):
    """``session`` is None where the plan creates it."""

    action = "go_live"
    method = "POST"
    session: Session | None

    @property
    def path(self) -> str:
        return go_live_path(_id_of(self.session))

    def send(self, api: WebinarApi, session_id: str, *, needs_key: bool) -> StreamKey | None:
        return api.go_live(session_id, needs_key=needs_key)

    def effect(self, session: Session | None) -> Session | None:
        return None if session is None else replace(session, status="live")


@dataclass(frozen=True)
class RemoveSession(SessionStep):
    """``session`` is as it was when the plan was made. Apply reads it again before it is removed.

    ``row``: the ledger's row whose unanswered request created the session, None for any other session.
    """

    session: Session
    row: Row | None = None

    @abstractmethod
    def send(self, api: WebinarApi) -> None:
        """Send the request that removes the session."""


@dataclass(frozen=True)
class DeleteSession(RemoveSession):
    action = "delete_session"
    method = "DELETE"

    @property
    def path(self) -> str:
        return session_path(self.session.id)

    def send(self, api: WebinarApi) -> None:
        api.delete_session(self.session.id)

    def effect(self, session: Session | None) -> Session | None:
        return None if _is_same(session, self.session) else session


@dataclass(frozen=True)
class EndSession(RemoveSession):
    action = "end_session"
    method = "POST"

    @property
    def path(self) -> str:
        return end_path(self.session.id)

    def send(self, api: WebinarApi) -> None:
        api.end_session(self.session.id)

    def effect(self, session: Session | None) -> Session | None:
        return replace(self.session, status="ended") if _is_same(session, self.session) else session


def removal(room: str, session: Session, reason: str, row: Row | None = None) -> RemoveSession:
    """Return the step that removes a session: a scheduled one is deleted, one on air is ended and keeps its history."""
    if session.is_scheduled:
        return DeleteSession(room, session.title, reason, session, row)
    return EndSession(room, session.title, f"{reason}, and it is {session.status}", session)


def reason_of(differences: Sequence[Difference]) -> str:
    return "; ".join(difference.text() for difference in differences)


def _is_same(session: Session | None, other: Session) -> bool:
    return session is not None and session.id == other.id


def _id_of(session: Session | None) -> str:
    return session.id if session is not None else UNKNOWN_SESSION_ID


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
