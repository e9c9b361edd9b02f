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
import urllib.request
from typing import Any
from urllib.parse import urljoin

# Shorter than that, a look would take a pause for silence; longer, it would see the end of a stream late.
LOOK_SECONDS = 6.0
TIMEOUT = 15.0
LARGEST_PLAYLIST = 1 << 20
# A look counts as black if all of it is, but for what the segments' borders may hide.
TOLERANCE_SECONDS = 1.0
# Tags that apply to all segments after them, not only to the next.
LASTING_TAGS = ("#EXT-X-MAP", "#EXT-X-KEY")
PROTOCOLS = "pipe,fd,http,https,httpproxy,tcp,tls,crypto"
WORDS = {"black": "its picture is black", "frozen": "its picture is frozen", "silent": "it is silent"}
ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"]*"|[^",]*)')

Seen = dict[str, Any]


class Unplayable(Exception):
    """The stream cannot be looked at; the message says why."""


def fetch(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise Unplayable("its playback URL is none of http or https")
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT / 2) as answer:  # noqa: S310 - the scheme was checked
            content: bytes = answer.read(LARGEST_PLAYLIST)
    except (OSError, ValueError) as error:
        raise Unplayable(f"its playlist cannot be read ({getattr(error, 'reason', error)})") from None
    text = content.decode("utf-8", "replace")
    if not text.startswith("#EXTM3U"):
        raise Unplayable("its playback URL leads to no playlist")
    return text


def media_playlists(url: str) -> list[tuple[str, str]]:
    """Return the URLs and texts of the playlists of segments: the first variant, and its sound if that is apart."""
    text = fetch(url)
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
    return [(one, fetch(one)) for one in urls]


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


def detect(playlist: str, ffmpeg: str) -> str:
    """Return what ffmpeg's detectors print of a playlist."""
    command = [ffmpeg, "-hide_banner", "-nostats", "-loglevel", "info", "-protocol_whitelist", PROTOCOLS]
    command += ["-f", "hls", "-i", "pipe:0", "-map", "0:v:0?", "-map", "0:a:0?"]
    command += ["-filter:v", "setpts=PTS-STARTPTS,scale=320:-2,blackdetect=d=0.1:pic_th=0.98,freezedetect=n=-50dB:d=1"]
    command += ["-filter:a", "asetpts=PTS-STARTPTS,silencedetect=n=-50dB:d=1", "-f", "null", "-"]
    try:
        done = subprocess.run(command, input=playlist.encode(), capture_output=True, timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        raise Unplayable(f"its newest segments cannot be read within {TIMEOUT:.0f} s") from None
    except OSError:
        raise Unplayable(f"nobody can look at it, because there is no {ffmpeg}") from None
    said = done.stderr.decode("utf-8", "replace")
    if not re.search(r"Stream #0:\d.*: (Video|Audio): ", said):
        raise Unplayable("its newest segments cannot be read or hold no media")
    return said


def faults(said: str, seconds: float) -> dict[str, float]:
    """Return what is wrong with a whole look, and for how many seconds, by the detectors' lines."""
    # Only what goes in; the lines about what comes out name the same kinds.
    read = said.partition("Stream mapping:")[0]
    has_picture, has_sound = ": Video: " in read, ": Audio: " in read
    black = sum(map(float, re.findall(r"black_duration:\s*([0-9.]+)", said)))
    frozen = _lasting(said, "freeze", seconds)
    silent = _lasting(said, "silence", seconds) if has_sound else seconds
    found = {"black": black if has_picture else 0.0, "frozen": frozen, "silent": silent}
    if found["black"] >= seconds - TOLERANCE_SECONDS:
        found["frozen"] = 0.0  # It is frozen, too, but that says less.
    return {name: length for name, length in found.items() if length >= max(seconds - TOLERANCE_SECONDS, 1.0)}


def _lasting(said: str, what: str, seconds: float) -> float:
    """Return the seconds of what is detected; what has no end lasts until the look's end."""
    total = sum(map(float, re.findall(rf"{what}_duration:\s*([0-9.]+)", said)))
    starts = re.findall(rf"{what}_start:\s*(-?[0-9.]+)", said)
    if len(starts) > len(re.findall(rf"{what}_end:", said)):
        total += seconds - max(float(starts[-1]), 0.0)
    return total


def look(url: str, ffmpeg: str = "ffmpeg") -> Seen:
    """Return what a look at a stream finds: `faults`, its `seconds`, the `newest` segment, `target`, and `problem`."""
    seen: Seen = {"faults": {}, "seconds": 0.0, "newest": "", "target": 0.0, "problem": ""}
    try:
        playlists = media_playlists(url)
        said = ""
        for number, (one, text) in enumerate(playlists):
            playlist, seconds, newest = newest_segments(one, text)
            if number == 0:
                seen.update(seconds=seconds, newest=newest, target=target_seconds(text))
            said = detect(playlist, ffmpeg)
            found = faults(said, seconds)
            if len(playlists) > 1:
                # Each of the two has a part only: the picture, and the sound.
                found = {name: length for name, length in found.items() if (name == "silent") == (number > 0)}
            seen["faults"].update(found)
    except Unplayable as error:
        seen["problem"] = str(error)
    return seen


def verdict(seen: Seen, before: Seen, now: float) -> tuple[str, str, Seen]:
    """Return a state, a problem, and what to keep for the next look, from this look and what the last one kept."""
    if seen["problem"]:
        return "does not play", seen["problem"], before
    first = before.get("first") or {}
    first = {name: min(first.get(name, now - length), now) for name, length in seen["faults"].items()}
    same = before.get("newest") == seen["newest"]
    changed = min(before.get("changed", now), now) if same else now
    kept = {"first": first, "newest": seen["newest"], "changed": changed}
    if now - changed > max(12.0, 3 * seen["target"]):
        return "does not play", f"its playlist has had no new segment for {now - changed:.0f} s", kept
    told = [f"{WORDS[name]} for at least {now - since:.0f} s" for name, since in first.items()]
    return " and ".join(first), " and ".join(told), kept


def main() -> None:
    asked = json.load(sys.stdin)
    _state, problem, _kept = verdict(look(asked["url"], asked.get("ffmpeg", "ffmpeg")), {}, 0.0)
    print(json.dumps({"problem": problem}))


if __name__ == "__main__":
    main()
