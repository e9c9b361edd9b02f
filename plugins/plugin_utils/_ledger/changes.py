# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Changes of rows that several operations of the ledger make, each within the transaction of its caller."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from .rows import Slot
from .schema import holds_slot, is_needed, slots


def by_id(row_id: int) -> sa.Update:
    return sa.update(slots).where(slots.c.id == row_id)


def holder_of(connection: sa.Connection, slot: Slot) -> sa.Row[Any] | None:
    """Return the row that holds a slot."""
    return connection.execute(sa.select(slots).where(slot.condition() & holds_slot)).first()


def insert(connection: sa.Connection, slot: Slot, now: float, **values: Any) -> int:
    """Add a row to a slot and return its id. What is not given is empty, and the row has no lease."""
    row = {"seen_ids": "[]", "lease_until": 0.0, "created_at": now, "updated_at": now, **asdict(slot), **values}
    inserted = connection.execute(sa.insert(slots).values(**row))
    # The key is optional only for an INSERT of several rows.
    return int(inserted.inserted_primary_key[0]) if inserted.inserted_primary_key else 0


def withdraw(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> None:
    """Remove intents; what such an intent would have replaced gets its slot back."""
    of_slot = sa.select(slots).where(condition)
    freed = [Slot(row.api, row.kind, row.parent, row.title) for row in connection.execute(of_slot).all()]
    connection.execute(sa.delete(slots).where(condition))
    for slot in freed:
        give_back(connection, slot)


def give_back(connection: sa.Connection, slot: Slot) -> None:
    """Give a slot that nothing holds back to the session that was to be replaced."""
    if holder_of(connection, slot) is not None:
        return
    replaced = slot.condition() & (slots.c.phase == "replaced")
    newest = sa.select(slots.c.id).where(replaced).order_by(slots.c.updated_at.desc(), slots.c.id.desc()).limit(1)
    phase = sa.case((slots.c.secret.is_not(None), "created"), else_="keyless")
    connection.execute(sa.update(slots).where(slots.c.id.in_(newest.scalar_subquery())).values(phase=phase))


def retire(connection: sa.Connection, condition: sa.ColumnElement[bool], now: float) -> None:
    """Erase rows' keys, and the rows, unless a request of their slot was never answered.

    What such a request may have created is told from what is known to be ours by the ids of these rows.
    """
    values = {"phase": "retired", "secret": None, "fingerprint": None, "lease_until": 0.0, "memory": None}
    ids = [row.id for row in connection.execute(sa.select(slots.c.id).where(condition)).all()]
    if not ids:
        return
    connection.execute(sa.update(slots).where(slots.c.id.in_(ids)).values(**values, updated_at=now))
    delete_unneeded(connection)


def delete_unneeded(connection: sa.Connection) -> None:
    connection.execute(sa.delete(slots).where(~is_needed))
