# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sources that people have: films, recordings, slides, sounds, images, cameras. Each is made in about a second.

``python -m tests.encoder.sources`` prints the table of docs/encoders.md.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .camera import camera
from .makers import (
    AAC,
    H264,
    PICTURE,
    SIX,
    SIZE,
    SOUND,
    empty_picture,
    empty_sound,
    ffmpeg,
    hole,
    late_picture,
    mjpeg_camera,
    sound_with_cover,
    turned,
    web_server,
)
from .running import COPY, PROFILE


@dataclass(frozen=True)
class Kind:
    """A kind of source.

    ``encoded``, ``copy`` and ``audio_only`` are what these profiles say to it: "" if they send it, else words of the
    refusal. ``read`` is how it is read: as a file, from a web server, or from a camera, with the sound that it sends.
    """

    name: str
    title: str
    suffix: str = ""
    arguments: tuple[str, ...] = ()
    encoded: str = ""
    copy: str = ""
    audio_only: str = ""
    has_picture: bool = True
    has_sound: bool = True
    read: str = "file"
    is_in_short_form: bool = False

    @contextmanager
    def source(self, folder: Path) -> Iterator[dict[str, Any]]:
        """Make the source, and keep it there."""
        if self.read.startswith("camera"):
            with camera(folder / "camera", self.read.partition(" ")[2]) as one:
                yield {"type": "url", "url": one.url}
            return
        if self.read == "mjpeg":
            with mjpeg_camera() as url:
                yield {"type": "url", "url": url}
            return
        file = make(self, folder)
        if self.read == "web":
            with web_server(folder) as address:
                yield {"type": "url", "url": f"{address}/{file.name}"}
            return
        yield {"type": "file", "path": str(file)}


KINDS = (
    Kind("film", "film", ".mp4", (*PICTURE, *SOUND, *SIX, *H264, *AAC)),
    Kind(
        "sound_longer",
        "film whose sound is 3 s longer than its picture",
        ".mp4",
        (*PICTURE, *SOUND, "-filter:v", "trim=duration=4", "-filter:a", "atrim=duration=7", *H264, *AAC),
        is_in_short_form=True,
    ),
    Kind(
        "sound_much_longer",
        "film whose sound goes on for 40 s without a picture",
        ".mkv",
        (*PICTURE, *SOUND, "-filter:v", "trim=duration=2", "-t", "42", *H264, *AAC),
        copy="no key frame",
        is_in_short_form=True,
    ),
    Kind(
        "sound_for_a_minute",
        "film whose sound goes on for more than a minute without a picture",
        ".mkv",
        (*PICTURE, *SOUND, "-filter:v", "trim=duration=2", "-t", "65", *H264, *AAC),
        encoded="has 63 s of sound after the end of its picture",
        copy="no key frame",
        is_in_short_form=True,
    ),
    Kind("late_picture", "film whose picture begins 4 s after its sound", ".mkv"),
    Kind(
        "picture_longer",
        "film whose picture is 3 s longer than its sound",
        ".mp4",
        (*PICTURE, *SOUND, "-filter:v", "trim=duration=7", "-filter:a", "atrim=duration=4", *H264, *AAC),
    ),
    Kind(
        "sound_much_shorter",
        "film whose sound ends in the first half of its picture",
        ".mp4",
        (*PICTURE, *SOUND, "-filter:v", "trim=duration=12", "-filter:a", "atrim=duration=2", *H264, *AAC),
        encoded="s of picture after the end of its sound",
        is_in_short_form=True,
    ),
    Kind("hole", "film whose sound is missing for 6 s in the middle", ".mkv", is_in_short_form=True),
    Kind(
        "variable_rate",
        "recording with a variable frame rate",
        ".mp4",
        (
            *PICTURE,
            *SOUND,
            *SIX,
            "-vf",
            "select='not(between(n,40,110))*gte(random(0),0.4)'",
            "-vsync",
            "vfr",
            *H264,
            *AAC,
        ),
        is_in_short_form=True,
    ),
    Kind(
        "slides",
        "slides, one every 20 s",
        ".mp4",
        (
            *("-f", "lavfi", "-i", f"testsrc2=size={SIZE}:rate=1/20", *SOUND, "-t", "60"),
            *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", *AAC),
        ),
        copy="no key frame",
        is_in_short_form=True,
    ),
    Kind(
        "no_sound",
        "film without sound",
        ".mp4",
        (*PICTURE, *SIX, *H264),
        audio_only="no sound",
        has_sound=False,
        is_in_short_form=True,
    ),
    Kind(
        "empty_sound",
        "film whose sound is announced and empty",
        ".ts",
        audio_only="no sound",
        has_sound=False,
        is_in_short_form=True,
    ),
    Kind(
        "empty_picture",
        "film whose picture is announced and empty",
        ".ts",
        copy="no moving picture",
        has_picture=False,
        is_in_short_form=True,
    ),
    Kind(
        "sound_only",
        "sound file",
        ".mp3",
        (*SOUND, *SIX, "-c:a", "libmp3lame"),
        copy="no moving picture",
        has_picture=False,
        is_in_short_form=True,
    ),
    Kind(
        "image",
        "image",
        ".png",
        (*PICTURE, "-frames:v", "1"),
        copy="no moving picture",
        audio_only="no sound",
        has_sound=False,
    ),
    Kind(
        "odd_size",
        "odd size (319x239)",
        ".mkv",
        (
            "-f",
            "lavfi",
            "-i",
            "testsrc2=size=319x239:rate=30",
            *SOUND,
            *SIX,
            "-c:v",
            "ffv1",
            "-pix_fmt",
            "yuv420p",
            *AAC,
        ),
        copy="ffv1",
        is_in_short_form=True,
    ),
    Kind(
        "interlaced",
        "interlaced (25 frames, 50 fields)",
        ".ts",
        (
            *(
                "-f",
                "lavfi",
                "-i",
                f"testsrc2=size={SIZE}:rate=50",
                *SOUND,
                *SIX,
                "-vf",
                "interlace",
                "-flags",
                "+ildct+ilme",
            ),
            *("-x264-params", "tff=1", *H264, *AAC),
        ),
        is_in_short_form=True,
    ),
    Kind(
        "anamorphic",
        "pixels that are not square",
        ".mp4",
        (*PICTURE, *SOUND, *SIX, "-vf", "setsar=4/3", *H264, *AAC),
    ),
    Kind(
        "hdr",
        "HDR (HEVC, 10 bits, PQ)",
        ".mkv",
        (
            *(*PICTURE, *SOUND, *SIX, "-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p10le"),
            *("-x265-params", "log-level=none:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc"),
            *("-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020nc", *AAC),
        ),
        copy="hevc",
        is_in_short_form=True,
    ),
    Kind(
        "hdr_without_colors",
        "HDR that tells its light and not its colours",
        ".mkv",
        (
            *(*PICTURE, *SOUND, *SIX, "-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p10le"),
            *("-x265-params", "log-level=none:transfer=smpte2084", "-color_trc", "smpte2084", *AAC),
        ),
        copy="hevc",
    ),
    Kind(
        "hevc",
        "HEVC",
        ".mkv",
        (*PICTURE, *SOUND, *SIX, "-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none", *AAC),
        copy="hevc",
    ),
    Kind("ac3", "film with AC-3 sound", ".mkv", (*PICTURE, *SOUND, *SIX, *H264, "-c:a", "ac3"), is_in_short_form=True),
    Kind(
        "ten_channels",
        "film with more than 8 channels of sound",
        ".mkv",
        (
            *(*PICTURE, "-f", "lavfi", "-i", "aevalsrc=" + "|".join(["0.1*sin(2765*t)"] * 10) + ":s=48000"),
            *(*SIX, *H264, "-c:a", "pcm_s16le"),
        ),
        is_in_short_form=True,
    ),
    Kind(
        "full_chroma",
        "4:4:4",
        ".mkv",
        (*PICTURE, *SOUND, *SIX, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv444p", "-g", "60", *AAC),
        copy="yuv444p",
    ),
    Kind(
        "ten_bits",
        "10 bits",
        ".mkv",
        (
            *PICTURE,
            *SOUND,
            *SIX,
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-pix_fmt",
            "yuv420p10le",
            "-g",
            "60",
            *AAC,
        ),
        copy="yuv420p10le",
    ),
    Kind(
        "rare_key_frames",
        "one key frame in a minute",
        ".mp4",
        (
            *("-f", "lavfi", "-i", f"testsrc2=size={SIZE}:rate=10", *SOUND, "-t", "60", "-c:v", "libx264"),
            *(
                "-preset",
                "ultrafast",
                "-pix_fmt",
                "yuv420p",
                "-g",
                "9999",
                "-keyint_min",
                "9999",
                "-sc_threshold",
                "0",
                *AAC,
            ),
        ),
        copy="no key frame",
    ),
    Kind("turned", "picture to be turned, as phones record it", ".mp4", copy="to be turned by", is_in_short_form=True),
    Kind(
        "bare",
        "bare stream of pictures without times (`.h264`)",
        ".h264",
        (*PICTURE, *SIX, *H264),
        encoded="without times",
        copy="without times",
        audio_only="without times",
        is_in_short_form=True,
    ),
    Kind(
        "playlist",
        "playlist as a file (`.m3u8`)",
        ".m3u8",
        (*PICTURE, *SOUND, *SIX, *H264, *AAC, "-f", "hls", "-hls_time", "2", "-hls_list_size", "0"),
        encoded="is a playlist",
        copy="is a playlist",
        audio_only="is a playlist",
    ),
    Kind(
        "empty",
        "empty file",
        ".mp4",
        (),
        encoded="cannot be read",
        copy="cannot be read",
        audio_only="cannot be read",
        is_in_short_form=True,
    ),
    Kind(
        "no_media",
        "text file",
        ".txt",
        (),
        encoded="cannot be read",
        copy="cannot be read",
        audio_only="cannot be read",
    ),
    Kind(
        "subtitles",
        "subtitles (`.srt`)",
        ".srt",
        encoded="has neither picture nor sound",
        copy="has neither picture nor sound",
        audio_only="has neither picture nor sound",
        is_in_short_form=True,
    ),
    Kind(
        "no_samples",
        "sound file without samples",
        ".wav",
        ("-f", "lavfi", "-i", "anullsrc", "-af", "atrim=end_sample=0"),
        encoded="has neither picture nor sound",
        copy="has neither picture nor sound",
        audio_only="has neither picture nor sound",
    ),
    Kind(
        "animated_webp",
        "animated WebP",
        ".webp",
        (*PICTURE, "-t", "1", "-r", "5", "-c:v", "libwebp_anim", "-loop", "0"),
        encoded="has neither picture nor sound",
        copy="has neither picture nor sound",
        audio_only="has neither picture nor sound",
    ),
    Kind(
        "cover",
        "sound file with a cover",
        ".mp3",
        copy="no moving picture",
        has_picture=False,
        is_in_short_form=True,
    ),
    Kind(
        "web_film", "recording by URL", ".mp4", (*PICTURE, *SOUND, *SIX, *H264, *AAC), read="web", is_in_short_form=True
    ),
    Kind(
        "mjpeg",
        "camera without times (MJPEG over HTTP)",
        copy="H.264 only",
        audio_only="no sound",
        has_sound=False,
        read="mjpeg",
        is_in_short_form=True,
    ),
    Kind("camera_aac", "camera (RTSP) with AAC", read="camera aac"),
    Kind("camera_g711", "camera with G.711", read="camera pcm_mulaw", is_in_short_form=True),
    Kind(
        "camera_mute",
        "camera without sound",
        audio_only="no sound",
        has_sound=False,
        read="camera",
        is_in_short_form=True,
    ),
)
BY_NAME = {kind.name: kind for kind in KINDS}
PROFILES = {"720p30": PROFILE, "copy": COPY, "audio_only": {**PROFILE, "name": "audio_only"}}


@dataclass(frozen=True)
class Case:
    """A kind of source with a profile."""

    kind: Kind
    profile: str

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        return f"{self.kind.name}-{self.profile}"

    @property
    def refusal(self) -> str:
        return {"copy": self.kind.copy, "audio_only": self.kind.audio_only}.get(self.profile, self.kind.encoded)

    @property
    def is_encoded(self) -> bool:
        return self.profile not in ("copy", "audio_only")

    @property
    def is_in_short_form(self) -> bool:
        return self.kind.is_in_short_form and self.profile != "audio_only"

    @property
    def tracks(self) -> tuple[str, ...]:
        return ("audio:aac",) if self.profile == "audio_only" else ("audio:aac", "video:h264")

    @property
    def cell(self) -> str:
        """What the table says."""
        if self.refusal:
            return "refused"
        if self.profile != "audio_only" and not self.kind.has_sound:
            return "sent, with silence"
        if self.profile != "audio_only" and not self.kind.has_picture:
            return "sent, with its cover" if self.kind.name == "cover" else "sent, with a black picture"
        return "sent"


CASES = tuple(Case(kind, profile) for kind in KINDS for profile in PROFILES)


def table() -> str:
    """The lines of docs/encoders.md: what comes of each kind of source."""
    rows = ["| source | `1080p30`, `720p30`, `x264` | `copy` | `audio_only` |", "| --- | --- | --- | --- |"]
    for kind in KINDS:
        cells = (Case(kind, profile).cell for profile in PROFILES)
        rows.append(f"| {kind.title} | {' | '.join(cells)} |")
    return "\n".join(rows)


def make(kind: Kind, folder: Path) -> Path:
    made = {
        "cover": sound_with_cover,
        "late_picture": late_picture,
        "turned": turned,
        "hole": hole,
        "empty_sound": empty_sound,
        "empty_picture": empty_picture,
    }
    if kind.name in made:
        return made[kind.name](folder)
    file = folder / f"{kind.name}{kind.suffix}"
    if kind.arguments:
        ffmpeg(*kind.arguments, str(file))
    else:
        texts = {"empty": "", "subtitles": "1\n00:00:01,000 --> 00:00:02,000\nA film is something else.\n"}
        file.write_text(texts.get(kind.name, "A film is something else.\n"))
    return file


if __name__ == "__main__":
    sys.stdout.write(f"{table()}\n")
