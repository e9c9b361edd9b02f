# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""The results of the action ``ledger``. They contain fingerprints of keys, never a key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .._ledger.maintenance import Rotation
from .._ledger.rows import Row
from .._operations.ledger_check import IN_ORDER, Checked
from .._operations.ledger_maintenance import Export, Fingerprinted, Imported

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


def exported_entry(exported: Fingerprinted) -> dict[str, Any]:
    row = exported.row
    as_row = Row(0, row.slot, row.object_id, row.phase, row.key, exported.fingerprint, frozenset(), leased=False)
    return {**entry(as_row), "entry": None}


def listed(rows: Iterable[Row]) -> dict[str, Any]:
    return {"changed": False, "entries": [entry(row) for row in rows]}


def checked(findings: Iterable[Checked], api: str) -> dict[str, Any]:
    entries = [checked_entry(one, api) for one in findings]
    summary = Counter(one["finding"] for one in entries)
    return {
        "changed": False,
        "entries": entries,
        "summary": dict(sorted(summary.items())),
        "in_order": all(finding in IN_ORDER for finding in summary),
    }


def forgotten(rows: Iterable[Row]) -> dict[str, Any]:
    before = [entry(row) for row in rows]
    return {"changed": bool(before), "entries": before, "diff": diff(before, [])}


def rotated(rotation: Rotation) -> dict[str, Any]:
    count = rotation.count
    before, after = f"{count} entries with an older key\n", "0 entries with an older key\n"
    return {
        "changed": count > 0,
        "entries": [],
        "rotated": count,
        "diff": texts_diff(before, after) if count else {},
        "warnings": [_about_old_keys(rotation)] if count and rotation.key_file is not None else [],
    }


def _about_old_keys(rotation: Rotation) -> str:
    reason = f", because it may be read by {rotation.read_by}" if rotation.read_by else ""
    return (
        f"{rotation.key_file} keeps the old key after the new one{reason}. Copies of the file, on other "
        "controllers and in safe places, need the new key too. When nothing needs the old one any more, take it out of "
        "the file by hand."
    )


def exported(export: Export, path: Path) -> dict[str, Any]:
    before, after = ([exported_entry(one) for one in side] for side in (export.before, export.after))
    return {"changed": export.changed, "entries": after, "diff": diff(before, after, str(path))}


def imported(rows: Iterable[Imported]) -> dict[str, Any]:
    shown = [{**exported_entry(one.shown), "finding": one.change.action} for one in rows]
    return {"changed": bool(shown), "entries": shown, "diff": diff([], shown)}


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
