# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads the rooms, sessions and ledger rows that an event concerns into one frozen World. Changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from .doubts import are_twins
from .errors import InvalidInput
from .ledger import Ledger, Row, Slot
from .model import EventSpec, Room, RoomSpec, Session
from .webinar_api import WebinarApi


@dataclass(frozen=True)
class World:
    """What is: ``rooms`` stand in the order of the event's rooms, None where one does not exist yet.

    ``sessions`` are by room id and hold past ones too; ``rows`` are the ledger's, by slot; ``past_rows`` those that do
    not hold their slot (any more). ``kept_ids`` are of all that the ledger knows. ``now`` is the service's time.
    ``twin_rooms`` are, by title, empty rooms beside the one of that title, made by requests that were never answered.
    """

    api: str
    rooms: tuple[Room | None, ...]
    room_ids: frozenset[str]
    sessions: Mapping[str, tuple[Session, ...]] = field(default_factory=dict)
    rows: Mapping[Slot, Row] = field(default_factory=dict)
    past_rows: Mapping[Slot, tuple[Row, ...]] = field(default_factory=dict)
    kept_ids: frozenset[str] = frozenset()
    now: float | None = None
    twin_rooms: Mapping[str, tuple[Room, ...]] = field(default_factory=dict)


def observe(api: WebinarApi, ledger: Ledger | None, asked: EventSpec, concurrency: int) -> World:
    """Return the World; raise InvalidInput where a named room is unknown or not the only one of its title."""
    with ThreadPoolExecutor(max_workers=concurrency) as pool:
        mine = api.my_rooms() if any(room.room_id is None for room in asked.rooms) else []
        named = list(pool.map(lambda spec: _find_rooms(api, ledger, mine, spec), asked.rooms))
        rooms = tuple(room for room, _twins in named)
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
        twin_rooms={room.title: twins for room, twins in named if room and twins},
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


def _find_rooms(
    api: WebinarApi, ledger: Ledger | None, mine: list[Room], spec: RoomSpec
) -> tuple[Room | None, tuple[Room, ...]]:
    """Return the room that is meant, None where it does not exist, and its twins."""
    if spec.room_id is not None:
        room = api.room(spec.room_id)
        if room is None:
            raise InvalidInput(
                f"room_id {spec.room_id}: the service has no such room. Correct room_id, or name the room by its "
                "title to have it created."
            )
        return room, ()
    named = [room for room in mine if room.title == spec.title]
    meant = _without_twins(api, ledger, named, Slot(api.url, "room", "", spec.title or "")) if len(named) > 1 else None
    if meant is not None:
        return meant
    if len(named) > 1:
        raise InvalidInput(
            f"room '{spec.title}': you have {len(named)} rooms of this title ({', '.join(room.id for room in named)}). "
            "Name the one that you mean with room_id."
        )
    return (named[0] if named else None), ()


def _without_twins(
    api: WebinarApi, ledger: Ledger | None, named: list[Room], slot: Slot
) -> tuple[Room, tuple[Room, ...]] | None:
    """Tell the room of a slot from what requests without an answer made beside it; None where that cannot be told."""
    if ledger is None:
        return None
    used = [room for room in named if api.sessions(room.id)]
    # After the lists, for the reason that is given above.
    rows = ledger.all_rows(api.url, [room.id for room in named])
    row = next((row for row in rows if row.slot == slot and row.phase not in ("spare", "retired")), None)
    if row is None or row.doubt is None or row.leased or len(used) > 1:
        return None
    if row.object_id is not None:
        room = next((room for room in named if room.id == row.object_id), None)
        count = row.doubt
    else:
        # An earlier run died before it knew its room: one of those that its requests made is as good as any other.
        room, count = (used or named)[0], row.doubt.without(1)
    twins = tuple(other for other in named if other is not room)
    if room is None or any(other in used for other in twins):
        return None
    kept_ids = {found.object_id for found in rows if found.object_id} | {found.slot.parent for found in rows}
    return (room, twins) if are_twins(count, row.seen_ids, twins, kept_ids, api.service_time()) else None


def _refuse_one_room_twice(rooms: list[Room]) -> None:
    seen: set[str] = set()
    for room in rooms:
        if room.id in seen:
            raise InvalidInput(
                f"room '{room.title}' ({room.id}) is named twice, by its title and by room_id. Join its sessions in "
                "one entry of rooms."
            )
        seen.add(room.id)
