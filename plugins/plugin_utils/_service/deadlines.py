# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""A deadline for a complete HTTP exchange. Libraries have none: their time-outs restart with each received byte."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from types import TracebackType
from typing import Any

_current = threading.local()


class Deadline:
    """Shuts down the connection of this thread's exchange when its time is over. A context manager for one exchange.

    ``passed``: it has done so. ``was_sent``: sending began on a connection (with TLS: after the handshake).
    """

    def __init__(self, deadlines: Deadlines) -> None:
        self.passed = False
        # In seconds of the monotonic clock, set when the exchange begins.
        self.ends = 0.0
        self._deadlines = deadlines
        # Connections of urllib3: whatever has a ``sock``.
        self._connection: Any = None
        self._opening: Any = None

    @property
    def was_sent(self) -> bool:
        return self._connection is not None

    def seconds_left(self) -> float:
        return max(0.0, self.ends - time.monotonic())

    def open(self, connection: Any) -> None:
        """Watch a connection while it is opened: a proxy may respond slowly to CONNECT."""
        self._opening = connection

    def watch(self, connection: Any) -> None:
        """Watch a connection on which a request is sent."""
        self._connection = connection

    def end_exchange(self) -> None:
        self.passed = True
        stream = getattr(self._connection or self._opening, "sock", None)
        if stream is not None:
            # Unlike close, shutdown wakes a thread that is blocked in a read.
            with contextlib.suppress(OSError):
                stream.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Deadline:
        _current.deadline = self
        self._deadlines.start(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._deadlines.stop(self)
        _current.deadline = None


class Deadlines:
    """The deadlines of exchanges that may all take the same time, in seconds. Safe to use from several threads.

    One thread watches them all. It starts with the first exchange, and ends when it finds none under way: at the latest
    that many seconds after the last one began.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        # In the order in which they end, because all have the same time.
        self._running: dict[Deadline, None] = {}
        self._awake = threading.Condition(threading.Lock())
        self._watcher: threading.Thread | None = None

    def start(self, deadline: Deadline) -> None:
        with self._awake:
            deadline.ends = time.monotonic() + self._seconds
            self._running[deadline] = None
            if self._watcher is None:
                # A daemon thread, so that an exchange under way does not keep the program from exiting.
                watcher = threading.Thread(target=self._watch, name="tenbyte-deadlines", daemon=True)
                watcher.start()
                self._watcher = watcher

    def stop(self, deadline: Deadline) -> None:
        with self._awake:
            self._running.pop(deadline, None)

    def close(self) -> None:
        """Let the thread end now, or with the last exchange that is under way."""
        with self._awake:
            self._awake.notify()

    def _watch(self) -> None:
        # A deadline that is added while the thread waits ends later than the one that it waits for.
        with self._awake:
            while self._running:
                first = next(iter(self._running))
                seconds = first.seconds_left()
                if seconds > 0:
                    self._awake.wait(seconds)
                else:
                    del self._running[first]
                    first.end_exchange()
            self._watcher = None


def current_deadline() -> Deadline | None:
    """Return the deadline of this thread's exchange."""
    deadline: Deadline | None = getattr(_current, "deadline", None)
    return deadline
