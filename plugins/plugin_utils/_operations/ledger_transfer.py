# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""The text of an export: writes the ledger's rows as JSON, and reads them again for an import."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from .._core.errors import InvalidInput
from .._core.model import StreamKey
from .._core.service_url import normalised_or_same
from .._ledger import unanswered
from .._ledger.merging import PortableRow
from .._ledger.rows import Row, Slot

FORMAT = "tenbyte.webinar ledger 1"


def exported(rows: Iterable[Row]) -> list[PortableRow]:
    """Return the rows of an export: all but some pending ones.

    A pending row without a key is exported only if it has unanswered requests and no run holds its lease.
    """
    return [
        PortableRow(
            row.slot, row.object_id, row.phase, row.key, tuple(sorted(row.seen_ids)), unanswered.written(row.unanswered)
        )
        for row in rows
        if row.phase != "pending" or row.key is not None or (row.unanswered and not row.leased)
    ]


def to_text(rows: Sequence[PortableRow]) -> str:
    """Return the rows as JSON. It contains the stream keys in clear, so it must be encrypted before it is written."""
    listed = [
        {
            **asdict(row.slot),
            "id": row.object_id,
            "phase": row.phase,
            "stream_key": row.key.stream_key if row.key else None,
            "rtmp_url": row.key.rtmp_url if row.key else None,
            "whip_url": row.key.whip_url if row.key else None,
            "seen_ids": list(row.seen_ids),
            # The first version's name for this field.
            "doubt": row.unanswered,
        }
        for row in rows
    ]
    return json.dumps({"format": FORMAT, "entries": listed}, indent=1, sort_keys=True) + "\n"


def from_text(text: str, where: str) -> list[PortableRow]:
    """Return the rows in a text that ``to_text`` wrote. Raise InvalidInput, without a quote, for any other text."""
    try:
        document = json.loads(text)
        if document["format"] != FORMAT:
            raise InvalidInput(
                f"{where} was not written by this version of tenbyte.webinar.ledger. Use the version that wrote it."
            )
        return [_row(entry) for entry in document["entries"]]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InvalidInput(f"{where} is not an export of tenbyte.webinar.ledger.") from None


def _row(entry: Any) -> PortableRow:
    slot = Slot(normalised_or_same(_text(entry["api"])), *(_text(entry[name]) for name in ("kind", "parent", "title")))  # type: ignore[arg-type]
    phase, key = entry["phase"], None
    if slot.kind not in ("room", "session") or phase not in (
        "pending",
        "created",
        "keyless",
        "spare",
        "replaced",
        "beside",
    ):
        raise ValueError
    object_id = _text(entry["id"]) if entry["id"] is not None else None
    if entry["stream_key"] is not None:
        addresses = (entry["rtmp_url"], entry.get("whip_url"))
        key = StreamKey(_text(entry["stream_key"]), *(_text(url) if url is not None else None for url in addresses))
    requests = _text(entry["doubt"]) if entry["doubt"] is not None else None
    # Read once, so that a malformed value fails here.
    unanswered.read(requests)
    return PortableRow(slot, object_id, phase, key, tuple(_text(seen) for seen in entry["seen_ids"]), requests)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value
