# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.
"""A room or session to create: how it is requested, found in a list, and deleted if its response was lost."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import ClassVar, Generic, Protocol, TypeVar

from .._core.comparison import (
    Memory,
    shown_of_new_session,
    shown_of_room,
    updated_memory,
    wanted_of_new_session,
    wanted_of_room,
)
from .._core.errors import CreationUnresolved
from .._core.model import Room, RoomSpec, Session, SessionSpec, StreamKey
from .._core.plain_text import same_title
from .._ledger.rows import AccountNames
from .._ledger.store import Ledger, Slot
from .._ledger.unanswered import Clock, Unanswered, fills_empty_slot, may_have_created
from .._service.api import WebinarApi
from .steps import CreateRoom, CreateSession, DeleteSession, RemoveSession


class _HasId(Protocol):
    @property
    def id(self) -> str:
        """Return its id in the service."""


Thing = TypeVar("Thing", bound=_HasId)
# Called before each request, and before each wait with its seconds.
BeforeEach = Callable[[], None]
BeforeWait = Callable[[float], None]


@dataclass(frozen=True)
class Target(ABC, Generic[Thing]):
    """A room or session to create in a slot."""

    # Whether its response has a stream key. One whose key was lost is of no use and is deleted.
    has_key: ClassVar[bool]
    api: WebinarApi
    ledger: Ledger
    slot: Slot

    @property
    def name(self) -> str:
        return f"{self.slot.kind} '{self.slot.title}'"

    @property
    def preset_id(self) -> str | None:
        return None

    @property
    def account(self) -> AccountNames | None:
        """Return the names of a room's account, for the claim of its slot."""
        return None

    @abstractmethod
    def post(self, before_each: BeforeEach, before_wait: BeforeWait) -> tuple[Thing | None, StreamKey | None]:
        """Send one request. Return the thing, None where the response had no id, and its key."""

    @abstractmethod
    def read(self, thing_id: str) -> Thing | None:
        """Return the thing with this id, None where the service has none."""

    def is_usable(self, thing: Thing) -> bool:  # noqa: ARG002 - a room always is
        return True

    @abstractmethod
    def found(
        self, unanswered: Unanswered, clock: Callable[[], Clock], apart: Collection[str | None]
    ) -> tuple[list[Thing], list[str]]:
        """Return what the requests may have created, as listed, and the ids of others of the title.

        Things with an id in ``apart`` are in neither.
        """

    @abstractmethod
    def memory(self, thing: Thing) -> Memory:
        """Return the values that the service stored otherwise than they were sent."""

    @abstractmethod
    def delete_unkeyed(self, thing: Thing) -> RemoveSession:
        """Delete a thing that this run created and whose key is lost; return the step."""


@dataclass(frozen=True)
class RoomTarget(Target[Room]):
    has_key = False
    step: CreateRoom
    names: AccountNames

    @property
    def account(self) -> AccountNames:
        return self.names

    def post(self, before_each: BeforeEach, before_wait: BeforeWait) -> tuple[Room | None, StreamKey | None]:
        return self.step.send(self.api, before_each, before_wait), None

    def read(self, thing_id: str) -> Room | None:
        return self.api.room(thing_id)

    def found(
        self, unanswered: Unanswered, clock: Callable[[], Clock], apart: Collection[str | None]
    ) -> tuple[list[Room], list[str]]:
        listed = [one for one in self.api.my_rooms() if same_title(one.title, self.slot.title) and one.id not in apart]
        ours = [one for one in listed if may_have_created(unanswered, one, clock())]
        return ours, [one.id for one in listed if one not in ours]

    def memory(self, thing: Room) -> Memory:
        return memory_of_room(self.step.spec, thing)

    def delete_unkeyed(self, thing: Room) -> RemoveSession:
        raise NotImplementedError("a room has no key: one is as good as any other")


@dataclass(frozen=True)
class SessionTarget(Target[Session]):
    """A session in the room ``slot.parent``."""

    has_key = True
    step: CreateSession

    @property
    def preset_id(self) -> str | None:
        return self.step.spec.preset_id

    def post(self, before_each: BeforeEach, before_wait: BeforeWait) -> tuple[Session | None, StreamKey | None]:
        created = self.step.send(self.api, self.slot.parent, before_each, before_wait)
        return created.session, created.key

    def read(self, thing_id: str) -> Session | None:
        return self.api.session(thing_id)

    def is_usable(self, thing: Session) -> bool:
        return thing.is_current

    def found(
        self, unanswered: Unanswered, clock: Callable[[], Clock], apart: Collection[str | None]
    ) -> tuple[list[Session], list[str]]:
        listed = [
            one
            for one in self.api.sessions(self.slot.parent)
            if one.is_current and same_title(one.title, self.slot.title) and one.id not in apart
        ]
        # The key of a session in the ledger is known.
        known = self.ledger.known_ids(self.api.url, self.slot.parent) if listed else set()
        ours = [one for one in listed if one.id not in known and fills_empty_slot(unanswered, one, clock())]
        return ours, [one.id for one in listed if one not in ours]

    def memory(self, thing: Session) -> Memory:
        return memory_of_session(self.step.spec, thing)

    def delete_unkeyed(self, thing: Session) -> RemoveSession:
        """Raise CreationUnresolved where the session is on air by now."""
        now = self.api.session(thing.id)
        if now is not None and not now.is_scheduled:
            raise CreationUnresolved(
                f"the session {thing.id} was created, its answer with the stream key was lost, and it is {now.status} "
                "already. It is left as it is: end it, or name it with session_id."
            )
        reason = "it was created by an unanswered call, and nobody ever saw its key"
        step = DeleteSession(self.step.room, self.step.title, reason, thing)
        step.send(self.api)
        return step


def memory_of_room(spec: RoomSpec, room: Room) -> Memory:
    """Return the values of a new room that the service stored otherwise than they were sent, or does not report."""
    return updated_memory({}, {"title": spec.title, **wanted_of_room(spec)}, shown_of_room(room))


def memory_of_session(spec: SessionSpec, session: Session) -> Memory:
    """Return the same for a new session, without its settings, which take a call of their own."""
    created_with = {"title": spec.title, **wanted_of_new_session(spec)}
    return updated_memory({}, created_with, shown_of_new_session(session))
