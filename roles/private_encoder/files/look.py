# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Looks at the newest seconds of an HLS stream: whether they are black, frozen or silent. Needs ffmpeg and Python 3.9.

As a program, it reads {"url": URL, "ffmpeg": PROGRAM} and prints {"problem": SENTENCE}, empty if the stream is well.
The URL is in no argument list: ffmpeg reads a short playlist of the newest segments from its standard input.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import urllib.request
from typing import Any
from urllib.parse import urljoin

# A check comes every 10 s. A fault is to be told within 30 s, and a pause for breath is none.
LOOK_SECONDS = 9.0
# A look counts as black if the newest LOOK_SECONDS of it are, but for what the segments' borders may hide.
TOLERANCE_SECONDS = 1.0
TIMEOUT = 15.0
LARGEST_PLAYLIST = 1 << 20
# A live playlist gets a new segment at least every 1.5 target durations (RFC 8216, 6.2.1).
LONGEST_PAUSE = 10.0
# Tags that apply to all segments after them, not only to the next.
LASTING_TAGS = ("#EXT-X-MAP", "#EXT-X-KEY")
PROTOCOLS = "pipe,fd,http,https,httpproxy,tcp,tls,crypto"
WORDS = {"black": "its picture is black", "frozen": "its picture is frozen", "silent": "it is silent"}
ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"]*"|[^",]*)')

Seen = dict[str, Any]


class Unplayable(Exception):
    """The stream cannot be looked at; the message says why."""


def fetch(url: str, until: float) -> str:
    if not url.startswith(("http://", "https://")):
        raise Unplayable("its playback URL is none of http or https")
    try:
        with urllib.request.urlopen(url, timeout=left(until)) as answer:  # noqa: S310 - the scheme was checked
            content: bytes = answer.read(LARGEST_PLAYLIST)
    except (OSError, ValueError) as error:
        raise Unplayable(f"its playlist cannot be read ({getattr(error, 'reason', error)})") from None
    text = content.decode("utf-8", "replace")
    if not text.startswith("#EXTM3U"):
        raise Unplayable("its playback URL leads to no playlist")
    return text


def left(until: float) -> float:
    return max(until - time.monotonic(), 0.1)


def media_playlists(url: str, until: float) -> list[tuple[str, str]]:
    """Return the URLs and texts of the playlists of segments: the first variant, and its sound if that is apart."""
    text = fetch(url, until)
    lines = [line.strip() for line in text.splitlines()]
    urls, group = [], ""
    for line, following in zip(lines, lines[1:]):  # noqa: B905, RUF007 - `pairwise` is of Python 3.10
        if line.startswith("#EXT-X-STREAM-INF:") and not urls:
            urls.append(urljoin(url, following))
            group = dict(ATTRIBUTE.findall(line)).get("AUDIO", "")
    if not urls:
        return [(url, text)]
    for line in lines:
        sound = dict(ATTRIBUTE.findall(line)) if line.startswith("#EXT-X-MEDIA:") else {}
        if group and sound.get("GROUP-ID") == group and sound.get("TYPE") == "AUDIO" and "URI" in sound:
            urls.append(urljoin(url, sound["URI"].strip('"')))
            break
    return [(one, fetch(one, until)) for one in urls]


def newest_segments(url: str, text: str) -> tuple[str, float, str]:
    """Return a finite playlist of the newest segments, its seconds, and what tells the newest segment from others."""
    segments: list[tuple[float, list[str]]] = []
    head = ["#EXTM3U", "#EXT-X-VERSION:7", f"#EXT-X-TARGETDURATION:{target_seconds(text):.0f}"]
    sequence = int((re.search(r"(?m)^#EXT-X-MEDIA-SEQUENCE:(\d+)", text) or [0, 0])[1])
    lasting: dict[str, str] = {}
    own: list[str] = []
    seconds = 0.0
    for line in (line.strip() for line in text.splitlines()):
        tag = line.partition(":")[0]
        if tag in LASTING_TAGS:
            lasting[tag] = re.sub(r'URI="([^"]*)"', lambda found: f'URI="{urljoin(url, found[1])}"', line)
        elif tag == "#EXTINF":
            seconds = float((re.search(r"[0-9.]+", line) or ["0"])[0])
            own.append(line)
        elif tag in ("#EXT-X-BYTERANGE", "#EXT-X-DISCONTINUITY"):
            own.append(line)
        elif line and not line.startswith("#"):
            segments.append((seconds, [*lasting.values(), *own, urljoin(url, line)]))
            own, seconds = [], 0.0
    kept: list[str] = []
    length, count = 0.0, 0
    for duration, part in reversed(segments):
        if length >= LOOK_SECONDS:
            break
        kept, length, count = part + kept, length + duration, count + 1
    if not kept:
        raise Unplayable("its playlist has no segments")
    first = sequence + len(segments) - count
    newest = f"{first + count} {segments[-1][1][-1]}"
    return "\n".join([*head, f"#EXT-X-MEDIA-SEQUENCE:{first}", *kept, "#EXT-X-ENDLIST", ""]), length, newest


def target_seconds(text: str) -> float:
    return float((re.search(r"(?m)^#EXT-X-TARGETDURATION:(\d+)", text) or [0, 2])[1])


def detect(playlist: str, ffmpeg: str, until: float) -> str:
    """Return what ffmpeg's detectors print of a playlist."""
    command = [ffmpeg, "-hide_banner", "-nostats", "-loglevel", "info", "-protocol_whitelist", PROTOCOLS]
    command += ["-f", "hls", "-i", "pipe:0", "-map", "0:v:0?", "-map", "0:a:0?"]
    command += ["-filter:v", "setpts=PTS-STARTPTS,scale=320:-2,blackdetect=d=0.1:pic_th=0.98,freezedetect=n=-50dB:d=1"]
    command += ["-filter:a", "asetpts=PTS-STARTPTS,silencedetect=n=-50dB:d=1", "-f", "null", "-"]
    seconds = left(until)
    try:
        done = subprocess.run(command, input=playlist.encode(), capture_output=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        raise Unplayable(f"its newest segments cannot be read within {seconds:.0f} s") from None
    except OSError:
        raise Unplayable(f"nobody can look at it, because there is no {ffmpeg}") from None
    said = done.stderr.decode("utf-8", "replace")
    if not re.search(r"Stream #0:\d.*: (Video|Audio): ", said):
        raise Unplayable("its newest segments cannot be read or hold no media")
    return said


def faults(said: str, seconds: float) -> dict[str, float]:
    """Return what is wrong with the newest seconds of a look, and for how many of all its seconds.

    It is in the detectors' lines.
    """
    # Only what goes in; the lines about what comes out name the same kinds.
    read = said.partition("Stream mapping:")[0]
    has_picture, has_sound = ": Video: " in read, ": Audio: " in read
    spans = {
        "black": _spans(said, "black", seconds) if has_picture else [],
        "frozen": _spans(said, "freeze", seconds),
        "silent": _spans(said, "silence", seconds) if has_sound else [(0.0, seconds)],
    }
    newest = min(LOOK_SECONDS, seconds)
    found = {
        name: _within(0.0, some, seconds)
        for name, some in spans.items()
        if _within(seconds - newest, some, seconds) >= max(newest - TOLERANCE_SECONDS, 1.0)
    }
    if "black" in found:
        # It is frozen, too, but that says less.
        found.pop("frozen", None)
    return found


def _spans(said: str, what: str, seconds: float) -> list[tuple[float, float]]:
    """Return when something began and ended; what has no end lasts until the look's end."""
    starts = re.findall(rf"{what}_start:\s*(-?[0-9.]+)", said)
    ends = re.findall(rf"{what}_end:\s*(-?[0-9.]+)", said)
    ends += [str(seconds)] * (len(starts) - len(ends))
    return [(float(start), float(end)) for start, end in zip(starts, ends)]  # noqa: B905 - `strict` is of Python 3.10


def _within(begin: float, spans: list[tuple[float, float]], end: float) -> float:
    return sum(max(min(last, end) - max(first, begin), 0.0) for first, last in spans)


def look(url: str, ffmpeg: str = "ffmpeg", timeout: float = TIMEOUT) -> Seen:
    """Return what a look at a stream finds: `faults`, its `seconds`, the `newest` segment, `target`, and `problem`.

    `timeout` is in seconds, for all of it.
    """
    until = time.monotonic() + timeout
    seen: Seen = {"faults": {}, "seconds": 0.0, "newest": "", "target": 0.0, "problem": ""}
    try:
        playlists = media_playlists(url, until)
        said = ""
        for number, (one, text) in enumerate(playlists):
            playlist, seconds, newest = newest_segments(one, text)
            if number == 0:
                seen.update(seconds=seconds, newest=newest, target=target_seconds(text))
            said = detect(playlist, ffmpeg, until)
            found = faults(said, seconds)
            if len(playlists) > 1:
                # Each of the two has a part only: the picture, and the sound.
                found = {name: length for name, length in found.items() if (name == "silent") == (number > 0)}
            seen["faults"].update(found)
    except Unplayable as error:
        seen["problem"] = str(error)
    return seen


def verdict(seen: Seen, before: Seen, now: float) -> tuple[Seen, Seen]:
    """Return what is wrong, and what to keep for the next look, from this look and what the last one kept.

    What is wrong has a `state`, a `problem` (empty if nothing is), the seconds that it has been `lasting`, and whether
    it counts `at_once`: a whole look at a fault is enough.
    """
    if seen["problem"]:
        return {"state": "does not play", "problem": seen["problem"], "lasting": 0.0, "at_once": False}, before
    first = before.get("first") or {}
    first = {name: min(first.get(name, now - length), now) for name, length in seen["faults"].items()}
    same = before.get("newest") == seen["newest"]
    changed = min(before.get("changed", now), now) if same else now
    kept = {"first": first, "newest": seen["newest"], "changed": changed}
    pause = now - changed
    if pause > max(LONGEST_PAUSE, 1.5 * seen["target"]):
        problem = f"its playlist has had no new segment for {pause:.0f} s"
        return {"state": "does not play", "problem": problem, "lasting": pause, "at_once": False}, kept
    told = " and ".join(f"{WORDS[name]} for at least {now - since:.0f} s" for name, since in first.items())
    lasting = now - min(first.values(), default=now)
    return {"state": " and ".join(first), "problem": told, "lasting": lasting, "at_once": bool(first)}, kept


def main() -> None:
    asked = json.load(sys.stdin)
    wrong, _kept = verdict(look(asked["url"], asked.get("ffmpeg", "ffmpeg")), {}, 0.0)
    print(json.dumps({"problem": wrong["problem"]}))


if __name__ == "__main__":
    main()
