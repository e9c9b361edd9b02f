# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""The actions room_info and session_info: turns their options into queries and what is found into results."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from .._core.errors import InvalidInput, WebinarError
from .._core.secrecy import Redactor
from .._core.user_values import checked_uuid
from .._operations.info import FoundSession, RoomQuery, SessionQuery, find_rooms, find_sessions
from .._service.details import room_details, session_details, without_secrets
from .connection_options import connection_from
from .failure_message import told_once
from .ledger_location import ledger_settings_from


def room_info(options: Mapping[str, Any], redactor: Redactor) -> dict[str, Any]:
    """Return the result of the action ``room_info``. Its list is empty where no room is found."""
    query = _room_query_from(options)
    rooms = find_rooms(query, connection_from(options, redactor), redactor)
    # Masked last: while it reads the service's fields, room_details teaches the redactor secrets.
    details = [room_details(room, redactor) for room in rooms]
    shown: dict[str, Any] = redactor.value({"changed": False, "rooms": details})
    return shown


def session_info(options: Mapping[str, Any], redactor: Redactor) -> dict[str, Any]:
    """Return the result of the action ``session_info``. Its list is empty where no session is found."""
    query = _session_query_from(options)
    connection, ledger_settings = connection_from(options, redactor), ledger_settings_from(options, os.environ)
    found = find_sessions(query, connection, ledger_settings, redactor)
    result: dict[str, Any] = {"changed": False, "sessions": [_entry(one, query, redactor) for one in found.sessions]}
    if query.with_statistics:
        statistics = found.statistics if isinstance(found.statistics, Mapping) else {}
        result["statistics"] = without_secrets(statistics, redactor)
    unknown = [
        {**session, "reason": f"the stream's health is not known: {session['stream_health_error']}"}
        for session in result["sessions"]
        if session.get("stream_health_error")
    ]
    if unknown:
        # Masked first: a warning may cut a text anywhere.
        result["warnings"] = told_once(redactor.value(unknown))
    shown: dict[str, Any] = redactor.value(result)
    return shown


def _room_query_from(options: Mapping[str, Any]) -> RoomQuery:
    room_id, title = checked_uuid(options["room_id"], "room_id"), options["title"]
    if room_id is not None and title is not None:
        raise InvalidInput("Give room_id or title, not both: an id names one room already.")
    return RoomQuery(options["scope"] == "mine", room_id, title)


def _session_query_from(options: Mapping[str, Any]) -> SessionQuery:
    named = [name for name in ("session_id", "room_id", "room") if options[name] is not None]
    if len(named) > 1:
        raise InvalidInput(f"Give only one of session_id, room_id and room, not {' and '.join(named)}.")
    query = SessionQuery(
        mine=options["scope"] == "mine",
        session_id=checked_uuid(options["session_id"], "session_id"),
        room_id=checked_uuid(options["room_id"], "room_id"),
        room_title=options["room"],
        live=options["live"],
        status=tuple(options["status"] or ()),
        with_stream_health=options["stream_health"],
        with_statistics=options["statistics"],
    )
    if query.live and query.status:
        raise InvalidInput("live: true asks for the sessions that are live already. Leave out status, or live.")
    if query.live and query.session_id is not None:
        raise InvalidInput("live and session_id are given. Use status: [live] to ask whether one session is live.")
    return query


def _entry(one: FoundSession, query: SessionQuery, redactor: Redactor) -> dict[str, Any]:
    return {
        **session_details(one.answer, one.session, one.room_title),
        **(_shown_health(one.stream_health, redactor) if query.with_stream_health else {}),
        "stream_key_available": one.has_key,
        "stream_key_fingerprint": one.fingerprint,
    }


def _shown_health(health: Any, redactor: Redactor) -> dict[str, Any]:
    if isinstance(health, WebinarError):
        return {"stream_health": None, "stream_health_error": str(health)}
    return {"stream_health": without_secrets(health, redactor), "stream_health_error": None}
