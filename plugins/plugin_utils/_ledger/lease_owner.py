# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Names of runs, for leases. A name tells whether its run has ended.

So a new run does not have to wait for the lease of a run that was killed.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def new_owner() -> str:
    """Return a new name for this run: the name of its process and a random part."""
    return f"{name_of_process(os.getpid())}:{secrets.token_hex(8)}"


def name_of_process(pid: int) -> str:
    """Return a name that no other process has had: boot and PID namespace, process id, and start time."""
    return ":".join((_boot_and_namespace(), str(pid), _start_time(pid) or ""))


def is_known_ended(owner: str) -> bool:
    """Return True only if the run was in this boot and PID namespace and its process has ended."""
    # No part contains a colon.
    boot, pid, started = [*owner.split(":"), "", "", ""][:3]
    if not boot or boot != _boot_and_namespace() or not pid.isdigit() or not started:
        return False
    return _start_time(int(pid)) != started


def _boot_and_namespace() -> str:
    """Return the ids of this machine's boot and PID namespace (Linux), "" if they cannot be read."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""
    return f"{boot}/{namespace.removeprefix('pid:')}"


def _start_time(pid: int) -> str | None:
    """Return the start time of a process, in clock ticks since boot (proc(5), field 22), None if it is not running.

    A zombie (field 3) is not running: it has ended, and only its parent has not waited for it yet.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return None if fields[0] in "ZX" else fields[19]
    except (OSError, IndexError):
        return None
