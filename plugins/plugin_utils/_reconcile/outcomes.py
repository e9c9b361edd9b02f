# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.
"""The state of each asked room and session after a run, or as check mode foresees it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .._core.model import Room, RoomSpec, Session, SessionSpec, StreamKey
from .plan import Plan, RoomPlan, room_name
from .slot_plan import SessionPlan
from .steps import RoomStep, SessionStep, Step


@dataclass(frozen=True)
class SessionOutcome:
    """``session`` is None where it does not exist; its id is empty where check mode foresees that it is created.

    ``id_before``: the id of the session that filled the slot when the plan was made. ``purged``: the session was not
    asked for. ``awaits_live``: it was put on air and has not been seen live yet. ``done``: the steps that were run, or
    in check mode would be. ``more_steps``: steps that the plan could not hold, because what they are about appeared
    while the plan was run.
    """

    room_title: str
    room_id: str | None
    spec: SessionSpec
    session: Session | None
    key: StreamKey | None = None
    fingerprint: str | None = None
    changed: bool = False
    notes: tuple[str, ...] = ()
    error: str | None = None
    purged: bool = False
    awaits_live: bool = False
    done: tuple[Step, ...] = ()
    more_steps: tuple[Step, ...] = ()
    id_before: str | None = None

    def after(self, step: SessionStep) -> SessionOutcome:
        """Return the outcome after a step. The stream key is dropped where the session is another one, or over."""
        session = step.effect(self.session)
        stays = session is not None and self.session is not None and session.id == self.session.id
        done = replace(self, session=session, changed=True, done=(*self.done, step))
        return done if stays and session and session.is_current else replace(done, key=None, fingerprint=None)


@dataclass(frozen=True)
class RoomOutcome:
    """``room`` is None where it does not exist; its id is empty where check mode foresees that it is created.

    ``done``: the steps that were run, or in check mode would be.
    """

    spec: RoomSpec
    room: Room | None
    changed: bool = False
    error: str | None = None
    notes: tuple[str, ...] = ()
    done: tuple[Step, ...] = ()

    @property
    def title(self) -> str:
        return room_name(self.spec, self.room)

    def after(self, step: RoomStep) -> RoomOutcome:
        return replace(self, room=step.effect(self.room), changed=True, done=(*self.done, step))


@dataclass(frozen=True)
class Applied:
    rooms: tuple[RoomOutcome, ...]
    sessions: tuple[SessionOutcome, ...]


def foreseen(plan: Plan) -> Applied:
    """Return what the plan's steps would bring, without a call: the result of check mode."""
    rooms = tuple(_room_after_all(room_plan) for room_plan in plan.rooms)
    sessions = tuple(
        _session_after_all(outcome, session_plan)
        for outcome, room_plan in zip(rooms, plan.rooms, strict=True)
        for session_plan in room_plan.sessions
    )
    return Applied(rooms, sessions)


def room_before(room_plan: RoomPlan) -> RoomOutcome:
    """Return the state of a room before any step."""
    return RoomOutcome(room_plan.spec, room_plan.room, error=room_plan.refusal, notes=room_plan.notes)


def session_before(room: RoomOutcome, session_plan: SessionPlan) -> SessionOutcome:
    """Return the state of a slot before any step."""
    session, row = session_plan.session, session_plan.row
    kept = row if session is not None and row is not None and row.object_id == session.id else None
    return SessionOutcome(
        room_title=room.title,
        room_id=id_of(room.room),
        spec=session_plan.spec,
        session=session,
        key=kept.key if kept else None,
        fingerprint=kept.fingerprint if kept and kept.key else None,
        error=session_plan.refusal,
        purged=session_plan.purged,
        notes=session_plan.notes,
        id_before=session.id if session is not None else None,
    )


def id_of(thing: Room | Session | None) -> str | None:
    """Return the id of a room or session, None where it does not exist, or not yet."""
    return (thing.id or None) if thing is not None else None


def _room_after_all(room_plan: RoomPlan) -> RoomOutcome:
    outcome = room_before(room_plan)
    for step in room_plan.steps:
        outcome = outcome.after(step)
    return outcome


def _session_after_all(room: RoomOutcome, session_plan: SessionPlan) -> SessionOutcome:
    outcome = session_before(room, session_plan)
    for step in session_plan.steps:
        outcome = outcome.after(step)
    return outcome
