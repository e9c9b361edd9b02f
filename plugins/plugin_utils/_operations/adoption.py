# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Takes a stream key that was seen elsewhere into the ledger, or forgets the one that the ledger holds."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import closing, nullcontext
from typing import Any

from .._ansible.event_options import checked_uuid
from .._ansible.options import connection_from, ledger_settings_from
from .._core.errors import InvalidInput, StreamKeyMissing
from .._core.model import Session, StreamKey, session_from_answer
from .._core.secrecy import INGEST_SCHEMES, Redactor, is_plain_ingest_url, require_plain_stream_key
from .._ledger import location
from .._ledger.lease_owner import new_owner
from .._ledger.location import LedgerSettings
from .._ledger.rows import damage
from .._ledger.store import Ledger, Row, Slot, open_ledger
from .._service.api import WebinarApi
from .._service.details import session_details
from .._service.transport import Transport


def keep_or_forget(options: Mapping[str, Any], redactor: Redactor, *, check_mode: bool) -> dict[str, Any]:
    """Return the result of the action ``stream_key``, which holds fingerprints only.

    Raise InvalidInput where the key cannot be one, where its session is unknown or over, or where adopting it would
    cost another key.
    """
    # The first thing that is done with it: whatever fails later, its message is masked.
    redactor.learn(options.get("stream_key"))
    session_id = checked_uuid(options["session_id"], "session_id") or ""
    settings = ledger_settings_from(options, os.environ)
    if options["state"] == "absent":
        result = _forget(session_id, settings, redactor, check_mode=check_mode)
    else:
        result = _adopt(session_id, _given_key(options), options, settings, redactor, check_mode=check_mode)
    shown: dict[str, Any] = redactor.value(result)
    return shown


def _given_key(options: Mapping[str, Any]) -> StreamKey:
    stream_key, rtmp_url = options.get("stream_key") or "", options.get("rtmp_url") or None
    if not stream_key:
        raise InvalidInput("stream_key is missing. Give the key that the service showed for the session.")
    try:
        require_plain_stream_key(stream_key)
    except StreamKeyMissing:
        raise InvalidInput(
            "stream_key holds characters that do not belong in one (blanks, quotes, control characters, $, %, ;, "
            "braces or the like). Copy it again from where it was shown."
        ) from None
    if rtmp_url is not None and not is_plain_ingest_url(rtmp_url):
        raise InvalidInput(
            f"rtmp_url is not plainly an ingest URL ({', '.join(INGEST_SCHEMES)}, a host, no user name, blanks, "
            "quotes or the like). Copy it from where the stream key was shown."
        )
    return StreamKey(stream_key, rtmp_url)


def _adopt(
    session_id: str,
    given: StreamKey,
    options: Mapping[str, Any],
    settings: LedgerSettings,
    redactor: Redactor,
    *,
    check_mode: bool,
) -> dict[str, Any]:
    with closing(Transport(connection_from(options, redactor), redactor)) as transport:
        api = WebinarApi(transport)
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
        slot = Slot(api.url, "session", session.room_id, session.title)
        ledger = open_ledger(settings, redactor, new_owner(), writable=not check_mode)
        with closing(ledger) if ledger else nullcontext():
            rows = ledger.rows(slot.api, [slot.parent]) if ledger else []
            kept = _row_of(session, rows)
            in_slot = next((row for row in rows if row.slot == slot and row.holds_slot), None)
            _refuse_to_lose_a_key(api, in_slot, session, given)
            before = kept.key if kept else None
            after = StreamKey(given.stream_key, given.rtmp_url or (before.rtmp_url if before else None))
            after = after.completed(before)
            changed = before != after
            if changed and ledger is not None and not check_mode:
                # What was just seen to hold its place is of no use; what has come there since may be.
                over = [in_slot.object_id] if in_slot is not None and in_slot.object_id is not None else []
                ledger.adopt(slot, session.id, after, over)
            details = session_details(answer, session, None)
            return {
                "changed": changed,
                "session": _shown(
                    session_id=session.id,
                    room_id=session.room_id,
                    room=details["room"],
                    title=session.title,
                    status=session.status,
                    fingerprint=ledger.fingerprint(after) if ledger else None,
                    available=True,
                ),
                "diff": _diff(_entry(ledger, session.id, before), _entry(ledger, session.id, after)),
            }


def _row_of(session: Session, rows: Sequence[Row]) -> Row | None:
    """Return the row of a session that tells most of it, wherever it stands."""
    of_session = [row for row in rows if row.object_id == session.id and row.phase != "retired"]
    return max(of_session, key=lambda row: row.key is not None, default=None)


def _refuse_to_lose_a_key(api: WebinarApi, row: Row | None, session: Session, given: StreamKey) -> None:
    """Raise InvalidInput where the session's place in the ledger is taken by what is still of use."""
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


def _forget(session_id: str, settings: LedgerSettings, redactor: Redactor, *, check_mode: bool) -> dict[str, Any]:
    ledger = None
    if location.may_exist(settings):
        ledger = open_ledger(settings, redactor, new_owner(), writable=not check_mode)
    with closing(ledger) if ledger else nullcontext():
        row = ledger.row_of_session(session_id) if ledger else None
        if ledger is not None and row is not None and not check_mode:
            ledger.retire(row.slot.api, [row.object_id or session_id])
        return {
            "changed": row is not None,
            "session": _shown(
                session_id=session_id,
                room_id=row.slot.parent if row else None,
                room=None,
                title=row.slot.title if row else None,
                status=None,
                fingerprint=None,
                available=False,
            ),
            "diff": _diff(_entry(ledger, session_id, row.key if row else None), {}),
        }


def _shown(
    *,
    session_id: str,
    room_id: str | None,
    room: str | None,
    title: str | None,
    status: str | None,
    fingerprint: str | None,
    available: bool,
) -> dict[str, Any]:
    return {
        "id": session_id,
        "room_id": room_id,
        "room": room,
        "title": title,
        "status": status,
        "stream_key_available": available,
        "stream_key_fingerprint": fingerprint,
    }


def _entry(ledger: Ledger | None, session_id: str, key: StreamKey | None) -> dict[str, Any]:
    """Return what a diff shows: of the ingest URL, too, only whether it is another one, because it may hold a key."""
    if key is None:
        return {}
    url = StreamKey(key.rtmp_url) if key.rtmp_url else None
    return {
        "session_id": session_id,
        "stream_key_fingerprint": ledger.fingerprint(key) if ledger else None,
        "rtmp_url_fingerprint": ledger.fingerprint(url) if ledger and url else None,
    }


def _diff(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    header = "stream-key ledger"
    return {"before_header": header, "after_header": header, "before": dict(before), "after": dict(after)}
