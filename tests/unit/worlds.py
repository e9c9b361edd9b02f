# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Small worlds to plan in: one room, its sessions, and what the ledger keeps of them."""

from __future__ import annotations

from ansible_collections.tenbyte.webinar.plugins.plugin_utils.ledger import Row, Slot
from ansible_collections.tenbyte.webinar.plugins.plugin_utils.model import (
    EventSpec,
    Policy,
    Preset,
    Room,
    RoomSpec,
    Session,
    SessionSpec,
    StreamKey,
)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils.observe import World
from ansible_collections.tenbyte.webinar.plugins.plugin_utils.plan import Plan, SessionPlan, make_plan

API = "https://api.invalid"
ROOM = Room("r1", "Main stage")
PRESET = "0d3f2c84-5f43-4b0c-9a57-0c6a6f1f2a11"
OTHER_PRESET = "11111111-5f43-4b0c-9a57-0c6a6f1f2a11"
ASKED = SessionSpec("Keynote", preset_id=PRESET)
PRESENT = Session("s1", "r1", "Keynote", "scheduled", preset=Preset(PRESET))


def kept(session: Session, room_id: str = "r1") -> Row:
    slot = Slot(API, "session", room_id, session.title)
    return Row(1, slot, session.id, "created", StreamKey("unit-stream-1"), "fp-1", frozenset(), leased=False)


def world_of(room: Room | None, sessions: tuple[Session, ...] = (), rows: tuple[Row, ...] = ()) -> World:
    listed = {room.id: sessions} if room else {}
    return World(API, (room,), frozenset(listed), listed, {row.slot: row for row in rows})


def known(*sessions: Session) -> World:
    """The room with these sessions, of which the ledger holds every key."""
    return world_of(ROOM, sessions, tuple(kept(session) for session in sessions))


def plan_of(world: World, *sessions: SessionSpec, room: RoomSpec | None = None, policy: Policy | None = None) -> Plan:
    asked = room or RoomSpec(title="Main stage", sessions=sessions)
    return make_plan(EventSpec((asked,), policy or Policy()), world)


def only(plan: Plan) -> SessionPlan:
    (session,) = plan.rooms[0].sessions
    return session


def actions(plan: Plan) -> list[str]:
    return [step.action for step in plan.steps()]
