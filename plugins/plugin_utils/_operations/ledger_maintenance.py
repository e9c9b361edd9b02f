# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""The operations of the action ``ledger``: list, verify, forget, rotate, export and import."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

from .._core.errors import InvalidInput, LedgerError
from .._core.secrecy import Redactor
from .._ledger import location, merging
from .._ledger.lease_owner import new_owner
from .._ledger.location import LedgerSettings
from .._ledger.maintenance import MaintainedLedger, Rotation, open_for_maintenance
from .._ledger.merging import Change, PortableRow
from .._ledger.rows import Row
from .._service.api import WebinarApi
from .._service.transport import Connection, Transport
from .export_file import ExportFile
from .ledger_check import Checked, check_ledger
from .ledger_transfer import exported


@dataclass(frozen=True)
class Fingerprinted:
    """A row of an export with the fingerprint of its key; None where it has no key or there is no ledger yet."""

    row: PortableRow
    fingerprint: str | None


@dataclass(frozen=True)
class Export:
    """The rows of the file, before and after."""

    before: tuple[Fingerprinted, ...]
    after: tuple[Fingerprinted, ...]
    changed: bool


@dataclass(frozen=True)
class Imported:
    """What importing a row of an export changes, and the row."""

    change: Change
    shown: Fingerprinted


@dataclass
class LedgerMaintenance:
    """Operations on the ledger that ``settings`` name. In check mode they change nothing.

    Each opens the ledger. It raises InvalidInput or LedgerError where it cannot be completed; nothing has changed then.
    ``notes`` are messages for the user from opening the ledger.
    """

    settings: LedgerSettings
    redactor: Redactor
    check_mode: bool
    notes: tuple[str, ...] = field(default=(), init=False)

    def entries(self) -> list[Row]:
        """Return all rows; an empty list where there is no ledger yet."""
        with self._opened(writes=False) as ledger:
            return ledger.entries() if ledger is not None else []

    def check(self, connection: Connection) -> list[Checked]:
        """Compare the ledger with the service."""
        rows = self.entries()
        with closing(Transport(connection, self.redactor)) as transport:
            return check_ledger(WebinarApi(transport), rows, connection.concurrency)

    def forget(self, session_ids: Collection[str], row_ids: Collection[int]) -> list[Row]:
        """Erase the keys of these sessions (ids in lower case) and of these rows. Return the rows as they were."""
        with self._opened(writes=True) as ledger:
            chosen = [
                row
                for row in (ledger.entries() if ledger is not None else [])
                if row.id in row_ids or (row.slot.kind == "session" and (row.object_id or "").lower() in session_ids)
            ]
            for row in chosen:
                if row.leased:
                    raise InvalidInput(
                        f"entry {row.id}, '{row.slot.title}': another run is just creating it. Run again when that has "
                        "ended."
                    )
            if chosen and ledger is not None and not self.check_mode:
                ledger.forget([row.id for row in chosen])
            return chosen

    def rotate_key(self) -> Rotation:
        """Encrypt the rows with a new key of the ledger; in check mode, return what that would do."""
        with self._opened(writes=True) as opened:
            ledger = self._existing(opened)
            return ledger.would_rotate_key() if self.check_mode else ledger.rotate_key()

    def export(self, file: ExportFile) -> Export:
        """Write all rows to a file, unless it has the same rows already."""
        with self._opened(writes=False) as opened:
            ledger = self._existing(opened)
            rows = ledger.entries()
            damaged = [str(row.id) for row in rows if row.damaged]
            if damaged:
                raise LedgerError(
                    f"The ledger's entries {', '.join(damaged)} cannot be read, so an export would lack their keys. "
                    "Forget them (operation: forget), or give the key that they were written with."
                )
            before, after = file.rows, exported(rows)
            if before != after and not self.check_mode:
                file.write(after)
            shown = [tuple(_fingerprinted(row, ledger) for row in listed) for listed in (before or [], after)]
            return Export(shown[0], shown[1], before != after)

    def import_from(self, file: ExportFile) -> list[Imported]:
        """Add the rows of a file that the ledger does not have."""
        rows = file.rows or []
        for row in rows:
            self.redactor.learn(row.key.stream_key if row.key else None)
        with self._opened(writes=True, may_create=True) as ledger:
            if ledger is None or self.check_mode:
                changes = merging.changes(ledger.entries() if ledger is not None else [], rows)
            else:
                changes = ledger.take_in(rows)
            return [Imported(change, _fingerprinted(change.row, ledger)) for change in changes]

    @contextmanager
    def _opened(self, *, writes: bool, may_create: bool = False) -> Iterator[MaintainedLedger | None]:
        """Open the ledger, and close it afterwards. Yield None where there is none and none may be created."""
        if location.is_file(self.settings):
            # Raises an error where there is no home folder, and so no default path of the ledger.
            location.database_file(self.settings)
        ledger = None
        if may_create or location.may_exist(self.settings):
            writable = writes and not self.check_mode
            ledger = open_for_maintenance(self.settings, self.redactor, new_owner(), writable=writable)
        if ledger is None:
            yield None
            return
        self.notes = ledger.notes
        with closing(ledger):
            yield ledger

    def _existing(self, ledger: MaintainedLedger | None) -> MaintainedLedger:
        if ledger is None:
            raise LedgerError(
                f"ledger_url: there is no ledger at {location.shown(self.settings)} yet. Name the ledger that "
                "the sessions were created with."
            )
        return ledger


def _fingerprinted(row: PortableRow, ledger: MaintainedLedger | None) -> Fingerprinted:
    key = row.key if ledger is not None else None
    return Fingerprinted(row, ledger.fingerprint(key.stream_key) if ledger is not None and key is not None else None)
