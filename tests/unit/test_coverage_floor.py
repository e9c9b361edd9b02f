# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The floor of the coverage may only rise."""

from __future__ import annotations

import re

import pytest

from tests.history import earlier_commit, git
from tests.public_interface import ROOT


def floor_in(text: str) -> float:
    found = re.search(r"(?m)^fail_under = ([0-9.]+)$", text)
    assert found is not None
    return float(found[1])


def test_the_floor_of_the_coverage_is_not_lower_than_before() -> None:
    before = git("show", f"{earlier_commit()}:pyproject.toml")
    if before is None or "fail_under" not in before:
        pytest.skip("there is no earlier state to compare with")
    assert floor_in((ROOT / "pyproject.toml").read_text()) >= floor_in(before)


def test_there_is_a_floor() -> None:
    assert floor_in((ROOT / "pyproject.toml").read_text()) > 0
