# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes every complete result that callbacks get, as a line of JSON each.

Tests read results from it; the leak tests search it, because users may have such a callback.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.plugins.callback import CallbackBase

if TYPE_CHECKING:
    from ansible.executor.task_result import TaskResult

DOCUMENTATION = """
name: recorder
type: aggregate
short_description: Record every result
description: Writes every result to the file named by the environment variable TENBYTE_TEST_RECORD.
"""


def option_names(value: Any, prefix: str = "") -> Iterator[str]:
    """Yield the names of the options in a task's arguments; suboptions are written with a dot."""
    if isinstance(value, dict):
        for name, below in value.items():
            yield f"{prefix}{name}"
            yield from option_names(below, f"{prefix}{name}.")
    elif isinstance(value, list):
        for item in value:
            yield from option_names(item, prefix)


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "recorder"

    def _record(self, kind: str, result: TaskResult) -> None:
        line = {
            "kind": kind,
            "host": result._host.get_name(),
            "task": result._task.get_name().strip(),
            "action": result._task.action,
            "options": sorted(set(option_names(result._task.args))),
            "result": result._result,
        }
        with Path(os.environ["TENBYTE_TEST_RECORD"]).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, default=str) + "\n")

    def v2_runner_on_ok(self, result: TaskResult) -> None:
        self._record("ok", result)

    def v2_runner_on_failed(self, result: TaskResult, ignore_errors: bool = False) -> None:
        self._record("failed", result)

    def v2_runner_on_unreachable(self, result: TaskResult) -> None:
        self._record("unreachable", result)

    def v2_runner_on_skipped(self, result: TaskResult) -> None:
        self._record("skipped", result)

    def v2_runner_item_on_ok(self, result: TaskResult) -> None:
        self._record("item_ok", result)

    def v2_runner_item_on_failed(self, result: TaskResult) -> None:
        self._record("item_failed", result)

    def v2_on_file_diff(self, result: TaskResult) -> None:
        self._record("diff", result)
