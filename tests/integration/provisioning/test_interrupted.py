# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run whose ansible-playbook ends at once, as a second Ctrl-C ends it, leaves no worker behind."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

import pytest

from tests.integration.conftest import EVENT, PRESET
from tests.integration.controller import Controller
from tests.simulator.server import Simulator

POST_SESSION = r"^/rooms/[^/]+/sessions$"
SECONDS = 30.0


def children_of(parent: int) -> set[int]:
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The fields after the name, which may contain blanks: state, parent.
            state, ppid = path.read_text().rpartition(")")[2].split()[:2]
            if int(ppid) == parent and state != "Z":
                found.add(int(path.parent.name))
    return found


def is_alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc")
def test_no_worker_goes_on_after_ansible_playbook(simulator: Simulator, controller: Controller) -> None:
    simulator.faults.add("latency", method="POST", path=POST_SESSION, seconds=1, times=None)
    rooms = [{"title": "Hall", "sessions": [{"title": f"Talk {n}", "preset_id": PRESET} for n in range(60)]}]
    tasks = [{EVENT: {"rooms": rooms, "concurrency": 2}}]
    playbook = controller.write([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}])
    process, _record = controller.start(str(playbook))
    try:
        give_up = time.monotonic() + SECONDS
        while not simulator.journal.writes() and time.monotonic() < give_up:
            time.sleep(0.05)
        workers = children_of(process.pid)
        assert workers
        # Before it could tell its workers: each is in a session of its own, which a terminal does not reach.
        process.kill()
        process.communicate(timeout=SECONDS)
        give_up = time.monotonic() + 5
        while any(map(is_alive, workers)) and time.monotonic() < give_up:
            time.sleep(0.05)
        assert not any(map(is_alive, workers))
    finally:
        for pid in (process.pid, *children_of(process.pid)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    simulator.faults.clear()
    time.sleep(1.5)
    created = len(simulator.service.sessions)
    assert created < 60
    # The next run finishes the event: with one session of each title, and the keys of all.
    run = controller.playbook(str(playbook))
    assert run.returncode == 0, run.output
    assert len(simulator.service.sessions) == 60
    assert all(session["stream_key_available"] for session in run.result(EVENT)["sessions"])
