# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Value types: what the service has, what the ledger keeps, what was asked for, and how answers are read into them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, Literal

from .plain_text import is_plain_id

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
    analytics: Mapping[str, Any] = field(default_factory=dict)
    created_at: str | None = None


@dataclass(frozen=True)
class Settings:
    """A session's runtime settings; None is what is not known, or not asked for."""

    chat_enabled: bool | None = None
    stage_enabled: bool | None = None
    max_join_limit: int | None = None

    def given(self) -> dict[str, bool | int]:
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True)
class Session:
    """``settings`` are those in force, ``overrides`` what was set for this session; the service may report neither."""

    id: str
    room_id: str | None
    title: str
    status: str
    mode: str | None = None
    preset: Preset = field(default_factory=lambda: Preset(None))
    scheduled_start_time: str | None = None
    ended_at: str | None = None
    hls_url: str | None = None
    settings: Settings = field(default_factory=Settings)
    overrides: Settings = field(default_factory=Settings)
    created_at: str | None = None

    @property
    def is_current(self) -> bool:
        """A status that the contract does not know counts as current unless the session has ended."""
        if self.status in CURRENT:
            return True
        return self.status not in PAST and self.ended_at is None


@dataclass(frozen=True)
class StreamKey:
    """A stream key and the addresses that it belongs to; its representation shows none of them."""

    stream_key: str = field(repr=False)
    rtmp_url: str | None = field(default=None, repr=False)
    whip_url: str | None = field(default=None, repr=False)

    def completed(self, other: StreamKey | None) -> StreamKey:
        """Return the same key with the addresses that it lacks taken from another showing of it."""
        if other is None or other.stream_key != self.stream_key:
            return self
        return StreamKey(self.stream_key, self.rtmp_url or other.rtmp_url, self.whip_url or other.whip_url)


@dataclass(frozen=True)
class SessionSpec:
    title: str
    preset_id: str | None = None
    description: str | None = None
    mode: str | None = None
    scheduled_start_time: str | None = None
    encoder: str | None = None
    session_id: str | None = None
    settings: Settings = field(default_factory=Settings)
    state: Literal["present", "live", "ended", "absent"] = "present"


@dataclass(frozen=True)
class RoomSpec:
    title: str | None = None
    room_id: str | None = None
    description: str | None = None
    analytics: Mapping[str, Any] | None = None
    state: Literal["present", "absent"] = "present"
    sessions: tuple[SessionSpec, ...] = ()


@dataclass(frozen=True)
class Policy:
    """What may be done to what exists. ``wait_timeout`` is in seconds, for a session to become live."""

    replace: Literal["scheduled", "never", "live"] = "scheduled"
    on_missing_key: Literal["fail", "replace", "go_live", "ignore"] = "fail"
    purge: bool = False
    wait_timeout: float = 60.0


@dataclass(frozen=True)
class EventSpec:
    rooms: tuple[RoomSpec, ...]
    policy: Policy = field(default_factory=Policy)


def preset_from_answer(data: Any) -> Preset:
    if not isinstance(data, Mapping):
        return Preset(None)
    return Preset(id=_text(data, "id"), name=_text(data, "name"), type=_text(data, "type"))


def room_from_answer(data: Mapping[str, Any]) -> Room | None:
    """Read a RoomResponse of the contract; None where it has no id, without which nothing can be done with it."""
    room_id = _id(data, "id")
    if room_id is None:
        return None
    analytics = data.get("analytics")
    return Room(
        id=room_id,
        title=_text(data, "title") or "",
        host_id=_text(data, "host_id"),
        description=_text(data, "description"),
        analytics=analytics if isinstance(analytics, Mapping) else {},
        created_at=_text(data, "created_at"),
    )


def session_from_answer(data: Mapping[str, Any]) -> Session | None:
    """Read a SessionResponse of the contract; None where it has no id.

    Every field may be absent: without ``status``, ``ended_at`` means ended, else ``started_at`` means live, else
    the session is scheduled (contract, "What decides the design").
    """
    session_id = _id(data, "id")
    if session_id is None:
        return None
    ended_at, started_at = _text(data, "ended_at"), _text(data, "started_at")
    status = _text(data, "status") or ("ended" if ended_at else "live" if started_at else "scheduled")
    room = data.get("room")
    room_id = _id(data, "room_id") or (_id(room, "id") if isinstance(room, Mapping) else None)
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
        settings=_settings_from_answer(data, "effective_{}", "{}_override"),
        overrides=_settings_from_answer(data, "{}_override"),
        created_at=_text(data, "created_at"),
    )


def _settings_from_answer(data: Mapping[str, Any], *forms: str) -> Settings:
    """Read each setting from the first of these fields that reports it."""
    known: dict[str, Any] = {}
    for name in ("chat_enabled", "stage_enabled", "max_join_limit"):
        found = (data.get(form.format(name)) for form in forms)
        # To Python, a bool is an int too.
        known[name] = next(
            (
                value
                for value in found
                if isinstance(value, int) and isinstance(value, bool) != (name == "max_join_limit")
            ),
            None,
        )
    return Settings(**known)


def _text(data: Mapping[str, Any], key: str) -> str | None:
    value = data.get(key)
    return value if isinstance(value, str) and value else None


def _id(data: Mapping[str, Any], key: str) -> str | None:
    """Return an id that can stand in a path, a message and the ledger; what is none is as good as absent."""
    value = _text(data, key)
    return value if value is not None and is_plain_id(value) else None


_DATE_TIME = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt \t]+(\d{2}:\d{2}):(\d{2})(?:\.(\d+))?\s*([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)


def parse_instant(text: str) -> datetime:
    """Parse a date-time with an offset into UTC; raise ValueError for anything else.

    Taken is RFC 3339 and what YAML and people make of it: blanks around it or in the place of ``T``, small letters. A
    leap second is the second after it (RFC 3339, section 5.6); what is finer than a microsecond is dropped.
    ``fromisoformat`` alone takes more (weeks, missing seconds) and, in Python 3.10, less (``Z``, other fractions).
    """
    found = _DATE_TIME.fullmatch(text.strip())
    if found is None:
        raise ValueError("a date-time of RFC 3339 has a date, a time with seconds, and an offset")
    day, clock, second, fraction, offset = found.groups()
    fraction = (fraction or "0")[:6].ljust(6, "0")
    offset = "+00:00" if offset in "Zz" else offset
    leap = timedelta(seconds=1 if second == "60" else 0)
    try:
        instant = datetime.fromisoformat(f"{day}T{clock}:{'59' if leap else second}.{fraction}{offset}")
        return (instant + leap).astimezone(timezone.utc)
    except OverflowError:
        raise ValueError("in UTC this is no date of the years 1 to 9999") from None


def rfc3339(value: str | datetime) -> str:
    """Return the one text of an instant that is sent and compared: UTC, ``Z``, no zeros at the end of a fraction.

    A ``datetime`` is what YAML makes of a date-time without quotes. Raise ValueError where there is no offset.
    """
    instant = parse_instant(value.isoformat() if isinstance(value, datetime) else value)
    fraction = f".{instant.microsecond:06d}".rstrip("0") if instant.microsecond else ""
    return f"{instant.replace(microsecond=0, tzinfo=None).isoformat()}{fraction}Z"
