# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The service's dashboard: changes rooms and sessions without a request of the client."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from .cleaning import cleaned
from .records import Json, Room, Session
from .validation import date_time

if TYPE_CHECKING:
    from .state import Service

# A function of the service (in the test's process), or an object such as {"do": "go_live", "session": ID}.
Change = Callable[["Service"], object] | Mapping[str, Any]
Found = TypeVar("Found", Room, Session)


class Dashboard:
    """The actions of the dashboard. Rooms and sessions are given as objects, by id or by title (then the newest one).

    Actions are not in the journal, and take effect at once in any state.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    def create_room(self, title: str, host: str | None = None, description: str | None = None) -> Room:
        """Create a room. ``host`` is a user name; without one, the room belongs to the first user."""
        user = self._service.users[0] if host is None else self._service.user(host)
        return self._service.create_room(user, _given(title=title, description=description))

    def rename_room(self, room: Room | str, title: str) -> Room:
        return self._service.update_room(self._room(room), {"title": title})

    def describe_room(self, room: Room | str, description: str) -> Room:
        return self._service.update_room(self._room(room), {"description": description})

    def delete_room(self, room: Room | str) -> None:
        """Delete a room with all its sessions, including live ones."""
        found = self._room(room)
        with self._service.lock:
            for session in found.sessions.values():
                self._service.take_off_air(session)
            self._service.delete_room(found)

    def create_session(
        self,
        room: Room | str,
        title: str,
        preset_id: str | None = None,
        *,
        live: bool = False,
        description: str | None = None,
        mode: str | None = None,
        scheduled_start_time: str | None = None,
    ) -> Session:
        """Create a session. Without ``preset_id``, it has the first preset."""
        fields = _given(title=title, description=description, mode=mode)
        fields["preset_id"] = preset_id or next(iter(self._service.presets))
        if scheduled_start_time is not None:
            fields["scheduled_start_time"] = date_time(scheduled_start_time)
        with self._service.lock:
            session = self._service.create_session(self._room(room), fields)
            if live:
                self._service.put_on_air(session)
            return session

    def rename_session(self, session: Session | str, title: str) -> None:
        steps = self._service.variant.session_titles
        self._session(session).title = cleaned(title, steps)

    def delete_session(self, session: Session | str) -> None:
        """Delete a session in any state."""
        found = self._session(session)
        with self._service.lock:
            self._service.take_off_air(found)
            self._service.delete_session(found)

    def go_live(self, session: Session | str) -> None:
        self._service.put_on_air(self._session(session))

    def end(self, session: Session | str) -> None:
        self._service.take_off_air(self._session(session))

    def expire(self, session: Session | str) -> None:
        self._session(session).status = "expired"

    def reschedule(self, session: Session | str, scheduled_start_time: str) -> None:
        self._service.reschedule(self._session(session), date_time(scheduled_start_time))

    def change_settings(self, session: Session | str, **settings: bool | int) -> None:
        self._service.update_settings(self._session(session), settings)

    def rotate_key(self, session: Session | str) -> None:
        self._service.rotate_stream_key(self._session(session).id)

    def _room(self, room: Room | str) -> Room:
        return room if isinstance(room, Room) else _newest(self._service.rooms.values(), room, "room")

    def _session(self, session: Session | str) -> Session:
        return session if isinstance(session, Session) else _newest(self._service.sessions.values(), session, "session")


class ChangeError(ValueError):
    """A change with an unknown action or wrong arguments."""


def change_from(data: object) -> Change:
    """Return a checked change; raise ChangeError. Only make_change checks that its room or session exists."""
    if callable(data):
        return data
    if not isinstance(data, Mapping):
        raise ChangeError("a change must be an object with do and its arguments")
    known = [name for name, _function in inspect.getmembers(Dashboard, inspect.isfunction) if not name.startswith("_")]
    if data.get("do") not in known:
        raise ChangeError(f"do: {data.get('do')!r} is unknown; known: {', '.join(known)}")
    try:
        inspect.signature(getattr(Dashboard, data["do"])).bind(None, **_arguments(data))
    except TypeError as error:
        raise ChangeError(f"do: {data['do']}: {error}") from None
    return data


def make_change(change: Change, service: Service) -> object:
    """Make a change; raise LookupError if its room or session does not exist, Refusal if the service refuses it."""
    if callable(change):
        with service.lock:
            return change(service)
    return getattr(Dashboard(service), change["do"])(**_arguments(change))


def _arguments(change: Mapping[str, Any]) -> Json:
    return {str(name): value for name, value in change.items() if name != "do"}


def _given(**fields: str | None) -> Json:
    return {name: value for name, value in fields.items() if value is not None}


def _newest(items: Iterable[Found], wanted: str, kind: str) -> Found:
    found: Found | None = None
    for item in items:
        if item.id == wanted:
            return item
        found = item if item.title == wanted else found
    if found is None:
        raise LookupError(f"no {kind} has the id or title {wanted!r}")
    return found
