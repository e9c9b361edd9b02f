# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.
"""Where an option stands, as messages say it: ``rooms[2] 'Main stage', sessions[0] 'Keynote'``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._core.plain_text import quoted_id
from .._core.user_values import is_empty
from .option_types import Spec

LONGEST_SHOWN = 40


def of_task(options: Mapping[str, Any], spec: Spec) -> str:
    """Return what the messages about a task's own options begin with: the room and session that it is about."""
    if "preset_id" in spec:
        return of_session(options)
    return of_room(options) if "analytics" in spec else ""


def of_session(options: Mapping[str, Any]) -> str:
    """Return what messages about a session begin with that has a task for itself."""
    room = title_of({"title": options.get("room"), "room_id": options.get("room_id")})
    title = title_of({"title": options.get("title")})
    named = [f"{kind}{text}" for kind, text in (("room", room), ("session", title)) if text]
    return f"{', '.join(named)}: " if named else ""


def of_room(options: Mapping[str, Any]) -> str:
    """Return what messages about a room begin with that has a task for itself."""
    room = title_of(options)
    return f"room{room}: " if room else ""


def of_element(option: str, index: int, element: Any) -> str:
    """Return where in a list a room or session stands, with its title: ``rooms[2] 'Main stage'``."""
    return f"{option}[{index}]{title_of(element) if isinstance(element, Mapping) else ''}"


def title_of(options: Mapping[str, Any]) -> str:
    """Return the title of a room or session, or else its id, with a blank before it; nothing where it has neither."""
    title, room_id = options.get("title"), options.get("room_id")
    if not is_empty(title) and not isinstance(title, (Mapping, list)):
        text = str(title).strip()
        return f" '{text[:LONGEST_SHOWN]}…'" if len(text) > LONGEST_SHOWN else f" '{text}'"
    quoted = quoted_id(room_id.strip()) if isinstance(room_id, str) and not is_empty(room_id) else "("
    # What could be a key in an id's place is told in brackets, and stays out of every message.
    return "" if quoted.startswith("(") else f" {quoted}"
