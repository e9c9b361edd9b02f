# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the messages of ffmpeg mean: an ingest that refuses, one that was not reached, and faults of other things."""

from __future__ import annotations

import pytest
from encoder_messages import is_no_aac, is_refusal, lacks_sound

INGEST = "rtmps://ingest.example:443/live"
SETTINGS = {"ingest": INGEST, "slate": {"type": "none"}, "source": {"type": "file", "path": "/film.mp4"}}


@pytest.mark.parametrize("answer", ["Input/output error", "End of file", "Broken pipe", "Connection reset by peer"])
@pytest.mark.parametrize(
    "line",
    [
        f"{INGEST}: {{}}",
        f"[out#0/flv @ 0x5] Error opening output {INGEST}: {{}}",
        "av_interleaved_write_frame(): {}",
        "[out#0/flv @ 0x5] Error submitting a packet to the muxer: {}",
        f"Error writing trailer of {INGEST}: {{}}",
    ],
)
@pytest.mark.parametrize(
    "beside",
    [
        "",
        "Error while decoding stream #0:1: Invalid argument",
        "[tcp @ 0x7] Connection to tcp://films.example:80 failed: Connection refused",
        "[tcp @ 0x7] Failed to resolve hostname films.example: Name or service not known",
        "[https @ 0x7] certificate of films.example",
    ],
)
def test_a_connection_that_the_ingest_has_closed_is_a_refusal_whatever_else_is_said(
    line: str, answer: str, beside: str
) -> None:
    assert is_refusal(f"{beside}\n{line.format(answer)}\n", SETTINGS)


def test_an_ingest_that_says_why_has_refused() -> None:
    said = f"[rtmps @ 0x5] Server error: Publish denied.\n{INGEST}: Operation not permitted\n"
    assert is_refusal(said, SETTINGS)
    assert not is_refusal("[rtmps @ 0x5] Server error: call to function releaseStream failed\n", SETTINGS)


@pytest.mark.parametrize(
    "words",
    [
        *(
            f"{INGEST}: {end}"
            for end in ("Protocol not found", "Permission denied", "Operation not permitted", "Cannot allocate memory")
        ),
        f"[tls @ 0x5] error:0A00010B:SSL routines::wrong version number\n{INGEST}: Input/output error",
        f"[tls @ 0x5] An unexpected TLS packet was received.\n{INGEST}: Input/output error",
        f"[tcp @ 0x5] Connection to tcp://ingest.example:443 failed: No route to host\n{INGEST}: No route to host",
        f"[tcp @ 0x5] Failed to resolve hostname ingest.example: Temporary failure\n{INGEST}: Input/output error",
        "av_interleaved_write_frame(): Invalid data found when processing input",
        "[out#0/flv @ 0x5] Error submitting a packet to the muxer: Invalid data found when processing input",
        f"Error writing trailer of {INGEST}: Immediate exit requested",
        "/film.mp4: Input/output error",
        f"{INGEST}/camera: Broken pipe",
    ],
)
def test_what_is_no_answer_of_the_ingest_is_no_refusal(words: str) -> None:
    assert not is_refusal(f"{words}\n", SETTINGS)


@pytest.mark.parametrize(
    ("tracks", "expected"),
    [("1", True), ("0", False), ("01", False), ("", False)],
    ids=["sound", "picture", "both", "no"],
)
@pytest.mark.parametrize(
    "line",
    [
        "Finishing stream 0:{} without any data written to it.",
        "[aost#0:{}/aac @ 0x5] No filtered frames for output stream, trying to initialize anyway.",
        "[aost#0:{}/aac @ 0x5] Could not open encoder before EOF",
    ],
)
def test_a_sound_is_missing_only_where_the_picture_is_there(line: str, tracks: str, *, expected: bool) -> None:
    assert lacks_sound("".join(f"{line.format(track)}\n" for track in tracks)) is expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            "[aac_adtstoasc @ 0x55d3] Codec 'mp3' (86017) is not supported by the bitstream filter 'aac_adtstoasc'.",
            True,
        ),
        ("[aac_adtstoasc @ 0x55d3] Error parsing ADTS frame header!", False),
    ],
)
def test_ffmpeg_tells_that_a_sound_which_nobody_looks_at_is_no_aac(words: str, *, expected: bool) -> None:
    assert is_no_aac(words) is expected
