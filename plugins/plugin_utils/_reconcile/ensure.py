# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Observe, plan, apply: the main job in one function, which needs no Ansible."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace

from .._core.errors import LedgerError
from .._core.model import EventSpec, Room
from .._core.secrecy import Redactor
from .._ledger.lease_owner import new_owner
from .._ledger.location import LedgerSettings
from .._ledger.store import Ledger, open_ledger
from .._service.api import MY_ROOMS_PATH, WebinarApi, sessions_path
from .._service.transport import Connection, Transport
from .apply import apply_plan
from .observe import observe
from .outcomes import Applied, foreseen
from .plan import Plan, make_plan
from .progress import Progress
from .reuse import Open, Outdated, RecentRooms, Reuse, close
from .steps import CreateRoom, CreateSession, EndSession, Step


@dataclass(frozen=True)
class Outcome:
    """A plan with what came of it. ``notes`` concern the whole run."""

    plan: Plan
    applied: Applied
    notes: tuple[str, ...] = ()

    def steps(self) -> Iterator[Step]:
        """Yield the planned steps, then those that were added while the plan was run."""
        yield from self.plan.steps()
        for session in self.applied.sessions:
            yield from session.more_steps


def ensure(
    connection: Connection,
    ledger_settings: LedgerSettings,
    asked: EventSpec,
    redactor: Redactor,
    *,
    check_mode: bool,
    tell: Callable[[str], None] | None = None,
    reuse: Reuse | None = None,
) -> Outcome:
    """Make the service match ``asked``; in check mode, only find out which steps that would take.

    ``tell`` gets a line every few seconds while the work is long: see Progress. ``reuse``: what earlier items of a loop
    have opened; its redactor must be ``redactor``.
    Raise WebinarError before any call that changes something, if the input, the credentials or the ledger cannot be
    used. What fails later, for one room or session, is in the outcome.
    """

    def make() -> Open:
        # The ledger comes first: no session is created whose key could not be kept.
        ledger, notes = _opened(ledger_settings, asked, redactor, check_mode=check_mode)
        pool = ThreadPoolExecutor(max_workers=connection.concurrency)
        return Open(ledger, notes, WebinarApi(Transport(connection, redactor)), RecentRooms(), pool)

    progress = Progress(tell)
    if reuse is not None and not _only_ends(asked):
        what = (connection, ledger_settings, check_mode)
        with suppress(Outdated), reuse.opened(what, make) as opened:
            return _ensured(opened, asked, check_mode=check_mode, progress=progress)
        with reuse.opened(what, make) as opened:
            return _ensured(opened, asked, check_mode=check_mode, progress=progress)
    opened = make()
    try:
        return _ensured(opened, asked, check_mode=check_mode, progress=progress)
    finally:
        close(opened)


def _ensured(opened: Open, asked: EventSpec, *, check_mode: bool, progress: Progress) -> Outcome:
    """Return the outcome. Raise Outdated before any change if an earlier item's ledger cannot read a row."""
    api, ledger, connection = opened.api, opened.ledger, opened.api.connection
    progress.is_limited = lambda: api.is_rate_limited
    notes = () if opened.is_earlier else opened.notes
    plan = _planned_from_whole_lists(opened, asked, progress)
    rows = plan.world.rows
    if opened.is_earlier and any(row.damaged for row in (*rows.held.values(), *rows.by_id.values())):
        raise Outdated
    if ledger is None and notes:
        plan = _without_ledger(plan)
    if check_mode:
        return Outcome(plan, foreseen(plan), notes)
    applied = apply_plan(plan, api, ledger, connection.timeout, opened.pool, asked.policy, progress)
    _remember_rooms(opened.rooms, plan, applied)
    return Outcome(plan, applied, notes)


def _remember_rooms(recent: RecentRooms, plan: Plan, applied: Applied) -> None:
    """Note what a run has made of the rooms, for the next items of a loop."""
    for room_plan, outcome in zip(plan.rooms, applied.rooms, strict=True):
        if room_plan.room is None and outcome.room is not None:
            recent.add(outcome.room)
        elif outcome.changed or outcome.error:
            recent.forget()
    if any(session.error for session in applied.sessions):
        recent.forget()


def _planned_from_whole_lists(opened: Open, asked: EventSpec, progress: Progress) -> Plan:
    """Return the plan. Before something is created that a list of several pages lacks, that list is read again."""
    api, ledger, recent = opened.api, opened.ledger, opened.rooms

    def planned(mine: tuple[Room, ...] | None, *, sure: bool) -> Plan:
        earlier = recent.world(ledger)
        world = observe(api, ledger, asked, opened.pool, sure=sure, progress=progress, mine=mine, earlier=earlier)
        if mine is None:
            recent.keep(world.mine)
        recent.keep_world(world)
        return make_plan(asked, world)

    mine = recent.having(asked)
    plan = planned(mine, sure=False)
    if mine is not None and any(room.refusal or room.room is None for room in plan.rooms):
        # A room is not there any more, or was not yet.
        plan = planned(None, sure=False)
    for room in plan.rooms:
        makes_room = any(isinstance(step, CreateRoom) for step in room.steps)
        makes_session = any(isinstance(step, CreateSession) for session in room.sessions for step in session.steps)
        is_unsure = makes_room and not api.is_confirmed(MY_ROOMS_PATH)
        if room.room is not None and makes_session and not api.is_confirmed(sessions_path(room.room.id)):
            is_unsure = True
        if is_unsure:
            return planned(None, sure=True)
    return plan


def _opened(
    settings: LedgerSettings, asked: EventSpec, redactor: Redactor, *, check_mode: bool
) -> tuple[Ledger | None, tuple[str, ...]]:
    """Open the ledger. A run that only ends sessions goes on without one that cannot be used."""
    try:
        ledger = open_ledger(settings, redactor, new_owner(), writable=not check_mode)
    except LedgerError as error:
        if not _only_ends(asked):
            raise
        return None, (f"the sessions are ended without the ledger, which still has their keys: {error}",)
    return ledger, ledger.notes if ledger is not None else ()


def _without_ledger(plan: Plan) -> Plan:
    """Return the plan without all steps that need the ledger."""
    rooms = []
    for room in plan.rooms:
        left = "what else was asked for of the room waits until the ledger can be used"
        notes = (*room.notes, *([left] if room.steps else []))
        sessions = tuple(
            replace(session, steps=tuple(step for step in session.steps if isinstance(step, EndSession)))
            for session in room.sessions
        )
        rooms.append(replace(room, steps=(), sessions=sessions, notes=notes))
    return replace(plan, rooms=tuple(rooms))


def _only_ends(asked: EventSpec) -> bool:
    sessions = [session for room in asked.rooms for session in room.sessions]
    return (
        bool(sessions)
        and all(session.state == "ended" for session in sessions)
        and all(room.state == "present" for room in asked.rooms)
        and not asked.policy.purge
    )
