# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ledgers of other versions: reading leaves older ones as they are, writing upgrades them, newer ones are refused."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import pytest
import sqlalchemy as sa
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import LedgerError
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import Redactor
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger import migration
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.lease_owner import new_owner
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.location import LedgerSettings
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.migration import MIGRATIONS, Migration
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.schema import meta, slots
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import Claim, open_ledger
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.unanswered import Unanswered

from ..ledger_cases import SLOT, both_databases, claimed, new_key, opened
from .earlier_ledgers import make_version_1, names_of_tables, run_sql, tables, version_and_columns

pytestmark = both_databases


def set_version(settings: LedgerSettings, version: int) -> None:
    with tables(settings) as connection:
        connection.execute(sa.update(meta).where(meta.c.name == "schema_version").values(value=str(version).encode()))


def test_reading_leaves_an_older_ledger_as_it_is_and_writing_upgrades_it(
    ledger_settings: LedgerSettings,
) -> None:
    ledger, key = opened(ledger_settings), new_key()
    ledger.keep(claimed(ledger), "created", "s1", key)
    ledger.close()
    make_version_1(ledger_settings)
    before = version_and_columns(ledger_settings)
    assert before[0] == 1
    reader = opened(ledger_settings, writable=False)
    (row,) = reader.rows(SLOT.api, [SLOT.parent])
    assert (row.object_id, row.key, row.unanswered) == ("s1", key, Unanswered.none())
    reader.close()
    assert version_and_columns(ledger_settings) == before
    writer = opened(ledger_settings)
    (row,) = writer.rows(SLOT.api, [SLOT.parent])
    assert (row.object_id, row.key) == ("s1", key)
    assert isinstance(writer.claim(SLOT, [], 60.0, over_ids=["s1"]), Claim)
    writer.close()
    newest = migration.newest_version()
    assert version_and_columns(ledger_settings) == (newest, {column.name for column in slots.c})


def test_an_older_ledger_that_was_opened_for_reading_cannot_be_written(ledger_settings: LedgerSettings) -> None:
    opened(ledger_settings).close()
    make_version_1(ledger_settings)
    reader = opened(ledger_settings, writable=False)
    with pytest.raises(LedgerError, match="opened for reading only"):
        reader.claim(SLOT, [], 60.0)
    reader.close()


def test_a_failed_upgrade_does_not_change_the_older_ledger(
    ledger_settings: LedgerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, key = opened(ledger_settings), new_key()
    ledger.keep(claimed(ledger), "created", "s1", key)
    ledger.close()
    before = version_and_columns(ledger_settings)

    def fail(connection: sa.Connection) -> None:
        connection.exec_driver_sql("UPDATE tenbyte_webinar_slots SET title = 'half done'")
        connection.exec_driver_sql("SELECT * FROM no_such_table")

    failing = (*MIGRATIONS, Migration(adds=(sa.Column("future", sa.Text),), step=fail))
    monkeypatch.setattr(migration, "MIGRATIONS", failing)
    with pytest.raises(LedgerError, match="cannot be opened"):
        opened(ledger_settings)
    monkeypatch.setattr(migration, "MIGRATIONS", MIGRATIONS)
    assert version_and_columns(ledger_settings) == before
    reader = opened(ledger_settings)
    (row,) = reader.rows(SLOT.api, [SLOT.parent])
    assert (row.slot, row.key) == (SLOT, key)
    reader.close()


def test_a_newer_schema_is_refused(ledger_settings: LedgerSettings) -> None:
    opened(ledger_settings).close()
    set_version(ledger_settings, 99)
    for writable in (True, False):
        with pytest.raises(LedgerError, match=r"schema version 99; .* knows \d+"):
            open_ledger(ledger_settings, Redactor(), new_owner(), writable=writable)


def test_tables_of_another_application_are_not_mistaken_for_a_ledger(ledger_settings: LedgerSettings) -> None:
    opened(ledger_settings).close()
    run_sql(
        ledger_settings,
        *("DROP TABLE tenbyte_webinar_slots", "DROP TABLE tenbyte_webinar_meta", "DROP TABLE IF EXISTS meta"),
        "CREATE TABLE meta (name VARCHAR(64) PRIMARY KEY, value VARCHAR(64))",
        "CREATE TABLE slots (id INTEGER PRIMARY KEY, title VARCHAR(64))",
        "INSERT INTO meta VALUES ('schema_version', '3'), ('fingerprint_key', 'theirs')",
    )
    assert open_ledger(ledger_settings, Redactor(), new_owner(), writable=False) is None
    ledger, key = opened(ledger_settings), new_key()
    ledger.keep(claimed(ledger), "created", "s1", key)
    ledger.close()
    with closing(opened(ledger_settings, writable=False)) as ledger:
        assert [row.key for row in ledger.entries()] == [key]
    assert names_of_tables(ledger_settings) == {"meta", "slots", "tenbyte_webinar_meta", "tenbyte_webinar_slots"}
    with tables(ledger_settings) as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM meta").scalar_one() == 2


@pytest.mark.parametrize("make", [lambda _settings: None, make_version_1], ids=["new", "upgraded"])
def test_all_names_in_the_database_have_the_prefix_of_the_ledger(
    ledger_settings: LedgerSettings, make: Callable[[LedgerSettings], None]
) -> None:
    opened(ledger_settings).close()
    make(ledger_settings)
    opened(ledger_settings).close()
    with tables(ledger_settings) as connection:
        of_all = "SELECT name FROM sqlite_master WHERE type IN ('table', 'index', 'view')"
        if connection.dialect.name == "postgresql":
            of_all = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        names = {name.removeprefix("sqlite_autoindex_") for (name,) in connection.exec_driver_sql(of_all)}
    # The exceptions keep earlier versions from creating a ledger: a table in a file, a view in a server's database.
    assert {name for name in names if not name.startswith("tenbyte_webinar_")} <= {
        "meta",
        "meta_1",
        "meta_pkey",
        "one_row_per_slot",
    }


def test_a_ledger_in_a_shared_database_leaves_the_name_meta_free(ledger_settings: LedgerSettings) -> None:
    opened(ledger_settings).close()
    own = ("tenbyte_webinar_slots", "tenbyte_webinar_meta", "IF EXISTS meta")
    run_sql(ledger_settings, *(f"DROP TABLE {name}" for name in own), "CREATE TABLE talks (id INTEGER)")
    opened(ledger_settings).close()
    assert names_of_tables(ledger_settings) == {"talks", "tenbyte_webinar_meta", "tenbyte_webinar_slots"}
    run_sql(ledger_settings, "CREATE TABLE meta (id INTEGER)")
    opened(ledger_settings).close()


def test_the_marker_for_earlier_versions_may_be_dropped(ledger_settings: LedgerSettings) -> None:
    opened(ledger_settings).close()
    run_sql(ledger_settings, "DROP TABLE IF EXISTS meta")
    opened(ledger_settings).close()
    assert names_of_tables(ledger_settings) == {"tenbyte_webinar_meta", "tenbyte_webinar_slots"}
