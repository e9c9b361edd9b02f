# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The calls that change the service, as data: what a plan is made of and what apply runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from .model import Session, SessionSpec
from .webinar_api import end_path, go_live_path, reschedule_path, session_path, sessions_path, settings_path

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
    """One call that changes the service."""

    action: Action
    room: str
    title: str | None
    method: str
    path: str
    reason: str
    body: Mapping[str, Any] | None = None


def creation(room: str, room_id: str | None, spec: SessionSpec, reason: str) -> Step:
    path = sessions_path(room_id or UNKNOWN_ROOM_ID)
    return Step("create_session", room, spec.title, "POST", path, reason, creation_body(spec))


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


def removal(room: str, session: Session, reason: str) -> Step:
    """A scheduled session is deleted; one that has begun is ended, because past sessions keep their history."""
    if session.status == "scheduled":
        return Step("delete_session", room, session.title, "DELETE", session_path(session.id), reason)
    return ending(room, session, f"{reason}, and it is {session.status}")


def ending(room: str, session: Session, reason: str) -> Step:
    return Step("end_session", room, session.title, "POST", end_path(session.id), reason)


def reschedule(room: str, session: Session, wanted: str, reason: str) -> Step:
    body = {"scheduled_start_time": wanted}
    return Step("reschedule_session", room, session.title, "PATCH", reschedule_path(session.id), reason, body)


def settings_update(room: str, title: str, session_id: str | None, body: Mapping[str, Any], reason: str) -> Step:
    path = settings_path(session_id or UNKNOWN_SESSION_ID)
    return Step("update_settings", room, title, "PATCH", path, reason, body)


def going_live(room: str, title: str, session_id: str | None, reason: str) -> Step:
    return Step("go_live", room, title, "POST", go_live_path(session_id or UNKNOWN_SESSION_ID), reason)


def without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
