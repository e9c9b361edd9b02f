# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The service: its rooms and sessions, and the rules by which they change. Knows nothing of HTTP."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from .records import CURRENT, Json, Publisher, Room, Session, User, new_id, now
from .refusals import conflict, forbidden, invalid, not_found, problem
from .seed import Seed, mode_of
from .validation import Listing

KEY_PREFIX = "sim-"
TOKEN_PREFIX = "simlk-"


class Service:
    """All state of one simulator. Every public method may be called from any thread."""

    def __init__(self, seed: Seed) -> None:
        self.lock = threading.RLock()
        self.users = seed.users
        self.presets = seed.presets
        self.ingest = seed.ingest
        self.publish_starts_session = seed.publish_starts_session
        # How keys and ingest URLs look; tests of hostile and careless services set other forms.
        self.key_form = KEY_PREFIX + "{random}"
        self.rtmp_form = seed.ingest.rtmp_url
        self.rooms: dict[str, Room] = {room.id: room for room in seed.rooms}
        self.sessions: dict[str, Session] = {
            session.id: session for room in seed.rooms for session in room.sessions.values()
        }
        self._sessions_by_key: dict[str, Session] = {}
        self._issued_keys: list[str] = []
        self._issued_tokens: list[str] = []

    # What tests ask

    def issued_keys(self) -> list[str]:
        with self.lock:
            return list(self._issued_keys)

    def issued_tokens(self) -> list[str]:
        with self.lock:
            return list(self._issued_tokens)

    def stream_key_of(self, session_id: str) -> str:
        with self.lock:
            return self._key(self.session(session_id))

    def rotate_stream_key(self, session_id: str) -> str:
        """Give a session another key; the old one is no longer accepted."""
        with self.lock:
            session = self.session(session_id)
            self._forget_key(session)
            # Else the old key's publisher would hold the place against the new one's until it times out.
            session.publisher = None
            return self._key(session)

    # Who and what is meant

    def user_of_token(self, token: str) -> User | None:
        return next((user for user in self.users if _same(user.token, token)), None)

    def user_of_api_key(self, api_key: str) -> User | None:
        return next((user for user in self.users if _same(user.api_key, api_key)), None)

    def room(self, room_id: str) -> Room:
        with self.lock:
            if room_id not in self.rooms:
                raise not_found("Room")
            return self.rooms[room_id]

    def session(self, session_id: str) -> Session:
        with self.lock:
            if session_id not in self.sessions:
                raise not_found("Session")
            return self.sessions[session_id]

    # Rooms

    def create_room(self, user: User, fields: Json) -> Room:
        with self.lock:
            if user.role != "host":
                raise forbidden("Only a host may create a room.")
            room = Room(id=new_id(), host=user, **fields)
            self.rooms[room.id] = room
            return room

    def update_room(self, room: Room, fields: Json) -> Room:
        with self.lock:
            for name, value in fields.items():
                setattr(room, name, value)
            room.updated_at = now()
            return room

    def delete_room(self, room: Room) -> None:
        with self.lock:
            if room.active_session() is not None:
                raise conflict("The room has a live session")
            for session in list(room.sessions.values()):
                self._remove(session)
            del self.rooms[room.id]

    def room_list(self, listing: Listing, host: User | None = None) -> Json:
        with self.lock:
            rooms = [room for room in self.rooms.values() if host is None or room.host is host]
            return _listed("rooms", rooms, listing)

    # Sessions

    def create_session(self, room: Room, fields: Json) -> Session:
        with self.lock:
            preset = self.presets.get(fields["preset_id"])
            if preset is None:
                raise invalid([problem("preset_id", "validation_not_found", "No preset has this id")])
            given = {name: value for name, value in fields.items() if name != "preset_id"}
            session = Session(**{"id": new_id(), "mode": mode_of(preset), **given, "room": room, "preset": preset})
            session.hls_url = self.ingest.hls_url.format(session_id=session.id)
            self.sessions[session.id] = room.sessions[session.id] = session
            self._key(session)
            return session

    def session_list(self, listing: Listing, room: Room | None = None, status: str | None = None) -> Json:
        with self.lock:
            sessions = self.sessions.values() if room is None else room.sessions.values()
            return _listed("sessions", [item for item in sessions if status in (None, item.status)], listing)

    def statistics(self, user: User) -> Json:
        with self.lock:
            statuses = [item.status for item in self.sessions.values() if item.room.host is user]
        return {
            "total_sessions": len(statuses),
            "live_now": statuses.count("live"),
            "scheduled": statuses.count("scheduled"),
            "ended": statuses.count("ended") + statuses.count("expired"),
        }

    def start(self, session: Session) -> None:
        """Put a session on air; one that is live stays so."""
        with self.lock:
            require_status(session, CURRENT, "started")
            if session.status == "scheduled":
                session.status = "live"
                session.started_at = session.updated_at = now()

    def end(self, session: Session) -> None:
        with self.lock:
            require_status(session, ("live",), "ended")
            session.status = "ended"
            session.ended_at = session.updated_at = now()
            session.viewer_count = 0

    def delete_session(self, session: Session) -> None:
        with self.lock:
            if session.status == "live":
                raise conflict("The session is live; end it first")
            self._remove(session)

    def reschedule(self, session: Session, start: datetime) -> None:
        with self.lock:
            require_status(session, ("scheduled",), "rescheduled")
            session.scheduled_start_time = start
            session.updated_at = now()

    def update_settings(self, session: Session, settings: Json) -> None:
        with self.lock:
            require_status(session, CURRENT, "changed")
            session.overrides.update(settings)
            session.updated_at = now()

    def join(self, session: Session) -> Json:
        with self.lock:
            require_status(session, ("live",), "joined")
            self.add_viewer(session)
            return {"livekit_token": self._token(), "room_name": session.id}

    def monitor(self, session: Session) -> Json:
        with self.lock:
            require_status(session, CURRENT, "monitored")
            return {"livekit_token": self._token(), "room_name": session.id}

    def add_viewer(self, session: Session) -> None:
        with self.lock:
            session.viewer_count += 1
            session.max_viewers = max(session.max_viewers, session.viewer_count)

    def remove_viewer(self, session: Session) -> None:
        with self.lock:
            session.viewer_count = max(0, session.viewer_count - 1)

    # What is secret, and shown only by creating, starting and going live

    def creation_shown(self, session: Session) -> Json:
        with self.lock:
            return {"session": session.shown(), "rtmp_url": self._rtmp_url(session), "stream_key": self._key(session)}

    def start_shown(self, session: Session) -> Json:
        with self.lock:
            key = self._key(session)
            shown: Json = {
                "session": session.shown(),
                "livekit_token": self._token(),
                "rtmp": {"ingress_id": f"ingress-{session.id[:8]}", "url": self._rtmp_url(session), "stream_key": key},
                "rtmp_setup": {
                    "server": self._rtmp_url(session),
                    "stream_key": key,
                    "instructions": {
                        "step1": "Choose a custom streaming service in the encoder.",
                        "step2": "Enter the server and the stream key.",
                        "step3": "Start the stream.",
                    },
                },
            }
            if session.preset["type"] == "whip":
                shown["whip_url"] = f"{self.ingest.rtmp_url.replace('rtmp', 'http', 1)}/whip/{session.id}"
            return shown

    # The ingest

    def admit_publisher(self, key: str, client: str) -> Session | None:
        """Return the session that a publisher with this key may feed, now its publisher, or None to refuse it."""
        with self.lock:
            session = self._sessions_by_key.get(key)
            if session is None or session.status not in CURRENT:
                return None
            holder = self.publisher_of(session)
            if holder is not None and holder.client != client:
                return None
            session.publisher = Publisher(client, now(), time.monotonic())
            if self.publish_starts_session:
                self.start(session)
            return session

    def published_session(self, name: str, client: str) -> Session | None:
        """Return the session that this connection publishes to; the ingest may name it by its key or by its id."""
        with self.lock:
            session = self._sessions_by_key.get(name) or self.sessions.get(name)
            if session is None or session.publisher is None or session.publisher.client != client:
                return None
            return session

    def publisher_of(self, session: Session) -> Publisher | None:
        with self.lock:
            publisher = session.publisher
            if publisher and time.monotonic() - publisher.last_heard > self.ingest.publisher_timeout:
                session.publisher = publisher = None
            return publisher

    def stream_health(self, session: Session) -> Json:
        with self.lock:
            publisher = self.publisher_of(session)
            return {
                "publishing": publisher is not None,
                "since": publisher.since.isoformat().replace("+00:00", "Z") if publisher else None,
                "bitrate": None,
                "status": session.status,
                "viewer_count": session.viewer_count,
            }

    # Keys and tokens

    def _key(self, session: Session) -> str:
        if session.stream_key is None:
            session.stream_key = self.key_form.replace("{random}", secrets.token_hex(24))
            self._sessions_by_key[session.stream_key] = session
            self._issued_keys.append(session.stream_key)
        return session.stream_key

    def _rtmp_url(self, session: Session) -> str:
        return self.rtmp_form.replace("{stream_key}", self._key(session))

    def _forget_key(self, session: Session) -> None:
        if session.stream_key is not None:
            del self._sessions_by_key[session.stream_key]
            session.stream_key = None

    def _token(self) -> str:
        token = TOKEN_PREFIX + secrets.token_hex(24)
        self._issued_tokens.append(token)
        return token

    def _remove(self, session: Session) -> None:
        self._forget_key(session)
        del self.sessions[session.id]
        del session.room.sessions[session.id]


def require_status(session: Session, statuses: Iterable[str], done: str) -> None:
    if session.status not in statuses:
        raise conflict(f"A session that is {session.status} cannot be {done}")


def _same(known: str, offered: str) -> bool:
    return secrets.compare_digest(known.encode(), offered.encode("utf-8", "surrogateescape"))


def _listed(name: str, items: list[Any], listing: Listing) -> Json:
    """Return one page, newest first: an item created while a client pages moves the others, as in real services."""
    born_before = time.monotonic() - listing.lag
    visible = [item for item in reversed(items) if not listing.lag or item.made_at <= born_before]
    first = 0 if listing.repeat else (listing.page - 1) * listing.limit
    page = visible if listing.whole else visible[first : first + listing.limit]
    return {
        name: [item.shown() for item in page],
        "total": len(visible),
        "page": listing.page,
        "limit": listing.limit,
    }
