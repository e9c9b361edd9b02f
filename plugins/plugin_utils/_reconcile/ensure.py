# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Observe, plan, apply: the main job in one function, which needs no Ansible."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from .._core.errors import LedgerError
from .._core.model import EventSpec
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
) -> Outcome:
    """Make the service match ``asked``; in check mode, only find out which steps that would take.

    ``tell`` gets a line every few seconds while the work is long: see Progress.
    Raise WebinarError before any call that changes something, if the input, the credentials or the ledger cannot be
    used. What fails later, for one room or session, is in the outcome.
    """
    progress = Progress(tell)
    # The ledger comes first: no session is created whose key could not be kept.
    ledger, notes = _opened(ledger_settings, asked, redactor, check_mode=check_mode)
    transport = Transport(connection, redactor)
    try:
        api = WebinarApi(transport)
        plan = _planned_from_whole_lists(api, ledger, asked, connection.concurrency, progress)
        if ledger is None and notes:
            plan = _without_ledger(plan)
        if check_mode:
            return Outcome(plan, foreseen(plan), notes)
        applied = apply_plan(plan, api, ledger, connection.timeout, connection.concurrency, asked.policy, progress)
        return Outcome(plan, applied, notes)
    finally:
        transport.close()
        if ledger is not None:
            ledger.close()


def _planned_from_whole_lists(
    api: WebinarApi, ledger: Ledger | None, asked: EventSpec, concurrency: int, progress: Progress
) -> Plan:
    """Return the plan. Before something is created that a list of several pages lacks, that list is read again."""
    plan = make_plan(asked, observe(api, ledger, asked, concurrency, sure=False, progress=progress))
    for room in plan.rooms:
        makes_room = any(isinstance(step, CreateRoom) for step in room.steps)
        makes_session = any(isinstance(step, CreateSession) for session in room.sessions for step in session.steps)
        is_unsure = makes_room and not api.is_confirmed(MY_ROOMS_PATH)
        if room.room is not None and makes_session and not api.is_confirmed(sessions_path(room.room.id)):
            is_unsure = True
        if is_unsure:
            return make_plan(asked, observe(api, ledger, asked, concurrency, progress=progress))
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
