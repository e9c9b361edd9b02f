# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Opens a ledger: its keys, its database, its schema, and the proof that it can be used, before anything is called."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from .._core.secrecy import Cipher, Redactor, new_fingerprint_key
from . import location, migration
from .database import Database
from .keys import check_keys, prepare_keys
from .location import LedgerSettings
from .rotation import drop_former_keys, are_outdated, all_keys_of
from .rows import Codec
from .schema import meta


@dataclass(frozen=True)
class Opened:
    """A ledger's database, ready for use, and what is needed to use it; ``notes`` are warnings for the user."""

    database: Database
    version: int
    codec: Codec
    keys: Sequence[str] = field(repr=False)
    owner: str
    writable: bool
    notes: tuple[str, ...] = ()
    # Whether the schema was brought to the newest version just now.
    upgraded: bool = False


@dataclass(frozen=True)
class _Opening:
    """Creates or upgrades the schema, and proves that encryption works both ways."""

    database: Database
    keys: Sequence[str] = field(repr=False)
    redactor: Redactor
    owner: str
    writable: bool
    notes: tuple[str, ...]

    def run(self, connection: sa.Connection) -> Opened | None:
        """Return None where there is no ledger and none may be made."""
        found = migration.find(connection)
        if found is None:
            if not self.writable:
                return None
            found = self._new(connection)
        version, stored = found.version, found.values
        cipher = Cipher(all_keys_of(self.keys, stored, self.redactor))
        fingerprint_key = str(cipher.decrypt(stored.get("fingerprint_key", b""))["fingerprint_key"])
        upgraded = self.writable and version != migration.newest_version()
        if self.writable:
            now = self.database.now(connection)
            migration.upgrade(connection, version, now)
            version = migration.newest_version()
            drop_former_keys(connection, self.keys, stored, self.redactor, now)
            # A write that changes nothing: a read-only or full disk is found here, before any POST.
            connection.execute(sa.update(meta).values(value=meta.c.value))
        codec = Codec(cipher, fingerprint_key, self.redactor, self.owner)
        notes = (*self.notes, *([_REPLACED] if are_outdated(self.keys, stored) else []))
        return Opened(self.database, version, codec, self.keys, self.owner, self.writable, notes, upgraded)

    def _new(self, connection: sa.Connection) -> migration.Found:
        """Make the tables of a new ledger, and what its table ``meta`` holds."""
        migration.create_tables(connection)
        version = migration.newest_version()
        values = {
            "schema_version": str(version).encode(),
            "fingerprint_key": Cipher(self.keys).encrypt({"fingerprint_key": new_fingerprint_key()}),
        }
        connection.execute(sa.insert(meta), [{"name": name, "value": value} for name, value in values.items()])
        return migration.Found(version, values)


# Seconds to wait for a run of an earlier version: longer than its lease, unless it was given a longer time-out.
LONGEST_WAIT = 60.0
WAIT = 0.5
_REPLACED = (
    "The ledger's key was changed on another controller, and the one that is given here opens it only until it is "
    "taken out there. Copy the ledger_key_file of that controller to this one, or give its first key."
)


def open_database(settings: LedgerSettings, redactor: Redactor, owner: str, *, writable: bool) -> Opened | None:
    """Open the ledger; return None where it may not be written and does not exist yet."""
    notes: tuple[str, ...] = ()
    if not location.may_exist(settings):
        location.check_can_be_created(settings)
        if not writable:
            check_keys(settings, redactor)
            return None
        warning = location.container_warning(settings)
        notes = (warning,) if warning else ()
    elif location.is_file(settings):
        location.check_file(settings)
    keys = prepare_keys(settings, redactor, create=writable)
    # Before the database is touched: keys that are none are the user's mistake.
    Cipher(keys)
    database = Database(settings, redactor, create=writable)
    try:
        if writable:
            database.check_space()
        opening = _Opening(database, keys, redactor, owner, writable, notes)
        opened = _open(database, opening)
        if opened is not None and opened.upgraded:
            database.reclaim()
    except BaseException:
        database.close()
        raise
    if opened is None:
        database.close()
    return opened


def _open(database: Database, opening: _Opening) -> Opened | None:
    """Open the ledger; where that would upgrade it under a run of an earlier version, wait for that run's lease."""
    give_up = time.monotonic() + LONGEST_WAIT
    while True:
        try:
            return database.open(opening.run, writes=opening.writable)
        except migration.InUse:
            if time.monotonic() > give_up:
                raise
        time.sleep(WAIT)
