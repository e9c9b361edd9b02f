# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many tasks that must be refused, in one run of ansible-playbook."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conftest import COLLECTIONS
from tests.integration.conftest import seed
from tests.integration.controller import Controller, Run
from tests.simulator.server import Simulator


@dataclass(frozen=True)
class Refusals:
    run: Run
    # By the name of the task.
    failed: Mapping[str, dict[str, Any]]
    # The writing calls of all tasks.
    writes: list[Any]
    folder: Path
    names: tuple[str, ...]

    def check(self, name: str, *said: str) -> None:
        assert name in self.failed, f"{name} was not refused:\n{self.run.output}"
        for part in said:
            assert part in self.failed[name]["msg"]
        assert self.writes == []
        assert "Traceback" not in self.run.output

    def ledger_file(self, name: str) -> Path:
        return self.folder / f"ledger-{self.names.index(name)}" / "ledger.sqlite3"


def all_refused(folder: Path, tasks: Mapping[str, Mapping[str, Any]]) -> Refusals:
    """Run each task, with a ledger of its own that does not exist yet; the names are those of the tests."""
    names = tuple(tasks)
    play = [
        {
            "name": name,
            "vars": {"tenbyte_ledger_url": f"sqlite:///{folder}/ledger-{number}/ledger.sqlite3"},
            **task,
            "ignore_errors": True,
        }
        for number, (name, task) in enumerate(tasks.items())
    ]
    with Simulator(seed()) as simulator:
        controller = Controller(folder, simulator.api_url, simulator.service.users[0].api_key, COLLECTIONS, forks=True)
        run = controller.plays([{"hosts": "localhost", "gather_facts": False, "tasks": play}])
        failed = {record["task"]: record["result"] for record in run.records if record["kind"] == "failed"}
        return Refusals(run, failed, simulator.journal.writes(), folder, names)
