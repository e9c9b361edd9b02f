# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest

from tests.unit._encoders.role_streams import refusal

WHERE = "Main hall/Keynote: ffmpeg_encoder_source"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({"type": "file"}, "path: it is missing or empty; a file source needs the absolute path"),
        ({"type": "file", "path": ""}, "path: it is missing or empty; a file source needs the absolute path"),
        ({"type": "file", "path": "film.mp4"}, "path: it does not begin with /; a file source"),
        ({"type": "file", "path": "/srv/../film.mp4"}, "path: it has .. in it; a file source"),
        ({"type": "file", "path": "/srv/a\tb"}, "path: it has a control character, or half a character, in it; a"),
        ({"type": "file", "path": ["/srv/a"]}, "path: it is no text; a file source"),
        ({"type": "url"}, "url: it is missing or empty; a url source needs a URL like rtsp://camera/main"),
        ({"type": "url", "url": "rtsp://127.0.0.1/ma in"}, "url: it has a blank, or the end of a line, in it"),
        ({"type": "url", "url": "camera1.example.com/main"}, "url: it does not begin with a protocol"),
        ({"type": "url", "url": "RTSP://camera/main"}, "url: it does not begin with a protocol in small letters"),
        ({"type": "url", "url": "rtsp://"}, "url: it has nothing behind its protocol"),
        ({"type": "url", "url": "rtsp://camera/\x00"}, "url: it has a control character"),
        ({"type": "device"}, "device: it is missing or empty; a device source needs a device like /dev/video0"),
        ({"type": "device", "device": "video0"}, "device: a device is like /dev/video0."),
        ({"type": "device", "device": "/dev/video0", "audio_device": "a b"}, "audio_device: an audio_device is like"),
        ({"type": "test_pattern", "size": "720p"}, "size: a size is like 1280x720."),
        ({"type": "test_pattern", "framerate": "30fps"}, "framerate: a framerate is a whole number"),
        ({"type": "test_pattern", "tone": "loud"}, "tone: a tone is a whole number"),
        ({"type": "file", "path": "/srv/a.mp4", "audio_track": "english"}, "audio_track: an audio_track is a number"),
    ],
)
def test_the_wrong_value_is_named_with_what_is_wrong_with_it(source: dict[str, Any], said: str) -> None:
    assert refusal("ffmpeg_encoder", source=source).startswith(f"{WHERE}.{said}")


@pytest.mark.parametrize(
    "url", ["rtsp://crew:secret@camera/ma in", "crew:secret@camera/main", "RTSP://camera/?token=secret", "secret\x07"]
)
@pytest.mark.parametrize("role", ["ffmpeg_encoder", "obs_encoder"])
def test_no_part_of_a_url_is_shown(role: str, url: str) -> None:
    message = refusal(role, source={"type": "url", "url": url})
    assert "secret" not in message
    assert "crew" not in message


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({"type": "image"}, "path: it is missing or empty; an image needs"),
        ({"type": "color", "color": "red"}, "color: a colour is like #204060"),
        ({"type": "scene_collection"}, "path: a scene collection is a file on the controller"),
    ],
)
def test_a_source_of_obs_is_told_in_the_same_way(source: dict[str, Any], said: str) -> None:
    assert f"obs_encoder_source.{said}" in refusal("obs_encoder", source=source)
