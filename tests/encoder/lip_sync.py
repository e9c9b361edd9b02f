# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether sound and picture are together: a source whose brightness and loudness count the seconds, and what came."""

from __future__ import annotations

import json
import subprocess
from itertools import groupby
from math import sqrt
from pathlib import Path

# Seconds are counted from 0 to 7, so a lag of less than 4 s is told from one of more.
COUNT = 8
DARKEST, BRIGHTER = 60, 22
QUIETEST = 0.1
_BRIGHTNESS = f"{DARKEST}+{BRIGHTER}*mod(floor(T)\\,{COUNT})"
COUNTING_PICTURE = (
    f"nullsrc=size=16x16:rate=25,geq=lum={_BRIGHTNESS}:cb=128:cr=128,scale=320:240:flags=neighbor,setsar=1"
)
COUNTING_SOUND = f"aevalsrc={QUIETEST}*(1+mod(floor(t)\\,{COUNT}))*sin(2*PI*440*t):sample_rate=48000"
# Of one sound on two channels, each has so much less.
ON_EACH_SIDE = 1 / sqrt(2)


def lags(file: Path) -> list[tuple[float, float]]:
    """Return for each whole second of the picture whose sound is there, too, when it began and how much later that did.

    The slate, silence, and seconds that were cut are none.
    """
    pictures, sounds = _seconds(_brightness(file)), _seconds(_loudness(file))
    found = []
    for begin, number in pictures:
        nearest = min((other - begin for other, its in sounds if its == number), key=abs, default=COUNT)
        if abs(nearest) < COUNT / 2:
            found.append((begin, round(nearest, 3)))
    return found


def _brightness(file: Path) -> list[tuple[float, int]]:
    found = _frames(f"movie={file},signalstats", "lavfi.signalstats.YAVG")
    return [(time, round((value - DARKEST) / BRIGHTER)) for time, value in found]


def _loudness(file: Path) -> list[tuple[float, int]]:
    found = _frames(f"amovie={file},astats=metadata=1:reset=1", "lavfi.astats.Overall.RMS_level")
    return [(time, round(_amplitude(level) / QUIETEST) - 1) for time, level in found]


def _amplitude(decibels: float) -> float:
    """Of the sine whose effective value this is."""
    return float(10 ** (decibels / 20) * sqrt(2) / ON_EACH_SIDE)


def _frames(graph: str, tag: str) -> list[tuple[float, float]]:
    entries = f"frame=pts_time:frame_tags={tag}"
    command = ["ffprobe", "-loglevel", "error", "-of", "json", "-show_entries", entries, "-f", "lavfi", "-i", graph]
    frames = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["frames"]
    return [(float(one["pts_time"]), float(one["tags"][tag])) for one in frames if tag in one.get("tags", {})]


def _seconds(levels: list[tuple[float, int]]) -> list[tuple[float, int]]:
    """Return when each whole second has begun, and its number."""
    found = []
    for number, frames in groupby(levels, key=lambda one: one[1]):
        times = [time for time, _number in frames]
        if 0 <= number < COUNT and 0.8 < times[-1] - times[0] < 1.1:
            found.append((times[0], number))
    return found
