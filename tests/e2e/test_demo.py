# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`make demo`, interrupted by its user."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import ingest, media
from tests.lab.demo import RUNNING
from tests.lab.stage import ROOT, processes_of

pytestmark = pytest.mark.skipif(
    bool(ingest.missing() or media.missing()), reason=str(ingest.missing() or media.missing())
)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short path: supervisord's socket is in it, and its path may have at most 107 bytes."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_stops_everything_and_removes_its_files(number: signal.Signals, folder: Path) -> None:
    if RUNNING.exists():
        pytest.skip("a demo was left running; end it with make demo-stop")
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        # As for a background job of a shell; programs inherit it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    lines = []
    with subprocess.Popen(
        [sys.executable, "-m", "tests.lab.demo"],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder), "KEEP": ""},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            lines.append(line)
            if "TASK [tenbyte.webinar.ffmpeg_encoder : Bring the streams of this host to what is asked for]" in line:
                # By then, the streams are being started.
                time.sleep(4)
                # A terminal sends the signal to all processes in the foreground.
                os.killpg(demo.pid, number)
    assert demo.returncode == (130 if number == signal.SIGINT else 143), "".join(lines)
    assert "Cleaned up" in "".join(lines[-2:])
    assert processes_of(folder) == []
    assert list(folder.glob("tenbyte-webinar-demo-*")) == []
