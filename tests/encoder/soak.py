# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``python -m tests.encoder.soak --minutes 60``: five streams for as long, while something fails at random.

Programs and ffmpeg are killed, cameras fall silent or hang up, the ingest is restarted. It counts what was done, and
how long each stream was off air; it fails if a stream does not come back, or ever has two encoders. ``make soak`` runs
it.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from .camera import Camera, camera
from .recorder import Recorder, recorder
from .running import COPY, PROFILE, Encoder, settings_of
from .sources import BY_NAME, make

# Seconds between two faults, and how long a stream may be off air after the last one.
PAUSES = (5.0, 15.0)
LONGEST_RETURN = 90.0
SLATE = {"type": "color", "color": "0x202428"}


@dataclass
class Stream:
    """A stream under supervision: what service managers do, start it again after 3 s, is done here."""

    name: str
    folder: Path
    settings: dict[str, object]
    program: Encoder | None = None
    started: int = 0
    off_air: float = 0.0
    longest_off_air: float = 0.0
    most_publishers: int = 0
    _off_since: float | None = field(default=None)

    def supervise(self, ended: threading.Event) -> None:
        while not ended.is_set():
            if self.program is None or self.program.process.poll() is not None:
                if self.program is not None:
                    self.program.stop()
                    ended.wait(3)
                self.program = Encoder(self.folder, self.name, self.settings)
                self.started += 1
            self._look()
            ended.wait(0.25)
        if self.program is not None:
            self.program.stop()

    def _look(self) -> None:
        assert self.program is not None
        status, now = self.program.status, time.time()
        is_on_air = status.get("state") == "on air" and now - status.get("flowing", 0) < 8
        self.most_publishers = max(self.most_publishers, len(publishers_in(self.folder)))
        if is_on_air and self._off_since is not None:
            lost = now - self._off_since
            self.off_air, self.longest_off_air = self.off_air + lost, max(self.longest_off_air, lost)
            self._off_since = None
        elif not is_on_air and self._off_since is None:
            self._off_since = now

    @property
    def is_on_air(self) -> bool:
        return self._off_since is None


def publishers_in(folder: Path) -> list[int]:
    """Return the processes of ffmpeg that send a stream.

    Its program names the key as well, and so does each process that it starts, for the moment until that is ffmpeg.
    """
    found = []
    for process in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            words = (process / "cmdline").read_text(errors="replace").split("\0")
            if words[0].endswith("ffmpeg") and f"{folder}/key" in words:
                found.append(int(process.name))
    return found


class Faults:
    """What fails, drawn at random; ``done`` counts it."""

    def __init__(self, streams: list[Stream], cameras: list[Camera], ingest: Recorder, chance: random.Random) -> None:
        self.done: Counter[str] = Counter()
        self._streams, self._cameras, self._ingest, self._chance = streams, cameras, ingest, chance

    def one(self) -> None:
        fault = self._chance.choice(
            [
                self.kill_program,
                self.kill_program,
                self.kill_ffmpeg,
                self.kill_ffmpeg,
                self.silence,
                self.hang_up,
                self.restart,
            ]
        )
        fault()
        self.done[fault.__name__.replace("_", " ")] += 1

    def kill_program(self) -> None:
        program = self._chance.choice(self._streams).program
        if program is not None and program.process.poll() is None:
            program.process.kill()

    def kill_ffmpeg(self) -> None:
        folder = self._chance.choice(self._streams).folder
        for process in publishers_in(folder):
            with contextlib.suppress(OSError):
                os.kill(process, signal.SIGKILL)

    def silence(self) -> None:
        one = self._chance.choice(self._cameras)
        one.silent.set()
        time.sleep(self._chance.uniform(1, 8))
        one.silent.clear()

    def hang_up(self) -> None:
        self._chance.choice(self._cameras).hang_up()

    def restart(self) -> None:
        self._ingest.stop()
        time.sleep(self._chance.uniform(0.5, 5))
        self._ingest.start()


@contextmanager
def streams_in(folder: Path, ingest: Recorder) -> Iterator[tuple[list[Stream], list[Camera]]]:
    with ExitStack() as stack:
        cameras = [stack.enter_context(camera(folder / name, sound)) for name, sound in (("mute", ""), ("aac", "aac"))]
        film, longer = (make(BY_NAME[name], folder) for name in ("film", "sound_longer"))
        url = ingest.rtmp_url
        mute, aac = ({"type": "url", "url": one.url} for one in cameras)
        settings = {
            "film": settings_of(url, {"type": "file", "path": str(film)}, COPY),
            "gap": settings_of(url, {"type": "file", "path": str(longer)}, PROFILE),
            "pattern": settings_of(url, {"type": "test_pattern", "size": "320x240"}),
            "camera": settings_of(url, aac, COPY),
            "slate": settings_of(url, mute, slate=SLATE),
        }
        yield [Stream(name, folder / name, one) for name, one in settings.items()], cameras


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.encoder.soak")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=None, help="the same faults in the same order")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10**6)
    chance, ended = random.Random(seed), threading.Event()
    with (
        tempfile.TemporaryDirectory() as name,
        recorder(Path(name) / "ingest") as ingest,
        streams_in(Path(name), ingest) as (streams, cameras),
    ):
        threads = [threading.Thread(target=stream.supervise, args=[ended]) for stream in streams]
        for thread in threads:
            thread.start()
        faults = Faults(streams, cameras, ingest, chance)
        until = time.monotonic() + 60 * options.minutes
        time.sleep(10)
        while time.monotonic() < until:
            faults.one()
            time.sleep(chance.uniform(*PAUSES))
        deadline = time.monotonic() + LONGEST_RETURN
        while not all(stream.is_on_air for stream in streams) and time.monotonic() < deadline:
            time.sleep(0.5)
        came_back = [stream.name for stream in streams if stream.is_on_air]
        ended.set()
        for thread in threads:
            thread.join()
    return report(streams, faults, came_back, options.minutes, seed)


def report(streams: list[Stream], faults: Faults, came_back: list[str], minutes: float, seed: int) -> int:
    done = ", ".join(f"{name} {count}" for name, count in sorted(faults.done.items()))
    lines = [f"{minutes:g} minutes, {faults.done.total()} faults ({done}), seed {seed}"]
    lines += [
        f"{stream.name}: started {stream.started} times, off air {stream.off_air:.0f} s in all and "
        f"{stream.longest_off_air:.0f} s at most, at most {stream.most_publishers} encoder at a time"
        for stream in streams
    ]
    lost = [stream.name for stream in streams if stream.name not in came_back]
    doubled = [stream.name for stream in streams if stream.most_publishers > 1]
    lines += [f"did not come back: {', '.join(lost)}"] if lost else []
    lines += [f"had two encoders: {', '.join(doubled)}"] if doubled else []
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if lost or doubled else 0


if __name__ == "__main__":
    sys.exit(main())
