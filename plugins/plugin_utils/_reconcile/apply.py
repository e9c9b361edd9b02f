# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Runs a plan on a thread pool: rooms first, then sessions. One that fails does not stop the others."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import replace

from .._core.errors import WebinarError
from .._core.model import Policy
from .._ledger.store import Ledger
from .._ledger.unanswered import LATEST_EFFECT, REMEMBERED
from .._service.api import WebinarApi
from .creation import Creation
from .going_live import when_live
from .outcomes import Applied, RoomOutcome, SessionOutcome, room_before, session_before
from .plan import Plan
from .progress import Progress
from .room_run import RoomRun
from .slot_run import SlotRun, end_only


def apply_plan(
    plan: Plan,
    api: WebinarApi,
    ledger: Ledger | None,
    timeout: float,
    pool: Executor,
    policy: Policy,
    progress: Progress | None = None,
) -> Applied:
    """Run a plan. ``timeout`` is in seconds, for one request. Without a ledger, sessions are ended only."""
    progress = progress or Progress()
    if ledger is None:
        return _ended_only(plan, api, pool, progress)
    creation = Creation(api, ledger, timeout)
    _assign_rooms(plan, ledger)
    room_runs = [RoomRun(plan.world, room_plan, creation) for room_plan in plan.rooms]
    rooms = progress.map(pool, RoomRun.outcome, room_runs, "rooms", _has_failed)
    runs = [
        SlotRun(plan.world, outcome, session_plan, creation, policy)
        for outcome, room_plan in zip(rooms, plan.rooms, strict=True)
        for session_plan in room_plan.sessions
    ]
    sessions = _outcomes(runs, pool, progress)
    sessions = when_live(sessions, api, policy.wait_timeout, creation.sleep, pool.map)
    notes = _forget_sessions_that_are_over(plan, creation)
    if notes and rooms:
        rooms[0] = replace(rooms[0], notes=(*rooms[0].notes, *notes))
    return Applied(tuple(rooms), tuple(sessions))


def _outcomes(runs: list[SlotRun], pool: Executor, progress: Progress) -> list[SessionOutcome]:
    """Run the plans of all slots. Where nothing is to be done, no thread is needed."""
    busy = [run for run in runs if not run.session_plan.is_idle]
    ended = dict(zip(map(id, busy), progress.map(pool, SlotRun.outcome, busy, "sessions", _has_failed), strict=True))
    return [ended[id(run)] if id(run) in ended else session_before(run.room, run.session_plan) for run in runs]


def _has_failed(outcome: RoomOutcome | SessionOutcome) -> bool:
    return outcome.error is not None


def _ended_only(plan: Plan, api: WebinarApi, pool: Executor, progress: Progress) -> Applied:
    rooms = [room_before(room_plan) for room_plan in plan.rooms]
    work = [
        (room, session_plan)
        for room, room_plan in zip(rooms, plan.rooms, strict=True)
        for session_plan in room_plan.sessions
    ]
    sessions = progress.map(pool, lambda pair: end_only(pair[0], pair[1], api), work, "sessions", _has_failed)
    return Applied(tuple(rooms), tuple(sessions))


def _assign_rooms(plan: Plan, ledger: Ledger) -> None:
    """Write the account's name into the rows of its rooms, also into an asked room's intent without an account."""
    asked = {room.row.id for room in plan.world.rooms if room.row is not None}
    mine = [row.id for row in plan.world.rows.unassigned if row.object_id is not None or row.id in asked]
    if mine:
        account = plan.world.account
        ledger.assign_rooms(mine, account.name, account.names)


def _vanished(plan: Plan, creation: Creation) -> list[str]:
    """Return the ids of sessions in the ledger that the service does not have any more.

    A session beside its slot was removed by a run that was killed before it could note that. Any other was removed by
    somebody else, long enough ago for every list to show it.
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


def _forget_sessions_that_are_over(plan: Plan, creation: Creation) -> tuple[str, ...]:
    """Erase the keys of sessions that are over from the ledger: they can never be used again."""
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
