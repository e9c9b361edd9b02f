# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""When the requests of a run may be sent: under a ceiling, and slower together after the service has refused some.

After a response with status 429 (RFC 6585, section 4), no request is sent until the time of ``Retry-After`` is over.
Then the requests follow one another at half of the former rate, which rises with each request that the service accepts
(additive increase, multiplicative decrease).
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable

from .._core.errors import NotSent
from .responses import FEWER_REQUESTS

# In seconds.
LONGEST_PAUSE = 60.0
_LONGEST_BACKOFF = 8.0
# In requests a second. A run that has just begun, or that has paused, may have sent fewer than the service allows.
_LEAST_COUNTED = 10
_MOST_COUNTED = 2000
_LEAST_RATE = 0.5
# By how much each accepted request raises the rate: after the first pause by a part of the present rate, because the
# former one was a guess; after a later one by a part of the former rate, which is reached again in 100 requests.
_FIRST_RISE = 1 / 20
_RISE = 1 / 200


class Pace:
    """The pace of all requests of a run. Safe to use from several threads.

    ``ceiling`` is the highest rate, in requests a second, None for none. Requests under it follow one another at equal
    distances, without bursts. ``patience``: after more than so many pauses in a row without an accepted request, no
    request waits any longer.
    """

    def __init__(
        self,
        ceiling: float | None = None,
        patience: int = 5,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._ceiling = ceiling
        self._patience = patience
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        # None: requests are sent at once.
        self._rate = ceiling
        # The earliest time of the next request, and the end of the last pause.
        self._next = self._resumes = clock()
        # Turns of an earlier schedule are void: a pause has begun since they were given.
        self._schedule = 0
        self._pauses = self._fruitless = 0
        self._rise = 0.0
        self._accepted: deque[float] = deque(maxlen=_MOST_COUNTED)

    @property
    def fruitless_pauses(self) -> int:
        """The number of pauses since the service last accepted a request."""
        return self._fruitless

    @property
    def has_paused(self) -> bool:
        return self._pauses > 0

    def wait_for_turn(self, what: str, before_wait: Callable[[float], None]) -> int:
        """Wait until a request may be sent, and return its turn.

        ``before_wait`` is called before each wait, with its seconds. Raise NotSent if the service refuses everything.
        ``what`` is the request's method and path.
        """
        # In this order: ``refused`` sets them in the other one.
        turn = self._schedule
        if self._rate is None:
            return turn
        while True:
            with self._lock:
                turn, now = self._schedule, self._clock()
                begins = max(now, self._next)
                if begins > now and self._fruitless > self._patience:
                    raise NotSent(
                        f"{what}: not sent, because the service refuses all requests (HTTP 429). {FEWER_REQUESTS}"
                    )
                self._next = begins + 1 / self._rate
            if begins > now:
                before_wait(begins - now)
                self._sleep(begins - now)
            if self.is_due(turn):
                return turn

    def is_due(self, turn: int) -> bool:
        """Return whether a turn still holds: no pause has begun since it was given."""
        return turn == self._schedule

    def accepted(self, turn: int) -> None:
        """Note that the service has not refused a request of this turn."""
        if not self._pauses:
            self._accepted.append(self._clock())
            return
        with self._lock:
            now = self._clock()
            self._accepted.append(now)
            self._fruitless = 0
            if self._rate is not None and self.is_due(turn):
                rise = self._rate * _FIRST_RISE if self._pauses == 1 else self._rise
                # A service with a large bucket accepts requests faster for a moment than it will go on to.
                highest = max(self._rate, 2 * self._accepted_lately(now))
                self._rate = self._below_ceiling(min(self._rate + rise, highest))

    def refused(self, turn: int, retry_after: float | None) -> None:
        """Let all requests pause, because the service has refused one of this turn with status 429.

        ``retry_after`` is in seconds. The rate is halved once for all requests that were sent before the pause.
        """
        with self._lock:
            now, is_first = self._clock(), self.is_due(turn)
            resumes = now + pause_of(0.0 if retry_after is None and not is_first else retry_after, self._fruitless)
            if is_first:
                rate = self._rate_until(now)
                self._pauses += 1
                self._fruitless += 1
                self._rise = rate * _RISE
                self._rate = self._below_ceiling(max(rate / 2, _LEAST_RATE))
            if is_first or resumes > max(now, self._resumes):
                self._resumes = self._next = resumes
                self._schedule += 1

    def _rate_until(self, now: float) -> float:
        if self._rate is not None and self._pauses:
            return self._rate
        return self._below_ceiling(self._accepted_lately(now))

    def _accepted_lately(self, now: float) -> float:
        """Return how many requests the service has accepted within a second, at least _LEAST_COUNTED."""
        while self._accepted and self._accepted[0] <= now - 1:
            self._accepted.popleft()
        return max(len(self._accepted), _LEAST_COUNTED)

    def _below_ceiling(self, rate: float) -> float:
        return rate if self._ceiling is None else min(rate, self._ceiling)


def pause_of(retry_after: float | None, attempt: int) -> float:
    """Return the seconds of a pause: those that the service asks for, at most LONGEST_PAUSE, otherwise a back-off."""
    return backoff(attempt) if retry_after is None else min(retry_after, LONGEST_PAUSE)


def backoff(attempt: int) -> float:
    """Return the seconds before the next attempt: exponential, with jitter, at most 8."""
    return random.uniform(0.5, 1.0) * min(0.25 * 2.0**attempt, _LONGEST_BACKOFF)  # noqa: S311 - jitter, not a secret
