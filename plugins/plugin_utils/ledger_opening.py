# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Opens a ledger: its keys, its database, its schema, and the proof that it can be used, before anything is called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from . import ledger_location, ledger_schema
from .ledger_database import Database
from .ledger_location import LedgerSettings
from .ledger_rotation import drop_former_keys, with_former_keys
from .ledger_rows import Codec
from .ledger_schema import meta
from .secrecy import Cipher, Redactor, new_fingerprint_key


@dataclass(frozen=True)
class Opened:
    """A ledger's database, ready for use, and what is needed to use it."""

    database: Database
    version: int
    codec: Codec
    keys: Sequence[str] = field(repr=False)
    writable: bool


@dataclass(frozen=True)
class _Opening:
    """Creates or upgrades the schema, and proves that encryption works both ways."""

    database: Database
    keys: Sequence[str] = field(repr=False)
    redactor: Redactor
    owner: str
    writable: bool

    def run(self, connection: sa.Connection) -> Opened | None:
        """Return None where there is no ledger and none may be made."""
        if not ledger_schema.exists(connection):
            if not self.writable:
                return None
            ledger_schema.create_tables(connection)
        stored = ledger_schema.stored_meta(connection)
        if not stored:
            if not self.writable:
                return None
            stored["schema_version"] = str(ledger_schema.newest_version()).encode()
            stored["fingerprint_key"] = Cipher(self.keys).encrypt({"fingerprint_key": new_fingerprint_key()})
            rows = [{"name": name, "value": value} for name, value in stored.items()]
            connection.execute(sa.insert(meta), rows)
        version = ledger_schema.version_of(stored.get("schema_version"))
        cipher = Cipher(with_former_keys(self.keys, stored, self.redactor))
        fingerprint_key = str(cipher.decrypt(stored.get("fingerprint_key", b""))["fingerprint_key"])
        if self.writable:
            ledger_schema.upgrade(connection, version)
            version = ledger_schema.newest_version()
            drop_former_keys(connection, self.keys, stored, self.database.now(connection))
            # A write that changes nothing: a read-only or full disk is found here, before any POST.
            connection.execute(sa.update(meta).values(value=meta.c.value))
        codec = Codec(cipher, fingerprint_key, self.redactor, self.owner)
        return Opened(self.database, version, codec, self.keys, self.writable)


def open_database(settings: LedgerSettings, redactor: Redactor, owner: str, *, writable: bool) -> Opened | None:
    """Open the ledger; return None where it may not be written and does not exist yet."""
    if not ledger_location.may_exist(settings):
        ledger_location.check_can_be_created(settings)
        if not writable:
            return None
    keys = ledger_location.prepare_keys(settings, redactor, create=writable)
    # Before the database is touched: keys that are none are the user's mistake.
    Cipher(keys)
    database = Database(settings, redactor, create=writable)
    try:
        if writable:
            database.check_space()
        opened = database.open(_Opening(database, keys, redactor, owner, writable).run, writes=writable)
    except BaseException:
        database.close()
        raise
    if opened is None:
        database.close()
    return opened
