# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run that takes too long fails its test, forked or started, and leaves no process."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from tests.integration import forking
from tests.integration.controller import Controller


@pytest.mark.parametrize("forks", [True, False], ids=["forked", "started"])
def test_a_run_that_hangs_is_killed_with_what_it_has_started(
    controller: Controller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forks: bool
) -> None:
    controller.forks = forks
    monkeypatch.setattr(forking, "LONGEST_RUN", 8.0)
    pid = tmp_path / "pid"
    # Ansible's worker has a session of its own, and so has what it starts.
    with pytest.raises(subprocess.TimeoutExpired):
        controller.tasks(f"- ansible.builtin.shell: echo $$ >{pid}; exec sleep 120")
    process, give_up = Path("/proc", pid.read_text().strip(), "cmdline"), time.monotonic() + 10
    while process.exists() and process.read_text() and time.monotonic() < give_up:
        time.sleep(0.05)
    assert not process.exists() or not process.read_text()


def test_forking_can_be_turned_off_everywhere(controller: Controller, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def run(*arguments: object) -> tuple[int, str]:
        asked.append(arguments)
        return 0, ""

    monkeypatch.setattr(forking, "run", run)
    monkeypatch.delenv("TENBYTE_TEST_FORKS", raising=False)
    task = "- ansible.builtin.meta: noop"
    controller.tasks(task)
    assert asked
    asked.clear()
    monkeypatch.setenv("TENBYTE_TEST_FORKS", "0")
    assert controller.tasks(task).returncode == 0
    assert not asked
