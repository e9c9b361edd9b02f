# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a stream does where a camera's sound never comes, or goes while its picture goes on. Real ffmpeg and ingest."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.lab.ingest import free_port

from .camera import camera
from .lip_sync import COUNTING_PICTURE, COUNTING_SOUND, lags
from .makers import AAC, H264, ffmpeg
from .recorder import Recorder, Recording, recorder
from .running import COPY, REAL_MEDIA, encoder, settings_of, skip_without_transport_streams, slate

pytestmark = REAL_MEDIA

# Seconds. A viewer notices a tenth; a camera and what measures this take as much.
LARGEST_LAG = 0.4


@pytest.fixture(scope="module")
def ingest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorder]:
    with recorder(tmp_path_factory.mktemp("ingest")) as one:
        yield one


def url(address: str) -> dict[str, Any]:
    return {"type": "url", "url": address}


@pytest.mark.parametrize("has_slate", [False, True])
def test_a_camera_that_announces_a_sound_and_sends_none_is_sent_with_silence(
    ingest: Recorder, tmp_path: Path, *, has_slate: bool
) -> None:
    key, further = f"mute-{has_slate}", slate() if has_slate else {}
    with camera(tmp_path / "camera", "aac") as one:
        one.mute.set()
        settings = settings_of(ingest.rtmp_url, url(one.url), stall_seconds=10, **further)
        with encoder(tmp_path / "run", key, settings) as running:
            running.wait_for("on air", 120, showing="source")
            assert "announces a sound and sends none" in running.status["note"]
            time.sleep(5)
    # The last one: at its end, the first connection sent the pictures that it had kept.
    recording = ingest.recordings(key)[-1]
    assert recording.seconds("video") > 4
    assert recording.seconds("audio") > 4


@pytest.mark.parametrize("has_slate", [False, True], ids=["alone", "slate"])
def test_a_sound_that_dies_is_replaced_by_silence_until_it_is_back(
    ingest: Recorder, tmp_path: Path, *, has_slate: bool
) -> None:
    key, further = f"dies-{has_slate}", slate() if has_slate else {}
    with camera(tmp_path / "camera", "aac", shows=(COUNTING_PICTURE, COUNTING_SOUND)) as one:
        settings = settings_of(ingest.rtmp_url, url(one.url), **further)
        with encoder(tmp_path / "run", key, settings) as running:
            running.wait_for("on air", showing="source")
            # A camera that sends nothing at all has lost more than its sound, and keeps it.
            one.silent.set()
            time.sleep(6)
            one.silent.clear()
            running.wait_for("on air", showing="source")
            time.sleep(4)
            assert not running.status.get("note")
            one.mute.set()
            running.wait_until(lambda status: "sends none" in status.get("note", ""))
            time.sleep(10)
            assert running.status["state"] == "on air"
            assert running.status["showing"] == "source"
            one.mute.clear()
            running.wait_until(lambda status: not status["note"])
            time.sleep(10)
            assert running.status["state"] == "on air"
            assert running.status["showing"] == "source"
            # Nothing of it counts as a failure.
            assert running.status.get("failures", 0) == 0
    recordings = ingest.recordings(key)
    # Without a slate, each change is a connection of its own. With one, the ingest does not notice it.
    assert len(recordings) == (1 if has_slate else 3), running.said
    assert_together(recordings)
    assert all(recording.seconds("audio") > 5 for recording in recordings)
    # No part of the stream is without a sound for longer than it takes to notice that.
    assert max(recording.longest_gap("audio") for recording in recordings) < 12


def assert_together(recordings: list[Recording]) -> None:
    """Sound and picture that were made together are sent together, and at its end, the stream has its sound again."""
    found: list[tuple[float, float]] = []
    for recording in recordings:
        found = lags(recording.file)
        assert all(abs(lag) < LARGEST_LAG for _time, lag in found), found
    end = recordings[-1].seconds("video")
    assert sum(time > end - 8 for time, _lag in found) >= 3, found


def test_sound_and_picture_stay_together_whatever_happens_to_a_camera(ingest: Recorder, tmp_path: Path) -> None:
    with camera(tmp_path / "camera", "aac", shows=(COUNTING_PICTURE, COUNTING_SOUND)) as one:
        settings = settings_of(ingest.rtmp_url, url(one.url), COPY, sound_seconds=3, **slate())
        with encoder(tmp_path / "run", "together", settings) as running:
            for _time in range(2):
                running.wait_for("on air", showing="source")
                time.sleep(2)
                one.mute.set()
                running.wait_until(lambda status: "sends none" in status.get("note", ""))
                one.mute.clear()
                running.wait_until(lambda status: not status["note"])
                running.wait_for("on air", showing="source")
                one.hang_up()
                running.wait_for("on air", showing="slate")
                running.wait_for("on air", showing="source")
                one.silent.set()
                running.wait_for("on air", showing="slate")
                one.silent.clear()
            running.wait_for("on air", showing="source")
            time.sleep(8)
    recordings = ingest.recordings("together")
    assert len(recordings) == 1, running.said
    assert_together(recordings)


def test_a_camera_that_is_copied_and_sends_no_sound_gets_silence(ingest: Recorder, tmp_path: Path) -> None:
    with camera(tmp_path / "camera", "aac") as one:
        one.mute.set()
        with encoder(tmp_path / "run", "mute-copy", settings_of(ingest.rtmp_url, url(one.url), COPY)) as running:
            running.wait_until(lambda status: "sends none" in status.get("note", ""), 60)
            running.wait_until(lambda status: status["state"] != "on air")
            running.wait_for("on air", 60)
            time.sleep(5)
    assert ingest.recordings("mute-copy")[-1].seconds("audio") > 4


@contextmanager
def counted_live(folder: Path, seconds: int, gone: tuple[int, int], container: str, address: str) -> Iterator[None]:
    """A camera that is passed on in a container of its own, without sound from one second on until another."""
    folder.mkdir()
    whole, film = folder / "whole.mkv", folder / "film.mkv"
    inputs = ("-f", "lavfi", "-i", COUNTING_PICTURE, "-f", "lavfi", "-i", COUNTING_SOUND)
    ffmpeg(*inputs, "-t", str(seconds), *H264, *AAC, str(whole))
    first, last = gone
    ffmpeg("-i", str(whole), "-c", "copy", "-bsf:a", rf"noise=drop=between(pts*tb\,{first}\,{last})", str(film))
    live = ("-re", "-i", str(film), "-c", "copy", "-max_interleave_delta", "200000", "-f", container, address)
    process = subprocess.Popen(["ffmpeg", "-nostdin", "-loglevel", "error", *live])
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)


def test_a_sound_that_an_rtmp_server_announces_no_more_is_replaced_until_it_is_back(
    ingest: Recorder, tmp_path: Path
) -> None:
    address = f"{ingest.rtmp_url}/camera"
    with counted_live(tmp_path / "camera", 90, (15, 50), "flv", address):
        time.sleep(2)
        settings = settings_of(ingest.rtmp_url, url(address), sound_seconds=4)
        with encoder(tmp_path / "run", "by-rtmp", settings) as running:
            running.wait_for("on air")
            running.wait_until(lambda status: "sends none" in status.get("note", ""), 40)
            running.wait_until(lambda status: not status["note"], 60)
            running.wait_until(lambda status: status["state"] != "on air")
            running.wait_for("on air")
            time.sleep(5)
            assert running.status.get("failures", 0) == 0
    # One connection with the sound, one with silence for as long as it is missing, and one with the sound again.
    recordings = ingest.recordings("by-rtmp")
    assert len(recordings) == 3, running.said
    assert recordings[1].seconds("video") > 15
    assert_together(recordings)


def test_a_sound_that_a_single_connection_lacks_for_a_while_is_back_beside_its_picture(
    ingest: Recorder, tmp_path: Path
) -> None:
    """More than 10 s: ffmpeg would take that for a jump of the clock, and go on with the sound where it was."""
    skip_without_transport_streams()
    address = f"udp://127.0.0.1:{free_port()}"
    settings = settings_of(ingest.rtmp_url, url(address))
    with (
        counted_live(tmp_path / "camera", 50, (14, 28), "mpegts", f"{address}?pkt_size=1316"),
        encoder(tmp_path / "run", "single", settings) as running,
    ):
        running.wait_for("on air")
        time.sleep(35)
    recordings = ingest.recordings("single")
    assert len(recordings) == 1, running.said
    assert recordings[0].seconds("video") > 32
    assert_together(recordings)


def test_a_sound_may_be_waited_for_for_ever(ingest: Recorder, tmp_path: Path) -> None:
    with camera(tmp_path / "camera", "aac") as one:
        settings = settings_of(ingest.rtmp_url, url(one.url), sound_seconds=0)
        with encoder(tmp_path / "run", "patient", settings) as running:
            running.wait_for("on air")
            one.mute.set()
            time.sleep(12)
            assert not running.status.get("note")
            assert running.status["state"] == "on air"
    assert len(ingest.recordings("patient")) == 1
