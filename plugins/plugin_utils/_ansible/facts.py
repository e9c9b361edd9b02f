# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""The facts that a task sets for roles, and the names of sessions in them. No fact contains a stream key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._reconcile.outcomes import Applied, RoomOutcome, SessionOutcome, id_of
from .._reconcile.plan import Plan
from .this_run import EVENT, PREVIEW, RUN, SESSIONS

ALL = (SESSIONS, RUN, EVENT, PREVIEW)


@dataclass(frozen=True)
class Known:
    """What the tasks of one run have found so far: ``sessions`` and ``gone`` by name, ``rooms`` listed completely."""

    sessions: Mapping[str, Any]
    rooms: Sequence[Mapping[str, Any]]
    gone: Mapping[str, Any]


def known_before(before: Mapping[str, Any], run: str, *, check_mode: bool) -> Known:
    """Return what earlier tasks of this run left in a host's facts. In check mode, a preview's facts come first."""
    preview = before.get(PREVIEW)
    if check_mode and isinstance(preview, Mapping) and preview.get("run") == run:
        return Known(preview.get("sessions") or {}, preview.get("rooms") or [], preview.get("gone") or {})
    if before.get(RUN) != run:
        return Known({}, [], {})
    event = before.get(EVENT)
    of_run: Mapping[str, Any] = event if isinstance(event, Mapping) and event.get("run") == run else {}
    return Known(before.get(SESSIONS) or {}, of_run.get("rooms") or [], of_run.get("gone") or {})


def names_of(applied: Applied, before: Known) -> list[str]:
    """Return the name of each session: ``ROOM/TITLE``, followed by the room's id where two would be the same.

    Of two rooms with the same title, the one that was named by its id gets the suffix; otherwise the later one.
    """
    rooms = _rooms_of(applied)
    plain = [f"{session.room_title}/{session.spec.title}" for session in applied.sessions]
    places = [_place(session) for session in applied.sessions]
    sharing = Counter(name for name, _place in set(zip(plain, places, strict=True)))
    names: list[str] = []
    for session, room, name in zip(applied.sessions, rooms, plain, strict=True):
        earlier = before.sessions.get(name)
        is_another = earlier is not None and None not in (earlier.get("room_id"), session.room_id)
        is_taken = is_another and earlier is not None and earlier["room_id"] != session.room_id
        is_shared = sharing[name] > 1 and (room.spec.room_id is not None or name in names)
        names.append(f"{name} ({session.room_id or 'new room'})" if is_taken or is_shared else name)
    return names


def facts_of(
    plan: Plan, applied: Applied, entries: Mapping[str, Any], names: list[str], before: Known, *, whole: bool
) -> Known:
    """Return what is known after a task. ``entries`` are the results of the sessions by name.

    ``whole``: the task lists all sessions that its rooms are to have.
    """
    sessions, gone = dict(before.sessions), dict(before.gone)
    for session, name in zip(applied.sessions, names, strict=True):
        exists = session.session is not None and session.session.is_current
        is_wanted = session.spec.state in ("present", "live")
        if exists or (is_wanted and not session.error):
            sessions[name] = entries[name]
        else:
            sessions.pop(name, None)
        if not exists and (session.purged or not is_wanted):
            gone[name] = _gone(session)
        else:
            gone.pop(name, None)
    # A room that does not exist yet has no id.
    rooms = {(one["id"], None if one["id"] else one["title"]): one for one in before.rooms}
    with_errors = {one.room_id for one in applied.sessions if one.error}
    for room_plan, room in zip(plan.rooms, applied.rooms, strict=True):
        room_id = id_of(room_plan.room or room.room)
        failed = room.error or room_id in with_errors
        place = (room_id, None if room_id else room.title)
        if failed or whole:
            rooms.pop(place, None)
        if whole and not failed and (room_id is not None or room.changed):
            rooms[place] = {"id": room_id, "title": room.title}
        if room_id is not None and room.room is None and room.changed:
            for name in [name for name, entry in sessions.items() if entry.get("room_id") == room_id]:
                del sessions[name]
            for held, _row in room_plan.contents:
                name = f"{room.title}/{held.title}"
                entry = {"id": held.id, "room_id": room_id, "room": room.title, "title": held.title}
                gone[name if name not in gone else f"{name} ({held.id})"] = entry
    return Known(sessions, list(rooms.values()), gone)


def as_facts(known: Known, run: str, *, check_mode: bool, may_change_facts: bool) -> dict[str, Any]:
    """Return the facts that a task sets. Unless ``may_change_facts``, a preview sets only the fact for previews."""
    if check_mode and not may_change_facts:
        return {PREVIEW: {"run": run, "sessions": known.sessions, "rooms": known.rooms, "gone": known.gone}}
    return {SESSIONS: known.sessions, RUN: run, EVENT: {"run": run, "rooms": known.rooms, "gone": known.gone}}


def _gone(session: SessionOutcome) -> dict[str, Any]:
    return {
        "id": session.session.id if session.session else session.id_before,
        "room_id": session.room_id,
        "room": session.room_title,
        "title": session.spec.title,
    }


def _place(session: SessionOutcome) -> tuple[str | None, str, str]:
    return session.room_id, session.room_title, session.spec.title


def _rooms_of(applied: Applied) -> list[RoomOutcome]:
    """Return the room of each session."""
    by_spec = {id(spec): room for room in applied.rooms for spec in room.spec.sessions}
    by_id = {room.room.id: room for room in applied.rooms if room.room is not None and room.room.id}
    return [by_spec.get(id(one.spec)) or by_id.get(one.room_id or "") or applied.rooms[0] for one in applied.sessions]
