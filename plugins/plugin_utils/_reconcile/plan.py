# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Decides what to call so that the service matches what was asked: a pure function. No I/O, no clock, no Ansible."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .._core.comparison import (
    UNCHANGEABLE,
    Difference,
    Memory,
    differences,
    shown_of_room,
    shown_of_session,
    wanted_of_room,
    wanted_of_session,
)
from .._core.model import EventSpec, Policy, Room, RoomSpec, Session, SessionSpec
from .._core.plain_text import same_title
from .._ledger.rows import damage
from .._ledger.store import Row, Slot
from . import steps
from .identity import Filling, bears_title, no_such_session, session_in_slot, several_current
from .leftovers import Leftover, created_unanswered, replaced_and_spare
from .observe import ObservedRoom, World
from .steps import Step


@dataclass(frozen=True)
class SessionPlan:
    """What is done in one slot, in order, or a refusal that says why nothing is done.

    ``session`` fills the slot now, ``row`` is the ledger's row of it, else that of the slot. ``purged``: the session
    was not asked for. ``awaits_rival``: another run is just creating the session, so this plan is made anew when that
    one has ended. ``settles``: an intent of an earlier run is over with, and is taken out of the ledger.
    """

    spec: SessionSpec
    session: Session | None
    row: Row | None
    steps: tuple[Step, ...] = ()
    refusal: str | None = None
    purged: bool = False
    notes: tuple[str, ...] = ()
    awaits_rival: bool = False
    settles: bool = False


@dataclass(frozen=True)
class RoomPlan:
    """What is done with one room. ``duplicates`` are rooms beside it that are removed before, by ``duplicate_steps``.

    ``contents`` are the current sessions of a room that is to be deleted, each with the ledger's row of it.
    """

    spec: RoomSpec
    room: Room | None
    step: Step | None
    sessions: tuple[SessionPlan, ...]
    refusal: str | None = None
    duplicates: tuple[Room, ...] = ()
    duplicate_steps: tuple[Step, ...] = ()
    contents: tuple[tuple[Session, Row | None], ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    rooms: tuple[RoomPlan, ...]
    world: World = field(repr=False)

    def steps(self) -> Iterator[Step]:
        for room in self.rooms:
            yield from room.duplicate_steps
            # A room is created before its sessions, and deleted after them.
            if room.step and room.step.action != "delete_room":
                yield room.step
            for session in room.sessions:
                yield from session.steps
            if room.step and room.step.action == "delete_room":
                yield room.step


def make_plan(asked: EventSpec, world: World) -> Plan:
    return Plan(
        tuple(
            _plan_room(spec, found, world, asked.policy) for spec, found in zip(asked.rooms, world.rooms, strict=True)
        ),
        world,
    )


def room_name(spec: RoomSpec, room: Room | None) -> str:
    """Return what a user calls the room: its title, also where it was named by its id."""
    return (spec.title if spec.room_id is None else None) or (room.title if room else None) or spec.room_id or ""


def _plan_room(spec: RoomSpec, found: ObservedRoom, world: World, policy: Policy) -> RoomPlan:
    room, name = found.room, room_name(spec, found.room)
    refusal = found.refusal
    if room is None and found.row is not None and found.row.damaged:
        refusal = damage(found.row)
    if refusal is not None:
        reason = f"nothing was done, because its room failed: {refusal}"
        untouched = tuple(SessionPlan(session, None, None, refusal=reason) for session in spec.sessions)
        return RoomPlan(spec, room, None, untouched, refusal, notes=found.notes)
    if spec.state == "absent":
        return _plan_absent_room(spec, found, world)
    sessions = _each_its_own([plan_slot(name, session, room, world, policy) for session in spec.sessions])
    step = None
    # A room that is to hold nothing but absent sessions is not created just to be empty.
    is_wanted = not spec.sessions or any(
        session.state in ("present", "live") and session.session_id is None for session in spec.sessions
    )
    if room is None and is_wanted:
        step = steps.room_creation(name, spec, "no room has this title")
    if room is not None:
        step, refusal = _room_update(spec, room, found.row, world)
        if policy.purge:
            sessions += _purge(name, spec, room, world, sessions)
    plan = RoomPlan(spec, room, step, tuple(sessions), refusal, notes=found.notes)
    return _with_duplicates(plan, found)


def _each_its_own(planned: list[SessionPlan]) -> list[SessionPlan]:
    """Refuse a session to all but one of the titles that it goes by: its own, and the one that it was created for."""
    rightful: dict[str, SessionPlan] = {}
    for plan in planned:
        if plan.session is None:
            continue
        is_ledgers = plan.row is not None and same_title(plan.row.slot.title, plan.spec.title)
        if plan.session.id not in rightful or is_ledgers:
            rightful[plan.session.id] = plan
    return [
        plan
        if plan.session is None or rightful[plan.session.id] is plan
        else SessionPlan(plan.spec, None, None, refusal=_bears_two_titles(plan.session, rightful[plan.session.id]))
        for plan in planned
    ]


def _bears_two_titles(session: Session, other: SessionPlan) -> str:
    return (
        f"the session {session.id} is titled '{session.title}' by now, and is the one of '{other.spec.title}', which "
        "is asked for too. Give it its title back, or leave one of the two out."
    )


def _with_duplicates(plan: RoomPlan, found: ObservedRoom) -> RoomPlan:
    reason = "a request to create it that was never answered has made it after all, and it is empty"
    removals = tuple(steps.room_removal(one.title, one, reason) for one in found.duplicates)
    return replace(plan, duplicates=found.duplicates, duplicate_steps=removals)


def _plan_absent_room(spec: RoomSpec, found: ObservedRoom, world: World) -> RoomPlan:
    room = found.room
    if room is None:
        return RoomPlan(spec, None, None, (), notes=found.notes)
    current = [session for session in world.sessions.get(room.id, ()) if session.is_current]
    live = [session for session in current if not is_waiting(session)]
    if live:
        titles = ", ".join(f"'{session.title}' ({session.id})" for session in live)
        refusal = f"the room is not deleted, because it has sessions on air: {titles}. End them first (state: ended)."
        return RoomPlan(spec, room, None, (), refusal, notes=found.notes)
    reason = "it was asked to be absent"
    if current:
        titles = ", ".join(f"'{session.title}' ({session.id})" for session in current)
        reason += f"; its sessions go with it, and so do their stream keys: {titles}"
    step = steps.room_removal(room_name(spec, room), room, reason)
    contents = tuple((session, world.rows.of_id(session.id)) for session in current)
    return _with_duplicates(RoomPlan(spec, room, step, (), contents=contents, notes=found.notes), found)


def _room_update(spec: RoomSpec, room: Room, row: Row | None, world: World) -> tuple[Step | None, str | None]:
    differing = differences(wanted_of_room(spec), shown_of_room(room), row.memory if row else {})
    if not differing:
        return None, None
    if any(one.field == "title" for one in differing):
        others = [one for one in world.mine if one.id != room.id and same_title(one.title, spec.title or "")]
        if others:
            return None, (
                f"the room is not renamed to '{spec.title}', because another room has that title ({others[0].id}). "
                "Rooms are told apart by their titles: choose another one."
            )
    body: dict[str, Any] = {one.field: one.sent for one in differing if "." not in one.field}
    if len(body) < len(differing):
        # Sent whole, because the contract does not say whether what is left out stays.
        body["analytics"] = merged(room.analytics, spec.analytics or {})
    reason = f"{' and '.join(body)} {'differs' if len(body) == 1 else 'differ'}"
    return steps.room_update(room, body, {one.field: one.sent for one in differing}, reason), None


def merged(has: Mapping[str, Any], asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested values with those asked for put in."""
    result = dict(has)
    for name, value in asked.items():
        below = result.get(name)
        if isinstance(value, Mapping):
            result[name] = merged(below if isinstance(below, Mapping) else {}, value)
        else:
            result[name] = value
    return result


def _purge(room: str, spec: RoomSpec, found: Room, world: World, planned: list[SessionPlan]) -> list[SessionPlan]:
    """Plan the removal of scheduled sessions that were not asked for. Live and past ones are never touched."""
    pinned = {session.session_id for session in spec.sessions}
    used = {plan.session.id for plan in planned if plan.session is not None}
    used |= {step.session.id for plan in planned for step in plan.steps if step.session is not None}
    return [
        SessionPlan(
            SessionSpec(title=session.title, state="absent"),
            session,
            world.rows.of_id(session.id),
            (steps.removal(room, session, "it was not asked for (purge)"),),
            purged=True,
        )
        for session in world.sessions.get(found.id, ())
        if is_waiting(session)
        and session.id not in used
        and session.id.lower() not in pinned
        and not any(bears_title(session, one.title, world.rows) for one in spec.sessions)
    ]


def plan_slot(room: str, spec: SessionSpec, found: Room | None, world: World, policy: Policy) -> SessionPlan:
    """Plan for one asked session, and for what stands beside it and is ours."""
    if found is None:
        if spec.state in ("ended", "absent"):
            return SessionPlan(spec, None, None)
        if spec.session_id is not None:
            return SessionPlan(spec, None, None, refusal=no_such_session(spec.session_id))
        return SessionPlan(spec, None, None, _new(room, None, spec, "no current session of the room has this title"))
    slot, listed = world.session_slot(found.id, spec.title), world.sessions.get(found.id, ())
    held = world.rows.of_slot(slot)
    is_wanted = spec.state in ("present", "live")
    if is_wanted and spec.session_id is None and held is not None and held.phase == "pending" and held.leased:
        planned = _new(room, found.id, spec, "another run is just creating it")
        return SessionPlan(spec, None, held, planned, awaits_rival=True)
    unanswered, ambiguity = ((), None) if spec.session_id else created_unanswered(slot, listed, world.rows, world.clock)
    filling = session_in_slot(spec, slot, listed, world.rows, {one.session.id for one in unanswered})
    if is_wanted and (ambiguity or filling.refusal):
        return SessionPlan(spec, None, filling.row, refusal=ambiguity or filling.refusal)
    if is_wanted and filling.row is not None and filling.row.damaged:
        return SessionPlan(spec, filling.session, None, refusal=damage(filling.row))
    beside: list[Leftover] = []
    if filling.session is not None and spec.session_id is None:
        beside = replaced_and_spare(slot, listed, world.rows, filling.session)
    plan = _plan_filled(room, spec, found, filling, policy)
    return _with_leftovers(plan, room, (*unanswered, *beside), slot, world, policy)


def _plan_filled(room: str, spec: SessionSpec, found: Room, filling: Filling, policy: Policy) -> SessionPlan:
    session, row = filling.session, filling.row
    plan = SessionPlan(spec, session, row, notes=filling.notes)
    if spec.state == "absent":
        # The next run would take the others for what is asked to be absent.
        several = several_current([session.id, *filling.others]) if session and filling.others else None
        if filling.refusal or several:
            return replace(plan, refusal=filling.refusal or several)
        removal = (steps.removal(room, session, "it was asked to be absent"),) if session else ()
        return replace(plan, steps=removal)
    if spec.state == "ended":
        if filling.refusal:
            return replace(plan, refusal=filling.refusal)
        is_on_air = session is not None and not is_waiting(session)
        ending = (steps.ending(room, session, "it was asked to be ended"),) if session and is_on_air else ()
        return replace(plan, steps=ending)
    if session is None:
        reason = "no current session of the room has this title"
        if row is not None and row.phase == "pending":
            reason = "an earlier run began to create it and did not finish"
        return replace(plan, steps=_new(room, found.id, spec, reason))
    return _plan_existing(room, found.id, plan, session, policy)


def _with_leftovers(
    plan: SessionPlan, room: str, leftovers: tuple[Leftover, ...], slot: Slot, world: World, policy: Policy
) -> SessionPlan:
    """Add the removal of what is ours: before a creation in an empty slot, else after all that is done in the slot."""
    held = world.rows.of_slot(slot)
    is_idle = held is not None and held.phase == "pending" and not held.leased and held.key is None
    creates = any(step.action == "create_session" for step in plan.steps)
    settles = is_idle and not creates and plan.refusal is None and held is not None and not held.unanswered
    # What is destroyed comes last, after all that can refuse has agreed.
    if not leftovers or plan.refusal is not None:
        return replace(plan, settles=settles)
    on_air = [one for one in leftovers if not is_waiting(one.session)]
    if on_air and policy.replace != "live" and plan.spec.state in ("present", "live"):
        ids = ", ".join(one.session.id for one in on_air)
        refusal = (
            f"{plan.session.id if plan.session else 'a new session'} was created in the place of {ids}, which is still "
            f"on air, and replace is '{policy.replace}'. End it (session_id and state: ended), or choose replace: live."
        )
        return replace(plan, refusal=refusal, steps=())
    removals = tuple(
        steps.removal(room, one.session, one.reason, one.row.id if one.is_unanswered else None) for one in leftovers
    )
    first = creates and plan.session is None
    return replace(plan, steps=(*removals, *plan.steps) if first else (*plan.steps, *removals), settles=settles)


def _plan_existing(room: str, room_id: str, plan: SessionPlan, session: Session, policy: Policy) -> SessionPlan:
    """Plan for a current session: replace it, update it, put it on air, leave it alone, or refuse."""
    spec, row = plan.spec, plan.row
    is_known = row is not None and row.object_id == session.id
    memory: Memory = row.memory if row is not None and is_known else {}
    differing = differences(wanted_of_session(spec), shown_of_session(session), memory)
    # A field that the service left out does not differ, where only a new session could change it.
    drift = [one for one in differing if one.field in UNCHANGEABLE and one.is_now is not None]
    has_key = row is not None and is_known and row.key is not None
    key_is_lost = not has_key and policy.on_missing_key != "ignore"
    if drift or (key_is_lost and policy.on_missing_key == "replace"):
        reason = steps.reason_of(drift) if drift else "the ledger does not hold its stream key"
        if spec.session_id is not None:
            return replace(plan, refusal=_pinned_is_not_replaced(session, reason))
        if not _may_replace(session, policy):
            return replace(plan, refusal=_not_replaced(session, reason, policy))
        return replace(plan, steps=_replacement(room, room_id, spec, session, reason))
    if key_is_lost and policy.on_missing_key == "fail":
        return replace(plan, refusal=_missing_key(session))
    return replace(plan, steps=tuple(_updates(room, spec, session, differing, key_is_lost)))


def _new(room: str, room_id: str | None, spec: SessionSpec, reason: str) -> tuple[Step, ...]:
    return (*_creation(room, room_id, spec, reason), *_on_air(room, spec))


def _replacement(room: str, room_id: str, spec: SessionSpec, session: Session, reason: str) -> tuple[Step, ...]:
    """The new one is created, and its key kept, before anything is taken from the old one."""
    return (
        *_creation(room, room_id, spec, f"it replaces {session.id}, because {reason}", session),
        steps.removal(room, session, f"it is replaced, because {reason}"),
        *_on_air(room, spec),
    )


def _creation(
    room: str, room_id: str | None, spec: SessionSpec, reason: str, replaces: Session | None = None
) -> Iterator[Step]:
    yield steps.creation(room, room_id, spec, reason, replaces)
    settings = spec.settings.given()
    if settings:
        yield steps.settings_update(room, spec.title, None, settings, "the new session is to have them")


def _on_air(room: str, spec: SessionSpec) -> Iterator[Step]:
    if spec.state == "live":
        yield steps.going_live(room, spec.title, None, "it was asked to be live")


def _updates(
    room: str, spec: SessionSpec, session: Session, differing: list[Difference], key_is_lost: bool
) -> Iterator[Step]:
    for one in differing:
        # A session on air has begun: the service cannot move its start any more.
        if one.field == "scheduled_start_time" and is_waiting(session):
            yield steps.reschedule(room, session, one.sent, one.text())
    settings = [one for one in differing if one.field.startswith("settings.")]
    if settings:
        body = {one.field.partition(".")[2]: one.sent for one in settings}
        yield steps.settings_update(room, session.title, session, body, steps.reason_of(settings))
    if key_is_lost:
        reason = "the ledger does not hold its stream key, which going live shows (on_missing_key)"
        yield steps.going_live(room, session.title, session, reason)
    elif spec.state == "live" and session.status != "live":
        yield steps.going_live(room, session.title, session, "it was asked to be live")


def is_waiting(session: Session) -> bool:
    return session.status == "scheduled"


def _may_replace(session: Session, policy: Policy) -> bool:
    return policy.replace == "live" or (policy.replace == "scheduled" and is_waiting(session))


def _not_replaced(session: Session, reason: str, policy: Policy) -> str:
    needed = "replace: live would end and replace it" if not is_waiting(session) else "replace: scheduled would"
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
