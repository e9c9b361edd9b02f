# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Builders for the input of the plan: a room, its sessions, and their rows in the ledger."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import (
    EventSpec,
    Policy,
    Preset,
    Room,
    RoomSpec,
    Session,
    SessionSpec,
    StreamKey,
)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import Row, Slot
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.unanswered import Clock
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.account import Account
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.indexes import known_rows
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.plan import Plan, make_plan
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.slot_plan import SessionPlan
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.world import ObservedRoom, World

API = "https://api.invalid"
ACCOUNT = Account("host-1", "host-1")
ROOM = Room("r1", "Main stage", "host-1")
PRESET = "0d3f2c84-5f43-4b0c-9a57-0c6a6f1f2a11"
OTHER_PRESET = "11111111-5f43-4b0c-9a57-0c6a6f1f2a11"
ASKED = SessionSpec("Keynote", preset_id=PRESET)
PRESENT = Session("s1", "r1", "Keynote", "scheduled", preset=Preset(PRESET))
NOW = 1_800_000_000.0
NOTHING_SEEN = frozenset[str]()


def kept(session: Session, room_id: str = "r1", row_id: int = 1) -> Row:
    slot = Slot(API, "session", room_id, session.title)
    return Row(row_id, slot, session.id, "created", StreamKey("unit-stream-1"), "fp-1", NOTHING_SEEN, leased=False)


def kept_room(room: Room, title: str | None = None, account: str = ACCOUNT.name) -> Row:
    """The row of a room that was created with ``title``. The room may have been renamed since."""
    slot = Slot(API, "room", account, title or room.title)
    return Row(900, slot, room.id, "created", None, None, NOTHING_SEEN, leased=False)


def world_of(
    room: Room | None, sessions: tuple[Session, ...] = (), rows: Iterable[Row] = (), now: float = NOW
) -> World:
    """A world with one room, or none, at a known time of the service."""
    return world_of_rooms((room,), sessions, rows, now)


def world_of_rooms(
    rooms: Iterable[Room | None], sessions: tuple[Session, ...] = (), rows: Iterable[Row] = (), now: float = NOW
) -> World:
    asked = tuple(rooms)
    mine = tuple(room for room in asked if room is not None)
    listed = {room.id: tuple(one for one in sessions if one.room_id == room.id) for room in mine}
    known = known_rows(rows, ACCOUNT, set(listed))
    found = tuple(ObservedRoom(room, known.of_id(room.id)) if room else ObservedRoom() for room in asked)
    return World(API, ACCOUNT, found, mine, listed, known, Clock(now, now))


def known(*sessions: Session) -> World:
    """A world with these sessions, whose keys are all in the ledger. The first session of a title has its slot."""
    return world_of(ROOM, sessions, rows_of(sessions))


def rows_of(sessions: Iterable[Session]) -> list[Row]:
    taken: set[tuple[str | None, str]] = set()
    rows: list[Row] = []
    for number, session in enumerate(sessions, start=1):
        row = kept(session, session.room_id or "r1", number)
        place = (session.room_id, session.title)
        rows.append(replace(row, phase="beside") if place in taken else row)
        taken.add(place)
    return rows


def plan_of(world: World, *sessions: SessionSpec, room: RoomSpec | None = None, policy: Policy | None = None) -> Plan:
    asked = room or RoomSpec(title="Main stage", sessions=sessions)
    return make_plan(EventSpec((asked,), policy or Policy()), world)


def only(plan: Plan) -> SessionPlan:
    (session,) = plan.rooms[0].sessions
    return session


def actions(plan: Plan) -> list[str]:
    return [step.action for step in plan.steps()]
