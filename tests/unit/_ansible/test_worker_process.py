# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ..other_process import import_path

# A process that forks a worker, as Ansible does, which is busy on threads in a session of its own.
BUSY = """
import multiprocessing, os, sys, time
from concurrent.futures import ThreadPoolExecutor
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.worker_process import end_with_parent

def work():
    os.setsid()
    end_with_parent()
    with ThreadPoolExecutor(max_workers=4) as pool:
        print(os.getpid(), flush=True)
        list(pool.map(time.sleep, [SECONDS] * 4))
    print("done", flush=True)

worker = multiprocessing.get_context("fork").Process(target=work)
worker.start()
worker.join()
"""
SOON = 5.0


def started(seconds: int) -> tuple[subprocess.Popen[str], int]:
    program = BUSY.replace("SECONDS", str(seconds))
    environment = {**os.environ, "PYTHONPATH": import_path()}
    process = subprocess.Popen([sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def ends(pid: int) -> bool:
    give_up = time.monotonic() + SOON
    while time.monotonic() < give_up:
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                time.sleep(0.05)
                continue
        return True
    return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_worker_ends_with_the_process_that_forked_it(number: signal.Signals) -> None:
    process, worker = started(seconds=60)
    try:
        with process:
            process.send_signal(number)
            process.wait(SOON)
            assert ends(worker)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)


@pytest.mark.slow
def test_a_worker_whose_parent_lives_is_left_to_its_work() -> None:
    process, _worker = started(seconds=2)
    output, _unused = process.communicate(timeout=30)
    assert output == "done\n"
