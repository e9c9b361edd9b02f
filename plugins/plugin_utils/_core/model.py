# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Value types for the service's objects, stream keys and the requested event; parsers for responses and date-times."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
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
    """A session's runtime settings; None means unknown, or not requested."""

    chat_enabled: bool | None = None
    stage_enabled: bool | None = None
    max_join_limit: int | None = None

    def given(self) -> dict[str, bool | int]:
        return {name: value for name, value in settings_values(self).items() if value is not None}


def settings_values(settings: Settings) -> dict[str, bool | int | None]:
    return {name: getattr(settings, name) for name in _SETTINGS}


_SETTINGS = tuple(one.name for one in fields(Settings))


@dataclass(frozen=True)
class Session:
    """A session. ``settings`` are the effective ones, ``overrides`` those set for this session.

    The service may report neither.
    """

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
    def is_scheduled(self) -> bool:
        """A session that is not scheduled has begun."""
        return self.status == "scheduled"

    @property
    def is_current(self) -> bool:
        """Return whether the session is scheduled or live; one of an unknown status is, unless it has ended."""
        if self.status in CURRENT:
            return True
        return self.status not in PAST and self.ended_at is None


@dataclass(frozen=True)
class StreamKey:
    """A stream key and its ingest URLs. ``repr`` contains none of them."""

    stream_key: str = field(repr=False)
    rtmp_url: str | None = field(default=None, repr=False)
    whip_url: str | None = field(default=None, repr=False)

    def completed(self, other: StreamKey | None) -> StreamKey:
        """Return the key with its missing URLs taken from ``other``, if that is the same key."""
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
    """What may be done to existing sessions. ``wait_timeout``: seconds to wait for a session to become live."""

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
    """Parse a RoomResponse of the contract; return None if it has no usable id."""
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
    """Parse a SessionResponse of the contract; return None if it has no usable id.

    Every other field may be absent. Without ``status``, a session with ``ended_at`` is ended, one with ``started_at``
    is live, any other is scheduled (contract, "What decides the design").
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
    """Return each setting from the first field that has it; ``forms`` are the field names, such as ``effective_{}``."""
    known: dict[str, Any] = {}
    for name in _SETTINGS:
        found = (data.get(form.format(name)) for form in forms)
        # In Python, a bool is an int.
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
    """Return an id that is safe in a path, a message and the ledger; None for any other value."""
    value = _text(data, key)
    return value if value is not None and is_plain_id(value) else None


_DATE_TIME = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt \t]+(\d{2}:\d{2}):(\d{2})(?:\.(\d+))?\s*([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)


def parse_instant(text: str) -> datetime:
    """Parse a date-time with an offset and convert it to UTC; raise ValueError for any other text.

    The format is RFC 3339, with the variants of YAML: blanks around the text or in the place of ``T``, and lower-case
    letters. A leap second becomes the next second (RFC 3339, section 5.6). Digits beyond microseconds are dropped.
    ``fromisoformat`` alone accepts more (weeks, missing seconds) and, in Python 3.10, less (no ``Z``, no fractions of
    other lengths).
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
    """Return an instant in the form in which it is sent: UTC, ``Z``, a fraction without trailing zeros.

    YAML parses an unquoted date-time into a ``datetime``. Raise ValueError if there is no offset.
    """
    instant = parse_instant(value.isoformat() if isinstance(value, datetime) else value)
    fraction = f".{instant.microsecond:06d}".rstrip("0") if instant.microsecond else ""
    return f"{instant.replace(microsecond=0, tzinfo=None).isoformat()}{fraction}Z"
