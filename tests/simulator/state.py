# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The service: its rooms and sessions, and the rules by which they change. Knows nothing of HTTP."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from uuid import uuid4

from .cleaning import Step, cleaned, cut_time
from .listing import listed
from .records import CURRENT, Json, Publisher, Room, Session, User, new_id, now
from .refusals import conflict, forbidden, invalid, not_found, over_quota, problem
from .seed import Seed, mode_of
from .showing import without
from .validation import Listing

TOKEN_PREFIX = "simlk-"


class Service:
    """All state of one simulator. Every public method may be called from any thread."""

    def __init__(self, seed: Seed) -> None:
        self.lock = threading.RLock()
        self.tastes = seed.tastes
        self.users = seed.users
        self.presets = seed.presets
        self.ingest = seed.ingest
        self.publish_starts_session = seed.publish_starts_session
        # How keys and ingest URLs look; tests of hostile and careless services set other forms.
        self.key_form = seed.ingest.key_form
        self.rtmp_form = seed.ingest.rtmp_url
        self.whip_form = f"{seed.ingest.rtmp_url.replace('rtmp', 'http', 1)}/whip/{{session_id}}"
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

    def user(self, username: str) -> User:
        return next(user for user in self.users if user.username == username)

    def add_user(self, username: str) -> User:
        """Open another account, with credentials of its own, and return it; it is a host of no room yet."""
        api_key, token = (f"sim-{kind}-{secrets.token_hex(12)}" for kind in ("api-key", "token"))
        user = User(new_id(), username, f"{username}@example.com", api_key=api_key, token=token)
        with self.lock:
            self.users = (*self.users, user)
        return user

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
            most = self.tastes.most_rooms
            if most is not None and sum(room.host is user for room in self.rooms.values()) >= most:
                raise over_quota(self.tastes.quota_status, f"The account has all of its {most} rooms.")
            ignored = set(self.tastes.ignored_room_fields) - {"title"}
            room = Room(id=new_id(), host=user, **self._stored(fields, self.tastes.room_titles, ignored))
            self.rooms[room.id] = room
            return room

    def update_room(self, room: Room, fields: Json) -> Room:
        with self.lock:
            stored = self._stored(fields, self.tastes.room_titles, self.tastes.ignored_room_fields)
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
            return listed("rooms", rooms, listing, self.tastes)

    # Sessions

    def create_session(self, room: Room, fields: Json) -> Session:
        with self.lock:
            preset = self.presets.get(fields["preset_id"])
            if preset is None:
                raise invalid([problem("preset_id", "validation_not_found", "No preset has this id")])
            self._require_quota(room.host)
            given = {name: value for name, value in fields.items() if name != "preset_id"}
            given = self._stored(given, self.tastes.session_titles, self.tastes.ignored_session_fields)
            session = Session(**{"id": new_id(), "mode": mode_of(preset), **given, "room": room, "preset": preset})
            session.hls_url = self.ingest.hls_url.format(session_id=session.id)
            self.sessions[session.id] = room.sessions[session.id] = session
            self._key(session)
            return session

    def session_list(self, listing: Listing, room: Room | None = None, status: str | None = None) -> Json:
        with self.lock:
            sessions = self.sessions.values() if room is None else room.sessions.values()
            wanted = [item for item in sessions if status in (None, item.status)]
            return listed("sessions", wanted, listing, self.tastes)

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
        """Put a session on air, at once or in its time; one that is live stays so."""
        with self.lock:
            require_status(session, CURRENT, "started")
            if session.status == "live":
                if self.tastes.start_of_live != 200:
                    raise conflict("The session is already live")
                return
            if session.is_changing:
                return
            self.require_free_air(session)
            if self.tastes.another_key_at_start:
                self.rotate_stream_key(session.id)
            self._after(self.tastes.seconds_until_live, session, self.put_on_air)

    def end(self, session: Session) -> None:
        with self.lock:
            if session.status == "ended" and self.tastes.end_of_ended == 200:
                return
            require_status(session, ("live",), "ended")
            if not session.is_changing:
                self._after(self.tastes.seconds_until_ended, session, self.take_off_air)

    def put_on_air(self, session: Session) -> None:
        """Make a scheduled session live now, as an encoder or the service itself does, whatever the tastes say."""
        with self.lock:
            if session.status == "scheduled":
                session.status = "live"
                session.started_at = session.updated_at = now()

    def take_off_air(self, session: Session) -> None:
        with self.lock:
            if session.status == "live":
                session.status = "ended"
                session.ended_at = session.updated_at = now()
                session.viewer_count = 0

    def require_free_air(self, session: Session) -> None:
        others = (item for item in session.room.sessions.values() if item is not session)
        if self.tastes.one_live_per_room and any(item.status == "live" or item.is_changing for item in others):
            raise conflict("Another session of the room is live")

    def delete_session(self, session: Session) -> None:
        with self.lock:
            if session.status == "live":
                raise conflict("The session is live; end it first")
            self._remove(session)

    def reschedule(self, session: Session, start: datetime) -> None:
        with self.lock:
            require_status(session, ("scheduled",), "rescheduled")
            stored = self._stored({"scheduled_start_time": start}, (), self.tastes.ignored_session_fields)
            session.scheduled_start_time = stored.get("scheduled_start_time", session.scheduled_start_time)
            session.updated_at = now()

    def update_settings(self, session: Session, settings: Json) -> None:
        with self.lock:
            require_status(session, CURRENT, "changed")
            taken = {name: value for name, value in settings.items() if name not in self.tastes.ignored_settings}
            if "max_join_limit" in taken and self.tastes.largest_join_limit is not None:
                taken["max_join_limit"] = min(taken["max_join_limit"], self.tastes.largest_join_limit)
            session.overrides.update(taken)
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
            shown = {"session": session.shown(), "rtmp_url": self._rtmp_url(session), "stream_key": self._key(session)}
            return without(shown, self.tastes.hidden_creation_fields)

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
            if self.tastes.whip_url_shown in ("always", session.preset["type"]):
                shown["whip_url"] = self.whip_form.replace("{session_id}", session.id).replace("{stream_key}", key)
            return without(shown, self.tastes.hidden_start_fields)

    # The ingest

    def session_of_key(self, key: str) -> Session | None:
        with self.lock:
            return self._sessions_by_key.get(key)

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
            session.stream_key = _new_key(self.key_form)
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

    # What a service of some taste does on its own

    def _stored(self, fields: Json, titles: Sequence[Step], ignored: Iterable[str]) -> Json:
        """Return what is kept of a request's fields, in the form in which it is kept."""
        stored = {name: value for name, value in fields.items() if name not in ignored}
        for name, steps in (("title", titles), ("description", self.tastes.descriptions)):
            if name in stored:
                stored[name] = cleaned(stored[name], steps)
        if self.tastes.empty_descriptions_omitted and stored.get("description") == "":
            stored["description"] = None
        if "scheduled_start_time" in stored and not self.tastes.are_strict():
            moment = stored["scheduled_start_time"]
            stored["scheduled_start_time"] = cut_time(moment, self.tastes.time_precision, self.tastes.times_rounded)
        return stored

    def _require_quota(self, user: User) -> None:
        most = self.tastes.most_sessions
        current = [item for item in self.sessions.values() if item.room.host is user and item.status in CURRENT]
        if most is not None and len(current) >= most:
            raise over_quota(self.tastes.quota_status, f"The account has all of its {most} sessions.")

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
        self._forget_key(session)
        del self.sessions[session.id]
        del session.room.sessions[session.id]


def require_status(session: Session, statuses: Iterable[str], done: str) -> None:
    if session.status not in statuses:
        raise conflict(f"A session that is {session.status} cannot be {done}")


def _same(known: str, offered: str) -> bool:
    return secrets.compare_digest(known.encode(), offered.encode("utf-8", "surrogateescape"))


def _new_key(form: str) -> str:
    digits = secrets.token_hex(24)
    hyphenated = "-".join(digits[start : start + 4] for start in range(0, 24, 4))
    return form.replace("{random}", digits).replace("{hyphenated}", hyphenated).replace("{uuid}", str(uuid4()))
