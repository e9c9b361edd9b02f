# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The times that a sender is given, whatever those of source and slate are: packets that this file makes."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import pytest
from encoder_packets import LONGEST_GAP, SECOND, STEP, TS_PACKET, WRAP, Timeline
from hypothesis import given
from hypothesis import strategies as st

VIDEO, AUDIO = 0x100, 0x101


class Frame(NamedTuple):
    """A frame's packet as this file makes it: its track, and when it is decoded and shown, 90,000 to a second."""

    track: int
    decoded: int
    shown: int


def packet(frame: Frame) -> bytes:
    """One packet with the head of a frame, by ISO/IEC 13818-1, and nothing in it."""
    times = [(2, frame.shown)] if frame.shown == frame.decoded else [(3, frame.shown), (1, frame.decoded)]
    body = b"".join(_five_bytes(mark, time % WRAP) for mark, time in times)
    flags = 0x80 if len(times) == 1 else 0xC0
    head = b"\0\0\1\xe0\0\0" + bytes([0x80, flags, len(body)]) + body
    stuffing = TS_PACKET - 4 - 2 - len(head)
    adaptation = bytes([stuffing + 1, 0]) + b"\xff" * stuffing
    return bytes([0x47, 0x40 | frame.track >> 8, frame.track & 0xFF, 0x30]) + adaptation + head


def _five_bytes(mark: int, time: int) -> bytes:
    bits = f"{mark:04b}{time:033b}"
    return int(f"{bits[:7]}1{bits[7:22]}1{bits[22:]}1", 2).to_bytes(5, "big")


def frame_of(data: bytes) -> Frame:
    """Read what ``packet`` has made."""
    body = data[4 + 1 + data[4] + 9 :]
    times = [_bits(body[at : at + 5]) for at in range(0, len(body), 5)]
    return Frame((data[1] & 0x1F) << 8 | data[2], times[-1], times[0])


def _bits(data: bytes) -> int:
    bits = f"{int.from_bytes(data, 'big'):040b}"
    assert (bits[7], bits[23], bits[39]) == ("1", "1", "1")
    return int(bits[4:7] + bits[8:23] + bits[24:39], 2)


def moved(timeline: Timeline, frames: list[Frame]) -> list[Frame]:
    data = timeline.moved(b"".join(map(packet, frames)))
    return [frame_of(data[at : at + TS_PACKET]) for at in range(0, len(data), TS_PACKET)]


def forward(earlier: int, later: int) -> int:
    """From one time to another, over the end of the 33 bits."""
    return (later - earlier + WRAP // 2) % WRAP - WRAP // 2


@st.composite
def pieces(draw: st.DrawFn) -> list[Frame]:
    """Some frames of a source or a slate: from any time on, in the order of their times, also without one track."""
    now = draw(st.integers(0, WRAP - 1))
    frames = []
    for _number in range(draw(st.integers(1, 25))):
        now += draw(st.sampled_from([1, STEP // 2, STEP, SECOND, LONGEST_GAP - STEP]))
        track = draw(st.sampled_from([VIDEO, AUDIO]))
        frames.append(Frame(track, now % WRAP, (now + draw(st.sampled_from([0, STEP, 3 * STEP]))) % WRAP))
    return frames


@given(st.lists(pieces(), min_size=1, max_size=8), st.integers(0, WRAP - 1))
def test_the_times_of_all_pieces_go_on_and_what_belongs_together_stays_together(
    all_pieces: list[list[Frame]], begin: int
) -> None:
    timeline = Timeline()
    timeline._newest = begin
    newest = begin
    for piece in all_pieces:
        timeline.cut()
        new = moved(timeline, piece)
        # A piece follows the one before at once, all of it is moved by the same time, and is shown as late as it was.
        assert forward(newest, new[0].decoded) == STEP
        assert len({(after.decoded - before.decoded) % WRAP for before, after in zip(piece, new, strict=True)}) == 1
        for before, after in zip(piece, new, strict=True):
            assert after.track == before.track
            assert forward(after.decoded, after.shown) == forward(before.decoded, before.shown)
        newest = new[-1].decoded


@given(st.lists(st.tuples(st.sampled_from([VIDEO, AUDIO]), st.integers(0, WRAP - 1)), min_size=2, max_size=40))
def test_no_track_runs_backwards_or_far_ahead_whatever_times_a_source_has(given_times: list[tuple[int, int]]) -> None:
    new = moved(Timeline(), [Frame(track, time, time) for track, time in given_times])
    for track in (VIDEO, AUDIO):
        times = [frame.decoded for frame in new if frame.track == track]
        assert all(forward(earlier, later) > 0 for earlier, later in pairwise(times))
    newest = new[0].decoded
    for frame in new:
        assert forward(newest, frame.decoded) <= LONGEST_GAP
        newest = frame.decoded if forward(newest, frame.decoded) > 0 else newest


@pytest.mark.parametrize("missing", [2, 9, 30, 4000])
def test_a_sound_that_was_missing_comes_back_beside_its_picture(missing: int) -> None:
    timeline = Timeline()
    pictures = [Frame(VIDEO, second * SECOND, second * SECOND) for second in range(missing)]
    moved(timeline, [Frame(AUDIO, 0, 0), *pictures])
    timeline.cut()
    # The sound is the first of the next piece, which nothing tells from what was there before but its times.
    sound, picture = moved(timeline, [Frame(AUDIO, 500, 500), Frame(VIDEO, 700, 700)])
    assert picture.decoded - sound.decoded == 200
    assert sound.decoded > (missing - 1) * SECOND


def test_what_has_no_times_is_left_as_it_is() -> None:
    timeline = Timeline()
    table = bytes([0x47, 0x40, 0, 0x10]) + bytes(TS_PACKET - 4)
    inside = bytes([0x47, VIDEO >> 8, VIDEO & 0xFF, 0x10]) + packet(Frame(VIDEO, 1, 1))[-14:] + bytes(TS_PACKET - 18)
    only_stuffing = bytes([0x47, 0x41, 0, 0x20, 183]) + bytes(TS_PACKET - 5)
    without = bytearray(packet(Frame(VIDEO, 5, 5)))
    without[-7] = 0
    short = bytes([0x47, 0x41, 0, 0x30, 176]) + bytes(176) + b"\0\0\1\xe0\0\0\x80"
    for one in (table, inside, only_stuffing, bytes(without), short):
        assert len(one) == TS_PACKET
        assert timeline.moved(one) == one
