# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs a plan: rooms first, then every session, on a bounded thread pool. One that fails does not stop the others."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from . import creation as create
from .creation import Creation
from .errors import WebinarError
from .ledger import Ledger
from .model import Room, RoomSpec, Session, SessionSpec, StreamKey
from .plan import Plan, RoomPlan, SessionPlan, creation_body, room_name, room_slot, session_slot
from .webinar_api import WebinarApi


@dataclass(frozen=True)
class SessionOutcome:
    """What became of one asked session; ``session`` is None where it does not exist (yet, or any more)."""

    room_title: str
    room_id: str | None
    spec: SessionSpec
    session: Session | None
    key: StreamKey | None = None
    fingerprint: str | None = None
    changed: bool = False
    note: str | None = None
    error: str | None = None


@dataclass(frozen=True)
class RoomOutcome:
    spec: RoomSpec
    room: Room | None
    changed: bool = False
    error: str | None = None

    @property
    def title(self) -> str:
        return room_name(self.spec, self.room)


@dataclass(frozen=True)
class Applied:
    rooms: tuple[RoomOutcome, ...]
    sessions: tuple[SessionOutcome, ...]


def apply_plan(plan: Plan, api: WebinarApi, ledger: Ledger, timeout: float, concurrency: int) -> Applied:
    creation = Creation(api, ledger, timeout)
    with ThreadPoolExecutor(max_workers=concurrency) as pool:
        rooms = list(pool.map(lambda room_plan: _apply_room(plan, room_plan, creation), plan.rooms))
        jobs = [
            (outcome, session_plan)
            for outcome, room_plan in zip(rooms, plan.rooms, strict=True)
            for session_plan in room_plan.sessions
        ]
        sessions = pool.map(lambda job: _apply_session(plan, job[0], job[1], creation), jobs)
        return Applied(tuple(rooms), tuple(sessions))


def planned(plan: Plan) -> Applied:
    """Return what applying the plan would bring, as far as that is known, without a call: the answer of check mode."""
    rooms = tuple(RoomOutcome(room_plan.spec, room_plan.room, room_plan.step is not None) for room_plan in plan.rooms)
    sessions = tuple(
        _unchanged(outcome, session_plan, changed=session_plan.step is not None)
        for outcome, room_plan in zip(rooms, plan.rooms, strict=True)
        for session_plan in room_plan.sessions
    )
    return Applied(rooms, sessions)


def _apply_room(plan: Plan, room_plan: RoomPlan, creation: Creation) -> RoomOutcome:
    spec, step = room_plan.spec, room_plan.step
    if step is None:
        return RoomOutcome(spec, room_plan.room)
    body = dict(step.body or {})
    slot = room_slot(plan.world, room_name(spec, None))
    made, error = _attempt(lambda: create.create_room(creation, slot, body, plan.world.room_ids))
    if made is None:
        return RoomOutcome(spec, None, error=error)
    return RoomOutcome(spec, made.thing, changed=made.by_us)


def _apply_session(plan: Plan, room: RoomOutcome, session_plan: SessionPlan, creation: Creation) -> SessionOutcome:
    if room.error:
        return _unchanged(room, session_plan, error=f"its room could not be created: {room.error}")
    step = session_plan.step
    if step is None or room.room is None:
        return _unchanged(room, session_plan)
    if session_plan.session is None or step.action == "create_session":
        return _create_session(plan, room, room.room.id, session_plan, creation)
    return _remove_session(room, session_plan, session_plan.session, step.action, creation)


def _create_session(
    plan: Plan, room: RoomOutcome, room_id: str, session_plan: SessionPlan, creation: Creation
) -> SessionOutcome:
    spec, row = session_plan.spec, session_plan.row
    # A session that the list does not show may still be there, if the list lags: only a past one is known to be gone.
    listed = {session.id: session for session in plan.world.sessions.get(room_id, ())}
    known = listed.get(row.object_id) if row is not None and row.object_id else None
    gone_id = known.id if known is not None and not known.is_current else None
    slot, body = session_slot(plan.world, room_id, spec.title), creation_body(spec)
    made, error = _attempt(lambda: create.create_session(creation, slot, spec, body, frozenset(listed), gone_id))
    if made is None:
        return SessionOutcome(room.title, room_id, spec, None, error=error)
    note = None
    if made.replaced:
        note = (
            f"replaced {', '.join(made.replaced)}, which an interrupted or unanswered request of this collection had "
            "created and whose stream key nobody ever saw"
        )
    fingerprint = creation.ledger.fingerprint(made.key) if made.key else None
    if made.key is None:
        error = f"the session {made.thing.id} was created, but the service's answer held no stream key."
    return SessionOutcome(
        room.title, room_id, spec, made.thing, made.key, fingerprint, changed=made.by_us, note=note, error=error
    )


def _remove_session(
    room: RoomOutcome, session_plan: SessionPlan, session: Session, action: str, creation: Creation
) -> SessionOutcome:
    api = creation.api

    def remove() -> bool:
        (api.delete_session if action == "delete_session" else api.end_session)(session.id)
        creation.ledger.retire(api.url, session.id)
        return True

    done, error = _attempt(remove)
    if not done:
        return _unchanged(room, session_plan, error=error)
    return SessionOutcome(room.title, session.room_id, session_plan.spec, None, changed=True)


def _unchanged(
    room: RoomOutcome, session_plan: SessionPlan, *, changed: bool = False, error: str | None = None
) -> SessionOutcome:
    """Return what stands in a slot that no call has touched."""
    session, row = session_plan.session, session_plan.row
    is_kept = session is not None and row is not None and row.object_id == session.id
    return SessionOutcome(
        room.title,
        room.room.id if room.room else None,
        session_plan.spec,
        None if changed and session_plan.spec.state == "absent" else session,
        row.key if is_kept and row else None,
        row.fingerprint if is_kept and row else None,
        changed=changed,
        error=error or session_plan.refusal,
    )


def _attempt(call: Callable[[], Any]) -> tuple[Any, str | None]:
    try:
        return call(), None
    except WebinarError as error:
        return None, str(error)
