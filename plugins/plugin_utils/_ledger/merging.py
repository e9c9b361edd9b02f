# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Merging the rows of another ledger: which changes to make, so that no key of either is lost. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from .._core.errors import InvalidInput
from .._core.model import StreamKey
from .rows import Phase, Row, Slot
from .schema import BESIDE


@dataclass(frozen=True)
class PortableRow:
    """A row about a room or session in the form that an export has.

    ``unanswered``: the text in the ledger (unanswered.py), None if every request was answered.
    """

    slot: Slot
    object_id: str | None
    phase: Phase
    key: StreamKey | None
    seen_ids: tuple[str, ...] = ()
    unanswered: str | None = None


@dataclass(frozen=True)
class Change:
    """One change: ``row`` is "added" to its slot, added "beside" its slot, or its key is "filled" into ``row_id``."""

    action: Literal["added", "beside", "filled"]
    row: PortableRow
    row_id: int | None = None


def changes(rows: Sequence[Row], taken_in: Sequence[PortableRow]) -> list[Change]:
    """Return the changes that add ``taken_in`` to a ledger with these rows, which exclude retired ones.

    Raise InvalidInput if the two have different keys for one session: only the user knows which key is right.
    """
    taken = {row.slot for row in rows if row.holds_slot}
    decided, conflicts, added = [], [], set[tuple[Slot, str | None, str | None]]()
    for other in taken_in:
        same = next((row for row in rows if _is_same(row, other)), None)
        if same is not None and _conflict(same, other):
            conflicts.append(f"'{other.slot.title}' ({other.object_id})")
        elif same is not None:
            if other.key is not None and (joined := other.key.completed(same.key)) != same.key:
                decided.append(Change("filled", replace(other, key=joined), same.id))
        elif (identity := (other.slot, other.object_id, other.key.stream_key if other.key else None)) not in added:
            added.add(identity)
            if other.slot not in taken and other.phase not in BESIDE:
                taken.add(other.slot)
                decided.append(Change("added", other))
            elif other.key is not None:
                decided.append(Change("beside", other))
    if conflicts:
        raise InvalidInput(
            f"The ledger has another stream key or ingest URL than the export for {', '.join(conflicts)}. Nothing was "
            "taken in. Forget the entries that are wrong here (operation: forget), or correct the other ledger and "
            "export again."
        )
    return decided


def _is_same(row: Row, other: PortableRow) -> bool:
    """Return whether both are about one room or session. Without an id, slot and key must be equal."""
    if (row.slot.api, row.slot.kind) != (other.slot.api, other.slot.kind):
        return False
    if row.object_id is None or other.object_id is None:
        return row.slot == other.slot and row.key is not None and row.key == other.key
    return row.object_id.lower() == other.object_id.lower()


def _conflict(row: Row, other: PortableRow) -> bool:
    if row.key is None or other.key is None:
        return False
    addresses = ((row.key.rtmp_url, other.key.rtmp_url), (row.key.whip_url, other.key.whip_url))
    return row.key.stream_key != other.key.stream_key or any(len({*pair} - {None}) > 1 for pair in addresses)
