# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``python -m tests.bench.watch FIGURES.json PROGRAM ARGUMENT...``: run a program, and write what its processes needed.

A process of its own: were the program started by a larger one, Linux would count that one's memory as its peak.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

# Seconds between two samples, and how many times longer than the sample itself the pause is at least.
PAUSE, LEAST_SHARE = 0.1, 20


class Sampler(threading.Thread):
    """Samples the proportional set size of a process and its descendants. ``peak`` is in bytes."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self._ended = threading.Event()
        self.peak = 0
        self.samples = 0

    def run(self) -> None:
        pause = 0.0
        while not self._ended.wait(pause):
            begun = time.perf_counter()
            self.peak = max(self.peak, sum(map(_proportional_set_size, _tree(self._pid))))
            self.samples += 1
            pause = max(PAUSE, LEAST_SHARE * (time.perf_counter() - begun))

    def end(self) -> None:
        self._ended.set()
        self.join()


def _tree(root: int) -> set[int]:
    """Return the ids of a process and its descendants."""
    parents: dict[int, int] = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdecimal():
            try:
                stat = Path(entry.path, "stat").read_bytes()
            except OSError:
                continue
            # The name of the program, in brackets, may contain anything.
            parents[int(entry.name)] = int(stat[stat.rindex(b")") :].split()[2])
    tree = {root}
    while more := {pid for pid, parent in parents.items() if parent in tree} - tree:
        tree |= more
    return tree


def _kill(root: int) -> None:
    for pid in _tree(root):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _proportional_set_size(pid: int) -> int:
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Pss:")), 0)


def _busy_seconds() -> float:
    """Return how long the machine's processors have worked, for whomever."""
    user, nice, system, _idle, _waiting, *interrupts_and_stolen = (
        Path("/proc/stat").read_text().split("\n")[0].split()[1:9]
    )
    return sum(map(int, (user, nice, system, *interrupts_and_stolen))) / os.sysconf("SC_CLK_TCK")


def watched(command: list[str]) -> dict[str, float]:
    """Run a program; return its exit code, and what it and the descendants that somebody waited for needed."""
    begun, busy = time.perf_counter(), _busy_seconds()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    signal.signal(signal.SIGTERM, lambda *_signal: _kill(process.pid))
    sampler = Sampler(process.pid)
    sampler.start()
    _pid, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    sampler.end()
    cpu = usage.ru_utime + usage.ru_stime
    return {
        "exit_code": process.returncode,
        "wall_seconds": wall,
        "cpu_seconds": cpu,
        "foreign_cpu_seconds": _busy_seconds() - busy - cpu - time.process_time(),
        "largest_process_bytes": usage.ru_maxrss * 1024,
        "all_processes_bytes": sampler.peak,
        "samples": sampler.samples,
    }


def main() -> int:
    figures, *command = sys.argv[1:]
    Path(figures).write_text(json.dumps(watched(command)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
