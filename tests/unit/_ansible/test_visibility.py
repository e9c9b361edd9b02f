# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from ansible import constants
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible import visibility
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import InvalidInput


@dataclass
class Task:
    loop: Any = None
    loop_with: str | None = None
    no_log: bool = False


LOOPS = [Task(loop=[]), Task(loop_with="items")]


@pytest.mark.parametrize("task", LOOPS)
def test_keys_are_not_revealed_in_a_loop_if_ansible_would_show_them(
    monkeypatch: pytest.MonkeyPatch, task: Task
) -> None:
    monkeypatch.setattr(visibility, "core_version", "2.18.1")
    with pytest.raises(InvalidInput, match=r"on ansible-core 2\.18\.1\. Add no_log: true to the task"):
        visibility.refuse_to_reveal_in_a_loop(task)


@pytest.mark.parametrize(
    ("version", "task"),
    [("2.18.1", Task()), ("2.18.1", Task(loop=[], no_log=True)), *(("2.19.0b1", task) for task in LOOPS)],
)
def test_keys_may_be_revealed_if_ansible_hides_them(monkeypatch: pytest.MonkeyPatch, version: str, task: Task) -> None:
    monkeypatch.setattr(visibility, "core_version", version)
    visibility.refuse_to_reveal_in_a_loop(task)


@pytest.mark.parametrize(
    ("plugin", "environment", "named"),
    [
        ("jsonfile", {"TENBYTE_API_KEY": "unit", "HOME": "/root"}, "TENBYTE_API_KEY of this host's environment is"),
        ("community.general.redis", {"PGPASSWORD": "a", "TENBYTE_API_TOKEN": "b"}, "TENBYTE_API_TOKEN and PGPASSWORD"),
        ("jsonfile", {"HOME": "/root", "TENBYTE_API_KEY": ""}, None),
        ("jsonfile", "no mapping", None),
        ("jsonfile", None, None),
        ("memory", {"TENBYTE_API_KEY": "unit"}, None),
        ("ansible.builtin.memory", {"TENBYTE_API_KEY": "unit"}, None),
    ],
)
def test_credentials_in_cached_facts_cause_a_warning(
    monkeypatch: pytest.MonkeyPatch, plugin: str, environment: Any, named: str | None
) -> None:
    monkeypatch.setattr(constants.config, "get_config_value", lambda _name: plugin)
    warnings = visibility.warnings_of_cached_credentials({"ansible_facts": {"env": environment}})
    assert len(warnings) == (named is not None)
    if named:
        assert named in warnings[0]
        assert "'unit'" not in warnings[0]


def test_without_facts_there_is_no_warning() -> None:
    assert visibility.warnings_of_cached_credentials({}) == []
