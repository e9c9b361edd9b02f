# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kills a client with all its descendants at once, as a power failure would: none of them can clean up."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

# The points of an exchange at which a client can be killed, in their order.
POINTS = ("received", "committed", "headers", "mid_body", "answered")


def kill_tree(pid: int, seconds: float = 10.0) -> bool:
    """Kill a process and its descendants, wait until they have ended, and return whether it was still alive.

    Ansible's workers have their own sessions and process groups, so a signal to the parent's group does not reach them.
    """
    if pid in (0, 1, os.getpid()):
        raise ValueError(f"process {pid} must not be killed")
    tree = [pid, *_descendants(pid)]
    was_alive = _is_alive(pid)
    # Stop them first: a stopped process starts no other one between the search and the kill.
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for one in tree:
            with contextlib.suppress(ProcessLookupError):
                os.kill(one, number)
        if number == signal.SIGSTOP:
            tree = list(dict.fromkeys([*tree, *_descendants(pid)]))
    deadline = time.monotonic() + seconds
    while any(map(_is_alive, tree)):
        if time.monotonic() > deadline:
            raise TimeoutError(f"process {pid} could not be killed")
        time.sleep(0.001)
    return was_alive


def _descendants(pid: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            children.setdefault(int(path.read_text().rpartition(")")[2].split()[1]), []).append(int(path.parent.name))
    found, todo = [], [pid]
    while todo:
        below = children.get(todo.pop(), [])
        found += below
        todo += below
    return found


def _is_alive(pid: int) -> bool:
    """Return whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except (OSError, IndexError):
        return False
