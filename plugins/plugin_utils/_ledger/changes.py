# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Changes of rows that several operations of the ledger share. Each runs in the transaction of its caller."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib import import_module
from typing import Any

import sqlalchemy as sa

from .rows import Slot
from .schema import OF_SLOT, holds_slot, is_unneeded, slots

# Built once, because every creation runs them.
_HOLDER = sa.select(slots).where(*(column == sa.bindparam(f"slot_{column.name}") for column in OF_SLOT), holds_slot)
_INSERT = sa.insert(slots)


def by_id(row_id: int) -> sa.Update:
    """Return an UPDATE of one row, to which the caller adds the values."""
    return sa.update(slots).where(slots.c.id == row_id)


def holder_of(connection: sa.Connection, slot: Slot) -> sa.Row[Any] | None:
    """Return the row that holds a slot, None if no row holds it."""
    return connection.execute(_HOLDER, {f"slot_{name}": value for name, value in slot.values().items()}).first()


def insert(connection: sa.Connection, slot: Slot, now: float, **values: Any) -> int:
    """Add a row to a slot and return its id. Columns that are not in ``values`` are empty; the row has no lease."""
    inserted = connection.execute(_INSERT, _new_row(slot, now, values))
    # The type allows None only because of an INSERT of several rows.
    return int(inserted.inserted_primary_key[0]) if inserted.inserted_primary_key else 0


def insert_into_free(connection: sa.Connection, slot: Slot, now: float, **values: Any) -> int | None:
    """Like ``insert``, for the row that holds the slot; return None if a row holds it already."""
    inserted = connection.execute(_insert_if_free(connection.dialect.name), _new_row(slot, now, values))
    # Of a row that was not inserted, PostgreSQL returns no id, and SQLite the id of an earlier one.
    row_id = inserted.inserted_primary_key
    return int(row_id[0]) if row_id and inserted.rowcount != 0 else None


def _new_row(slot: Slot, now: float, values: Mapping[str, Any]) -> dict[str, Any]:
    return {"seen_ids": "[]", "lease_until": 0.0, "created_at": now, "updated_at": now, **slot.values(), **values}


@lru_cache
def _insert_if_free(dialect: str) -> sa.Insert:
    # A module of each database. The one that is not used is not imported, which takes a while.
    statement: sa.Insert = import_module(f"sqlalchemy.dialects.{dialect}").insert(slots).on_conflict_do_nothing()
    return statement


def withdraw(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> None:
    """Delete intents (pending rows), and give each slot back to the session that the intent was to replace."""
    of_slot = sa.select(slots).where(condition)
    freed = [Slot(row.api, row.kind, row.parent, row.title) for row in connection.execute(of_slot).all()]
    connection.execute(sa.delete(slots).where(condition))
    for slot in freed:
        give_back(connection, slot)


def give_back(connection: sa.Connection, slot: Slot) -> None:
    """Let the session that was last to be replaced hold its slot again, if no row holds the slot."""
    if holder_of(connection, slot) is not None:
        return
    replaced = slot.condition() & (slots.c.phase == "replaced")
    newest = sa.select(slots.c.id).where(replaced).order_by(slots.c.updated_at.desc(), slots.c.id.desc()).limit(1)
    phase = sa.case((slots.c.secret.is_not(None), "created"), else_="keyless")
    connection.execute(sa.update(slots).where(slots.c.id.in_(newest.scalar_subquery())).values(phase=phase))


def retire(connection: sa.Connection, condition: sa.ColumnElement[bool], now: float) -> None:
    """Erase the keys of rows, and delete those rows that are not needed.

    A row stays, without its key, while a request of its slot is unanswered. Its id then shows that this session is
    known, and so was not created by that request.
    """
    values = {"phase": "retired", "secret": None, "fingerprint": None, "lease_until": 0.0, "memory": None}
    ids = [row.id for row in connection.execute(sa.select(slots.c.id).where(condition)).all()]
    if not ids:
        return
    connection.execute(sa.update(slots).where(slots.c.id.in_(ids)).values(**values, updated_at=now))
    delete_unneeded(connection)


def delete_unneeded(connection: sa.Connection) -> None:
    """Delete the retired rows that show nothing any more."""
    connection.execute(sa.delete(slots).where(is_unneeded))
