# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of the actions, as what is asked for: rooms, sessions and the policy for what exists."""

from __future__ import annotations

import re
import unicodedata
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .errors import InvalidInput
from .model import EventSpec, Policy, RoomSpec, SessionSpec, Settings, rfc3339
from .options import LARGEST_NUMBER
from .plain_text import quoted_id

SHORTEST_TITLE = 3
LONGEST_TITLE = 255


def event_from(options: Mapping[str, Any]) -> EventSpec:
    """Read and check the options of the action ``event``."""
    rooms = tuple(
        _room_from(_overruled(room, options["state"]), f"rooms[{index}]") for index, room in enumerate(options["rooms"])
    )
    names = [room.room_id or room.title for room in rooms]
    for name in names:
        if names.count(name) > 1:
            raise InvalidInput(f"rooms: '{name}' stands in the list twice. Join its sessions in one entry.")
    return EventSpec(rooms, _policy_from(options))


def _overruled(room: Mapping[str, Any], state: str) -> dict[str, Any]:
    """Return a room's options with the event's own state put in: ``live`` leaves alone what is not to be there."""
    if state == "present":
        return dict(room)
    stays = ("ended", "absent") if state == "live" else ()
    sessions = [session if session["state"] in stays else {**session, "state": state} for session in room["sessions"]]
    return {**room, "sessions": sessions}


def _policy_from(options: Mapping[str, Any]) -> Policy:
    wait_timeout = float(options["wait_timeout"])
    if not 0 <= wait_timeout <= LARGEST_NUMBER:
        raise InvalidInput(f"wait_timeout is {wait_timeout:g}; it must be from 0 to {LARGEST_NUMBER}.")
    return Policy(
        replace=options["replace"],
        on_missing_key=options["on_missing_key"],
        purge=bool(options.get("purge")),
        wait_timeout=wait_timeout,
    )


def event_of_room_from(options: Mapping[str, Any]) -> EventSpec:
    """Read and check the options of the action ``room``: an event of one room without sessions.

    Given both, ``room_id`` names the room and ``title`` is the title that it is to have.
    """
    title, room_id = options.get("title"), options.get("room_id")
    if title is None and room_id is None:
        raise InvalidInput("Give title or room_id of the room.")
    named = {**options, "sessions": [], "title": None if room_id else title}
    room = _room_from(named, "")
    if title is not None:
        _check_title(title, "title")
    return EventSpec((replace(room, title=title),))


def event_of_one_from(options: Mapping[str, Any]) -> EventSpec:
    """Read and check the options of the action ``session``: an event of one room and one session."""
    if (options.get("room") is None) == (options.get("room_id") is None):
        raise InvalidInput("Give either room (a title) or room_id.")
    room = {"title": options.get("room"), "room_id": options.get("room_id"), "sessions": [options]}
    return EventSpec((_room_from(room, "", title_option="room"),), _policy_from(options))


def _room_from(options: Mapping[str, Any], where: str, title_option: str = "title") -> RoomSpec:
    title, room_id = options.get("title"), options.get("room_id")
    prefix = f"{where}." if where else ""
    if (title is None) == (room_id is None):
        raise InvalidInput(f"{where}: give either title or room_id of the room.")
    if title is not None:
        _check_title(title, f"{prefix}{title_option}")
    sessions = tuple(
        _session_from(session, f"{prefix}sessions[{index}]." if where else "")
        for index, session in enumerate(options["sessions"])
    )
    titles = [session.title for session in sessions]
    for session_title in titles:
        if titles.count(session_title) > 1:
            raise InvalidInput(
                f"{prefix}sessions: the title '{session_title}' stands in room '{title or room_id}' twice. A title is "
                "what tells the sessions of a room apart: give each its own."
            )
    state: Any = options.get("state") or "present"
    if state == "absent" and any(session.state in ("present", "live") for session in sessions):
        raise InvalidInput(
            f"{prefix}state is absent, and the room '{title or room_id}' is to have sessions. Take the sessions out, "
            "or make them absent too."
        )
    return RoomSpec(
        title=title,
        room_id=checked_uuid(room_id, f"{prefix}room_id"),
        description=options.get("description"),
        analytics=_given(options.get("analytics")),
        state=state,
        sessions=sessions,
    )


def _session_from(options: Mapping[str, Any], prefix: str) -> SessionSpec:
    _check_title(options["title"], f"{prefix}title")
    if options["state"] in ("present", "live") and not options.get("preset_id"):
        raise InvalidInput(f"{prefix}preset_id is missing for session '{options['title']}'. Copy the preset's id.")
    start = options.get("scheduled_start_time")
    if start is not None:
        try:
            start = rfc3339(start)
        except ValueError:
            raise InvalidInput(
                f"{prefix}scheduled_start_time '{start}' is not a date-time of RFC 3339 with an offset, such as "
                "2027-05-04T09:00:00+02:00."
            ) from None
    return SessionSpec(
        title=options["title"],
        preset_id=checked_uuid(options.get("preset_id"), f"{prefix}preset_id"),
        description=options.get("description"),
        mode=options.get("mode"),
        scheduled_start_time=start,
        encoder=options.get("encoder"),
        session_id=checked_uuid(options.get("session_id"), f"{prefix}session_id"),
        settings=_settings_from(options.get("settings") or {}, prefix),
        state=options["state"],
    )


def _settings_from(options: Mapping[str, Any], prefix: str) -> Settings:
    limit = options.get("max_join_limit")
    if limit is not None and limit < 1:
        raise InvalidInput(f"{prefix}settings.max_join_limit is {limit}; it must be at least 1.")
    return Settings(options.get("chat_enabled"), options.get("stage_enabled"), limit)


def _given(value: Any) -> Any:
    """Return nested options without those that were not given, which Ansible fills in as None."""
    if isinstance(value, Mapping):
        return {name: _given(item) for name, item in value.items() if item is not None}
    return value


def _check_title(title: str, where: str) -> None:
    if not SHORTEST_TITLE <= len(title) <= LONGEST_TITLE:
        raise InvalidInput(
            f"{where} '{title[:40]}' has {len(title)} characters; the service takes {SHORTEST_TITLE} to "
            f"{LONGEST_TITLE}."
        )
    if title != title.strip() or any(unicodedata.category(character) == "Cc" for character in title):
        raise InvalidInput(f"{where} '{title[:40].strip()}' begins or ends with a blank, or holds control characters.")


def checked_uuid(value: str | None, where: str) -> str | None:
    if value is None:
        return None
    # Only the usual form: uuid.UUID alone also takes braces, URNs and missing hyphens, which the service may not.
    if not re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", value):
        raise InvalidInput(
            f"{where} {quoted_id(value)} is not a UUID, such as {uuid.UUID(int=0)}. Copy it from the service."
        )
    return value.lower()
