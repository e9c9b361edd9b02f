# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders.groups import ROLES, encoder_groups

ROOT = Path(__file__).resolve().parents[3]


def test_the_group_of_a_host_determines_its_role() -> None:
    found = encoder_groups({"all": ["a", "b", "c", "d"], "encoders": ["a"], "relays": ["b"], "studios": ["c"]})
    assert found == {
        "patterns": ["encoders", "relays", "studios"],
        "roles": dict(zip("abc", ROLES.values(), strict=True)),
        "problem": "",
    }


@pytest.mark.parametrize("groups", [{}, {"all": []}, {"encoders": []}, {"relays": [], "studios": []}])
def test_without_any_group_the_pattern_is_encoders(groups: dict[str, Any]) -> None:
    assert encoder_groups(groups) == {"patterns": ["encoders"], "roles": {}, "problem": ""}


def test_an_empty_group_is_not_a_pattern() -> None:
    assert encoder_groups({"encoders": [], "studios": ["c"]})["patterns"] == ["studios"]


def test_a_host_in_two_groups_is_a_problem_with_a_remedy() -> None:
    problem = encoder_groups({"encoders": ["a", "b"], "relays": ["b"], "studios": ["b", "a"]})["problem"]
    assert "a is in the groups encoders and studios, b is in the groups encoders and relays and studios;" in problem
    assert "Take it out of all but one of them" in problem


def test_each_role_exists() -> None:
    assert all((ROOT / "roles" / role.rpartition(".")[2] / "tasks" / "main.yml").exists() for role in ROLES.values())


def test_no_playbook_names_the_groups_as_hosts() -> None:
    for path in (ROOT / "playbooks").rglob("*.yml"):
        assert not re.search(r"(?m)^\s*-? ?hosts:.*(encoders|relays|studios)", path.read_text()), path
