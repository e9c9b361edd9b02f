# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""The rooms and sessions that the playbook status shows, and its table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from .._core.plain_text import MOST_NAMED, canonical_title, one_line, same_title
from .wishes import Entry, by_room, entries_of, sessions_of, text_of, titled

_HEAD = ("ROOM", "SESSION", "STATUS", "ENCODER", "PUBLISHING", "VIEWERS", "START")
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d)(:\d\d)?(?:\.\d+)?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII)
# The most characters of the table's columns, so that a line fits into a wide terminal. The page has the whole titles.
_WIDEST = {"ROOM": 36, "SESSION": 36, "ENCODER": 24}
_ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
# The signs are for readers who cannot tell the colours of the page apart.
_BADGES = {
    "live": "\N{BLACK CIRCLE} on air",
    "scheduled": "\N{WHITE CIRCLE} scheduled",
    "missing": "\N{BLACK UP-POINTING TRIANGLE} missing",
}
_NO_MEDIA = "\N{BLACK UP-POINTING TRIANGLE} on air, no media"
# Rows of the ledger that are about the room or session of their title.
_HOLDING = ("created", "keyless")


@dataclass(frozen=True)
class LedgerNames:
    """Under which titles the ledger has rooms and sessions. A dashboard may have renamed them since."""

    rooms: Mapping[str, tuple[str, ...]]
    sessions: Mapping[str, str]


def ledger_names(entries: Any) -> LedgerNames:
    """Read the entries that the action ``ledger`` lists: the ids of rooms by title, and titles of sessions by id."""
    rooms: dict[str, tuple[str, ...]] = {}
    sessions: dict[str, str] = {}
    for entry in entries_of(entries):
        if entry.get("phase") not in _HOLDING:
            continue
        if entry.get("kind") == "room" and entry.get("room_id") and entry.get("room"):
            title = canonical_title(entry["room"])
            rooms[title] = (*rooms.get(title, ()), entry["room_id"])
        elif entry.get("session_id") and entry.get("title"):
            sessions[entry["session_id"]] = entry["title"]
    return LedgerNames(rooms, sessions)


def status_rooms(
    rooms: Sequence[Entry],
    sessions: Iterable[Entry],
    event_rooms: Any,
    facts: Mapping[str, Entry],
    names: LedgerNames,
) -> list[dict[str, Any]]:
    """Return the rooms of the event file ``event_rooms``, in its order, else all rooms, each with its sessions.

    ``rooms`` and ``sessions`` are results of room_info and session_info. What only the event file and ``facts``, the
    fact tenbyte_sessions, know is added. ``asked_as`` is the title in the event file where the service has another one.
    """
    listed = by_room(sessions)
    return [
        _shown_room(room, wish, listed.get(room["id"] or "", ()), facts, names)
        for room, wish in _found(rooms, entries_of(event_rooms), names)
    ]


def _found(
    rooms: Sequence[Entry], event_rooms: Sequence[Entry], names: LedgerNames
) -> Iterator[tuple[Entry, Entry | None]]:
    """Yield each room to show, with its entry in the event file. A room that does not exist has no id."""
    if not event_rooms:
        yield from ((room, None) for room in rooms)
        return
    by_id = {room["id"].lower(): room for room in rooms}
    of_title: dict[str, list[Entry]] = {}
    for room in rooms:
        of_title.setdefault(canonical_title(room["title"] or ""), []).append(room)
    for entry in event_rooms:
        title, room_id = text_of(entry, "title"), text_of(entry, "room_id").lower()
        # As the action has it: by the ledger's id first, by title second.
        kept = [by_id[one.lower()] for one in names.rooms.get(canonical_title(title), ()) if one.lower() in by_id]
        found = [by_id[room_id]] if room_id in by_id else kept
        if title and not found:
            found = of_title.get(canonical_title(title), [])
        if not found and text_of(entry, "state") != "absent":
            found = [{"id": None, "title": title or room_id, "description": text_of(entry, "description") or None}]
        yield from ((room, entry) for room in found)


def _shown_room(
    room: Entry, entry: Entry | None, sessions: Iterable[Entry], facts: Mapping[str, Entry], names: LedgerNames
) -> dict[str, Any]:
    wishes = titled(sessions_of(entry or {}))
    current: list[dict[str, Any]] = []
    past: list[dict[str, Any]] = []
    filled: set[str] = set()
    for session in sessions:
        kept = canonical_title(names.sessions.get(session["id"], session["title"]))
        own = kept if kept in wishes else canonical_title(session["title"])
        wish = wishes.get(own, {})
        fact = facts.get(f"{room['title']}/{session['title']}") or {}
        shown = _shown_session(session, room["title"], text_of(wish, "encoder") or fact.get("encoder"))
        shown["asked_as"] = _asked_as(session, wish)
        if session["status"] in ("scheduled", "live"):
            current.append(shown)
            filled.add(own)
        else:
            past.append(shown)
    current += [
        _missing(wish, room["title"])
        for title, wish in wishes.items()
        if title not in filled and text_of(wish, "state") in ("", "present", "live")
    ]
    return {
        "id": room["id"],
        "title": room["title"],
        "asked_as": _asked_as(room, entry or {}) if room["id"] else None,
        "description": room["description"],
        "past": past,
        "sessions": sorted(current, key=_order),
    }


def _asked_as(thing: Entry, wish: Entry) -> str | None:
    title = text_of(wish, "title")
    return title if title and not same_title(thing["title"] or "", title) else None


def _order(session: Mapping[str, Any]) -> tuple[bool, float, str, str]:
    """Sessions with a start come first, by that start."""
    begins = session["begins"] or ""
    instant = _instant(begins)
    return not begins, instant.timestamp() if instant else 0.0, begins.lower(), session["title"].lower()


def _shown_session(session: Entry, room_title: str | None, encoder: str | None) -> dict[str, Any]:
    health = session.get("stream_health")
    publishing = health.get("publishing") if isinstance(health, Mapping) else None
    publishing = publishing if isinstance(publishing, bool) else None
    is_watchable = re.match("https?://", session["hls_url"] or "") and re.fullmatch("[0-9a-fA-F-]+", session["id"])
    begins = session.get("started_at") or session["scheduled_start_time"]
    no_media = session["status"] == "live" and publishing is False
    return {
        **session,
        "room": room_title,
        "begins": begins,
        "start": _start(begins),
        "encoder": encoder or None,
        "publishing": publishing,
        "badge": _NO_MEDIA if no_media else _BADGES.get(session["status"], session["status"]),
        "no_media": no_media,
        "plays": session["status"] == "live" and publishing is not False and bool(is_watchable),
    }


def _missing(wish: Entry, room_title: str | None) -> dict[str, Any]:
    begins = text_of(wish, "scheduled_start_time") or None
    return {
        "id": None,
        "room": room_title,
        "title": text_of(wish, "title"),
        "asked_as": None,
        "status": "missing",
        "begins": begins,
        "start": _start(begins),
        "encoder": text_of(wish, "encoder") or None,
        "publishing": None,
        "badge": _BADGES["missing"],
        "no_media": False,
        "plays": False,
    }


def _start(begins: str | None) -> str:
    """Return a start in UTC, whatever its offset, so that all starts of a page can be compared."""
    if not begins:
        return "-"
    instant = _instant(begins)
    return f"{instant:%Y-%m-%d %H:%M} UTC" if instant else begins


def _instant(text: str) -> datetime | None:
    """Return the instant of a date-time of RFC 3339, or None if it is none."""
    found = _INSTANT.fullmatch(text)
    if found is None:
        return None
    day, clock, seconds, sign, hours, minutes = found.groups()
    try:
        local = datetime.fromisoformat(f"{day} {clock}{seconds or ':00'}").replace(tzinfo=timezone.utc)
        offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
        return local + offset if sign == "-" else local - offset
    except (OverflowError, ValueError):
        return None


def status_table(rooms: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the lines of the table, and what is to be said below it."""
    rows: list[tuple[str, ...]] = [_HEAD]
    for room in rooms:
        name = _cell("ROOM", one_line(room["title"] or room["id"]))
        rows += [_row(name, session) for session in room["sessions"]]
        if not room["sessions"]:
            rows.append((name, "-" if room["id"] else "(not there yet)", *("-" * 5)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD) - 1)]
    lines = ["".join(cell.ljust(width + 2) for cell, width in zip(row, widths, strict=False)) + row[-1] for row in rows]
    past = sum(len(room["past"]) for room in rooms)
    if past:
        lines.append(f"{past} more {'is' if past == 1 else 'are'} over.")
    return [*lines, *_renamed(rooms)]


def _row(room: str, session: Mapping[str, Any]) -> tuple[str, ...]:
    publishing, viewers = session["publishing"], session.get("viewer_count")
    return (
        room,
        _cell("SESSION", one_line(session["title"])),
        session["status"],
        _cell("ENCODER", session["encoder"] or "-"),
        "-" if publishing is None else "yes" if publishing else "no",
        "-" if viewers is None else str(viewers),
        session["start"],
    )


def _cell(column: str, text: str) -> str:
    widest = _WIDEST[column]
    return text if len(text) <= widest else text[: widest - 1] + _ELLIPSIS


def _renamed(rooms: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return a line for each room and session that bears another title in the service than in the event file."""
    lines = []
    for room in rooms:
        if room["asked_as"]:
            lines.append(f"The room '{room['asked_as']}' of the event file is called '{room['title']}' in the service.")
        lines += [
            f"The session '{session['asked_as']}' of the event file is called '{session['title']}' in the service, in "
            f"the room '{room['title']}'."
            for session in room["sessions"]
            if session["asked_as"]
        ]
    shown = [one_line(line) for line in lines[:MOST_NAMED]]
    return [*shown, f"{len(lines) - MOST_NAMED} more have another title."] if len(lines) > MOST_NAMED else shown
