# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Creates ledgers of earlier versions, in SQLite and PostgreSQL, and reads the tables of a ledger directly."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.location import LedgerSettings
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.migration import newest_version

from tests.fixtures.landed_ledger import LANDED, fernet_key, lay_down

from ..ledger_cases import opened

# The forms of earlier ledgers, and of these the last one of each version.
EARLIER = [name for name, landed in LANDED.items() if landed.version < newest_version()]
LAST_FORMS = [name for name in EARLIER if name.isdigit()]
_TO_VERSION_1 = (
    "DROP TABLE IF EXISTS meta",
    "DROP VIEW IF EXISTS one_row_per_slot",
    "ALTER TABLE tenbyte_webinar_meta RENAME TO meta",
    "ALTER TABLE tenbyte_webinar_slots RENAME TO slots",
    "DROP INDEX tenbyte_webinar_slots_by_object_id",
    "DROP INDEX tenbyte_webinar_one_row_per_slot",
    "DROP INDEX tenbyte_webinar_slots_by_parent",
    "DROP INDEX tenbyte_webinar_retired_by_slot",
    "DROP INDEX tenbyte_webinar_with_unanswered",
    "ALTER TABLE slots DROP COLUMN unanswered",
    "ALTER TABLE slots DROP COLUMN memory",
    "CREATE INDEX ix_slots_object_id ON slots (object_id)",
    "CREATE UNIQUE INDEX one_row_per_slot ON slots (api, kind, parent, title) WHERE phase NOT IN ('retired', 'spare')",
    "UPDATE meta SET value = CAST('1' AS {binary}) WHERE name = 'schema_version'",
)
_TO_VERSION_1_ON_POSTGRESQL = (
    "ALTER TABLE meta RENAME CONSTRAINT tenbyte_webinar_meta_pkey TO meta_pkey",
    "ALTER TABLE slots RENAME CONSTRAINT tenbyte_webinar_slots_pkey TO slots_pkey",
    "ALTER SEQUENCE tenbyte_webinar_slots_id_seq RENAME TO slots_id_seq",
)


@contextmanager
def tables(settings: LedgerSettings) -> Iterator[sa.Connection]:
    """Connect to the tables of a ledger without opening it, because that could upgrade it."""
    engine = sa.create_engine(settings.url)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def run_sql(settings: LedgerSettings, *statements: str) -> None:
    with tables(settings) as connection:
        for one in statements:
            connection.exec_driver_sql(one)


def names_of_tables(settings: LedgerSettings) -> set[str]:
    with tables(settings) as connection:
        return set(sa.inspect(connection).get_table_names())


def laid_down(settings: LedgerSettings, folder: Path, form: str) -> LedgerSettings:
    """Create a ledger that an earlier version wrote, as a file, or in PostgreSQL if ``settings`` name it."""
    url = lay_down(folder / "landed", landed=form)
    if settings.url.startswith("sqlite"):
        return LedgerSettings(url, key=fernet_key())
    with closing(sqlite3.connect(folder / "landed" / "ledger.sqlite3")) as connection, tables(settings) as copy:
        connection.row_factory = sqlite3.Row
        made = connection.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
        for one in sorted(made, key=lambda one: str(one["type"]), reverse=True):
            copy.exec_driver_sql(one["sql"].replace("BLOB", "BYTEA").replace("id INTEGER", "id SERIAL"))
        for name in (one["name"] for one in made if one["type"] == "table"):
            rows = connection.execute(f"SELECT * FROM {name}").fetchall()  # noqa: S608
            columns: list[sa.ColumnClause[Any]] = [sa.column(column) for column in rows[0].keys()]  # noqa: SIM118
            copy.execute(sa.insert(sa.table(name, *columns)), [dict(row) for row in rows])
            if name.endswith("slots"):
                copy.exec_driver_sql(f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), 1000)")
    return replace(settings, key=fernet_key())


def make_version_1(settings: LedgerSettings) -> None:
    """Change a ledger to schema version 1, except for the lengths of columns."""
    is_file = settings.url.startswith("sqlite")
    statements = (one.format(binary="BLOB" if is_file else "BYTEA") for one in _TO_VERSION_1)
    run_sql(settings, *statements, *(() if is_file else _TO_VERSION_1_ON_POSTGRESQL))


def version_and_columns(settings: LedgerSettings) -> tuple[int, set[str]]:
    """Return the schema version of a ledger and the column names of its table of slots, in any version."""
    with tables(settings) as connection:
        prefix = "tenbyte_webinar_" if sa.inspect(connection).has_table("tenbyte_webinar_meta") else ""
        chosen = f"SELECT value FROM {prefix}meta WHERE name = 'schema_version'"  # noqa: S608
        version = bytes(connection.exec_driver_sql(chosen).scalar_one()).decode()
        return int(version), {column["name"] for column in sa.inspect(connection).get_columns(f"{prefix}slots")}


def kept_keys(settings: LedgerSettings, *, writable: bool = False) -> dict[int | None, str]:
    """Return the keys in a ledger of ``laid_down`` by the last digits of their sessions' ids."""
    with closing(opened(settings, writable=writable)) as ledger:
        rows = [row for row in ledger.entries() if row.key is not None]
    return {int(row.object_id[-3:]) if row.object_id else None: row.key.stream_key for row in rows if row.key}


def expected_keys(form: str) -> dict[int | None, str]:
    """Return what ``kept_keys`` should return."""
    return {session: f"not-a-real-key-{key}" for session, key in LANDED[form].keys.items()}


def all_rows(settings: LedgerSettings) -> list[dict[str, Any]]:
    """Open the ledger for writing, which upgrades it. Return all rows of its table of slots."""
    opened(settings).close()
    with tables(settings) as connection:
        found = connection.exec_driver_sql("SELECT * FROM tenbyte_webinar_slots ORDER BY id").all()
    return [dict(row._mapping) for row in found]
