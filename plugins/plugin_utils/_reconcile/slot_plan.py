# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Decides which steps make a slot hold the session that was asked for. Pure functions: no I/O, no clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from .._core.comparison import UNCHANGEABLE, Difference, Memory, differences, shown_of_session, wanted_of_session
from .._core.model import Policy, Room, Session, SessionSpec
from .._ledger.rows import damage
from .._ledger.store import Row, Slot
from .identity import Filling, no_such_session, session_in_slot, several_current
from .indexes import TitledSessions
from .leftovers import Leftover, late_duplicates, replaced_and_overtaken
from .steps import (
    CreateSession,
    EndSession,
    GoLive,
    RescheduleSession,
    SessionStep,
    UpdateSettings,
    reason_of,
    removal,
)
from .world import World


@dataclass(frozen=True)
class SessionPlan:
    """The steps of one slot, in order, or a refusal: the reason why nothing is done.

    ``session`` fills the slot now. ``row`` is its row in the ledger, else the row that holds the slot. ``purged``: the
    session was not asked for. ``awaits_other_run``: another run is creating the session, and the slot is planned again
    when that run has ended. ``withdraws``: an intent of an earlier run that sent no request is withdrawn.
    ``is_renamed``: the ledger is told the title that the session has in the service.
    """

    spec: SessionSpec
    session: Session | None
    row: Row | None
    steps: tuple[SessionStep, ...] = ()
    refusal: str | None = None
    purged: bool = False
    notes: tuple[str, ...] = ()
    awaits_other_run: bool = False
    withdraws: bool = False
    is_renamed: bool = False

    @property
    def is_idle(self) -> bool:
        """Return whether nothing is to be done or looked at, neither in the service nor in the ledger."""
        is_refused = self.refusal is not None and self.session is not None
        return not (self.steps or self.awaits_other_run or self.withdraws or self.is_renamed or is_refused)


def plan_slot(room: str, spec: SessionSpec, found: Room | None, world: World, policy: Policy) -> SessionPlan:
    """Plan for one asked session, and for the leftovers of its slot."""
    if found is None:
        if spec.state in ("ended", "absent"):
            return SessionPlan(spec, None, None)
        if spec.session_id is not None:
            return SessionPlan(spec, None, None, refusal=no_such_session(spec.session_id))
        return SessionPlan(spec, None, None, _new(room, None, spec, "no current session of the room has this title"))
    slot, sessions = world.session_slot(found.id, spec.title), world.titled(found.id)
    held = world.rows.of_slot(slot)
    is_wanted = spec.state in ("present", "live")
    if is_wanted and spec.session_id is None and held is not None and held.phase == "pending" and held.leased:
        planned = _new(room, found.id, spec, "another run is just creating it")
        return SessionPlan(spec, None, held, planned, awaits_other_run=True)
    unanswered, ambiguity = ((), None) if spec.session_id else late_duplicates(slot, sessions, world.rows, world.clock)
    filling = session_in_slot(spec, slot, sessions, world.rows, {one.session.id for one in unanswered})
    if is_wanted and (ambiguity or filling.refusal):
        return SessionPlan(spec, None, filling.row, refusal=ambiguity or filling.refusal)
    if is_wanted and filling.row is not None and filling.row.damaged:
        return SessionPlan(spec, filling.session, None, refusal=damage(filling.row))
    beside: list[Leftover] = []
    if filling.session is not None and spec.session_id is None:
        beside = replaced_and_overtaken(slot, sessions, world.rows, filling.session)
    plan = _plan_filled(room, spec, found, filling, sessions, policy)
    return _with_leftovers(plan, room, (*unanswered, *beside), slot, world, policy)


def _plan_filled(
    room: str, spec: SessionSpec, found: Room, filling: Filling, sessions: TitledSessions, policy: Policy
) -> SessionPlan:
    session, row = filling.session, filling.row
    plan = SessionPlan(spec, session, row, notes=filling.notes, is_renamed=filling.is_renamed)
    if spec.state == "absent":
        # Another session of the title would fill the slot in the next run, and be removed then.
        several = several_current([session.id, *filling.others]) if session and filling.others else None
        if filling.refusal or several:
            return replace(plan, refusal=filling.refusal or several)
        removals = (removal(room, session, "it was asked to be absent"),) if session else ()
        return replace(plan, steps=removals)
    if spec.state == "ended":
        if filling.refusal:
            return replace(plan, refusal=filling.refusal)
        if session is None or session.is_scheduled:
            return plan
        # As above: the next run would end another one that is on air.
        others = [one for one in filling.others if one in sessions.by_id and not sessions.by_id[one].is_scheduled]
        if others:
            return replace(plan, refusal=several_current([session.id, *others]))
        return replace(plan, steps=(EndSession(room, session.title, "it was asked to be ended", session),))
    if session is None:
        reason = "no current session of the room has this title"
        if row is not None and row.phase == "pending":
            reason = "an earlier run began to create it and did not finish"
        return replace(plan, steps=_new(room, found.id, spec, reason))
    return _plan_existing(room, found.id, plan, session, policy)


def _with_leftovers(
    plan: SessionPlan, room: str, leftovers: tuple[Leftover, ...], slot: Slot, world: World, policy: Policy
) -> SessionPlan:
    """Add the removal of leftovers: before a creation in an empty slot, else after all other steps."""
    held = world.rows.of_slot(slot)
    is_idle = held is not None and held.phase == "pending" and not held.leased and held.key is None
    creates = any(isinstance(step, CreateSession) for step in plan.steps)
    withdraws = is_idle and not creates and plan.refusal is None and held is not None and not held.unanswered
    # Nothing is removed where something was refused.
    if not leftovers or plan.refusal is not None:
        return replace(plan, withdraws=True) if withdraws else plan
    on_air = [one for one in leftovers if not one.session.is_scheduled]
    if on_air and policy.replace != "live" and plan.spec.state in ("present", "live"):
        ids = ", ".join(one.session.id for one in on_air)
        refusal = (
            f"{plan.session.id if plan.session else 'a new session'} was created in the place of {ids}, which is still "
            f"on air, and replace is '{policy.replace}'. End it (session_id and state: ended), or choose replace: live."
        )
        return replace(plan, refusal=refusal, steps=())
    removals = tuple(removal(room, one.session, one.reason, one.row if one.is_late else None) for one in leftovers)
    first = creates and plan.session is None
    return replace(plan, steps=(*removals, *plan.steps) if first else (*plan.steps, *removals), withdraws=withdraws)


def _plan_existing(room: str, room_id: str, plan: SessionPlan, session: Session, policy: Policy) -> SessionPlan:
    """Plan for a session that exists: replace it, update it, put it on air, leave it alone, or refuse."""
    spec, row = plan.spec, plan.row
    is_known = row is not None and row.object_id == session.id
    memory: Memory = row.memory if row is not None and is_known else {}
    differing = differences(wanted_of_session(spec), shown_of_session(session), memory)
    # A field that only a new session could change counts as the same where the service does not report it.
    drift = [one for one in differing if one.field in UNCHANGEABLE and one.is_now is not None]
    has_key = row is not None and is_known and row.key is not None
    key_is_lost = not has_key and policy.on_missing_key != "ignore"
    if drift or (key_is_lost and policy.on_missing_key == "replace"):
        reason = reason_of(drift) if drift else "the ledger does not hold its stream key"
        if spec.session_id is not None:
            return replace(plan, refusal=_pinned_is_not_replaced(session, reason))
        if not _may_replace(session, policy):
            return replace(plan, refusal=_not_replaced(session, reason, policy))
        return replace(plan, steps=_replacement(room, room_id, spec, session, reason))
    if key_is_lost and policy.on_missing_key == "fail":
        return replace(plan, refusal=_missing_key(session))
    steps = tuple(_updates(room, spec, session, differing, key_is_lost))
    return replace(plan, steps=steps) if steps else plan


def _new(room: str, room_id: str | None, spec: SessionSpec, reason: str) -> tuple[SessionStep, ...]:
    return (*_creation(room, room_id, spec, reason), *_on_air(room, spec))


def _replacement(room: str, room_id: str, spec: SessionSpec, session: Session, reason: str) -> tuple[SessionStep, ...]:
    """The new session is created, and its key is kept, before the old one is removed."""
    return (
        *_creation(room, room_id, spec, f"it replaces {session.id}, because {reason}", session),
        removal(room, session, f"it is replaced, because {reason}"),
        *_on_air(room, spec),
    )


def _creation(
    room: str, room_id: str | None, spec: SessionSpec, reason: str, replaces: Session | None = None
) -> Iterator[SessionStep]:
    yield CreateSession(room, spec.title, reason, room_id, spec, replaces)
    settings = spec.settings.given()
    if settings:
        yield UpdateSettings(room, spec.title, "the new session is to have them", None, settings)


def _on_air(room: str, spec: SessionSpec) -> Iterator[SessionStep]:
    if spec.state == "live":
        yield GoLive(room, spec.title, "it was asked to be live", None)


def _updates(
    room: str, spec: SessionSpec, session: Session, differing: list[Difference], key_is_lost: bool
) -> Iterator[SessionStep]:
    for one in differing:
        # The start of a session that is on air cannot be changed.
        if one.field == "scheduled_start_time" and session.is_scheduled:
            yield RescheduleSession(room, session.title, one.text(), session, one.sent)
    settings = [one for one in differing if one.field.startswith("settings.")]
    if settings:
        body = {one.field.partition(".")[2]: one.sent for one in settings}
        yield UpdateSettings(room, session.title, reason_of(settings), session, body)
    if key_is_lost:
        reason = "the ledger does not hold its stream key, which going live shows (on_missing_key)"
        yield GoLive(room, session.title, reason, session)
    elif spec.state == "live" and session.status != "live":
        yield GoLive(room, session.title, "it was asked to be live", session)


def _may_replace(session: Session, policy: Policy) -> bool:
    return policy.replace == "live" or (policy.replace == "scheduled" and session.is_scheduled)


def _not_replaced(session: Session, reason: str, policy: Policy) -> str:
    needed = "replace: live would end and replace it" if not session.is_scheduled else "replace: scheduled would"
    return (
        f"the session {session.id} is {session.status} and is not replaced, although {reason}. The service cannot "
        f"change that in an existing session, and replace is '{policy.replace}' ({needed}). Ask for what the "
        "session has, or change the policy."
    )


def _pinned_is_not_replaced(session: Session, reason: str) -> str:
    return (
        f"the session {session.id} is not replaced, although {reason}: a new session would have another id than the "
        "session_id that is asked for. Leave session_id out, or ask for what the session has."
    )


def _missing_key(session: Session) -> str:
    return (
        f"the session {session.id} exists, but the ledger does not hold its stream key, which the service shows only "
        "once. Use the ledger that the session was created with (ledger_url), or choose with on_missing_key: replace "
        "(a new session with a new key), go_live (puts it on air, which shows the key), or ignore."
    )
