# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A limit for the rate of requests, as services have it: a bucket that is filled with tokens, one for each request."""

from __future__ import annotations

import time


class RateLimit:
    """Allows ``per_second`` requests a second, and ``burst`` at once after a pause.

    With ``retry_after``, a refusal forbids all requests for so many seconds: a client that does not wait is refused
    although there are tokens, and its time begins anew.
    """

    def __init__(self, per_second: float, burst: int, retry_after: int | None) -> None:
        self._per_second = per_second
        self._burst = burst
        self._retry_after = retry_after or 0
        self._tokens = float(burst)
        self._filled = self._forbidden_until = time.monotonic()

    def allows_one(self) -> bool:
        """Take a token for a request, if there is one and the time of the last refusal is over."""
        now = time.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._filled) * self._per_second)
        self._filled = now
        if self._tokens < 1 or now < self._forbidden_until:
            self._forbidden_until = now + self._retry_after
            return False
        self._tokens -= 1
        return True
