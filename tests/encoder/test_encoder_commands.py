# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ffmpeg is told, and what is refused: the parts of the encoder's program that run nothing."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from encoder_commands import bits, commands_of, is_paced, slate_commands_of, watched
from encoder_media import (
    Look,
    Track,
    _look_of,
    _problem_of_slate_size,
    can_be_looked_at,
    default_input_options,
    key_frame_problem,
    last_words,
    look_at,
    missing_device,
    problem,
    problem_of_files,
    without_credentials,
)

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


LIVE = Look((PICTURE,), (SOUND,))


@pytest.mark.parametrize("address", ["udp://239.0.0.1:5000", "srt://camera:9000", "http://camera/live.ts"])
@pytest.mark.parametrize("profile", [PROFILE, COPY], ids=["x264", "copy"])
def test_a_live_sound_may_be_missing_for_longer_than_ffmpeg_thinks(address: str, profile: dict[str, Any]) -> None:
    source = {"type": "url", "url": address}
    assert value(words(source, LIVE, profile), "-dts_delta_threshold") == "30"
    own = {**source, "input_options": ["-dts_delta_threshold", "5"]}
    assert value(words(own, LIVE, profile), "-dts_delta_threshold") == "5"


@pytest.mark.parametrize(
    ("source", "look"),
    [
        (FILE, replace(LIVE, recorded=True)),
        ({"type": "url", "url": "http://server/film.ts"}, replace(LIVE, recorded=True)),
        ({"type": "url", "url": "http://server/live.m3u8"}, replace(LIVE, playlist=True)),
    ],
    ids=["file", "recording", "playlist"],
)
def test_a_jump_in_what_is_sent_at_its_own_pace_is_not_waited_for(source: dict[str, Any], look: Look) -> None:
    """It would last longer than ffmpeg may be idle, which is then started again from the beginning."""
    assert "-dts_delta_threshold" not in words(source, look)
    assert "-dts_delta_threshold" not in words(source, look, COPY)


WHOLE = "-bsf:a aac_adtstoasc"
TRANSPORT = replace(LIVE, adts=True)


@pytest.mark.parametrize("look", [TRANSPORT, None], ids=["looked at", "unseen"])
def test_only_whole_frames_of_a_copied_sound_are_sent(look: Look | None) -> None:
    """Where one is damaged, ffmpeg would end."""
    assert WHOLE in " ".join(words(CAMERA, look, COPY))
    # With a slate, it is the sender that sends, and what it reads must keep its heads.
    commands = commands_of(settings_of("rtmp://ingest/live", CAMERA, COPY, slate={"type": "color"}), look, Path("/one"))
    assert WHOLE in " ".join(commands.publish)
    assert WHOLE not in " ".join(commands.source or [])
    own = words(CAMERA, look, {**COPY, "output_options": ["-bsf:a", "null"]})
    assert value(own, "-bsf:a") == "null"


@pytest.mark.parametrize(
    ("look", "profile"),
    [
        (replace(TRANSPORT, sounds=(replace(SOUND, codec="mp3"),)), COPY),
        (replace(TRANSPORT, sounds=()), COPY),
        # A sound whose head comes late is sent all the same.
        (LIVE, COPY),
        (TRANSPORT, PROFILE),
        *((TRANSPORT, {**COPY, "output_options": [word, "libmp3lame"]}) for word in ("-c:a", "-acodec", "-codec:a:0")),
    ],
)
def test_the_filter_for_aac_is_only_where_it_does_what_it_is_for(look: Look, profile: dict[str, Any]) -> None:
    assert WHOLE not in " ".join(words(CAMERA, look, profile))


@pytest.mark.parametrize(
    "profile", [PROFILE, {**COPY, "output_options": ["-c:a", "libmp3lame"]}], ids=["encoded", "own codec"]
)
def test_a_sender_filters_only_a_sound_that_is_copied_from_its_source(profile: dict[str, Any]) -> None:
    settings = settings_of("rtmp://ingest/live", CAMERA, profile, slate={"type": "color"})
    assert WHOLE not in " ".join(commands_of(settings, None, Path("/one")).publish)


def test_a_sound_that_is_no_aac_is_copied_without_the_filter() -> None:
    settings = settings_of("rtmp://ingest/live", CAMERA, COPY)
    assert WHOLE not in " ".join(commands_of(settings, None, Path("/one"), is_aac=False).publish)


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


@pytest.mark.parametrize("option", ["-b:v", "-b:v:0", "-vb"])
@pytest.mark.parametrize(("bitrate", "buffer"), [("1M", 2_000_000), ("1.5M", 3_000_000), ("9000k", 7_000_000)])
def test_a_bitrate_of_the_users_is_also_the_most_that_is_sent(option: str, bitrate: str, buffer: int) -> None:
    command = words(FILE, None, {**PROFILE, "output_options": ["-b:v", "300k", option, bitrate]})
    assert value(command, option) == bitrate
    assert (value(command, "-maxrate"), value(command, "-bufsize")) == (bitrate, str(buffer))
    own = words(FILE, None, {**PROFILE, "output_options": [option, bitrate, "-maxrate", "5M", "-bufsize", "6M"]})
    assert (value(own, "-maxrate"), value(own, "-bufsize")) == ("5M", "6M")
    unclear = words(FILE, None, {**PROFILE, "output_options": [option, "1MiB"]})
    assert value(unclear, "-maxrate") == PROFILE["video_bitrate"]


DENSE = replace(PICTURE, end=40.0, rate=30.0, finest_rate=30.0)


@pytest.mark.parametrize(
    ("source", "look", "hold"),
    [
        (FILE, Look((DENSE,), (replace(SOUND, end=40.0),), recorded=True), "3000000"),
        (FILE, Look((DENSE,), (replace(SOUND, end=30.0),), recorded=True), "3000000"),
        (FILE, Look((DENSE,), (replace(SOUND, end=43.5),), recorded=True), "0"),
        (FILE, Look((replace(DENSE, rate=0.05, finest_rate=0.05),), (SOUND,), recorded=True), "0"),
        (FILE, Look((replace(DENSE, rate=11.0),), (SOUND,), recorded=True), "0"),
        (FILE, Look((PICTURE,), (SOUND,), recorded=True), "3000000"),
        (FILE, Look((DENSE,), recorded=True), "3000000"),
        (FILE, None, "3000000"),
        (CAMERA, Look((replace(DENSE, rate=0.5),), (SOUND,)), "3000000"),
        ({"type": "test_pattern"}, None, "3000000"),
    ],
    ids=[
        *("film", "picture longer", "sound longer", "slides", "gaps in the picture", "tells nothing", "no sound"),
        *("not looked at", "camera", "test pattern"),
    ],
)
def test_a_track_waits_for_the_other_for_3_seconds_and_longer_only_where_the_sound_is_ahead(
    source: dict[str, Any], look: Look | None, hold: str
) -> None:
    assert value(words(source, look), "-max_interleave_delta") == hold
    assert value(words(source, look, COPY), "-max_interleave_delta") == "3000000"
    slated = words(source, look, slate={"type": "color", "color": "navy"})
    assert value(slated, "-max_interleave_delta") == "3000000"


def test_the_parts_of_a_live_playlist_are_sent_at_the_speed_at_which_they_play() -> None:
    live = {"type": "url", "url": "https://example.com/live.m3u8"}
    look = Look((PICTURE,), (SOUND,), playlist=True)
    assert is_paced(settings_of("rtmp://ingest/live", live), look)
    assert value(words(live, look), "-vf").endswith(",realtime")
    assert "-stream_loop" not in words(live, look)


def test_sound_with_more_channels_than_ffmpeg_can_mix_goes_to_two_sides() -> None:
    def filters(channels: int) -> str:
        return value(words(FILE, Look((PICTURE,), (replace(SOUND, channels=channels),), recorded=True)), "-af")

    assert filters(9).startswith("pan=stereo|c0<c0+c2+c4+c6+c8|c1<c1+c3+c5+c7,")
    assert "pan" not in filters(8)


def test_hdr_that_does_not_tell_its_colours_is_given_them() -> None:
    hdr = replace(PICTURE, transfer="smpte2084")
    assert "setparams" not in value(words(FILE, Look((hdr,), (SOUND,))), "-vf")
    assert "setparams=color_primaries=bt2020:colorspace=bt2020nc,zscale" in value(
        words(FILE, Look((replace(hdr, has_colors=False),), (SOUND,))), "-vf"
    )


@pytest.mark.parametrize("size", ["1x1", "1x7", "2x1", "3x3"])
def test_no_picture_is_too_small_to_be_encoded(tmp_path: Path, size: str) -> None:
    width, height = (int(side) for side in size.split("x"))
    picture = replace(PICTURE, width=width, height=height)
    filters = value(words(FILE, Look((picture,), (SOUND,)), {**PROFILE, "size": ""}), "-vf")
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        pytest.skip("there is no ffmpeg")
    made = ["-f", "lavfi", "-i", "testsrc2=size=16x16:rate=30:duration=1", "-vf", f"scale={size.replace('x', ':')},"]
    command = [ffmpeg, "-nostdin", "-v", "error", *made[:-1], made[-1] + filters, "-c:v", "libx264", "-f", "null", "-"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_slates_sound_that_is_not_aac_is_encoded_beside_a_copied_picture() -> None:
    settings = settings_of("rtmp://ingest/live", CAMERA, COPY, slate={"type": "file", "path": "/srv/slate.mkv"})
    for codec, encoder in (("aac", "copy"), ("mp3", "aac")):
        _make, play = slate_commands_of(settings, Look((PICTURE,), (Track(1, codec),)), Path("/run"))
        assert value(play, "-c:a" if codec == "mp3" else "-c") == encoder


@pytest.mark.parametrize("profile", [PROFILE, COPY], ids=["x264", "copy"])
@pytest.mark.parametrize(
    ("look", "sentence"),
    [
        (Look((replace(PICTURE, rotation=90),), (SOUND,)), "turned by 90 degrees"),
        (Look((PICTURE,), (Track(1, "unknown"),)), "has a sound in a codec that this ffmpeg does not know"),
        (Look((PICTURE,), timeless=True), "a bare stream of h264 without times"),
        (Look(), "has neither picture nor sound"),
        (Look((), (SOUND,)), "has no picture. Give a file with a picture"),
    ],
)
def test_a_slate_is_looked_at_as_a_source_is(profile: dict[str, Any], look: Look, sentence: str) -> None:
    settings = settings_of("rtmp://ingest/live", {**CAMERA, "audio_track": "eng"}, profile)
    settings["slate"] = {"type": "file", "path": "/srv/slate.mkv"}
    asked = json.dumps({"type": "file", "path": "/srv/slate.mkv"}, sort_keys=True)
    found = problem_of_files(settings, {asked: look})
    if profile is COPY and look.picture is None:
        sentence = "has no moving picture in H.264"
    if profile is PROFILE and "turned" in sentence:
        assert found == ""
    else:
        assert found.startswith("its slate /srv/slate.mkv ")
        assert sentence in found


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
    # A film is held back by its pictures. A cover holds nothing back.
    assert "-re" not in words(FILE, Look((PICTURE,), (SOUND,), recorded=True))
    assert "-re" in words(FILE, Look((replace(PICTURE, still=True),), (SOUND,), recorded=True))


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
        (PROFILE, Look(), "has neither picture nor sound that ffmpeg can read"),
        (COPY, Look(), "has neither picture nor sound that ffmpeg can read"),
        ({**PROFILE, "name": "audio_only"}, Look(), "has neither picture nor sound that ffmpeg can read"),
        (PROFILE, Look((Track(0, "unknown"),), (SOUND,)), "a picture in a codec that this ffmpeg does not know"),
        (PROFILE, Look((PICTURE,), (Track(1, "none"),)), "a sound in a codec that this ffmpeg does not know"),
    ],
)
def test_what_cannot_be_sent_is_named_with_what_would_help(profile: dict[str, Any], look: Look, sentence: str) -> None:
    found = problem(settings_of("rtmp://ingest/live", FILE, profile), look)
    assert sentence in found
    assert any(
        word in found for word in ("Use a", "Give a", "Join it first", "Put it into a container first", "Convert it")
    )


def stream(kind: str, **more: Any) -> dict[str, Any]:
    usual: dict[str, dict[str, Any]] = {
        "video": {"codec_name": "h264", "width": 320, "height": 240},
        "audio": {"codec_name": "aac", "sample_rate": "48000", "channels": 2},
    }
    return {"index": 0, "codec_type": kind, **usual[kind], **more}


@pytest.mark.parametrize(
    ("found", "is_there"),
    [
        (stream("video"), True),
        (stream("video", width=0, height=0), False),
        (stream("video", width=0, height=0, codec_name="unknown"), True),
        (stream("audio"), True),
        (stream("audio", sample_rate="0"), False),
        (stream("audio", channels=0), False),
        (stream("audio", channels=0, sample_rate="0", codec_name="none"), True),
    ],
)
def test_a_track_that_is_only_announced_is_none(found: dict[str, Any], *, is_there: bool) -> None:
    look = _look_of({"streams": [found], "format": {"format_name": "mpegts", "start_time": "1.4"}})
    assert bool(look.pictures or look.sounds) is is_there


@pytest.mark.parametrize(
    ("about", "is_recorded"),
    [
        ({"format_name": "mpegts", "start_time": "1.4"}, False),
        ({"format_name": "mpegts", "start_time": "1.4", "size": "6000"}, True),
        ({"format_name": "matroska,webm", "start_time": "0.0", "size": "6000"}, True),
        ({"format_name": "hls", "start_time": "1.4", "size": "600"}, False),
        ({"format_name": "hls", "start_time": "1.4", "size": "600", "duration": "60.0"}, True),
        ({"format_name": "mpjpeg", "size": "99999999"}, False),
    ],
)
def test_what_has_an_end_is_a_recording(about: dict[str, Any], *, is_recorded: bool) -> None:
    assert _look_of({"streams": [stream("video")], "format": about}).recorded is is_recorded


@pytest.mark.parametrize(
    ("picture", "sound", "source", "refused"),
    [
        (40.0, 4.0, FILE, True),
        (40.0, 19.0, FILE, True),
        (40.0, 20.0, FILE, False),
        (7.0, 4.0, FILE, False),
        (0.0, 4.0, FILE, False),
        (40.0, 0.0, FILE, False),
        (40.0, 4.0, {**FILE, "input_options": ["-stream_loop", "0"]}, False),
    ],
)
def test_a_film_is_looped_whose_sound_reaches_its_second_half(
    picture: float, sound: float, source: dict[str, Any], *, refused: bool
) -> None:
    look = Look((replace(PICTURE, end=picture),), (replace(SOUND, end=sound),), recorded=True)
    found = problem(settings_of("rtmp://ingest/live", source), look)
    assert ("s of picture after the end of its sound" in found) == refused
    assert problem(settings_of("rtmp://ingest/live", source, COPY), look) == ""


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
        ("rist://0.0.0.0:9000", False),
        ("rtmp://0.0.0.0/live?listen=1", False),
        ("http://0.0.0.0:8080?listen", False),
    ],
)
def test_a_sender_with_one_connection_keeps_it(url: str, is_looked_at: bool) -> None:
    assert can_be_looked_at({"type": "url", "url": url}) is is_looked_at
    for options in (
        ["-listen", "1"],
        *(["-rtsp_flags", flags] for flags in ("listen", "+listen", "listen+prefer_tcp")),
    ):
        assert not can_be_looked_at({"type": "url", "url": url, "input_options": options})
    prefers = {"type": "url", "url": url, "input_options": ["-rtsp_flags", "prefer_tcp"]}
    assert can_be_looked_at(prefers) is is_looked_at


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


KNOWING = """#!{python}
import json, sys
options = sys.argv[1:]
with open({log!r}, "a") as log:
    log.write(json.dumps(options) + "\\n")
for name in {unknown!r}:
    if name in options:
        at = options.index(name)
        sys.exit(f"Failed to set value '{{options[at + 1]}}' for option '{{name[1:]}}': Option not found")
print({answer!r})
"""


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        (["-headers", "X: y", "-new", "25", "-r", "25"], ["-headers", "X: y"]),
        (["-an", "-headers", "X: y", "-accurate_seek", "-hwaccel", "auto"], ["-headers", "X: y"]),
        (["-new", "1", "-newer", "2", "-new", "3", "-user_agent", "new"], ["-user_agent", "new"]),
        (["-c:v", "h264_qsv", "-copyts", "-discard:a", "all", "-vsync", "0", "-user_agent", "x"], ["-user_agent", "x"]),
    ],
)
def test_only_the_options_that_ffprobe_does_not_know_are_left_out(
    tmp_path: Path, options: list[str], kept: list[str]
) -> None:
    ffprobe, log = tmp_path / "ffprobe", tmp_path / "log"
    answer = json.dumps({"streams": [stream("video")], "format": {"format_name": "mpegts", "start_time": "0"}})
    known = {"python": sys.executable, "log": str(log), "unknown": ["-new", "-newer"], "answer": answer}
    ffprobe.write_text(KNOWING.format(**known))
    ffprobe.chmod(0o755)
    source = {**CAMERA, "input_options": options}
    look = look_at(str(ffprobe), source)
    assert look is not None
    assert not look.error
    key_frame_problem(str(ffprobe), source, look)
    asked = [json.loads(line) for line in log.read_text().splitlines()]
    assert len(asked) <= 2 * (1 + len(options))
    for command in (asked[len(asked) // 2 - 1], asked[-1]):
        assert command[command.index("-timeout") + 2 : -2] == kept


@pytest.mark.parametrize("password", ["secret", "p@ss", "@@", "a'b", "a@b:c@d"])
def test_a_password_is_shown_nowhere(password: str) -> None:
    said = without_credentials(f"rtsp://user:{password}@camera/main: refused; http://other/a@b")
    assert said == "rtsp://********@camera/main: refused; http://other/a@b"


def test_last_words_leave_out_what_tells_nothing() -> None:
    noise = "[flv @ 0x5] Timestamps are unset in a packet for stream 1. This is deprecated. Fix your code to set them\n"
    assert last_words(f"{noise}rtmp://camera/main: Input/output error\n{noise}") == (
        "rtmp://camera/main: Input/output error"
    )


def test_last_words_come_without_addresses() -> None:
    said = "[rtmp @ 0x55d1] Server error: no\n[out#0/flv @ 0x1] Error opening output rtmp://ingest/live: End of file\n"
    assert last_words(said) == "Server error: no; Error opening output rtmp://ingest/live: End of file"


AUDIO_ONLY = {**PROFILE, "name": "audio_only"}


@pytest.mark.parametrize(
    ("source", "look", "profile", "expected"),
    [
        (CAMERA, Look((PICTURE,), (SOUND,)), PROFILE, SOUND),
        (CAMERA, Look((PICTURE,), (SOUND,)), COPY, SOUND),
        (
            {**CAMERA, "audio_track": 2},
            Look((PICTURE,), (SOUND, replace(SOUND, index=2, place=1))),
            PROFILE,
            replace(SOUND, index=2, place=1),
        ),
        # Without one of the two, there is nothing to go on.
        (CAMERA, Look((PICTURE,)), PROFILE, None),
        (CAMERA, Look((), (SOUND,)), PROFILE, None),
        (CAMERA, Look((PICTURE,), (SOUND,)), AUDIO_ONLY, None),
        (CAMERA, None, PROFILE, None),
        # Nobody may look whether it is back.
        ({"type": "url", "url": "udp://239.0.0.1:5000"}, Look((PICTURE,), (SOUND,)), PROFILE, None),
        # A recording has what it has, and a still picture is made anew.
        (CAMERA, Look((PICTURE,), (SOUND,), recorded=True), PROFILE, None),
        (CAMERA, Look((replace(PICTURE, still=True),), (SOUND,)), PROFILE, None),
        (FILE, Look((PICTURE,), (SOUND,)), PROFILE, None),
    ],
)
def test_the_sound_of_what_is_live_is_watched(
    source: dict[str, Any], look: Look | None, profile: dict[str, Any], expected: Track | None
) -> None:
    settings = settings_of("rtmp://ingest/live", source, profile)
    assert watched(settings, look) == expected
    commands = commands_of(settings, look, Path("/keys/one"), 7)
    assert commands.publish.count("pipe:7") == (expected is not None)
    if expected is not None:
        copied = commands.publish[commands.publish.index("rtmp://ingest/live") :]
        assert copied[1:5] == ["-map", f"0:a:{expected.place}", "-c", "copy"]


def test_with_a_slate_the_sound_is_watched_where_the_source_is_read() -> None:
    settings = settings_of("rtmp://ingest/live", CAMERA, slate={"type": "color", "color": "0x000000"})
    commands = commands_of(settings, Look((PICTURE,), (SOUND,)), Path("/keys/one"), 7)
    assert commands.source is not None
    assert (commands.source[-1], "pipe:7" in commands.publish) == ("pipe:7", False)


def test_tracks_with_nothing_in_them_are_not_used_and_are_counted() -> None:
    streams = [{**stream("video"), "width": 0}, stream("audio"), {**stream("video"), "width": 640}, stream("audio")]
    numbered = [{**one, "index": index} for index, one in enumerate(streams)]
    look = _look_of({"streams": numbered, "format": {"format_name": "rtsp"}})
    assert [(one.index, one.place) for one in (*look.pictures, *look.sounds)] == [(2, 1), (1, 0), (3, 1)]


def test_of_a_camera_that_is_sent_with_silence_the_picture_alone_is_read() -> None:
    picture, cover = replace(PICTURE, index=2, place=1), replace(PICTURE, index=1, still=True)
    command = words(CAMERA, Look((cover, picture)))
    assert value(command, "-allowed_media_types") == "video"
    # The sound before them has no number any more.
    assert command[command.index("-map") + 1] == "0:v:1"
    for source in ({**CAMERA, "url": "http://camera/main"}, {**CAMERA, "url": "srt://camera"}):
        command = words(source, Look((cover, picture)))
        assert "-allowed_media_types" not in command
        assert command[command.index("-map") + 1] == "0:v:1"
    assert "-allowed_media_types" not in words(CAMERA, Look((picture,), (SOUND,)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://h/film.mp4?token=word: Input/output error", "http://h/film.mp4?********: Input/output error"),
        ("Error opening input file https://h/f?a=word&b=x:y.", "Error opening input file https://h/f?********."),
        ("'rtsp://me:word@h/f?t=word' failed, http://h/a", "'rtsp://********@h/f?********' failed, http://h/a"),
        ("https://h/a?next=https://c/d?word, later", "https://h/a?********, later"),
        ("http://h/p'q?token=word: no", "http://h/p'q?********: no"),
        ('http://h/"a?token=word: no', 'http://h/"a?********: no'),
        ("http://h/x#token=word: no", "http://h/x#********: no"),
        ("http://h/a?t=wo'rd: no", "http://h/a?********: no"),
        ("nothing of http://h/a? yes", "nothing of http://h/a? yes"),
    ],
)
def test_a_query_is_hidden_because_it_may_hold_a_token(text: str, expected: str) -> None:
    assert without_credentials(text) == expected
    assert "word" not in expected


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="there is no ffmpeg")
@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("htp://camera/main?token=word", "begins with htp://, which this ffmpeg does not know. Did you mean http://?"),
        ("rstp://camera/main", "Did you mean rtsp://?"),
        ("HTTP://camera/main", "begins with HTTP://, which this ffmpeg does not know."),
        ("qqq://camera/main", "does not know."),
        *((f"{name}://127.0.0.1:9/main", "") for name in ("http", "https", "rtsp", "rtsps", "rtmp", "tcp", "udp")),
    ],
)
def test_a_protocol_that_ffmpeg_does_not_know_is_told_before_anything_is_written(url: str, problem: str) -> None:
    settings = settings_of("rtmp://ingest/live", {"type": "url", "url": url})
    found = problem_of_files(settings, {})
    assert problem in found
    assert bool(found) is bool(problem)
    assert "word" not in found


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="there is no ffmpeg")
@pytest.mark.parametrize(
    ("place", "name", "options", "problem"),
    [
        ("profile", "output_options", ["-crff", "23"], "output_options of the profile: Unrecognized option 'crff'."),
        ("profile", "output_options", ["-crf", "23", "-b:v"], "Missing argument for option 'b:v'."),
        ("profile", "output_options", ["-bufsize", "2M", "-bf", "0", "-flags", "+cgop", "-shortest"], ""),
        ("source", "input_options", ["-analyzeduration"], "source: -analyzeduration is unknown, or lacks its value."),
        ("source", "input_options", ["-rtsp_transprot", "udp"], "input_options of the source: Unrecognized option"),
        ("source", "input_options", ["-rtsp_transport", "udp", "-timeout", "5000000"], ""),
    ],
)
def test_options_that_ffmpeg_does_not_know_are_told_before_anything_is_written(
    place: str, name: str, options: list[str], problem: str
) -> None:
    settings = settings_of("rtmp://ingest/live", {"type": "test_pattern"})
    settings[place] = {**settings[place], name: options}
    found = problem_of_files(settings, {})
    assert problem in found
    assert bool(found) is bool(problem)


def test_a_device_that_the_host_has_not_is_told(tmp_path: Path) -> None:
    for name, said in (("video0", "this host has no"), ("", "")):
        settings = settings_of("rtmp://ingest/live", {"type": "device", "device": str(tmp_path / name)})
        assert missing_device(settings).startswith(said)
        assert bool(missing_device(settings)) is bool(said)
        # It may be connected later, so it is no reason to refuse.
        assert problem_of_files(settings, {}) == ""


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="there is no ffmpeg")
@pytest.mark.parametrize(
    ("color", "is_known"),
    [("navy", True), ("0x202428", True), ("#ffffff", True), ("reddish", False), ("gray13", False)],
)
def test_a_colour_that_ffmpeg_does_not_know_is_told_before_anything_is_written(color: str, is_known: bool) -> None:
    settings = settings_of("rtmp://ingest/live", {"type": "test_pattern"}, slate={"type": "color", "color": color})
    found = problem_of_files(settings, {})
    assert ("which ffmpeg does not know" in found) is not is_known
    assert bool(found) is not is_known


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="there is no ffmpeg")
@pytest.mark.parametrize(
    ("film_size", "slate_size", "size", "problem"),
    [
        ("320x240", "640x480", None, "is 640x480, and the stream is 320x240"),
        ("320x240", "640x480", "320x240", ""),
        ("320x240", "320x240", None, ""),
        # Sizes are made even.
        ("321x241", "320x240", None, ""),
    ],
)
def test_a_slate_of_another_size_than_its_stream_is_told_before_anything_is_written(
    tmp_path: Path, film_size: str, slate_size: str, size: str | None, problem: str
) -> None:
    for name, one in (("film", film_size), ("slate", slate_size)):
        picture = ["-f", "lavfi", "-i", f"testsrc2=size={one}:rate=10", "-t", "2", "-c:v", "mpeg4"]
        subprocess.run(["ffmpeg", "-loglevel", "error", *picture, str(tmp_path / f"{name}.mkv")], check=True)
    profile = {name: value for name, value in PROFILE.items() if name != "size"} | ({"size": size} if size else {})
    source = {"type": "file", "path": str(tmp_path / "film.mkv")}
    slate = {"type": "file", "path": str(tmp_path / "slate.mkv")}
    found = problem_of_files(settings_of("rtmp://ingest/live", source, profile, slate=slate), {})
    assert problem in found
    assert bool(found) is bool(problem)


def test_what_is_cut_off_a_message_does_not_show_a_token() -> None:
    assert "word" not in last_words(f"http://h/film.mp4?{'a' * 500}word: Input/output error")


@pytest.mark.parametrize("options", [["-vf", "scale=1280:720"], ["-s", "640x480"]])
def test_a_slate_that_the_users_filters_give_a_size_is_not_judged(options: list[str]) -> None:
    source = Look((Track(0, "h264", "yuv420p", 320, 240),))
    slate = Track(0, "h264", "yuv420p", 640, 480)
    profile = {name: value for name, value in PROFILE.items() if name != "size"}
    film = {"type": "file", "path": "/srv/film.mp4"}

    def found(source: Look, slate: Track, **more: Any) -> str:
        return _problem_of_slate_size(
            settings_of("rtmp://x/live", film, {**profile, **more}), source, slate, "its slate"
        )

    assert "is 640x480, and the stream is 320x240" in found(source, slate)
    assert found(source, slate, output_options=options) == ""
    assert "is 640x480, and the stream is 320x240" in found(
        source, slate, output_options=["-vf", "hflip", "-b:v", "1M"]
    )
    # Sound alone gets a black picture, whose size is known.
    assert "is 640x480, and the stream is 1280x720" in found(Look((), (SOUND,)), slate)
    # A picture that is turned, or has other pixels than square ones, has another size than its tracks say.
    assert found(source, replace(slate, rotation=90)) == ""
    assert found(Look((replace(source.pictures[0], square=False),)), slate) == ""
