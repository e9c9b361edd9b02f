# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Queries on an open ledger: rows by room or session, all rows, and known ids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from .._core.errors import LedgerError
from . import migration
from .opening import Opened
from .rows import ChosenRooms, Row, damage
from .schema import is_needed_though_retired, is_not_retired, slots

# Titles and ids in one query, which has them twice. Databases limit its parameters: SQLite before 3.32 to 999.
_MOST_VALUES = 450
# The rows that a run needs. One condition for both would keep SQLite from using its indexes.
_NEEDED = (is_not_retired, is_needed_though_retired)
# The first schema version whose rows have normalised service URLs.
_FIRST_NORMALISED = 3


@dataclass(frozen=True)
class Query:
    """A statement, and the values of its parameters."""

    statement: sa.Select[Any] | sa.CompoundSelect[Any]
    values: Mapping[str, Any] = field(default_factory=dict)


def _needed(rows: sa.Select[Any]) -> sa.CompoundSelect[Any]:
    return sa.union_all(*(rows.where(one) for one in _NEEDED))


class _RowsOf:
    """Queries for the needed rows of a service, built once: that takes longer than to run them."""

    def __init__(self, of_api: sa.ColumnElement[bool]) -> None:
        rows = sa.select(slots).where(of_api)
        rooms = rows.where(slots.c.kind == "room")
        self.rooms = _needed(rooms)
        of_chosen = slots.c.object_id.in_(_several("ids")) | slots.c.title.in_(_several("titles"))
        self.chosen_rooms = _needed(rooms.where(of_chosen | (slots.c.id > sa.bindparam("last_row"))))
        self.sessions = _needed(rows.where((slots.c.kind == "session") & slots.c.parent.in_(_several("rooms"))))
        in_room = (slots.c.kind == "session") & (slots.c.parent == sa.bindparam("room"))
        ids = sa.select(slots.c.object_id).where(of_api & in_room & slots.c.object_id.is_not(None))
        self.known_ids = _needed(ids)


def _several(name: str) -> sa.BindParameter[Any]:
    return sa.bindparam(name, expanding=True)


_WITH_API, _WITHOUT_API = _RowsOf(slots.c.api == sa.bindparam("api")), _RowsOf(sa.true())


class LedgerReader:
    """An open ledger, which may have an earlier schema version. ``notes`` are warnings for the user."""

    def __init__(self, opened: Opened) -> None:
        self._database = opened.database
        self._codec = opened.codec
        self._version = opened.version
        self._of_api = _WITHOUT_API if opened.version < _FIRST_NORMALISED else _WITH_API
        self.notes = opened.notes

    def close(self) -> None:
        self._database.close()

    def release_file(self) -> None:
        """Let a SQLite file go until the next use: see Database."""
        self._database.release_file()

    def now(self) -> float:
        """Return the time in seconds since 1970 by the ledger's clock."""
        return self._database.read(self._database.now)

    def fingerprint(self, secret: str) -> str:
        """Return the fingerprint of a stream key or another secret, as the ledger's entries have it."""
        return self._codec.fingerprint(secret)

    def rows(self, api: str, room_ids: Iterable[str], chosen: ChosenRooms | None = None) -> list[Row]:
        """Return the needed rows of all rooms, and of the sessions in the rooms with these ids, oldest first.

        ``chosen``: rows of other rooms than these may be left out.
        A row that cannot be read is marked ``damaged``, so that only its own slot is refused.
        """
        queries = [Query(self._of_api.rooms, {"api": api})]
        if chosen is not None and len(chosen.ids) + len(chosen.titles) <= _MOST_VALUES:
            values = {"ids": list(chosen.ids), "titles": list(chosen.titles), "last_row": chosen.last_row}
            queries = [Query(self._of_api.chosen_rooms, {"api": api, **values})]
        parents = list(dict.fromkeys(room_ids))
        parts = (parents[first : first + _MOST_VALUES] for first in range(0, len(parents), _MOST_VALUES))
        queries += [Query(self._of_api.sessions, {"api": api, "rooms": part}) for part in parts]
        return [row for row in self._read(*queries) if row.slot.api == api]

    def known_ids(self, api: str, room_id: str) -> frozenset[str]:
        """Return the ids of the sessions of a room that the ledger has rows of. Keys are not decrypted."""
        found, _now = self._found(Query(self._of_api.known_ids, {"api": api, "room": room_id}))
        return frozenset(row.object_id for row in found)

    def row_of_session(self, session_id: str) -> Row | None:
        """Return the row of a session, preferably one with a key, or None. Raise LedgerError if it is damaged."""
        of_session = sa.select(slots).where((slots.c.kind == "session") & is_not_retired)
        # The ids are in lower case in all but a few ledgers, and an index finds them.
        either_case = slots.c.object_id.in_({session_id, session_id.lower()})
        found = self._read(Query(of_session.where(either_case)))
        if not any(row.key is not None for row in found):
            any_case = sa.func.lower(slots.c.object_id) == session_id.lower()
            found = self._read(Query(of_session.where(any_case)))
        # An earlier version may have written several rows for a session, under different spellings of the URL.
        row = max(found, key=lambda row: (row.key is not None, not row.damaged), default=None)
        if row is not None and row.damaged:
            raise LedgerError(damage(row))
        return row

    def entries(self) -> list[Row]:
        """Return the rows of all APIs, without retired ones, oldest first. Rows that cannot be read are marked."""
        return self._read(Query(sa.select(slots).where(is_not_retired)))

    def _read(self, *queries: Query) -> list[Row]:
        """Return the rows that queries find, oldest first. No row is found by two of them."""
        found, now = self._found(*queries)
        return [self._codec.row(row, now) for row in sorted(found, key=lambda row: row.id)]

    def _found(self, *queries: Query) -> tuple[Sequence[sa.Row[Any]], float]:
        """Return the rows that queries find, and the ledger's time, in seconds since 1970."""

        def look(connection: sa.Connection) -> tuple[Sequence[sa.Row[Any]], float]:
            version = self._version_now(connection)
            looks = ((migration.as_of(version, query.statement), query.values) for query in queries)
            found = [row for statement, values in looks for row in connection.execute(statement, values).all()]
            return found, self._database.now(connection)

        return self._database.read(look)

    def _version_now(self, connection: sa.Connection) -> int:
        """Return the current schema version, because another run may have upgraded the ledger since it was opened."""
        if self._version == migration.newest_version():
            return self._version
        found = migration.find(connection)
        return found.version if found is not None else self._version
