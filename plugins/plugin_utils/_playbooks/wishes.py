# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""What an event file asks for, for playbooks that only compare it with the service.

What is malformed is left out. The action that applies the file says what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .._core.plain_text import canonical_title
from .._core.user_values import is_empty

# A room, a session, or an entry of an event file, with Ansible's values in Python's own types.
Entry = Mapping[str, Any]


def entries_of(value: Any) -> list[Entry]:
    """Return the mappings of a list; none where it is no list."""
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, (list, tuple)) else []


def text_of(entry: Entry, name: str) -> str:
    """Return a value as a text without the blanks around it; an empty text where it is not given."""
    value = entry.get(name)
    return "" if is_empty(value) else str(value).strip()


def sessions_of(room: Entry) -> list[Entry]:
    """Return the sessions that a room of an event file asks for."""
    return entries_of(room.get("sessions"))


def titled(wishes: Iterable[Entry]) -> dict[str, Entry]:
    """Return the first one of each title, by the title in canonical form."""
    found: dict[str, Entry] = {}
    for wish in wishes:
        if text_of(wish, "title"):
            found.setdefault(canonical_title(text_of(wish, "title")), wish)
    return found


def by_room(sessions: Iterable[Entry]) -> dict[str, list[Entry]]:
    """Return the service's sessions by the id of their room."""
    found: dict[str, list[Entry]] = {}
    for session in sessions:
        if session.get("room_id"):
            found.setdefault(str(session["room_id"]), []).append(session)
    return found
