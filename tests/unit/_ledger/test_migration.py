# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ledgers of other versions: older ones are read as they are and upgraded by who writes, newer ones left alone."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import LedgerError
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import Redactor
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger import schema
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.lease_owner import new_owner
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.location import LedgerSettings
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.schema import MIGRATIONS, Migration, meta, slots
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import Claim, open_ledger
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.unanswered import Unanswered

from ..ledger_cases import SLOT, both_databases, claimed, new_key, opened, written

pytestmark = both_databases


def run_sql(settings: LedgerSettings, *statements: str) -> None:
    ledger = opened(settings)
    ledger.commit(lambda connection, _now: [connection.exec_driver_sql(one) for one in statements])
    ledger.close()


def set_version(settings: LedgerSettings, version: int) -> None:
    ledger = opened(settings)
    changed = sa.update(meta).where(meta.c.name == "schema_version").values(value=str(version).encode())
    written(ledger, changed)
    ledger.close()


def make_version_1(settings: LedgerSettings) -> None:
    """Turn a ledger into what the first version made, except for the lengths of columns."""
    added = [column.name for migration in MIGRATIONS for column in migration.adds]
    run_sql(settings, *(f"ALTER TABLE slots DROP COLUMN {name}" for name in added))
    set_version(settings, 1)


def version_and_columns(settings: LedgerSettings) -> tuple[int, set[str]]:
    ledger = opened(settings, writable=False)

    def look(connection: sa.Connection) -> tuple[int, set[str]]:
        stored = schema.stored_meta(connection)
        names = {column["name"] for column in sa.inspect(connection).get_columns("slots")}
        return int(stored["schema_version"]), names

    found = ledger.look(look)
    ledger.close()
    return found


def test_an_older_ledger_is_read_as_it_is_and_upgraded_by_the_first_run_that_writes(
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
    assert isinstance(writer.claim(SLOT, [], 60.0, gone_ids=["s1"]), Claim)
    writer.close()
    newest = schema.newest_version()
    assert version_and_columns(ledger_settings) == (newest, {column.name for column in slots.c})


def test_a_run_that_opened_an_older_ledger_for_reading_cannot_write_to_it(ledger_settings: LedgerSettings) -> None:
    opened(ledger_settings).close()
    make_version_1(ledger_settings)
    reader = opened(ledger_settings, writable=False)
    with pytest.raises(LedgerError, match="opened for reading only"):
        reader.claim(SLOT, [], 60.0)
    reader.close()


def test_an_upgrade_that_fails_leaves_the_older_ledger_whole(
    ledger_settings: LedgerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, key = opened(ledger_settings), new_key()
    ledger.keep(claimed(ledger), "created", "s1", key)
    ledger.close()
    before = version_and_columns(ledger_settings)

    def fail(connection: sa.Connection) -> None:
        connection.exec_driver_sql("UPDATE slots SET title = 'half done'")
        connection.exec_driver_sql("SELECT * FROM no_such_table")

    worse = (*MIGRATIONS, Migration(adds=(sa.Column("future", sa.Text),), step=fail))
    monkeypatch.setattr(schema, "MIGRATIONS", worse)
    with pytest.raises(LedgerError, match="cannot be opened"):
        opened(ledger_settings)
    monkeypatch.setattr(schema, "MIGRATIONS", MIGRATIONS)
    assert version_and_columns(ledger_settings) == before
    reader = opened(ledger_settings)
    (row,) = reader.rows(SLOT.api, [SLOT.parent])
    assert (row.slot, row.key) == (SLOT, key)
    reader.close()


def test_a_newer_schema_is_refused_and_left_alone(ledger_settings: LedgerSettings) -> None:
    opened(ledger_settings).close()
    set_version(ledger_settings, 99)
    for writable in (True, False):
        with pytest.raises(LedgerError, match=r"schema version 99; .* knows \d+"):
            open_ledger(ledger_settings, Redactor(), new_owner(), writable=writable)
