# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sources, profiles and slates: which values ffmpeg and OBS get, and which are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit._encoders.role_streams import refusal, stream_of

LABEL = "Main hall/Keynote"
PATTERN = {"type": "test_pattern"}
COPY, X264 = {"name": "copy"}, {"name": "x264"}
NOT_TEXT = [None, "", " ", 7, True, ["/srv/a.mp4"], {"path": "/srv/a.mp4"}]

FILM = {"type": "file", "path": "/srv/media/film.mp4"}


def refused(role: str = "ffmpeg_encoder", **options: Any) -> str:
    """Return the refusal of these options. It must name the stream and the option."""
    message = refusal(role, **options)
    assert message.startswith(f"{LABEL}: {role}_{next(iter(options))}"), message
    return message


def test_a_streams_own_media_come_before_those_of_its_name_and_of_all_streams() -> None:
    options: dict[str, Any] = {"sources": {LABEL: {"type": "file", "path": "/srv/b.mp4"}}}
    assert stream_of("ffmpeg_encoder", **options)["source"] == {"type": "file", "path": "/srv/b.mp4"}
    own = {"type": "url", "url": "srt://mixer:9000"}
    assert stream_of("ffmpeg_encoder", stream={"source": own}, **options)["source"] == own
    empties: list[Any] = [None, "", {}]
    for empty in empties:
        settled = stream_of("ffmpeg_encoder", stream={"source": empty}, sources={LABEL: empty})
        assert settled["source"] == PATTERN


def test_values_that_are_not_given_have_their_defaults() -> None:
    settled = stream_of("ffmpeg_encoder", profile={"name": "720p30", "audio_bitrate": "", "framerate": 25})
    assert settled["profile"] == {
        "name": "720p30",
        "size": "1280x720",
        "video_bitrate": "2500k",
        "audio_bitrate": "128k",
        "framerate": 25,
        "preset": "veryfast",
    }
    assert settled["slate"] == {"type": "none", "color": "0x202428"}
    assert stream_of("ffmpeg_encoder", slate=None)["slate"]["type"] == "none"
    settled = stream_of("obs_encoder", profile={"size": None, "video_bitrate": "800"})
    assert (settled["profile"]["size"], settled["profile"]["video_bitrate"]) == ("1280x720", "800")


@pytest.mark.parametrize("role", ["ffmpeg_encoder", "obs_encoder"])
@pytest.mark.parametrize("kind", ["source", "profile"])
@pytest.mark.parametrize("value", ["rtsp://camera/main", ["x"], 7, True])
def test_a_value_that_is_no_mapping_is_refused(role: str, kind: str, value: Any) -> None:
    assert "give a mapping, as ansible-doc" in refused(role, **{kind: value})
    assert "give a mapping, as ansible-doc" in refused(role, **{f"{kind}s": {LABEL: value}})
    assert f"{role}_{kind}s: this is a" in refusal(role, **{f"{kind}s": [value]})


@pytest.mark.parametrize("kind", [None, "", "camera", "File", ["file"], {"type": "file"}, True])
def test_a_source_has_one_of_the_kinds(kind: Any) -> None:
    assert "a source needs a type: test_pattern, file, url, device." in refused(source={"type": kind, "path": "/a"})
    assert "a source needs a type: color, image" in refused("obs_encoder", source={"type": kind, "path": "/a"})


@pytest.mark.parametrize("name", [None, "", "1080p60", "X264", ["x264"], {}, 720])
def test_a_profile_has_one_of_the_names(name: Any) -> None:
    assert "a profile needs a name: 1080p30, 720p30, x264, audio_only, copy." in refused(profile={"name": name})


PATHS = ["/srv/a.mp4", '/srv/a film ; #1 $HOME 100% "it\'s".mp4', "/srv/Зал.mp4", "/x"]
PATHS_THAT_ARE_NONE = ["a.mp4", "~/a.mp4", "./a", "/srv/a\n.mp4", "/srv/a\t", "/srv/\x00", "/srv/\x9b", "/srv/\udcff"]


@pytest.mark.parametrize("path", PATHS)
def test_a_path_may_have_any_visible_character_and_blanks(path: str) -> None:
    source = {"type": "file", "path": path}
    assert stream_of("ffmpeg_encoder", source=source)["source"] == source
    assert stream_of("obs_encoder", source=source)["source"] == source


@pytest.mark.parametrize("path", [*NOT_TEXT, *PATHS_THAT_ARE_NONE], ids=ascii)
def test_a_file_has_an_absolute_path_of_plain_text(path: Any) -> None:
    assert "a file source needs the absolute path" in refused(source={"type": "file", "path": path})
    for kind in ("file", "image"):
        assert "needs the absolute path of a file" in refused("obs_encoder", source={"type": kind, "path": path})
    assert "needs the absolute path" in refused(slate={"type": "file", "path": path})


@pytest.mark.parametrize(
    "url", ["rtsp://camera/main", "srt://h:9000?mode=caller", "udp://@239.0.0.1:1234", "http://h/a%20b"]
)
def test_a_url_source_takes_what_ffmpeg_reads(url: str) -> None:
    source = {"type": "url", "url": url}
    assert stream_of("ffmpeg_encoder", source=source, profile=COPY)["source"]["url"] == url
    assert stream_of("obs_encoder", source=source)["source"]["url"] == url


@pytest.mark.parametrize(
    "url",
    [*NOT_TEXT, "/srv/a.mp4", "camera", "RTSP://camera", "rtsp://a b", "rtsp://a\n", "rtsp://", "-i x://y"],
    ids=ascii,
)
def test_a_value_that_is_no_url_is_refused(url: Any) -> None:
    assert "a url source needs a URL like rtsp://camera/main" in refused(source={"type": "url", "url": url})
    assert "a url source needs a URL like" in refused("obs_encoder", source={"type": "url", "url": url})


@pytest.mark.parametrize(
    ("device", "audio"),
    [("/etc/passwd", None), ("video0", None), ("/dev/video0\n", None), ("/dev/video 0", None), (None, None), (0, None)]
    + [("/dev/video0", one) for one in ("hw:1 -y", "a;b", "$x", "a\n", ["hw:1"], True)],
)
def test_a_malformed_device_is_refused(device: Any, audio: Any) -> None:
    message = refused(source={"type": "device", "device": device, "audio_device": audio})
    assert ("an audio_device is like hw:1" if audio else "like /dev/video0") in message


def test_a_device_may_have_sound() -> None:
    source = {"type": "device", "device": "/dev/video0", "audio_device": "hw:CARD=1,DEV=0", "size": "1920x1080"}
    assert stream_of("ffmpeg_encoder", source=source)["source"] == source


SIZES_THAT_ARE_NONE = [
    "720p",
    "1280X720",
    "1280x",
    "x720",
    "0x0",
    "1x1",
    "1280x720\n",
    "1280x720,crop",
    "999999x9",
    720,
]


@pytest.mark.parametrize("size", [*SIZES_THAT_ARE_NONE, ["1280x720"], True], ids=str)
def test_a_size_is_width_and_height(size: Any) -> None:
    assert "a size is like 1280x720" in refused(source=PATTERN | {"size": size})
    assert "a size is like 1280x720" in refused(profile=X264 | {"size": size})
    assert "a size is like 1280x720" in refused("obs_encoder", profile={"size": size})


@pytest.mark.parametrize("number", [0, -1, "0", "30fps", "30\n", 29.97, "1e3", 1000, True, [30], "$x"], ids=str)
def test_a_framerate_is_a_whole_number(number: Any) -> None:
    assert "a framerate is a whole number" in refused(source=PATTERN | {"framerate": number})
    assert "a framerate is a whole number" in refused(profile=X264 | {"framerate": number})
    assert "are whole numbers" in refused("obs_encoder", profile={"framerate": number})


@pytest.mark.parametrize("tone", [0, "a", 123456, "440:d=1", True])
def test_a_tone_is_a_whole_number(tone: Any) -> None:
    assert "a tone is a whole number" in refused(source=PATTERN | {"tone": tone})


@pytest.mark.parametrize("bitrate", ["", 0, "0k", "2.5M", "2500kb", "k", "-1", "1m", "2500k\n", True, ["1k"]])
@pytest.mark.parametrize("name", ["video_bitrate", "audio_bitrate"])
def test_a_bitrate_is_a_number_with_a_unit(name: str, bitrate: Any) -> None:
    if bitrate == "":
        assert stream_of("ffmpeg_encoder", profile=X264 | {name: bitrate})["profile"][name] in ("2500k", "128k")
    else:
        assert "a bitrate like 2500k or 3M" in refused(profile=X264 | {name: bitrate})


def test_numbers_become_words_of_a_command() -> None:
    profile = X264 | {"video_bitrate": 2500000, "output_options": ["-g", 60]}
    settled = stream_of(
        "ffmpeg_encoder", profile=profile, source=PATTERN | {"input_options": ("-thread_queue_size", 8)}
    )
    assert settled["profile"]["video_bitrate"] == "2500000"
    assert settled["profile"]["output_options"] == ["-g", "60"]
    assert settled["source"]["input_options"] == ["-thread_queue_size", "8"]


@pytest.mark.parametrize("preset", ["Fast", "very fast", "fast\n", "fast;", 1, ["fast"], True])
def test_a_preset_is_a_word(preset: Any) -> None:
    assert "a preset is one of x264's" in refused(profile=X264 | {"preset": preset})


@pytest.mark.parametrize("source", [PATTERN, {"type": "device", "device": "/dev/video0"}])
def test_a_source_that_is_not_encoded_cannot_be_copied(source: Any) -> None:
    message = refused(profile=COPY, source=source)
    assert f"a {source['type']} has no encoded picture that the profile copy could pass on" in message


@pytest.mark.parametrize(
    ("slate", "profile"),
    [
        ({"type": "color"}, X264),
        ({"type": "color"}, COPY),
        ({"type": "color"}, {"name": "audio_only"}),
        ({"type": "file", "path": "/srv/a.ts"}, {"name": "audio_only"}),
        ({"type": "color", "color": "0x12345"}, {"name": "720p30"}),
        ({"type": "color", "color": "red,crop"}, {"name": "720p30"}),
        ({"type": "color", "color": ["red"]}, {"name": "720p30"}),
    ],
)
def test_a_slate_must_fit_its_profile(slate: Any, profile: Any) -> None:
    film = {"type": "file", "path": "/srv/a.mp4"}
    assert "a slate of the type color needs a profile with a size" in refused(slate=slate, profile=profile, source=film)


@pytest.mark.parametrize("color", ["navy", "0xA0b1C2", "#a0b1c2", None])
def test_a_slate_has_a_colour(color: Any) -> None:
    settled = stream_of("ffmpeg_encoder", slate={"type": "color", "color": color}, profile={"name": "720p30"})
    assert settled["slate"]["color"] == (color or "0x202428")


@pytest.mark.parametrize("kind", ["", "colour", True, ["color"], "None"])
def test_a_slate_has_one_of_the_kinds(kind: Any) -> None:
    if kind == "":
        assert stream_of("ffmpeg_encoder", slate={"type": kind})["slate"]["type"] == "none"
    else:
        assert "a slate needs a type: none, color, file." in refused(slate={"type": kind})


@pytest.mark.parametrize(
    "options",
    [
        ["-an"],
        ["-vf", "hflip"],
        ["-metadata", "title=Hands on: 100 % $x ; {{ y }}"],
        ["-b:v", "-5"],
        ["-itsoffset", "-0.5"],
        ["-r", 25],
        ["-x264-params", "keyint=60:bframes=0"],
        [],
        None,
        "",
    ],
)
def test_further_options_are_accepted(options: Any) -> None:
    settled = stream_of("ffmpeg_encoder", profile=X264 | {"output_options": options})
    assert settled["profile"].get("output_options", []) == [str(one) for one in options or []]


@pytest.mark.parametrize(
    ("profile", "said"),
    [
        (
            {"video_bitrate": 2500},
            "video_bitrate 2500 is 2500 bits a second, and at least 16k is needed. Did you mean 2500k?",
        ),
        ({"video_bitrate": "15k"}, "video_bitrate 15k is 15000 bits a second, and at least 16k is needed."),
        (
            {"audio_bitrate": "128"},
            "audio_bitrate 128 is 128 bits a second, and at least 8k is needed. Did you mean 128k?",
        ),
        ({"size": "16386x720"}, "x264 encodes no size with a side above 16384."),
        ({"size": "20000x20000"}, "x264 encodes no size with a side above 16384."),
        ({"framerate": 1, "video_bitrate": "20M"}, "one frame may have more than 7000000 bits"),
        ({"framerate": 2, "video_bitrate": "15M"}, "one frame may have more than 7000000 bits"),
    ],
)
def test_what_x264_cannot_encode_or_an_ingest_hangs_up_at_is_refused(profile: dict[str, Any], said: str) -> None:
    assert said in refused(profile=X264 | profile)


@pytest.mark.parametrize(
    "profile",
    [
        {"video_bitrate": "16k", "audio_bitrate": "8k"},
        {"size": "16384x720", "framerate": 1, "video_bitrate": "7M"},
        {"audio_bitrate": "8k"},
    ],
)
def test_limits_of_a_profile_are_allowed_and_do_not_concern_what_is_copied(profile: dict[str, Any]) -> None:
    assert stream_of("ffmpeg_encoder", source=FILM, profile=X264 | profile)["profile"]["name"]


@pytest.mark.parametrize(
    ("part", "value", "unused"),
    [
        ("source", {"type": "test_pattern", "path": "/srv/a.mp4"}, "path"),
        ("source", {"type": "file", "path": "/srv/a.mp4", "url": "rtsp://camera/main"}, "url"),
        ("source", {"type": "url", "url": "rtsp://camera/main", "size": "1280x720", "tone": 440}, "size, tone"),
        ("source", {"type": "device", "device": "/dev/video0", "audio_track": 1}, "audio_track"),
        ("slate", {"type": "color", "path": "/srv/a.png"}, "path"),
        ("slate", {"type": "file", "path": "/srv/a.png", "color": "navy"}, "color"),
        ("profile", {"name": "copy", "size": "1280x720", "video_bitrate": "500k"}, "size, video_bitrate"),
        ("profile", {"name": "audio_only", "preset": "fast", "framerate": 25}, "preset, framerate"),
        ("profile", {"name": "720p30", "video_bitrat": "9000k"}, "video_bitrat"),
    ],
)
def test_what_would_have_no_effect_is_refused(part: str, value: Any, unused: str) -> None:
    # The part comes first: it is what the message names.
    given = {part: value} | {"source": FILM, "profile": {"name": "720p30"}} | {part: value}
    assert f"has no use for {unused}. Leave that out" in refused(**given)
    # An empty value is none.
    stream_of("ffmpeg_encoder", **given | {part: value | dict.fromkeys(unused.split(", "), "")})


def test_options_of_a_wrong_type_are_refused_whatever_else_is_given() -> None:
    given: dict[str, Any] = {"profile": X264 | {"output_options": 7}, "slate": {"type": "file", "path": "/srv/a.png"}}
    assert "this is a number; give a list" in refused(**given, source={"type": "url", "url": "http://x/a"})


@pytest.mark.parametrize("source", [FILM, PATTERN, {"type": "url", "url": "http://x/a"}])
def test_a_slate_may_have_another_size_than_a_source_that_nobody_knows(source: Any) -> None:
    given = {"slate": {"type": "file", "path": "/srv/a.png"}, "source": source}
    stream_of("ffmpeg_encoder", **given, profile=X264 | {"size": "640x480"})
    if source["type"] == "url":
        assert "a slate of the type file needs a profile with a size here" in refused(**given, profile=X264)
        stream_of("ffmpeg_encoder", **given, profile=X264 | {"output_options": ["-vf", "scale=640:480"]})
        assert "needs a profile with a size" in refused(**given, profile=X264 | {"output_options": ["-vf", "hflip"]})
    else:
        # The host compares them.
        stream_of("ffmpeg_encoder", **given, profile=X264)


@pytest.mark.parametrize("path", ["/srv/../etc/film.mp4", "/..", "/srv/media/.."])
def test_a_path_is_given_as_it_is_and_not_by_way_of_a_parent(path: str) -> None:
    assert "it has .. in it" in refused(source={"type": "file", "path": path})
    assert "absolute path" in refused(slate={"type": "file", "path": path}, source=FILM)


@pytest.mark.parametrize("path", ["/srv/a..b/film..mp4", "/srv/...", "/srv/..film"])
def test_dots_in_a_name_are_a_name(path: str) -> None:
    assert stream_of("ffmpeg_encoder", source={"type": "file", "path": path})["source"]["path"] == path


# fmt: off
RESERVED = [
    "-i", "-f", "-y", "-n", "-vpre", "-apre", "-spre", "-pre", "-fpre", "-rtmp_playpath", "-rtmp_app", "-progress",
    "-loglevel", "-v", "-report", "-debug", "-debug_ts", "-dump", "-hex", "-stats", "-stats_period", "-nostats",
    "-stdin", "-nostdin", "-filter_script", "-filter_script:v", "-filter_complex_script", "-init_hw_list", "-h",
    "-help", "-version", "-sdp_file", "-vstats", "-vstats_file", "-passlogfile", "-attach", "-dump_attachment",
    "-dump_attachment:t", "-map", "-rw_timeout", "-tls_verify", "-flvflags", "-protocol_whitelist", "-listen",
    "-listen_timeout", "-timelimit", "-t", "-to", "-fs", "-/filter", "-/rtmp_playpath",
]
# fmt: on


@pytest.mark.parametrize("option", RESERVED)
def test_options_that_the_role_sets_or_that_could_show_the_key_are_refused(option: str) -> None:
    for options in ([option, "x"], [f"{option}:v", "x"], ["-an", option]):
        assert "what could show the stream key or write elsewhere" in refused(
            profile=X264 | {"output_options": options}
        )


@pytest.mark.parametrize(
    "options",
    [
        ["copy.flv"],
        ["-an", "copy.flv", "more.flv"],
        ["7"],
        ["-5", "-an"],
        ["-an", ""],
        ["-an", None],
        ["-an", "a\nb"],
        ["-an", "a\tb"],
        ["-an", ["x"]],
        ["-an", True],
        ["-an", {"x": 1}],
        ["- an"],
        ["--an"],
        ["-a=b"],
        ["-é"],
    ],
    ids=str,
)
def test_a_value_that_is_no_list_of_options_is_refused(options: Any) -> None:
    assert "each followed by its value if it has one" in refused(profile=X264 | {"output_options": options})
    assert "each followed by its value if it has one" in refused(source=PATTERN | {"input_options": options})


def test_options_in_one_text_are_refused() -> None:
    assert "this is a text; give a list of ffmpeg's options." in refused(profile=X264 | {"output_options": "-an -sn"})


@pytest.mark.parametrize("color", ["red", "204060", "#20406", "#20406g", "#204060\n", 204060, True, ["#204060"]])
def test_a_colour_of_obs_has_six_digits(color: Any) -> None:
    assert "a colour is like #204060" in refused("obs_encoder", source={"type": "color", "color": color})


@pytest.mark.parametrize(
    "profile",
    [
        {"video_bitrate": "3M"},
        {"video_bitrate": 0},
        {"video_bitrate": 1},
        {"video_bitrate": True},
        {"video_bitrate": [800]},
        {"audio_bitrate": 100},
        {"audio_bitrate": "128k"},
        {"audio_bitrate": [128]},
        {"audio_bitrate": True},
        {"encoder": "obs x264"},
        {"encoder": "OBS"},
        {"encoder": ["obs_x264"]},
        {"preset": "very fast"},
        {"preset": "fast\n"},
        {"encoder_settings": "bf=0"},
        {"encoder_settings": ["bf"]},
    ],
    ids=str,
)
def test_a_profile_of_obs_has_numbers_and_names(profile: Any) -> None:
    assert "framerate and video_bitrate (in kbit/s) are whole numbers" in refused("obs_encoder", profile=profile)


def test_a_scene_collection_is_what_obs_exports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "show.json").write_text(json.dumps({"name": "Mine", "sources": []}))
    settled = stream_of("obs_encoder", source={"type": "scene_collection", "path": "show.json"})
    assert settled["scene_collection"] == str(tmp_path / "show.json")
    assert settled["source"]["path"] == "show.json"
    for content in ("[Basic]\nProfile=x\n", "[]", '{"sources": 1}', "{", "", "[" * 100000):
        (tmp_path / "show.json").write_text(content)
        message = refused("obs_encoder", source={"type": "scene_collection", "path": "show.json"})
        assert "no scene collection as OBS exports it" in message
    (tmp_path / "show.json").write_bytes(b'{"sources": ["\xff"]}')
    assert "no scene collection" in refused("obs_encoder", source={"type": "scene_collection", "path": "show.json"})


@pytest.mark.parametrize("path", ["/nowhere/show.json", "/", "a\0b", None, 7, ["x"]], ids=ascii)
def test_a_scene_collection_is_a_file(path: Any) -> None:
    message = refused("obs_encoder", source={"type": "scene_collection", "path": path})
    assert "a scene collection is a file on the controller" in message
