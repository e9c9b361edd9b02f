# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Processes that tests started and did not end: a variable in their environment says which run of pytest it was."""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from pathlib import Path

# Not TENBYTE_…: such variables are removed from the environment of what is tested.
NAME = "PYTEST_RUN"
# Seconds. What was killed a moment ago may still be there.
PATIENCE = 10.0


def mark() -> None:
    """Give this run of pytest a name, which the processes that it starts inherit, its own workers among them."""
    os.environ.setdefault(NAME, uuid.uuid4().hex)


def left_behind() -> list[str]:
    """Return the processes of this run that are still there: the id, the command, and the test that started each."""
    deadline = time.monotonic() + PATIENCE
    while (found := running()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def running() -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        # Processes of others, and those that end meanwhile.
        with contextlib.suppress(OSError):
            variables = dict(_pairs(process / "environ"))
            if process.name != str(os.getpid()) and variables.get(NAME) == os.environ[NAME]:
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                started_by = variables.get("PYTEST_CURRENT_TEST", "").rpartition(" (")[0] or "no test"
                found.append(f"{process.name}, {command[:200]}, started by {started_by}")
    return found


def _pairs(file: Path) -> list[tuple[str, str]]:
    lines = file.read_bytes().decode(errors="replace").split("\0")
    return [(name, value) for name, separator, value in (line.partition("=") for line in lines) if separator]
