# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks the plan against every row of the tables in docs/drift.md, which users read."""

from __future__ import annotations

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.argument_specs import EVENT_SPEC

from . import drift_cases as cases
from .drift_cases import ANY, PLANS, Row, planned
from .drift_tables import TABLES

ROWS = [(heading, row) for heading, rows in TABLES.items() for row in rows]
SESSION_OPTIONS = EVENT_SPEC["rooms"]["options"]["sessions"]["options"]
ROOM_OPTIONS = EVENT_SPEC["rooms"]["options"]


def identified(row: tuple[str, Row]) -> str:
    return f"{row[0]}: {', '.join(list(row[1].values())[:2])}"


@pytest.mark.parametrize(("heading", "row"), ROWS, ids=[identified(row) for row in ROWS])
def test_each_row_shows_what_is_planned(heading: str, row: Row) -> None:
    assert row["why"].endswith(".")
    cells = {column: cell for column, cell in row.items() if column != "why"}
    checked = PLANS[heading](cells)
    assert checked, "no case was made of this row"
    for column, plans in checked.items():
        assert {planned(plan) for plan in plans} == {cells.pop(column)}, column
    # The other columns describe the case, and must be exactly those that the cases use.
    assert set(cells) == cases.KEYS[heading]


def test_every_table_has_its_cases() -> None:
    assert set(TABLES) == set(PLANS) == set(cases.KEYS)


def column(heading: str, name: str) -> list[str]:
    return [row[name] for row in TABLES[heading]]


def test_every_option_of_a_session_is_in_the_tables() -> None:
    # Other tables are about the state of a session, and about which session fills a slot.
    assert set(column("The fields of a session", "field")) == set(SESSION_OPTIONS) - {"state", "session_id"}
    for field in set(column("The fields of a session", "field")):
        statuses = [row["status"] for row in TABLES["The fields of a session"] if row["field"] == field]
        assert statuses == ["scheduled", "live"], field


def test_every_option_of_a_room_is_in_the_tables() -> None:
    assert set(column("The fields of a room", "field")) == set(ROOM_OPTIONS) - {"state", "room_id", "sessions"}


@pytest.mark.parametrize(
    ("heading", "name", "choices"),
    [
        ("The state of a session", "state", SESSION_OPTIONS["state"]["choices"]),
        ("The state of a room", "state", ROOM_OPTIONS["state"]["choices"]),
        ("When preset or mode differ", "replace", EVENT_SPEC["replace"]["choices"]),
        ("When preset or mode differ", "state", SESSION_OPTIONS["state"]["choices"]),
        ("When the ledger does not hold the key", "on_missing_key", EVENT_SPEC["on_missing_key"]["choices"]),
        ("When the ledger does not hold the key", "replace", EVENT_SPEC["replace"]["choices"]),
        ("When the ledger does not hold the key", "state", SESSION_OPTIONS["state"]["choices"]),
    ],
)
def test_every_choice_of_a_policy_is_in_its_table(heading: str, name: str, choices: list[str]) -> None:
    assert set(column(heading, name)) - {ANY} == set(choices)


@pytest.mark.parametrize("on_missing_key", EVENT_SPEC["on_missing_key"]["choices"])
@pytest.mark.parametrize("choice", EVENT_SPEC["replace"]["choices"])
@pytest.mark.parametrize("state", SESSION_OPTIONS["state"]["choices"])
def test_every_combination_of_the_policies_has_exactly_one_row(on_missing_key: str, choice: str, state: str) -> None:
    wanted = {"on_missing_key": on_missing_key, "replace": choice, "state": state}
    for heading in ("When preset or mode differ", "When the ledger does not hold the key"):
        rows = [
            row
            for row in TABLES[heading]
            if all(row[name] in (value, ANY) for name, value in wanted.items() if name in row)
        ]
        assert len(rows) == 1, heading


def test_a_wrong_row_is_detected() -> None:
    (row,) = [row for row in TABLES["When preset or mode differ"] if (row["replace"], row["state"]) == ("live", "live")]
    plans = PLANS["When preset or mode differ"]({**row, "replace": "never"})
    assert {planned(plan) for plan in plans["scheduled"]} == {"refuse"} != {row["scheduled"]}
