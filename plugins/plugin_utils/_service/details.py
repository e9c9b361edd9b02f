# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Converts responses about rooms and sessions into the results that users see, without any secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._core.model import Session, settings_values
from .._core.secrecy import Redactor
from .._core.unknown_secrets import is_name_of_ingest, is_name_of_secret, without_unknown_secrets

# Masking a shorter value everywhere would hit ordinary words.
_SHORTEST_MASKED = 12
_MAX_DEPTH = 20


def room_details(room: Mapping[str, Any], redactor: Redactor) -> dict[str, Any]:
    """Return a room's result; ``room`` is a RoomResponse of the contract."""
    host = _mapping(room, "host")
    return {
        "id": _text(room, "id"),
        "title": _text(room, "title"),
        "description": _text(room, "description"),
        "host_id": _text(room, "host_id") or _text(host, "id"),
        "host": _text(host, "username"),
        "analytics": without_secrets(_mapping(room, "analytics"), redactor),
        "active_session_id": _text(room, "active_session_id"),
        "created_at": _text(room, "created_at"),
        "updated_at": _text(room, "updated_at"),
    }


def session_details(answer: Mapping[str, Any], session: Session, room_title: str | None) -> dict[str, Any]:
    """Return a session's result. ``answer`` is a SessionResponse of the contract, ``session`` the same one, parsed."""
    return {
        "id": session.id,
        "room_id": session.room_id,
        "room": _text(_mapping(answer, "room"), "title") or room_title,
        "title": session.title,
        "description": _text(answer, "description"),
        "status": session.status,
        "mode": session.mode,
        "preset": {"id": session.preset.id, "name": session.preset.name, "type": session.preset.type},
        "scheduled_start_time": session.scheduled_start_time,
        "started_at": _text(answer, "started_at"),
        "ended_at": session.ended_at,
        "duration": _count(answer, "duration"),
        "viewer_count": _count(answer, "viewer_count"),
        "max_viewers": _count(answer, "max_viewers"),
        "hls_url": session.hls_url,
        "settings": settings_values(session.settings),
        "created_at": _text(answer, "created_at"),
    }


def without_secrets(value: Any, redactor: Redactor, depth: int = 0, name: str = "") -> Any:
    """Return data of an undocumented shape without fields that could contain a key, a token or an ingest URL.

    ``name`` is the name of the field that contains ``value``. The values of omitted fields are added to ``redactor``,
    so that they are masked elsewhere in the result too. Booleans and null are kept: they are no secrets.
    """
    if isinstance(value, Mapping) and depth < _MAX_DEPTH:
        shown = {}
        for key, item in value.items():
            field = str(key)
            is_plain = item is None or isinstance(item, bool)
            if not is_plain and is_name_of_secret(field):
                _learn_all(item, redactor, depth)
            elif not is_plain and is_name_of_ingest(field):
                # An ingest URL may include its key. Of its inner fields, only the secrets are masked elsewhere.
                without_secrets(item, redactor, depth + 1, field)
            else:
                shown[field] = without_secrets(item, redactor, depth + 1, field)
        return shown
    if isinstance(value, (list, tuple)) and depth < _MAX_DEPTH:
        return [without_secrets(item, redactor, depth + 1, name) for item in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    # In a field for ids, a UUID is an id. Elsewhere it could be a key.
    is_id = name.lower().endswith(("id", "ids"))
    return without_unknown_secrets(value, with_ids=is_id) if isinstance(value, str) else None


def _learn_all(value: Any, redactor: Redactor, depth: int) -> None:
    if isinstance(value, str) and len(value) >= _SHORTEST_MASKED:
        redactor.learn(value)
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else ()
    if depth < _MAX_DEPTH:
        for item in inner:
            _learn_all(item, redactor, depth + 1)


def _mapping(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = data.get(name)
    return value if isinstance(value, Mapping) else {}


def _text(data: Mapping[str, Any], name: str) -> str | None:
    value = data.get(name)
    return value if isinstance(value, str) and value else None


def _count(data: Mapping[str, Any], name: str) -> int | None:
    value = data.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
