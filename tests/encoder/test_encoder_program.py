# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The program that keeps a stream on air, with scripts in place of ffmpeg, which would take minutes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.lab.stage import ROOT

PROGRAM = ROOT / "roles" / "ffmpeg_encoder" / "files" / "encoder.py"
INGEST = "rtmp://ingest.example:1935/live"
KEY = "a-secret-stream-key"
# One process that says that it sends, and one that keeps quiet.
SENDS = "while :; do n=$((n + 1)); echo out_time_us=${n}000000; sleep 0.1; done"
SILENT = "sleep 600"


class Program:
    """The program with a script in place of ffmpeg; what it says is in ``said`` once it has ended."""

    def __init__(self, folder: Path, script: str, **settings: Any) -> None:
        self.folder = folder
        # The program puts ffmpeg's progress options after the first word; sh takes them as $0 and $1.
        ffmpeg = folder / "ffmpeg"
        ffmpeg.write_text(f"#!/bin/sh\n{script}\n")
        ffmpeg.chmod(0o755)
        known: dict[str, Any] = {
            "ffmpeg": str(ffmpeg),
            "source": {"type": "test_pattern"},
            "profile": {
                "name": "x264",
                "framerate": 30,
                "preset": "veryfast",
                "video_bitrate": "2500k",
                "audio_bitrate": "128k",
            },
            "slate": {"type": "none"},
            "ingest": INGEST,
            "app": "live",
            "tls": False,
            "stall_seconds": 60,
            "source_seconds": 1,
            "refusals": 2,
            **settings,
        }
        (folder / "stream.json").write_text(json.dumps(known))
        (folder / "key").write_text(f"rtmp_playpath={KEY}\n")
        command = [sys.executable, str(PROGRAM), *map(str, (folder / "stream.json", folder / "key", folder))]
        with (folder / "output").open("w") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=output)

    @property
    def said(self) -> str:
        return (self.folder / "output").read_text()

    @property
    def status(self) -> dict[str, Any]:
        file = self.folder / "status.json"
        status: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
        return status

    def wait_for(self, **expected: Any) -> None:
        deadline = time.monotonic() + 60
        while not expected.items() <= self.status.items():
            assert time.monotonic() < deadline, (self.status, self.said)
            assert self.process.poll() is None, self.said
            time.sleep(0.05)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


@pytest.mark.parametrize(
    "words",
    [
        f"{INGEST}: Input/output error",
        f"[out#0/flv @ 0x5] Error opening output {INGEST}: End of file",
        "[out#0/flv @ 0x5] Error muxing a packet\n[out#0/flv @ 0x5] Error writing trailer: Broken pipe",
        "av_interleaved_write_frame(): Broken pipe",
    ],
)
def test_an_ingest_that_refuses_the_key_is_left_alone_after_some_tries(tmp_path: Path, words: str) -> None:
    program = Program(tmp_path, f"cat >&2 <<'END'\n{words}\nEND\nexit 1")
    assert program.process.wait(60) == 77
    assert "refused the stream 2 times in a row" in program.said
    assert program.status["state"] == "refused"


@pytest.mark.parametrize(
    "words",
    [
        f"[tcp @ 0x5] Connection to tcp://ingest.example:1935 failed: Connection refused\n{INGEST}: Connection refused",
        f"[tls @ 0x5] Peer certificate failed verification\n{INGEST}: Input/output error",
        f"[rtmp @ 0x5] Cannot open connection tcp://ingest.example:1935\n{INGEST}: Input/output error",
        f"[tcp @ 0x5] Failed to resolve hostname ingest.example\n{INGEST}: Input/output error",
        "/srv/media/film.mp4: No such file or directory",
        # The source's URL begins with the ingest's.
        f"{INGEST}/camera: Input/output error",
        "[in#0 @ 0x5] Error opening input: Input/output error\nError opening input file " + INGEST + "/camera.",
        # ffmpeg 7, when a source has no picture.
        f"Stream map '0:v:0' matches no streams.\nError parsing options for output file {INGEST}.\n"  # noqa: ISC004
        "Error opening output files: Invalid argument",
    ],
)
def test_an_ingest_or_source_that_is_not_there_is_tried_again_and_again(tmp_path: Path, words: str) -> None:
    program = Program(tmp_path, f"cat >&2 <<'END'\n{words}\nEND\nexit 1", refusals=1)
    program.wait_for(failures=3, refusals=0)
    assert program.stop() == 0


def test_a_sender_that_sends_nothing_is_started_again(tmp_path: Path) -> None:
    program = Program(tmp_path, SILENT, stall_seconds=1)
    program.wait_for(failures=2)
    assert "sent nothing for 1 s" in program.said
    program.stop()


def test_frames_count_where_the_sound_is_encoded_ahead_of_them(tmp_path: Path) -> None:
    ahead = (
        "echo out_time_us=60000000; while :; do n=$((n + 1)); echo frame=$n; echo out_time_us=60000000; sleep 0.1; done"
    )
    program = Program(tmp_path, ahead, stall_seconds=1)
    program.wait_for(state="on air")
    time.sleep(4)
    assert program.status["state"] == "on air"
    assert "sent nothing" not in program.said
    program.stop()


def test_a_stream_that_flows_is_on_air_and_ends_when_it_is_told_to(tmp_path: Path) -> None:
    program = Program(tmp_path, SENDS)
    program.wait_for(state="on air")
    assert program.status["first_media_seconds"] >= 0
    assert program.stop() == 0


def test_what_ffmpeg_says_is_passed_on_without_the_key(tmp_path: Path) -> None:
    program = Program(tmp_path, f"echo 'cannot open {INGEST}/{KEY}' >&2; {SILENT}")
    program.wait_for(state="connecting")
    deadline = time.monotonic() + 30
    while "cannot open" not in program.said:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    program.stop()
    assert "********" in program.said
    assert KEY not in program.said


def test_a_state_that_cannot_be_written_does_not_take_the_stream_off_air(tmp_path: Path) -> None:
    # A folder that holds something cannot be replaced by a file, whoever tries.
    (tmp_path / "status.json").mkdir()
    (tmp_path / "status.json" / "more").touch()
    program = Program(tmp_path, f"echo out_time_us=1000000; sleep 1; touch {tmp_path}/later; {SENDS}")
    deadline = time.monotonic() + 60
    while not (tmp_path / "later").exists():
        assert time.monotonic() < deadline, program.said
        assert program.process.poll() is None, program.said
        time.sleep(0.05)
    assert program.stop() == 0
