# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Runs a plan: rooms first, then every session, on a bounded thread pool. One that fails does not stop the others.

What is deleted or ended is looked at again first: a step destroys only what is still as the plan has seen it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from .._core.comparison import learnt, remembered, shown_of_room
from .._core.errors import WebinarError, unexpected_message
from .._core.model import Policy, Room, Session
from .._ledger.store import Ledger
from .._ledger.unanswered import LATEST_EFFECT, REMEMBERED
from .._service.api import WebinarApi
from . import creation_targets, slot_run
from .creation import Creation
from .outcomes import Applied, RoomOutcome, SessionOutcome, updated_room
from .plan import Plan, RoomPlan
from .slot_run import SlotRun, kept_notes, kept_otherwise, not_answered, not_looked_at
from .steps import Step

LIVE_POLL = 0.5


def apply_plan(
    plan: Plan, api: WebinarApi, ledger: Ledger | None, timeout: float, concurrency: int, policy: Policy
) -> Applied:
    """``timeout`` is for one request, in seconds. Without a ledger, sessions are ended and nothing else is done."""
    with ThreadPoolExecutor(max_workers=concurrency) as pool:
        if ledger is None:
            return _ended_only(plan, api, pool)
        creation = Creation(api, ledger, timeout)
        _own_rooms(plan, ledger)
        rooms = list(pool.map(lambda room_plan: _RoomRun(plan, room_plan, creation).outcome(), plan.rooms))
        runs = [
            SlotRun(plan.world, outcome, session_plan, creation, policy)
            for outcome, room_plan in zip(rooms, plan.rooms, strict=True)
            for session_plan in room_plan.sessions
        ]
        sessions = list(pool.map(SlotRun.outcome, runs))
        sessions = _when_live(sessions, creation, policy.wait_timeout, pool.map)
        notes = _forget_what_is_over(plan, creation)
    if notes and rooms:
        rooms[0] = replace(rooms[0], notes=(*rooms[0].notes, *notes))
    return Applied(tuple(rooms), tuple(sessions))


def _ended_only(plan: Plan, api: WebinarApi, pool: ThreadPoolExecutor) -> Applied:
    rooms = [RoomOutcome(one.spec, one.room, error=one.refusal, notes=one.notes) for one in plan.rooms]
    work = [
        (room, session_plan)
        for room, room_plan in zip(rooms, plan.rooms, strict=True)
        for session_plan in room_plan.sessions
    ]
    return Applied(tuple(rooms), tuple(pool.map(lambda pair: slot_run.end_only(pair[0], pair[1], api), work)))


def _own_rooms(plan: Plan, ledger: Ledger) -> None:
    """Write the account's name into its rooms' rows. An intent that does not say whose it is is taken over."""
    asked = {room.row.id for room in plan.world.rooms if room.row is not None}
    mine = [row.id for row in plan.world.rows.to_own if row.object_id is not None or row.id in asked]
    if mine:
        ledger.assign_rooms(mine, plan.world.account.name)


@dataclass
class _RoomRun:
    """Does to one room what is to be done."""

    plan: Plan
    room_plan: RoomPlan
    creation: Creation

    def outcome(self) -> RoomOutcome:
        """Remove what stands beside the room and is ours, then do to the room itself what is to be done."""
        duplicates = zip(self.room_plan.duplicates, self.room_plan.duplicate_steps, strict=True)
        removed = [self._without_duplicate(room, step) for room, step in duplicates]
        done = self._itself()
        notes = (*self.room_plan.notes, *done.notes, *(note for _is_gone, note in removed))
        return replace(done, changed=done.changed or any(is_gone for is_gone, _note in removed), notes=notes)

    def _without_duplicate(self, room: Room, step: Step) -> tuple[bool, str]:
        """Remove a room unless it is used by now; return whether it is gone, and what is to be said of it.

        That it stays is no error: the room beside it is the one that is used, and the next run tries again.
        """
        api, world = self.creation.api, self.plan.world
        try:
            if api.sessions(room.id):
                return (
                    False,
                    f"the room {room.id} has sessions by now and stays: name the one that is meant with room_id",
                )
            api.delete_room(room.id)
        except WebinarError as error:
            return False, f"the room {room.id} was to be removed, because {step.reason}, and could not be: {error}"
        note = f"removed the room {room.id}: {step.reason}"
        row = world.rows.of_slot(world.room_slot(room.title))
        try:
            if row is not None:
                self.creation.ledger.resolve_requests(row.id, 1)
        except WebinarError as error:
            note += f". The ledger could not note that: {error}"
        return True, note

    def _itself(self) -> RoomOutcome:
        spec, room, step = self.room_plan.spec, self.room_plan.room, self.room_plan.step
        done = RoomOutcome(spec, room, error=self.room_plan.refusal)
        try:
            if room is not None:
                self._note_what_is_known(room)
            if step is None:
                return done
            if step.action == "create_room" or room is None:
                return self._create(step)
            if step.action == "update_room":
                return self._update(step, room)
            return self._delete(room)
        except WebinarError as error:
            return replace(done, error=str(error))
        except Exception as error:  # noqa: BLE001 - as for a session
            return replace(done, error=unexpected_message(error))

    def _note_what_is_known(self, room: Room) -> None:
        world, spec = self.plan.world, self.room_plan.spec
        slot = world.room_slot(spec.title or room.title)
        row = world.rows.of_slot(slot)
        if row is not None and row.phase == "pending" and not row.leased and row.object_id is None:
            creation_targets.settle_room(self.creation, slot, room)
        known = world.rows.of_id(room.id)
        if self.room_plan.notes and known is not None and spec.room_id is None:
            kept = learnt("title", spec.title, room.title)
            if kept is not None and known.memory.get("title") != kept:
                self.creation.ledger.remember(slot, room.id, {**known.memory, "title": kept})

    def _create(self, step: Step) -> RoomOutcome:
        spec, world = self.room_plan.spec, self.plan.world
        title = spec.title or ""
        seen = frozenset(room.id for room in world.mine)
        made = creation_targets.create_room(self.creation, world.room_slot(title), spec, dict(step.body or {}), seen)
        notes = [not_answered(made.unanswered)] if made.unanswered else []
        if made.by_us and made.thing.title and made.thing.title != title:
            notes.append(kept_otherwise("title", title, made.thing.title))
        return RoomOutcome(spec, made.thing, changed=made.by_us, notes=tuple(notes))

    def _update(self, step: Step, room: Room) -> RoomOutcome:
        """Send what differs, then look once what the service made of it."""
        api, world = self.creation.api, self.plan.world
        api.update_room(room.id, dict(step.body or {}))
        done = RoomOutcome(self.room_plan.spec, updated_room(self.room_plan.spec, room), changed=True)
        values = dict(step.values or {})
        try:
            now = api.room(room.id)
            if now is None:
                return done
            known, shown = world.rows.of_id(room.id), shown_of_room(now)
            before = known.memory if known is not None else {}
            after = remembered(before, values, shown)
            if after != before:
                self.creation.ledger.remember(world.room_slot(now.title), room.id, after)
        except WebinarError as error:
            return replace(done, notes=(not_looked_at(error),))
        return replace(done, notes=kept_notes(values, after, shown))

    def _delete(self, room: Room) -> RoomOutcome:
        api, spec = self.creation.api, self.room_plan.spec
        planned = {session.id for session, _row in self.room_plan.contents}
        now = [session for session in api.sessions(room.id) if session.is_current]
        others = [one for one in now if one.id not in planned or one.status != "scheduled"]
        if others:
            titles = ", ".join(f"'{one.title}' ({one.id}, {one.status})" for one in others)
            error = (
                f"the room is not deleted, because it has changed since the plan was made: {titles}. Run again to see "
                "what can be done with it."
            )
            return RoomOutcome(spec, room, error=error)
        api.delete_room(room.id)
        done = RoomOutcome(spec, None, changed=True)
        try:
            self.creation.ledger.retire(api.url, [room.id])
        except WebinarError as error:
            return replace(done, error=f"the room was deleted, but its keys are still in the ledger: {error}")
        return done


def _when_live(
    sessions: list[SessionOutcome],
    creation: Creation,
    wait_timeout: float,
    run: Callable[[Callable[[SessionOutcome], SessionOutcome], Sequence[SessionOutcome]], Iterable[SessionOutcome]],
) -> list[SessionOutcome]:
    """Look at all sessions that were put on air until each is live, or for ``wait_timeout`` seconds."""
    outcomes = list(sessions)
    give_up = time.monotonic() + wait_timeout
    while True:
        waiting = [place for place, one in enumerate(outcomes) if one.awaits_live]
        if not waiting:
            return outcomes
        is_last = time.monotonic() > give_up

        def look(outcome: SessionOutcome, *, is_last: bool = is_last) -> SessionOutcome:
            return _looked_at(outcome, creation.api, wait_timeout, is_last=is_last)

        for place, outcome in zip(waiting, run(look, [outcomes[place] for place in waiting]), strict=True):
            outcomes[place] = outcome
        if not is_last and any(one.awaits_live for one in outcomes):
            creation.sleep(LIVE_POLL)


def _looked_at(outcome: SessionOutcome, api: WebinarApi, wait_timeout: float, *, is_last: bool) -> SessionOutcome:
    session = outcome.session
    if session is None:
        return replace(outcome, awaits_live=False)
    try:
        now: Session | None = api.session(session.id)
    except WebinarError as error:
        if not is_last:
            return outcome
        message = f"it was put on air, but not seen to be live: {error}"
        return replace(outcome, awaits_live=False, error=outcome.error or message)
    if now is not None and now.status == "live":
        return replace(outcome, session=now, awaits_live=False)
    if not is_last and now is not None and now.is_current:
        return outcome
    message = (
        f"the session {session.id} was put on air, and is {now.status if now else 'gone'} after "
        f"{wait_timeout:g} seconds. Raise wait_timeout, or look at the service's own status."
    )
    return replace(outcome, session=now or session, awaits_live=False, error=outcome.error or message)


def _vanished(plan: Plan, creation: Creation) -> list[str]:
    """Return sessions that the ledger has and the service has no more.

    One beside its slot was removed by a run that did not live to note that; any other by somebody else, long enough ago
    for a list that lags.
    """
    world = plan.world
    listed = {session.id for sessions in world.sessions.values() for session in sessions}
    rooms = {found.room.id for found in world.rooms if found.room is not None and found.refusal is None}
    missing = [
        object_id
        for object_id, row in world.rows.by_id.items()
        if (row.phase in ("replaced", "spare", "beside") or row.age > LATEST_EFFECT)
        and row.phase not in ("pending", "retired")
        and row.slot.kind == "session"
        and row.slot.parent in rooms
        and object_id not in listed
    ]
    return [one for one in missing if (now := creation.api.session(one)) is None or not now.is_current]


def _forget_what_is_over(plan: Plan, creation: Creation) -> tuple[str, ...]:
    """Take out of the ledger the keys of sessions that were seen to be over: they can never be used again."""
    world = plan.world
    past = [session.id for listed in world.sessions.values() for session in listed if not session.is_current]
    over = [one for one in past if (row := world.rows.of_id(one)) is not None and row.phase != "retired"]
    try:
        over += _vanished(plan, creation)
        if any(row.unanswered and row.age > REMEMBERED for row in world.rows.by_id.values()):
            creation.ledger.forget_old_requests()
        if over:
            creation.ledger.retire(world.api, over)
    except WebinarError as error:
        return (f"the keys of sessions that are over are still in the ledger: {error}",)
    return ()
