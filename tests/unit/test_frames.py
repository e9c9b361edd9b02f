# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pictures are taken concurrently, up to a limit; a failure affects only its own picture."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from itertools import accumulate
from pathlib import Path

import pytest

FRAMES = Path(__file__).resolve().parents[2] / "playbooks" / "files" / "frames.py"
PICTURE = b"\xff\xd8\xff picture"
# Replaces ffmpeg: a picture for every stream except a refused one and one without a picture.
FFMPEG = r"""#!/bin/sh
echo 1 >>"$LOG"
sleep 0.2
case "$*" in *refused*) echo -1 >>"$LOG"; exit 1 ;; *sound*) printf 'sound' ;; *) printf '\377\330\377 picture' ;; esac
echo -1 >>"$LOG"
"""


def grabbed(folder: Path, streams: dict[str, str], at_once: int, *, has_ffmpeg: bool = True) -> dict[str, str]:
    if has_ffmpeg:
        (folder / "ffmpeg").write_text(FFMPEG)
        (folder / "ffmpeg").chmod(0o755)
    path = f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin" if has_ffmpeg else str(folder)
    done = subprocess.run(
        [sys.executable, "-c", FRAMES.read_text()],
        input=json.dumps({"streams": streams, "at_once": at_once}),
        env={"PATH": path, "LOG": str(folder / "log")},
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stderr == ""
    found: dict[str, str] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("at_once", [1, 3])
def test_at_most_the_given_number_of_pictures_is_taken_at_once(tmp_path: Path, at_once: int) -> None:
    streams = {str(number): f"https://example.com/{number}" for number in range(6)}
    assert grabbed(tmp_path, streams, at_once) == dict.fromkeys(streams, base64.b64encode(PICTURE).decode())
    running = list(accumulate(map(int, (tmp_path / "log").read_text().split())))
    assert max(running) == at_once


def test_a_stream_that_cannot_be_read_gets_no_picture(tmp_path: Path) -> None:
    streams = {name: f"https://example.com/{name}" for name in ("refused", "sound", "good")}
    assert set(grabbed(tmp_path, streams, 2)) == {"good"}


def test_without_ffmpeg_no_picture_is_taken(tmp_path: Path) -> None:
    assert grabbed(tmp_path, {"good": "https://example.com"}, 2, has_ffmpeg=False) == {}
