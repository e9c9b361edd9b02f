# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs a plan: rooms first, then every session, on a bounded thread pool. One that fails does not stop the others."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from . import create
from .creation import Creation
from .errors import WebinarError, unexpected_message
from .ledger import Ledger, Row
from .model import Room, Session
from .outcomes import Applied, RoomOutcome, SessionOutcome, before, merged_settings, updated_room
from .plan import Plan, RoomPlan, SessionPlan, room_slot, session_slot
from .steps import Step
from .webinar_api import WebinarApi

LIVE_POLL = 0.5


def apply_plan(
    plan: Plan, api: WebinarApi, ledger: Ledger, timeout: float, concurrency: int, wait_timeout: float
) -> Applied:
    """``timeout`` is for one request, ``wait_timeout`` for a session to become live, both in seconds."""
    creation = Creation(api, ledger, timeout)
    with ThreadPoolExecutor(max_workers=concurrency) as pool:
        rooms = list(pool.map(lambda room_plan: _apply_room(plan, room_plan, creation), plan.rooms))
        runs = [
            _SlotRun(plan, outcome, session_plan, creation, wait_timeout)
            for outcome, room_plan in zip(rooms, plan.rooms, strict=True)
            for session_plan in room_plan.sessions
        ]
        return Applied(tuple(rooms), tuple(pool.map(_SlotRun.outcome, runs)))


def _apply_room(plan: Plan, room_plan: RoomPlan, creation: Creation) -> RoomOutcome:
    """Remove what stands beside the room and is ours, then do to the room itself what is to be done."""
    twins = list(zip(room_plan.twins, room_plan.twin_steps, strict=True))
    removed = [_without_twin(plan, twin, step, creation) for twin, step in twins]
    done = _apply_room_itself(plan, room_plan, creation)
    notes = (*done.notes, *(note for _is_gone, note in removed))
    return replace(done, changed=done.changed or any(is_gone for is_gone, _note in removed), notes=notes)


def _without_twin(plan: Plan, twin: Room, step: Step, creation: Creation) -> tuple[bool, str]:
    """Remove a room unless it is used by now; return whether it is gone, and what is to be said of it.

    That it stays is no error: the room beside it is the one that is used, and the next run tries again.
    """
    try:
        if creation.api.sessions(twin.id):
            return (
                False,
                f"the room {twin.id} has sessions by now and stays: name the one that is meant with room_id",
            )
        creation.api.delete_room(twin.id)
        row = plan.world.rows.get(room_slot(plan.world, twin.title))
        if row is not None:
            creation.ledger.found_twins(row.id, 1)
    except WebinarError as error:
        return False, f"the room {twin.id} was to be removed, because {step.reason}, and could not be: {error}"
    return True, f"removed the room {twin.id}: {step.reason}"


def _apply_room_itself(plan: Plan, room_plan: RoomPlan, creation: Creation) -> RoomOutcome:
    spec, room, step, api = room_plan.spec, room_plan.room, room_plan.step, creation.api
    row = plan.world.rows.get(room_slot(plan.world, room.title)) if room else None
    body = dict(step.body or {}) if step else {}
    try:
        if room is not None and row is not None and row.phase == "pending" and not row.leased:
            create.settle_room(creation, row.slot, room)
        if step is None:
            return RoomOutcome(spec, room, error=room_plan.refusal)
        if step.action == "create_room" or room is None:
            slot = room_slot(plan.world, spec.title or "")
            made = create.create_room(creation, slot, body, plan.world.room_ids)
            notes = (_not_answered(made.unanswered),) if made.unanswered else ()
            return RoomOutcome(spec, made.thing, changed=made.by_us, notes=notes)
        if step.action == "update_room":
            api.update_room(room.id, body)
            return RoomOutcome(spec, updated_room(spec, room), changed=True)
        api.delete_room(room.id)
        creation.ledger.retire_room(api.url, room.id)
        return RoomOutcome(spec, None, changed=True)
    except WebinarError as error:
        return RoomOutcome(spec, room, error=str(error))
    except Exception as error:  # noqa: BLE001 - as for a session
        return RoomOutcome(spec, room, error=unexpected_message(error))


@dataclass
class _SlotRun:
    """Runs the steps of one slot, in order, until one fails; what was done before it is in the outcome all the same."""

    plan: Plan
    room: RoomOutcome
    session_plan: SessionPlan
    creation: Creation
    wait_timeout: float

    def outcome(self) -> SessionOutcome:
        state = before(self.room, self.session_plan)
        if self.room.error and self.session_plan.steps:
            return replace(state, error=f"nothing was done, because its room failed: {self.room.error}")
        if self.session_plan.surplus is not None and state.session is not None:
            return self._without_surplus(state, state.session, self.session_plan.surplus)
        for step in self.session_plan.steps:
            try:
                state = self._run(step, state)
            except WebinarError as error:
                return replace(state, error=str(error))
            except Exception as error:  # noqa: BLE001 - a mistake of ours must not keep the other sessions waiting
                return replace(state, error=unexpected_message(error))
            if state.error:
                break
        return state

    def _without_surplus(self, state: SessionOutcome, session: Session, row: Row) -> SessionOutcome:
        """Remove a session of ours that stands beside that of its slot, unless it is something else by now."""
        api, ledger = self.creation.api, self.creation.ledger
        try:
            known, now = ledger.row_of_session(session.id), api.session(session.id)
            if now is not None and (known.id if known else row.id) != row.id:
                return replace(state, error=f"{session.id} is left alone: the ledger knows it by now. Run again.")
            if now is not None and now.status != "scheduled":
                message = (
                    f"{session.id} is left alone, although {self.session_plan.steps[0].reason}: it is {now.status}."
                )
                return replace(
                    state, session=now, error=f"{message} End it, or name the one that is meant: session_id."
                )
            if now is not None:
                api.delete_session(session.id)
            if row.phase == "spare":
                ledger.retire(api.url, session.id)
            else:
                ledger.found_twins(row.id, 1)
        except WebinarError as error:
            return replace(state, error=f"{session.id} could not be removed: {error}")
        note = f"removed {session.id}: {self.session_plan.steps[0].reason}"
        return replace(state, session=None, changed=now is not None, notes=(*state.notes, note))

    def _run(self, step: Step, state: SessionOutcome) -> SessionOutcome:
        api, ledger, session = self.creation.api, self.creation.ledger, state.session
        if step.action == "create_session":
            return self._create(step, state)
        if session is None:
            raise WebinarError("there is no session to change, because it was not created.")
        match step.action:
            case "delete_session":
                api.delete_session(session.id)
                ledger.retire(api.url, session.id)
                return replace(state, session=None, key=None, fingerprint=None, changed=True)
            case "end_session":
                api.end_session(session.id)
                ledger.retire(api.url, session.id)
                return replace(
                    state, session=replace(session, status="ended"), key=None, fingerprint=None, changed=True
                )
            case "reschedule_session":
                wanted = state.spec.scheduled_start_time or ""
                api.reschedule_session(session.id, wanted)
                return replace(state, session=replace(session, scheduled_start_time=wanted), changed=True)
            case "update_settings":
                api.update_settings(session.id, dict(step.body or {}))
                settings = merged_settings(session.settings, state.spec.settings)
                return replace(state, session=replace(session, settings=settings), changed=True)
            case _:
                return self._go_live(session, state)

    def _create(self, step: Step, state: SessionOutcome) -> SessionOutcome:
        room_id, spec, row = state.room_id or "", state.spec, self.session_plan.row
        # A session that the list does not show may still be there, if the list lags: only a past one, or one that this
        # run has just removed, is known to be gone.
        listed = {session.id: session for session in self.plan.world.sessions.get(room_id, ())}
        known = listed.get(row.object_id) if row is not None and row.object_id else None
        gone_id = known.id if known is not None and not known.is_current else None
        made = create.create_session(
            self.creation,
            session_slot(self.plan.world, room_id, spec.title),
            spec,
            dict(step.body or {}),
            frozenset(listed),
            gone_id,
        )
        notes = state.notes
        if made.replaced:
            orphans = ", ".join(made.replaced)
            notes += (f"replaced {orphans}: created by an interrupted or unanswered call; nobody ever saw its key",)
        if made.unanswered:
            notes += (_not_answered(made.unanswered),)
        created = replace(state, session=made.thing, key=made.key, changed=state.changed or made.by_us, notes=notes)
        if made.key is None:
            error = f"the session {made.thing.id} was created, but the service's answer held no stream key."
            return replace(created, fingerprint=None, error=error)
        return replace(created, fingerprint=self.creation.ledger.fingerprint(made.key))

    def _go_live(self, session: Session, state: SessionOutcome) -> SessionOutcome:
        api, ledger = self.creation.api, self.creation.ledger
        key = api.go_live(session.id)
        if key is not None and (state.key is None or state.key.stream_key != key.stream_key):
            # Kept before anything else: like the answer of a creation, this one is shown once.
            ledger.adopt(session_slot(self.plan.world, state.room_id or "", session.title), session.id, key)
            notes = state.notes
            if state.key is not None:
                notes += (f"the service gave {session.id} another stream key: its encoder must be set up again",)
            state = replace(state, key=key, fingerprint=ledger.fingerprint(key), notes=notes)
        return self._when_live(session, replace(state, changed=True))

    def _when_live(self, session: Session, state: SessionOutcome) -> SessionOutcome:
        give_up = time.monotonic() + self.wait_timeout
        while True:
            try:
                now = self.creation.api.session(session.id)
            except WebinarError as error:
                return replace(state, error=f"it was put on air, but not seen to be live: {error}")
            if now is not None and now.status == "live":
                return replace(state, session=now)
            if time.monotonic() > give_up:
                message = (
                    f"the session {session.id} was put on air, and is {now.status if now else 'gone'} after "
                    f"{self.wait_timeout:g} seconds. Raise wait_timeout, or look at the service's own status."
                )
                return replace(state, session=now or session, error=message)
            self.creation.sleep(LIVE_POLL)


def _not_answered(count: int) -> str:
    requests = "a request to create it was" if count == 1 else f"{count} requests to create it were"
    return (
        f"{requests} never answered, and no list shows what came of it. Should it take effect yet, the next run "
        "removes what it made: run once more before the event"
    )
