# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`tests/left_behind.py` finds what a test has started and not ended, in whatever session and whoever its parent is."""

from __future__ import annotations

import os
import signal
import subprocess
import time

from tests import left_behind


def listed(pid: int) -> list[str]:
    return [line for line in left_behind.running() if line.startswith(f"{pid},")]


def test_a_process_is_listed_with_its_test_until_it_ends() -> None:
    # The shell ends at once, and leaves what it started to the first process of the machine.
    script = "sleep 600 >/dev/null 2>&1 & echo $!"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True, start_new_session=True)
    pid = int(done.stdout)
    try:
        (line,) = listed(pid)
        assert ", started by tests/unit/test_left_behind.py::test_a_process_is_listed" in line
    finally:
        os.kill(pid, signal.SIGKILL)
    while listed(pid):
        time.sleep(0.05)


def test_processes_of_others_are_not_listed() -> None:
    environment = {name: value for name, value in os.environ.items() if name != left_behind.NAME}
    with subprocess.Popen(["sleep", "600"], env=environment) as process:
        assert not listed(process.pid)
        process.kill()
