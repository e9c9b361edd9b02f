# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Queries on an open ledger: rows by room or session, all rows, and known ids."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from .._core.errors import LedgerError
from . import migration
from .opening import Opened
from .rows import ChosenRooms, Row, damage
from .schema import is_needed_though_retired, is_not_retired, slots

# Titles and ids in one query: databases limit the number of parameters, SQLite before 3.32 to 999.
_MOST_VALUES = 900
# The rows that a run needs, in two queries: together, no index would find them.
_NEEDED = (is_not_retired, is_needed_though_retired)
# The first schema version whose rows have normalised service URLs.
_FIRST_NORMALISED = 3


class LedgerReader:
    """An open ledger, which may have an earlier schema version. ``notes`` are warnings for the user."""

    def __init__(self, opened: Opened) -> None:
        self._database = opened.database
        self._codec = opened.codec
        self._version = opened.version
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
        parents = list(dict.fromkeys(room_ids))
        parts = [parents[first : first + _MOST_VALUES] for first in range(0, len(parents), _MOST_VALUES)]
        of_sessions = [(slots.c.kind == "session") & slots.c.parent.in_(part) for part in parts]
        of_rooms = slots.c.kind == "room"
        if chosen is not None and len(chosen.ids) + len(chosen.titles) <= _MOST_VALUES:
            of_chosen = slots.c.object_id.in_(chosen.ids) | slots.c.title.in_(chosen.titles)
            of_rooms &= of_chosen | (slots.c.id > chosen.last_row)
        service = self._of_service(api)
        found = self._rows(*(service & condition for condition in (of_rooms, *of_sessions)))
        return [row for row in found if row.slot.api == api]

    def known_ids(self, api: str, room_id: str) -> frozenset[str]:
        """Return the ids of the sessions of a room that the ledger has rows of. Keys are not decrypted."""
        in_room = (slots.c.kind == "session") & (slots.c.parent == room_id) & slots.c.object_id.is_not(None)
        chosen = sa.select(slots.c.object_id).where(self._of_service(api) & in_room)
        found, _now = self._found(*(chosen.where(needed) for needed in _NEEDED))
        return frozenset(row.object_id for row in found)

    def row_of_session(self, session_id: str) -> Row | None:
        """Return the row of a session, preferably one with a key, or None. Raise LedgerError if it is damaged."""
        of_session = (slots.c.kind == "session") & is_not_retired
        # The ids are in lower case in all but a few ledgers, and an index finds them.
        found = self._rows(of_session & slots.c.object_id.in_({session_id, session_id.lower()}))
        if not any(row.key is not None for row in found):
            found = self._rows(of_session & (sa.func.lower(slots.c.object_id) == session_id.lower()))
        # An earlier version may have written several rows for a session, under different spellings of the URL.
        row = max(found, key=lambda row: (row.key is not None, not row.damaged), default=None)
        if row is not None and row.damaged:
            raise LedgerError(damage(row))
        return row

    def entries(self) -> list[Row]:
        """Return the rows of all APIs, without retired ones, oldest first. Rows that cannot be read are marked."""
        return self._rows(is_not_retired)

    def _of_service(self, api: str) -> sa.ColumnElement[bool]:
        return slots.c.api == api if self._version >= _FIRST_NORMALISED else sa.true()

    def _rows(self, *conditions: sa.ColumnElement[bool]) -> list[Row]:
        """Return the needed rows of any of the conditions, oldest first. The conditions exclude each other."""
        needed = (condition & one for condition in conditions for one in _NEEDED)
        found, now = self._found(*(sa.select(slots).where(condition) for condition in needed))
        # On a server, a row may be retired between two of the queries. Then it is as it was before.
        by_id = {row.id: row for row in reversed(found)}
        return [self._codec.row(by_id[row_id], now) for row_id in sorted(by_id)]

    def _found(self, *statements: sa.Select[Any]) -> tuple[Sequence[sa.Row[Any]], float]:
        """Return the rows that queries find, and the ledger's time, in seconds since 1970."""

        def look(connection: sa.Connection) -> tuple[Sequence[sa.Row[Any]], float]:
            version = self._version_now(connection)
            queries = (migration.as_of(version, statement) for statement in statements)
            found = [row for query in queries for row in connection.execute(query).all()]
            return found, self._database.now(connection)

        return self._database.read(look)

    def _version_now(self, connection: sa.Connection) -> int:
        """Return the current schema version, because another run may have upgraded the ledger since it was opened."""
        if self._version == migration.newest_version():
            return self._version
        found = migration.find(connection)
        return found.version if found is not None else self._version
