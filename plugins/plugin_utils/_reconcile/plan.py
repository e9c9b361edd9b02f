# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Decides which steps make the service match what was asked. A pure function: no I/O, no clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .._core.comparison import differences, shown_of_room, wanted_of_room
from .._core.model import EventSpec, Policy, Room, RoomSpec, Session, SessionSpec
from .._core.plain_text import canonical_title, same_title
from .._ledger.rows import damage
from .._ledger.store import Row
from .slot_plan import SessionPlan, plan_slot
from .steps import CreateRoom, DeleteRoom, RemoveSession, RoomStep, Step, UpdateRoom, removal
from .world import ObservedRoom, World


@dataclass(frozen=True)
class RoomPlan:
    """The steps of one room, in order: the deletion of its empty duplicates first, then what concerns the room itself.

    ``contents`` are the current sessions of a room that is deleted, each with its row in the ledger.
    """

    spec: RoomSpec
    room: Room | None
    steps: tuple[RoomStep, ...]
    sessions: tuple[SessionPlan, ...]
    refusal: str | None = None
    contents: tuple[tuple[Session, Row | None], ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    rooms: tuple[RoomPlan, ...]
    world: World = field(repr=False)

    def steps(self) -> Iterator[Step]:
        for room in self.rooms:
            yield from room.steps
            for session in room.sessions:
                yield from session.steps


def make_plan(asked: EventSpec, world: World) -> Plan:
    return Plan(
        tuple(
            _plan_room(spec, found, world, asked.policy) for spec, found in zip(asked.rooms, world.rooms, strict=True)
        ),
        world,
    )


def room_name(spec: RoomSpec, room: Room | None) -> str:
    """Return the title of a room, also where it was named by its id; its id where nothing else is known."""
    return (spec.title if spec.room_id is None else None) or (room.title if room else None) or spec.room_id or ""


def _plan_room(spec: RoomSpec, found: ObservedRoom, world: World, policy: Policy) -> RoomPlan:
    room, name = found.room, room_name(spec, found.room)
    refusal = found.refusal
    if room is None and found.row is not None and found.row.damaged:
        refusal = damage(found.row)
    if refusal is not None:
        reason = f"nothing was done, because its room failed: {refusal}"
        untouched = tuple(SessionPlan(session, None, None, refusal=reason) for session in spec.sessions)
        return RoomPlan(spec, room, (), untouched, refusal, notes=found.notes)
    if spec.state == "absent":
        return _plan_absent_room(spec, found, world)
    sessions = _one_slot_for_each_session([plan_slot(name, session, room, world, policy) for session in spec.sessions])
    steps: tuple[RoomStep, ...] = ()
    # A room is not created where all its sessions are to be absent.
    is_wanted = not spec.sessions or any(
        session.state in ("present", "live") and session.session_id is None for session in spec.sessions
    )
    if room is None and is_wanted:
        steps = (CreateRoom(name, None, "no room has this title", spec),)
    if room is not None:
        steps, refusal = _room_update(spec, room, found.row, world)
        if policy.purge:
            sessions += _purge(name, spec, room, world, sessions)
    plan = RoomPlan(spec, room, steps, tuple(sessions), refusal, notes=found.notes)
    return _with_duplicates(plan, found, world)


def _one_slot_for_each_session(planned: list[SessionPlan]) -> list[SessionPlan]:
    """Let each session fill one slot only: one that was renamed has two titles, and both may be asked for."""
    chosen: dict[str, SessionPlan] = {}
    for plan in planned:
        if plan.session is None:
            continue
        is_ledgers = plan.row is not None and same_title(plan.row.slot.title, plan.spec.title)
        if plan.session.id not in chosen or is_ledgers:
            chosen[plan.session.id] = plan
    return [
        plan
        if plan.session is None or chosen[plan.session.id] is plan
        else SessionPlan(plan.spec, None, None, refusal=_bears_two_titles(plan.session, chosen[plan.session.id]))
        for plan in planned
    ]


def _bears_two_titles(session: Session, other: SessionPlan) -> str:
    return (
        f"the session {session.id} is titled '{session.title}' by now, and is the one of '{other.spec.title}', which "
        "is asked for too. Give it its title back, or leave one of the two out."
    )


def _with_duplicates(plan: RoomPlan, found: ObservedRoom, world: World) -> RoomPlan:
    reason = "a request to create it that was never answered has made it after all, and it is empty"
    removals = tuple(
        DeleteRoom(one.title, None, reason, one, world.rows.of_slot(world.room_slot(one.title)))
        for one in found.duplicates
    )
    return replace(plan, steps=(*removals, *plan.steps))


def _plan_absent_room(spec: RoomSpec, found: ObservedRoom, world: World) -> RoomPlan:
    room = found.room
    if room is None:
        return RoomPlan(spec, None, (), (), notes=found.notes)
    current = [session for session in world.sessions.get(room.id, ()) if session.is_current]
    live = [session for session in current if not session.is_scheduled]
    if live:
        titles = ", ".join(f"'{session.title}' ({session.id})" for session in live)
        refusal = f"the room is not deleted, because it has sessions on air: {titles}. End them first (state: ended)."
        return RoomPlan(spec, room, (), (), refusal, notes=found.notes)
    reason = "it was asked to be absent"
    if current:
        titles = ", ".join(f"'{session.title}' ({session.id})" for session in current)
        reason += f"; its sessions go with it, and so do their stream keys: {titles}"
    step = DeleteRoom(room_name(spec, room), None, reason, room)
    contents = tuple((session, world.rows.of_id(session.id)) for session in current)
    return _with_duplicates(RoomPlan(spec, room, (step,), (), contents=contents, notes=found.notes), found, world)


def _room_update(spec: RoomSpec, room: Room, row: Row | None, world: World) -> tuple[tuple[RoomStep, ...], str | None]:
    differing = differences(wanted_of_room(spec), shown_of_room(room), row.memory if row else {})
    if not differing:
        return (), None
    if any(one.field == "title" for one in differing):
        others = [one for one in world.mine if one.id != room.id and same_title(one.title, spec.title or "")]
        if others:
            return (), (
                f"the room is not renamed to '{spec.title}', because another room has that title ({others[0].id}). "
                "Rooms are told apart by their titles: choose another one."
            )
    body: dict[str, Any] = {one.field: one.sent for one in differing if "." not in one.field}
    if len(body) < len(differing):
        # All of it is sent: the contract does not say whether a part that is left out stays as it is.
        body["analytics"] = merged(room.analytics, spec.analytics or {})
    reason = f"{' and '.join(body)} {'differs' if len(body) == 1 else 'differ'}"
    values = {one.field: one.sent for one in differing}
    return (UpdateRoom(room.title, None, reason, room, body, values),), None


def merged(has: Mapping[str, Any], asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested mappings with the asked values put in."""
    result = dict(has)
    for name, value in asked.items():
        below = result.get(name)
        if isinstance(value, Mapping):
            result[name] = merged(below if isinstance(below, Mapping) else {}, value)
        else:
            result[name] = value
    return result


def _purge(room: str, spec: RoomSpec, found: Room, world: World, planned: list[SessionPlan]) -> list[SessionPlan]:
    """Plan the removal of scheduled sessions that were not asked for. Live and past sessions are never purged."""
    pinned = {session.session_id for session in spec.sessions}
    asked = {canonical_title(session.title) for session in spec.sessions}
    used = {plan.session.id for plan in planned if plan.session is not None}
    used |= {step.session.id for plan in planned for step in plan.steps if isinstance(step, RemoveSession)}
    sessions = world.titled(found.id)
    return [
        SessionPlan(
            SessionSpec(title=session.title, state="absent"),
            session,
            world.rows.of_id(session.id),
            (removal(room, session, "it was not asked for (purge)"),),
            purged=True,
        )
        for session in sessions.listed
        if session.is_scheduled
        and session.id not in used
        and session.id.lower() not in pinned
        and asked.isdisjoint(sessions.titles_of(session))
    ]
