# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compares the ledger with the service, and says of each entry and each current session what is the matter with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

from .errors import ServiceError
from .ledger_rows import Row, Slot
from .model import Room, Session
from .webinar_api import WebinarApi

Finding = Literal[
    "ok", "keyless", "missing", "over", "drifted", "orphaned", "interrupted", "in_progress", "damaged", "unknown"
]
# What needs nobody's attention.
IN_ORDER = ("ok", "in_progress")


@dataclass(frozen=True)
class Checked:
    """An entry, a session of the service, or both, and what is to be said of it; ``room`` is the room's title."""

    finding: Finding
    row: Row | None
    session: Session | None
    room: str | None


def check_ledger(api: WebinarApi, rows: Sequence[Row], concurrency: int) -> list[Checked]:
    """Return the entries of this API, then the current sessions of our rooms that none of them is about."""
    rows = [row for row in rows if row.slot.api == api.url]
    with ThreadPoolExecutor(max_workers=concurrency) as pool:
        rooms = {room.id: room for room in api.my_rooms()}
        listed = pool.map(lambda room_id: [(room_id, session) for session in api.sessions(room_id)], rooms)
        sessions = {session.id.lower(): (room_id, session) for found in listed for room_id, session in found}
        # A list may lag, and a room may be somebody else's by now: what is not listed is asked for by its id.
        beside = [row for row in rows if row.slot.kind == "session" and (row.object_id or "").lower() not in sessions]
        answers = dict(zip((row.id for row in beside), pool.map(lambda row: _ask(api, row), beside), strict=True))
    checked = [_checked(row, rooms, sessions, answers) for row in rows]
    known = {(row.object_id or "").lower() for row in rows}
    filled = {row.slot for row in rows if row.phase != "spare"}
    for session_id, (room_id, session) in sessions.items():
        if session.is_current and session_id not in known:
            second = Slot(api.url, "session", room_id, session.title) in filled
            checked.append(Checked("orphaned" if second else "keyless", None, session, rooms[room_id].title))
    return checked


def _ask(api: WebinarApi, row: Row) -> Session | ServiceError | None:
    if row.object_id is None:
        return None
    try:
        return api.session(row.object_id)
    except ServiceError as error:
        if error.status == 401:
            raise
        return error


def _checked(
    row: Row,
    rooms: Mapping[str, Room],
    sessions: Mapping[str, tuple[str, Session]],
    answers: Mapping[int, Session | ServiceError | None],
) -> Checked:
    title = rooms[row.slot.parent].title if row.slot.parent in rooms else None
    if row.slot.kind == "room":
        room = rooms.get(row.object_id or "")
        return Checked(_finding_of_room(row, room), row, None, room.title if room else None)
    _room_id, listed = sessions.get((row.object_id or "").lower(), ("", None))
    answer = listed or answers.get(row.id)
    if isinstance(answer, ServiceError):
        return Checked("unknown", row, None, title)
    return Checked(_finding_of_session(row, answer), row, answer, title)


def _finding_of_room(row: Row, room: Room | None) -> Finding:
    if row.phase == "pending":
        return "in_progress" if row.leased else "interrupted"
    if room is None:
        return "missing"
    return "ok" if room.title == row.slot.title else "drifted"


def _finding_of_session(row: Row, session: Session | None) -> Finding:
    if row.damaged:
        return "damaged"
    if row.phase == "pending":
        return "in_progress" if row.leased else "interrupted"
    if session is None:
        return "missing"
    if not session.is_current:
        return "over"
    if session.title != row.slot.title or (session.room_id or row.slot.parent) != row.slot.parent:
        return "drifted"
    if row.phase == "spare":
        return "orphaned"
    return "ok" if row.key is not None else "keyless"
