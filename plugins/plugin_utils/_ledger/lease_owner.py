# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Names runs: who holds a lease, and whether the run behind a name is known to have died.

Without this, a re-run after a crash would have to wait for the dead run's lease to end.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def new_owner() -> str:
    """Return a name for this run: where it lives (boot and PID namespace), process id, its start, and a random part."""
    return f"{name_of_process(os.getpid())}:{secrets.token_hex(8)}"


def name_of_process(pid: int) -> str:
    """Return a name that no other process has had: its place, process id, and start."""
    return ":".join((_boot_and_namespace(), str(pid), _start_time(pid) or ""))


def is_known_ended(owner: str) -> bool:
    """Say True only of a run that lived here and whose process is gone; of all others nothing is known."""
    # Neither a place nor a random part holds a colon.
    place, pid, started = [*owner.split(":"), "", "", ""][:3]
    if not place or place != _boot_and_namespace() or not pid.isdigit() or not started:
        return False
    return _start_time(int(pid)) != started


def _boot_and_namespace() -> str:
    """Return an id of this machine's boot and PID namespace (Linux), empty where there is none to be had."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""
    return f"{boot}/{namespace.removeprefix('pid:')}"


def _start_time(pid: int) -> str | None:
    """Return when a process began, in clock ticks since boot (proc(5), fields 3 and 22), None where none runs.

    A process that was killed and that its parent has not waited for yet (a zombie) does not run any more.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return None if fields[0] in "ZX" else fields[19]
    except (OSError, IndexError):
        return None
