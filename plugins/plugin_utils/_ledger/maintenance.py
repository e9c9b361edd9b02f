# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""The maintenance of a ledger: entries are forgotten or taken in from another ledger, and its own key is changed."""

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
from .opening import Opened, open_database
from .reading import LedgerReader
from .schema import BESIDE, meta, slots


@dataclass(frozen=True)
class Rotation:
    """``count`` entries were encrypted with the new key, or would be.

    ``key_file`` is the file that the old key stays in, None where no file has the key; ``read_by`` names what else may
    read that file.
    """

    count: int
    key_file: Path | None = None
    read_by: str | None = None


class MaintainedLedger(LedgerReader):
    """An open ledger, as its maintenance uses it."""

    def __init__(self, opened: Opened, settings: LedgerSettings, redactor: Redactor) -> None:
        super().__init__(opened)
        self._settings = settings
        self._redactor = redactor
        self._keys = opened.keys
        self._owner = opened.owner
        self._commits = Commits(opened.database, allowed=opened.writable)

    def forget(self, row_ids: Iterable[int]) -> None:
        """Erase rows' keys; an intent is removed, because nothing would ever settle it."""
        chosen = slots.c.id.in_(list(row_ids))

        def erase(connection: sa.Connection) -> None:
            connection.execute(sa.delete(slots).where(chosen & (slots.c.phase == "pending")))
            changes.retire(connection, chosen, self._database.now(connection))

        self._commits.run(erase)

    def take_in(self, rows: Sequence[PortableRow]) -> list[Change]:
        """Add what another ledger knows and this one does not; return what that changed.

        Raise InvalidInput, with nothing changed, where a session has one key here and another there.
        """
        done: list[Change] = []

        def merge(connection: sa.Connection) -> None:
            now = self._database.now(connection)
            # Read within the transaction: what is decided stays true until it is committed.
            found = connection.execute(sa.select(slots).where(slots.c.phase != "retired")).all()
            decided = merging.changes([self._codec.row(row, now) for row in found], rows)
            for change in decided:
                self._take_in(connection, change, now)
            # An attempt whose acknowledgement was lost has done the work, and the one after it found nothing to do.
            done[:] = decided or done

        self._commits.run(merge)
        return done

    def rotate_key(self) -> Rotation:
        """Encrypt all entries with a new key.

        Where the keys are in a file, a new one is put first in it; else the first of those that are given is the new
        one. Raise LedgerError where the ledger has a newer key than all that are given.
        """
        self._require_newest_key(self._database.read(migration.stored_meta))
        path, in_file, counts = self._key_file(), list[str](), [0]

        def rotate(connection: sa.Connection) -> None:
            stored, known = migration.stored_meta(connection), list(self._keys)
            if path is not None:
                # Once: an attempt whose acknowledgement was lost may have committed what it did with the new key.
                in_file[:] = in_file or rotation.add_key_to_file(path, known, stored, self._redactor)
                known = [*in_file, *(key for key in known if key not in in_file)]
            has_copies = path is not None and self._settings.key_file is not None
            now = self._database.now(connection)
            counts.append(rotation.rotate(connection, known, stored, self._redactor, now, has_copies=has_copies))

        self._commits.run(rotate)
        # An attempt whose acknowledgement was lost has done the work, and the one after it found nothing to do.
        return self._rotation(max(counts))

    def would_rotate_key(self) -> Rotation:
        """Return what ``rotate_key`` would do, and change nothing."""
        stored = {row.name: bytes(row.value) for row in self._found(sa.select(meta))[0]}
        self._require_newest_key(stored)
        makes_one = self._key_file() is not None and not rotation.is_unfinished(self._keys, stored)
        first = rotation.new_key(self._redactor) if makes_one else self._keys[0]
        secrets = [bytes(row.secret) for row in self._found(rotation.SECRETS_OF_ENTRIES)[0]]
        return self._rotation(rotation.count_to_reencrypt(first, stored, secrets))

    def _require_newest_key(self, stored: dict[str, bytes]) -> None:
        if rotation.are_outdated(self._keys, stored):
            raise LedgerError(
                f"The ledger's key was changed on another controller. {self.notes[-1] if self.notes else ''} Then run "
                "again, if you want another change."
            )

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
            # What was to be removed there is so here; what has lost its slot to another one is not for that reason.
            phase="beside" if change.action == "beside" and row.phase not in BESIDE else row.phase,
            seen_ids=json.dumps(list(row.seen_ids)),
            unanswered=row.unanswered,
            owner=self._owner,
            **self._codec.key_columns(row.key),
        )


def open_for_maintenance(
    settings: LedgerSettings, redactor: Redactor, owner: str, *, writable: bool
) -> MaintainedLedger | None:
    """Open the ledger, as ``store.open_ledger`` does."""
    opened = open_database(settings, redactor, owner, writable=writable)
    return MaintainedLedger(opened, settings, redactor) if opened is not None else None
