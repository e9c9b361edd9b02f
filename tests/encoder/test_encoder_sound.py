# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is made of a sound that goes and comes back. What ffprobe says of the source is a script's."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from encoder_media import Look, Track
from encoder_sound import Sound

BOTH = ("video,0", "audio,1")
PICTURE, SOUND = Track(0, "h264", "yuv420p", 1280, 720), Track(1, "aac")
WHOLE, PICTURE_ALONE = Look((PICTURE,), (SOUND,)), Look((PICTURE,))


class Scene:
    """A source that ``sends`` some tracks; ``notes`` is what the stream's state was given."""

    def __init__(self, folder: Path, url: str = "http://camera/live.ts", seconds: float = 0.2) -> None:
        self.tracks, self.notes = folder / "tracks", list[str]()
        ffprobe = folder / "ffprobe"
        ffprobe.write_text(f"#!/bin/sh\ncat {self.tracks}\n")
        ffprobe.chmod(0o755)
        self.sends(*BOTH)
        settings = {"source": {"type": "url", "url": url}, "ffmpeg": str(folder / "ffmpeg"), "sound_seconds": seconds}
        self.sound = Sound(settings, lambda **_state: None, self.notes.append)

    def sends(self, *tracks: str) -> None:
        self.tracks.write_text("".join(f"{one}\n" for one in tracks))

    def has_changed(self) -> bool:
        """Whether it has changed after a while in which the picture has come."""
        deadline = time.monotonic() + 2
        while time.monotonic() < deadline:
            if self.sound.has_changed(picture_flows=True):
                return True
            time.sleep(0.02)
        return False


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_a_sound_that_goes_is_replaced_and_comes_back(scene: Scene) -> None:
    scene.sound.expect(WHOLE, is_watched=True)
    assert scene.has_changed()
    scene.sends("video,0")
    scene.sound.change()
    replaced = [scene.sound.is_replaced]
    assert "sends none" in scene.notes[-1]
    # Of a dead sound, MPEG-TS tells nothing: a look has the picture alone.
    scene.sound.expect(PICTURE_ALONE, is_watched=False)
    assert not scene.has_changed()
    scene.sends(*BOTH)
    assert scene.has_changed()
    scene.sound.change()
    assert [*replaced, scene.sound.is_replaced] == [True, False]
    assert scene.notes[-1] == ""


def test_a_sound_that_comes_is_left_alone(scene: Scene) -> None:
    scene.sound.expect(WHOLE, is_watched=True)
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline:
        os.write(scene.sound.pipes[0], b"packet")
        assert not scene.sound.has_changed(picture_flows=True)
        time.sleep(0.02)


def test_a_source_that_sends_nothing_or_is_not_watched_keeps_its_sound(scene: Scene, tmp_path: Path) -> None:
    scene.sound.expect(WHOLE, is_watched=True)
    for _time in range(30):
        assert not scene.sound.has_changed(picture_flows=False)
        time.sleep(0.02)
    scene.sound.expect(WHOLE, is_watched=False)
    assert not scene.has_changed()
    patient = Scene(tmp_path, seconds=0)
    patient.sound.expect(WHOLE, is_watched=True)
    assert not patient.has_changed()


def test_each_start_begins_anew(scene: Scene) -> None:
    scene.sound.expect(WHOLE, is_watched=True)
    scene.sound.change()
    assert scene.has_changed()
    # The source was lost in between, and its next look has no sound: nothing is to be changed at once.
    scene.sound.expect(PICTURE_ALONE, is_watched=False)
    assert not scene.sound.has_changed(picture_flows=True)


@pytest.mark.parametrize(
    ("sounds", "tracks", "is_back"),
    [
        # An RTMP server announces to a new reader what is sent, and the picture then has the sound's number.
        (1, ("video,0",), False),
        (1, ("video,0", "audio,1"), True),
        (1, ("audio,0", "video,1"), True),
        # Of several, it has to be the one that was chosen.
        (2, ("audio,1", "video,2"), False),
        (2, ("audio,0", "video,2"), True),
    ],
)
def test_a_sound_is_known_by_its_kind_and_of_several_by_its_number(
    scene: Scene, sounds: int, tracks: tuple[str, ...], *, is_back: bool
) -> None:
    look = Look((replace(PICTURE, index=sounds),), tuple(replace(SOUND, index=index) for index in range(sounds)))
    scene.sound.expect(look, is_watched=True)
    scene.sound.change()
    scene.sends(*tracks)
    assert scene.has_changed() is is_back


def test_what_the_source_could_not_give_does_not_count_as_missing(tmp_path: Path) -> None:
    scene = Scene(tmp_path, seconds=0.5)
    scene.sound.expect(WHOLE, is_watched=True)
    time.sleep(0.6)
    scene.sound.excuse()
    assert not scene.sound.has_changed(picture_flows=True)
    assert scene.has_changed()


def test_a_pipe_that_ffmpeg_does_not_get_is_given_up(scene: Scene) -> None:
    pipe = scene.sound.pipes[0]
    scene.sound.heed(f"[out#1/data @ 0x1] Error opening output pipe:{pipe + 1}: Bad file descriptor")
    assert scene.sound.pipes == [pipe]
    scene.sound.heed(f"[out#1/data @ 0x1] Error opening output pipe:{pipe}: Bad file descriptor")
    assert scene.sound.pipes == []
    scene.sound.expect(WHOLE, is_watched=True)
    assert not scene.has_changed()


@pytest.mark.parametrize(
    ("url", "tracks", "heard", "is_replaced"),
    [
        ("rtsp://camera/main", BOTH[:1], False, True),
        # It has a sound, sends nothing at all, has been heard, or is one that only one may read.
        ("rtsp://camera/main", BOTH, False, False),
        ("rtsp://camera/main", (), False, False),
        ("rtsp://camera/main", BOTH[:1], True, False),
        ("udp://239.0.0.1:5000", BOTH[:1], False, False),
    ],
)
def test_where_nothing_was_sent_the_source_is_asked_whether_its_sound_is_why(
    tmp_path: Path, url: str, tracks: tuple[str, ...], *, heard: bool, is_replaced: bool
) -> None:
    scene = Scene(tmp_path, url)
    scene.sends(*tracks)
    scene.sound.expect(WHOLE, is_watched=True)
    if heard:
        os.write(scene.sound.pipes[0], b"packet")
        time.sleep(0.2)
    scene.sound.suspect()
    scene.sound.settle()
    assert scene.sound.is_replaced is is_replaced
