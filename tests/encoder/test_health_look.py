# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The look at what viewers get, with real media: black, frozen, silent, and well."""

from __future__ import annotations

import functools
import http.server
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.lab import media

if reason := media.missing():
    pytest.skip(reason, allow_module_level=True)

from tests.unit.role_programs import load

pytestmark = pytest.mark.e2e
look = load("private_encoder", "look")

PICTURES = {
    "well": ["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=30"],
    "black": ["-f", "lavfi", "-i", "color=black:size=320x180:rate=30"],
    # What a camera sees with its lid on is not quite black.
    "dark": ["-f", "lavfi", "-i", "color=0x060606:size=320x180:rate=30,noise=alls=6:allf=t"],
}
SOUNDS = {
    "well": ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"],
    "silent": ["-f", "lavfi", "-i", "anullsrc=sample_rate=48000:channel_layout=stereo"],
}


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_arguments: object) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/index.m3u8"
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


def ffmpeg(*arguments: str | Path) -> None:
    command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-y", *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True)


def stream(folder: Path, picture: list[str], sound: list[str], *more: str) -> None:
    """Write an HLS stream as a live one is: encoded at a constant bitrate, in segments of 2 s, without an end."""
    encoding = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "60", "-b:v", "400k"]
    encoding += ["-maxrate", "400k", "-bufsize", "800k", "-x264-params", "nal-hrd=cbr", "-c:a", "aac", "-t", "14"]
    live = ["-f", "hls", "-hls_time", "2", "-hls_list_size", "5", "-hls_flags", "omit_endlist", *more]
    ffmpeg(*picture, *sound, *encoding, *live, folder / "index.m3u8")


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    file = tmp_path_factory.mktemp("still") / "frame.png"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=320x180", "-frames:v", "1", file)
    return ["-loop", "1", "-framerate", "30", "-i", str(file)]


@pytest.mark.parametrize(
    ("picture", "sound", "found"),
    [
        ("well", "well", set()),
        ("black", "well", {"black"}),
        ("dark", "well", {"black"}),
        ("frozen", "well", {"frozen"}),
        ("well", "silent", {"silent"}),
        ("black", "silent", {"black", "silent"}),
        ("well", "none", {"silent"}),
        ("none", "well", set()),
    ],
)
def test_it_is_seen_what_is_wrong_with_a_stream(
    tmp_path: Path, still: list[str], picture: str, sound: str, found: set[str]
) -> None:
    stream(tmp_path, {**PICTURES, "frozen": still}.get(picture, []), SOUNDS.get(sound, []))
    with served(tmp_path) as url:
        seen = look.look(url)
    assert seen["problem"] == ""
    assert set(seen["faults"]) == found, seen
    assert 8 < seen["seconds"] < 12
    assert all(length >= seen["seconds"] - 1 for length in seen["faults"].values())
    wrong, _kept = look.verdict(seen, {}, 0.0)
    assert wrong["problem"].count(" for at least ") == len(found)


def test_a_pause_within_the_look_is_no_fault(tmp_path: Path) -> None:
    pause = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000,volume=0:enable='lt(mod(t,9),7)'"]
    stream(tmp_path, PICTURES["well"], pause)
    with served(tmp_path) as url:
        assert look.look(url)["faults"] == {}


def test_segments_that_need_a_header_are_looked_at_too(tmp_path: Path) -> None:
    stream(tmp_path, PICTURES["black"], SOUNDS["well"], "-hls_segment_type", "fmp4")
    assert "#EXT-X-MAP" in (tmp_path / "index.m3u8").read_text()
    with served(tmp_path) as url:
        assert set(look.look(url)["faults"]) == {"black"}


def test_picture_and_sound_may_be_apart(tmp_path: Path) -> None:
    stream(tmp_path, PICTURES["black"], [])
    (tmp_path / "sound").mkdir()
    stream(tmp_path / "sound", [], SOUNDS["well"])
    (tmp_path / "index.m3u8").rename(tmp_path / "video.m3u8")
    master = '#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="x",URI="sound/index.m3u8"\n'
    (tmp_path / "index.m3u8").write_text(f'{master}#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO="a"\nvideo.m3u8\n')
    with served(tmp_path) as url:
        assert set(look.look(url)["faults"]) == {"black"}


def test_segments_that_are_gone_or_hold_no_media_are_a_problem(tmp_path: Path) -> None:
    stream(tmp_path, PICTURES["well"], SOUNDS["well"])
    for segment in tmp_path.glob("*.ts"):
        segment.write_bytes(b"no media" * 1000)
    with served(tmp_path) as url:
        assert "hold no media" in look.look(url)["problem"]
    for segment in tmp_path.glob("*.ts"):
        segment.unlink()
    with served(tmp_path) as url:
        assert "cannot be read" in look.look(url)["problem"]


def test_the_url_is_in_no_argument_list(tmp_path: Path) -> None:
    stream(tmp_path, PICTURES["well"], SOUNDS["well"])
    program = tmp_path / "ffmpeg"
    program.write_text(f'#!/bin/sh\necho "$*" >{tmp_path}/arguments\nexec ffmpeg "$@"\n')
    program.chmod(0o755)
    with served(tmp_path) as url:
        assert look.look(f"{url}?token=a-viewers-token", str(program))["problem"] == ""
    arguments = (tmp_path / "arguments").read_text()
    assert "token" not in arguments
    assert "127.0.0.1" not in arguments
