# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The state of the service: its rooms and sessions, and the rules of their changes. It does not know HTTP."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from datetime import datetime

from .accounts import new_user, user_named, with_new_credentials
from .keys import Keys
from .listing import listed
from .records import CURRENT, Json, Room, Session, User, new_id, now
from .refusals import conflict, forbidden, invalid, not_found, problem
from .seed import Seed, mode_of
from .showing import start_answer, without
from .storing import require_quota, stored_fields, stored_settings
from .validation import Listing


class Service:
    """All state of one simulator. Every public method may be called from any thread."""

    def __init__(self, seed: Seed) -> None:
        self.lock = threading.RLock()
        self.variant = seed.variant
        self.users = seed.users
        self.presets = seed.presets
        self.ingest = seed.ingest
        self.publish_starts_session = seed.publish_starts_session
        # Templates of keys and ingest URLs. Tests of hostile services change them.
        self.key_form = seed.ingest.key_form
        self.rtmp_form = seed.ingest.rtmp_url
        self.whip_form = f"{seed.ingest.rtmp_url.replace('rtmp', 'http', 1)}/whip/{{session_id}}"
        self.rooms: dict[str, Room] = {room.id: room for room in seed.rooms}
        self.sessions: dict[str, Session] = {
            session.id: session for room in seed.rooms for session in room.sessions.values()
        }
        self._keys = Keys()

    # For tests

    def issued_keys(self) -> list[str]:
        with self.lock:
            return list(self._keys.issued)

    def issued_tokens(self) -> list[str]:
        with self.lock:
            return list(self._keys.issued_tokens)

    def stream_key_of(self, session_id: str) -> str:
        with self.lock:
            return self._key(self.session(session_id))

    def known_keys(self, id_of_any: str) -> list[str]:
        """Return the issued keys of a session, or of the sessions of a room."""
        with self.lock:
            sessions = [item for item in self.sessions.values() if id_of_any in (item.id, item.room.id)]
            return [item.stream_key for item in sessions if item.stream_key is not None]

    def rotate_stream_key(self, session_id: str) -> str:
        """Give a session a new key; the old one is no longer accepted."""
        with self.lock:
            session = self.session(session_id)
            self._keys.forget(session)
            # Otherwise the publisher with the old key would block the new one until it times out.
            session.publisher = None
            return self._key(session)

    # Accounts

    def user(self, username: str) -> User:
        return user_named(self.users, username)

    def add_user(self, username: str) -> User:
        """Add an account with new credentials and without rooms, and return it."""
        with self.lock:
            if any(user.username == username for user in self.users):
                raise ValueError(f"the user {username!r} exists already")
            self.users = (*self.users, new_user(username))
            return self.users[-1]

    def change_credentials(self, username: str) -> User:
        """Give an account a new API key and token; the old ones are no longer accepted. It keeps its rooms."""
        with self.lock:
            old = self.user(username)
            new = with_new_credentials(old)
            self.users = tuple(new if user is old else user for user in self.users)
            for room in self.rooms.values():
                room.host = new if room.host is old else room.host
            return new

    # Look-up by id

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
            variant = self.variant
            require_quota("rooms", variant.most_rooms, user, self.rooms.values(), variant)
            ignored = set(variant.ignored_room_fields) - {"title"}
            room = Room(id=new_id(), host=user, **stored_fields(fields, variant, variant.room_titles, ignored))
            self.rooms[room.id] = room
            return room

    def update_room(self, room: Room, fields: Json) -> Room:
        with self.lock:
            variant = self.variant
            stored = stored_fields(fields, variant, variant.room_titles, variant.ignored_room_fields)
            for name, value in stored.items():
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
            return listed("rooms", rooms, listing, self.variant)

    # Sessions

    def create_session(self, room: Room, fields: Json) -> Session:
        with self.lock:
            preset = self.presets.get(fields["preset_id"])
            if preset is None:
                raise invalid([problem("preset_id", "validation_not_found", "No preset has this id")])
            variant = self.variant
            require_quota("sessions", variant.most_sessions, room.host, self.rooms.values(), variant)
            given = {name: value for name, value in fields.items() if name != "preset_id"}
            given = stored_fields(given, variant, variant.session_titles, variant.ignored_session_fields)
            session = Session(**{"id": new_id(), "mode": mode_of(preset), **given, "room": room, "preset": preset})
            session.hls_url = self.ingest.hls_url.format(session_id=session.id)
            self.sessions[session.id] = room.sessions[session.id] = session
            self._key(session)
            return session

    def session_list(self, listing: Listing, room: Room | None = None, status: str | None = None) -> Json:
        with self.lock:
            sessions = self.sessions.values() if room is None else room.sessions.values()
            wanted = [item for item in sessions if status in (None, item.status)]
            return listed("sessions", wanted, listing, self.variant)

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
        """Make a session live, at once or after the delay of the variant."""
        with self.lock:
            require_status(session, CURRENT, "started")
            if session.status == "live":
                if self.variant.start_of_live != 200:
                    raise conflict("The session is already live")
                return
            if session.is_changing:
                return
            self.require_free_air(session)
            if self.variant.another_key_at_start:
                self.rotate_stream_key(session.id)
            self._after(self.variant.seconds_until_live, session, self.put_on_air)

    def end(self, session: Session) -> None:
        with self.lock:
            if session.status == "ended" and self.variant.end_of_ended == 200:
                return
            require_status(session, ("live",), "ended")
            if not session.is_changing:
                self._after(self.variant.seconds_until_ended, session, self.take_off_air)

    def put_on_air(self, session: Session) -> None:
        """Make a scheduled session live at once, without the checks and the delay of ``start``."""
        with self.lock:
            if session.status == "scheduled":
                session.is_changing = False
                session.status = "live"
                session.started_at = session.updated_at = now()

    def take_off_air(self, session: Session) -> None:
        with self.lock:
            if session.status == "live":
                session.is_changing = False
                session.status = "ended"
                session.ended_at = session.updated_at = now()
                session.viewer_count = 0

    def require_free_air(self, session: Session) -> None:
        others = (item for item in session.room.sessions.values() if item is not session)
        if self.variant.one_live_per_room and any(item.status == "live" or item.is_changing for item in others):
            raise conflict("Another session of the room is live")

    def delete_session(self, session: Session) -> None:
        with self.lock:
            if session.status == "live":
                raise conflict("The session is live; end it first")
            self._remove(session)

    def reschedule(self, session: Session, start: datetime) -> None:
        with self.lock:
            require_status(session, ("scheduled",), "rescheduled")
            asked = {"scheduled_start_time": start}
            stored = stored_fields(asked, self.variant, (), self.variant.ignored_session_fields)
            session.scheduled_start_time = stored.get("scheduled_start_time", session.scheduled_start_time)
            session.updated_at = now()

    def update_settings(self, session: Session, settings: Json) -> None:
        with self.lock:
            require_status(session, CURRENT, "changed")
            session.overrides.update(stored_settings(settings, self.variant))
            session.updated_at = now()

    def join(self, session: Session) -> Json:
        with self.lock:
            require_status(session, ("live",), "joined")
            self.add_viewer(session)
            return {"livekit_token": self._keys.new_token(), "room_name": session.id}

    def monitor(self, session: Session) -> Json:
        with self.lock:
            require_status(session, CURRENT, "monitored")
            return {"livekit_token": self._keys.new_token(), "room_name": session.id}

    def add_viewer(self, session: Session) -> None:
        with self.lock:
            session.viewer_count += 1
            session.max_viewers = max(session.max_viewers, session.viewer_count)

    def remove_viewer(self, session: Session) -> None:
        with self.lock:
            session.viewer_count = max(0, session.viewer_count - 1)

    # Responses with secrets: only those to creating, starting and going live

    def creation_shown(self, session: Session) -> Json:
        with self.lock:
            shown = {"session": session.shown(), "rtmp_url": self._rtmp_url(session), "stream_key": self._key(session)}
            return without(shown, self.variant.hidden_creation_fields)

    def start_shown(self, session: Session) -> Json:
        with self.lock:
            key = self._key(session)
            shown = start_answer(session, key, self._rtmp_url(session), self._keys.new_token())
            if self.variant.whip_url_shown in ("always", session.preset["type"]):
                shown["whip_url"] = self.whip_form.replace("{session_id}", session.id).replace("{stream_key}", key)
            return without(shown, self.variant.hidden_start_fields)

    def session_of_key(self, key: str) -> Session | None:
        with self.lock:
            return self._keys.session_of(key)

    # Helpers

    def _key(self, session: Session) -> str:
        return self._keys.of(session, self.key_form)

    def _rtmp_url(self, session: Session) -> str:
        return self.rtmp_form.replace("{stream_key}", self._key(session))

    def _after(self, seconds: float, session: Session, change: Callable[[Session], None]) -> None:
        if not seconds:
            change(session)
            return
        session.is_changing = True
        timer = threading.Timer(seconds, self._change_late, (session, change))
        timer.daemon = True
        timer.start()

    def _change_late(self, session: Session, change: Callable[[Session], None]) -> None:
        with self.lock:
            session.is_changing = False
            if self.sessions.get(session.id) is session:
                change(session)

    def _remove(self, session: Session) -> None:
        self._keys.forget(session)
        del self.sessions[session.id]
        del session.room.sessions[session.id]


def require_status(session: Session, statuses: Iterable[str], done: str) -> None:
    if session.status not in statuses:
        raise conflict(f"A session that is {session.status} cannot be {done}")
