# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The program of the role ffmpeg_encoder with a real ffmpeg, as its service manager starts it."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.lab import ingest, media
from tests.lab.stage import ROOT

MISSING = ingest.missing() or media.missing()
# Of tests with real media: they run one after the other, where the programs are.
REAL_MEDIA = [pytest.mark.e2e, pytest.mark.skipif(bool(MISSING), reason=str(MISSING))]

PROGRAM = ROOT / "roles" / "ffmpeg_encoder" / "files" / "encoder.py"
PROFILE = {
    "name": "x264",
    "size": "320x240",
    "framerate": 30,
    "preset": "ultrafast",
    "video_bitrate": "800k",
    "audio_bitrate": "96k",
}
COPY = {**PROFILE, "name": "copy"}


def ffmpeg() -> str:
    """The ffmpeg that is tested: that of this machine, or TENBYTE_TEST_FFMPEG."""
    return os.environ.get("TENBYTE_TEST_FFMPEG") or str(shutil.which("ffmpeg"))


@functools.cache
def reads_transport_streams() -> bool:
    make = ["ffmpeg", "-loglevel", "quiet", "-f", "lavfi", "-i", "sine=duration=1", "-c:a", "aac", "-f", "mpegts", "-"]
    made = subprocess.run(make, capture_output=True, check=False).stdout
    read = [ffmpeg(), "-nostdin", "-loglevel", "quiet", "-f", "mpegts", "-i", "pipe:0", "-f", "null", "-"]
    return subprocess.run(read, input=made, capture_output=True, check=False).returncode == 0


def skip_without_transport_streams() -> None:
    """Skip a test for which ffmpeg reads MPEG-TS: a slate's sender does. A static build of 7.0.2 crashes at it."""
    if not reads_transport_streams():
        pytest.skip("this build of ffmpeg crashes when it reads MPEG-TS")


def slate(**kind: str) -> dict[str, Any]:
    """Return the setting of a slate, by default a coloured one, for a test that is skipped where none could be sent."""
    skip_without_transport_streams()
    return {"slate": kind or {"type": "color", "color": "0x202428"}}


def settings_of(
    rtmp_url: str, source: dict[str, Any], profile: dict[str, Any] | None = None, **changes: Any
) -> dict[str, Any]:
    return {
        "ffmpeg": ffmpeg(),
        "source": source,
        "profile": profile or PROFILE,
        "slate": {"type": "none"},
        "ingest": rtmp_url,
        "app": "live",
        "tls": False,
        "stall_seconds": 15,
        "source_seconds": 2,
        "sound_seconds": 5,
        "refusals": 10,
        **changes,
    }


class Encoder:
    """A stream named ``key``; its messages are in ``said``."""

    def __init__(self, folder: Path, key: str, settings: dict[str, Any], **environment: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        (folder / "stream.json").write_text(json.dumps(settings))
        (folder / "key").write_text(f"rtmp_playpath={key}\n")
        files = [str(folder / name) for name in ("stream.json", "key")]
        self._output = (folder / "output").open("a")
        self.process = subprocess.Popen(
            [sys.executable, "-B", str(PROGRAM), *files, str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._output,
            env={**os.environ, **environment},
        )

    @property
    def said(self) -> str:
        return (self.folder / "output").read_text(errors="replace")

    @property
    def status(self) -> dict[str, Any]:
        with contextlib.suppress(OSError, ValueError):
            status: dict[str, Any] = json.loads((self.folder / "status.json").read_text())
            return status
        return {}

    def wait_until(self, condition: Callable[[dict[str, Any]], bool], seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while not condition(self.status):
            assert time.monotonic() < deadline, (self.status, self.said)
            time.sleep(0.1)

    def wait_for(self, state: str, seconds: float = 30, **expected: Any) -> None:
        wanted = {"state": state, **expected}
        self.wait_until(lambda status: wanted.items() <= status.items(), seconds)

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(30)
        self._output.close()
        return code


@contextmanager
def encoder(folder: Path, key: str, settings: dict[str, Any], **environment: str) -> Iterator[Encoder]:
    running = Encoder(folder, key, settings, **environment)
    try:
        yield running
    finally:
        running.stop()
