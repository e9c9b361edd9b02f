# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible import argument_specs
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.option_types import shown, type_of

SPECS = [value for name, value in vars(argument_specs).items() if name.endswith("_SPEC")]


def numbers(spec: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, option in spec.items():
        yield from numbers(option.get("options", {}))
        if {"int", "float"} & {option["type"], option.get("elements")}:
            yield name, option


NUMBERS = dict(pair for spec in SPECS for pair in numbers(spec))


def test_every_number_has_limits() -> None:
    assert {name: option["limits"] for name, option in NUMBERS.items()} == {
        "timeout": (1, 600),
        "retries": (0, 100),
        "concurrency": (1, 100),
        "requests_per_second": (0.1, 10_000),
        "wait_timeout": (0, 86_400),
        "max_join_limit": (1, 1_000_000),
        "entries": (1, 2_147_483_647),
    }


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_is_accepted_within_its_limits_and_refused_beyond_them(name: str) -> None:
    option = NUMBERS[name]
    number = type_of(option)
    lowest, highest = option["limits"]
    for value in (lowest, highest, str(lowest), float(highest)):
        assert number(value) == float(value)
    for value in (lowest - 1, highest + 1, str(highest + 1), 10**400):
        with pytest.raises((TypeError, ValueError), match=rf"must be from {lowest} to {highest}|give a \w*"):
            number(value)


def test_a_whole_number_may_be_of_any_type() -> None:
    retries = type_of(argument_specs.CONNECTION_SPEC["retries"])
    for value in (3, 3.0, "3", "3.0", " 3\n"):
        assert retries(value) == 3
        assert isinstance(retries(value), int)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "nan", "1e999"])
def test_a_value_that_is_no_number_of_seconds_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"it must be from 1 to 600\."):
        type_of(argument_specs.CONNECTION_SPEC["timeout"])(value)


@pytest.mark.parametrize("word", ["true", "Yes", " on\n", "1", 1, 1.0, "y", "T"])
def test_words_for_true_are_read(word: Any) -> None:
    assert type_of({"type": "bool"})(word) is True


@pytest.mark.parametrize("word", ["false", "No", " off\n", "0", 0, 0.0, "n", "F"])
def test_words_for_false_are_read(word: Any) -> None:
    assert type_of({"type": "bool"})(word) is False


@pytest.mark.parametrize("word", ["perhaps", 2, "nein", [], {}])
def test_other_words_are_no_boolean(word: Any) -> None:
    with pytest.raises(TypeError, match=r"^is .*; give true or false"):
        type_of({"type": "bool"})(word)


def test_a_number_and_a_date_are_accepted_as_texts() -> None:
    text = type_of({"type": "str"})
    assert (text(7), text(date(2027, 5, 4))) == ("7", "2027-05-04")


@pytest.mark.parametrize("kind", ["str", "path"])
@pytest.mark.parametrize(
    ("value", "refusal"),
    [
        (True, "is the truth value true to YAML. For a text, put it in quotes."),
        (["x"], "is a list; give a text."),
        ({"x": 1}, "is a mapping; give a text."),
    ],
)
def test_values_that_ansible_would_convert_to_text_are_refused(kind: str, value: Any, refusal: str) -> None:
    with pytest.raises(TypeError) as caught:
        type_of({"type": kind})(value)
    assert str(caught.value) == refusal


def test_a_value_is_shown_shortened_and_a_list_is_not_shown() -> None:
    assert [shown(value) for value in (["secret"], {"a": "secret"}, "x" * 30, True, 7)] == [
        "a list",
        "a mapping",
        f"'{'x' * 20}'",
        "true",
        "7",
    ]
