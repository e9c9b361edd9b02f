# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keeps one stream on air: ``python3 encoder.py SETTINGS KEY_FILE FOLDER``. Needs nothing but Python 3.9 and ffmpeg.

SETTINGS is a JSON file:

- ``publish``: the ffmpeg command that sends to the ingest, without its progress options;
- ``ingest``: the ingest URL. An error message that contains it is about the output, not about the input;
- ``source``, ``slate``: with a slate, the commands that write MPEG-TS to standard output, from which ``publish`` reads;
- ``make_slate``: the command that makes the file for ``slate``; empty if the user gives that file;
- ``stall_seconds``: after so many seconds without progress, ffmpeg is restarted;
- ``source_seconds``: after so many seconds without data from the source, the slate is shown;
- ``refusals``: after so many refusals in a row, this program gives up and ends with the exit code 77.

In the commands, ``@KEY@`` stands for KEY_FILE and ``@FOLDER@`` for FOLDER. The state of the stream is in
``FOLDER/status.json``.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any

Settings = dict[str, Any]

STARTED = time.monotonic()
GAVE_UP = 77
# A connection that sends media for so long was accepted. One that ends sooner may have been refused.
ACCEPTED_SECONDS = 3.0
# After so many seconds of media, the delays between restarts begin at 1 second again.
STABLE_SECONDS = 30.0
LONGEST_DELAY = 30.0
STOP_SECONDS = 4.0
TS_PACKET = 188
UNREACHABLE = (
    "connection refused",
    "connection timed out",
    "network is unreachable",
    "no route to host",
    "failed to resolve hostname",
    "name or service not known",
    "temporary failure in name resolution",
    "operation timed out",
)
OUTPUT_FAILED = ("error opening output", "av_interleaved_write_frame", "error muxing", "error writing trailer")


def say(text: str) -> None:
    print(text, flush=True)


class Process:
    """An ffmpeg process. Its messages are printed without the key; the last ones are kept to see why it ended."""

    def __init__(self, name: str, command: list[str], hidden: str = "", *, feed: bool = False) -> None:
        self.name = name
        self.words = ""
        self._hidden = hidden
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE if feed else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.input = self._process.stdin
        self.output: IO[bytes] = self._process.stdout  # type: ignore[assignment]
        threading.Thread(target=self._listen, args=[self._process.stderr], daemon=True).start()

    def _listen(self, pipe: IO[bytes]) -> None:
        for line in pipe:
            text = line.decode(errors="replace").rstrip()
            if self._hidden:
                text = text.replace(self._hidden, "********")
            self.words = (self.words + text + "\n")[-4000:]
            say(f"{self.name}: {text}")

    @property
    def code(self) -> int | None:
        return self._process.poll()

    def stop(self) -> None:
        """Terminate the process, and kill it if it does not end."""
        for end in (self._process.terminate, self._process.kill):
            end()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_SECONDS)
                return


class Progress:
    """ffmpeg's -progress: the seconds of media that were sent, and when that number last grew."""

    def __init__(self, process: Process) -> None:
        self.seconds = 0.0
        self.grew = time.monotonic()
        self._process = process
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self._process.output:
            name, _separator, value = line.decode(errors="replace").strip().partition("=")
            # Before the first packet, the value is N/A or a large negative number.
            if name == "out_time_us" and value.isdigit() and int(value) / 1e6 > self.seconds:
                self.seconds, self.grew = int(value) / 1e6, time.monotonic()


class Status:
    """The file with the state of the stream. If it cannot be written, such as on a full disk, the stream goes on."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "status.json"
        self._known: dict[str, object] = {"showing": "source"}

    def on_air(self) -> None:
        """Set the state to on air. The first time, record the seconds since the start of this program."""
        self._known.setdefault("first_media_seconds", round(time.monotonic() - STARTED, 1))
        self.set(state="on air")

    def set(self, **changes: object) -> None:
        if all(self._known.get(name) == value for name, value in changes.items()):
            return
        self._known.update(changes, changed=round(time.time(), 1))
        with contextlib.suppress(OSError):
            unfinished = self._file.with_suffix(".new")
            unfinished.write_text(json.dumps(self._known) + "\n")
            unfinished.replace(self._file)


class Feed:
    """Passes MPEG-TS to the publisher: from the source, or from the slate while the source sends nothing."""

    def __init__(self, settings: Settings, status: Status) -> None:
        self.publisher: Process | None = None
        self._settings = settings
        self._status = status
        self._patience = float(settings["source_seconds"])
        self._source: Process | None = None
        self._slate: Process | None = None
        self._heard = self._started = time.monotonic()
        self._source_at = self._slate_at = 0.0
        self._failures = 0
        self._rest: dict[Process, bytes] = {}
        self._slate_made = threading.Event()
        threading.Thread(target=self._make_slate, daemon=True).start()
        threading.Thread(target=self._run, daemon=True).start()

    def stop(self) -> None:
        for process in (self._source, self._slate):
            if process is not None:
                process.stop()

    def _make_slate(self) -> None:
        command = self._settings["make_slate"]
        if command:
            made = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
            )
            if made.returncode != 0:
                say(f"the slate cannot be made: {made.stdout.decode(errors='replace')[-500:]}")
                return
        self._slate_made.set()

    def _run(self) -> None:
        while True:
            self._mind_source()
            self._mind_slate()
            running = {process.output: process for process in (self._source, self._slate) if process is not None}
            for pipe in select.select(list(running), [], [], 0.2)[0]:
                self._pass_on(running[pipe], os.read(pipe.fileno(), 64 * 1024))

    def _mind_source(self) -> None:
        now = time.monotonic()
        if self._source is None and now >= self._source_at:
            self._source, self._started = Process("source", self._settings["source"]), now
        elif self._source is not None and now - max(self._heard, self._started) > 3 * self._patience:
            self._lose_source("nothing came from the source")

    def _mind_slate(self) -> None:
        now = time.monotonic()
        silent = now - self._heard > self._patience
        if silent and self._slate is None and self._slate_made.is_set() and now >= self._slate_at:
            self._slate, self._slate_at = Process("slate", self._settings["slate"]), now + 1.0
            self._status.set(showing="slate")
            say("the source gives nothing: the slate is shown")

    def _pass_on(self, process: Process, data: bytes) -> None:
        if process is self._source:
            if not data:
                self._lose_source("the source has ended")
                return
            self._heard, self._failures = time.monotonic(), 0
            if self._slate is not None:
                say("the source is back")
                self._end_slate()
            self._status.set(showing="source")
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
        self._give(data[:whole])

    def _give(self, data: bytes) -> None:
        publisher = self.publisher
        if publisher is not None and publisher.input is not None:
            left = memoryview(data)
            # The publisher may be ending. What it does not take is dropped, as it would be late.
            with contextlib.suppress(OSError, ValueError):
                while left:
                    left = left[os.write(publisher.input.fileno(), left) :]

    def _end_slate(self) -> None:
        if self._slate is not None:
            self._slate.stop()
            self._rest.pop(self._slate, None)
            self._slate = None

    def _lose_source(self, why: str) -> None:
        if self._source is not None:
            self._source.stop()
            say(f"{why}, with code {self._source.code}; it is tried again")
            self._rest.pop(self._source, None)
            self._source = None
        # Shows the slate at once.
        self._heard = min(self._heard, time.monotonic() - self._patience - 0.1)
        self._source_at = time.monotonic() + delay_after(self._failures)
        self._failures += 1


def delay_after(failures: int) -> float:
    """Return the seconds to wait after so many failures in a row: 1, 2, 4 … 30."""
    return min(LONGEST_DELAY, 2.0 ** min(failures, 10))


def publish(
    command: list[str], hidden: str, settings: Settings, status: Status, feed: Feed | None
) -> tuple[float, str]:
    """Run the publisher until it ends or stalls. Return the seconds of media that it sent, and its last messages."""
    process = Process("ffmpeg", command, hidden, feed=feed is not None)
    progress = Progress(process)
    if feed is not None:
        feed.publisher = process
    status.set(state="connecting")
    try:
        while process.code is None:
            time.sleep(0.25)
            if progress.seconds > 0:
                status.on_air()
            if time.monotonic() - progress.grew > float(settings["stall_seconds"]):
                say(f"ffmpeg has sent nothing for {settings['stall_seconds']} s: it is started again")
                break
        else:
            say(f"ffmpeg has ended with code {process.code} after {progress.seconds:.0f} s of media")
    finally:
        if feed is not None:
            feed.publisher = None
        process.stop()
    return progress.seconds, process.words


def refused(words: str, ingest: str) -> bool:
    """Return whether ffmpeg's messages mean that the ingest was reached and refused the stream."""
    said = words.lower()
    failed_there = ingest.lower() in said or any(phrase in said for phrase in OUTPUT_FAILED)
    return failed_there and not any(phrase in said for phrase in UNREACHABLE)


def main(arguments: list[str]) -> int:
    settings_file, key_file, folder = (Path(argument) for argument in arguments)
    text = settings_file.read_text().replace("@KEY@", str(key_file)).replace("@FOLDER@", str(folder))
    settings = json.loads(text)
    hidden = key_file.read_text().partition("=")[2].strip()
    status = Status(folder)
    # SIGTERM ends the program through its finally blocks.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))
    feed = Feed(settings, status) if settings.get("source") else None
    command = [settings["publish"][0], "-progress", "pipe:1", *settings["publish"][1:]]
    failures = refusals = 0
    try:
        while True:
            seconds, words = publish(command, hidden, settings, status, feed)
            failures = 0 if seconds >= STABLE_SECONDS else failures + 1
            refusals = refusals + 1 if seconds < ACCEPTED_SECONDS and refused(words, settings["ingest"]) else 0
            if refusals >= settings["refusals"]:
                status.set(state="refused", refusals=refusals)
                say(f"the ingest has refused the stream {refusals} times in a row, so this program gives up:")
                say("its key is no longer valid, or its session has ended. The role ffmpeg_encoder writes a new key")
                return GAVE_UP
            pause = delay_after(max(failures - 1, 0))
            status.set(state="waiting", refusals=refusals, failures=failures)
            say(f"the next try is in {pause:.0f} s")
            time.sleep(pause)
    finally:
        if feed is not None:
            feed.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
