# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Media for tests and the demo: short encoded loops, and probes of streams."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from urllib.parse import urljoin
from urllib.request import urlopen

FRAME_RATE = 30
LOOP_SECONDS = 10


class MediaError(RuntimeError):
    """A media file or stream could not be made or read; the message has the tool's last output."""


@dataclass(frozen=True)
class Loop:
    """A looping clip that differs from the others in picture and sound."""

    name: str
    picture: str
    size: str
    tone_hz: int
    bitrate: str


LOOPS = (
    Loop("testsrc2-720p", "testsrc2", "1280x720", 440, "1500k"),
    Loop("bars-720p", "smptehdbars", "1280x720", 550, "1500k"),
    Loop("mandelbrot-360p", "mandelbrot", "640x360", 660, "700k"),
    Loop("testsrc-360p", "testsrc", "640x360", 770, "700k"),
    Loop("gradients-360p", "gradients=n=4:seed=7:speed=0.02", "640x360", 880, "700k"),
)


@dataclass(frozen=True)
class Probe:
    """What a stream plays. `bitrate` is in bits per second, measured over the read part."""

    video_codec: str
    width: int
    height: int
    audio_codec: str
    bitrate: int

    @property
    def size(self) -> str:
        return f"{self.width}x{self.height}"


def missing() -> str | None:
    """Why media can be neither made nor probed on this machine, or None if it can."""
    absent = [tool for tool in ("ffmpeg", "ffprobe") if shutil.which(tool) is None]
    return f"{' and '.join(absent)} not installed: install the Debian package ffmpeg" if absent else None


def make_loop(loop: Loop, folder: Path) -> Path:
    """The MP4 file of a loop (H.264 and AAC, a key frame every 2 s), made on first use and cached in `folder`."""
    separator = ":" if "=" in loop.picture else "="
    arguments = [
        *("-f", "lavfi", "-i", f"{loop.picture}{separator}size={loop.size}:rate={FRAME_RATE}"),
        *("-f", "lavfi", "-i", f"sine=frequency={loop.tone_hz}:sample_rate=48000"),
        *("-t", str(LOOP_SECONDS), "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p"),
        *("-g", str(2 * FRAME_RATE), "-keyint_min", str(2 * FRAME_RATE), "-sc_threshold", "0", "-bf", "0"),
        *("-b:v", loop.bitrate, "-maxrate", loop.bitrate, "-bufsize", loop.bitrate, "-x264-params", "nal-hrd=cbr"),
        *("-c:a", "aac", "-b:a", "128k", "-ar", "48000", "-ac", "2", "-movflags", "+faststart"),
    ]
    digest = hashlib.sha256("\0".join(arguments).encode()).hexdigest()[:8]
    target = folder / f"{loop.name}-{digest}.mp4"
    if target.exists():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    # Two runs may fill the same cache: each writes a temporary file and renames it.
    descriptor, unfinished = tempfile.mkstemp(suffix=".mp4", dir=folder)
    os.close(descriptor)
    try:
        _run(["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "error", "-y", *arguments, unfinished], timeout=600)
        Path(unfinished).chmod(0o644)
        Path(unfinished).replace(target)
    finally:
        Path(unfinished).unlink(missing_ok=True)
    return target


def make_loops(folder: Path) -> dict[str, Path]:
    """All loops by name."""
    return {loop.name: make_loop(loop, folder) for loop in LOOPS}


def probe(url: str, timeout: float = 30.0) -> Probe:
    """Reads a few seconds of a file or stream. Raises MediaError if it does not play picture and sound."""
    command = ["ffprobe", "-hide_banner", "-loglevel", "error", "-of", "json", "-show_streams", "-show_format", url]
    answer = json.loads(_run(command, timeout=timeout))
    kinds = {stream.get("codec_type"): stream for stream in reversed(answer.get("streams", []))}
    if "video" not in kinds or "audio" not in kinds:
        raise MediaError(f"{url} plays {sorted(str(kind) for kind in kinds)}, not picture and sound")
    video, audio = kinds["video"], kinds["audio"]
    bitrate = int(answer.get("format", {}).get("bit_rate") or 0)
    if url.partition("?")[0].endswith(".m3u8"):
        bitrate = _playlist_bitrate(url, timeout)
    return Probe(
        video_codec=str(video.get("codec_name", "")),
        width=int(video.get("width", 0)),
        height=int(video.get("height", 0)),
        audio_codec=str(audio.get("codec_name", "")),
        bitrate=bitrate,
    )


def grab_frame(url: str, file: Path, timeout: float = 30.0) -> Path:
    """One picture of a file or stream, as PNG or JPEG by the file's suffix."""
    file.parent.mkdir(parents=True, exist_ok=True)
    arguments = ["-i", url, "-frames:v", "1", "-update", "1", str(file)]
    _run(["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "error", "-y", *arguments], timeout=timeout)
    if not file.exists():
        raise MediaError(f"{url} gave no picture")
    return file


def contact_sheet(frames: Sequence[Path], labels: Sequence[str], file: Path, columns: int = 3) -> Path:
    """One picture of all frames in rows of `columns`, each with its label below."""
    if not frames or len(frames) != len(labels):
        raise MediaError(f"a contact sheet needs one label for each frame: {len(frames)} frames, {len(labels)} labels")
    file.parent.mkdir(parents=True, exist_ok=True)
    cell_width, cell_height, text_height = 480, 270, 40
    columns = min(columns, len(frames))
    cells, places, inputs = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        for index, (frame, label) in enumerate(zip(frames, labels, strict=True)):
            # A label is free text; in a file it needs no escaping for the filter graph.
            text = Path(folder, f"{index}.txt")
            text.write_text(label, encoding="utf-8")
            inputs += ["-i", str(frame)]
            cells.append(
                f"[{index}:v]scale={cell_width}:{cell_height}:force_original_aspect_ratio=decrease,"
                f"pad={cell_width}:{cell_height + text_height}:(ow-iw)/2:({cell_height}-ih)/2:color=0x202428,setsar=1,"
                f"format=rgb24,drawtext=textfile={text}:expansion=none:fontcolor=white:fontsize=17:"
                f"x=(w-text_w)/2:y={cell_height}+({text_height}-text_h)/2[c{index}]"
            )
            places.append(f"{index % columns * cell_width}_{index // columns * (cell_height + text_height)}")
        if len(frames) == 1:
            graph = cells[0].replace("[c0]", "[out]")
        else:
            joined = "".join(f"[c{index}]" for index in range(len(frames)))
            graph = (
                f"{';'.join(cells)};{joined}xstack=inputs={len(frames)}:layout={'|'.join(places)}:fill=0x202428[out]"
            )
        command = ["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "error", "-y", *inputs, "-filter_complex", graph]
        _run([*command, "-map", "[out]", "-frames:v", "1", "-update", "1", str(file)], timeout=60)
    return file


def _playlist_bitrate(url: str, timeout: float) -> int:
    """Bits per second over the segments that the playlist names now; ffprobe knows no bitrate of a live playlist."""
    with urlopen(url, timeout=timeout) as answer:
        lines = answer.read().decode("utf-8").splitlines()
    seconds, size = 0.0, 0
    for line, following in pairwise(lines):
        if not line.startswith("#EXTINF:"):
            continue
        try:
            with urlopen(urljoin(url, following), timeout=timeout) as segment:
                size += len(segment.read())
        except OSError:
            continue  # The oldest segment may be gone before it is requested.
        seconds += float(line.removeprefix("#EXTINF:").split(",")[0])
    return round(8 * size / seconds) if seconds else 0


def _run(command: list[str], timeout: float) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    except FileNotFoundError:
        raise MediaError(f"{command[0]} is not installed: install the Debian package ffmpeg") from None
    except subprocess.TimeoutExpired:
        raise MediaError(f"{command[0]} did not answer within {timeout:g} s") from None
    if done.returncode != 0:
        raise MediaError(f"{command[0]} failed: {done.stderr.strip()[-500:]}")
    return done.stdout
