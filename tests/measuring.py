# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Usage: python -m tests.measuring ENVIRONMENT. Lets the Pythons of a virtual environment measure their coverage.

A process that is traced runs at half its speed, and needs 0.06 s more to start. Most of what tests start is Ansible and
its own modules. So a process is traced from when it first runs code of the collection: a line in the environment's
site-packages runs this file in each process with the variables of ``measuring``. Where tests fork ansible-playbook, its
workers alone are traced.
"""

from __future__ import annotations

import os
import sys

# Not from typing: this file runs whenever a measured process starts.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import SupportsIndex

    from coverage import Coverage

# What coverage tells the processes that this one starts, and our name for it, which it does not read by itself.
THEIRS = "COVERAGE_PROCESS_CONFIG"
CONFIGURATION = "TENBYTE_TEST_COVERAGE"
STARTER = "TENBYTE_TEST_COVERAGE_STARTER"
LINE = f"import os; exec(\"if os.getenv('{STARTER}'): import runpy; runpy.run_path(os.environ['{STARTER}'])\")\n"
# The name by which a process of forking.py runs this file.
FORKS = "forks"
OURS = "ansible_collections.tenbyte.webinar.plugins"
# Ansible ends a worker as soon as its result is there, often while it writes what it has measured.
WAIT_FOR_WORKERS = {"ANSIBLE_WORKER_SHUTDOWN_POLL_COUNT": "200", "ANSIBLE_WORKER_SHUTDOWN_POLL_DELAY": "0.05"}


def measure_later() -> None:
    """Let the processes that this one starts measure their coverage from the collection's first code on."""
    if THEIRS in os.environ:
        os.environ[CONFIGURATION] = os.environ.pop(THEIRS)
        os.environ[STARTER] = __file__


def measuring() -> dict[str, str]:
    """Return the variables that make a Python process measure its coverage; none unless coverage is measured."""
    found = {name: os.environ[name] for name in (CONFIGURATION, STARTER) if name in os.environ}
    return {**found, **WAIT_FOR_WORKERS} if found else {}


def prepare(environment: Path) -> None:
    """Write the line into a virtual environment."""
    for packages in environment.glob("lib/python3*/site-packages"):
        (packages / "tenbyte_webinar_measuring.pth").write_text(LINE)


class _FirstStays(list[object]):
    """A list of finders whose first one stays the first. Ansible's loader puts itself before all that are there."""

    def insert(self, index: SupportsIndex, finder: object) -> None:
        super().insert(int(index) or 1, finder)


class _Watch:
    """Begins with the first import from the collection, and finds no module itself.

    Not an audit hook: where one is written in Python, two threads that begin to be traced at the same time get a
    RuntimeError ("Cannot install a trace function ...") from ``sys.settrace``, and one of them dies before it runs.
    """

    def __init__(self) -> None:
        self._is_waiting = True

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> None:
        if self._is_waiting and name.startswith(OURS):
            self._is_waiting = False
            _start()


def _wait_for_our_code() -> None:
    sys.meta_path = _FirstStays([_Watch(), *sys.meta_path])  # type: ignore[assignment]


def _start() -> Coverage | None:
    import coverage

    os.environ[THEIRS] = os.environ[CONFIGURATION]
    started = coverage.process_startup()
    # Coverage sets it as well.
    os.environ.pop(THEIRS, None)
    return started


def _prepare_for_workers() -> Callable[[], None]:
    """Do all that coverage does but once: as a playbook forks a worker for each task, a test forks many playbooks.

    Return a function for a playbook. It lets the processes that it forks be traced: the workers of Ansible, which run
    the collection's code.
    """
    measured = _start()
    if measured is not None:
        measured.stop()
        measured.set_option("run:patch", [])
    is_traced = False

    def trace() -> None:
        nonlocal is_traced
        if not is_traced and measured is not None:
            is_traced = True
            measured.start()

    return lambda: os.register_at_fork(after_in_child=trace)


if __name__ == "__main__":
    from pathlib import Path

    prepare(Path(sys.argv[1]))
elif __name__ == FORKS:
    measure_workers = _prepare_for_workers()
elif __name__ == "<run_path>":
    _wait_for_our_code()
