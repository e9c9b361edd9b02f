# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Checks what a stream shows and how it is encoded: sources, profiles and slates of ffmpeg_encoder and obs_encoder."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from .ffmpeg_options import ENCODING, input_options, output_options
from .listed_streams import Listed
from .role_values import fits, mapping, refuse
from .source_values import FRAMERATE, SIZE, check_source_values, path_problem

FFMPEG_SOURCES = ("test_pattern", "file", "url", "device")
FFMPEG_PROFILES: Mapping[str, Mapping[str, str]] = {
    "1080p30": {"size": "1920x1080", "video_bitrate": "4500k", "audio_bitrate": "160k"},
    "720p30": {"size": "1280x720", "video_bitrate": "2500k", "audio_bitrate": "128k"},
    "x264": {},
    "audio_only": {},
    "copy": {},
}
_FFMPEG_DEFAULTS = {"video_bitrate": "2500k", "audio_bitrate": "128k", "framerate": 30, "preset": "veryfast"}
_SLATES = ("none", "color", "file")
_SLATE_DEFAULTS = {"type": "none", "color": "0x202428"}
_SLATE_COLOR = re.compile(r"(?:(?:0x|#)[0-9A-Fa-f]{6}|[A-Za-z]{3,30})\Z")
_BITRATE = re.compile(r"[1-9][0-9]*[kM]?\Z")
_PRESET = re.compile(r"[a-z]+\Z")
# Bits a second. Below them, encoders refuse, or nothing can be seen or heard.
_LEAST_VIDEO, _LEAST_AUDIO = 16_000, 8_000
# Pixels, of x264.
_LONGEST_SIDE = 16_384
# Bits. An ingest may hang up at a message above 1 MiB.
_MOST_OF_A_FRAME = 7_000_000

OBS_SOURCES = ("color", "image", "file", "url", "scene_collection")
_OBS_DEFAULTS = {
    "size": "1280x720",
    "framerate": 30,
    "video_bitrate": 2500,
    "audio_bitrate": 128,
    "encoder": "obs_x264",
    "preset": "veryfast",
    "encoder_settings": {},
}
_OBS_COLOR = re.compile(r"#[0-9A-Fa-f]{6}\Z")
_OBS_VIDEO_BITRATE = re.compile(r"[1-9][0-9]{1,5}\Z")
_OBS_AUDIO_BITRATES = ("64", "96", "128", "160", "192", "224", "256", "288", "320")
_OBS_ENCODER = re.compile(r"[a-z0-9_]+\Z")
_OBS_PRESET = re.compile(r"[A-Za-z0-9_]+\Z")


# What a type of source or slate uses, and what a profile that does not encode the picture does not use.
_SOURCE_OPTIONS: dict[str, tuple[str, ...]] = {
    "test_pattern": ("size", "framerate", "tone", "input_options"),
    "file": ("path", "audio_track", "input_options"),
    "url": ("url", "audio_track", "input_options"),
    "device": ("device", "audio_device", "size", "framerate", "input_options"),
}
# Of a slate that is switched off, all stays as it is.
_SLATE_OPTIONS: dict[str, tuple[str, ...]] = {"none": ("color", "path"), "color": ("color",), "file": ("path",)}
# Options, and filters in them, that change the size of a picture.
_SIZE_OPTIONS, _FILTER_OPTIONS = ("-s", "-s:v"), ("-vf", "-filter:v", "-filter:v:0")
_SIZING = re.compile(r"scale|crop|pad|transpose|rotate|tile|stack|zoom|v360|xbr|hqx|sai|separatefields|weave")
_OF_PICTURES = ("size", "framerate", "preset", "video_bitrate")
_PROFILE_OPTIONS = ("name", *_OF_PICTURES, "audio_bitrate", "output_options")


def ffmpeg_media(stream: Listed, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ``source``, ``profile`` and ``slate`` of a stream of the role ffmpeg_encoder, with their defaults.

    Raise InvalidInput where one of their values is wrong.
    """
    source, where_source = _chosen(stream, "source", "ffmpeg_encoder", options)
    profile, where_profile = _chosen(stream, "profile", "ffmpeg_encoder", options)
    slate, where_slate = _chosen(stream, "slate", "ffmpeg_encoder", options)
    given_slate, given_profile = slate, profile
    slate = {**_SLATE_DEFAULTS, **slate}
    if source.get("type") not in FFMPEG_SOURCES:
        refuse(where_source, f"a source needs a type: {', '.join(FFMPEG_SOURCES)}.")
    name = profile.get("name")
    if not isinstance(name, str) or name not in FFMPEG_PROFILES:
        refuse(where_profile, f"a profile needs a name: {', '.join(FFMPEG_PROFILES)}.")
    if slate["type"] not in _SLATES:
        refuse(where_slate, f"a slate needs a type: {', '.join(_SLATES)}.")
    _refuse_unused(
        source, ("type", *_SOURCE_OPTIONS[source["type"]]), f"a source of the type {source['type']}", where_source
    )
    _refuse_unused(
        given_slate, ("type", *_SLATE_OPTIONS[slate["type"]]), f"a slate of the type {slate['type']}", where_slate
    )
    _refuse_unused(given_profile, _PROFILE_OPTIONS, "a profile", where_profile)
    if name not in ENCODING:
        used = [one for one in given_profile if one not in _OF_PICTURES]
        _refuse_unused(given_profile, used, f"the profile {name}, which encodes no picture,", where_profile)
    profile = {**_FFMPEG_DEFAULTS, **FFMPEG_PROFILES[name], **profile}
    if name == "copy" and source["type"] not in ("file", "url"):
        refuse(
            where_profile,
            f"a {source['type']} has no encoded picture that the profile copy could pass on; use the profile 720p30 or "
            "another source.",
        )
    if "input_options" in source:
        source["input_options"] = input_options(source["input_options"], f"{where_source}.input_options")
    if "output_options" in profile:
        where = f"{where_profile}.output_options"
        profile["output_options"] = output_options(profile["output_options"], name, where)
    _check_slate(slate, profile, source, where_slate)
    check_source_values(source, where_source)
    _check_ffmpeg_profile(profile, where_profile)
    return {"source": source, "profile": profile, "slate": slate}


def obs_media(stream: Listed, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ``source``, ``profile`` and ``scene_collection`` of a stream of the role obs_encoder.

    ``scene_collection`` is the absolute path of its file on the controller, empty for other sources. Raise InvalidInput
    where one of the values is wrong.
    """
    source, where_source = _chosen(stream, "source", "obs_encoder", options)
    profile, where_profile = _chosen(stream, "profile", "obs_encoder", options)
    profile = {**_OBS_DEFAULTS, **profile}
    _check_obs_source(source, where_source)
    _check_obs_profile(profile, where_profile)
    scenes = _scene_collection(source["path"], where_source) if source["type"] == "scene_collection" else ""
    return {"source": source, "profile": profile, "scene_collection": scenes}


def _refuse_unused(given: Mapping[str, Any], used: Collection[str], what: str, where: str) -> None:
    unused = [name for name, value in given.items() if name not in used and value not in (None, "", [])]
    if unused:
        refuse(where, f"{what} has no use for {', '.join(unused)}. Leave that out, or choose another one.")


def _chosen(stream: Listed, kind: str, role: str, options: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """Return the source, profile or slate (``kind``) of a stream, and how a message about it begins.

    The stream's own value comes first, then its value in the option for single streams, such as
    ``ffmpeg_encoder_sources``, then the option for all streams, such as ``ffmpeg_encoder_source``.
    """
    what = f"a mapping, as ansible-doc -t role tenbyte.webinar.{role} describes it"
    by_name = mapping(options.get(f"{kind}s"), f"{role}_{kind}s", f"{kind}s by ROOM/TITLE")
    places = (
        (f"{stream.place}.{kind}", stream.given.get(kind)),
        (f"{role}_{kind}s", by_name.get(stream.label)),
        (f"{role}_{kind}", options.get(kind)),
    )
    where, value = next((place for place in places if place[1]), places[-1])
    where = f"{stream.label}: {where}"
    return mapping(value, where, what), where


def _check_slate(slate: Mapping[str, Any], profile: Mapping[str, Any], source: Mapping[str, Any], where: str) -> None:
    kind, is_copied = slate["type"], profile["name"] == "copy"
    if (
        (kind != "none" and profile["name"] == "audio_only")
        or (kind == "color" and (is_copied or "size" not in profile))
        or not fits(slate["color"], _SLATE_COLOR)
        or (kind == "file" and path_problem(slate.get("path")))
    ):
        refuse(
            where,
            "a slate of the type color needs a profile with a size (1080p30, 720p30, or x264 with a size) and a color "
            "like 0x202428 or navy; one of the type file needs the absolute path of a file, without .., which with the "
            "profile copy is encoded as the source is; audio_only has no slate.",
        )
    has_own_size = "size" in profile or _changes_size(profile.get("output_options", []))
    if kind == "file" and profile["name"] in ENCODING and not has_own_size and source["type"] in ("url", "device"):
        refuse(
            where,
            "a slate of the type file needs a profile with a size here, as the source may have another size than the "
            "slate, and players read it only once. Add size to the profile, such as 1280x720.",
        )


def _changes_size(options: Sequence[str]) -> bool:
    pairs = pairwise([*options, ""])
    return any(name in _SIZE_OPTIONS or (name in _FILTER_OPTIONS and _SIZING.search(value)) for name, value in pairs)


def _check_ffmpeg_profile(profile: dict[str, Any], where: str) -> None:
    if not (
        fits(profile.get("size", "1280x720"), SIZE)
        and fits(profile["framerate"], FRAMERATE)
        and fits(profile["video_bitrate"], _BITRATE)
        and fits(profile["audio_bitrate"], _BITRATE)
        and fits(profile["preset"], _PRESET)
    ):
        refuse(
            where,
            "a size is like 1280x720, a bitrate like 2500k or 3M, a framerate is a whole number, a preset is one of "
            "x264's.",
        )
    # Bitrates are words of ffmpeg's command line.
    profile |= {name: str(profile[name]) for name in ("video_bitrate", "audio_bitrate")}
    if profile["name"] in ENCODING:
        _check_video(profile, where)
    if _bits(profile["audio_bitrate"]) < _LEAST_AUDIO and profile["name"] != "copy":
        refuse(where, _too_few("audio_bitrate", profile["audio_bitrate"], _LEAST_AUDIO))


def _check_video(profile: Mapping[str, Any], where: str) -> None:
    """Refuse what x264 cannot encode, and what an ingest hangs up at."""
    bitrate = _bits(profile["video_bitrate"])
    if bitrate < _LEAST_VIDEO:
        refuse(where, _too_few("video_bitrate", profile["video_bitrate"], _LEAST_VIDEO))
    if any(int(side) > _LONGEST_SIDE for side in str(profile.get("size", "1280x720")).split("x")):
        refuse(where, f"x264 encodes no size with a side above {_LONGEST_SIDE}.")
    if bitrate / int(profile["framerate"]) > _MOST_OF_A_FRAME:
        refuse(
            where,
            f"with video_bitrate {profile['video_bitrate']} and framerate {profile['framerate']}, one frame may have "
            f"more than {_MOST_OF_A_FRAME} bits, and an ingest may hang up at messages above 1 MiB. Lower the "
            "video_bitrate, or raise the framerate.",
        )


def _too_few(name: str, given: str, least: int) -> str:
    meant = f" Did you mean {given}k?" if given.isdigit() else ""
    return f"{name} {given} is {_bits(given)} bits a second, and at least {least // 1000}k is needed.{meant}"


def _bits(bitrate: str) -> int:
    """Return the bits of a second of a bitrate such as 2500k or 3M."""
    return int(bitrate.rstrip("kM")) * {"k": 1_000, "M": 1_000_000}.get(bitrate[-1:], 1)


def _check_obs_source(source: Mapping[str, Any], where: str) -> None:
    kind = source.get("type")
    if kind not in OBS_SOURCES:
        refuse(where, f"a source needs a type: {', '.join(OBS_SOURCES)}.")
    if kind == "color" and not fits(source.get("color", "#204060"), _OBS_COLOR):
        refuse(f"{where}.color", "a colour is like #204060.")
    if kind == "scene_collection" and not _is_file(source.get("path")):
        refuse(f"{where}.path", "a scene collection is a file on the controller, and there is no such file.")
    check_source_values(source, where)


def _check_obs_profile(profile: Mapping[str, Any], where: str) -> None:
    if not (
        fits(profile["size"], SIZE)
        and fits(profile["framerate"], FRAMERATE)
        and fits(profile["video_bitrate"], _OBS_VIDEO_BITRATE)
        and str(profile["audio_bitrate"]) in _OBS_AUDIO_BITRATES
        and fits(profile["encoder"], _OBS_ENCODER)
        and fits(profile["preset"], _OBS_PRESET)
        and isinstance(profile["encoder_settings"], Mapping)
    ):
        refuse(
            where,
            "a size is like 1280x720, framerate and video_bitrate (in kbit/s) are whole numbers, audio_bitrate is "
            f"{', '.join(_OBS_AUDIO_BITRATES[:-1])} or {_OBS_AUDIO_BITRATES[-1]}, encoder and preset are names without "
            "spaces, encoder_settings is a dictionary.",
        )


def _scene_collection(path: str, where: str) -> str:
    try:
        collection = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        collection = None
    if not isinstance(collection, Mapping) or not isinstance(collection.get("sources"), list):
        refuse(
            where,
            "the file of its path is no scene collection as OBS exports it (a JSON object with a list of sources).",
        )
    return str(Path.cwd() / path)


def _is_file(path: Any) -> bool:
    return isinstance(path, str) and "\0" not in path and Path(path).is_file()
