# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""The position of an option as messages show it: ``rooms[2] 'Main stage', sessions[0] 'Keynote'``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._core.plain_text import quoted_id
from .._core.user_values import is_empty
from .option_types import Spec

LONGEST_SHOWN = 40


def of_task(options: Mapping[str, Any], spec: Spec) -> str:
    """Return how messages about a task's own options begin: with the task's room and session."""
    if "preset_id" in spec:
        return of_session(options)
    return of_room(options) if "analytics" in spec else ""


def of_session(options: Mapping[str, Any]) -> str:
    """Return how messages of the action ``session`` begin, such as ``room 'Main stage', session 'Keynote': ``."""
    room = title_of({"title": options.get("room"), "room_id": options.get("room_id")})
    title = title_of({"title": options.get("title")})
    named = [f"{kind}{text}" for kind, text in (("room", room), ("session", title)) if text]
    return f"{', '.join(named)}: " if named else ""


def of_room(options: Mapping[str, Any]) -> str:
    """Return how messages of the action ``room`` begin, such as ``room 'Main stage': ``."""
    room = title_of(options)
    return f"room{room}: " if room else ""


def of_element(option: str, index: int, element: Any) -> str:
    """Return the position of a room or session in its list, with its title: ``rooms[2] 'Main stage'``."""
    return f"{option}[{index}]{title_of(element) if isinstance(element, Mapping) else ''}"


def title_of(options: Mapping[str, Any]) -> str:
    """Return a space and the quoted title of a room or session, or its id; an empty text where it has neither."""
    title, room_id = options.get("title"), options.get("room_id")
    if not is_empty(title) and not isinstance(title, (Mapping, list)):
        text = str(title).strip()
        return f" '{text[:LONGEST_SHOWN]}…'" if len(text) > LONGEST_SHOWN else f" '{text}'"
    quoted = quoted_id(room_id.strip()) if isinstance(room_id, str) and not is_empty(room_id) else "("
    # quoted_id returns a text in brackets for what could be a key. Messages leave that out.
    return "" if quoted.startswith("(") else f" {quoted}"
