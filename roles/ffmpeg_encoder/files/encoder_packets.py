# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The packets of MPEG-TS that source and slate write (ISO/IEC 13818-1): where a sender can begin, and at what times.

Source and slate take turns, and each has times of its own, so these jump at every change. A sender that had to close
such gaps would do so for picture and sound by themselves: after a sound that was missing for a while, it would send it
as much too early as it had been missing, until its connection ends.
"""

from __future__ import annotations

TS_PACKET = 188
# The ids of packets, as ffmpeg's MPEG-TS has them: the table of programs, and the picture, which is its first track.
PROGRAM_TABLE, PICTURE = 0x0000, 0x0100
# Bytes between a table and a key frame: a few packets of sound.
MOST_KEPT = 200 * TS_PACKET
# Times are counted by 90,000 a second, in 33 bits.
SECOND = 90_000
WRAP = 1 << 33
# From the last time before a change to the first one after it.
STEP = SECOND // 30
# A source that stalls for longer without a slate, or whose clock jumps, goes on where it was.
LONGEST_GAP = 10 * SECOND
# Where the first time begins, so that none is below 0.
BEGIN = SECOND


def kind(packet: bytes) -> int:
    """Return the id of a packet (PID)."""
    return int.from_bytes(packet[1:3], "big") & 0x1FFF


class Beginning:
    """What a sender is given first: the tables before a key frame, and all that comes from there on."""

    def __init__(self) -> None:
        self._is_found = False
        self._since_table = b""

    def of(self, data: bytes) -> bytes:
        """Return what of these whole packets is for the sender, nothing as long as there was no key frame."""
        if self._is_found:
            return data
        for start in range(0, len(data), TS_PACKET):
            packet = data[start : start + TS_PACKET]
            self._since_table = packet if kind(packet) == PROGRAM_TABLE else self._since_table + packet
            is_key_frame = kind(packet) == PICTURE and packet[3] & 0x20 and packet[4] > 0 and packet[5] & 0x40
            if is_key_frame and kind(self._since_table) == PROGRAM_TABLE:
                self._is_found = True
                return self._since_table + data[start + TS_PACKET :]
        self._since_table = self._since_table[-MOST_KEPT:]
        return b""


class Timeline:
    """Gives one piece after the other times that go on where those of the piece before have ended.

    All tracks of a piece are moved by the same time, so that sound and picture stay together. The clock of the
    multiplex (PCR) is left as it is: ffmpeg, which is the only reader, does not take times from it.
    """

    def __init__(self) -> None:
        self._moved_by: int | None = None
        self._newest = BEGIN - STEP
        self._last: dict[int, int] = {}

    def cut(self) -> None:
        """Begin another piece: what comes next has other times, whatever these are."""
        self._moved_by = None

    def moved(self, data: bytes) -> bytes:
        """Return these whole packets with their new times."""
        moved = bytearray(data)
        for start in range(0, len(data), TS_PACKET):
            if data[start + 1] & 0x40:
                self._move(moved, start)
        return bytes(moved)

    def _move(self, data: bytearray, start: int) -> None:
        """Move the times at the head of a frame, if the packet begins with one."""
        end = start + TS_PACKET
        head = start + 4 + (1 + data[start + 4] if data[start + 3] & 0x20 else 0)
        # The tables, and what has no times.
        if head + 14 > end or data[head : head + 3] != b"\0\0\1" or data[head + 6] & 0xC0 != 0x80:
            return
        flags = data[head + 7] >> 6
        places = [head + 9, head + 14][: flags - 1]
        if flags < 2 or places[-1] + 5 > end:
            return
        # Frames come in the order in which they are decoded: the last time is that of decoding.
        moved_by = self._for(kind(bytes(data[start : start + 3])), _time(data, places[-1]))
        for place in places:
            _write_time(data, place, _time(data, place) + moved_by)

    def _for(self, track: int, time: int) -> int:
        """Return by how much a frame of this track is moved: it comes after the last one, and not far ahead."""
        if self._moved_by is None:
            self._moved_by = self._newest + STEP - time
        # As near to the newest time as 33 bits allow: a clock begins at 0 again after 26.5 hours.
        new = self._newest + (time + self._moved_by - self._newest + WRAP // 2) % WRAP - WRAP // 2
        last = self._last.get(track, new - 1)
        wanted = last + STEP if new <= last else new
        if wanted > self._newest + LONGEST_GAP:
            wanted = self._newest + STEP
        self._moved_by += wanted - new
        self._last[track] = wanted
        self._newest = max(self._newest, wanted)
        return self._moved_by


def _time(data: bytearray, place: int) -> int:
    """Read 33 bits that stand in five bytes, with a marker bit after the 3rd, the 18th and the 33rd."""
    first, second, third, fourth, fifth = data[place : place + 5]
    return (first >> 1 & 7) << 30 | second << 22 | third >> 1 << 15 | fourth << 7 | fifth >> 1


def _write_time(data: bytearray, place: int, time: int) -> None:
    time %= WRAP
    head = data[place] & 0xF1
    third, fifth = (time >> 14 & 0xFE) | 1, (time << 1 & 0xFE) | 1
    data[place : place + 5] = bytes([head | time >> 29 & 0x0E, time >> 22 & 0xFF, third, time >> 7 & 0xFF, fifth])
