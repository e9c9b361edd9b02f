# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a real ffmpeg sends of source and slate: from where on, and at what times."""

from __future__ import annotations

import json
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
from encoder_commands import JOINABLE, JOINED_LOOK, LONGEST_PAUSE
from encoder_packets import SECOND, TS_PACKET, WRAP, Beginning, Timeline

from .makers import AAC, H264, PICTURE, SOUND
from .running import REAL_MEDIA, ffmpeg, skip_without_transport_streams

pytestmark = REAL_MEDIA
# Of what is read from a pipe.
PIECE = 7 * TS_PACKET


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    skip_without_transport_streams()
    pieces_of_it = [*PICTURE, *SOUND, "-t", "8", *H264, *AAC, *JOINABLE]
    command = ["ffmpeg", "-loglevel", "error", "-nostdin", *pieces_of_it]
    return subprocess.run(command, check=True, capture_output=True).stdout


def sent(data: bytes, file: Path) -> dict[str, list[float]]:
    """Send as a sender with a slate does; return the times of each track, in seconds."""
    read = [ffmpeg(), "-nostdin", "-loglevel", "error", "-fflags", "+genpts", "-dts_delta_threshold", LONGEST_PAUSE]
    read += ["-analyzeduration", JOINED_LOOK, "-f", "mpegts", "-i", "pipe:0", "-c", "copy", "-f", "flv", str(file)]
    done = subprocess.run(read, input=data, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    entries = ["-show_entries", "packet=codec_type,dts_time", "-of", "json", str(file)]
    found = json.loads(
        subprocess.run(["ffprobe", "-loglevel", "error", *entries], capture_output=True, check=True).stdout
    )
    kinds = ("video", "audio")
    return {kind: [float(one["dts_time"]) for one in found["packets"] if one["codec_type"] == kind] for kind in kinds}


@pytest.mark.parametrize("offset", [0.1, 0.5, 0.9, 1.3])
def test_a_sender_joins_a_running_source_at_a_key_frame(stream: bytes, tmp_path: Path, offset: float) -> None:
    start = int(len(stream) / 4 * (0.5 + offset / 2)) // TS_PACKET * TS_PACKET
    beginning = Beginning()
    joined = b"".join(beginning.of(stream[at : at + PIECE]) for at in range(start, len(stream), PIECE))
    assert sent(joined, tmp_path / "joined.flv")["video"]
    assert len(joined) > len(stream) / 4


@pytest.mark.parametrize("begin", [0, WRAP - 12 * SECOND, WRAP - 1], ids=["early", "over the end", "at the end"])
def test_pieces_that_each_begin_at_the_same_time_are_sent_one_after_the_other(
    stream: bytes, tmp_path: Path, begin: int
) -> None:
    timeline = Timeline()
    timeline._newest = begin
    data = b""
    for _time in range(3):
        timeline.cut()
        data += b"".join(timeline.moved(stream[at : at + PIECE]) for at in range(0, len(stream), PIECE))
    tracks = sent(data, tmp_path / "joined.flv")
    for times in tracks.values():
        assert all(0 < later - earlier < 0.2 for earlier, later in pairwise(times))
        assert times[-1] - times[0] == pytest.approx(3 * 8, abs=0.5)


def test_a_stream_of_days_is_sent_beyond_the_end_of_its_clock_more_than_once(tmp_path: Path) -> None:
    skip_without_transport_streams()
    # A picture every 5 s for 70 hours.
    rare = ["-f", "lavfi", "-i", "color=size=16x16:rate=1/5", "-frames:v", "50000", *H264, *JOINABLE]
    stream = subprocess.run(["ffmpeg", "-loglevel", "error", "-nostdin", *rare], check=True, capture_output=True).stdout
    times = sent(Timeline().moved(stream), tmp_path / "long.flv")["video"]
    assert len(times) == 50000
    assert all(later - earlier == pytest.approx(5.0, abs=0.002) for earlier, later in pairwise(times))
