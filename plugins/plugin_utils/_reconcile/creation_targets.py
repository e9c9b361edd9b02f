# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""What differs between the creation of a room and of a session."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

from .._core.comparison import Memory, remembered, shown_of_room, shown_of_session, wanted_of_room, wanted_of_session
from .._core.errors import CreationUnresolved
from .._core.model import Room, RoomSpec, Session, SessionSpec, StreamKey
from .._core.plain_text import same_title
from .._ledger.store import Claim, Slot
from .._ledger.unanswered import Unanswered, fills_empty_slot, may_have_created
from .creation import Creation, Made, Target, create


def create_room(
    creation: Creation, slot: Slot, spec: RoomSpec, body: Mapping[str, Any], seen_ids: frozenset[str]
) -> Made[Room]:
    api = creation.api

    def post(
        before_each: Callable[[], None], before_wait: Callable[[float], None]
    ) -> tuple[Room | None, StreamKey | None]:
        return api.create_room(body, before_each, before_wait), None

    target = Target[Room](
        slot=slot,
        name=f"room '{slot.title}'",
        preset_id=None,
        post=post,
        fetch=api.room,
        is_usable=lambda _room: True,
        listed=lambda: [room for room in api.my_rooms() if same_title(room.title, slot.title)],
        may_be_ours=lambda requests, room: may_have_created(requests, room, creation.clock()),
        discard=None,
        memory=lambda room: memory_of_room(spec, room),
    )
    return create(creation, target, seen_ids)


def memory_of_room(spec: RoomSpec, room: Room) -> Memory:
    """Return what the service made of the values with which a room was created, also where it does not tell."""
    return remembered({}, {"title": spec.title, **wanted_of_room(spec)}, shown_of_room(room))


def memory_of_session(spec: SessionSpec, session: Session) -> Memory:
    """Return the same for a session. Its settings are not among the values: they take a call of their own."""
    sent = {"title": spec.title, **wanted_of_session(spec)}
    created_with = {name: value for name, value in sent.items() if not name.startswith("settings.")}
    return remembered({}, created_with, shown_of_session(session))


def settle_room(creation: Creation, slot: Slot, room: Room) -> None:
    """Note that a room is what an earlier run began to create, unless another run is at it."""
    claimed = creation.ledger.claim(slot, (), creation.lease)
    if isinstance(claimed, Claim):
        left = replace(claimed, unanswered=claimed.unanswered.resolved(1))
        creation.ledger.keep(left, "created", room.id, None, {})


def create_session(
    creation: Creation,
    slot: Slot,
    spec: SessionSpec,
    body: Mapping[str, Any],
    seen_ids: frozenset[str],
    *,
    replaces: str | None,
    gone_ids: Collection[str],
) -> Made[Session]:
    """Create a session in the room ``slot.parent``; ``replaces`` and ``gone_ids``: see ``creation.create``."""
    api, room_id = creation.api, slot.parent

    def post(
        before_each: Callable[[], None], before_wait: Callable[[float], None]
    ) -> tuple[Session | None, StreamKey | None]:
        created = api.create_session(room_id, body, before_each, before_wait)
        return created.session, created.key

    def listed() -> list[Session]:
        return [
            session for session in api.sessions(room_id) if session.is_current and same_title(session.title, slot.title)
        ]

    def may_be_ours(requests: Unanswered, session: Session) -> bool:
        # One that the ledger knows has shown its key to somebody.
        known = {row.object_id for row in creation.ledger.rows(api.url, [room_id])}
        return session.id not in known and fills_empty_slot(requests, session, creation.clock())

    target = Target[Session](
        slot=slot,
        name=f"session '{slot.title}'",
        preset_id=spec.preset_id,
        post=post,
        fetch=api.session,
        is_usable=lambda session: session.is_current,
        listed=listed,
        may_be_ours=may_be_ours,
        discard=lambda session: discard(creation, session),
        memory=lambda session: memory_of_session(spec, session),
    )
    return create(creation, target, seen_ids, replaces=replaces, gone_ids=gone_ids)


def discard(creation: Creation, session: Session) -> None:
    """Delete a session of ours whose key nobody has seen, unless it has begun since it was listed."""
    now = creation.api.session(session.id)
    if now is not None and now.status != "scheduled":
        raise CreationUnresolved(
            f"the session {session.id} was created, its answer with the stream key was lost, and it is "
            f"{now.status} already. It is left as it is: end it, or name it with session_id."
        )
    creation.api.delete_session(session.id)
