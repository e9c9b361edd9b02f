# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Disks that are full or read-only. They are real (tmpfs), so the errors come from the kernel and SQLite."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ..other_process import import_path
from ..small_service import SmallService

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parent / "small_disk.py"
Disk = Callable[[str], list[str]]


@pytest.fixture
def disk(tmp_path: Path, service: SmallService) -> Disk:
    """Return a function that runs a scene of small_disk.py and returns its results. Skip if this user may not mount."""
    room_id = service.add_room("Main stage")
    (tmp_path / "disk").mkdir()
    unshare = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]

    def play(scene: str) -> list[str]:
        command = [*unshare, sys.executable, "-W", "error", str(SCRIPT)]
        command += [str(tmp_path / "disk"), service.url, room_id, scene]
        environment = {**os.environ, "PYTHONPATH": import_path()}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
        if done.returncode != 0 and ("unshare" in done.stderr or "mount:" in done.stderr):
            pytest.skip(f"this user may not mount a disk of its own: {done.stderr.strip().splitlines()[0]}")
        assert done.returncode == 0, done.stderr
        lines: list[str] = json.loads(done.stdout)
        return lines

    return play


def test_a_full_disk_is_detected_before_any_request(disk: Disk, service: SmallService) -> None:
    (message,) = disk("full")
    assert "ledger_url: " in message
    assert service.count("POST") == 0


def test_a_disk_that_is_full_since_the_last_run_is_detected_before_any_request(
    disk: Disk, service: SmallService
) -> None:
    made, message, looked_up = disk("full_later")
    assert service.current("Keynote") == [made]
    assert "has 0 KiB left" in message
    assert "nothing was created" in message
    assert service.count("POST") == 1
    # SQLite may need a new file for the index of the write-ahead log, for which there is no space either.
    assert looked_up.endswith("characters") or "The ledger cannot be" in looked_up


def test_a_disk_that_fills_up_during_a_run_is_detected_before_the_next_request(
    disk: Disk, service: SmallService
) -> None:
    message, made = disk("full_after_opening")
    assert "nothing was created" in message
    assert service.current("Keynote") == [made]
    assert service.count("POST") == 1


def test_writing_a_key_to_a_full_disk_is_retried_until_there_is_space(disk: Disk, service: SmallService) -> None:
    made, pauses = disk("space_during_the_retries")
    assert service.current("Keynote") == [made]
    assert int(pauses) == 3


def test_a_key_that_never_fits_on_the_disk_is_reported_and_its_session_is_replaced(
    disk: Disk, service: SmallService
) -> None:
    message, waited, made = disk("full_after_the_post")
    assert "was created, but its stream key could not be kept" in message
    assert 40 < float(waited) < 90
    assert service.current("Keynote") == [made]
    assert made not in message
    assert service.count("POST") == 2


def test_a_read_only_disk_is_detected_before_any_request(disk: Disk, service: SmallService) -> None:
    made, message, looked_up = disk("read_only")
    assert service.current("Keynote") == [made]
    assert "ledger_url: " in message
    assert "read-only" in message
    assert service.count("POST") == 1
    assert looked_up.endswith("characters") or "The ledger cannot be" in looked_up
