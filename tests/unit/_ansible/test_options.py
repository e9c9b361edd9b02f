# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import secrets
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.argument_specs import (
    CONNECTION_SPEC,
    LEDGER_SPEC,
)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.options import (
    FROM_ENVIRONMENT,
    SHARED_OPTIONS,
    options_from,
)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import InvalidInput

SECRET = f"unit-api-{secrets.token_hex(12)}"


SPEC = {**CONNECTION_SPEC, **LEDGER_SPEC}


def shared(given: dict[str, Any], variables: dict[str, Any], environment: dict[str, str]) -> dict[str, Any]:
    """Return a task's options: its own, those from variables, and those from the environment; no defaults."""
    options = options_from(given, SPEC, variables.get, environment)
    return {name: options[name] for name in SHARED_OPTIONS if options[name] != SPEC[name].get("default")}


TEXTS = [name for name in SHARED_OPTIONS if SPEC[name]["type"] in ("str", "path")]
NUMBERS = [name for name in SHARED_OPTIONS if SPEC[name]["type"] in ("int", "float")]
TRUTHS = [name for name in SHARED_OPTIONS if SPEC[name]["type"] == "bool"]


@pytest.mark.parametrize("name", TEXTS)
def test_a_shared_option_comes_from_the_task_else_a_variable_else_the_environment(name: str) -> None:
    given, variables, environment = {name: "task"}, {f"tenbyte_{name}": "variable"}, {FROM_ENVIRONMENT[name]: "env"}
    assert shared(given, variables, environment)[name] == "task"
    assert shared({name: None}, variables, environment)[name] == "variable"
    assert shared({}, {f"tenbyte_{name}": ""}, environment)[name] == "env"
    assert shared({}, {}, environment)[name] == "env"
    assert name not in shared({}, {}, {})


@pytest.mark.parametrize("name", TRUTHS)
def test_a_shared_boolean_comes_from_the_same_places(name: str) -> None:
    variable, environment = f"tenbyte_{name}", {FROM_ENVIRONMENT[name]: "no"}
    assert shared({name: False}, {variable: True}, {FROM_ENVIRONMENT[name]: "yes"})[name] is False
    assert shared({name: " "}, {variable: "Yes"}, environment)[name] is True
    assert shared({}, {variable: False}, {FROM_ENVIRONMENT[name]: "yes"})[name] is False
    assert shared({name: None}, {variable: "\n"}, environment)[name] is False
    assert name not in shared({}, {variable: ""}, {FROM_ENVIRONMENT[name]: " "})


def test_every_option_of_the_connection_has_a_variable_for_the_playbooks() -> None:
    assert set(SHARED_OPTIONS) == {*TEXTS, *NUMBERS, *TRUTHS} == set(SPEC)
    assert {"requests_per_second", "concurrency", "timeout", "retries"} == set(NUMBERS)


@pytest.mark.parametrize("name", NUMBERS)
def test_a_shared_number_comes_from_the_same_places(name: str) -> None:
    environment = {FROM_ENVIRONMENT[name]: "9"}
    assert shared({name: 7}, {f"tenbyte_{name}": 8}, environment) == {name: 7}
    for variable in (8, "8", " 8\n"):
        assert shared({name: None}, {f"tenbyte_{name}": variable}, environment) == {name: 8}
    assert shared({}, {f"tenbyte_{name}": " "}, environment) == {name: 9}
    assert shared({}, {}, {FROM_ENVIRONMENT[name]: ""}) == {}


@pytest.mark.parametrize("value", ["many", "-1", "0.01", True, [1], "1e9"])
@pytest.mark.parametrize("name", NUMBERS)
def test_a_wrong_number_is_refused_with_the_name_of_its_source(name: str, value: object) -> None:
    for place, given in (
        (name, ({name: value}, {}, {})),
        (f"tenbyte_{name}", ({}, {f"tenbyte_{name}": value}, {})),
        (FROM_ENVIRONMENT[name], ({}, {}, {FROM_ENVIRONMENT[name]: str(value)})),
    ):
        with pytest.raises(InvalidInput, match=rf"^{place} is "):
            shared(*given)


@pytest.mark.parametrize("name", TRUTHS)
def test_a_wrong_boolean_is_refused_with_the_name_of_its_source(name: str) -> None:
    for place, given in (
        (name, ({name: "perhaps"}, {}, {})),
        (f"tenbyte_{name}", ({}, {f"tenbyte_{name}": "perhaps"}, {})),
        (FROM_ENVIRONMENT[name], ({}, {}, {FROM_ENVIRONMENT[name]: "perhaps"})),
    ):
        with pytest.raises(InvalidInput, match=rf"^{place} is 'perhaps'; give true or false\."):
            shared(*given)


@pytest.mark.parametrize("empty", [None, "", " ", "\n", " \t\r\n"])
@pytest.mark.parametrize("name", TEXTS)
def test_an_empty_value_does_not_hide_the_next_source(name: str, empty: str | None) -> None:
    variable, environment = f"tenbyte_{name}", {FROM_ENVIRONMENT[name]: " env\n"}
    assert shared({name: empty}, {variable: " variable\n"}, environment)[name] == "variable"
    assert shared({name: empty}, {variable: empty}, environment)[name] == "env"
    assert shared({name: empty}, {variable: empty}, {FROM_ENVIRONMENT[name]: empty or ""}) == {}


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_of_any_source_loses_the_blanks_and_line_ends_around_it(name: str) -> None:
    for given, variables, environment in (
        ({name: " x\n"}, {}, {}),
        ({}, {f"tenbyte_{name}": " x\n"}, {}),
        ({}, {}, {FROM_ENVIRONMENT[name]: " x\n"}),
    ):
        assert shared(given, variables, environment) == {name: "x"}


@pytest.mark.parametrize("value", [["x"], {"x": 1}, True])
def test_a_value_that_is_no_text_is_refused_with_the_name_of_its_source_and_not_quoted(value: object) -> None:
    with pytest.raises(InvalidInput, match=r"^tenbyte_ledger_key is ") as caught:
        shared({}, {"tenbyte_ledger_key": value}, {})
    assert "'x'" not in str(caught.value)


def test_an_empty_credential_does_not_decide_between_the_two() -> None:
    assert shared({"api_key": ""}, {"tenbyte_api_token": SECRET}, {}) == {"api_token": SECRET}


@pytest.mark.parametrize(("one", "other"), [("api_key", "api_token"), ("api_token", "api_key")])
def test_a_credential_nearer_to_the_task_hides_the_other_one(one: str, other: str) -> None:
    environment = {FROM_ENVIRONMENT[other]: "env"}
    assert shared({one: SECRET}, {f"tenbyte_{other}": "variable"}, environment) == {one: SECRET}
    assert shared({}, {f"tenbyte_{one}": SECRET}, environment) == {one: SECRET}


def test_both_credentials_from_one_place_are_still_both() -> None:
    environment = {"TENBYTE_API_KEY": SECRET, "TENBYTE_API_TOKEN": SECRET}
    assert set(shared({}, {}, environment)) == {"api_key", "api_token"}
