# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Finds the room that an event asks for, by its title or its id, and refuses what cannot be told apart."""

from __future__ import annotations

from .._core.errors import InvalidInput, LedgerError, ServiceError, WebinarError
from .._core.model import Room, RoomSpec
from .._ledger.store import Ledger
from .._ledger.unanswered import Unanswered, are_duplicates
from .._service.api import WebinarApi
from .identity import RoomFilling
from .world import ObservedRoom, World, clock_of, rows_of


def reason_for_one_room(error: WebinarError) -> str:
    """Return why a room could not be read. Raise the error again where it concerns every room, as a 401 does."""
    if isinstance(error, (InvalidInput, LedgerError)) or (isinstance(error, ServiceError) and error.status == 401):
        raise error
    return str(error)


def asked_room(api: WebinarApi, ledger: Ledger | None, world: World, spec: RoomSpec) -> ObservedRoom:
    try:
        return _find_room(api, ledger, world, spec)
    except WebinarError as error:
        return ObservedRoom(refusal=reason_for_one_room(error))


def _find_room(api: WebinarApi, ledger: Ledger | None, world: World, spec: RoomSpec) -> ObservedRoom:
    if spec.room_id is not None:
        return _named_by_id(api, world, spec.room_id, is_to_go=spec.state == "absent")
    title = spec.title or ""
    found = world.filling(title)
    if found.refusal is not None:
        raise InvalidInput(found.refusal)
    if found.namesakes and (len(found.namesakes) > 1 or found.room is None or found.room not in found.namesakes):
        return _with_duplicates(api, ledger, world, title, found)
    return ObservedRoom(found.room, found.row, notes=found.notes)


def _named_by_id(api: WebinarApi, world: World, room_id: str, *, is_to_go: bool) -> ObservedRoom:
    room = world.my_rooms.with_id(room_id)
    if room is not None:
        return ObservedRoom(room, world.rows.of_id(room.id))
    room = api.room(room_id)
    if room is None:
        if is_to_go:
            return ObservedRoom()
        raise InvalidInput(
            f"room_id {room_id}: the service has no such room. Correct room_id, or name the room by its "
            "title to have it created."
        )
    # The list may not show yet what was created a moment ago.
    row, host = world.rows.of_id(room.id), world.account.host_id
    if (host is not None and room.host_id is not None and room.host_id.lower() == host) or (
        row is not None and row.slot.kind == "room" and world.account.has(row.slot.parent)
    ):
        return ObservedRoom(room, row)
    raise InvalidInput(
        f"room_id {room_id}: the room '{room.title}' is not one of the rooms of this account (api_key or api_token); "
        "rooms belong to the host who created them. Correct room_id, or use that account's credential."
    )


def _with_duplicates(
    api: WebinarApi, ledger: Ledger | None, world: World, title: str, found: RoomFilling
) -> ObservedRoom:
    """Return the room of a slot, and the rooms of its title that unanswered requests created.

    Raise InvalidInput where the room cannot be told from others of its title.
    """
    named, row = list(found.namesakes), found.row
    requests = row.unanswered if row is not None else Unanswered.none()
    room = found.room
    if room is None and row is not None and row.phase == "pending" and not row.leased and requests:
        # An earlier run was killed before it knew its room. Any room that its requests created will do.
        used = [one for one in named if api.sessions(one.id)]
        if len(used) < 2:
            room, requests = (used or named)[0], requests.resolved(1)
    others = tuple(one for one in named if room is not None and one.id != room.id)
    is_open = room is not None and row is not None and not row.leased and bool(requests)
    if is_open and row is not None and not any(api.sessions(one.id) for one in others):
        # Read after the lists, as in observe().
        rows = rows_of(api.url, ledger, world.account, world.mine, [one.id for one in named])
        known = {*rows.ids, *(known.slot.parent for known in rows.by_id.values())}
        if are_duplicates(requests, row.seen_ids, others, known, clock_of(api, ledger)):
            return ObservedRoom(room, row, notes=found.notes, duplicates=others)
    if room is None or found.room is None:
        ids = ", ".join(one.id for one in named)
        raise InvalidInput(
            f"room '{title}': you have {len(named)} rooms of this title ({ids}). Name the one that you mean with "
            "room_id."
        )
    note = (
        f"you have other rooms of this title ({', '.join(one.id for one in others)}), which this ledger did not create "
        f"for it. They are left alone; {room.id} is the one that is used"
    )
    return ObservedRoom(room, row, notes=(*found.notes, *([note] if others else [])))


def refuse_one_room_twice(rooms: list[Room]) -> None:
    seen: set[str] = set()
    for room in rooms:
        if room.id in seen:
            raise InvalidInput(
                f"room '{room.title}' ({room.id}) is named twice, by its title and by room_id. Join its sessions in "
                "one entry of rooms."
            )
        seen.add(room.id)
