# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.lease_owner import is_known_ended, new_owner

from ..other_process import start_python

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="leases can name processes only on Linux")

CHILD = """
import sys
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.lease_owner import new_owner
print(new_owner(), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def child() -> Iterator[subprocess.Popen[str]]:
    with start_python(CHILD) as process:
        yield process
        process.kill()


def owner_of(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return child.stdout.readline().strip()


def test_two_runs_in_one_process_have_different_names() -> None:
    assert new_owner() != new_owner()


def test_a_name_fits_its_column() -> None:
    assert len(new_owner()) <= 160


def test_a_running_run_is_not_known_to_have_ended(child: subprocess.Popen[str]) -> None:
    assert not is_known_ended(new_owner())
    assert not is_known_ended(owner_of(child))


def test_a_killed_run_is_known_to_have_ended(child: subprocess.Popen[str]) -> None:
    owner = owner_of(child)
    child.kill()
    child.wait()
    assert is_known_ended(owner)


def test_a_killed_run_that_is_still_a_zombie_is_known_to_have_ended(child: subprocess.Popen[str]) -> None:
    owner = owner_of(child)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert is_known_ended(owner)


def test_a_stopped_run_is_not_known_to_have_ended(child: subprocess.Popen[str]) -> None:
    owner = owner_of(child)
    os.kill(child.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WNOWAIT)
    assert not is_known_ended(owner)


def test_a_reused_process_id_does_not_keep_a_lease() -> None:
    boot, pid, started, random = new_owner().split(":")
    assert is_known_ended(f"{boot}:{pid}:{int(started) - 1}:{random}")


def test_a_run_on_another_machine_is_not_known_to_have_ended() -> None:
    _boot, pid, started, random = new_owner().split(":")
    assert not is_known_ended(f"another-boot/[1]:{pid}:{int(started) - 1}:{random}")


@pytest.mark.parametrize("owner", ["", ":", ":::", "x", "a:b:c:d", ":1:2:3"])
def test_the_run_of_an_invalid_name_is_not_known_to_have_ended(owner: str) -> None:
    assert not is_known_ended(owner)


def test_the_run_of_an_incomplete_name_is_not_known_to_have_ended() -> None:
    boot, pid, _started, random = new_owner().split(":")
    assert not is_known_ended(f"{boot}:{pid}::{random}")
    assert not is_known_ended(f"{boot}:self:1:{random}")
