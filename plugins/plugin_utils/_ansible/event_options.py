# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Turns the options of the actions event, room and session into an EventSpec: rooms, sessions and a policy."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .._core.errors import InvalidInput
from .._core.model import EventSpec, Policy, RoomSpec, SessionSpec, Settings, rfc3339
from .._core.plain_text import canonical_title
from .._core.user_values import checked_uuid
from .option_places import of_element, of_room, of_session

SHORTEST_TITLE = 3
LONGEST_TITLE = 255
SHOWN_OF_A_TITLE = 40
OF_ITS_OWN = "A title is what tells the sessions of a room apart: give each its own."


def event_from(options: Mapping[str, Any]) -> EventSpec:
    """Read and check the options of the action ``event``."""
    rooms = tuple(
        _room_from(_with_state_of_event(room, options["state"]), of_element("rooms", index, room), "title")
        for index, room in enumerate(options["rooms"])
    )
    names = [room.room_id or room.title or "" for room in rooms]
    _refuse_duplicate_titles(
        names,
        "rooms: ",
        "'{}' stands in the list twice. Join its sessions in one entry.",
        "Give each room a title of its own, or name an existing one by its room_id.",
    )
    _refuse_duplicate_fact_names(rooms)
    return EventSpec(rooms, _policy_from(options))


def _refuse_duplicate_titles(titles: list[str], where: str, when_the_same: str, way_out: str) -> None:
    """Raise InvalidInput where two titles are the same, or look the same to a reader."""
    seen: dict[str, str] = {}
    for title in titles:
        other = seen.get(canonical_title(title))
        if other == title:
            raise InvalidInput(f"{where}{when_the_same.format(title)}")
        if other is not None:
            raise InvalidInput(
                f"{where}two titles look the same, {_spelt(other)} and {_spelt(title)}: they differ only in what "
                f"cannot be seen or is stored differently. {way_out}"
            )
        seen[canonical_title(title)] = title


def _spelt(title: str) -> str:
    """Return a title in quotes, with the Unicode name in place of each character that is not printable ASCII."""
    spelt = "".join(
        one if one.isascii() and one.isprintable() else f"{{{unicodedata.name(one, f'U+{ord(one):04X}')}}}"
        for one in title
    )
    return f"'{spelt}'"


def _refuse_duplicate_fact_names(rooms: tuple[RoomSpec, ...]) -> None:
    """Raise InvalidInput where two sessions would have the same name, ROOM/TITLE, in the facts.

    One of them would overwrite the other.
    """
    named: dict[str, tuple[str, str]] = {}
    for room in rooms:
        for session in room.sessions if room.title is not None else ():
            own = (str(room.title), session.title)
            name = canonical_title("/".join(own))
            room_title, title = named.setdefault(name, own)
            if (room_title, title) != own:
                raise InvalidInput(
                    f"rooms: session '{title}' of room '{room_title}' and session '{own[1]}' of room '{own[0]}' would "
                    f"have one name, '{name}', in tenbyte_sessions. Name one of the rooms by its room_id, or give one "
                    "of them another title."
                )


def _with_state_of_event(room: Mapping[str, Any], state: str) -> dict[str, Any]:
    """Return a room's options, with the event's state for its sessions unless that is ``present``.

    The state ``live`` does not apply to sessions that are to be ended or absent.
    """
    if state == "present":
        return dict(room)
    stays = ("ended", "absent") if state == "live" else ()
    sessions = [session if session["state"] in stays else {**session, "state": state} for session in room["sessions"]]
    return {**room, "sessions": sessions}


def _policy_from(options: Mapping[str, Any]) -> Policy:
    return Policy(
        replace=options["replace"],
        on_missing_key=options["on_missing_key"],
        purge=bool(options.get("purge")),
        wait_timeout=options["wait_timeout"],
    )


def event_of_room_from(options: Mapping[str, Any]) -> EventSpec:
    """Read and check the options of the action ``room``: an event of one room without sessions.

    If both are given, ``room_id`` names the room and ``title`` is its new title.
    """
    title, room_id = options.get("title"), options.get("room_id")
    if title is None and room_id is None:
        raise InvalidInput("Give title or room_id of the room.")
    where = of_room(options).removesuffix(": ") or "room"
    named = {**options, "sessions": [], "title": None if room_id else title}
    room = _room_from(named, where, "title")
    if title is not None:
        _check_title(title, "title")
    return EventSpec((replace(room, title=title),))


def event_of_session_from(options: Mapping[str, Any]) -> EventSpec:
    """Read and check the options of the action ``session``: an event of one room and one session."""
    where = of_session(options)
    if (options.get("room") is None) == (options.get("room_id") is None):
        raise InvalidInput(f"{where}Give either room (a title) or room_id.")
    session = _session_from(options, where)
    # Without description and state: these options are the session's.
    room: dict[str, Any] = {"title": options.get("room"), "room_id": options.get("room_id"), "sessions": []}
    asked = _room_from(room, where.removesuffix(": "), "room")
    return EventSpec((replace(asked, sessions=(session,)),), _policy_from(options))


def _room_from(options: Mapping[str, Any], where: str, title_option: str) -> RoomSpec:
    """Read and check a room's options. Messages begin with ``where`` and call the title ``title_option``."""
    title, room_id = options.get("title"), options.get("room_id")
    if (title is None) == (room_id is None):
        raise InvalidInput(f"{where}: give either title or room_id of the room.")
    if title is not None:
        _check_title(title, f"{where}: {title_option}")
    sessions = tuple(
        _session_from(session, f"{where}, {of_element('sessions', index, session)}: ")
        for index, session in enumerate(options["sessions"])
    )
    _refuse_duplicate_titles(
        [session.title for session in sessions],
        f"{where}, sessions: ",
        f"the title '{{}}' stands in the room twice. {OF_ITS_OWN}",
        OF_ITS_OWN,
    )
    state: Any = options.get("state") or "present"
    if state == "absent" and any(session.state in ("present", "live") for session in sessions):
        raise InvalidInput(
            f"{where}: state is absent, and the room is to have sessions. Take the sessions out, or make them absent "
            "too."
        )
    return RoomSpec(
        title=title,
        room_id=checked_uuid(room_id, f"{where}: room_id"),
        description=options.get("description"),
        analytics=_given(options.get("analytics")),
        state=state,
        sessions=sessions,
    )


def _session_from(options: Mapping[str, Any], where: str) -> SessionSpec:
    _check_title(options["title"], f"{where}title")
    if options["state"] in ("present", "live") and not options.get("preset_id"):
        raise InvalidInput(f"{where}preset_id is missing. Copy the preset's id.")
    return SessionSpec(
        title=options["title"],
        preset_id=checked_uuid(options.get("preset_id"), f"{where}preset_id"),
        description=options.get("description"),
        mode=options.get("mode"),
        scheduled_start_time=_start_from(options.get("scheduled_start_time"), where),
        encoder=options.get("encoder"),
        session_id=checked_uuid(options.get("session_id"), f"{where}session_id"),
        settings=Settings(**(options.get("settings") or {})),
        state=options["state"],
    )


def _start_from(start: str | None, where: str) -> str | None:
    """Return a start time in the form in which it is sent and compared."""
    if start is None:
        return None
    try:
        return rfc3339(start)
    except ValueError:
        pass
    problem, example = "is not a date-time of RFC 3339 with an offset from UTC", "2027-05-04T09:00:00+02:00"
    found = re.fullmatch(r"\s*(\d{4}-\d{2}-\d{2})(?:[Tt\s]+(\d{1,2}:\d{2})(:\d{2})?(?:\.\d+)?)?\s*", start)
    if found:
        day, clock, seconds = found.groups()
        problem = "has no offset from UTC, so it could be any of 26 hours" if clock else "has no time and no offset"
        example = f"{day}T{(clock or '09:00').rjust(5, '0')}{seconds or ':00'}+02:00"
    raise InvalidInput(
        f"{where}scheduled_start_time '{start[:SHOWN_OF_A_TITLE]}' {problem}. Write it as RFC 3339 has it, such as "
        f"{example}, or with Z at its end for UTC."
    )


def _given(value: Any) -> Any:
    """Return nested options without None, which Ansible fills in for each that was not given."""
    if isinstance(value, Mapping):
        return {name: _given(item) for name, item in value.items() if item is not None}
    return value


def _as_given(title: str) -> str:
    """Return a title in quotes, with escapes for what cannot be seen; of a long one, both ends."""
    half = SHOWN_OF_A_TITLE // 2
    return repr(title if len(title) <= SHOWN_OF_A_TITLE else f"{title[:half]}…{title[-half:]}")


def _check_title(title: str, where: str) -> None:
    if not SHORTEST_TITLE <= len(title) <= LONGEST_TITLE:
        raise InvalidInput(
            f"{where} '{title[:SHOWN_OF_A_TITLE]}' has {len(title)} characters; the service takes {SHORTEST_TITLE} to "
            f"{LONGEST_TITLE}."
        )
    problems = [
        *(["begins with a blank"] if title != title.lstrip() else []),
        *(["ends with a blank"] if title != title.rstrip() else []),
        *(["holds control characters"] if any(unicodedata.category(one) == "Cc" for one in title.strip()) else []),
    ]
    if problems:
        raise InvalidInput(f"{where} {_as_given(title)} {' and '.join(problems)}. Take that out of the title.")
    if not canonical_title(title):
        raise InvalidInput(f"{where} {_spelt(title)} has no visible characters.")
