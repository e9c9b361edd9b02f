# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Stores a stream key that the user gives in the ledger, or erases the one that the ledger has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from typing import Any

from .._core.errors import InvalidInput
from .._core.model import Session, StreamKey, session_from_answer
from .._core.secrecy import Redactor
from .._ledger.lease_owner import new_owner
from .._ledger.location import LedgerSettings
from .._ledger.rows import damage
from .._ledger.store import Ledger, Row, Slot, open_existing_ledger, open_ledger
from .._service.api import WebinarApi
from .._service.details import session_details
from .._service.transport import Connection, Transport


@dataclass(frozen=True)
class Fingerprints:
    """The fingerprints of a key and of its ingest URL, which may contain a key; None where there is no ledger yet."""

    stream_key: str | None
    rtmp_url: str | None


@dataclass(frozen=True)
class KeptKey:
    """The key of a session in the ledger, before and after; ``room`` is the room's title. None means not known."""

    session_id: str
    before: Fingerprints | None
    after: Fingerprints | None
    changed: bool
    room_id: str | None = None
    room: str | None = None
    title: str | None = None
    status: str | None = None


def adopt(
    connection: Connection,
    settings: LedgerSettings,
    session_id: str,
    given: StreamKey,
    redactor: Redactor,
    *,
    check_mode: bool,
) -> KeptKey:
    """Store the key of a session in the ledger.

    Raise InvalidInput where the session is unknown or over, or where this would overwrite another key.
    """
    with closing(Transport(connection, redactor)) as transport:
        api = WebinarApi(transport)
        answer, session, room_id = _current_session(api, session_id)
        slot = Slot(api.url, "session", room_id, session.title)
        ledger = open_ledger(settings, redactor, new_owner(), writable=not check_mode)
        with closing(ledger) if ledger else nullcontext():
            rows = ledger.rows(slot.api, [slot.parent]) if ledger else []
            kept = _row_of(session, rows)
            in_slot = next((row for row in rows if row.slot == slot and row.holds_slot), None)
            _refuse_to_lose_a_key(api, in_slot, session, given)
            before = kept.key if kept else None
            after = StreamKey(given.stream_key, given.rtmp_url or (before.rtmp_url if before else None))
            after = after.completed(before)
            if before != after and ledger is not None and not check_mode:
                # Overwrite only the row that was just checked; another run may have written its slot since.
                over = [in_slot.object_id] if in_slot is not None and in_slot.object_id is not None else []
                ledger.adopt(slot, session.id, after, over)
            return KeptKey(
                session.id,
                _fingerprints(ledger, before),
                _fingerprints(ledger, after),
                changed=before != after,
                room_id=room_id,
                room=session_details(answer, session, None)["room"],
                title=session.title,
                status=session.status,
            )


def forget(settings: LedgerSettings, session_id: str, redactor: Redactor, *, check_mode: bool) -> KeptKey:
    """Erase the key of a session, whether or not the session still exists."""
    ledger = open_existing_ledger(settings, redactor, new_owner(), writable=not check_mode)
    with closing(ledger) if ledger else nullcontext():
        row = ledger.row_of_session(session_id) if ledger else None
        if ledger is not None and row is not None and not check_mode:
            ledger.retire(row.slot.api, [row.object_id or session_id])
        if row is None:
            return KeptKey(session_id, None, None, changed=False)
        before = _fingerprints(ledger, row.key)
        return KeptKey(session_id, before, None, changed=True, room_id=row.slot.parent, title=row.slot.title)


def _current_session(api: WebinarApi, session_id: str) -> tuple[Mapping[str, Any], Session, str]:
    """Return the service's answer about a session, the session, and the id of its room."""
    answer = api.described_session(session_id)
    session = session_from_answer(answer) if answer else None
    if answer is None or session is None:
        raise InvalidInput(
            f"session_id {session_id}: the service has no such session. Its stream key would be of no use, so "
            "nothing was kept."
        )
    if not session.is_current:
        raise InvalidInput(
            f"session '{session.title}' ({session_id}) is {session.status} and can never be used again, so its "
            "stream key was not kept. Create another session with tenbyte.webinar.session."
        )
    if not session.room_id:
        raise InvalidInput(
            f"session '{session.title}' ({session_id}): the service does not say which room it is in, so its key "
            "has no place in the ledger."
        )
    return answer, session, session.room_id


def _row_of(session: Session, rows: Sequence[Row]) -> Row | None:
    """Return a session's row in any slot; one with a key, if there is one."""
    of_session = [row for row in rows if row.object_id == session.id and row.phase != "retired"]
    return max(of_session, key=lambda row: row.key is not None, default=None)


def _refuse_to_lose_a_key(api: WebinarApi, row: Row | None, session: Session, given: StreamKey) -> None:
    """Raise InvalidInput where the row in the session's slot has a key, or may have one, that is still needed."""
    if row is None or row.object_id == session.id:
        return
    if row.leased:
        raise InvalidInput(
            f"session '{session.title}' ({session.id}): another run is just creating a session of this title in the "
            "room. Run the task again when it has ended."
        )
    if row.damaged:
        # Another ledger_key may open it.
        raise InvalidInput(damage(row))
    if row.key is None or row.key.stream_key == given.stream_key:
        return
    other = api.session(row.object_id) if row.object_id else None
    if row.object_id is None:
        raise InvalidInput(
            f"session '{session.title}' ({session.id}): an earlier run received a stream key for this title in the "
            "room and did not learn for which session. Run tenbyte.webinar.session or tenbyte.webinar.event for it "
            "first, which settles that."
        )
    if other is not None and other.is_current:
        raise InvalidInput(
            f"session '{session.title}' ({session.id}): the ledger holds the key of {row.object_id}, another current "
            "session of the same title in the room, and keeps one for each title. Forget that one first with "
            "state: absent, or remove its session."
        )


def _fingerprints(ledger: Ledger | None, key: StreamKey | None) -> Fingerprints | None:
    if key is None:
        return None
    if ledger is None:
        return Fingerprints(None, None)
    return Fingerprints(ledger.fingerprint(key.stream_key), ledger.fingerprint(key.rtmp_url) if key.rtmp_url else None)
