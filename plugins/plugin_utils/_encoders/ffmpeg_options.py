# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Checks the options that users add to ffmpeg's command lines: those of the source, and those of the profile."""

from __future__ import annotations

import re
from itertools import zip_longest
from typing import Any

from .role_values import is_plain_text, is_text_or_number, listed, refuse

# Profiles that encode the picture.
ENCODING = ("1080p30", "720p30", "x264")
# Options of ffmpeg that the role sets itself, that could show the key or make ffmpeg log more than it may, or that
# make it wait for input or write elsewhere.
_RESERVED = re.compile(
    r"-/|-(?:i|f|y|n|[avs]?pre|fpre|rtmp_.*|progress|loglevel|v|report|debug.*|dump|hex|stats.*|nostats|stdin|nostdin"
    r"|filter_script.*|filter_complex.*|lavfi|init_hw_list|h|help|version|sdp_file|vstats.*|passlogfile|attach"
    r"|dump_attachment.*|map|rw_timeout|tls_verify|flvflags|protocol_.*|listen.*|timelimit|t|to|fs)\Z"
)
# A profile that encodes has filters of its own, to which these are added. The others have no picture to be filtered, or
# pass it on as it is.
_PICTURE_FILTER = re.compile(r"-(?:vf|filter:v.*)\Z")
_SOUND_FILTER = re.compile(r"-(?:af|filter:a.*)\Z")
_ADDED_TO = ("-vf", "-filter:v", "-filter:v:0", "-af", "-filter:a", "-filter:a:0")
_OPTION = re.compile(r"-[^0-9]")
_PLAIN_OPTION = re.compile(r"-[A-Za-z][A-Za-z0-9_:.-]*\Z")
# Choices of an encoder.
_CODEC = re.compile(r"-(?:(?:c|codec)(?P<kind>:[av].*)?|(?P<short>[av])codec)\Z")
# What ffmpeg applies to an output alone; before an input, it ends with "cannot be applied".
_OF_OUTPUT = re.compile(r"-(?:[av]f|filter(?::.*)?|ab|b(?::.*)?|maxrate|bufsize|g|preset|crf|shortest|x264-params)\Z")


def input_options(value: Any, where: str) -> list[str]:
    """Return ``input_options`` of a source as words. Raise InvalidInput for those that can do nothing there."""
    words = _words(value, where)
    for word in words:
        if _OF_OUTPUT.match(word):
            refuse(
                where,
                f"{word} is no option of what ffmpeg reads. Give filters and what concerns the encoding to the profile "
                "(output_options, video_bitrate).",
            )
    return words


def output_options(value: Any, profile: str, where: str) -> list[str]:
    """Return ``output_options`` of a profile as words. Raise InvalidInput for those that fight with it."""
    words = _words(value, where)
    for word, following in zip_longest(words, words[1:], fillvalue=""):
        if following == "copy" and _filters_it(profile, word):
            refuse(where, f"{word} copy copies what the profile {profile} filters. Use the profile copy.")
    _check_filters(words, profile, where)
    return words


def _filters_it(profile: str, word: str) -> bool:
    """Return whether an option chooses the encoder of a track to which the profile applies filters."""
    chosen = _CODEC.match(word)
    if chosen is None or profile == "copy":
        return False
    kind = (chosen["kind"] or chosen["short"] or "a").lstrip(":")[0]
    return profile in ENCODING or kind == "a"


def _check_filters(words: list[str], name: str, where: str) -> None:
    """Refuse filters that would have no effect, or would replace the role's own."""
    for word, following in zip_longest(words, words[1:], fillvalue=""):
        is_picture, is_sound = bool(_PICTURE_FILTER.match(word)), bool(_SOUND_FILTER.match(word))
        if (is_picture and name in ("copy", "audio_only")) or (is_sound and name == "copy"):
            refuse(
                where,
                f"{word} filters what the profile {name} does not encode. Use a profile that encodes, such as 720p30.",
            )
        if (is_picture or is_sound or word == "-filter") and word not in _ADDED_TO:
            refuse(where, "give filters as -vf or -af; the role adds its own to them.")
        if (is_picture or is_sound) and (not following or _OPTION.match(following)):
            refuse(where, f"{word} needs a filter after it.")


def _words(value: Any, where: str) -> list[str]:
    """Return the additional options of ffmpeg as words of its command line. Raise InvalidInput for refused ones."""
    given = listed(value, where, "a list of ffmpeg's options")
    words = [str(one) for one in given if is_text_or_number(one) and is_plain_text(one)]
    options = [bool(_OPTION.match(word)) for word in words]
    # ffmpeg takes a value that follows no option for another output.
    has_lonely_value = any(
        not is_option and not before for is_option, before in zip(options, [False, *options], strict=False)
    )
    named = [word for word, is_option in zip(words, options, strict=True) if is_option]
    is_refused = any(not _PLAIN_OPTION.match(one) or _RESERVED.match(one.partition(":")[0]) for one in named)
    if len(words) < len(given) or has_lonely_value or is_refused:
        refuse(
            where,
            "input_options and output_options are lists of ffmpeg options, each followed by its value if it has one, "
            "without control characters. The role refuses options that it sets by itself, and what could show the "
            "stream key or write elsewhere, such as -i, -f, -map, -loglevel, -report, -progress, -fpre and "
            "-rtmp_playpath.",
        )
    return words
