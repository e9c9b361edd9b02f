# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Looks at a source with ffprobe, and says what of it cannot be sent. Needs Python 3.9 and ffprobe.

Run as a program, it looks at the files of streams before anything starts. It reads a JSON list of settings, as
``encoder.py`` has them, each with a ``label``. It prints JSON: ``problems``, a sentence for each stream whose file
cannot be sent, and a ``warning`` where nothing can be looked at. It changes nothing. Before anything is written on a
host, this file is there alone, so it imports none of the others.
"""

from __future__ import annotations

import difflib
import functools
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Settings = dict[str, Any]

TOO_LATE = -1
# Seconds. A camera may take its time; a file that takes longer is not looked at.
LOOK_SECONDS = 20
OLDEST_FFPROBE = 5
# Profiles that encode the picture; ``audio_only`` and ``copy`` do not.
ENCODING = ("1080p30", "720p30", "x264")
HDR_TRANSFERS = ("smpte2084", "arib-std-b67")
# What players of HLS and FLV can show.
SENDABLE_PIXELS = ("yuv420p", "yuvj420p")
# A viewer who joins waits for the next key frame. An encoder that sends one less often is noticed.
LONGEST_KEY_FRAME_SECONDS = 10.0
KEY_FRAME_LOOK_SECONDS = 25
SOUND_LOOK_SECONDS = 3
# What ffmpeg says of each sender that joins packets, to those who write programs.
NOISE = re.compile("Timestamps are unset in a packet")
WRONG_OPTION = re.compile(r"Unrecognized option '[^'\n]*'|Missing argument for option '[^'\n]*'")
# Of a picture that is made.
DEFAULT_SIZE = "1280x720"
# Options, and filters in them, that change the size of a picture.
SIZE_OPTIONS, FILTER_OPTIONS = ("-s", "-s:v"), ("-vf", "-filter:v", "-filter:v:0")
SIZING = re.compile(r"scale|crop|pad|transpose|rotate|tile|stack|zoom|v360|xbr|hqx|sai|separatefields|weave")
USUAL_PROTOCOLS = ("http", "https", "rtsp", "rtsps", "rtmp", "rtmps", "srt", "rist", "udp", "tcp")
# ffmpeg reads these as formats, not as protocols.
FURTHER_PROTOCOLS = {"rtsp", "rtsps", "satip", "sap"}
# Seconds of sound after the end of the picture. ffmpeg encodes them all, 20 to 50 times as fast as they play, before it
# sends anything more. So a viewer waits for 1 to 3 s.
LONGEST_SOUND_ALONE = 60.0
# An ffprobe that connected first would take the place of the sender that these addresses wait for, or end a sender that
# serves one connection, as those of SRT, RIST and TCP often do.
NOT_LOOKED_AT = re.compile(r"(?:srt|rist|tcp)://|.*[?&](?:mode=listener|listen(?:=[12]|&|\Z))")
NO_TRACK = re.compile("matches no streams|does not contain any stream|Could not find codec parameters for stream")
# What the program ffmpeg takes before an input, and ffprobe does not know: with a value, and without one. What is
# missing here costs a look that fails, and is then left out as ffprobe's message names it.
OPTIONS_OF_FFMPEG = (
    *("-stream_loop", "-readrate", "-itsoffset", "-itsscale", "-ss", "-sseof", "-t", "-to", "-thread_queue_size"),
    *("-hwaccel", "-hwaccel_device", "-hwaccel_output_format", "-c", "-codec", "-c:v", "-c:a", "-codec:v", "-codec:a"),
    *("-vcodec", "-acodec", "-r", "-r:v", "-s", "-ar", "-ac", "-discard", "-discard:a", "-discard:v", "-vsync"),
    *("-fps_mode", "-guess_layout_max", "-seek_timestamp", "-isync", "-readrate_initial_burst"),
    *("-dts_delta_threshold", "-dts_error_threshold"),
)
FLAGS_OF_FFMPEG = (
    *("-re", "-an", "-vn", "-sn", "-dn", "-accurate_seek", "-noaccurate_seek", "-copyts", "-start_at_zero"),
    *("-autorotate", "-noautorotate", "-xerror"),
)
UNKNOWN_OPTION = re.compile(r"'([^']+)': Option not found")
ADTS_FORMATS = ("mpegts", "hls", "aac")
# What ffprobe calls the codec of a track that it cannot read.
UNKNOWN_CODECS = ("", "none", "unknown")
REMEDY = "Use a profile that encodes, such as 720p30"
UNSEEN = (
    f"There is no ffprobe of version {OLDEST_FFPROBE} or newer beside ffmpeg or in the PATH, so nobody looks at the "
    "sources before they are sent: what cannot be sent is tried again and again, and a source without sound or picture "
    "is not completed. Install one, such as that of the package ffmpeg."
)


@dataclass(frozen=True)
class Track:
    """A picture or a sound: ``index`` is its number among all tracks of a source, ``place`` among those of its kind."""

    index: int
    codec: str
    pixels: str = ""
    width: int = 0
    height: int = 0
    transfer: str = ""
    # Of HDR, whether it tells its colours, and not only its light.
    has_colors: bool = True
    # Pictures in a second: how many there are, and how many there were if the shortest distance held everywhere. 0 if
    # the source does not tell.
    rate: float = 0.0
    finest_rate: float = 0.0
    channels: int = 0
    language: str = ""
    default: bool = False
    # A single picture: a cover in a sound file, or an image file.
    still: bool = False
    # Seconds, by the clock of the source. The end is 0 if the source does not tell it.
    start: float = 0.0
    end: float = 0.0
    # Degrees by which a player turns the picture, as phones note it.
    rotation: int = 0
    # Whether its pixels are square, or it does not tell.
    square: bool = True
    place: int = 0


@dataclass(frozen=True)
class Look:
    """What a source has. With an ``error``, ffprobe could not read it, and says why; ``late`` if it took too long."""

    pictures: tuple[Track, ...] = ()
    sounds: tuple[Track, ...] = ()
    # Whether it ends by itself: a recording, which has to be sent at the speed at which it plays.
    recorded: bool = False
    # A playlist of a recording cannot be read in a loop.
    playlist: bool = False
    # Whether its packets have no times, as in a bare stream of pictures.
    timeless: bool = False
    # Whether each frame of AAC in it has a head of its own (ADTS), so that a damaged one is none.
    adts: bool = False
    # Seconds, by the clock of the source: where it begins; and how long it is, 0 if it has no end.
    start: float = 0.0
    duration: float = 0.0
    error: str = ""
    late: bool = False

    @property
    def picture(self) -> Track | None:
        """The first moving picture, or else a still one."""
        return next((one for one in self.pictures if not one.still), next(iter(self.pictures), None))

    def sound(self, wanted: object = None) -> Track | None:
        """The sound that was asked for, by number (from 1) or language, or else the default one."""
        if wanted not in (None, ""):
            text = str(wanted)
            if text.isdigit():
                return next(iter(self.sounds[int(text) - 1 :][:1]), None)
            return next((one for one in self.sounds if one.language == text.lower()), None)
        return next((one for one in self.sounds if one.default), next(iter(self.sounds), None))


@dataclass
class _Ended:
    code: int
    output: str
    words: str = field(default="")


def _nothing() -> None:
    pass


def _run(command: list[str], seconds: float, tick: Callable[[], None] = _nothing) -> _Ended:
    """Run a program for so many seconds at most, and call ``tick`` each second meanwhile."""
    try:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    except OSError as error:
        return _Ended(1, "", str(error))
    deadline = time.monotonic() + seconds
    with process:
        while time.monotonic() < deadline:
            try:
                output, words = process.communicate(timeout=1)
                return _Ended(process.returncode, output.decode(errors="replace"), words.decode(errors="replace"))
            except subprocess.TimeoutExpired:
                tick()
        process.kill()
    return _Ended(TOO_LATE, "", f"it gave nothing within {seconds:.0f} s")


def ffprobe_beside(ffmpeg: str) -> str:
    """Return the ffprobe that belongs to an ffmpeg, or another one of the host; empty if there is none.

    One of version 4 gives some options another meaning, so it is not used.
    """
    beside = Path(ffmpeg).with_name("ffprobe")
    if beside.is_file():
        return str(beside)
    other = shutil.which("ffprobe") or ""
    version = (
        re.match(r"ffprobe version n?([0-9]+)\.", _run([other, "-version"], LOOK_SECONDS).output) if other else None
    )
    return other if version and int(version[1]) >= OLDEST_FFPROBE else ""


def location_of(source: Settings) -> str:
    return f"file:{source['path']}" if source["type"] == "file" else str(source.get("url", ""))


def is_rtsp(source: Settings) -> bool:
    return source["type"] == "url" and bool(re.match(r"rtsps?://", source["url"]))


def is_shared(source: Settings) -> bool:
    """Return whether several may read the source at once, so that a look takes nothing from what is sent."""
    return source["type"] == "url" and bool(re.match(r"(?:rtsps?|rtmps?|https?)://", source["url"]))


def default_input_options(source: Settings) -> list[str]:
    """Return how long ffmpeg waits for a URL, and how it reads it, unless the user's own options say so."""
    if source["type"] != "url":
        return []
    given = source.get("input_options") or []
    chosen = []
    defaults = (
        (("-rtsp_transport", "tcp"), ("-timeout", "10000000")) if is_rtsp(source) else (("-rw_timeout", "10000000"),)
    )
    for name, value in defaults:
        if name not in given:
            chosen += [name, value]
    return chosen


def can_be_looked_at(source: Settings) -> bool:
    """Return whether ffprobe can read the source beside ffmpeg."""
    if source["type"] == "file":
        return True
    # Flags come as listen, +listen or listen+prefer_tcp.
    words = {part for word in source.get("input_options") or [] for part in word.split("+")}
    return source["type"] == "url" and not (
        NOT_LOOKED_AT.match(source["url"]) or {"-listen", "-mode", "listen"} & words
    )


def look_at(ffprobe: str, source: Settings, tick: Callable[[], None] = _nothing) -> Look | None:
    """Return what a source has, or None if it cannot be looked at. ``tick`` is called each second meanwhile."""
    if not ffprobe or not can_be_looked_at(source):
        return None
    ended = _probe(ffprobe, source, ["-of", "json", "-show_streams", "-show_format"], LOOK_SECONDS, tick)
    try:
        found = json.loads(ended.output or "{}")
    except ValueError:
        found = {}
    if ended.code or not found.get("streams"):
        words = last_words(ended.words) or "ffprobe finds neither a picture nor a sound in it"
        return Look(error=words, late=ended.code == TOO_LATE)
    return _look_of(found)


def _probe(
    ffprobe: str, source: Settings, asked: list[str], seconds: float, tick: Callable[[], None] = _nothing
) -> _Ended:
    """Run ffprobe with the user's options, but for those that it does not know: they are of the program ffmpeg."""
    own = _for_ffprobe(source.get("input_options") or [])
    command = [ffprobe, "-hide_banner", "-loglevel", "error", *asked, *default_input_options(source)]
    while True:
        ended = _run([*command, *own, "-i", location_of(source)], seconds, tick)
        named = UNKNOWN_OPTION.search(ended.words) if ended.code else None
        fewer = _for_ffprobe(own, f"-{named[1]}") if named else own
        # Each time there is one option less.
        if len(fewer) == len(own):
            return ended
        own = fewer


def _for_ffprobe(options: list[str], unknown: str = "") -> list[str]:
    """Return the options of a demuxer, without those of the program ffmpeg itself and without an unknown one."""
    kept = []
    words = iter(options)
    for word in words:
        if word in OPTIONS_OF_FFMPEG or (word == unknown and word not in FLAGS_OF_FFMPEG):
            next(words, None)
        elif word not in FLAGS_OF_FFMPEG:
            kept.append(word)
    return kept


def _look_of(found: dict[str, Any]) -> Look:
    container = str(found.get("format", {}).get("format_name", ""))
    is_image = container == "image2" or container.endswith("_pipe")
    pictures, sounds = [], []
    places: Counter[str] = Counter()
    for stream in found["streams"]:
        disposition, tags = stream.get("disposition", {}), stream.get("tags", {})
        kind = str(stream.get("codec_type"))
        track = Track(
            index=int(stream["index"]),
            codec=str(stream.get("codec_name", "unknown")),
            pixels=str(stream.get("pix_fmt", "")),
            width=int(stream.get("width") or 0),
            height=int(stream.get("height") or 0),
            transfer=str(stream.get("color_transfer", "")),
            has_colors=all(stream.get(name) not in (None, "unknown") for name in ("color_primaries", "color_space")),
            rate=_rate(stream.get("avg_frame_rate")),
            finest_rate=_rate(stream.get("r_frame_rate")),
            channels=int(stream.get("channels") or 0),
            language=str(tags.get("language", "")).lower(),
            default=bool(disposition.get("default")),
            still=is_image or bool(disposition.get("attached_pic")),
            start=_seconds(stream.get("start_time")) or 0.0,
            end=_end(stream),
            rotation=_rotation(stream),
            square=stream.get("sample_aspect_ratio") in (None, "", "N/A", "0:1", "1:1"),
            place=places[kind],
        )
        places[kind] += 1
        # A track may be announced and have nothing in it. Silence or black stands in for it.
        if kind == "video" and (track.codec in UNKNOWN_CODECS or (track.width and track.height)):
            pictures.append(track)
        elif kind == "audio" and (track.codec in UNKNOWN_CODECS or _has_sound(stream, container)):
            sounds.append(track)
    start, duration, size = (_seconds(found.get("format", {}).get(name)) for name in ("start_time", "duration", "size"))
    playlist = container in ("hls", "dash")
    timeless = start is None and duration is None and not all(one.still for one in pictures)
    # What has a size has an end, though it may not tell how long it is. A live source has none; what has no times may
    # be a camera whose server makes a size up; and the size of a playlist is that of its text.
    sized = size is not None and not playlist and not timeless
    return Look(
        tuple(pictures),
        tuple(sounds),
        recorded=is_image or (duration or 0.0) > 0 or sized,
        playlist=playlist,
        timeless=timeless,
        adts=container in ADTS_FORMATS,
        start=start or 0.0,
        duration=duration or 0.0,
    )


def _seconds(value: object) -> float | None:
    """Return a time as ffprobe writes it, None if it writes none."""
    try:
        return float(str(value))
    except ValueError:
        return None


def _rate(value: object) -> float:
    """Return a rate as ffprobe writes it, such as 30000/1001; 0 if it knows none."""
    count, _slash, seconds = str(value).partition("/")
    whole, part = _seconds(count) or 0.0, _seconds(seconds or 1) or 0.0
    return whole / part if part else 0.0


def _has_sound(stream: dict[str, Any], container: str) -> bool:
    """Return whether a sound was found, and not only announced. Of a WAV file without samples the length is unknown."""
    is_empty = container == "wav" and _seconds(stream.get("duration")) is None
    return bool(_seconds(stream.get("sample_rate"))) and bool(stream.get("channels")) and not is_empty


def _end(stream: dict[str, Any]) -> float:
    """Return when a track ends, 0 if the file does not tell. Matroska has it in a tag, as 00:30:02.013000000."""
    start, length = (_seconds(stream.get(name)) for name in ("start_time", "duration"))
    if length is not None:
        return (start or 0.0) + length
    for name, value in stream.get("tags", {}).items():
        told = re.fullmatch(r"([0-9]+):([0-9]{2}):([0-9]{2}(?:\.[0-9]+)?)", str(value))
        if name.upper().startswith("DURATION") and told:
            return 3600 * float(told[1]) + 60 * float(told[2]) + float(told[3])
    return 0.0


def _rotation(stream: dict[str, Any]) -> int:
    turned = [_seconds(one.get("rotation")) for one in stream.get("side_data_list", [])]
    return next((round(degrees) % 360 for degrees in turned if degrees), 0)


# User and password in a URL, which ffmpeg repeats in its messages. A password may have an @ in it.
_CREDENTIALS = re.compile(r"(://)[^/\s]+@")
# The query of a URL, and what follows a #, as they may hold a token. Punctuation behind it is the message's.
_QUERY = re.compile(r"""(://[^\s?#]*[?#])\S+?(?=[:;,.'"]*(?:\s|\Z))""")


def without_credentials(text: str) -> str:
    return _QUERY.sub(r"\1********", _CREDENTIALS.sub(r"\1********@", text))


def last_words(text: str, lines: int = 3) -> str:
    """Return the last lines of a program's messages, without the names of ffmpeg's parts and their addresses."""
    kept = [re.sub(r"^(?:\[[^\]]*\] )+", "", line).strip() for line in text.splitlines() if not NOISE.search(line)]
    # What is cut off must not be what tells that the rest is hidden.
    return without_credentials("; ".join([line for line in kept if line][-lines:]))[-400:]


def has_filter(ffmpeg: str, name: str) -> bool:
    listed = _run([ffmpeg, "-hide_banner", "-loglevel", "error", "-filters"], LOOK_SECONDS)
    return re.search(rf"^ \S+ {name} ", listed.output, re.MULTILINE) is not None


def is_hdr(look: Look | None) -> bool:
    return look is not None and look.picture is not None and look.picture.transfer in HDR_TRANSFERS


def problem(settings: Settings, look: Look | None, role: str = "source") -> str:
    """Return why ffmpeg could not send this source with this profile, and what would help; empty if it can."""
    if look is None:
        return ""
    source, name = settings["source"], settings["profile"]["name"]
    what = f"its {role} {shown(source)}"
    if look.late and source["type"] == "file":
        # A busy host, or a slow disk: ffmpeg may be more patient.
        return ""
    if look.error:
        return f"{what} cannot be read: {look.error}. Give a file or a URL that ffmpeg can play."
    unplayable = _problem_of_loop(what, look) if source["type"] == "file" else ""
    if look.picture is None and not look.sounds:
        unplayable = (
            f"{what} has neither picture nor sound that ffmpeg can read. Give a file or a URL that has one. An "
            "animated WebP has to be converted to a film first, and subtitles alone cannot be sent."
        )
    if unplayable:
        return unplayable
    wanted = source.get("audio_track")
    if wanted not in (None, "") and look.sound(wanted) is None:
        tracks = ", ".join(f"{number} ({one.language or 'no language'})" for number, one in enumerate(look.sounds, 1))
        return f"{what} has no audio_track {wanted}. It has {tracks or 'no sound at all'}."
    if name == "audio_only" and not look.sounds:
        return f"{what} has no sound that audio_only could send. Use another profile."
    unknown = _problem_of_codec(what, name, look, wanted)
    if unknown or name == "audio_only":
        return unknown
    if name == "copy":
        return _problem_of_copy(what, look)
    uneven = _problem_of_ends(what, source, look)
    if uneven:
        return uneven
    if is_hdr(look) and not has_filter(settings["ffmpeg"], "zscale"):
        return (
            f"{what} is HDR, and this ffmpeg has no filter zscale to map its tones. Use an ffmpeg with zscale "
            "(ffmpeg_encoder_binary), or a source that is not HDR."
        )
    return ""


def _problem_of_codec(what: str, name: str, look: Look, wanted: object) -> str:
    """Return which track that would be sent has a codec that ffmpeg does not know; empty if there is none."""
    picture, sound = None if name == "audio_only" else look.picture, look.sound(wanted)
    for kind, track in (("picture", picture), ("sound", sound)):
        if track is not None and track.codec in UNKNOWN_CODECS:
            return (
                f"{what} has a {kind} in a codec that this ffmpeg does not know. Convert it with the program that made "
                "it, to H.264 and AAC, or use a newer ffmpeg (ffmpeg_encoder_binary)."
            )
    return ""


def problem_unseen(settings: Settings, words: str) -> str:
    """Return why a source that cannot be looked at cannot be sent, by what ffmpeg says of it; empty if it may be."""
    source = settings["source"]
    if can_be_looked_at(source) or not NO_TRACK.search(words):
        return ""
    kind = "sound" if settings["profile"]["name"] == "audio_only" else "picture"
    return (
        f"its source {shown(source)} has no {kind} that ffmpeg can read. ffmpeg said: {last_words(words)}. A source "
        f"with one connection is not looked at before it is sent, so it must have picture and sound, and audio_only "
        "sends sound alone."
    )


def shown(source: Settings) -> str:
    """Return where a source is, without a password."""
    return without_credentials(str(source.get("path") or source.get("url")))


def _problem_of_loop(what: str, look: Look) -> str:
    """Return why a file cannot be played in a loop; empty if it can."""
    if look.playlist:
        return f"{what} is a playlist, which cannot be played in a loop. Join it first: ffmpeg -i FILE -c copy NEW.mp4."
    if look.timeless and look.picture is not None:
        return (
            f"{what} is a bare stream of {look.picture.codec} without times, which cannot be played in a loop. Put it "
            "into a container first: ffmpeg -framerate 30 -i FILE -c copy NEW.mp4, with its frame rate."
        )
    return ""


def _problem_of_ends(what: str, source: Settings, look: Look) -> str:
    """Return why a recording cannot be sent whose picture and sound end too far from one another."""
    wanted = source.get("audio_track")
    found = _problem_of_sound_alone(what, look, wanted)
    # The user may have it played once.
    is_looped = "-stream_loop" not in (source.get("input_options") or [])
    return found or (_problem_of_short_sound(what, look, wanted) if is_looped else "")


def _problem_of_sound_alone(what: str, look: Look, wanted: object) -> str:
    """Return why a recording cannot be sent whose sound goes on for long after its picture, if it tells the ends."""
    picture, sound = look.picture, look.sound(wanted)
    if picture is None or picture.still or not picture.end or sound is None:
        return ""
    alone = sound.end - picture.end
    if alone <= LONGEST_SOUND_ALONE:
        return ""
    return (
        f"{what} has {alone:.0f} s of sound after the end of its picture, and ffmpeg sends nothing until it has read "
        "them all. Show the last picture for so long (ffmpeg -i FILE -vf tpad=stop_mode=clone:stop=-1 -c:a copy "
        "-shortest NEW.mp4), cut them off (ffmpeg -i FILE -c copy -t SECONDS NEW.mp4, with the picture's length), or "
        "use audio_only."
    )


def _problem_of_short_sound(what: str, look: Look, wanted: object) -> str:
    """Return why a recording cannot be looped whose sound ends in the first half of its picture, if it tells the ends.

    ffmpeg 5 takes the length of a sound that it decodes for that of the whole file: the next round would begin there.
    """
    picture, sound = look.picture, look.sound(wanted)
    if picture is None or picture.still or sound is None or not sound.end:
        return ""
    silent, length = picture.end - sound.end, sound.end - sound.start
    if silent <= length:
        return ""
    return (
        f"{what} has {silent:.0f} s of picture after the end of its sound, which lasts {length:.0f} s, so ffmpeg "
        "cannot play it in a loop. Put it into a new file with silence at its end: ffmpeg -i FILE -c:v copy -af apad "
        "-shortest NEW.mp4."
    )


def _problem_of_copy(what: str, look: Look) -> str:
    picture = look.picture
    if picture is None or picture.still:
        return f"{what} has no moving picture that copy could send. {REMEDY}; for sound alone, audio_only."
    if picture.codec != "h264":
        return f"{what} has a picture in {picture.codec}, and the profile copy sends H.264 only. {REMEDY}."
    if picture.pixels and picture.pixels not in SENDABLE_PIXELS:
        return f"{what} has a picture in {picture.pixels}, and players need 4:2:0 in 8 bits. {REMEDY}."
    if picture.rotation:
        return f"{what} has a picture to be turned by {picture.rotation} degrees, which copy cannot do. {REMEDY}."
    return ""


def key_frame_problem(ffprobe: str, source: Settings, look: Look | None) -> str:
    """Return what is wrong with the distance of the key frames of a source that is copied; empty if nothing is."""
    picture = look.picture if look else None
    if not ffprobe or picture is None or not can_be_looked_at(source):
        return ""
    span = ["-of", "csv=p=0", "-show_entries", "packet=pts_time,flags"]
    span += ["-read_intervals", f"%+{KEY_FRAME_LOOK_SECONDS}", "-select_streams", str(picture.index)]
    ended = _probe(ffprobe, source, span, LOOK_SECONDS + KEY_FRAME_LOOK_SECONDS)
    # The sound of a recording may go on without a picture.
    longest = _longest_wait(ended.output, look.start + min(look.duration, KEY_FRAME_LOOK_SECONDS) if look else 0.0)
    if longest <= LONGEST_KEY_FRAME_SECONDS:
        return ""
    return (
        f"its source {shown(source)} has no key frame for {longest:.0f} s, so a viewer who "
        f"joins sees nothing for so long. Have a key frame every 2 s, or encode: {REMEDY[0].lower()}{REMEDY[1:]}."
    )


def tracks_now(ffprobe: str, source: Settings, tick: Callable[[], None] = _nothing) -> set[tuple[str, int]]:
    """Return kind and index of each track that a source sends, and does not only announce. It is read for seconds."""
    if not ffprobe:
        return set()
    asked = ["-of", "csv=p=0", "-show_entries", "packet=codec_type,stream_index"]
    span = ["-read_intervals", f"%+{SOUND_LOOK_SECONDS}"]
    said = _probe(ffprobe, source, [*asked, *span], LOOK_SECONDS + SOUND_LOOK_SECONDS, tick).output
    return {(kind, int(index)) for kind, index in re.findall(r"^([a-z]+),([0-9]+)", said, re.MULTILINE)}


def _longest_wait(packets: str, end: float) -> float:
    """Return the longest time without a key frame, until ``end``, in ffprobe's lines of times and flags, in seconds."""
    times: list[float] = []
    keys: list[float] = []
    for line in packets.splitlines():
        seconds, _comma, flags = line.partition(",")
        try:
            times.append(float(seconds))
        except ValueError:
            continue
        if "K" in flags:
            keys.append(times[-1])
    if not times:
        return 0.0
    longest, last = 0.0, min(times)
    for at in sorted([*keys, max(*times, end)]):
        longest, last = max(longest, at - last), at
    return longest


def problem_of_files(settings: Settings, looks: dict[str, Look | None]) -> str:
    """Return why the files of a stream cannot be sent; empty if they can, or if it has none.

    ``looks`` keeps what was found, so that a file of several streams is looked at once.
    """
    ffprobe = ffprobe_beside(settings["ffmpeg"])

    def looked(source: Settings) -> Look | None:
        asked = json.dumps(source, sort_keys=True)
        if asked not in looks:
            looks[asked] = look_at(ffprobe, source)
        return looks[asked]

    look = None
    found = problem_of_options(settings) or problem_of_protocol(settings) or problem_of_color(settings)
    if found:
        return found
    if settings["source"]["type"] == "file":
        look = looked(settings["source"])
        found = problem(settings, look)
        if not found and settings["profile"]["name"] == "copy":
            found = key_frame_problem(ffprobe, settings["source"], look)
        if found:
            return found
    if settings["slate"]["type"] == "file":
        return _problem_of_slate(settings, look, looked({"type": "file", "path": settings["slate"]["path"]}))
    return ""


@functools.cache
def _said_by(*command: str) -> _Ended:
    """Return what a program says that says the same each time, such as of several streams."""
    return _run(list(command), LOOK_SECONDS)


def problem_of_options(settings: Settings) -> str:
    """Return what ffmpeg does not know of the user's options, or which of them lacks its value; empty if all is well.

    ffmpeg reads its whole command before it opens anything, so neither source nor ingest is needed.
    """
    for place, name in (("source", "input_options"), ("profile", "output_options")):
        options = settings[place].get(name)
        words = _said_by(settings["ffmpeg"], "-nostdin", "-hide_banner", *options).words if options else ""
        found = WRONG_OPTION.search(words)
        # Without a value, ffmpeg calls the last option of a codec or a format unknown.
        if found and found[0] == f"Unrecognized option '{options[-1][1:]}'":
            return f"ffmpeg does not take its {name} of the {place}: {options[-1]} is unknown, or lacks its value."
        if found:
            return f"ffmpeg does not take its {name} of the {place}: {found[0]}."
    return ""


def missing_device(settings: Settings) -> str:
    """Return a warning of a device that is not there: it may be connected later, and the other streams need theirs."""
    device = settings["source"].get("device")
    if settings["source"]["type"] != "device" or os.path.exists(device):  # noqa: PTH110 - Path.exists raises without rights
        return ""
    return f"this host has no {device}. Connect the device, or name another one (ls /dev/video*)."


def problem_of_color(settings: Settings) -> str:
    """Return why the slate's colour cannot be shown; empty if it can, or if there is none."""
    if settings["slate"]["type"] != "color":
        return ""
    color = settings["slate"]["color"]
    shown_once = ["-f", "lavfi", "-i", f"color=c={color}:size=16x16", "-frames:v", "1", "-f", "null", "-"]
    words = _said_by(settings["ffmpeg"], "-nostdin", "-hide_banner", *shown_once).words
    if "Cannot find color" not in words and "to value" not in words:
        return ""
    return (
        f"its slate has the color {color}, which ffmpeg does not know. Give one like 0x202428 or navy (ffmpeg -colors)."
    )


def problem_of_protocol(settings: Settings) -> str:
    """Return why ffmpeg can never open the URL of a source; empty if it may."""
    if settings["source"]["type"] != "url":
        return ""
    name = re.match(r"[A-Za-z][A-Za-z0-9+.-]*(?=://)", settings["source"]["url"])
    listed = _said_by(settings["ffmpeg"], "-hide_banner", "-loglevel", "error", "-protocols")
    known = {line.strip() for line in listed.output.partition("Output:")[0].splitlines()[1:]} - {"", "Input:"}
    if not name or not known or set(name[0].split("+")) <= known | FURTHER_PROTOCOLS:
        return ""
    near = difflib.get_close_matches(name[0].lower(), USUAL_PROTOCOLS, 1)
    meant = f" Did you mean {near[0]}://?" if near else ""
    return f"its source {shown(settings['source'])} begins with {name[0]}://, which this ffmpeg does not know.{meant}"


def _problem_of_slate(settings: Settings, source: Look | None, slate: Look | None) -> str:
    if slate is None:
        return ""
    what = f"its slate {settings['slate']['path']}"
    if slate.late:
        return ""
    if slate.error:
        return f"{what} cannot be read: {slate.error}. Give a file that ffmpeg can play."
    picture = slate.picture
    found = problem({**settings, "source": {"type": "file", "path": settings["slate"]["path"]}}, slate, "slate")
    if settings["profile"]["name"] in ENCODING:
        if picture is None and slate.sounds:
            return f"{what} has no picture. Give a file with a picture, or an image."
        return found or _problem_of_slate_size(settings, source, picture, what)
    if picture is None or picture.still or picture.codec != "h264" or picture.pixels not in SENDABLE_PIXELS:
        return f"{what} has no moving picture in H.264, 4:2:0, 8 bits. Encode it so, or use a profile that encodes."
    if found:
        return found
    wanted = _copied_size(source)
    if wanted and wanted != (picture.width, picture.height):
        sizes = f"{picture.width}x{picture.height}, and the stream is {wanted[0]}x{wanted[1]}"
        return f"{what} is {sizes}. Players read the size only once: encode it in the stream's size."
    return ""


def _problem_of_slate_size(settings: Settings, source: Look | None, slate: Track | None, what: str) -> str:
    """Return why a slate would have another size than its stream, where each has the size of what it shows."""
    stream = settings["source"].get("size") or DEFAULT_SIZE if settings["source"]["type"] == "test_pattern" else ""
    pictures = [slate]
    if source is not None and source.picture is not None:
        pictures.append(source.picture)
        stream = f"{source.picture.width}x{source.picture.height}"
    elif source is not None:
        # That of the black picture which is made.
        stream = DEFAULT_SIZE
    is_known = all(one is not None and one.width and one.square and not one.rotation for one in pictures)
    if settings["profile"].get("size") or slate is None or not stream or not is_known:
        return ""
    if changes_size(settings["profile"].get("output_options") or []):
        return ""
    if even(stream) == even(f"{slate.width}x{slate.height}"):
        return ""
    return (
        f"{what} is {slate.width}x{slate.height}, and the stream is {stream}. Players read the size only once: add "
        "size to the profile."
    )


def changes_size(options: list[str]) -> bool:
    """Return whether the user's options may give the picture another size."""
    pairs = list(zip(options, [*options[1:], ""]))  # noqa: B905 - `strict` is of Python 3.10
    return any(name in SIZE_OPTIONS or (name in FILTER_OPTIONS and SIZING.search(value)) for name, value in pairs)


def even(size: str) -> tuple[int, int]:
    """Return width and height of a size such as 1280x720, each rounded down to an even number, as H.264 needs them."""
    width, height = (int(side) // 2 * 2 for side in size.split("x"))
    return width, height


def _copied_size(look: Look | None) -> tuple[int, int] | None:
    """Return the size of a picture that is copied, if it is known."""
    picture = look.picture if look else None
    return (picture.width, picture.height) if picture and picture.width and picture.height else None


def main() -> int:
    streams = json.load(sys.stdin)
    looks: dict[str, Look | None] = {}
    found = ((stream["label"], problem_of_files(stream, looks)) for stream in streams)
    problems = [f"{label}: {sentence}" for label, sentence in found if sentence]
    media = [one for one in streams if {"file", "url"} & {one["source"]["type"], one["slate"]["type"]}]
    unseen = [] if all(ffprobe_beside(program) for program in {one["ffmpeg"] for one in media}) else [UNSEEN]
    devices = ((stream["label"], missing_device(stream)) for stream in streams)
    warnings = [*unseen, *(f"{label}: {sentence}" for label, sentence in devices if sentence)]
    print(json.dumps({"problems": problems, "warning": " ".join(warnings)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
