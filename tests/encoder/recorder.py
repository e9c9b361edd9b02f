# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real ingest that records what it is sent, and what was in it: connections, tracks, packets, key frames."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tests.lab.ingest import Nginx, free_port, rtmp_module

# Without an account and its callbacks: every name is accepted, or none. Each connection makes a file.
CONFIGURATION = """\
load_module {module};
rtmp {{
    access_log off;
    server {{
        listen 127.0.0.1:{port};
        chunk_size 4096;
        application live {{
            live on;
            {refusing}
            record all;
            record_unique on;
            record_path {folder}/recorded;
        }}
    }}
}}
"""


@dataclass(frozen=True)
class Packet:
    kind: str
    seconds: float
    size: int
    is_key: bool


@dataclass(frozen=True)
class Recording:
    """One connection: what it carried. Times are seconds since its first packet."""

    file: Path
    codecs: tuple[str, ...]
    size: tuple[int, int]
    packets: tuple[Packet, ...]

    def of(self, kind: str) -> list[Packet]:
        return [packet for packet in self.packets if packet.kind == kind]

    def longest_gap(self, kind: str) -> float:
        times = sorted(packet.seconds for packet in self.of(kind))
        return max((later - earlier for earlier, later in pairwise(times)), default=0.0)

    def longest_wait_for_a_key_frame(self) -> float:
        keys = [packet.seconds for packet in self.of("video") if packet.is_key]
        return max((later - earlier for earlier, later in pairwise(keys)), default=float("inf"))

    def seconds(self, kind: str) -> float:
        times = [packet.seconds for packet in self.of(kind)]
        return max(times) - min(times) if times else 0.0

    @property
    def largest(self) -> int:
        return max(packet.size for packet in self.packets)


class Recorder:
    def __init__(self, folder: Path, *, refuses: bool = False) -> None:
        self.folder = folder.resolve()
        self.port = free_port()
        self.refuses = refuses
        self.rtmp_url = f"rtmp://127.0.0.1:{self.port}/live"
        self._nginx = Nginx(self.folder)

    def start(self) -> None:
        (self.folder / "recorded").mkdir(parents=True, exist_ok=True)
        refusing = "deny publish all;" if self.refuses else "allow publish 127.0.0.1;"
        configuration = CONFIGURATION.format(
            module=rtmp_module(), folder=self.folder, port=self.port, refusing=refusing
        )
        self._nginx.start(configuration, [self.port])

    def stop(self) -> None:
        self._nginx.stop(20)

    def recordings(self, key: str) -> list[Recording]:
        """What was sent with a key, a recording for each connection."""
        files = sorted(self.folder.glob(f"recorded/{key}-*.flv"), key=lambda file: file.stat().st_mtime)
        return [found for file in files if (found := read(file)) is not None]


@contextmanager
def recorder(folder: Path, *, refuses: bool = False) -> Iterator[Recorder]:
    ingest = Recorder(folder, refuses=refuses)
    ingest.start()
    try:
        yield ingest
    finally:
        ingest.stop()


def read(file: Path) -> Recording | None:
    """What a file has, None if a connection brought no media."""
    entries = "stream=index,codec_name,codec_type,width,height:packet=codec_type,dts_time,size,flags"
    command = ["ffprobe", "-hide_banner", "-loglevel", "quiet", "-of", "json", "-show_entries", entries, str(file)]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=False).stdout or "{}")
    packets = [
        Packet(one["codec_type"], float(one["dts_time"]), int(one["size"]), "K" in one["flags"])
        for one in found.get("packets", [])
        if "dts_time" in one and "codec_type" in one
    ]
    if not packets:
        return None
    first = min(packet.seconds for packet in packets)
    streams = found["streams"]
    return Recording(
        file=file,
        codecs=tuple(sorted(f"{one['codec_type']}:{one.get('codec_name', '?')}" for one in streams)),
        size=next(((one["width"], one["height"]) for one in streams if one["codec_type"] == "video"), (0, 0)),
        packets=tuple(Packet(one.kind, one.seconds - first, one.size, one.is_key) for one in packets),
    )
