# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every schema version has a ledger that its own code wrote, and each of them becomes what a new ledger is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import LedgerError
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.location import LedgerSettings
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.migration import newest_version
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import Busy, Ledger

from tests.fixtures.landed_ledger import FOLDER, LANDED

from ..ledger_cases import SLOT, both_databases, claimed, opened
from .earlier_ledgers import EARLIER, laid_down, run_sql, tables, version_and_columns

NEWEST = str(newest_version())


def schema_of(settings: LedgerSettings) -> dict[str, Any]:
    """Return the columns and indexes of the ledger's own tables, as the database describes them."""
    with tables(settings) as connection:
        inspector = sa.inspect(connection)
        found: dict[str, Any] = {}
        for name in ("tenbyte_webinar_meta", "tenbyte_webinar_slots"):
            columns = sorted(
                (
                    column["name"],
                    type(column["type"]).__name__,
                    getattr(column["type"], "length", None),
                    column["nullable"],
                )
                for column in inspector.get_columns(name)
            )
            indexes = sorted(
                (
                    str(index["name"]),
                    tuple(index["column_names"]),
                    bool(index["unique"]),
                    str({key: str(value) for key, value in index.get("dialect_options", {}).items() if "where" in key}),
                )
                for index in inspector.get_indexes(name)
            )
            found[name] = (columns, inspector.get_pk_constraint(name)["constrained_columns"], indexes)
        return found


def without_lengths(schema: dict[str, Any]) -> dict[str, Any]:
    """SQLite keeps the lengths and types that a table was made with, and heeds neither."""
    return {
        name: ([(column[0], column[3]) for column in columns], key, indexes)
        for name, (columns, key, indexes) in schema.items()
    }


def test_every_schema_version_has_a_ledger_that_its_own_code_wrote() -> None:
    assert {landed.version for landed in LANDED.values()} == set(range(1, newest_version() + 1)), (
        f"{FOLDER.name}/README.md says how to make a ledger of a new schema version"
    )
    assert {landed.dump for landed in LANDED.values()} == set(FOLDER.glob("*.sql"))
    # The engine of the newest version is the one of the working tree; that of all others is a commit.
    assert [name for name, landed in LANDED.items() if landed.engine is None] == [NEWEST]
    page = (FOLDER / "README.md").read_text()
    assert all(f"`{landed.dump.name}`" in page for landed in LANDED.values())


@pytest.mark.parametrize("form", LANDED)
def test_a_landed_ledger_has_the_version_that_it_stands_for(
    ledger_settings: LedgerSettings, tmp_path: Path, form: str
) -> None:
    assert version_and_columns(laid_down(ledger_settings, tmp_path, form))[0] == LANDED[form].version


@both_databases
def test_a_change_of_the_tables_is_a_new_schema_version(ledger_settings: LedgerSettings, tmp_path: Path) -> None:
    """A ledger of the newest version is not upgraded, so a new one must have the same tables."""
    opened(ledger_settings).close()
    new = schema_of(ledger_settings)
    if not ledger_settings.url.startswith("sqlite"):
        run_sql(ledger_settings, *("DROP TABLE tenbyte_webinar_slots", "DROP TABLE tenbyte_webinar_meta"))
    assert schema_of(laid_down(ledger_settings, tmp_path, NEWEST)) == new


@both_databases
@pytest.mark.parametrize("form", EARLIER)
def test_an_upgraded_ledger_has_the_tables_and_indexes_of_a_new_one(
    ledger_settings: LedgerSettings, tmp_path: Path, form: str
) -> None:
    is_file = ledger_settings.url.startswith("sqlite")
    opened(ledger_settings).close()
    new = schema_of(ledger_settings)
    if not is_file:
        own = ("TABLE tenbyte_webinar_slots", "TABLE tenbyte_webinar_meta", "VIEW one_row_per_slot")
        run_sql(ledger_settings, *(f"DROP {name}" for name in own))
    landed = laid_down(ledger_settings, tmp_path, form)
    opened(landed).close()
    upgraded = schema_of(landed)
    assert without_lengths(upgraded) == without_lengths(new)
    if not is_file:
        assert upgraded == new


@both_databases
def test_the_index_on_which_claims_rest_is_made_again_if_a_copy_has_lost_it(
    ledger_settings: LedgerSettings, open_run: Callable[..., Ledger]
) -> None:
    first = open_run()
    new = schema_of(ledger_settings)
    run_sql(ledger_settings, "DROP INDEX tenbyte_webinar_one_row_per_slot")
    claimed(open_run())
    assert schema_of(ledger_settings) == new
    assert isinstance(first.claim(SLOT, (), 60.0), Busy)


@both_databases
def test_a_ledger_in_which_two_rows_hold_one_slot_is_not_used(
    ledger_settings: LedgerSettings, open_run: Callable[..., Ledger]
) -> None:
    claimed(open_run())
    run_sql(
        ledger_settings,
        "DROP INDEX tenbyte_webinar_one_row_per_slot",
        "INSERT INTO tenbyte_webinar_slots"
        " (api, kind, parent, title, phase, seen_ids, lease_until, created_at, updated_at)"
        " SELECT api, kind, parent, title, phase, seen_ids, lease_until, created_at, updated_at"
        " FROM tenbyte_webinar_slots",
    )
    with pytest.raises(LedgerError, match="two entries hold the place of one session"):
        open_run()
