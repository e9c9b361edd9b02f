# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ledger's tables, and the way from each earlier version of them to this one.

To change them: change the tables below, and append a Migration that does the same to a ledger that exists. The version
follows from the number of migrations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from .errors import LedgerError

METADATA = sa.MetaData()
meta = sa.Table(
    "meta",
    METADATA,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("value", sa.LargeBinary, nullable=False),
)
# What comes from the service has no length here: PostgreSQL would refuse a longer id when its key is already seen.
slots = sa.Table(
    "slots",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("api", sa.Text, nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("parent", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("object_id", sa.Text, index=True),
    sa.Column("phase", sa.String(16), nullable=False),
    sa.Column("secret", sa.LargeBinary),
    sa.Column("fingerprint", sa.String(64)),
    sa.Column("seen_ids", sa.Text, nullable=False),
    # JSON of what is in doubt (doubts.py), null where nothing is.
    sa.Column("doubt", sa.Text),
    sa.Column("owner", sa.String(160)),
    sa.Column("lease_until", sa.Float, nullable=False),
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("updated_at", sa.Float, nullable=False),
)
holds_slot = slots.c.phase.not_in(["retired", "spare"])
sa.Index(
    "one_row_per_slot",
    slots.c.api,
    slots.c.kind,
    slots.c.parent,
    slots.c.title,
    unique=True,
    sqlite_where=holds_slot,
    postgresql_where=holds_slot,
)


@dataclass(frozen=True)
class Migration:
    """From one version to the next: columns of ``slots`` to add, which must allow null, and what else is to be done.

    ``step`` runs in the same transaction, after the columns were added.
    """

    adds: tuple[sa.Column[Any], ...] = ()
    step: Callable[[sa.Connection], object] | None = None


# The first leads from version 1 to version 2, and so on.
MIGRATIONS: tuple[Migration, ...] = (Migration(adds=(sa.Column("doubt", sa.Text),)),)


def newest_version() -> int:
    return 1 + len(MIGRATIONS)


def create_tables(connection: sa.Connection) -> None:
    METADATA.create_all(connection)


def exists(connection: sa.Connection) -> bool:
    return sa.inspect(connection).has_table("meta")


def stored_meta(connection: sa.Connection) -> dict[str, bytes]:
    return {row.name: bytes(row.value) for row in connection.execute(sa.select(meta.c.name, meta.c.value))}


def version_of(stored: bytes | None) -> int:
    """Return a ledger's version; raise LedgerError where this version of the collection does not know it."""
    text = (stored or b"?").decode(errors="replace")
    if not text.isdigit() or not 1 <= int(text) <= newest_version():
        raise LedgerError(
            f"The ledger has schema version {text[:20]}; this version of the collection knows {newest_version()}. Use "
            "the version of the collection that wrote it, or a newer one."
        )
    return int(text)


def upgrade(connection: sa.Connection, version: int) -> None:
    """Bring the tables of a ledger from ``version`` to the newest one, within the caller's transaction."""
    if version == newest_version():
        return
    for migration in MIGRATIONS[version - 1 :]:
        for column in migration.adds:
            definition = sa.schema.CreateColumn(column).compile(dialect=connection.dialect)
            connection.exec_driver_sql(f"ALTER TABLE {slots.name} ADD COLUMN {definition}")
        if migration.step is not None:
            migration.step(connection)
    newest = str(newest_version()).encode()
    connection.execute(sa.update(meta).where(meta.c.name == "schema_version").values(value=newest))


def select_slots(version: int) -> sa.Select[Any]:
    """Select every column of ``slots``, null for those that a ledger of an older version, open for reading, lacks."""
    missing = {column.name for migration in MIGRATIONS[version - 1 :] for column in migration.adds}
    columns = [sa.null().label(column.name) if column.name in missing else column for column in slots.c]
    return sa.select(*columns)
