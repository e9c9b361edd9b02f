# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs ffmpeg so that it ends with the program that started it, and never twice for one stream."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from encoder_media import without_credentials

# Seconds. ffmpeg 5 ends at once; ffmpeg 7 may go on for as long as a file lasts that it reads at its own speed.
STOP_SECONDS = 2.0
LEFT_SECONDS = 3.0
_SET_PARENT_DEATH_SIGNAL = 1
# In the environment of each ffmpeg: the lock of the stream that it belongs to.
MARK = "TENBYTE_ENCODER_LOCK"
PROGRAM = "encoder.py"


def say(text: str) -> None:
    """Print a line. systemd's journal has the time of each; supervisord's log has not, so it is put before them."""
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ ", time.gmtime()) if os.environ.get("SUPERVISOR_ENABLED") == "1" else ""
    print(f"{at}{text}", flush=True)


def start_thread(target: Callable[[], None]) -> None:
    """Run a function in a thread. If it fails, the program ends, and its service manager starts it again.

    Without that thread, the program would go on without doing its work.
    """

    def guarded() -> None:
        try:
            target()
        except BaseException as error:  # noqa: BLE001 - whatever it is, the thread is gone
            with contextlib.suppress(OSError):
                say(f"this program ends, because it has a bug ({type(error).__name__}: {error})")
            os._exit(1)

    threading.Thread(target=guarded, daemon=True).start()


def delay_after(failures: int) -> float:
    """Return the seconds to wait after so many failures in a row: 1, 2, 4 … 30."""
    return min(30.0, 2.0 ** min(failures, 10))


def _die_with_parent(number: int) -> Callable[[], None] | None:
    """Return a function by which a process asks Linux for a signal when its parent ends, however that ends."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        prctl = ctypes.CDLL(None, use_errno=True).prctl
    except (OSError, AttributeError, MemoryError):
        return None

    def ask() -> None:
        prctl(_SET_PARENT_DEATH_SIGNAL, number, 0, 0, 0)

    return ask


# Loaded before any thread runs: after a fork, a process with threads must not load libraries.
_ASK_TO_BE_KILLED = _die_with_parent(signal.SIGKILL)


def end_with_supervisord() -> None:
    """End when supervisord does. systemd ends what it has started by itself."""
    if os.environ.get("SUPERVISOR_ENABLED") == "1":
        parent = os.getppid()
        ask = _die_with_parent(signal.SIGTERM)
        if ask is not None:
            ask()
        # It may have ended before the request, or before this program looked.
        if os.getppid() != parent or (parent == 1 and not _is_supervisord(parent)):
            sys.exit(0)


def _is_supervisord(process: int) -> bool:
    """Return whether a process is supervisord, as far as this user may see: in a container it may be the first one."""
    try:
        return b"supervisord" in Path("/proc", str(process), "cmdline").read_bytes()
    except OSError:
        return True


class Lock:
    """A file that this program and its ffmpeg processes hold open while they run.

    The lock goes only when all of them have ended. So what is left of a killed program is found by it, and ended.
    """

    def __init__(self, folder: Path) -> None:
        self.file = folder.resolve() / "lock"
        self.number = os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def take(self) -> str:
        """Take the lock, and end what an earlier run of the stream has left. Return why not, or an empty text."""
        deadline = time.monotonic() + LEFT_SECONDS
        while not self._is_free():
            if time.monotonic() > deadline:
                left = encoders(self.file)
                if self._holder() in left:
                    return "another program sends this stream already. It has to be ended first"
                if not left and not self._is_free():
                    others = ", ".join(map(str, sorted(holders(self.file)))) or "which this user may not see"
                    return f"{self.file} is locked by a process that is no encoder ({others}). It has to be ended first"
                end_left(left)
                deadline = time.monotonic() + LEFT_SECONDS
            time.sleep(0.1)
        os.ftruncate(self.number, 0)
        os.pwrite(self.number, f"{os.getpid()}\n".encode(), 0)
        return ""

    def _is_free(self) -> bool:
        try:
            fcntl.flock(self.number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def _holder(self) -> int:
        """Return the id of the program that took the lock, which may have ended; 0 if there is none."""
        text = os.pread(self.number, 32, 0).decode(errors="replace").strip()
        return int(text) if text.isdigit() else 0


def end_left(left: list[int]) -> None:
    if left:
        say(f"ending what an earlier run has left: {', '.join(map(str, left))}")
    for process in left:
        with contextlib.suppress(OSError):
            os.kill(process, signal.SIGKILL)


def encoders(lock: Path) -> list[int]:
    """Return the ids of the other processes of a stream: of its program, and of what that has started.

    Who else has the file open, such as a backup program, is none of them.
    """
    return [process for process in holders(lock) if _is_encoder(Path("/proc", str(process)), lock)]


def _is_encoder(process: Path, lock: Path) -> bool:
    with contextlib.suppress(OSError):
        if os.fsencode(f"{MARK}={lock}") in (process / "environ").read_bytes().split(b"\0"):
            return True
        words = [Path(os.fsdecode(word)) for word in (process / "cmdline").read_bytes().split(b"\0") if word]
        return any(word.name == PROGRAM for word in words) and words[-1].resolve() == lock.parent
    return False


def holders(file: Path) -> list[int]:
    """Return the ids of the other processes that have a file open, as far as this user may see them."""
    found = []
    with contextlib.suppress(OSError):
        wanted = file.stat()
        for process in Path("/proc").iterdir():
            if not process.name.isdigit() or int(process.name) == os.getpid():
                continue
            with contextlib.suppress(OSError):
                if any(_is_the_same(one, wanted) for one in (process / "fd").iterdir()):
                    found.append(int(process.name))
    return found


def _is_the_same(link: Path, wanted: os.stat_result) -> bool:
    try:
        found = link.stat()
    except OSError:
        return False
    return (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino)


class Process:
    """An ffmpeg process. Its messages are printed without the key; the last ones are kept to see why it ended.

    ``pipes`` are those that its command names beside its input and output.
    """

    def __init__(
        self,
        name: str,
        command: list[str],
        lock: Lock,
        hidden: str = "",
        *,
        feed: bool = False,
        pipes: Sequence[int] = (),
    ) -> None:
        self.name = name
        self.words = ""
        self._hidden = hidden
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE if feed else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=[lock.number, *pipes],
            env={**os.environ, MARK: str(lock.file)},
            # What it starts in its turn, if it is a script around ffmpeg, ends with it.
            start_new_session=True,
            preexec_fn=_ASK_TO_BE_KILLED,  # noqa: PLW1509 - it calls one function of the C library and nothing else
        )
        self.input = self._process.stdin
        self.output: IO[bytes] = self._process.stdout  # type: ignore[assignment]
        self._listener = threading.Thread(target=self._listen, args=[self._process.stderr], daemon=True)
        self._listener.start()

    def _listen(self, pipe: IO[bytes]) -> None:
        for line in pipe:
            text = line.decode(errors="replace").rstrip()
            if self._hidden:
                text = text.replace(self._hidden, "********")
            text = without_credentials(text)
            self.words = (self.words + text + "\n")[-4000:]
            say(f"{self.name}: {text}")

    @property
    def code(self) -> int | None:
        return self._process.poll()

    def wait(self) -> None:
        self._process.wait()
        self._listener.join(1.0)

    def _signal(self, number: int) -> bool:
        """Send a signal to the process and what it has started; return whether there is anything of it."""
        with contextlib.suppress(OSError):
            os.killpg(self._process.pid, number)
            return True
        return False

    def stop(self) -> None:
        """Terminate the process and what it has started, and kill what does not end.

        Its last messages have been read when this returns.
        """
        for number in (signal.SIGTERM, signal.SIGKILL):
            self._signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_SECONDS)
                break
        deadline = time.monotonic() + STOP_SECONDS
        while self._signal(0) and time.monotonic() < deadline:
            time.sleep(0.05)
        self._signal(signal.SIGKILL)
        self._listener.join(1.0)
        # The output is closed by whoever reads it: another thread could be waiting in it.
        with contextlib.suppress(OSError):
            if self.input is not None:
                self.input.close()
