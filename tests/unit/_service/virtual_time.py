# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Virtual time for threads: one thread runs at a time, and the time moves on when all of them sleep."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable


class VirtualTime:
    """``clock`` and ``sleep`` for threads that ``run`` starts. The same threads run in the same order each time."""

    def __init__(self) -> None:
        self.now = 0.0
        self._changed = threading.Condition()
        self._awake = 0
        self._sleeping: list[tuple[float, int]] = []
        self._numbers = itertools.count()
        self._woken: tuple[float, int] | None = None

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        with self._changed:
            until = (self.now + seconds, next(self._numbers))
            heapq.heappush(self._sleeping, until)
            self._leave()
            self._changed.wait_for(lambda: self._woken == until)
            self._awake += 1

    def run(self, work: Callable[[], None], threads: int) -> None:
        """Run a function in several threads, and return when all have returned."""

        def begin() -> None:
            # All begin at the time zero, one after another.
            self.sleep(0.0)
            try:
                work()
            finally:
                with self._changed:
                    self._leave()

        self._awake = threads
        started = [threading.Thread(target=begin) for _number in range(threads)]
        for thread in started:
            thread.start()
        for thread in started:
            thread.join()

    def _leave(self) -> None:
        self._awake -= 1
        if not self._awake and self._sleeping:
            self._woken = heapq.heappop(self._sleeping)
            self.now = self._woken[0]
            self._changed.notify_all()
