# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Ends a worker of Ansible whose ansible-playbook has ended.

On Ctrl-C, ansible-playbook tells its workers to end. A second Ctrl-C may end it before it has told them. They are in
sessions of their own, so a terminal does not reach them, and would work through the rest of an event.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
import time

# Seconds between two looks.
_INTERVAL = 0.5
_watched: set[int] = set()


def end_with_parent() -> None:
    """Let this process end soon after the one that has forked it. Does nothing where Ansible has not forked it.

    The process ends as if it were killed: what is under way then is in the ledger.
    """
    parent = multiprocessing.parent_process()
    if parent is None or parent.pid is None or os.getpid() in _watched:
        return
    _watched.add(os.getpid())
    threading.Thread(target=_watch, args=(parent.pid,), daemon=True, name="tenbyte-webinar-parent").start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_INTERVAL)
    # Neither threads that wait for an answer nor the interpreter's own end can hold this up.
    os._exit(1)
