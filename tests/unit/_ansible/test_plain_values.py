# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from datetime import date, datetime, timezone
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.plain_values import is_undefined, plain
from jinja2 import Undefined


def itself(value: Any) -> Any:
    return value


class Text(str):
    """A text with additional attributes, like Ansible's; its str() is not a plain str either."""

    __str__ = itself


class Number(int):
    pass


class Fraction(float):
    pass


def test_values_become_plain_at_every_depth() -> None:
    made = plain({Text("a"): [Text("b"), (Number(1), Fraction(0.5)), None, True]})
    assert made == {"a": ["b", [1, 0.5], None, True]}
    (key,) = made
    text, (number, fraction), *_rest = made["a"]
    assert [type(one) for one in (key, text, number, fraction)] == [str, str, int, float]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (date(2027, 5, 4), "2027-05-04"),
        (datetime(2027, 5, 4, 9, tzinfo=timezone.utc), "2027-05-04T09:00:00+00:00"),
    ],
)
def test_a_date_without_quotes_becomes_its_text(value: Any, text: str) -> None:
    assert plain([value]) == [text]


def test_an_undefined_value_differs_from_an_empty_one() -> None:
    assert is_undefined(Undefined())
    assert not is_undefined("")
