# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Answers questions about rooms and sessions. Changes nothing, anywhere: a missing ledger is not made."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from .._ansible.event_options import checked_uuid
from .._ansible.options import connection_from, ledger_settings_from
from .._core.errors import InvalidInput, ServiceError, WebinarError
from .._core.model import Session, session_from_answer
from .._core.plain_text import same_title
from .._core.secrecy import Redactor
from .._ledger import location
from .._ledger.lease_owner import new_owner
from .._ledger.location import LedgerSettings
from .._ledger.store import open_ledger
from .._service.api import WebinarApi
from .._service.details import room_details, session_details, without_secrets
from .._service.transport import Connection, Transport


@dataclass(frozen=True)
class _Found:
    """A session as the service wrote it, as it was read, and the title of its room where another answer told it."""

    answer: Mapping[str, Any]
    session: Session
    room_title: str | None = None


def room_info(options: Mapping[str, Any], redactor: Redactor) -> dict[str, Any]:
    """Return the result of the action ``room_info``; what is not there is an empty list."""
    room_id = checked_uuid(options.get("room_id"), "room_id")
    title = options.get("title")
    if room_id is not None and title is not None:
        raise InvalidInput("Give room_id or title, not both: an id names one room already.")
    connection = connection_from(options, redactor)
    with closing(Transport(connection, redactor)) as transport:
        api = WebinarApi(transport)
        if room_id is not None:
            room = api.described_room(room_id)
            rooms = [room] if room else []
        else:
            rooms = [*api.described_rooms(mine=options["scope"] == "mine")]
    described = [room_details(room, redactor) for room in rooms]
    named = [room for room in described if title is None or _is_title(room["title"], title)]
    shown: dict[str, Any] = redactor.value({"changed": False, "rooms": named})
    return shown


def session_info(options: Mapping[str, Any], redactor: Redactor) -> dict[str, Any]:
    """Return the result of the action ``session_info``; what is not there is an empty list."""
    _check_question(options)
    connection = connection_from(options, redactor)
    ledger_settings = ledger_settings_from(options, os.environ)
    result: dict[str, Any] = {"changed": False}
    with closing(Transport(connection, redactor)) as transport:
        api = WebinarApi(transport)
        with ThreadPoolExecutor(max_workers=connection.concurrency) as pool:
            found = _wanted(options, _find_sessions(api, options, pool))
            health = _stream_health(api, found, pool) if options["stream_health"] else {}
        if options["statistics"]:
            result["statistics"] = without_secrets(_mapping_or_empty(api.statistics()), redactor)
    fingerprints = _fingerprints(ledger_settings, connection, found, redactor)
    result["sessions"] = [
        {
            **session_details(one.answer, one.session, one.room_title),
            **_shown_health(options, health.get(one.session.id), redactor),
            "stream_key_available": one.session.id.lower() in fingerprints,
            "stream_key_fingerprint": fingerprints.get(one.session.id.lower()),
        }
        for one in found
    ]
    unanswered = [session for session in result["sessions"] if session.get("stream_health_error")]
    if unanswered:
        result["warnings"] = [
            f"{session['room']}/{session['title']}: the stream's health is not known: {session['stream_health_error']}"
            for session in unanswered
        ]
    # Last, because reading the ledger and the pass-through data has taught it what is secret.
    shown: dict[str, Any] = redactor.value(result)
    return shown


def _check_question(options: Mapping[str, Any]) -> None:
    named = [name for name in ("session_id", "room_id", "room") if options.get(name) is not None]
    if len(named) > 1:
        raise InvalidInput(f"Give only one of session_id, room_id and room, not {' and '.join(named)}.")
    for name in ("session_id", "room_id"):
        checked_uuid(options.get(name), name)
    if options["live"] and options.get("status"):
        raise InvalidInput("live: true asks for the sessions that are live already. Leave out status, or live.")
    if options["live"] and options.get("session_id") is not None:
        raise InvalidInput("live and session_id are given. Use status: [live] to ask whether one session is live.")


def _find_sessions(api: WebinarApi, options: Mapping[str, Any], pool: ThreadPoolExecutor) -> list[_Found]:
    """Return the sessions that the question may be about, read with as few calls as it allows."""
    mine = options["scope"] == "mine"
    session_id = checked_uuid(options.get("session_id"), "session_id")
    room_id = checked_uuid(options.get("room_id"), "room_id")
    if session_id is not None:
        answer = api.described_session(session_id)
        return _read([answer] if answer else [])
    if options["live"] or not mine:
        public = _read(api.live_sessions() if options["live"] else api.described_sessions())
        if room_id is not None or not mine:
            return public
        titles = {room["id"]: room.get("title") for room in api.described_rooms(mine=True)}
        return [
            _Found(one.answer, one.session, titles[one.session.room_id])
            for one in public
            if one.session.room_id in titles
        ]
    if room_id is not None:
        room = api.described_room(room_id)
        rooms = [{"id": room_id, **room}] if room else []
    else:
        title = options.get("room")
        rooms = [
            room for room in api.described_rooms(mine=True) if title is None or _is_title(room.get("title"), title)
        ]
    listed = pool.map(lambda room: _read(_sessions_of(api, room["id"]), room), rooms)
    return [one for sessions in listed for one in sessions]


def _sessions_of(api: WebinarApi, room_id: str) -> list[dict[str, Any]]:
    try:
        return api.described_sessions(room_id)
    except ServiceError as error:
        if error.status == 404:
            # Deleted since the rooms were read.
            return []
        if error.status == 403:
            raise InvalidInput(f"{error} With scope: all, the public sessions of anybody's room are read.") from None
        raise


def _read(answers: list[Any], room: Mapping[str, Any] | None = None) -> list[_Found]:
    room_title = room.get("title") if room else None
    read = [(answer, session_from_answer(answer)) for answer in answers]
    return [
        _Found(answer, session, room_title if isinstance(room_title, str) else None)
        for answer, session in read
        if session is not None
    ]


def _wanted(options: Mapping[str, Any], found: list[_Found]) -> list[_Found]:
    room_id, title = checked_uuid(options.get("room_id"), "room_id"), options.get("room")
    return [
        one
        for one in found
        if (not options.get("status") or one.session.status in options["status"])
        and (room_id is None or (one.session.room_id or room_id).lower() == room_id)
        and (title is None or _is_title(_room_title(one), title))
    ]


def _is_title(stored: Any, asked: str) -> bool:
    """Compare as the actions that create do: a service may store a title in another spelling."""
    return isinstance(stored, str) and same_title(stored, asked)


def _room_title(one: _Found) -> str | None:
    room = one.answer.get("room")
    title = room.get("title") if isinstance(room, Mapping) else None
    return title if isinstance(title, str) else one.room_title


def _stream_health(api: WebinarApi, found: list[_Found], pool: ThreadPoolExecutor) -> dict[str, Any]:
    """Return, by id of each current session, what the service says of its stream, or why it could not."""

    def ask(session: Session) -> Any:
        try:
            return api.stream_health(session.id)
        except ServiceError as error:
            # A credential that is refused is so for all of them.
            if error.status == 401:
                raise
            return error
        except WebinarError as error:
            return error

    current = [one.session for one in found if one.session.is_current]
    return {session.id: answer for session, answer in zip(current, pool.map(ask, current), strict=True)}


def _shown_health(options: Mapping[str, Any], answer: Any, redactor: Redactor) -> dict[str, Any]:
    if not options["stream_health"]:
        return {}
    if isinstance(answer, WebinarError):
        return {"stream_health": None, "stream_health_error": str(answer)}
    return {"stream_health": without_secrets(answer, redactor), "stream_health_error": None}


def _fingerprints(
    settings: LedgerSettings, connection: Connection, found: list[_Found], redactor: Redactor
) -> dict[str, str | None]:
    """Return, by session id in lower case, the fingerprints of the keys that the ledger holds."""
    if not found or not location.may_exist(settings):
        return {}
    ledger = open_ledger(settings, redactor, new_owner(), writable=False)
    if ledger is None:
        return {}
    with closing(ledger):
        rows = ledger.rows(connection.api_url, sorted({one.session.room_id or "" for one in found}))
        rows = [row for row in rows if row.slot.kind == "session"]
        return {str(row.object_id).lower(): row.fingerprint for row in rows if row.key}


def _mapping_or_empty(data: Any) -> Mapping[str, Any]:
    return data if isinstance(data, Mapping) else {}
