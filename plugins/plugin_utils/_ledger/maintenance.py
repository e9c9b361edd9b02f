# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Maintenance of a ledger: forget entries, take in entries of another ledger, and change the ledger's key."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from .._core.errors import LedgerError
from .._core.secrecy import Redactor
from . import changes, keys, location, merging, migration, rotation
from .commits import Commits
from .location import LedgerSettings
from .merging import Change, PortableRow
from .opening import KEY_CHANGED_ELSEWHERE, Opened, open_database
from .reading import LedgerReader, Query
from .schema import BESIDE, is_not_retired, meta, slots


@dataclass(frozen=True)
class Rotation:
    """A change of the ledger's key: ``count`` entries were encrypted with the new key, or would be in check mode.

    ``key_file``: the file in which the old key stays, None if the key is given as an option. ``read_by``: a phrase that
    names other users of that file.
    """

    count: int
    key_file: Path | None = None
    read_by: str | None = None


class MaintainedLedger(LedgerReader):
    """An open ledger with the methods for its maintenance."""

    def __init__(self, opened: Opened, settings: LedgerSettings, redactor: Redactor) -> None:
        super().__init__(opened)
        self._settings = settings
        self._redactor = redactor
        self._keys = opened.keys
        self._owner = opened.owner
        self._commits = Commits(opened.database, allowed=opened.writable)

    def forget(self, row_ids: Iterable[int]) -> None:
        """Erase the keys of rows. Delete intents (pending rows): as retired rows, no run would resolve them."""
        chosen = slots.c.id.in_(list(row_ids))

        def erase(connection: sa.Connection) -> None:
            connection.execute(sa.delete(slots).where(chosen & (slots.c.phase == "pending")))
            changes.retire(connection, chosen, self._database.now(connection))

        self._commits.run(erase)

    def take_in(self, rows: Sequence[PortableRow]) -> list[Change]:
        """Add the rows and keys of another ledger that this one does not have. Return the changes.

        Raise InvalidInput, with nothing changed, if the two ledgers have different keys for one session.
        """
        done: list[Change] = []

        def merge(connection: sa.Connection) -> None:
            now = self._database.now(connection)
            # Read in the transaction, so that no other run changes these rows before the commit.
            found = connection.execute(sa.select(slots).where(is_not_retired)).all()
            decided = merging.changes([self._codec.row(row, now) for row in found], rows)
            for change in decided:
                self._take_in(connection, change, now)
            # If only an attempt's acknowledgement was lost, the next attempt finds nothing to change.
            done[:] = decided or done

        self._commits.run(merge)
        return done

    def rotate_key(self) -> Rotation:
        """Encrypt all entries with a new key.

        If the keys are in a file, a new key is added as its first. Otherwise the first given key is the new one. Raise
        LedgerError if the ledger has a newer key than all that are given.
        """
        self._require_newest_key(self._database.read(migration.stored_meta))
        path, in_file, counts = self._key_file(), list[str](), [0]

        def rotate(connection: sa.Connection) -> None:
            stored, known = migration.stored_meta(connection), list(self._keys)
            if path is not None:
                # Only once: an earlier attempt may have committed with the new key before its acknowledgement was lost.
                in_file[:] = in_file or rotation.add_key_to_file(path, known, stored, self._redactor)
                known = [*in_file, *(key for key in known if key not in in_file)]
            has_copies = path is not None and self._settings.key_file is not None
            now = self._database.now(connection)
            counts.append(rotation.rotate(connection, known, stored, self._redactor, now, has_copies=has_copies))

        self._commits.run(rotate)
        # If only an attempt's acknowledgement was lost, the next attempt counts nothing.
        return self._rotation(max(counts))

    def would_rotate_key(self) -> Rotation:
        """Return the result that ``rotate_key`` would have. Changes nothing."""
        stored = {row.name: bytes(row.value) for row in self._found(Query(sa.select(meta)))[0]}
        self._require_newest_key(stored)
        makes_one = self._key_file() is not None and not rotation.is_unfinished(self._keys, stored)
        first = rotation.new_key(self._redactor) if makes_one else self._keys[0]
        secrets = [bytes(row.secret) for row in self._found(Query(rotation.SECRETS_OF_ENTRIES))[0]]
        return self._rotation(rotation.count_to_reencrypt(first, stored, secrets))

    def _require_newest_key(self, stored: dict[str, bytes]) -> None:
        if rotation.are_outdated(self._keys, stored):
            raise LedgerError(f"{KEY_CHANGED_ELSEWHERE} Then run again, if you want another change.")

    def _key_file(self) -> Path | None:
        return None if self._settings.key else location.key_file(self._settings)

    def _rotation(self, count: int) -> Rotation:
        path = self._key_file()
        return Rotation(count, path, keys.others_that_read(path, self._settings) if path is not None else None)

    def _take_in(self, connection: sa.Connection, change: Change, now: float) -> None:
        row = change.row
        if change.action == "filled":
            phase = sa.case((slots.c.phase.in_(BESIDE), slots.c.phase), else_="created")
            filled = sa.update(slots).where(slots.c.id == change.row_id)
            connection.execute(filled.values(**self._codec.key_columns(row.key), phase=phase, updated_at=now))
            return
        changes.insert(
            connection,
            row.slot,
            now,
            object_id=row.object_id,
            # Runs remove a session that is "replaced" or "spare". If only its slot is taken, it becomes "beside", which
            # no run removes.
            phase="beside" if change.action == "beside" and row.phase not in BESIDE else row.phase,
            seen_ids=json.dumps(list(row.seen_ids)),
            unanswered=row.unanswered,
            owner=self._owner,
            **self._codec.key_columns(row.key),
        )


def open_for_maintenance(
    settings: LedgerSettings, redactor: Redactor, owner: str, *, writable: bool
) -> MaintainedLedger | None:
    """Open the ledger for maintenance. Return None and raise as ``store.open_ledger`` does."""
    opened = open_database(settings, redactor, owner, writable=writable)
    return MaintainedLedger(opened, settings, redactor) if opened is not None else None
