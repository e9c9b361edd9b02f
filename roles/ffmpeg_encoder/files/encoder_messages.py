# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the messages of an ffmpeg that has ended mean: whose fault it was, and whether another try can help."""

from __future__ import annotations

import re

from encoder_media import Settings, last_words, without_credentials

# What ffmpeg says of an ingest that it has not reached, or that it could not agree with on how to encrypt.
UNREACHABLE = re.compile(
    "connection refused|connection timed out|network is unreachable|no route to host|failed to resolve hostname"
    "|name or service not known|temporary failure in name resolution|operation timed out|invalid argument"
    "|host is down|network is down|cannot assign requested address|cannot open connection|certificate|handshake"
    "|wrong version number|tls packet|fatal alert",
    re.IGNORECASE,
)
# How its messages end where the ingest has closed the connection. All other ends are of this host's making.
ANSWERED = ("Input/output error", "End of file", "Broken pipe", "Connection reset by peer")
# An ingest that says why. ffmpeg then calls it an operation that is not permitted. It repeats some that do not matter.
SERVER_ERROR = re.compile(r"\[rtmps?\b[^\]]*\] Server error: ")
# What the parts of ffmpeg that send say, and the places that they name.
OF_SENDING = re.compile(r"\[(?:tcp|tls|rtmps?|flv|out#\d+/flv) @")
PLACES = re.compile(r"://([^/:\s\]]+|\[[^\]]+\])|hostname ([^:\s]+)")
# What it says when a connection is closed while it sends.
CLOSED = re.compile(
    r"av_interleaved_write_frame\(\): |error writing trailer(?: of [^:]+)?: |error submitting a packet to the muxer: "
    r"|error muxing a packet",
    re.IGNORECASE,
)
# A track of the output that never began, as ffmpeg 5 and 6 say it, and as ffmpeg 7 does. The first is the picture.
NEVER_BEGAN = ("without any data", "No filtered frames", "before EOF")
TRACK = re.compile(r"(?:Finishing stream 0:|ost#0:)([0-9]+)\b")
# What the filter for AAC says of another codec.
NO_AAC = "is not supported by the bitstream filter 'aac_adtstoasc'"


def lacks_sound(words: str) -> bool:
    """Return whether ffmpeg had a picture and waited for a sound that never came."""
    lines = [line for line in words.splitlines() if any(text in line for text in NEVER_BEGAN)]
    return {track for line in lines for track in TRACK.findall(line)} == {"1"}


def is_no_aac(words: str) -> bool:
    """Return whether ffmpeg could not copy a sound as AAC, because it is none."""
    return NO_AAC in words


def is_refusal(words: str, settings: Settings) -> bool:
    """Return whether the ingest was reached and refused the stream.

    Only what is about the output counts, and only an answer: a connection that the ingest has closed, or its own words.
    """
    judged, sending = _of_output(words, settings)
    if any(UNREACHABLE.search(line) for line in (*judged, *sending)):
        return False
    has_reason = bool(judged) and any(SERVER_ERROR.search(line) for line in sending)
    return has_reason or any(line.endswith(ANSWERED) for line in judged)


def never_sendable(words: str, settings: Settings) -> str:
    """Return why a source that can be read can never be sent, by what ffmpeg said when it ended at once.

    Empty if the ingest had to do with it, or if the source may be another one at the next try, as a URL may.
    """
    if settings["source"]["type"] not in ("file", "test_pattern") or any(_of_output(words, settings)):
        return ""
    return (
        f"ffmpeg cannot send this source with these options. It said: {last_words(words)}. Change the source, its "
        "input_options, or the profile with its output_options."
    )


def _of_output(words: str, settings: Settings) -> tuple[list[str], list[str]]:
    """Return the lines that judge the output, and those of the parts that send to it."""
    # As it stands in messages.
    ingest = without_credentials(settings["ingest"])
    if settings["slate"]["type"] == "none" and settings["source"].get("url") == settings["ingest"]:
        # A message about this URL could be about the source.
        about_ingest = re.compile(r"(?!)")
    else:
        about_ingest = re.compile(rf"(?:\A|\s){re.escape(ingest)}: ")
    host = next(iter(_places(ingest)), "")
    judged, sending = [], []
    for line in words.splitlines():
        if about_ingest.search(line) or CLOSED.search(line):
            judged.append(line)
        elif OF_SENDING.search(line) and (not _places(line) or host in _places(line)):
            sending.append(line)
    return judged, sending


def _places(text: str) -> list[str]:
    return [place or name for place, name in PLACES.findall(text)]
