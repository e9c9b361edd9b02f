# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""What the items of a task's loop share. Ansible runs all of them in one process, which it forks for the task."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from multiprocessing.util import Finalize
from typing import Any

from .._reconcile.reuse import Reuse
from .visibility import is_loop


@dataclass
class Loop:
    """What the items of a task's loop share. ``facts`` are those that the last of them has set."""

    reuse: Reuse = field(default_factory=Reuse)
    facts: Mapping[str, Any] = field(default_factory=dict)


_of_process: dict[object, Loop] = {}


def loop_of(task: Any, environment: Mapping[str, str]) -> Loop | None:
    """Return what the items of this task share, None if it has no loop. ``environment`` is what is in force for it."""
    if not is_loop(task):
        return None
    # A proxy in the environment is a part of what the connections are.
    place = (os.getpid(), task._uuid, tuple(sorted(environment.items())))  # noqa: SLF001 - a task has no other name
    if place not in _of_process:
        for other in _of_process.values():
            other.reuse.close()
        _of_process.clear()
        _of_process[place] = found = Loop()
        # The process of a worker ends without the interpreter's own clean-up.
        Finalize(None, found.reuse.close, exitpriority=1)
    return _of_process[place]
