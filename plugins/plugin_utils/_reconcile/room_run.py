# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Runs the steps of one room, in order, until one fails.

A room is read again before it is deleted, and stays if it has got sessions since the plan was made.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from .._core.comparison import difference_to_remember
from .._core.errors import WebinarError, unexpected_message
from .._core.model import Room
from .._ledger.store import Claim
from .creation import Creation, create, not_answered
from .creation_targets import RoomTarget
from .outcomes import RoomOutcome, room_before
from .plan import RoomPlan
from .second_look import kept_otherwise, not_looked_at, remember_values
from .steps import CreateRoom, DeleteRoom, RoomStep, UpdateRoom
from .world import World


@dataclass
class RoomRun:
    """Runs the plan of one room."""

    world: World
    room_plan: RoomPlan
    creation: Creation

    def outcome(self) -> RoomOutcome:
        # A refusal concerns the room itself: its plan then holds only the deletion of duplicates.
        state = room_before(self.room_plan)
        try:
            if self.room_plan.room is not None:
                self._complete_the_ledger(self.room_plan.room)
            for step in self.room_plan.steps:
                state = self._run(step, state)
        except WebinarError as error:
            return replace(state, error=str(error))
        except Exception as error:  # noqa: BLE001 - as for a session
            return replace(state, error=unexpected_message(error))
        return state

    def _run(self, step: RoomStep, state: RoomOutcome) -> RoomOutcome:
        match step:
            case CreateRoom():
                return self._create(step, state)
            case UpdateRoom():
                return self._update(step, state)
            case DeleteRoom() if self.room_plan.room is not None and step.found.id == self.room_plan.room.id:
                return self._delete(step, state)
            case DeleteRoom():
                return self._delete_duplicate(step, state)
            case _:
                raise TypeError(f"no way is known to run {type(step).__name__}")

    def _complete_the_ledger(self, room: Room) -> None:
        world, spec, ledger = self.world, self.room_plan.spec, self.creation.ledger
        slot = world.room_slot(spec.title or room.title)
        row = world.rows.of_slot(slot)
        if row is not None and row.phase == "pending" and not row.leased and row.object_id is None:
            # An earlier run began to create this room. Its row gets the room's id, unless another run has the slot.
            claimed = ledger.claim(slot, (), self.creation.lease, account=world.account.names)
            if isinstance(claimed, Claim):
                left = replace(claimed, unanswered=claimed.unanswered.resolved(1))
                ledger.keep(left, "created", room.id, None, {})
        known = world.rows.of_id(room.id)
        if self.room_plan.notes and known is not None and spec.room_id is None:
            kept = difference_to_remember("title", spec.title, room.title)
            if kept is not None and known.memory.get("title") != kept:
                ledger.remember(slot, room.id, {**known.memory, "title": kept})

    def _create(self, step: CreateRoom, state: RoomOutcome) -> RoomOutcome:
        api, ledger, title = self.creation.api, self.creation.ledger, step.spec.title or ""
        target = RoomTarget(api, ledger, self.world.room_slot(title), step, self.world.account.names)
        made = create(self.creation, target, frozenset(room.id for room in self.world.mine), [])
        notes = [not_answered(made.unanswered)] if made.unanswered else []
        if made.by_us and made.thing.title and made.thing.title != title:
            notes.append(kept_otherwise("title", title, made.thing.title))
        state = state.after(step) if made.by_us else state
        return replace(state, room=made.thing, notes=(*state.notes, *notes))

    def _update(self, step: UpdateRoom, state: RoomOutcome) -> RoomOutcome:
        """Send what differs, then read the room once to see what the service stored."""
        api, world = self.creation.api, self.world
        step.send(api)
        state = state.after(step)
        try:
            now = api.room(step.found.id)
            if now is None:
                return state
            slot, row = world.room_slot(now.title), world.rows.of_id(now.id)
            notes = remember_values(self.creation.ledger, slot, row, step.values, now)
        except WebinarError as error:
            return replace(state, notes=(*state.notes, not_looked_at(error)))
        return replace(state, notes=(*state.notes, *notes))

    def _delete(self, step: DeleteRoom, state: RoomOutcome) -> RoomOutcome:
        api = self.creation.api
        planned = {session.id for session, _row in self.room_plan.contents}
        now = [session for session in api.sessions(step.found.id) if session.is_current]
        others = [one for one in now if one.id not in planned or not one.is_scheduled]
        if others:
            titles = ", ".join(f"'{one.title}' ({one.id}, {one.status})" for one in others)
            error = (
                f"the room is not deleted, because it has changed since the plan was made: {titles}. Run again to see "
                "what can be done with it."
            )
            return replace(state, error=error)
        step.send(api)
        state = state.after(step)
        try:
            self.creation.ledger.retire(api.url, [step.found.id])
        except WebinarError as error:
            return replace(state, error=f"the room was deleted, but its keys are still in the ledger: {error}")
        return state

    def _delete_duplicate(self, step: DeleteRoom, state: RoomOutcome) -> RoomOutcome:
        """Delete an empty duplicate. If that fails it is a note, not an error: the next run tries again."""
        api, room = self.creation.api, step.found
        try:
            if api.sessions(room.id):
                note = f"the room {room.id} has sessions by now and stays: name the room that you want with room_id"
                return replace(state, notes=(*state.notes, note))
            step.send(api)
        except WebinarError as error:
            note = f"the room {room.id} was to be removed, because {step.reason}, and could not be: {error}"
            return replace(state, notes=(*state.notes, note))
        note = f"removed the room {room.id}: {step.reason}"
        try:
            if step.row is not None:
                self.creation.ledger.resolve_requests(step.row, 1)
        except WebinarError as error:
            note += f". The ledger could not note that: {error}"
        return replace(state.after(step), notes=(*state.notes, note))
