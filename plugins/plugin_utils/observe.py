# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads the rooms, sessions and ledger rows that an event concerns into one frozen World. Changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from .errors import InvalidInput
from .ledger import Ledger, Row, Slot
from .model import EventSpec, Room, RoomSpec, Session
from .webinar_api import WebinarApi


@dataclass(frozen=True)
class World:
    """What is: ``rooms`` stand in the order of the event's rooms, None where one does not exist yet.

    ``sessions`` are by room id and hold past ones too; ``rows`` are the ledger's, by slot; ``past_rows`` those that do
    not hold their slot (any more). ``kept_ids`` are of all that the ledger knows. ``now`` is the service's time.
    """

    api: str
    rooms: tuple[Room | None, ...]
    room_ids: frozenset[str]
    sessions: Mapping[str, tuple[Session, ...]] = field(default_factory=dict)
    rows: Mapping[Slot, Row] = field(default_factory=dict)
    past_rows: Mapping[Slot, tuple[Row, ...]] = field(default_factory=dict)
    kept_ids: frozenset[str] = frozenset()
    now: float | None = None


def observe(api: WebinarApi, ledger: Ledger | None, asked: EventSpec, concurrency: int) -> World:
    """Return the World; raise InvalidInput where a named room is unknown or not the only one of its title."""
    with ThreadPoolExecutor(max_workers=concurrency) as pool:
        mine = api.my_rooms() if any(room.room_id is None for room in asked.rooms) else []
        rooms = tuple(pool.map(lambda spec: _find_room(api, mine, spec), asked.rooms))
        found = [room for room in rooms if room]
        _refuse_one_room_twice(found)
        listed = list(pool.map(lambda room: tuple(api.sessions(room.id)), found))
    sessions = {room.id: listed_sessions for room, listed_sessions in zip(found, listed, strict=True)}
    # After the lists: what another run has made and a list shows has a row by now, or its slot is still pending.
    rows = ledger.all_rows(api.url, sessions) if ledger else []
    return World(
        api=api.url,
        rooms=rooms,
        room_ids=frozenset(room.id for room in mine),
        sessions=sessions,
        now=api.service_time(),
        **rows_by_slot(rows),
    )


def rows_by_slot(rows: list[Row]) -> dict[str, Any]:
    """Return a World's fields about the ledger."""
    past: dict[Slot, list[Row]] = {}
    for row in rows:
        if row.phase in ("spare", "retired"):
            past.setdefault(row.slot, []).append(row)
    return {
        "rows": {row.slot: row for row in rows if row.phase not in ("spare", "retired")},
        "past_rows": {slot: tuple(of_slot) for slot, of_slot in past.items()},
        "kept_ids": frozenset(row.object_id for row in rows if row.object_id),
    }


def _find_room(api: WebinarApi, mine: list[Room], spec: RoomSpec) -> Room | None:
    if spec.room_id is not None:
        room = api.room(spec.room_id)
        if room is None:
            raise InvalidInput(
                f"room_id {spec.room_id}: the service has no such room. Correct room_id, or name the room by its "
                "title to have it created."
            )
        return room
    named = [room for room in mine if room.title == spec.title]
    if len(named) > 1:
        raise InvalidInput(
            f"room '{spec.title}': you have {len(named)} rooms of this title ({', '.join(room.id for room in named)}). "
            "Name the one that you mean with room_id."
        )
    return named[0] if named else None


def _refuse_one_room_twice(rooms: list[Room]) -> None:
    seen: set[str] = set()
    for room in rooms:
        if room.id in seen:
            raise InvalidInput(
                f"room '{room.title}' ({room.id}) is named twice, by its title and by room_id. Join its sessions in "
                "one entry of rooms."
            )
        seen.add(room.id)
