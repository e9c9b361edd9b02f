# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rooms and sessions as the actions room_info and session_info return them."""

from __future__ import annotations

from typing import Any


def room(number: int = 1, title: str | None = "Main stage", **fields: Any) -> dict[str, Any]:
    return {"id": f"r{number}", "title": title, "description": None, "analytics": {}, **fields}


def session(number: int = 1, title: str = "Keynote", of_room: int = 1, **fields: Any) -> dict[str, Any]:
    return {
        "id": f"{number:08x}-aa",
        "room_id": f"r{of_room}",
        "room": "Main stage",
        "title": title,
        "description": None,
        "status": "scheduled",
        "mode": "rtmp",
        "preset": {"id": "p1", "name": "Stage", "type": "rtmp"},
        "scheduled_start_time": None,
        "started_at": None,
        "viewer_count": 0,
        "hls_url": "https://hls.invalid/index.m3u8",
        "settings": {"chat_enabled": None},
        "stream_key_available": True,
        **fields,
    }


def many(count: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return as many rooms, each with one session."""
    rooms = [room(number, f"Room {number}") for number in range(count)]
    return rooms, [session(number, f"Talk {number}", number) for number in range(count)]
