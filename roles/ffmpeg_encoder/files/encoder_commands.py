# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes ffmpeg's command lines from a stream's settings and what its source has. It runs and reads nothing.

Whatever the source is, a stream has the same tracks from its first to its last second, a constant frame rate and a key
frame every 2 s: silence stands in for a missing sound, black for a missing picture.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from encoder_media import (
    DEFAULT_SIZE,
    ENCODING,
    Look,
    Track,
    default_input_options,
    even,
    is_hdr,
    is_rtsp,
    is_shared,
    location_of,
)

Settings = dict[str, Any]

SILENCE = ["-f", "lavfi", "-i", "anullsrc=sample_rate=48000:channel_layout=stereo"]
BITRATE = re.compile(r"([0-9]+(?:\.[0-9]+)?)([kKMG]?)")
# Bits. x264 makes no picture larger than its buffer, and an ingest may hang up at messages above 1 MiB, as nginx-rtmp
# does (max_message). So the buffer is 2 s of media, and never more than this.
LARGEST_BUFFER = 7_000_000
# The user's options for it, of which the last one holds.
VIDEO_BITRATES = ("-b:v", "-b:v:0", "-vb", "-b")
VIDEO_FILTERS = ("-vf", "-filter:v", "-filter:v:0")
AUDIO_FILTERS = ("-af", "-filter:a", "-filter:a:0")
# Brings the light of HDR into the range of ordinary screens.
TONE_MAP = (
    "zscale=transfer=linear:npl=100,format=gbrpf32le,zscale=primaries=bt709,tonemap=tonemap=hable:desat=0,"
    "zscale=transfer=bt709:matrix=bt709:range=tv"
)
# Some files tell only how light is noted, and not the colours. These are the only ones that it is used with.
HDR_COLORS = "setparams=color_primaries=bt2020:colorspace=bt2020nc"
# Lines and columns.
SMALLEST_INTERLACED = 16
# ffmpeg cannot mix down more channels than 8, as it has no places for them.
MOST_CHANNELS = 8
# Microseconds. While one track sends nothing, ffmpeg holds the other one for so long. Its default is 10 s, and 0 is for
# ever: a sound that pauses, ends early or dies would stop the picture.
LONGEST_HOLD = "3000000"
HELD_FOR_EVER = "0"
# A sound that goes on for longer than that after the picture, or pictures that lie further apart on average than a
# second or half as dense as they could be, mean that the sound is read far ahead of the picture. It then has to wait.
SOUND_AHEAD = 3.0
FEWEST_PICTURES = 1.0
LEAST_DENSITY = 0.45
# A camera without times, such as MJPEG over HTTP, has the pace at which its pictures arrive, and not 25 a second.
ARRIVAL = "setpts=(RTCTIME-RTCSTART)/(TB*1000000)"
# Fills gaps in the sound with silence, also before its first sample.
STEADY_SOUND = "aresample=async=1:first_pts=0"
# Seconds. A clock that jumps says nothing about when a picture begins.
LONGEST_WAIT_FOR_A_PICTURE = 600
# What source and slate write, and the sender reads. Nothing waits for more: each packet is passed on at once, and each
# frame of sound has a packet of its own.
JOINABLE = ["-flush_packets", "1", "-pes_payload_size", "0", "-f", "mpegts", "pipe:1"]
TO_PIPE = ["-flush_packets", "1", "-f", "data"]
# FLV needs this filter for AAC from MPEG-TS. Added by FLV itself, it ends ffmpeg at a frame damaged on its way;
# asked for, it leaves the frame out. It refuses every other codec.
WHOLE_FRAMES_OF_AAC = ["-bsf:a", "aac_adtstoasc"]
# Two key frames. It is made at each start, while the source's first pictures are encoded.
SLATE_SECONDS = 4
# Seconds for which one track may be missing. The times of all tracks together do not jump (encoder_packets).
LONGEST_PAUSE = "86400"
# The same for a live source. Its clock may jump as a whole, too: a shorter jump forward is sent as it is, and what
# encodes fills it at once. ffmpeg's own limit is 10 s, and sounds are missing for longer. It stays for what is sent at
# a pace: a longer jump would be waited for, beyond the time that ffmpeg may be idle, or that a playlist keeps a part.
LONGEST_PAUSE_OF_LIVE = "30"
# Microseconds of media that ffmpeg reads before it sends; its default of 5 s would delay each start by as much.
JOINED_LOOK = "200000"


@dataclass(frozen=True)
class Commands:
    """``publish`` sends to the ingest. With a slate it reads MPEG-TS, which ``source`` and ``slate`` write."""

    publish: list[str]
    source: list[str] | None = None


def commands_of(
    settings: Settings, look: Look | None, key_file: Path, pipe: int | None = None, *, is_aac: bool = True
) -> Commands:
    """Return the commands for a source with this look. A sound that has to be watched is copied into ``pipe``, too.

    ``is_aac``: whether a sound that is copied to the ingest is AAC, as far as the look does not tell.
    """
    ffmpeg = _ffmpeg(settings)
    sound = watched(settings, look) if pipe is not None else None
    copied = ["-map", f"0:a:{sound.place}", "-c", "copy", *TO_PIPE, f"pipe:{pipe}"] if sound is not None else []
    has_slate = settings["slate"]["type"] != "none"
    profile = settings["profile"]
    copies_aac = is_aac and profile["name"] == "copy" and not _have_sound_codec(profile.get("output_options") or [])
    whole = WHOLE_FRAMES_OF_AAC if copies_aac else []
    media = _inputs_and_encoding(settings, look, whole if not has_slate and (look is None or look.adts) else [])
    output = (["-tls_verify", "1"] if settings["tls"] else []) + [
        *("-rw_timeout", str(settings["stall_seconds"] * 1_000_000), "-rtmp_app", settings["app"]),
        *("-fpre", str(key_file), "-flvflags", "no_duration_filesize", "-f", "flv", settings["ingest"]),
    ]
    if not has_slate:
        return Commands([*ffmpeg, *media, *output, *copied])
    # A sound may be missing for long. Taken for a jump of the clock, it would no longer be together with its picture.
    joined = [
        *("-fflags", "+genpts", "-dts_delta_threshold", LONGEST_PAUSE, "-analyzeduration", JOINED_LOOK),
        *("-f", "mpegts", "-i", "pipe:0", "-map", "0:v:0", "-map", "0:a:0", "-c", "copy"),
        *whole,
        *("-max_interleave_delta", LONGEST_HOLD),
    ]
    return Commands([*ffmpeg, *joined, *output], [*ffmpeg, *media, *JOINABLE, *copied])


def watched(settings: Settings, look: Look | None) -> Track | None:
    """Return the sound of a source that may send its picture without it, as a camera may; None if there is none such.

    It has to be the only input: ffmpeg 5 would not read another one while this sound is missing.
    """
    source, name = settings["source"], settings["profile"]["name"]
    picture = look.picture if look else None
    # Where nobody may look whether it is back, its pauses are waited for.
    if look is None or not is_shared(source) or look.recorded or picture is None or picture.still:
        return None
    return look.sound(source.get("audio_track")) if name != "audio_only" else None


def slate_commands_of(settings: Settings, slate: Look | None, folder: Path) -> tuple[list[str] | None, list[str]]:
    """Return the command that makes the slate, None if none is made, and the one that plays it as MPEG-TS.

    It has the tracks and the parameters of the source: a player reads them only once.
    """
    ffmpeg, profile = _ffmpeg(settings), settings["profile"]
    if settings["slate"]["type"] == "file":
        given = {"type": "file", "path": settings["slate"]["path"]}
        if profile["name"] in ENCODING:
            media = _inputs_and_encoding({**settings, "source": given}, slate)
        else:
            media = ["-re", "-stream_loop", "-1", "-i", location_of(given), *_copied(slate, profile)]
        return None, [*ffmpeg, *media, *JOINABLE]
    location = f"file:{folder / 'slate.ts'}"
    width, height = even(profile["size"])
    picture = f"color=c={settings['slate']['color']}:size={width}x{height}:rate={profile['framerate']}"
    length = ["-t", str(SLATE_SECONDS)]
    inputs = [*length, "-f", "lavfi", "-i", picture, *length, *SILENCE, "-map", "0:v:0", "-map", "1:a:0"]
    make = [*ffmpeg, "-y", *inputs, *_encoding_of_generated(profile), "-f", "mpegts", location]
    return make, [*ffmpeg, "-re", "-stream_loop", "-1", "-i", location, "-c", "copy", *JOINABLE]


def _copied(slate: Look | None, profile: Settings) -> list[str]:
    if slate is not None and not slate.sounds:
        return [*SILENCE, "-map", "0:v:0", "-map", "1:a:0", "-c:v", "copy", *_aac(profile)]
    if slate is not None and slate.sounds[0].codec != "aac":
        return ["-map", "0:v:0", "-map", "0:a:0", "-c:v", "copy", "-af", STEADY_SOUND, *_aac(profile)]
    return ["-map", "0:v:0", "-map", "0:a:0?", "-c", "copy"]


def _encoding_of_generated(profile: Settings) -> list[str]:
    """Return how a generated picture and sound are filtered and encoded: as a source with this profile is."""
    output_options, own_video, own_audio = _without_filters(profile.get("output_options") or [])
    filters = ["-vf", ",".join(_picture_filters(profile, None, own_video, still=False, paced=False))]
    filters += ["-af", ",".join([*own_audio, STEADY_SOUND])]
    return [*filters, *_h264(profile), *_aac(profile), *output_options]


def _ffmpeg(settings: Settings) -> list[str]:
    return [settings["ffmpeg"], "-nostdin", "-hide_banner", "-loglevel", "warning", "-nostats"]


def is_paced(settings: Settings, look: Look | None) -> bool:
    """Return whether ffmpeg would read the source as fast as it can: a recording, or the parts of a live playlist."""
    source = settings["source"]
    if source["type"] == "file":
        return True
    if source["type"] != "url":
        return False
    # What could not be looked at is taken for a recording only where that does no harm.
    return look.recorded or look.playlist if look is not None else source["url"].startswith(("http://", "https://"))


def _inputs_and_encoding(settings: Settings, look: Look | None, for_copied_sound: Sequence[str] = ()) -> list[str]:
    source, profile = settings["source"], settings["profile"]
    name = profile["name"]
    encodes_picture = name in ENCODING
    paced = is_paced(settings, look)
    picture = look.picture if look else None
    has_picture = look is None or picture is not None
    still = bool(picture and picture.still)
    # Beside a still picture, which has ended when it is read, nothing keeps ffmpeg 7 from reading all of the sound.
    inputs = _inputs(source, look, paced=paced, by_input=paced and (still or not encodes_picture))
    further = 2 if source["type"] in ("test_pattern", "device") else 1

    generated = still
    maps: list[str] = []
    filters: list[str] = []
    if name != "audio_only":
        if has_picture:
            maps += ["-map", _picture_map(look)]
        else:
            width, height = even(profile.get("size") or DEFAULT_SIZE)
            inputs += ["-f", "lavfi", "-i", f"color=c=black:size={width}x{height}:rate={profile['framerate']}"]
            maps += ["-map", f"{further}:v:0"]
            further, generated = further + 1, True
    output_options, own_video, own_audio = _without_filters(profile.get("output_options") or [])
    if encodes_picture:
        filters += ["-vf", ",".join(_picture_filters(profile, look, own_video, still=still, paced=paced))]

    sound = look.sound(source.get("audio_track")) if look else None
    if look is not None and sound is None and name != "audio_only":
        # Silence has no end and no pace of its own: should the picture of a recording fail, it would be sent as fast as
        # it can be made.
        inputs += [*(["-re"] if paced else []), *SILENCE]
        maps += ["-map", f"{further}:a:0"]
        generated = True
    else:
        maps += ["-map", _sound_map(source, sound, profile)]
    copies_sound = name == "copy" and (look is None or (sound is not None and sound.codec == "aac"))
    if not copies_sound:
        filters += ["-af", ",".join([*_mixed_down(sound), *own_audio, STEADY_SOUND])]

    encoding = {"copy": ["-c:v", "copy"], "audio_only": ["-vn"]}.get(name) or _h264(profile)
    encoding = [*encoding, *(["-c:a", "copy", *for_copied_sound] if copies_sound else _aac(profile))]
    # What is generated never ends. Without -shortest it would go on when the source has ended.
    ends = source["type"] in ("url", "device") or "-stream_loop" in (source.get("input_options") or [])
    # The sound of a recording is read ahead of its picture, whose speed decides, and waits for it.
    hold = HELD_FOR_EVER if paced and encodes_picture and _sound_runs_ahead(picture, sound) else LONGEST_HOLD
    ending = ["-shortest"] if generated and ends else []
    return [*inputs, *maps, *filters, *encoding, *ending, "-max_interleave_delta", hold, *output_options]


def _inputs(source: Settings, look: Look | None, *, paced: bool, by_input: bool) -> list[str]:
    """Return what is read. Of options that are given twice ffmpeg takes the last: that is the user's."""
    own = source.get("input_options") or []
    kind = source["type"]
    if kind == "test_pattern":
        picture = f"testsrc2=size={source.get('size') or DEFAULT_SIZE}:rate={source.get('framerate') or 30}"
        tone = f"sine=frequency={source.get('tone') or 440}:sample_rate=48000"
        return ["-re", *own, "-f", "lavfi", "-i", picture, "-re", "-f", "lavfi", "-i", tone]
    if kind == "device":
        size = ["-video_size", source["size"]] if source.get("size") else []
        rate = ["-framerate", str(source["framerate"])] if source.get("framerate") else []
        audio = source.get("audio_device")
        sound = ["-thread_queue_size", "512", "-f", "alsa", "-i", audio] if audio else SILENCE
        return ["-thread_queue_size", "512", "-f", "v4l2", *size, *rate, *own, "-i", source["device"], *sound]
    image = look is not None and not look.sounds and all(one.still for one in look.pictures)
    loops = kind == "file" or (look is not None and look.recorded and not look.playlist)
    pace = ["-re"] if by_input else []
    loop = ["-stream_loop", "-1"] if loops and not image else []
    # For a picture that is copied. ffmpeg 7 does not give such times to a decoder; ARRIVAL does it for all.
    clock = ["-use_wallclock_as_timestamps", "1"] if look is not None and look.timeless else []
    # ffmpeg would look for a sound for 5 s that a camera announces and does not send.
    tracks = ["-allowed_media_types", "video"] if _reads_pictures_alone(source, look) else []
    times = [] if paced else ["-dts_delta_threshold", LONGEST_PAUSE_OF_LIVE]
    return [*default_input_options(source), *times, *pace, *loop, *clock, *tracks, *own, "-i", location_of(source)]


def _reads_pictures_alone(source: Settings, look: Look | None) -> bool:
    return look is not None and not look.sounds and bool(look.pictures) and is_rtsp(source)


def _picture_map(look: Look | None) -> str:
    """Return the picture among the pictures: a live source may have other tracks before it at each connection."""
    return f"0:v:{look.picture.place if look and look.picture else 0}"


def _sound_map(source: Settings, sound: Any, profile: Settings) -> str:
    if source["type"] in ("test_pattern", "device"):
        return "1:a:0"
    if sound is not None:
        return f"0:a:{sound.place}"
    wanted = str(source.get("audio_track") or "1")
    chosen = f"0:a:{int(wanted) - 1}" if wanted.isdigit() else f"0:a:m:language:{wanted}"
    return chosen if profile["name"] == "audio_only" else f"{chosen}?"


def _without_filters(options: list[str]) -> tuple[list[str], list[str], list[str]]:
    """Return the user's options without filters, and the filters of picture and of sound."""
    kept: list[str] = []
    video: list[str] = []
    audio: list[str] = []
    words = iter(options)
    for word in words:
        place = video if word in VIDEO_FILTERS else audio if word in AUDIO_FILTERS else None
        if place is None:
            kept.append(word)
        else:
            place.append(next(words, "null" if place is video else "anull"))
    return kept, video, audio


def _picture_filters(profile: Settings, look: Look | None, own: list[str], *, still: bool, paced: bool) -> list[str]:
    """Return the filters in their order: the user's, deinterlacing, square pixels, size, tones, rate, real time."""
    filters = [*([ARRIVAL] if look is not None and look.timeless else []), *own]
    if not still and not _is_tiny(look):
        filters.append("bwdif=mode=send_frame:deint=interlaced")
    # A picture of one pixel would have no size otherwise.
    filters.append(r"scale=max(2\,trunc(iw*sar/2)*2):max(2\,trunc(ih/2)*2)")
    if profile.get("size"):
        width, height = even(profile["size"])
        filters.append(f"scale={width}:{height}:force_original_aspect_ratio=decrease:force_divisible_by=2")
        filters.append(f"pad={width}:{height}:(ow-iw)/2:(oh-ih)/2")
    filters.append("setsar=1")
    if look is not None and look.picture is not None and is_hdr(look):
        filters += [*([] if look.picture.has_colors else [HDR_COLORS]), TONE_MAP]
    filters.append("format=yuv420p")
    rate = profile["framerate"]
    if still:
        filters += ["loop=loop=-1:size=1", "settb=1/90000", f"setpts=N*90000/{rate}"]
    else:
        filters.append(f"fps={rate}:start_time=0" if paced and _begins_late(look) else f"fps={rate}")
    # Pictures may lie far apart, so the pace is set behind the filter that repeats them, and not where they are read.
    if paced:
        filters.append("realtime")
    return filters


def _is_tiny(look: Look | None) -> bool:
    """Return whether a picture has too few lines or columns to be deinterlaced: ffmpeg fails then."""
    picture = look.picture if look else None
    return picture is not None and 0 < min(picture.width, picture.height) < SMALLEST_INTERLACED


def _begins_late(look: Look | None) -> bool:
    """Return whether a recording has sound before its first picture, which is then shown from the start."""
    picture = look.picture if look else None
    return picture is not None and 0.1 < picture.start - (look.start if look else 0) < LONGEST_WAIT_FOR_A_PICTURE


def _sound_runs_ahead(picture: Track | None, sound: Track | None) -> bool:
    """Return whether a recording has much sound between two pictures, or after the last one, as far as it tells."""
    if picture is None or picture.still or sound is None:
        return False
    if picture.end and sound.end - picture.end > SOUND_AHEAD:
        return True
    return 0 < picture.rate < max(FEWEST_PICTURES, LEAST_DENSITY * picture.finest_rate)


def _mixed_down(sound: Track | None) -> list[str]:
    """Return the filter for a sound with more channels than ffmpeg can mix: every other one to the left."""
    if sound is None or sound.channels <= MOST_CHANNELS:
        return []
    sides = ("+".join(f"c{number}" for number in range(side, sound.channels, 2)) for side in (0, 1))
    return ["pan=stereo|c0<{}|c1<{}".format(*sides)]


def _h264(profile: Settings) -> list[str]:
    gop = str(2 * int(profile["framerate"]))
    bitrate = _own_bitrate(profile.get("output_options") or []) or profile["video_bitrate"]
    return [
        *("-c:v", "libx264", "-preset", profile["preset"], "-pix_fmt", "yuv420p", "-r", str(profile["framerate"])),
        *("-g", gop, "-keyint_min", gop, "-sc_threshold", "0"),
        *("-force_key_frames", "expr:if(isnan(prev_forced_t),1,gte(t,prev_forced_t+1.99))"),
        *("-b:v", bitrate, "-maxrate", bitrate, "-bufsize", str(min(2 * bits(bitrate), LARGEST_BUFFER))),
        *("-x264-params", "nal-hrd=cbr"),
    ]


def _own_bitrate(options: list[str]) -> str:
    """Return the bitrate of the picture that the user's options give; empty if none is one."""
    given = [options[at + 1] for at, word in enumerate(options[:-1]) if word in VIDEO_BITRATES]
    return given[-1] if given and BITRATE.fullmatch(given[-1]) else ""


def _have_sound_codec(options: list[str]) -> bool:
    """Return whether the user's options say how the sound is encoded."""
    return any(word in ("-c", "-codec", "-acodec") or word.startswith(("-c:a", "-codec:a")) for word in options)


def _aac(profile: Settings) -> list[str]:
    return ["-c:a", "aac", "-b:a", profile["audio_bitrate"], "-ar", "48000", "-ac", "2"]


def bits(bitrate: str) -> int:
    """Return the bits of a second of a bitrate such as 2500k or 1.5M."""
    found = BITRATE.fullmatch(bitrate)
    if found is None:
        raise ValueError(bitrate)
    return round(float(found[1]) * {"k": 1_000, "K": 1_000, "M": 1_000_000, "G": 1_000_000_000}.get(found[2], 1))
