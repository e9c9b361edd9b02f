# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""The ledger as a text that another one can take in, and how it does so without losing a key of either."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import sqlalchemy as sa

from .._core.errors import InvalidInput
from .._core.model import StreamKey
from .._core.service_url import normalised_or_same
from .._ledger import unanswered
from .._ledger.rows import Codec, Phase, Row, Slot
from .._ledger.schema import BESIDE, slots

FORMAT = "tenbyte.webinar ledger 1"


@dataclass(frozen=True)
class Kept:
    """What one ledger knows of a room or session, and hands to another."""

    slot: Slot
    object_id: str | None
    phase: Phase
    key: StreamKey | None
    seen_ids: tuple[str, ...] = ()
    doubt: str | None = None


@dataclass(frozen=True)
class Change:
    """What taking in an entry does: a new row in its slot or beside it, or its key into row ``row_id``."""

    action: Literal["added", "beside", "filled"]
    kept: Kept
    row_id: int | None = None


def exported(rows: Iterable[Row]) -> list[Kept]:
    """Return what is worth handing on: everything but intents that brought nothing and of which no request was sent.

    The intent of a run at work is left to it.
    """
    return [
        Kept(
            row.slot, row.object_id, row.phase, row.key, tuple(sorted(row.seen_ids)), unanswered.written(row.unanswered)
        )
        for row in rows
        if row.phase != "pending" or row.key is not None or (row.unanswered and not row.leased)
    ]


def to_text(entries: Sequence[Kept]) -> str:
    """Return JSON, which is YAML too. It holds the keys in clear: it is for a vault."""
    listed = [
        {
            **asdict(kept.slot),
            "id": kept.object_id,
            "phase": kept.phase,
            "stream_key": kept.key.stream_key if kept.key else None,
            "rtmp_url": kept.key.rtmp_url if kept.key else None,
            "whip_url": kept.key.whip_url if kept.key else None,
            "seen_ids": list(kept.seen_ids),
            "doubt": kept.doubt,
        }
        for kept in entries
    ]
    return json.dumps({"format": FORMAT, "entries": listed}, indent=1, sort_keys=True) + "\n"


def from_text(text: str, where: str) -> list[Kept]:
    """Read what ``to_text`` wrote; raise InvalidInput, which quotes nothing of it, where it is something else."""
    try:
        document = json.loads(text)
        if document["format"] != FORMAT:
            raise InvalidInput(
                f"{where} was not written by this version of tenbyte.webinar.ledger. Use the version that wrote it."
            )
        return [_kept(entry) for entry in document["entries"]]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InvalidInput(f"{where} is not an export of tenbyte.webinar.ledger.") from None


def _kept(entry: Any) -> Kept:
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
    doubt = _text(entry["doubt"]) if entry["doubt"] is not None else None
    # Read once, so that what cannot be read is found here.
    unanswered.read(doubt)
    return Kept(slot, object_id, phase, key, tuple(_text(seen) for seen in entry["seen_ids"]), doubt)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def changes(rows: Sequence[Row], entries: Sequence[Kept]) -> list[Change]:
    """Decide what taking in ``entries`` changes in a ledger with these rows, which must not be retired ones.

    Raise InvalidInput where a session has one key here and another there: of the two, one is wrong, and nobody but the
    user knows which.
    """
    taken = {row.slot for row in rows if row.holds_slot}
    decided, conflicts, added = [], [], set[tuple[Slot, str | None, str | None]]()
    for kept in entries:
        same = next((row for row in rows if _is_same(row, kept)), None)
        if same is not None and _conflict(same, kept):
            conflicts.append(f"'{kept.slot.title}' ({kept.object_id})")
        elif same is not None:
            if kept.key is not None and (joined := kept.key.completed(same.key)) != same.key:
                decided.append(Change("filled", replace(kept, key=joined), same.id))
        elif (identity := (kept.slot, kept.object_id, kept.key.stream_key if kept.key else None)) not in added:
            added.add(identity)
            if kept.slot not in taken and kept.phase not in BESIDE:
                taken.add(kept.slot)
                decided.append(Change("added", kept))
            elif kept.key is not None:
                decided.append(Change("beside", kept))
    if conflicts:
        raise InvalidInput(
            f"The ledger has another stream key or ingest URL than the export for {', '.join(conflicts)}. Nothing was "
            "taken in. Forget the ones that are wrong here (operation: forget), or export again from where they are."
        )
    return decided


def take_in(connection: sa.Connection, change: Change, codec: Codec, owner: str, now: float) -> None:
    kept = change.kept
    if change.action == "filled":
        phase = sa.case((slots.c.phase.in_(BESIDE), slots.c.phase), else_="created")
        values = {**codec.sealed(kept.key), "updated_at": now}
        connection.execute(sa.update(slots).where(slots.c.id == change.row_id).values(**values, phase=phase))
        return
    values = {
        **asdict(kept.slot),
        "object_id": kept.object_id,
        # What was to be removed there is so here; what has lost its slot to another one is not for that reason.
        "phase": "beside" if change.action == "beside" and kept.phase not in BESIDE else kept.phase,
        **codec.sealed(kept.key),
        "seen_ids": json.dumps(list(kept.seen_ids)),
        "doubt": kept.doubt,
        "owner": owner,
        "lease_until": 0.0,
        "created_at": now,
        "updated_at": now,
    }
    connection.execute(sa.insert(slots).values(**values))


def _is_same(row: Row, kept: Kept) -> bool:
    """Say whether a row is of the same room or session. What has no id is known by its key."""
    if (row.slot.api, row.slot.kind) != (kept.slot.api, kept.slot.kind):
        return False
    if row.object_id is None or kept.object_id is None:
        return row.slot == kept.slot and row.key is not None and row.key == kept.key
    return row.object_id.lower() == kept.object_id.lower()


def _conflict(row: Row, kept: Kept) -> bool:
    if row.key is None or kept.key is None:
        return False
    addresses = ((row.key.rtmp_url, kept.key.rtmp_url), (row.key.whip_url, kept.key.whip_url))
    return row.key.stream_key != kept.key.stream_key or any(len({*pair} - {None}) > 1 for pair in addresses)
