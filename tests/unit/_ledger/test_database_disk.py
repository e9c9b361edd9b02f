# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Disks that are full or read-only: real ones (tmpfs), so that it is the kernel and SQLite that say so."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ..other_process import COLLECTIONS
from ..small_service import SmallService

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parent / "small_disk.py"
Disk = Callable[[str], list[str]]


@pytest.fixture
def disk(tmp_path: Path, service: SmallService) -> Disk:
    """Play a scene on a small disk and return what it prints; skip where this user may not mount one."""
    room_id = service.add_room("Main stage")
    (tmp_path / "disk").mkdir()
    unshare = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]

    def play(scene: str) -> list[str]:
        command = [*unshare, sys.executable, "-W", "error", str(SCRIPT)]
        command += [str(tmp_path / "disk"), service.url, room_id, scene]
        environment = {**os.environ, "PYTHONPATH": str(COLLECTIONS)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
        if done.returncode != 0 and ("unshare" in done.stderr or "mount:" in done.stderr):
            pytest.skip(f"this user may not mount a disk of its own: {done.stderr.strip().splitlines()[0]}")
        assert done.returncode == 0, done.stderr
        lines: list[str] = json.loads(done.stdout)
        return lines

    return play


def test_a_disk_that_is_full_is_found_before_any_request(disk: Disk, service: SmallService) -> None:
    (said,) = disk("full")
    assert "ledger_url: " in said
    assert service.count("POST") == 0


def test_a_disk_that_has_filled_up_since_the_last_run_is_found_before_any_request(
    disk: Disk, service: SmallService
) -> None:
    made, said, looked_up = disk("full_later")
    assert service.current("Keynote") == [made]
    assert "has 0 KiB left" in said
    assert "nothing was created" in said
    assert service.count("POST") == 1
    # SQLite shares its index of the write-ahead log in a file, for which there is no room either.
    assert looked_up.endswith("characters") or "The ledger cannot be" in looked_up


def test_a_disk_that_fills_up_while_a_run_is_at_work_is_found_before_the_next_request(
    disk: Disk, service: SmallService
) -> None:
    said, made = disk("full_after_opening")
    assert "nothing was created" in said
    assert service.current("Keynote") == [made]
    assert service.count("POST") == 1


def test_a_key_for_which_there_is_no_room_is_tried_again_until_there_is(disk: Disk, service: SmallService) -> None:
    made, pauses = disk("room_again_in_time")
    assert service.current("Keynote") == [made]
    assert int(pauses) == 3


def test_a_key_for_which_there_never_was_room_is_said_to_be_lost_and_its_session_is_replaced(
    disk: Disk, service: SmallService
) -> None:
    said, waited, made = disk("full_at_the_key")
    assert "was created, but its stream key could not be kept" in said
    assert 40 < float(waited) < 90
    assert service.current("Keynote") == [made]
    assert made not in said
    assert service.count("POST") == 2


def test_a_read_only_disk_is_found_before_any_request(disk: Disk, service: SmallService) -> None:
    made, said, looked_up = disk("read_only")
    assert service.current("Keynote") == [made]
    assert "ledger_url: " in said
    assert "read-only" in said
    assert service.count("POST") == 1
    assert looked_up.endswith("characters") or "The ledger cannot be" in looked_up
