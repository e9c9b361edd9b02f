# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The service's records and their JSON in the schemas of the contract, which never contains a stream key."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any
from uuid import uuid4

CURRENT = ("scheduled", "live")
Json = dict[str, Any]


def now() -> datetime:
    return datetime.now(timezone.utc)


def new_id() -> str:
    return str(uuid4())


class Written(str):
    """A time in the strict service's format, with the moment itself, for variants with another format."""

    moment: datetime


def written(moment: datetime) -> Written:
    """Return a UTC time as RFC 3339 with ``Z``."""
    text = Written(moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"))
    text.moment = moment
    return text


@dataclass(frozen=True)
class User:
    id: str
    username: str
    email: str
    api_key: str = field(repr=False)
    token: str = field(repr=False)
    role: str = "host"
    created_at: datetime = field(default_factory=now)

    def shown(self) -> Json:
        return {
            "id": self.id,
            "email": self.email,
            "username": self.username,
            "role": self.role,
            "is_active": True,
            "created_at": written(self.created_at),
        }


@dataclass
class Publisher:
    """An encoder that the ingest has accepted. ``client`` is the ingest's number of the connection."""

    client: str
    since: datetime
    last_heard: float


@dataclass(eq=False)
class Session:
    id: str
    room: Room
    preset: Json
    title: str
    mode: str
    description: str | None = None
    status: str = "scheduled"
    scheduled_start_time: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    created_at: datetime = field(default_factory=now)
    updated_at: datetime = field(default_factory=now)
    made_at: float = field(default_factory=time.monotonic)
    overrides: dict[str, bool | int] = field(default_factory=dict)
    viewer_count: int = 0
    max_viewers: int = 0
    hls_url: str = ""
    stream_key: str | None = field(default=None, repr=False)
    publisher: Publisher | None = None
    # Going live or ending after a delay.
    is_changing: bool = False

    def shown(self) -> Json:
        shown: Json = {
            "id": self.id,
            "room_id": self.room.id,
            "room": self.room.shown(),
            "preset": self.preset,
            "title": self.title,
            "status": self.status,
            "mode": self.mode,
            "viewer_count": self.viewer_count,
            "max_viewers": self.max_viewers,
            "recording_enabled": bool(self.preset.get("recording_enabled", False)),
            "hls_url": self.hls_url,
            "created_at": written(self.created_at),
            "updated_at": written(self.updated_at),
        }
        if self.description is not None:
            shown["description"] = self.description
        for name in ("scheduled_start_time", "started_at", "ended_at"):
            moment = getattr(self, name)
            if moment is not None:
                shown[name] = written(moment)
        if self.started_at is not None and self.ended_at is not None:
            shown["duration"] = max(0, int((self.ended_at - self.started_at).total_seconds()))
        for name in ("chat_enabled", "stage_enabled", "max_join_limit"):
            if name in self.overrides:
                shown[f"{name}_override"] = self.overrides[name]
            shown[f"effective_{name}"] = self.overrides.get(name, self.preset[name])
        return shown


@dataclass(eq=False)
class Room:
    id: str
    host: User
    title: str
    description: str | None = None
    analytics: Json | None = None
    created_at: datetime = field(default_factory=now)
    updated_at: datetime = field(default_factory=now)
    made_at: float = field(default_factory=time.monotonic)
    sessions: dict[str, Session] = field(default_factory=dict, repr=False)

    def active_session(self) -> Session | None:
        """Return the live session that went live last; a room may have several."""
        live = [session for session in self.sessions.values() if session.status == "live"]
        return max(live, key=lambda session: session.started_at or session.created_at, default=None)

    def shown(self) -> Json:
        shown: Json = {
            "id": self.id,
            "host_id": self.host.id,
            "host": self.host.shown(),
            "title": self.title,
            "created_at": written(self.created_at),
            "updated_at": written(self.updated_at),
        }
        if self.description is not None:
            shown["description"] = self.description
        if self.analytics is not None:
            shown["analytics"] = self.analytics
        active = self.active_session()
        if active is not None:
            shown["active_session_id"] = active.id
        return shown
