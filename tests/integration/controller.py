# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the real ansible-playbook with its own home folder, and records all results of callbacks."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests import left_behind
from tests.integration import forking
from tests.measuring import measuring
from tests.simulator.crashes import kill_tree

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
# The options of successful tasks, as ACTION OPTION: scripts/options_exercised.py finds those that no test uses.
EXERCISED: set[str] = set()


@dataclass(frozen=True)
class Run:
    """One run of ansible-playbook. ``output`` is all that it printed."""

    returncode: int
    output: str
    records: list[dict[str, Any]]

    def result(self, action: str) -> dict[str, Any]:
        """Return the last result of an action, given by its full name."""
        found = [
            record["result"]
            for record in self.records
            if record["action"] == action and record["kind"] in ("ok", "failed", "skipped")
        ]
        assert found, f"no task of {action} was run:\n{self.output}"
        last: dict[str, Any] = found[-1]
        return last

    def recap(self, host: str = "localhost") -> dict[str, int]:
        line = re.search(rf"^{re.escape(host)} +: (.*)$", self.output, re.MULTILINE)
        assert line, self.output
        return {name: int(count) for name, count in (part.split("=") for part in line[1].split())}


@dataclass
class Controller:
    """``home`` holds everything that a run writes: home directory, ledger, caches, logs."""

    home: Path
    api_url: str
    api_key: str
    collections: Path
    environment: dict[str, str] = field(default_factory=dict)
    # The folder of the ansible-playbook to use.
    bin: Path = BIN
    # A command that is put before ansible-playbook.
    wrapper: tuple[str, ...] = ()
    # Whether a run may be forked (see forking.py). Not where a test looks at the process itself.
    forks: bool = False

    @property
    def ledger_file(self) -> Path:
        return self.home / "ledger" / "ledger.sqlite3"

    def tasks(self, tasks: str, *arguments: str, **options: Any) -> Run:
        """Run tasks, given as YAML, on localhost."""
        play = [{"hosts": "localhost", "gather_facts": False, "tasks": yaml.safe_load(textwrap.dedent(tasks))}]
        return self.plays(play, *arguments, **options)

    def plays(self, plays: Sequence[Mapping[str, Any]], *arguments: str, **options: Any) -> Run:
        return self.playbook(str(self.write(plays)), *arguments, **options)

    def write(self, plays: Sequence[Mapping[str, Any]]) -> Path:
        """Write a playbook for this controller and return its path."""
        playbook = self.home / "playbook.yml"
        playbook.parent.mkdir(parents=True, exist_ok=True)
        playbook.write_text(yaml.safe_dump(list(plays), sort_keys=False))
        return playbook

    def playbook(self, playbook: str, *arguments: str, environment: Mapping[str, str] | None = None) -> Run:
        if self._may_fork(environment or {}):
            command, variables, record = self._prepare(playbook, arguments, environment)
            returncode, output = forking.run(command, variables, self.home)
        else:
            process, record = self.start(playbook, *arguments, environment=environment)
            with process:
                try:
                    output, _unused = process.communicate(timeout=forking.LONGEST_RUN)
                except BaseException:
                    kill_tree(process.pid)
                    raise
            returncode = process.returncode
        lines = record.read_text().splitlines() if record.exists() else []
        records = [json.loads(line) for line in lines]
        for entry in records:
            if entry["kind"] == "ok":
                EXERCISED.update(f"{entry['action']} {option}" for option in entry["options"])
        return Run(returncode, output, records)

    def _may_fork(self, environment: Mapping[str, str]) -> bool:
        # An interpreter and its loader read these variables when they start.
        own = [name for name in (*self.environment, *environment) if name.startswith(("PYTHON", "LC_", "LANG", "LD_"))]
        is_allowed = self.forks and os.environ.get("TENBYTE_TEST_FORKS") != "0"
        return is_allowed and self.bin == BIN and not self.wrapper and not own

    def _prepare(
        self, playbook: str, arguments: Sequence[str], environment: Mapping[str, str] | None
    ) -> tuple[list[str], dict[str, str], Path]:
        """Return the command of a run, its environment, and the file of its records."""
        self.home.mkdir(parents=True, exist_ok=True)
        number = len(list(self.home.glob("record-*.jsonl")))
        record = self.home / f"record-{number}.jsonl"
        record.touch()
        command = [*self.wrapper, str(self.bin / "ansible-playbook"), playbook, *arguments]
        return command, self.full_environment(record, environment), record

    def start(
        self, playbook: str, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> tuple[subprocess.Popen[str], Path]:
        """Start ansible-playbook in its own process group; return the process and the file of its records."""
        command, variables, record = self._prepare(playbook, arguments, environment)
        process = subprocess.Popen(
            command,
            env=variables,
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        return process, record

    def full_environment(self, record: Path, environment: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the environment of a run; an empty value removes a variable."""
        merged = {
            **measuring(),
            left_behind.NAME: os.environ.get(left_behind.NAME, ""),
            "PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}",
            "LANG": "C.UTF-8",
            "HOME": str(self.home),
            "ANSIBLE_HOME": str(self.home / ".ansible"),
            "ANSIBLE_COLLECTIONS_PATH": str(self.collections),
            "ANSIBLE_CALLBACK_PLUGINS": str(ROOT / "tests" / "integration" / "callback"),
            "ANSIBLE_CALLBACKS_ENABLED": "recorder",
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
            "ANSIBLE_NOCOLOR": "1",
            "TENBYTE_TEST_RECORD": str(record),
            "TENBYTE_API_URL": self.api_url,
            "TENBYTE_API_KEY": self.api_key,
            "TENBYTE_LEDGER_URL": f"sqlite:///{self.ledger_file}",
            **self.environment,
            **(environment or {}),
        }
        return {name: value for name, value in merged.items() if value}
