# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import dataclass

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.loops import loop_of
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.visibility import is_loop


@dataclass
class Task:
    loop: object = None
    loop_with: str | None = None
    _uuid: str = "task-1"


@pytest.mark.parametrize(
    ("task", "expected"), [(Task(), False), (Task(loop=[]), True), (Task(loop_with="items"), True)]
)
def test_a_task_has_a_loop_with_either_keyword(task: Task, *, expected: bool) -> None:
    assert is_loop(task) is expected


def test_the_items_of_a_task_share_and_other_tasks_do_not() -> None:
    first = loop_of(Task(loop=["a", "b"]), {})
    assert first is not None
    assert loop_of(Task(loop=["a", "b"]), {}) is first
    assert loop_of(Task(loop=["a", "b"], _uuid="task-2"), {}) is not first
    assert loop_of(Task(), {}) is None


def test_an_item_with_another_environment_shares_nothing() -> None:
    first = loop_of(Task(loop=["a"], _uuid="task-3"), {"https_proxy": "http://one.invalid"})
    other = loop_of(Task(loop=["a"], _uuid="task-3"), {"https_proxy": "http://two.invalid"})
    assert first is not other
