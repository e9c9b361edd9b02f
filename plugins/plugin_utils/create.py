# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What differs between the creation of a room and of a session."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from .creation import LEASE_MARGIN, Creation, Made, Target, create
from .doubts import may_be_fruit, may_have_made
from .errors import CreationUnresolved
from .ledger import Claim, Slot
from .model import Room, Session, SessionSpec, StreamKey


def create_room(creation: Creation, slot: Slot, body: dict[str, str], seen_ids: frozenset[str]) -> Made[Room]:
    api = creation.api

    def post(before_each: Callable[[], None]) -> tuple[Room | None, StreamKey | None]:
        return api.create_room(body, before_each), None

    target = Target[Room](
        slot=slot,
        name=f"room '{slot.title}'",
        preset_id=None,
        post=post,
        fetch=api.room,
        is_usable=lambda room: room.title == slot.title,
        listed=lambda: [room for room in api.my_rooms() if room.title == slot.title],
        is_fruit=lambda claim, room: may_have_made(claim.doubt, room, api.service_time()),
        discard=None,
    )
    return create(creation, target, seen_ids, gone_id=None)


def settle_room(creation: Creation, slot: Slot, room: Room) -> None:
    """Note that a room is what an earlier run began to create, unless another run is at it."""
    lease = creation.timeout + LEASE_MARGIN
    claimed = creation.ledger.claim(slot, (), lease, None, creation.api.service_time())
    if isinstance(claimed, Claim):
        creation.ledger.keep(replace(claimed, doubt=claimed.doubt.without(1)), "created", room.id, None)


def create_session(
    creation: Creation,
    slot: Slot,
    spec: SessionSpec,
    body: dict[str, str],
    seen_ids: frozenset[str],
    gone_id: str | None,
) -> Made[Session]:
    """Create a session in the room ``slot.parent``.

    ``gone_id`` names the session of the slot's ledger row, if that session can no longer be used.
    """
    api, room_id = creation.api, slot.parent

    def post(before_each: Callable[[], None]) -> tuple[Session | None, StreamKey | None]:
        created = api.create_session(room_id, body, before_each)
        return created.session, created.key

    def listed() -> list[Session]:
        return [session for session in api.sessions(room_id) if session.title == slot.title and session.is_current]

    def discard(session: Session) -> None:
        if session.status != "scheduled":
            raise CreationUnresolved(
                f"the session {session.id} was created, its answer with the stream key was lost, and it is "
                f"{session.status} already. It is left as it is: end it, or name it with session_id."
            )
        api.delete_session(session.id)

    target = Target[Session](
        slot=slot,
        name=f"session '{slot.title}'",
        preset_id=spec.preset_id,
        post=post,
        fetch=api.session,
        is_usable=lambda session: session.is_current,
        listed=listed,
        is_fruit=lambda claim, one: may_be_fruit(claim.doubt, one, spec.preset_id, api.service_time()),
        discard=discard,
    )
    return create(creation, target, seen_ids, gone_id)
