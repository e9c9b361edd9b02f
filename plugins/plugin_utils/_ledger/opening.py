# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Opens a ledger: keys, database and schema. Checks that it can be used, before the first call to the service."""

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
from .rotation import all_keys_of, are_outdated, current_first, drop_former_keys
from .rows import Codec
from .schema import meta


@dataclass(frozen=True)
class Opened:
    """The open database of a ledger, with its keys and its owner (this run). ``notes`` are warnings for the user."""

    database: Database
    version: int
    codec: Codec
    keys: Sequence[str] = field(repr=False)
    owner: str
    writable: bool
    notes: tuple[str, ...] = ()
    # Whether this opening has upgraded the schema.
    upgraded: bool = False


@dataclass(frozen=True)
class _Opening:
    """Creates or upgrades the schema, and checks that the keys decrypt the ledger."""

    database: Database
    keys: Sequence[str] = field(repr=False)
    redactor: Redactor
    owner: str
    writable: bool
    notes: tuple[str, ...]

    def run(self, connection: sa.Connection) -> Opened | None:
        """Return None if there is no ledger and none may be created."""
        found = migration.find(connection)
        if found is None:
            if not self.writable:
                return None
            found = self._new(connection)
        version, stored = found.version, found.values
        cipher = Cipher(current_first(all_keys_of(self.keys, stored, self.redactor), stored))
        fingerprint_key = str(cipher.decrypt(stored.get("fingerprint_key", b""))["fingerprint_key"])
        upgraded = self.writable and version != migration.newest_version()
        if self.writable:
            now = self.database.now(connection)
            migration.upgrade(connection, version, now)
            version = migration.newest_version()
            migration.ensure_one_row_per_slot(connection)
            drop_former_keys(connection, self.keys, stored, self.redactor, now)
            # This write changes nothing. A read-only or full disk makes it fail, before any POST.
            connection.execute(sa.update(meta).values(value=meta.c.value))
        codec = Codec(cipher, fingerprint_key, self.redactor, self.owner)
        notes = (*self.notes, *([KEY_CHANGED_ELSEWHERE] if are_outdated(self.keys, stored) else []))
        return Opened(self.database, version, codec, self.keys, self.owner, self.writable, notes, upgraded)

    def _new(self, connection: sa.Connection) -> migration.Found:
        """Create the tables of a new ledger, and fill its table ``meta``."""
        migration.create_tables(connection)
        version = migration.newest_version()
        values = {
            "schema_version": str(version).encode(),
            "fingerprint_key": Cipher(self.keys).encrypt({"fingerprint_key": new_fingerprint_key()}),
        }
        connection.execute(sa.insert(meta), [{"name": name, "value": value} for name, value in values.items()])
        return migration.Found(version, values)


# Seconds to wait for a run of an earlier version: longer than its lease, unless its time-out option is longer.
LONGEST_WAIT = 60.0
WAIT = 0.5
KEY_CHANGED_ELSEWHERE = (
    "The ledger's key was changed on another controller. The key that is given here is the old one: it opens the "
    "ledger only until it is taken out of the key file of that controller. Copy the ledger_key_file of that controller "
    "to this one, or give its first key."
)


def open_database(settings: LedgerSettings, redactor: Redactor, owner: str, *, writable: bool) -> Opened | None:
    """Open the ledger. Return None if it does not exist and may not be written.

    Raise InvalidInput or LedgerError if it, its folder or its key cannot be used.
    """
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
    # Raises InvalidInput if a text is not a key, before the database is opened.
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
    """Open the ledger. Wait for a run of an earlier version that is creating something, before the upgrade."""
    give_up = time.monotonic() + LONGEST_WAIT
    while True:
        try:
            return database.open(opening.run, writes=opening.writable)
        except migration.InUse:
            if time.monotonic() > give_up:
                raise
        time.sleep(WAIT)
