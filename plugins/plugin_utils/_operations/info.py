# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Reads rooms and sessions. Changes nothing: a missing ledger is not created."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from .._core.errors import InvalidInput, ServiceError, WebinarError
from .._core.model import Session, session_from_answer
from .._core.plain_text import same_title
from .._core.secrecy import Redactor
from .._ledger.lease_owner import new_owner
from .._ledger.location import LedgerSettings, may_exist
from .._service.api import WebinarApi
from .._service.transport import Connection, Transport


@dataclass(frozen=True)
class RoomQuery:
    """Which rooms: the one with ``room_id``, else the account's own (``mine``) or all public ones.

    ``title`` limits them to rooms of this title.
    """

    mine: bool = True
    room_id: str | None = None
    title: str | None = None


@dataclass(frozen=True)
class SessionQuery:
    """Which sessions: the one with ``session_id``, else those of a room, of the account's rooms, or all public ones.

    Ids are in lower case. An empty ``status`` means any. With ``live``, the service's list of live sessions is read.
    """

    mine: bool = True
    session_id: str | None = None
    room_id: str | None = None
    room_title: str | None = None
    live: bool = False
    status: Collection[str] = ()
    with_stream_health: bool = False
    with_statistics: bool = False


@dataclass(frozen=True)
class FoundSession:
    """A session: the service's answer, the Session read from it, and what other answers and the ledger add.

    ``room_title`` is None where no other answer has it. ``stream_health`` is the service's answer about the stream, or
    the WebinarError that it failed with. ``has_key`` says whether the ledger has the stream key.
    """

    answer: Mapping[str, Any]
    session: Session
    room_title: str | None = None
    stream_health: Any = None
    has_key: bool = False
    fingerprint: str | None = None


@dataclass(frozen=True)
class SessionsFound:
    """Sessions, and the service's statistics; None where these were not asked for."""

    sessions: tuple[FoundSession, ...]
    statistics: Any = None


def find_rooms(query: RoomQuery, connection: Connection, redactor: Redactor) -> list[Mapping[str, Any]]:
    """Return the service's answers about the rooms that the query asks for, and that exist."""
    with closing(Transport(connection, redactor)) as transport:
        api = WebinarApi(transport)
        if query.room_id is not None:
            room = api.described_room(query.room_id)
            found = [room] if room else []
        else:
            found = [*api.described_rooms(mine=query.mine)]
    return [room for room in found if query.title is None or _is_title(room.get("title"), query.title)]


def find_sessions(
    query: SessionQuery, connection: Connection, ledger_settings: LedgerSettings, redactor: Redactor
) -> SessionsFound:
    """Return the sessions that the query asks for, and that exist.

    The redactor learns the keys that the ledger has for them.
    """
    with closing(Transport(connection, redactor)) as transport:
        api = WebinarApi(transport)
        with ThreadPoolExecutor(max_workers=connection.concurrency) as pool:
            found = [one for one in _candidates(api, query, pool) if _is_wanted(one, query)]
            if query.with_stream_health:
                found = _with_stream_health(api, found, pool)
        statistics = api.statistics() if query.with_statistics else None
    return SessionsFound(_with_fingerprints(ledger_settings, connection, found, redactor), statistics)


def _candidates(api: WebinarApi, query: SessionQuery, pool: ThreadPoolExecutor) -> list[FoundSession]:
    """Return the sessions that may match the query, read with as few calls as possible."""
    if query.session_id is not None:
        answer = api.described_session(query.session_id)
        return _read([answer] if answer else [])
    if query.live or not query.mine:
        public = _read(api.live_sessions() if query.live else api.described_sessions())
        if query.room_id is not None or not query.mine:
            return public
        titles = {room["id"]: room.get("title") for room in api.described_rooms(mine=True)}
        return [replace(one, room_title=titles[one.session.room_id]) for one in public if one.session.room_id in titles]
    if query.room_id is not None:
        room = api.described_room(query.room_id)
        rooms = [{"id": query.room_id, **room}] if room else []
    else:
        rooms = [
            room
            for room in api.described_rooms(mine=True)
            if query.room_title is None or _is_title(room.get("title"), query.room_title)
        ]
    listed = pool.map(lambda room: _read(_sessions_of(api, room["id"]), room), rooms)
    return [one for sessions in listed for one in sessions]


def _sessions_of(api: WebinarApi, room_id: str) -> list[dict[str, Any]]:
    try:
        return api.described_sessions(room_id)
    except ServiceError as error:
        if error.status == 404:
            # The room was deleted after the list of rooms was read.
            return []
        if error.status == 403:
            raise InvalidInput(f"{error} With scope: all, the public sessions of anybody's room are read.") from None
        raise


def _read(answers: list[Any], room: Mapping[str, Any] | None = None) -> list[FoundSession]:
    room_title = room.get("title") if room else None
    read = [(answer, session_from_answer(answer)) for answer in answers]
    return [
        FoundSession(answer, session, room_title if isinstance(room_title, str) else None)
        for answer, session in read
        if session is not None
    ]


def _is_wanted(one: FoundSession, query: SessionQuery) -> bool:
    return (
        (not query.status or one.session.status in query.status)
        and (query.room_id is None or (one.session.room_id or query.room_id).lower() == query.room_id)
        and (query.room_title is None or _is_title(_room_title(one), query.room_title))
    )


def _is_title(stored: Any, asked: str) -> bool:
    """Compare titles as the other actions do: a service may store a title in another spelling."""
    return isinstance(stored, str) and same_title(stored, asked)


def _room_title(one: FoundSession) -> str | None:
    room = one.answer.get("room")
    title = room.get("title") if isinstance(room, Mapping) else None
    return title if isinstance(title, str) else one.room_title


def _with_stream_health(api: WebinarApi, found: list[FoundSession], pool: ThreadPoolExecutor) -> list[FoundSession]:
    """Return the sessions, the current ones with the service's answer about their stream, or its error."""

    def asked(one: FoundSession) -> FoundSession:
        if not one.session.is_current:
            return one
        try:
            return replace(one, stream_health=api.stream_health(one.session.id))
        except ServiceError as error:
            # A refused credential concerns all sessions.
            if error.status == 401:
                raise
            return replace(one, stream_health=error)
        except WebinarError as error:
            return replace(one, stream_health=error)

    return list(pool.map(asked, found))


def _with_fingerprints(
    settings: LedgerSettings, connection: Connection, found: list[FoundSession], redactor: Redactor
) -> tuple[FoundSession, ...]:
    """Return the sessions with the fingerprints of their keys, if there is a ledger that has them."""
    if not found or not may_exist(settings):
        return tuple(found)
    # Imported where there is a ledger: its library takes longer to load than the answers of the service.
    from .._ledger.store import open_existing_ledger

    ledger = open_existing_ledger(settings, redactor, new_owner(), writable=False)
    if ledger is None:
        return tuple(found)
    with closing(ledger):
        rows = ledger.rows(connection.api_url, sorted({one.session.room_id or "" for one in found}))
    fingerprints = {
        str(row.object_id).lower(): row.fingerprint for row in rows if row.slot.kind == "session" and row.key
    }
    return tuple(
        replace(
            one, has_key=one.session.id.lower() in fingerprints, fingerprint=fingerprints.get(one.session.id.lower())
        )
        for one in found
    )
