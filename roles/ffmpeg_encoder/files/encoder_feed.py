# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Passes MPEG-TS to the publisher: from the source, or from the slate while the source sends nothing."""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time
from collections.abc import Callable
from pathlib import Path

from encoder_commands import slate_commands_of
from encoder_media import Settings, ffprobe_beside, last_words, look_at
from encoder_packets import TS_PACKET, Beginning, Timeline
from encoder_processes import Lock, Process, delay_after, say, start_thread
from encoder_sound import FLOWING_SECONDS, Sound

# A camera may need so long for its first picture.
START_SECONDS = 30.0


class Feed:
    """Runs source and slate.

    ``source_command`` looks at the source and returns its command, or None if it cannot be sent.
    """

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        lock: Lock,
        shown: Callable[[str], None],
        failed: Callable[[str], None],
        source_command: Callable[[], list[str] | None],
        sound: Sound,
    ) -> None:
        # Until a key frame has come, what the publisher would get is kept back: it could not start in between.
        self._target: tuple[Beginning, Process | None] = Beginning(), None
        self._timeline = Timeline()
        self._passed: Process | None = None
        self._settings = settings
        self._folder = folder
        self._lock = lock
        self._shown = shown
        self._failed = failed
        self._source_command = source_command
        self._sound = sound
        self._patience = float(settings["source_seconds"])
        self._first_patience = max(3 * self._patience, START_SECONDS)
        self._source: Process | None = None
        self._slate: Process | None = None
        self._heard = self._started = time.monotonic()
        self._source_at = self._slate_at = 0.0
        self._failures = 0
        self._rest: dict[Process, bytes] = {}
        self._play_slate: list[str] | None = None
        self._may_make_slate = threading.Event()
        self._looks = False
        self._gave = False
        self._ready: list[str] | None = None
        self._ended = False
        start_thread(self._make_slate)
        start_thread(self._run)

    def attach(self, publisher: Process | None) -> None:
        """Pass on to this publisher, beginning with a key frame, or to none."""
        # Both at once: another thread passes on meanwhile.
        self._target = Beginning(), publisher

    def stop(self) -> None:
        self._ended = True
        for process in (self._source, self._slate):
            if process is not None:
                process.stop()

    def _make_slate(self) -> None:
        # The source's first pictures come first, if they come soon.
        self._may_make_slate.wait(self._patience / 2)
        slate = self._settings["slate"]
        ffprobe = ffprobe_beside(self._settings["ffmpeg"])
        look = look_at(ffprobe, {"type": "file", "path": slate["path"]}) if slate["type"] == "file" else None
        make, play = slate_commands_of(self._settings, look, self._folder)
        failures = 0
        while make is not None and not self._ended:
            making = Process("slate", make, self._lock)
            making.output.read()
            making.wait()
            if making.code == 0:
                break
            say(f"the slate cannot be made: {last_words(making.words, 4)}")
            time.sleep(delay_after(failures))
            failures += 1
        self._play_slate = play

    def _run(self) -> None:
        while not self._ended:
            self._mind_source()
            self._mind_slate()
            running = {process.output: process for process in (self._source, self._slate) if process is not None}
            for pipe in select.select(list(running), [], [], 0.2 if running else 0.05)[0]:
                # When the source is back, the slate's pipe is closed.
                if not pipe.closed:
                    self._pass_on(running[pipe], os.read(pipe.fileno(), 64 * 1024))

    def _mind_source(self) -> None:
        now = time.monotonic()
        if self._source is None:
            self._start_source(now)
        elif now - max(self._heard, self._started) > (3 * self._patience if self._gave else self._first_patience):
            self._lose_source("nothing came from the source")
        elif self._sound.has_changed(picture_flows=self._gave and now - self._heard < FLOWING_SECONDS):
            self._sound.change()
            self._end_source()

    def _start_source(self, now: float) -> None:
        """Start the source once it has been looked at. Meanwhile the slate is shown."""
        if self._ready is not None:
            self._source, self._started = Process("source", self._ready, self._lock, pipes=self._sound.pipes), now
            self._ready, self._gave = None, False
        elif not self._looks and now >= self._source_at:
            self._looks = True
            start_thread(self._look)

    def _look(self) -> None:
        command = self._source_command()
        if command is None:
            self._wait_for_source()
        self._ready = command
        self._looks = False

    def _mind_slate(self) -> None:
        now = time.monotonic()
        silent = now - self._heard > self._patience
        if silent and self._slate is None and self._play_slate is not None and now >= self._slate_at:
            self._slate, self._slate_at = Process("slate", self._play_slate, self._lock), now + 1.0
            self._shown("slate")
            say("the source gives nothing: the slate is shown")

    def _pass_on(self, process: Process, data: bytes) -> None:
        if process is self._source:
            if not data:
                self._lose_source("the source has ended")
                return
            self._heard, self._failures, self._gave = time.monotonic(), 0, True
            self._may_make_slate.set()
            if self._slate is not None:
                say("the source is back")
                self._end_slate()
            self._shown("source")
        elif process is self._slate:
            if not data:
                self._end_slate()
                return
        else:
            return
        # Whole packets only: half a packet before a switch would damage the next one.
        data = self._rest.pop(process, b"") + data
        whole = len(data) - len(data) % TS_PACKET
        self._rest[process] = data[whole:]
        begun = time.monotonic()
        if process is not self._passed:
            self._passed = process
            self._timeline.cut()
        moved = self._timeline.moved(data[:whole])
        beginning, publisher = self._target
        self._give(publisher, beginning.of(moved))
        if process is self._source:
            # The publisher may have kept it waiting.
            self._heard = time.monotonic()
            if self._heard - begun > FLOWING_SECONDS:
                self._sound.excuse()

    def _give(self, publisher: Process | None, data: bytes) -> None:
        if data and publisher is not None and publisher.input is not None:
            left = memoryview(data)
            # The publisher may be ending. What it does not take is dropped, as it would be late.
            with contextlib.suppress(OSError, ValueError):
                while left:
                    left = left[os.write(publisher.input.fileno(), left) :]

    def _end_slate(self) -> None:
        if self._slate is not None:
            self._slate.stop()
            self._slate.output.close()
            self._rest.pop(self._slate, None)
            self._slate = None

    def _lose_source(self, why: str) -> None:
        source = self._source
        if source is not None:
            self._end_source()
            self._failed(source.words)
            say(f"{why}, with code {source.code}; it is tried again")
        self._wait_for_source()

    def _end_source(self) -> None:
        if self._source is not None:
            self._source.stop()
            self._source.output.close()
            self._rest.pop(self._source, None)
            self._source = None

    def _wait_for_source(self) -> None:
        # Shows the slate at once.
        self._may_make_slate.set()
        self._heard = min(self._heard, time.monotonic() - self._patience - 0.1)
        self._source_at = time.monotonic() + delay_after(self._failures)
        self._failures += 1
