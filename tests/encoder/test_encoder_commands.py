# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ffmpeg is told, and what is refused: the parts of the encoder's program that run nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from encoder_commands import bits, commands_of
from encoder_media import Look, Track, can_be_looked_at, default_input_options, last_words, problem

from tests.lab.stage import ROOT

from .running import COPY, PROFILE, PROGRAM, settings_of
from .sources import table

FILE = {"type": "file", "path": "/srv/film.mp4"}
CAMERA = {"type": "url", "url": "rtsp://camera/main"}
PICTURE = Track(0, "h264", "yuv420p", 1280, 720)
SOUND = Track(1, "aac")


def words(
    source: dict[str, Any], look: Look | None, profile: dict[str, Any] | None = None, **changes: Any
) -> list[str]:
    settings = settings_of("rtmp://ingest/live", source, profile, **changes)
    return commands_of(settings, look, Path("/keys/one")).publish


def value(command: list[str], option: str) -> str:
    """The value of an option; of one that is given twice the last, which is the one that ffmpeg takes."""
    return command[len(command) - command[::-1].index(option)]


def test_the_table_of_sources_in_the_docs_is_the_one_that_the_tests_hold() -> None:
    assert table() in (ROOT / "docs" / "encoders.md").read_text()


@pytest.mark.parametrize(
    ("option", "default", "own"),
    [("-rtsp_transport", "tcp", "udp"), ("-timeout", "10000000", "5"), ("-stream_loop", "-1", "0")],
)
def test_the_users_input_options_take_the_place_of_the_roles(option: str, default: str, own: str) -> None:
    source = FILE if option == "-stream_loop" else CAMERA
    look = Look((PICTURE,), (SOUND,), recorded=source is FILE)
    assert value(words(source, look), option) == default
    assert value(words({**source, "input_options": [option, own]}, look), option) == own


def test_the_users_filters_come_before_the_roles() -> None:
    profile = {**PROFILE, "output_options": ["-vf", "yadif", "-af", "volume=2", "-b:v", "1M"]}
    command = words(FILE, Look((PICTURE,), (SOUND,), recorded=True), profile)
    assert command.count("-vf") == command.count("-af") == 1
    assert value(command, "-vf").startswith("yadif,")
    assert "pad=320:240" in value(command, "-vf")
    assert value(command, "-af").startswith("volume=2,")
    assert value(command, "-b:v") == "1M"


@pytest.mark.parametrize("bitrate", ["500k", "2500k", "4500k", "8M", "50M", "3000000"])
def test_no_picture_can_be_larger_than_the_bound(bitrate: str) -> None:
    command = words(FILE, None, {**PROFILE, "video_bitrate": bitrate})
    buffer = int(value(command, "-bufsize"))
    assert buffer / 8 < 1_000_000
    assert buffer == min(2 * bits(bitrate), 7_000_000)


@pytest.mark.parametrize("profile", [PROFILE, COPY], ids=["x264", "copy"])
@pytest.mark.parametrize("source", [FILE, CAMERA], ids=["file", "camera"])
def test_a_source_without_sound_gets_silence_that_ends_with_it(profile: dict[str, Any], source: dict[str, Any]) -> None:
    command = words(source, Look((PICTURE,), recorded=source is FILE), profile)
    assert any(word.startswith("anullsrc") for word in command)
    assert value(command, "-c:a") == "aac"
    assert ("-shortest" in command) == (source is CAMERA)


def test_a_source_without_picture_gets_a_black_one() -> None:
    command = words(FILE, Look((), (SOUND,), recorded=True))
    assert any(word.startswith("color=c=black:size=320x240") for word in command)


def test_a_recording_is_sent_in_real_time_and_a_camera_as_it_comes() -> None:
    recorded, live = Look((PICTURE,), (SOUND,), recorded=True), Look((PICTURE,), (SOUND,))
    web = {"type": "url", "url": "https://example.com/film.mp4"}
    assert value(words(web, recorded), "-vf").endswith(",realtime")
    assert "-re" in words(web, recorded, COPY)
    assert "realtime" not in value(words(CAMERA, live), "-vf")
    assert "-re" not in words(CAMERA, live, COPY)


def test_pictures_without_times_have_the_time_of_their_arrival() -> None:
    camera = {"type": "url", "url": "http://camera/video.mjpg"}
    assert value(words(camera, Look((PICTURE,), timeless=True), COPY), "-use_wallclock_as_timestamps") == "1"
    assert value(words(camera, Look((PICTURE,), timeless=True)), "-vf").startswith("setpts=(RTCTIME-RTCSTART)")
    usual = " ".join(words(camera, Look((PICTURE,))))
    assert "-use_wallclock_as_timestamps" not in usual
    assert "RTCTIME" not in usual


def test_a_cameras_sound_is_encoded_where_its_picture_is_copied() -> None:
    command = words(CAMERA, Look((PICTURE,), (Track(1, "pcm_mulaw"),)), COPY)
    assert (value(command, "-c:v"), value(command, "-c:a")) == ("copy", "aac")


@pytest.mark.parametrize(
    ("profile", "look", "sentence"),
    [
        (COPY, Look((Track(0, "hevc"),), (SOUND,)), "a picture in hevc, and the profile copy sends H.264 only"),
        (COPY, Look((Track(0, "h264", "yuv444p"),), (SOUND,)), "a picture in yuv444p"),
        (COPY, Look((), (SOUND,)), "no moving picture that copy could send"),
        (COPY, Look((Track(0, "png", still=True),)), "no moving picture that copy could send"),
        (COPY, Look((replace(PICTURE, rotation=90),), (SOUND,)), "turned by 90 degrees, which copy cannot do"),
        (PROFILE, Look((PICTURE,), timeless=True), "a bare stream of h264 without times"),
        (
            PROFILE,
            Look((PICTURE,), (SOUND,), recorded=True, playlist=True),
            "a playlist, which cannot be played in a loop",
        ),
        ({**PROFILE, "name": "audio_only"}, Look((PICTURE,)), "no sound that audio_only could send"),
        (PROFILE, Look(error="Invalid data found"), "cannot be read: Invalid data found"),
    ],
)
def test_what_cannot_be_sent_is_named_with_what_would_help(profile: dict[str, Any], look: Look, sentence: str) -> None:
    found = problem(settings_of("rtmp://ingest/live", FILE, profile), look)
    assert sentence in found
    assert any(word in found for word in ("Use a", "Give a", "Join it first", "Put it into a container first"))


def test_the_silence_of_a_recording_has_a_pace_of_its_own() -> None:
    command = words(FILE, Look((PICTURE,), recorded=True))
    assert command[command.index("anullsrc=sample_rate=48000:channel_layout=stereo") - 4] == "-re"


@pytest.mark.parametrize(("begins", "is_filled"), [(0.05, False), (5.0, True), (40_000.0, False)])
def test_a_picture_that_begins_after_the_sound_is_shown_from_the_start(begins: float, is_filled: bool) -> None:
    look = Look((replace(PICTURE, start=3 + begins),), (SOUND,), recorded=True, start=3)
    assert ("fps=30:start_time=0" in value(words(FILE, look), "-vf")) is is_filled


def test_a_track_that_is_not_there_is_named_with_those_that_are() -> None:
    look = Look((PICTURE,), (Track(1, "aac", language="ger"), Track(2, "aac", language="eng", default=True)))
    for wanted, expected in (("", 2), ("1", 1), (2, 2), ("GER", 1)):
        sound = look.sound(wanted)
        assert sound is not None
        assert sound.index == expected
    found = problem(settings_of("rtmp://ingest/live", {**FILE, "audio_track": "fra"}), look)
    assert "no audio_track fra" in found
    assert "1 (ger), 2 (eng)" in found


@pytest.mark.parametrize(
    ("picture", "sound", "profile", "refused"),
    [
        (replace(PICTURE, end=10.0), replace(SOUND, end=70.0), PROFILE, False),
        (replace(PICTURE, end=10.0), replace(SOUND, end=70.1), PROFILE, True),
        (replace(PICTURE, end=10.0), replace(SOUND, end=9000.0), COPY, False),
        (replace(PICTURE, end=10.0, still=True), replace(SOUND, end=9000.0), PROFILE, False),
        (PICTURE, replace(SOUND, end=9000.0), PROFILE, False),
        (replace(PICTURE, end=9000.0), replace(SOUND, end=10.0), PROFILE, False),
        (replace(PICTURE, end=10.0), None, PROFILE, False),
    ],
    ids=["a minute", "more", "copy", "a cover", "no end is told", "the picture is longer", "no sound"],
)
def test_sound_may_go_on_without_a_picture_for_a_minute(
    picture: Track, sound: Track | None, profile: dict[str, Any], *, refused: bool
) -> None:
    look = Look((picture,), (sound,) if sound else (), recorded=True)
    found = problem(settings_of("rtmp://ingest/live", FILE, profile), look)
    assert ("s of sound after the end of its picture" in found) == refused


@pytest.mark.parametrize(
    ("url", "is_looked_at"),
    [
        ("rtsp://camera/main", True),
        ("https://example.com/film.mp4", True),
        ("udp://239.1.1.1:1234", True),
        ("srt://mixer:9000", False),
        ("tcp://mixer:9000", False),
        ("rtmp://0.0.0.0/live?listen=1", False),
        ("http://0.0.0.0:8080?listen", False),
    ],
)
def test_a_sender_with_one_connection_keeps_it(url: str, is_looked_at: bool) -> None:
    assert can_be_looked_at({"type": "url", "url": url}) is is_looked_at
    assert not can_be_looked_at({"type": "url", "url": url, "input_options": ["-listen", "1"]})


@pytest.mark.parametrize(
    ("version", "is_told"),
    [("4.4.2-0ubuntu0", True), ("5.1.9-0+deb12u1", False), ("n7.1", False), ("", True)],
)
def test_a_host_whose_sources_nobody_looks_at_is_told_of(tmp_path: Path, version: str, *, is_told: bool) -> None:
    if version:
        ffprobe = tmp_path / "ffprobe"
        ffprobe.write_text(f"#!/bin/sh\necho ffprobe version {version} Copyright\n")
        ffprobe.chmod(0o755)
    streams = [{"label": "Hall/Talk", **settings_of("rtmp://ingest/live", CAMERA)}] * 2
    done = subprocess.run(
        [sys.executable, "-B", str(PROGRAM.with_name("encoder_media.py"))],
        input=json.dumps([{**one, "ffmpeg": "/opt/ffmpeg"} for one in streams]),
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    assert found["problems"] == []
    assert found["warning"].startswith("There is no ffprobe of version 5 or newer") is is_told


def test_options_of_the_program_ffmpeg_do_not_reach_ffprobe() -> None:
    assert default_input_options({**CAMERA, "input_options": ["-rtsp_transport", "udp"]}) == ["-timeout", "10000000"]


def test_last_words_come_without_addresses() -> None:
    said = "[rtmp @ 0x55d1] Server error: no\n[out#0/flv @ 0x1] Error opening output rtmp://ingest/live: End of file\n"
    assert last_words(said) == "Server error: no; Error opening output rtmp://ingest/live: End of file"
