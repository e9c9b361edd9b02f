# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Compares the ledger with the service: returns a finding for each entry, and for each current session without one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

from .._core.errors import ServiceError
from .._core.model import Room, Session
from .._core.plain_text import same_title
from .._ledger.rows import Row
from .._service.api import WebinarApi

Finding = Literal[
    "ok", "keyless", "missing", "over", "drifted", "orphaned", "interrupted", "in_progress", "damaged", "unknown"
]
# The findings that call for no action.
IN_ORDER = ("ok", "in_progress")
# Phases of entries whose session does not fill its slot. A replaced session did so earlier.
_REPLACED: Collection[str] = ("replaced",)
_BESIDE: Collection[str] = ("spare", "beside", *_REPLACED)


@dataclass(frozen=True)
class Checked:
    """A finding about an entry, a session of the service, or both; ``room`` is the room's title."""

    finding: Finding
    row: Row | None
    session: Session | None
    room: str | None


@dataclass(frozen=True)
class _Found:
    """What the service has, and what the ledger says about its rooms.

    ``rooms`` are the account's rooms by id. ``sessions`` are the sessions in them by id in lower case, each with its
    room's id. ``answers`` are by row id: what the service says about a session that no room lists. ``filled`` are by
    room id the titles of the slots that a session fills according to the ledger. ``foreign_rooms`` are the ids of rooms
    that the ledger has for another account.
    """

    rooms: Mapping[str, Room]
    sessions: Mapping[str, tuple[str, Session]]
    answers: Mapping[int, Session | ServiceError | None]
    filled: Mapping[str, Sequence[str]]
    foreign_rooms: Collection[str | None]


def check_ledger(api: WebinarApi, rows: Sequence[Row], concurrency: int) -> list[Checked]:
    """Return findings about the entries of this API, then about the account's current sessions without an entry."""
    rows = [row for row in rows if row.slot.api == api.url]
    with ThreadPoolExecutor(max_workers=concurrency) as pool:
        rooms = {room.id: room for room in api.my_rooms()}
        listed = pool.map(lambda room_id: [(room_id, session) for session in api.sessions(room_id)], rooms)
        sessions = {session.id.lower(): (room_id, session) for found in listed for room_id, session in found}
        # A list may lag, and a room may belong to another account by now. So unlisted sessions are read by their ids.
        unlisted = [row for row in rows if row.slot.kind == "session" and (row.object_id or "").lower() not in sessions]
        answers = dict(zip((row.id for row in unlisted), pool.map(lambda row: _ask(api, row), unlisted), strict=True))
    filled = _titles_by_room(row for row in rows if row.phase in ("created", "keyless"))
    found = _Found(rooms, sessions, answers, filled, _foreign_rooms(rows, rooms))
    checked = [_checked(row, found) for row in rows]
    known = {(row.object_id or "").lower() for row in rows}
    asked_for = _titles_by_room(row for row in rows if row.phase not in _BESIDE)
    for session_id, (room_id, session) in sessions.items():
        if session.is_current and session_id not in known:
            second = _is_among(session.title, asked_for.get(room_id, ()))
            checked.append(Checked("orphaned" if second else "keyless", None, session, rooms[room_id].title))
    return checked


def _titles_by_room(rows: Iterable[Row]) -> dict[str, list[str]]:
    titles: dict[str, list[str]] = {}
    for row in rows:
        if row.slot.kind == "session":
            titles.setdefault(row.slot.parent, []).append(row.slot.title)
    return titles


def _is_among(title: str, titles: Iterable[str]) -> bool:
    return any(same_title(title, one) for one in titles)


def _foreign_rooms(rows: Sequence[Row], rooms: Mapping[str, Room]) -> set[str | None]:
    """Return the ids of rooms that the ledger has for another account, whose host none of our rooms has."""
    hosts = {room.host_id.lower() for room in rooms.values() if room.host_id}
    of_rooms = [row for row in rows if row.slot.kind == "room" and row.object_id not in rooms]
    # A ledger of the first version does not record the account of an entry.
    return {row.object_id for row in of_rooms if hosts and row.slot.parent and row.slot.parent not in hosts}


def _ask(api: WebinarApi, row: Row) -> Session | ServiceError | None:
    if row.object_id is None:
        return None
    try:
        return api.session(row.object_id)
    except ServiceError as error:
        if error.status == 401:
            raise
        return error


def _checked(row: Row, found: _Found) -> Checked:
    if row.slot.kind == "room":
        room = found.rooms.get(row.object_id or "")
        return Checked(_finding_of_room(row, room, found), row, None, room.title if room else None)
    title = found.rooms[row.slot.parent].title if row.slot.parent in found.rooms else None
    _room_id, listed = found.sessions.get((row.object_id or "").lower(), ("", None))
    answer = listed or found.answers.get(row.id)
    if isinstance(answer, ServiceError):
        return Checked("unknown", row, None, title)
    return Checked(_finding_of_session(row, answer, found), row, answer, title)


def _finding_of_room(row: Row, room: Room | None, found: _Found) -> Finding:
    if row.damaged:
        return "damaged"
    if row.phase == "pending":
        return "in_progress" if row.leased else "interrupted"
    if room is None:
        return "unknown" if row.object_id in found.foreign_rooms else "missing"
    return "ok" if same_title(room.title, row.slot.title) else "drifted"


def _finding_of_session(row: Row, session: Session | None, found: _Found) -> Finding:
    if row.damaged:
        return "damaged"
    if row.phase == "pending":
        return "in_progress" if row.leased else "interrupted"
    if session is None:
        return "unknown" if row.slot.parent in found.foreign_rooms else "missing"
    if not session.is_current:
        return "over"
    same_room = (session.room_id or row.slot.parent) == row.slot.parent
    if not same_room or not same_title(session.title, row.slot.title):
        return "drifted"
    # A replaced session stays in use until its replacement exists.
    replaced = row.phase in _REPLACED and _is_among(row.slot.title, found.filled.get(row.slot.parent, ()))
    if row.phase == "spare" or replaced:
        return "orphaned"
    return "ok" if row.key is not None else "keyless"
