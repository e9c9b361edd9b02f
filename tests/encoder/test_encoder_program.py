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
from encoder import Status

from tests.lab.stage import ROOT

PROGRAM = ROOT / "roles" / "ffmpeg_encoder" / "files" / "encoder.py"
INGEST = "rtmp://ingest.example:1935/live"
KEY = "a-secret-stream-key"
# One process that says that it sends, and one that keeps quiet.
SENDS = "while :; do n=$((n + 1)); echo total_size=${n}0000; sleep 0.1; done"
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
            "sound_seconds": 20,
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


def test_what_is_encoded_and_not_sent_is_not_on_air(tmp_path: Path) -> None:
    # Before the first media, ffmpeg has sent the header; later, the muxer may hold pictures back.
    encodes = "while :; do n=$((n + 1)); echo frame=$n; echo out_time_us=${n}00000; echo total_size=%s; sleep 0.1; done"
    program = Program(tmp_path, encodes % "1200", stall_seconds=2)
    program.wait_for(failures=1)
    assert "first_media_seconds" not in program.status
    program.stop()
    program = Program(tmp_path, f"echo total_size=50000; {encodes % '50000'}", stall_seconds=2)
    program.wait_for(state="on air")
    program.wait_for(failures=1)
    assert "sent nothing for 2 s" in program.said
    program.stop()


def test_the_bytes_tell_that_media_flows_whatever_the_times_say(tmp_path: Path) -> None:
    # Where pictures lie far apart, the sound is encoded ahead, and the time with it.
    ahead = "while :; do n=$((n + 1)); echo out_time_us=60000000; echo total_size=${n}0000; sleep 0.1; done"
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
    program = Program(tmp_path, f"echo total_size=10000; sleep 1; touch {tmp_path}/later; {SENDS}")
    deadline = time.monotonic() + 60
    while not (tmp_path / "later").exists():
        assert time.monotonic() < deadline, program.said
        assert program.process.poll() is None, program.said
        time.sleep(0.05)
    assert program.stop() == 0


# What ffprobe says of a camera that announces a picture and a sound, and of a film.
TRACKS = [
    {"index": 0, "codec_type": "video", "codec_name": "h264", "pix_fmt": "yuv420p", "width": 640, "height": 360},
    {"index": 1, "codec_type": "audio", "codec_name": "aac", "sample_rate": "48000", "channels": 2},
]
CAMERA = {"type": "url", "url": "rtsp://camera.example/main"}


def with_ffprobe(folder: Path, **about: Any) -> None:
    """Let the program's ffprobe say that a source has TRACKS, and more about it."""
    (folder / "look.json").write_text(json.dumps({"streams": TRACKS, "format": {"start_time": "0.0", **about}}))
    ffprobe = folder / "ffprobe"
    # All tracks are sent.
    tracks = f"grep -q audio {folder}/look.json && echo audio,1; echo video,0"
    ffprobe.write_text(f'#!/bin/sh\ncase "$*" in *stream_index*) {tracks} ;; *) cat {folder}/look.json ;; esac\n')
    ffprobe.chmod(0o755)


def test_a_sound_that_is_announced_and_never_comes_is_replaced_by_silence(tmp_path: Path) -> None:
    with_ffprobe(tmp_path)
    waits = "while :; do n=$((n + 1)); echo frame=$n; sleep 0.1; done"
    program = Program(
        tmp_path, f'case "$*" in *anullsrc*) {SENDS} ;; *) {waits} ;; esac', source=CAMERA, stall_seconds=2
    )
    program.wait_for(state="on air")
    assert "announces a sound and sends none, so silence is sent" in program.status["note"]
    program.stop()


@pytest.mark.parametrize("is_shared", [True, False], ids=["shared", "not shared"])
def test_a_sound_that_goes_is_replaced_and_asked_for_only_where_that_takes_nothing_away(
    tmp_path: Path, *, is_shared: bool
) -> None:
    with_ffprobe(tmp_path)
    # The picture goes on. The sound, for which the program has a pipe, has a single packet.
    sends = f"""
case "$*" in *anullsrc*) echo silence ;; *) echo sound ;; esac >>{tmp_path}/tried
pipe=$(echo "$*" | sed -n 's/.*-f data pipe:\\([0-9]*\\).*/\\1/p')
[ -z "$pipe" ] || echo packet >/proc/self/fd/$pipe
{SENDS}"""
    source = CAMERA if is_shared else {**CAMERA, "url": "udp://239.0.0.1:5000"}
    program = Program(tmp_path, sends, source=source, sound_seconds=1)
    # Of a source that only one may read, nobody could find out whether its sound is back: its pauses are waited for.
    expected = ["sound", "silence", "sound", "silence"] if is_shared else ["sound"]
    deadline = time.monotonic() + 60
    while not (tmp_path / "tried").exists() or len((tmp_path / "tried").read_text().split()) < len(expected):
        assert time.monotonic() < deadline, program.said
        time.sleep(0.05)
    time.sleep(0 if is_shared else 3)
    program.wait_for(state="on air")
    assert (tmp_path / "tried").read_text().split() == expected
    assert ("announces a sound" in program.said) is is_shared
    # It is the program that has ended them.
    assert "next try" not in program.said
    assert program.status.get("failures", 0) == 0
    program.stop()


def test_a_chosen_sound_that_dies_costs_neither_the_picture_nor_the_sound_when_it_is_back(tmp_path: Path) -> None:
    with_ffprobe(tmp_path)
    (tmp_path / "both.json").write_text((tmp_path / "look.json").read_text())
    (tmp_path / "alone.json").write_text(json.dumps({"streams": TRACKS[:1], "format": {"start_time": "0.0"}}))
    # The first connection loses the sound. The second one has the picture alone, and ends. The third one stays until
    # the sound is back.
    script = f"""
case "$*" in *anullsrc*) kind=silence ;; *) kind=sound ;; esac
echo $kind >>{tmp_path}/tried
case $(wc -l <{tmp_path}/tried) in
1) cp {tmp_path}/alone.json {tmp_path}/look.json ;;
2) for n in 1 2 3; do echo total_size=${{n}}0000; sleep 0.1; done; exit 1 ;;
3) cp {tmp_path}/both.json {tmp_path}/look.json ;;
esac
{SENDS}"""
    program = Program(tmp_path, script, source={**CAMERA, "audio_track": 1}, sound_seconds=1)
    deadline = time.monotonic() + 60
    while not (tmp_path / "tried").exists() or len((tmp_path / "tried").read_text().split()) < 4:
        assert time.monotonic() < deadline, program.said
        time.sleep(0.05)
    program.stop()
    assert (tmp_path / "tried").read_text().split()[:4] == ["sound", "silence", "silence", "sound"], program.said
    assert "has no audio_track" not in program.said


def test_a_script_that_closes_the_pipe_for_the_sound_costs_only_the_look_at_it(tmp_path: Path) -> None:
    with_ffprobe(tmp_path)
    script = f"""
pipe=$(echo "$*" | sed -n 's/.*-f data \\(pipe:[0-9]*\\).*/\\1/p')
[ -z "$pipe" ] || {{ echo "Error writing trailer of $pipe: Bad file descriptor" >&2; exit 1; }}
{SENDS}"""
    program = Program(tmp_path, script, source=CAMERA)
    program.wait_for(state="on air")
    assert "nobody notices if the sound of the source goes" in program.said
    program.stop()


def test_a_sound_is_asked_for_again_where_silence_does_not_help(tmp_path: Path) -> None:
    with_ffprobe(tmp_path)
    waits = f'case "$*" in *anullsrc*) echo silence ;; *) echo sound ;; esac >>{tmp_path}/tried; '
    waits += "while :; do n=$((n + 1)); echo frame=$n; sleep 0.1; done"
    program = Program(tmp_path, waits, source=CAMERA, stall_seconds=1)
    program.wait_for(failures=3)
    program.stop()
    assert (tmp_path / "tried").read_text().split()[:3] == ["sound", "silence", "sound"]


def test_an_ingest_that_does_not_take_what_is_sent_does_not_cost_the_sound(tmp_path: Path) -> None:
    with_ffprobe(tmp_path)
    program = Program(tmp_path, f'echo "$*" >>{tmp_path}/tried; {SILENT}', source=CAMERA, stall_seconds=1)
    program.wait_for(failures=3)
    program.stop()
    assert "anullsrc" not in (tmp_path / "tried").read_text()


def test_a_camera_that_hangs_up_again_and_again_is_a_failure_and_a_recording_that_ends_is_none(tmp_path: Path) -> None:
    with_ffprobe(tmp_path)
    ends = "for n in 1 2 3; do echo total_size=${n}0000; sleep 0.2; done"
    program = Program(tmp_path, ends, source=CAMERA)
    program.wait_for(failures=2)
    program.stop()
    with_ffprobe(tmp_path, duration="3.0")
    program = Program(tmp_path, ends, source={"type": "url", "url": "http://films.example/film.mp4"})
    deadline = time.monotonic() + 60
    while program.said.count("ffmpeg has ended with code 0") < 3:
        assert time.monotonic() < deadline, program.said
        time.sleep(0.05)
    assert program.status["failures"] == 0
    program.stop()


@pytest.mark.parametrize(
    ("source", "state"), [({"type": "file", "path": "/film.mp4"}, "unsendable"), (CAMERA, "waiting")]
)
def test_what_ffmpeg_refuses_at_once_is_unsendable_unless_the_source_may_be_another_one_next_time(
    tmp_path: Path, source: dict[str, str], state: str
) -> None:
    with_ffprobe(tmp_path, duration="3.0")
    program = Program(tmp_path, "echo 'Unrecognized option nosuch.' >&2; exit 1", source=source)
    program.wait_for(state=state, failures=2)
    assert "Unrecognized option nosuch." in program.status["last_words"]
    assert program.stop() == 0


def test_a_file_is_not_called_unsendable_for_what_the_ingest_did(tmp_path: Path) -> None:
    with_ffprobe(tmp_path, duration="3.0")
    words = (
        f"[tcp @ 0x5] Connection to tcp://ingest.example:1935 failed: Connection refused\n{INGEST}: Connection refused"
    )
    script = f"cat >&2 <<'END'\n{words}\nEND\nexit 1"
    program = Program(tmp_path, script, source={"type": "file", "path": "/film.mp4"})
    program.wait_for(state="waiting", failures=2)
    assert program.stop() == 0


def test_notes_about_different_things_stand_beside_each_other(tmp_path: Path) -> None:
    status = Status(tmp_path)
    for about, text, shown in [
        ("sound", "no sound", "no sound"),
        ("key frames", "few key frames", "no sound; few key frames"),
        ("sound", "", "few key frames"),
        ("key frames", "", ""),
    ]:
        status.note(about, text)
        assert json.loads((tmp_path / "status.json").read_text())["note"] == shown


@pytest.mark.parametrize("ends", ["", "trap '' TERM; "])
def test_what_a_script_around_ffmpeg_has_started_ends_with_the_stream(tmp_path: Path, ends: str) -> None:
    inner = tmp_path / "inner"
    inner.write_text(f"#!/bin/sh\n{ends}echo $$ >{tmp_path}/pid\n{SENDS}\n")
    inner.chmod(0o755)
    program = Program(tmp_path, f"{inner}\necho ended")
    program.wait_for(state="on air")
    left = int((tmp_path / "pid").read_text())
    assert program.stop() == 0
    # A process that was killed is there until its parent has been told.
    deadline = time.monotonic() + 5
    while Path(f"/proc/{left}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
