# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""The calls that change the service, as data: what a plan is made of and what apply runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from .._core.comparison import Difference, settings_field
from .._core.model import Room, RoomSpec, Session, SessionSpec
from .._service.api import (
    ROOMS_PATH,
    end_path,
    go_live_path,
    reschedule_path,
    room_path,
    session_path,
    sessions_path,
    settings_path,
)

Action = Literal[
    "create_room",
    "update_room",
    "delete_room",
    "create_session",
    "delete_session",
    "end_session",
    "reschedule_session",
    "update_settings",
    "go_live",
]
# What stands in a path while its room or session is still to be created.
UNKNOWN_ROOM_ID = "{room_id}"
UNKNOWN_SESSION_ID = "{session_id}"


@dataclass(frozen=True)
class Step:
    """One call that changes the service.

    ``session`` is the one that it concerns, as it was when the plan was made, where there is one: what is deleted or
    ended is looked at again first. ``row_id`` names the ledger's row that counts the request without an answer which
    created it. ``values`` are the fields that it sends, by their names in ``comparison``.
    """

    action: Action
    room: str
    title: str | None
    method: str
    path: str
    reason: str
    body: Mapping[str, Any] | None = None
    session: Session | None = None
    row_id: int | None = None
    values: Mapping[str, Any] | None = None


def room_creation(name: str, spec: RoomSpec, reason: str) -> Step:
    body = without_none({"title": spec.title, "description": spec.description, "analytics": spec.analytics})
    return Step("create_room", name, None, "POST", ROOMS_PATH, reason, body)


def room_update(room: Room, body: Mapping[str, Any], values: Mapping[str, Any], reason: str) -> Step:
    return Step("update_room", room.title, None, "PATCH", room_path(room.id), reason, body, values=values)


def room_removal(name: str, room: Room, reason: str) -> Step:
    return Step("delete_room", name, None, "DELETE", room_path(room.id), reason)


def creation(room: str, room_id: str | None, spec: SessionSpec, reason: str, replaces: Session | None = None) -> Step:
    path = sessions_path(room_id or UNKNOWN_ROOM_ID)
    return Step("create_session", room, spec.title, "POST", path, reason, creation_body(spec), replaces)


def creation_body(spec: SessionSpec) -> dict[str, Any]:
    """Return a CreateSessionRequest of the contract with only what was asked for."""
    return without_none(
        {
            "title": spec.title,
            "preset_id": spec.preset_id,
            "description": spec.description,
            "mode": spec.mode,
            "scheduled_start_time": spec.scheduled_start_time,
        }
    )


def removal(room: str, session: Session, reason: str, row_id: int | None = None) -> Step:
    """A scheduled session is deleted; one that has begun is ended, because past sessions keep their history."""
    if session.status == "scheduled":
        path = session_path(session.id)
        return Step("delete_session", room, session.title, "DELETE", path, reason, session=session, row_id=row_id)
    return ending(room, session, f"{reason}, and it is {session.status}")


def ending(room: str, session: Session, reason: str) -> Step:
    return Step("end_session", room, session.title, "POST", end_path(session.id), reason, session=session)


def reschedule(room: str, session: Session, wanted: str, reason: str) -> Step:
    body, path = {"scheduled_start_time": wanted}, reschedule_path(session.id)
    return Step("reschedule_session", room, session.title, "PATCH", path, reason, body, session, values=body)


def settings_update(room: str, title: str, session: Session | None, settings: Mapping[str, Any], reason: str) -> Step:
    path = settings_path(session.id if session else UNKNOWN_SESSION_ID)
    values = {settings_field(name): value for name, value in settings.items()}
    return Step("update_settings", room, title, "PATCH", path, reason, settings, session, values=values)


def going_live(room: str, title: str, session: Session | None, reason: str) -> Step:
    path = go_live_path(session.id if session else UNKNOWN_SESSION_ID)
    return Step("go_live", room, title, "POST", path, reason, session=session)


def reason_of(differences: Sequence[Difference]) -> str:
    return "; ".join(difference.text() for difference in differences)


def without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
