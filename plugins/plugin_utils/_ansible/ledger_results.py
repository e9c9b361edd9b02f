# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""What a user sees of the ledger's entries: fingerprints, never a key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .._ledger.rows import Row
from .._ledger.store import Ledger
from .._operations.ledger_check import Checked
from .._operations.ledger_transfer import Kept

LEDGER = "stream-key ledger"


def entry(row: Row) -> dict[str, Any]:
    return {
        "entry": row.id,
        "api": row.slot.api,
        "kind": row.slot.kind,
        "room_id": row.object_id if row.slot.kind == "room" else row.slot.parent,
        "room": row.slot.title if row.slot.kind == "room" else None,
        "title": row.slot.title if row.slot.kind == "session" else None,
        "session_id": row.object_id if row.slot.kind == "session" else None,
        "phase": row.phase,
        "status": None,
        "finding": "damaged" if row.damaged else None,
        "stream_key_available": row.key is not None,
        "stream_key_fingerprint": row.fingerprint if row.key is not None else None,
    }


def checked_entry(checked: Checked, api: str) -> dict[str, Any]:
    session = checked.session
    shown = {
        "entry": None,
        "api": api,
        "kind": "session",
        "room_id": session.room_id if session else None,
        "room": None,
        "title": session.title if session else None,
        "session_id": session.id if session else None,
        "phase": None,
        "stream_key_available": False,
        "stream_key_fingerprint": None,
    }
    if checked.row is not None:
        shown |= entry(checked.row)
    status = session.status if session else None
    return {**shown, "room": shown["room"] or checked.room, "status": status, "finding": checked.finding}


def kept_entry(kept: Kept, ledger: Ledger | None) -> dict[str, Any]:
    fingerprint = ledger.fingerprint(kept.key) if ledger is not None and kept.key is not None else None
    row = Row(0, kept.slot, kept.object_id, kept.phase, kept.key, fingerprint, frozenset(), leased=False)
    return {**entry(row), "entry": None}


def diff(
    before: Iterable[Mapping[str, Any]], after: Iterable[Mapping[str, Any]], header: str = LEDGER
) -> dict[str, Any]:
    return texts_diff("".join(map(_line, before)), "".join(map(_line, after)), header)


def _line(entry: Mapping[str, Any]) -> str:
    if entry["kind"] == "room":
        return f"room {entry['room']} {entry['room_id']} {entry['phase']}\n"
    name = f"{entry['room_id']}/{entry['title']}"
    key = entry["stream_key_fingerprint"] or ("a key" if entry["stream_key_available"] else "no key")
    return f"session {name} {entry['session_id'] or 'without id'} {entry['phase']} {key}\n"


def texts_diff(before: str, after: str, header: str = LEDGER) -> dict[str, Any]:
    return {"before_header": header, "after_header": header, "before": before, "after": after}
