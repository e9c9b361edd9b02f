# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Value types: what the service has, what the ledger keeps, what was asked for, and how answers are read into them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Literal

CURRENT = ("scheduled", "live")
PAST = ("ended", "expired")


@dataclass(frozen=True)
class Preset:
    id: str | None
    name: str | None = None
    type: str | None = None


@dataclass(frozen=True)
class Room:
    id: str
    title: str
    host_id: str | None = None
    description: str | None = None


@dataclass(frozen=True)
class Session:
    id: str
    room_id: str | None
    title: str
    status: str
    mode: str | None = None
    preset: Preset = field(default_factory=lambda: Preset(None))
    scheduled_start_time: str | None = None
    ended_at: str | None = None
    hls_url: str | None = None

    @property
    def is_current(self) -> bool:
        """A status that the contract does not know counts as current unless the session has ended."""
        if self.status in CURRENT:
            return True
        return self.status not in PAST and self.ended_at is None


@dataclass(frozen=True)
class StreamKey:
    """A stream key and the address that it belongs to; its representation shows neither."""

    stream_key: str = field(repr=False)
    rtmp_url: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class SessionSpec:
    title: str
    preset_id: str | None = None
    description: str | None = None
    mode: str | None = None
    scheduled_start_time: str | None = None
    encoder: str | None = None
    state: Literal["present", "absent"] = "present"


@dataclass(frozen=True)
class RoomSpec:
    title: str | None = None
    room_id: str | None = None
    description: str | None = None
    sessions: tuple[SessionSpec, ...] = ()


@dataclass(frozen=True)
class EventSpec:
    rooms: tuple[RoomSpec, ...]


def preset_from_answer(data: Any) -> Preset:
    if not isinstance(data, Mapping):
        return Preset(None)
    return Preset(id=_text(data, "id"), name=_text(data, "name"), type=_text(data, "type"))


def room_from_answer(data: Mapping[str, Any]) -> Room | None:
    """Read a RoomResponse of the contract; None where it has no id, without which nothing can be done with it."""
    room_id = _text(data, "id")
    if room_id is None:
        return None
    return Room(
        id=room_id,
        title=_text(data, "title") or "",
        host_id=_text(data, "host_id"),
        description=_text(data, "description"),
    )


def session_from_answer(data: Mapping[str, Any]) -> Session | None:
    """Read a SessionResponse of the contract; None where it has no id.

    Every field may be absent: without ``status``, ``ended_at`` means ended, else ``started_at`` means live, else
    the session is scheduled (contract, "What decides the design").
    """
    session_id = _text(data, "id")
    if session_id is None:
        return None
    ended_at, started_at = _text(data, "ended_at"), _text(data, "started_at")
    status = _text(data, "status") or ("ended" if ended_at else "live" if started_at else "scheduled")
    room = data.get("room")
    room_id = _text(data, "room_id") or (_text(room, "id") if isinstance(room, Mapping) else None)
    return Session(
        id=session_id,
        room_id=room_id,
        title=_text(data, "title") or "",
        status=status,
        mode=_text(data, "mode"),
        preset=preset_from_answer(data.get("preset")),
        scheduled_start_time=_text(data, "scheduled_start_time"),
        ended_at=ended_at,
        hls_url=_text(data, "hls_url"),
    )


def _text(data: Mapping[str, Any], key: str) -> str | None:
    value = data.get(key)
    return value if isinstance(value, str) and value else None


_DATE_TIME = re.compile(r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(?:\.(\d+))?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)


def parse_instant(text: str) -> datetime:
    """Parse an RFC 3339 date-time with any offset into UTC; raise ValueError for anything else.

    ``fromisoformat`` alone takes more (weeks, missing seconds) and, in Python 3.10, less (``Z``, other fractions).
    """
    found = _DATE_TIME.fullmatch(text.strip())
    if found is None:
        raise ValueError("a date-time of RFC 3339 has a date, a time with seconds, and an offset")
    day, clock, fraction, offset = found.groups()
    fraction = (fraction or "0")[:6].ljust(6, "0")
    offset = "+00:00" if offset in "Zz" else offset
    try:
        return datetime.fromisoformat(f"{day}T{clock}.{fraction}{offset}").astimezone(timezone.utc)
    except OverflowError:
        raise ValueError("in UTC this is no date of the years 1 to 9999") from None
