# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Decides what to call so that the service matches what was asked: a pure function. No I/O, no clock, no Ansible."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from . import steps
from .ledger import Row, Slot
from .meant import is_unfinished, meant_session
from .model import EventSpec, Policy, Room, RoomSpec, Session, SessionSpec, parse_instant
from .observe import World
from .steps import Step, without_none
from .surplus import row_of, surplus_sessions
from .webinar_api import ROOMS_PATH, room_path


@dataclass(frozen=True)
class SessionPlan:
    """What is done in one slot, in order, or a refusal that says why nothing is done.

    ``purged``: the session was not asked for. ``surplus``: it stands beside that of its slot, as this ledger row tells.
    """

    spec: SessionSpec
    session: Session | None
    row: Row | None
    steps: tuple[Step, ...] = ()
    refusal: str | None = None
    purged: bool = False
    surplus: Row | None = None


@dataclass(frozen=True)
class RoomPlan:
    """What is done with one room. ``twins`` are rooms beside it that are removed before, by ``twin_steps``."""

    spec: RoomSpec
    room: Room | None
    step: Step | None
    sessions: tuple[SessionPlan, ...]
    refusal: str | None = None
    twins: tuple[Room, ...] = ()
    twin_steps: tuple[Step, ...] = ()


@dataclass(frozen=True)
class Plan:
    rooms: tuple[RoomPlan, ...]
    world: World = field(repr=False)

    def steps(self) -> Iterator[Step]:
        for room in self.rooms:
            yield from room.twin_steps
            # A room is created before its sessions, and deleted after them.
            if room.step and room.step.action != "delete_room":
                yield room.step
            for session in room.sessions:
                yield from session.steps
            if room.step and room.step.action == "delete_room":
                yield room.step


def make_plan(asked: EventSpec, world: World) -> Plan:
    rooms = tuple(
        _with_twins(_plan_room(spec, room, world, asked.policy), world)
        for spec, room in zip(asked.rooms, world.rooms, strict=True)
    )
    return Plan(rooms, world)


def _with_twins(plan: RoomPlan, world: World) -> RoomPlan:
    twins = world.twin_rooms.get(plan.room.title, ()) if plan.room and plan.spec.room_id is None else ()
    reason = "a request to create it that was never answered has made it after all, and it is empty"
    removals = tuple(Step("delete_room", twin.title, None, "DELETE", room_path(twin.id), reason) for twin in twins)
    return replace(plan, twins=twins, twin_steps=removals)


def room_slot(world: World, title: str) -> Slot:
    return Slot(world.api, "room", "", title)


def session_slot(world: World, room_id: str, title: str) -> Slot:
    return Slot(world.api, "session", room_id, title)


def room_name(spec: RoomSpec, room: Room | None) -> str:
    """Return what a user calls the room: its title, also where it was named by its id."""
    return (room.title if room else None) or spec.title or spec.room_id or ""


def _plan_room(spec: RoomSpec, room: Room | None, world: World, policy: Policy) -> RoomPlan:
    if spec.state == "absent":
        return _plan_absent_room(spec, room, world)
    name = room_name(spec, room)
    sessions = [plan for session in spec.sessions for plan in _plan_slot(name, session, room, world, policy)]
    step = None
    # A room that is to hold nothing but absent sessions is not created just to be empty.
    is_wanted = not spec.sessions or any(session.state in ("present", "live") for session in spec.sessions)
    if room is None and is_wanted:
        body = without_none({"title": spec.title, "description": spec.description, "analytics": spec.analytics})
        step = Step("create_room", name, None, "POST", ROOMS_PATH, "no room has this title", body)
    if room is not None:
        step = _room_update(spec, room)
        if policy.purge:
            sessions += _purge(name, spec, room, world)
    return RoomPlan(spec, room, step, tuple(sessions))


def _plan_absent_room(spec: RoomSpec, room: Room | None, world: World) -> RoomPlan:
    if room is None:
        return RoomPlan(spec, None, None, ())
    live = [session for session in world.sessions.get(room.id, ()) if session.is_current and not _is_waiting(session)]
    if live:
        titles = ", ".join(f"'{session.title}' ({session.id})" for session in live)
        refusal = f"the room is not deleted, because it has sessions on air: {titles}. End them first (state: ended)."
        return RoomPlan(spec, room, None, (), refusal)
    step = Step("delete_room", room_name(spec, room), None, "DELETE", room_path(room.id), "it was asked to be absent")
    return RoomPlan(spec, room, step, ())


def _room_update(spec: RoomSpec, room: Room) -> Step | None:
    body: dict[str, Any] = {}
    if spec.title is not None and spec.title != room.title:
        body["title"] = spec.title
    if spec.description is not None and spec.description != (room.description or ""):
        body["description"] = spec.description
    if spec.analytics is not None and not _contains(room.analytics, spec.analytics):
        # Sent whole, because the contract does not say whether what is left out stays.
        body["analytics"] = merged(room.analytics, spec.analytics)
    if not body:
        return None
    reason = f"{' and '.join(body)} {'differs' if len(body) == 1 else 'differ'}"
    return Step("update_room", room.title, None, "PATCH", room_path(room.id), reason, body)


def _contains(has: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping):
        return isinstance(has, Mapping) and all(_contains(has.get(name), item) for name, item in wanted.items())
    return bool(has == wanted)


def merged(has: Mapping[str, Any], asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested values with those asked for put in."""
    result = dict(has)
    for name, value in asked.items():
        below = result.get(name)
        both = isinstance(value, Mapping) and isinstance(below, Mapping)
        result[name] = merged(below or {}, value) if both else value
    return result


def _purge(room: str, spec: RoomSpec, found: Room, world: World) -> list[SessionPlan]:
    """Plan the removal of scheduled sessions that were not asked for. Live and past ones are never touched."""
    titles = {session.title for session in spec.sessions}
    pinned = {session.session_id for session in spec.sessions}
    return [
        SessionPlan(
            SessionSpec(title=session.title, state="absent"),
            session,
            world.rows.get(session_slot(world, found.id, session.title)),
            (steps.removal(room, session, "it was not asked for (purge)"),),
            purged=True,
        )
        for session in world.sessions.get(found.id, ())
        if _is_waiting(session) and session.title not in titles and session.id.lower() not in pinned
    ]


def _plan_slot(room: str, spec: SessionSpec, found: Room | None, world: World, policy: Policy) -> list[SessionPlan]:
    """Plan for one asked session, and before it for what stands beside it and is ours."""
    if found is None:
        return [_plan_session(room, spec, None, (), world, policy)]
    surplus = surplus_sessions(world, session_slot(world, found.id, spec.title), spec)
    listed = world.sessions.get(found.id, ())
    gone = {one.session.id for one in surplus}
    removed = SessionSpec(title=spec.title, state="absent")
    return [
        *(
            SessionPlan(removed, one.session, None, (steps.removal(room, one.session, one.reason),), surplus=one.row)
            for one in surplus
        ),
        _plan_session(room, spec, found, tuple(one for one in listed if one.id not in gone), world, policy),
    ]


def _plan_session(
    room_title: str, spec: SessionSpec, room: Room | None, listed: tuple[Session, ...], world: World, policy: Policy
) -> SessionPlan:
    slot = session_slot(world, room.id, spec.title) if room else None
    row = world.rows.get(slot) if slot else None
    room_id = room.id if room else None
    if is_unfinished(spec, listed, row, world.now):
        reason = "an earlier run began to create it and did not finish"
        return SessionPlan(spec, None, row, _new(room_title, room_id, spec, reason))
    session, refusal = meant_session(spec, listed)
    if refusal:
        return SessionPlan(spec, None, row, refusal=refusal)
    row = row_of(world, slot, session) if slot else None
    if spec.state == "absent":
        removal = (steps.removal(room_title, session, "it was asked to be absent"),) if session else ()
        return SessionPlan(spec, session, row, removal)
    if spec.state == "ended":
        is_on_air = session is not None and not _is_waiting(session)
        ending = (steps.ending(room_title, session, "it was asked to be ended"),) if session and is_on_air else ()
        return SessionPlan(spec, session, row, ending)
    if session is None:
        reason = "no current session of the room has this title"
        return SessionPlan(spec, None, row, _new(room_title, room_id, spec, reason))
    return _plan_existing(room_title, room_id, spec, session, row, policy)


def _plan_existing(
    room_title: str, room_id: str | None, spec: SessionSpec, session: Session, row: Row | None, policy: Policy
) -> SessionPlan:
    """Plan for a current session: replace it, update it, put it on air, leave it alone, or refuse."""
    drift = _unchangeable_drift(spec, session)
    has_key = row is not None and row.object_id == session.id and row.key is not None
    key_is_lost = not has_key and policy.on_missing_key != "ignore"
    if drift or (key_is_lost and policy.on_missing_key == "replace"):
        reason = drift or "the ledger does not hold its stream key"
        if spec.session_id is not None:
            return SessionPlan(spec, session, row, refusal=_pinned_is_not_replaced(session, reason))
        if not _may_replace(session, policy):
            return SessionPlan(spec, session, row, refusal=_not_replaced(session, reason, policy))
        removal = steps.removal(room_title, session, f"it is replaced, because {reason}")
        replacement = (removal, *_new(room_title, room_id, spec, f"it replaces {session.id}, because {reason}"))
        return SessionPlan(spec, session, row, replacement)
    if key_is_lost and policy.on_missing_key == "fail":
        return SessionPlan(spec, session, row, refusal=_missing_key(session))
    return SessionPlan(spec, session, row, tuple(_updates(room_title, spec, session, key_is_lost)))


def _new(room: str, room_id: str | None, spec: SessionSpec, reason: str) -> tuple[Step, ...]:
    planned = [steps.creation(room, room_id, spec, reason)]
    settings = spec.settings.given()
    if settings:
        planned.append(steps.settings_update(room, spec.title, None, settings, "the new session is to have them"))
    if spec.state == "live":
        planned.append(steps.going_live(room, spec.title, None, "it was asked to be live"))
    return tuple(planned)


def _updates(room: str, spec: SessionSpec, session: Session, key_is_lost: bool) -> Iterator[Step]:
    wanted, is_now = spec.scheduled_start_time, session.scheduled_start_time
    # A session on air has begun: the service cannot move its start any more.
    if wanted is not None and _is_waiting(session) and (is_now is None or not _same_instant(is_now, wanted)):
        reason = f"scheduled_start_time is {is_now or 'not set'} and {wanted} was asked for"
        yield steps.reschedule(room, session, wanted, reason)
    known = session.settings.given()
    body = {name: value for name, value in spec.settings.given().items() if name in known and known[name] != value}
    if body:
        reason = "; ".join(f"{name} is {known[name]} and {value} was asked for" for name, value in body.items())
        yield steps.settings_update(room, session.title, session.id, body, reason)
    if key_is_lost:
        reason = "the ledger does not hold its stream key, which going live shows (on_missing_key)"
        yield steps.going_live(room, session.title, session.id, reason)
    elif spec.state == "live" and session.status != "live":
        yield steps.going_live(room, session.title, session.id, "it was asked to be live")


def _is_waiting(session: Session) -> bool:
    return session.status == "scheduled"


def _may_replace(session: Session, policy: Policy) -> bool:
    return policy.replace == "live" or (policy.replace == "scheduled" and _is_waiting(session))


def _unchangeable_drift(spec: SessionSpec, session: Session) -> str | None:
    """Name what differs and can only be had with a new session; a field that the service left out does not differ."""
    differences = [
        f"{name} is {is_now} and {wanted} was asked for"
        for name, is_now, wanted in (
            ("preset_id", session.preset.id, spec.preset_id),
            ("mode", session.mode, spec.mode),
        )
        if is_now is not None and wanted is not None and is_now.lower() != wanted.lower()
    ]
    return "; ".join(differences) or None


def _same_instant(is_now: str, wanted: str) -> bool:
    try:
        return parse_instant(is_now) == parse_instant(wanted)
    except ValueError:
        return is_now == wanted


def _not_replaced(session: Session, reason: str, policy: Policy) -> str:
    needed = "replace: live would end and replace it" if not _is_waiting(session) else "replace: scheduled would"
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
