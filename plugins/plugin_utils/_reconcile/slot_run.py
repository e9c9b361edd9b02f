# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Runs the steps of one slot, in order, until one fails. The outcome holds what was done before the failure.

A session is read again before it is removed, and stays if it has changed since the plan was made.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from .._core.comparison import difference_to_remember, shown_of_new_session, wanted_of_new_session
from .._core.errors import WebinarError, unexpected_message
from .._core.model import Policy, Session
from .._core.plain_text import same_title
from .._ledger.store import Slot
from .._service.api import WebinarApi
from .creation import Creation, Made, OtherRun, create, not_answered
from .creation_targets import SessionTarget
from .observe import observe_room
from .outcomes import RoomOutcome, SessionOutcome, session_before
from .second_look import kept_notes, kept_otherwise, not_looked_at, reason_to_stay, remember_values
from .slot_plan import SessionPlan, plan_slot
from .steps import (
    ChangeSession,
    CreateSession,
    EndSession,
    GoLive,
    RemoveSession,
    SessionStep,
)
from .world import World

# How often a slot is planned because of other runs. Two runs that ask for different things would otherwise replace
# each other's session for ever.
_MOST_PLANS = 3


@dataclass
class SlotRun:
    """Runs the plan of one slot."""

    world: World
    room: RoomOutcome
    session_plan: SessionPlan
    creation: Creation
    policy: Policy

    def outcome(self) -> SessionOutcome:
        state = session_before(self.room, self.session_plan)
        if self.room.error and self.room.room is None and self.session_plan.steps:
            return replace(state, error=f"nothing was done, because its room failed: {self.room.error}")
        try:
            return self._planned(state)
        except WebinarError as error:
            return replace(state, error=str(error))
        except Exception as error:  # noqa: BLE001 - a fault in one slot must not stop the others
            return replace(state, error=unexpected_message(error))

    def _planned(self, state: SessionOutcome) -> SessionOutcome:
        if self.session_plan.awaits_other_run:
            self._wait_for_other_run(state)
            state = self._planned_anew(state)
        for _attempt in range(_MOST_PLANS):
            state, is_overtaken = self._run_all(state)
            if not is_overtaken:
                return state
            state = self._planned_anew(state)
        error = "other runs keep on changing it. Run again when they have ended."
        return replace(state, error=state.error or error)

    def _run_all(self, state: SessionOutcome) -> tuple[SessionOutcome, bool]:
        """Run the steps. The second value says that another run was at work, so a new plan is needed."""
        if self.session_plan.refusal is not None:
            return state, self._is_about_a_gone_session()
        if self.session_plan.withdraws and state.room_id:
            self.creation.ledger.withdraw_unsent(self._slot(state))
        if self.session_plan.is_renamed:
            self._remember_title(state)
        for step in self.session_plan.steps:
            try:
                if isinstance(step, CreateSession):
                    state, by_us = self._create(step, state)
                    if not by_us:
                        return state, True
                else:
                    state = self._run(step, state)
            except WebinarError as error:
                state = replace(state, error=str(error))
            except Exception as error:  # noqa: BLE001 - as above
                state = replace(state, error=unexpected_message(error))
            if state.error:
                break
        return state, False

    def _remember_title(self, state: SessionOutcome) -> None:
        """Note the title of a session that was renamed in the service, so that the next run does not warn again."""
        session, row = self.session_plan.session, self.session_plan.row
        if session is None or row is None or row.object_id != session.id:
            return
        kept = difference_to_remember("title", state.spec.title, session.title)
        if kept is not None:
            self.creation.ledger.remember(self._slot(state), session.id, {**row.memory, "title": kept})

    def _is_about_a_gone_session(self) -> bool:
        """Return whether the refusal is about a session that another run has removed since the list was read."""
        refused = self.session_plan.session
        try:
            now = self.creation.api.session(refused.id) if refused is not None else None
        except WebinarError:
            return False
        return refused is not None and (now is None or not now.is_current)

    def _slot(self, state: SessionOutcome) -> Slot:
        return self.world.session_slot(state.room_id or "", state.spec.title)

    def _wait_for_other_run(self, state: SessionOutcome) -> None:
        """Wait until no other run is creating in the slot."""
        other_run, ledger, slot = OtherRun(self.creation), self.creation.ledger, self._slot(state)
        while (busy := ledger.lease_of(slot)) is not None and busy.mark != other_run.expired:
            other_run.wait(busy, f"session '{state.spec.title}'")

    def _planned_anew(self, state: SessionOutcome) -> SessionOutcome:
        """Plan the slot again with what another run has created; return the state before the new plan's steps."""
        room = self.room.room
        if room is None:
            return state
        self.world = observe_room(self.world, self.creation.api, self.creation.ledger, room.id)
        self.session_plan = plan_slot(self.room.title, state.spec, room, self.world, self.policy)
        fresh = session_before(self.room, self.session_plan)
        more = (*state.more_steps, *self.session_plan.steps)
        notes = tuple(dict.fromkeys((*state.notes, *fresh.notes)))
        return replace(fresh, changed=state.changed, notes=notes, done=state.done, more_steps=more)

    def _run(self, step: SessionStep, state: SessionOutcome) -> SessionOutcome:
        if isinstance(step, RemoveSession):
            return self._remove(step, state)
        if state.session is None:
            raise WebinarError("there is no session to change, because it was not created.")
        if isinstance(step, GoLive):
            return self._go_live(step, state.session, state)
        if isinstance(step, ChangeSession):
            step.send(self.creation.api, state.session.id)
            return self._look(step, state.after(step))
        raise TypeError(f"no way is known to run {type(step).__name__}")

    def _remove(self, step: RemoveSession, state: SessionOutcome) -> SessionOutcome:
        """Delete or end a session, unless it has changed since the plan was made."""
        api, ledger, planned = self.creation.api, self.creation.ledger, step.session
        is_filling = state.session is not None and state.session.id == planned.id
        now = api.session(planned.id)
        reason = reason_to_stay(planned, now, step.row, ledger)
        if reason is not None:
            return replace(state, session=now if is_filling else state.session, error=reason)
        is_there = now is not None and now.is_current
        if is_there:
            step.send(api)
        state = replace(state.after(step), changed=state.changed or is_there)
        is_planned = self.session_plan.session is not None and self.session_plan.session.id == planned.id
        if not is_filling and not is_planned:
            # The user knows of a replacement by the plan, and of a leftover of earlier runs by this note.
            state = replace(state, notes=(*state.notes, f"removed {planned.id}: {step.reason}"))
        try:
            if step.row is not None:
                ledger.resolve_requests(step.row, 1)
            else:
                ledger.retire(api.url, [planned.id])
        except WebinarError as error:
            return replace(state, error=f"{planned.id} was removed, but the ledger could not note that: {error}")
        return state

    def _create(self, step: CreateSession, state: SessionOutcome) -> tuple[SessionOutcome, bool]:
        """Create the session. The second value is False where another run was first."""
        api, ledger, replaced = self.creation.api, self.creation.ledger, step.replaces
        if replaced is not None:
            # If it may not be removed, nothing is created in its place.
            reason = reason_to_stay(replaced, api.session(replaced.id), None, ledger)
            if reason is not None:
                return replace(state, error=reason), True
        sessions, title = self.world.titled(state.room_id or ""), state.spec.title
        bearing = sessions.bearing(title)
        seen = frozenset(one.id for one in bearing if one.is_current and same_title(one.title, title))
        removed: list[RemoveSession] = []
        try:
            made = create(
                self.creation,
                SessionTarget(api, ledger, self._slot(state), step),
                seen,
                removed,
                replaced_id=replaced.id if replaced is not None else None,
                over_ids=sessions.past_ids,
            )
        except WebinarError as error:
            return replace(_with_removed(state, removed), error=_with_deletions(error, removed)), True
        state = _with_removed(state, removed)
        if removed:
            ids = _ids_of(removed)
            note = f"replaced {ids}: created by an interrupted or unanswered call; nobody ever saw its key"
            state = replace(state, notes=(*state.notes, note))
        return self._created(made, step, state), made.by_us

    def _created(self, made: Made[Session], step: CreateSession, state: SessionOutcome) -> SessionOutcome:
        notes = [*state.notes, *([not_answered(made.unanswered)] if made.unanswered else [])]
        if not made.by_us:
            return replace(state, session=made.thing, key=made.key, notes=tuple(notes))
        notes += _values_kept_otherwise(step, made)
        fingerprint = self.creation.ledger.fingerprint(made.key.stream_key) if made.key is not None else None
        created = replace(
            state.after(step), session=made.thing, key=made.key, fingerprint=fingerprint, notes=tuple(notes)
        )
        if made.key is None:
            error = f"the session {made.thing.id} was created, but the service's answer held no stream key."
            if step.replaces is not None:
                error += f" {step.replaces.id}, which it was to replace, is left as it is."
            return replace(created, error=error)
        return created

    def _look(self, step: ChangeSession, state: SessionOutcome) -> SessionOutcome:
        """Read the session once to see what the service stored."""
        api, ledger = self.creation.api, self.creation.ledger
        try:
            now = api.session(state.session.id) if state.session is not None else None
            if now is None:
                return state
            notes = remember_values(ledger, self._slot(state), ledger.row_of_session(now.id), step.values, now)
        except WebinarError as error:
            return replace(state, notes=(*state.notes, not_looked_at(error)))
        return replace(state, session=now, notes=(*state.notes, *notes))

    def _go_live(self, step: GoLive, session: Session, state: SessionOutcome) -> SessionOutcome:
        api, ledger = self.creation.api, self.creation.ledger
        needs_key = state.key is None and self.policy.on_missing_key == "go_live"
        key = step.send(api, session.id, needs_key=needs_key)
        # Its status is read later, by when_live.
        state = replace(state.after(step), session=session, awaits_live=True)
        if key is None:
            if needs_key:
                error = (
                    f"the session {session.id} was put on air to see its stream key, and the service's answer held "
                    "none. Choose on_missing_key: replace to have a new session with a key, or ignore."
                )
                return replace(state, error=error)
            return state
        key = key.completed(state.key)
        if key == state.key:
            return state
        notes = state.notes
        if state.key is not None and state.key.stream_key != key.stream_key:
            notes += (f"the service gave {session.id} another stream key: its encoder must be set up again",)
        state = replace(state, key=key, fingerprint=ledger.fingerprint(key.stream_key), notes=notes)
        # Kept before anything else, as after a creation: the service may not show this key again.
        over = self.world.titled(state.room_id or "").past_ids
        try:
            ledger.adopt(self._slot(state), session.id, key, over)
        except WebinarError as error:
            # The session is on air nevertheless, and the result reports it.
            return replace(state, error=f"it was put on air, but its stream key could not be kept: {error}")
        return state


def end_only(room: RoomOutcome, session_plan: SessionPlan, api: WebinarApi) -> SessionOutcome:
    """End a session without a ledger."""
    state = session_before(room, session_plan)
    for step in session_plan.steps:
        if isinstance(step, EndSession):
            try:
                step.send(api)
            except WebinarError as error:
                return replace(state, error=str(error))
            state = state.after(step)
    return state


def _with_removed(state: SessionOutcome, removed: list[RemoveSession]) -> SessionOutcome:
    """Add the deletions that a creation made."""
    if not removed:
        return state
    done, more = (*state.done, *removed), (*state.more_steps, *removed)
    return replace(state, changed=True, done=done, more_steps=more)


def _with_deletions(error: WebinarError, removed: list[RemoveSession]) -> str:
    """Return the text of an error, with the sessions that were deleted before it."""
    return f"{error} Before that, {_ids_of(removed)} was removed: nobody ever saw its key." if removed else str(error)


def _ids_of(removed: list[RemoveSession]) -> str:
    return ", ".join(step.session.id for step in removed)


def _values_kept_otherwise(step: CreateSession, made: Made[Session]) -> list[str]:
    """Return a note for each value of a new session that the service stored otherwise."""
    spec, session = step.spec, made.thing
    notes = [*kept_notes(wanted_of_new_session(spec), made.memory, shown_of_new_session(session))]
    if session.title and session.title != spec.title:
        notes.append(kept_otherwise("title", spec.title, session.title))
    return notes
