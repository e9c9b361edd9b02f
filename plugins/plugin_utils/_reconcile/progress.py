# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Runs work on a thread pool, and says how far it is: ``412/1000 sessions (3 failed), 38/s, about 15 s left``."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, Executor, wait
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

# Seconds between two lines, and before the first one.
INTERVAL = 5.0
# Seconds. The kernel may hand a signal (Ctrl-C) to another thread; Python runs its handler when this one wakes up.
_LONGEST_SLEEP = 0.2
# The limit of the option concurrency: no pool has more threads.
_MOST_THREADS = 100


class Progress:
    """``tell`` gets a line at most every INTERVAL seconds. A run that ends earlier says nothing.

    ``is_limited`` tells whether the service limits the rate of requests.
    """

    def __init__(self, tell: Callable[[str], None] | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.is_limited: Callable[[], bool] = lambda: False
        self._tell = tell
        self._clock = clock
        self._next = clock() + INTERVAL

    def map(
        self,
        pool: Executor,
        function: Callable[[Item], Result],
        items: Iterable[Item],
        what: str,
        failed: Callable[[Result], bool] = lambda _result: False,
    ) -> list[Result]:
        """Return the results in the order of the items. ``what``: what is counted, such as ``sessions``.

        ``failed`` tells whether a result is a failure. If the function raises an error, no more items are begun, and
        the error is raised.
        """
        todo = list(items)
        results, numbers = dict[int, Result](), iter(range(len(todo)))

        def work() -> None:
            # Each thread takes the next number. A future for each item would take longer than a short item.
            for number in numbers:
                results[number] = function(todo[number])

        began, pending = self._clock(), {pool.submit(work) for _thread in range(min(len(todo), _MOST_THREADS))}
        try:
            while pending:
                left = min(max(0.0, self._next - self._clock()), _LONGEST_SLEEP)
                ended, pending = wait(pending, timeout=left, return_when=FIRST_EXCEPTION)
                for future in ended:
                    future.result()
                if pending and self._clock() >= self._next:
                    # A copy, because threads go on adding to it.
                    failures = sum(map(failed, list(results.values())))
                    self._say(len(results), len(todo), what, self._clock() - began, failures)
        finally:
            # After an error, nothing is left to be begun, and what has begun ends before anybody begins anew.
            for _number in numbers:
                pass
            wait(pending)
        return [results[number] for number in range(len(todo))]

    def _say(self, done: int, total: int, what: str, seconds: float, failures: int = 0) -> None:
        self._next = self._clock() + INTERVAL
        if self._tell is None:
            return
        line = f"{done}/{total} {what}" + (f" ({failures} failed)" if failures else "")
        if done and seconds > 0:
            rate = done / seconds
            shown = f"{rate:.0f}/s" if rate >= 1 else f"{rate * 60:.0f}/min"
            line += f", {shown}, about {_duration((total - done) / rate)} left"
        self._tell(f"{line}; the service limits the rate" if self.is_limited() else line)


def _duration(seconds: float) -> str:
    whole = max(1, round(seconds))
    return f"{whole} s" if whole < 120 else f"{round(whole / 60)} min"
