# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Runs the steps of one slot, in order, until one fails; what was done before it is in the outcome all the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from .._core.comparison import Memory, remembered, shown_of_session
from .._core.errors import WebinarError, unexpected_message
from .._core.model import Policy, Session, SessionSpec
from .._core.plain_text import same_title
from .._ledger.store import Slot
from .._service.api import WebinarApi
from . import creation_targets, steps
from .creation import Creation, Made, Rival
from .observe import World, observe_room
from .outcomes import RoomOutcome, SessionOutcome, before, is_of, merged_settings
from .plan import SessionPlan, is_waiting, plan_slot
from .steps import Step

# How often what another run has made is compared with what was asked: two runs that ask for different things could go
# on for ever.
_MOST_PLANS = 3


@dataclass
class SlotRun:
    """Makes one slot as it was asked for."""

    world: World
    room: RoomOutcome
    session_plan: SessionPlan
    creation: Creation
    policy: Policy

    def outcome(self) -> SessionOutcome:
        state = before(self.room, self.session_plan)
        if self.room.error and self.room.room is None and self.session_plan.steps:
            return replace(state, error=f"nothing was done, because its room failed: {self.room.error}")
        try:
            return self._planned(state)
        except WebinarError as error:
            return replace(state, error=str(error))
        except Exception as error:  # noqa: BLE001 - a mistake of ours must not keep the other sessions waiting
            return replace(state, error=unexpected_message(error))

    def _planned(self, state: SessionOutcome) -> SessionOutcome:
        if self.session_plan.awaits_rival:
            self._wait_for_rival(state)
            state = self._planned_anew(state)
        for _attempt in range(_MOST_PLANS):
            state, is_overtaken = self._run_all(state)
            if not is_overtaken:
                return state
            state = self._planned_anew(state)
        error = "other runs keep on changing it. Run again when they have ended."
        return replace(state, error=state.error or error)

    def _run_all(self, state: SessionOutcome) -> tuple[SessionOutcome, bool]:
        """Run the plan's steps; say whether another run has made the session meanwhile, so that the rest is void."""
        if self.session_plan.refusal is not None:
            return state, False
        if self.session_plan.settles and state.room_id:
            self.creation.ledger.withdraw_unsent(self._slot(state))
        for step in self.session_plan.steps:
            try:
                if step.action == "create_session":
                    state, by_us = self._create(step, state)
                    if not by_us:
                        return state, True
                else:
                    state = self._run(step, state)
            except WebinarError as error:
                return self._failed(state, error), False
            except Exception as error:  # noqa: BLE001 - as above
                return replace(state, error=unexpected_message(error)), False
            if state.error:
                break
        return state, False

    @staticmethod
    def _failed(state: SessionOutcome, error: WebinarError) -> SessionOutcome:
        """Tell of a failure, and of the sessions that were removed before it."""
        removed = tuple(_removal_of(state.room_title, state.spec.title, one) for one in error.removed_ids)
        changed = state.changed or bool(removed)
        return replace(state, error=str(error), changed=changed, more_steps=(*state.more_steps, *removed))

    def _slot(self, state: SessionOutcome) -> Slot:
        return self.world.session_slot(state.room_id or "", state.spec.title)

    def _wait_for_rival(self, state: SessionOutcome) -> None:
        """Wait until no other run is creating in the slot. What that one leaves behind is for the next plan."""
        rival, ledger, slot = Rival(self.creation), self.creation.ledger, self._slot(state)
        while (busy := ledger.lease_of(slot)) is not None and busy.mark != rival.void:
            rival.wait(busy, f"session '{state.spec.title}'")

    def _planned_anew(self, state: SessionOutcome) -> SessionOutcome:
        """Compare what another run has made with what was asked, and return the state that the new plan begins with."""
        room = self.room.room
        if room is None:
            return state
        self.world = observe_room(self.world, self.creation.api, self.creation.ledger, room.id)
        self.session_plan = plan_slot(self.room.title, state.spec, room, self.world, self.policy)
        fresh = before(self.room, self.session_plan)
        done = (*state.more_steps, *self.session_plan.steps)
        notes = tuple(dict.fromkeys((*state.notes, *fresh.notes)))
        return replace(fresh, changed=state.changed, notes=notes, more_steps=done)

    def _run(self, step: Step, state: SessionOutcome) -> SessionOutcome:
        api, session = self.creation.api, state.session
        if step.action in ("delete_session", "end_session") and step.session is not None:
            return self._remove(step, step.session, state)
        if session is None:
            raise WebinarError("there is no session to change, because it was not created.")
        match step.action:
            case "reschedule_session":
                wanted = state.spec.scheduled_start_time or ""
                api.reschedule_session(session.id, wanted)
                changed = replace(session, scheduled_start_time=wanted)
                return self._look(step, replace(state, session=changed, changed=True))
            case "update_settings":
                api.update_settings(session.id, dict(step.body or {}))
                settings = merged_settings(session.settings, state.spec.settings)
                return self._look(step, replace(state, session=replace(session, settings=settings), changed=True))
            case _:
                return self._go_live(session, state)

    def _remove(self, step: Step, planned: Session, state: SessionOutcome) -> SessionOutcome:
        """Delete or end a session, if it still is what the plan has seen."""
        api = self.creation.api
        now = api.session(planned.id)
        refusal = self._changed_meanwhile(step, planned, now)
        if refusal is not None:
            return replace(state, session=now if is_of(step, state.session) else state.session, error=refusal)
        if now is not None and now.is_current:
            if step.action == "delete_session":
                api.delete_session(planned.id)
            else:
                api.end_session(planned.id)
            state = replace(state, changed=True)
        if is_of(step, state.session):
            left = replace(planned, status="ended") if step.action == "end_session" else None
            state = replace(state, session=left, key=None, fingerprint=None)
        elif self.session_plan.session is None or planned.id != self.session_plan.session.id:
            # What a plan replaces it shows; what earlier runs have left behind is news.
            state = replace(state, notes=(*state.notes, f"removed {planned.id}: {step.reason}"))
        try:
            if step.row_id is not None:
                self.creation.ledger.resolve_requests(step.row_id, 1)
            else:
                self.creation.ledger.retire(api.url, [planned.id])
        except WebinarError as error:
            return replace(state, error=f"{planned.id} was removed, but the ledger could not note that: {error}")
        return state

    def _changed_meanwhile(self, step: Step, planned: Session, now: Session | None) -> str | None:
        """Say why a session must not be removed any more, None where it may be."""
        if now is None or not now.is_current:
            return None
        if is_waiting(planned) and not is_waiting(now):
            return (
                f"the session {planned.id} is left alone: it was scheduled when the plan was made, and is "
                f"{now.status} by now. Run again to see what can be done with it."
            )
        if step.row_id is not None and (row := self.creation.ledger.row_of_session(planned.id)) is not None:
            return f"{planned.id} is left alone: the ledger knows it by now (entry {row.id}). Run again."
        return None

    def _create(self, step: Step, state: SessionOutcome) -> tuple[SessionOutcome, bool]:
        """Create the session; say whether this run did, or another one was first."""
        room_id, spec = state.room_id or "", state.spec
        replaced = step.session
        if replaced is not None:
            # Before anything is created in its place, which would be in vain.
            refusal = self._changed_meanwhile(step, replaced, self.creation.api.session(replaced.id))
            if refusal is not None:
                return replace(state, error=refusal), True
        listed = self.world.sessions.get(room_id, ())
        made = creation_targets.create_session(
            self.creation,
            self._slot(state),
            spec,
            dict(step.body or {}),
            frozenset(one.id for one in listed if one.is_current and same_title(one.title, spec.title)),
            replaces=replaced.id if replaced is not None else None,
            gone_ids=[one.id for one in listed if not one.is_current],
        )
        return self._created(made, state, replaced), made.by_us

    def _created(self, made: Made[Session], state: SessionOutcome, replaced: Session | None) -> SessionOutcome:
        spec, notes = state.spec, list(state.notes)
        if made.replaced:
            orphans = ", ".join(made.replaced)
            notes.append(f"replaced {orphans}: created by an interrupted or unanswered call; nobody ever saw its key")
        if made.unanswered:
            notes.append(not_answered(made.unanswered))
        more = tuple(_removal_of(state.room_title, spec.title, one) for one in made.replaced)
        changed = state.changed or made.by_us or bool(made.replaced)
        created = replace(
            state, session=made.thing, key=made.key, changed=changed, more_steps=(*state.more_steps, *more)
        )
        if not made.by_us:
            return replace(created, notes=tuple(notes))
        notes += _differing(spec.title, made.thing, creation_targets.memory_of_session(spec, made.thing), spec)
        created = replace(created, notes=tuple(notes))
        if made.key is None:
            error = f"the session {made.thing.id} was created, but the service's answer held no stream key."
            if replaced is not None:
                error += f" {replaced.id}, which it was to replace, is left as it is."
            return replace(created, fingerprint=None, error=error)
        return replace(created, fingerprint=self.creation.ledger.fingerprint(made.key.stream_key))

    def _look(self, step: Step, state: SessionOutcome) -> SessionOutcome:
        """Look once what the service made of what was sent, and remember it, so that the next run is quiet."""
        session, values = state.session, dict(step.values or {})
        if session is None:
            return state
        try:
            now = self.creation.api.session(session.id)
            if now is None:
                return state
            row = self.creation.ledger.row_of_session(session.id)
            known, shown = row.memory if row is not None else {}, shown_of_session(now)
            memory = remembered(known, values, shown)
            if memory != known:
                self.creation.ledger.remember(self._slot(state), session.id, memory)
        except WebinarError as error:
            return replace(state, notes=(*state.notes, not_looked_at(error)))
        return replace(state, session=now, notes=(*state.notes, *kept_notes(values, memory, shown)))

    def _go_live(self, session: Session, state: SessionOutcome) -> SessionOutcome:
        api, ledger = self.creation.api, self.creation.ledger
        key = api.go_live(session.id, needs_key=state.key is None and self.policy.on_missing_key == "go_live")
        state = replace(state, changed=True, awaits_live=True)
        if key is None:
            if state.key is None and self.policy.on_missing_key == "go_live":
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
        # Kept before anything else: like the answer of a creation, this one is shown once.
        over = [one.id for one in self.world.sessions.get(state.room_id or "", ()) if not one.is_current]
        try:
            ledger.adopt(self._slot(state), session.id, key, over)
        except WebinarError as error:
            # It goes on air all the same, and the result says so.
            return replace(state, error=f"it was put on air, but its stream key could not be kept: {error}")
        return state


def end_only(room: RoomOutcome, session_plan: SessionPlan, api: WebinarApi) -> SessionOutcome:
    """Take a session off the air without a ledger."""
    state = before(room, session_plan)
    for step in session_plan.steps:
        if step.action != "end_session" or step.session is None:
            continue
        try:
            api.end_session(step.session.id)
        except WebinarError as error:
            return replace(state, error=str(error))
        state = replace(state, session=replace(step.session, status="ended"), changed=True)
    return state


def kept_otherwise(field: str, asked: Any, shown: Any) -> str:
    name = field.rpartition(".")[2]
    return f"the service keeps '{shown}' as {name}, where '{asked}' was asked for. It is taken as it is"


def kept_notes(asked: Mapping[str, Any], memory: Memory, shown: Mapping[str, Any]) -> tuple[str, ...]:
    """Name what the service shows otherwise than it was asked for; of what it does not show, nothing can be said."""
    told = [name for name in asked if name in memory and shown.get(name) is not None]
    return tuple(kept_otherwise(name, asked[name], shown[name]) for name in told)


def not_looked_at(error: WebinarError) -> str:
    """Return what is said of a change that was made as it was asked: whether that shows is seen by the next run."""
    return f"what the service made of the change is not known: {error}"


def not_answered(count: int) -> str:
    requests = "a request to create it was" if count == 1 else f"{count} requests to create it were"
    return (
        f"{requests} never answered, and no list shows what came of it. Should it take effect yet, the next run "
        "removes what it made: run once more before the event"
    )


def _removal_of(room: str, title: str, session_id: str) -> Step:
    session = Session(session_id, None, title, "scheduled")
    return steps.removal(room, session, "it was created by an unanswered call, and nobody ever saw its key")


def _differing(title: str, session: Session, memory: Memory, spec: SessionSpec) -> list[str]:
    """Name once what the service has made of the values with which a session was created."""
    shown = shown_of_session(session)
    asked = {"preset_id": spec.preset_id, "mode": spec.mode, "scheduled_start_time": spec.scheduled_start_time}
    notes = [*kept_notes(asked, memory, shown)]
    if session.title and session.title != title:
        notes.append(kept_otherwise("title", title, session.title))
    return notes
