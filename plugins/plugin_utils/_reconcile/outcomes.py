# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""What became of each room and session that was asked for, or would become of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

from .._core.model import Room, RoomSpec, Session, SessionSpec, Settings, StreamKey
from .plan import Plan, RoomPlan, SessionPlan, merged, room_name
from .steps import Step


@dataclass(frozen=True)
class SessionOutcome:
    """What became of one asked session; ``session`` is None where it does not exist (yet, or any more).

    ``id_before`` is the id of the session that stood in the slot when the plan was made.
    ``purged``: it was not asked for, and removed. ``awaits_live``: it was put on air and is not known to be live yet.
    ``more_steps`` are calls that no plan could foresee, because what they remove came into being while it was run.
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
    more_steps: tuple[Step, ...] = ()
    id_before: str | None = None


@dataclass(frozen=True)
class RoomOutcome:
    spec: RoomSpec
    room: Room | None
    changed: bool = False
    error: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        return room_name(self.spec, self.room)


@dataclass(frozen=True)
class Applied:
    rooms: tuple[RoomOutcome, ...]
    sessions: tuple[SessionOutcome, ...]


def planned(plan: Plan) -> Applied:
    """Return what applying the plan would bring, as far as that is known, without a call: the answer of check mode."""
    rooms = tuple(_planned_room(room_plan) for room_plan in plan.rooms)
    sessions = tuple(
        _planned_session(outcome, session_plan)
        for outcome, room_plan in zip(rooms, plan.rooms, strict=True)
        for session_plan in room_plan.sessions
    )
    return Applied(rooms, sessions)


def before(room: RoomOutcome, session_plan: SessionPlan, error: str | None = None) -> SessionOutcome:
    """Return what stands in a slot that no call has touched."""
    session, row = session_plan.session, session_plan.row
    kept = row if session is not None and row is not None and row.object_id == session.id else None
    return SessionOutcome(
        room_title=room.title,
        room_id=room.room.id if room.room else None,
        spec=session_plan.spec,
        session=session,
        key=kept.key if kept else None,
        fingerprint=kept.fingerprint if kept and kept.key else None,
        error=error or session_plan.refusal,
        purged=session_plan.purged,
        notes=session_plan.notes,
        id_before=session.id if session is not None else None,
    )


def updated_room(spec: RoomSpec, room: Room) -> Room:
    """Return a room as an update makes it."""
    return replace(
        room,
        title=(spec.title if spec.room_id is not None else None) or room.title,
        description=room.description if spec.description is None else spec.description,
        analytics=merged(room.analytics, spec.analytics or {}),
    )


def is_of(step: Step, session: Session | None) -> bool:
    """Say whether a step concerns the session that stands in its slot now: not one that was replaced or left over."""
    return step.session is None or (session is not None and step.session.id == session.id)


def _planned_room(room_plan: RoomPlan) -> RoomOutcome:
    spec, room, step = room_plan.spec, room_plan.room, room_plan.step
    if step is not None and step.action == "delete_room":
        room = None
    elif step is not None and step.action == "update_room" and room is not None:
        room = updated_room(spec, room)
    changed = step is not None or bool(room_plan.duplicates)
    return RoomOutcome(spec, room, changed=changed, error=room_plan.refusal, notes=room_plan.notes)


def _planned_session(room: RoomOutcome, session_plan: SessionPlan) -> SessionOutcome:
    outcome = before(room, session_plan)
    session: Session | None = outcome.session
    for step in session_plan.steps:
        match step.action:
            case "create_session":
                session = None
                outcome = replace(outcome, key=None, fingerprint=None)
            case "delete_session" if is_of(step, session):
                session = None
                outcome = replace(outcome, key=None, fingerprint=None)
            case "end_session" if session and is_of(step, session):
                session = replace(session, status="ended")
                outcome = replace(outcome, key=None, fingerprint=None)
            case "reschedule_session" if session:
                session = replace(session, scheduled_start_time=session_plan.spec.scheduled_start_time)
            case "update_settings" if session:
                session = replace(session, settings=merged_settings(session.settings, session_plan.spec.settings))
            case "go_live" if session:
                session = replace(session, status="live")
            case _:
                pass
    return replace(outcome, session=session, changed=bool(session_plan.steps))


def merged_settings(has: Settings, asked: Settings) -> Settings:
    return Settings(**{**asdict(has), **asked.given()})
