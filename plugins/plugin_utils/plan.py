# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Decides what to call so that the service matches what was asked: a pure function. No I/O, no clock, no Ansible."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from .ledger import Row, Slot
from .model import EventSpec, Room, RoomSpec, Session, SessionSpec, parse_instant
from .observe import World
from .webinar_api import ROOMS_PATH, end_path, session_path, sessions_path

Action = Literal["create_room", "create_session", "delete_session", "end_session"]
UNKNOWN_ROOM_ID = "{room_id}"


@dataclass(frozen=True)
class Step:
    """One call that changes the service. ``path`` holds ``{room_id}`` while the room is still to be created."""

    action: Action
    room: str
    title: str | None
    method: str
    path: str
    reason: str
    body: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class SessionPlan:
    """What is done in one slot: at most one step, or a refusal that says why nothing is done."""

    spec: SessionSpec
    session: Session | None
    row: Row | None
    step: Step | None = None
    refusal: str | None = None


@dataclass(frozen=True)
class RoomPlan:
    spec: RoomSpec
    room: Room | None
    step: Step | None
    sessions: tuple[SessionPlan, ...]


@dataclass(frozen=True)
class Plan:
    rooms: tuple[RoomPlan, ...]
    world: World = field(repr=False)

    def steps(self) -> Iterator[Step]:
        for room in self.rooms:
            if room.step:
                yield room.step
            yield from (session.step for session in room.sessions if session.step)


def make_plan(asked: EventSpec, world: World) -> Plan:
    rooms = tuple(_plan_room(spec, room, world) for spec, room in zip(asked.rooms, world.rooms, strict=True))
    return Plan(rooms, world)


def room_slot(world: World, title: str) -> Slot:
    return Slot(world.api, "room", "", title)


def session_slot(world: World, room_id: str, title: str) -> Slot:
    return Slot(world.api, "session", room_id, title)


def room_name(spec: RoomSpec, room: Room | None) -> str:
    """Return what a user calls the room: its title, also where it was named by its id."""
    return (room.title if room else None) or spec.title or spec.room_id or ""


def _plan_room(spec: RoomSpec, room: Room | None, world: World) -> RoomPlan:
    sessions = tuple(_plan_session(spec, session, room, world) for session in spec.sessions)
    step = None
    # A room that is to hold nothing but absent sessions is not created just to be empty.
    is_wanted = not spec.sessions or any(session.state == "present" for session in spec.sessions)
    if room is None and is_wanted:
        body = _without_none({"title": spec.title, "description": spec.description})
        step = Step("create_room", room_name(spec, None), None, "POST", ROOMS_PATH, "no room has this title", body)
    return RoomPlan(spec, room, step, sessions)


def _plan_session(room_spec: RoomSpec, spec: SessionSpec, room: Room | None, world: World) -> SessionPlan:
    row = world.rows.get(session_slot(world, room.id, spec.title)) if room else None
    listed = world.sessions.get(room.id, ()) if room else ()
    current = [session for session in listed if session.title == spec.title and session.is_current]
    if len(current) > 1:
        ids = ", ".join(session.id for session in current)
        refusal = f"the room has {len(current)} current sessions of this title ({ids}). Delete all but one of them."
        return SessionPlan(spec, None, row, refusal=refusal)
    session = current[0] if current else None
    if spec.state == "absent":
        step = _removal(room_name(room_spec, room), session) if session else None
        return SessionPlan(spec, session, row, step)
    if row is not None and row.phase == "pending" and (session is None or session.id not in row.seen_ids):
        reason = "an earlier run began to create it and did not finish"
        return SessionPlan(spec, None, row, _creation(room_spec, spec, room, reason))
    if session is None:
        reason = "no current session of the room has this title"
        return SessionPlan(spec, None, row, _creation(room_spec, spec, room, reason))
    return SessionPlan(spec, session, row, refusal=_drift(spec, session) or _missing_key(session, row))


def _creation(room_spec: RoomSpec, spec: SessionSpec, room: Room | None, reason: str) -> Step:
    path = sessions_path(room.id if room else UNKNOWN_ROOM_ID)
    return Step("create_session", room_name(room_spec, room), spec.title, "POST", path, reason, creation_body(spec))


def creation_body(spec: SessionSpec) -> dict[str, Any]:
    """Return a CreateSessionRequest of the contract with only what was asked for."""
    return _without_none(
        {
            "title": spec.title,
            "preset_id": spec.preset_id,
            "description": spec.description,
            "mode": spec.mode,
            "scheduled_start_time": spec.scheduled_start_time,
        }
    )


def _removal(room: str, session: Session) -> Step:
    """A scheduled session is deleted; a live one is ended, because past sessions keep their history."""
    if session.status == "scheduled":
        reason = "it was asked to be absent"
        return Step("delete_session", room, session.title, "DELETE", session_path(session.id), reason)
    reason = f"it was asked to be absent and is {session.status}"
    return Step("end_session", room, session.title, "POST", end_path(session.id), reason)


def _drift(spec: SessionSpec, session: Session) -> str | None:
    """Name what differs between the asked and the existing session; a field that the service left out does not."""
    differences = [
        f"{name} is {is_now} and {wanted} was asked for"
        for name, is_now, wanted in (
            ("preset_id", session.preset.id, spec.preset_id),
            ("mode", session.mode, spec.mode),
            ("scheduled_start_time", session.scheduled_start_time, spec.scheduled_start_time),
        )
        if is_now is not None and wanted is not None and not _same(name, is_now, wanted)
    ]
    if not differences:
        return None
    return (
        f"the session {session.id} exists and differs: {'; '.join(differences)}. It is left as it is. Ask for what it "
        "has, or remove it with state: absent and run again."
    )


def _same(name: str, is_now: str, wanted: str) -> bool:
    if name != "scheduled_start_time":
        return is_now.lower() == wanted.lower()
    try:
        return parse_instant(is_now) == parse_instant(wanted)
    except ValueError:
        return is_now == wanted


def _missing_key(session: Session, row: Row | None) -> str | None:
    if row is not None and row.object_id == session.id and row.key is not None:
        return None
    return (
        f"the session {session.id} exists, but the ledger does not hold its stream key, which the service shows only "
        "once. Use the ledger that the session was created with (ledger_url), or remove the session with state: absent "
        "and run again to get a new one with a new key."
    )


def _without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
