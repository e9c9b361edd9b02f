# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""HTTP with a connection pool: credentials, deadlines, retries, paging. It does not know rooms and sessions."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from .._core.errors import AnswerLost, GarbledAnswer, NotSent, ServiceError
from .._core.secrecy import Redactor
from .._core.unknown_secrets import texts_of
from .exchange import Exchanges
from .paging import PagedLists
from .responses import answer_of, timestamp_of

CONNECT_TIMEOUT = 10.0
LONGEST_RETRY_AFTER = 60.0
_TRANSIENT_STATUS = (502, 503, 504)


@dataclass(frozen=True)
class Connection:
    """How to reach the service. ``timeout``: seconds for one request, from its start to the end of the response."""

    api_url: str
    api_key: str | None = field(default=None, repr=False)
    api_token: str | None = field(default=None, repr=False)
    validate_certs: bool = True
    ca_path: str | None = None
    timeout: float = 30.0
    retries: int = 5
    concurrency: int = 16

    @property
    def credential(self) -> dict[str, str]:
        """The header that carries the credential."""
        if self.api_key is not None:
            return {"X-API-Key": self.api_key}
        return {"Authorization": f"Bearer {self.api_token}"}


class Transport:
    """One connection pool to the service; safe to use from several threads."""

    def __init__(
        self, connection: Connection, redactor: Redactor, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.connection = connection
        self.redactor = redactor
        self._sleep = sleep
        self._lists = PagedLists(self._read, sleep)
        self._exchanges = Exchanges(
            connection.api_url,
            connection.credential,
            redactor,
            verify=(connection.ca_path or True) if connection.validate_certs else False,
            timeout=connection.timeout,
            connect_timeout=CONNECT_TIMEOUT,
            size=connection.concurrency,
        )
        # The timestamp of the newest response, and this machine's monotonic time of it.
        self._clock: tuple[int, float] | None = None

    def service_time(self) -> float | None:
        """Return a lower bound of the service's clock, in seconds since 1970; None before the first response.

        Compare times of the service with this one: the clock of this machine may differ.
        """
        clock = self._clock
        return None if clock is None else clock[0] + time.monotonic() - clock[1]

    def close(self) -> None:
        self._exchanges.close()

    def read(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        """GET a path and return the response's ``data``.

        Transient errors (time-outs, lost connections, 429, 502, 503, 504) are retried ``retries`` times. Raise
        ServiceError, NotSent or AnswerLost.
        """
        return self._read(path, query)[0]

    def _read(self, path: str, query: Mapping[str, Any] | None = None) -> tuple[Any, int]:
        """Return the response's ``data`` and its size in bytes."""
        for attempt in range(self.connection.retries + 1):
            last = attempt == self.connection.retries
            try:
                return self._once("GET", path, query=query)
            except GarbledAnswer:
                raise
            except (NotSent, AnswerLost):
                if last:
                    raise
                self._sleep(_backoff(attempt))
            except ServiceError as error:
                if last or error.status not in (429, *_TRANSIENT_STATUS):
                    raise
                self._sleep(_waiting_time(error, attempt))
        raise AssertionError("unreachable: the last attempt returns or raises")

    def write(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        repeatable: bool = False,
        before_each: Callable[[], None] = lambda: None,
        before_wait: Callable[[float], None] = lambda _seconds: None,
    ) -> Any:
        """Send a request that changes something and return the response's ``data``.

        The request is retried only if it certainly had no effect: no byte was sent, or the status is 429. AnswerLost
        means that the effect is unknown (also for 408 and 5xx); the caller can find out by listing. A ``repeatable``
        (idempotent) request is retried in that case too.

        ``before_each`` is called before each attempt, ``before_wait`` before each pause, with its seconds. An error
        that they raise ends the attempts. Raise ServiceError, NotSent or AnswerLost.
        """

        def wait(seconds: float) -> None:
            before_wait(seconds)
            self._sleep(seconds)

        for attempt in range(self.connection.retries + 1):
            last = attempt == self.connection.retries
            before_each()
            try:
                return self._once(method, path, body=body)[0]
            except NotSent:
                if last:
                    raise
                wait(_backoff(attempt))
            except AnswerLost:
                if last or not repeatable:
                    raise
                wait(_backoff(attempt))
            except ServiceError as error:
                if error.status == 408 or error.status >= 500:
                    if last or not repeatable:
                        raise AnswerLost(f"{error}") from None
                    wait(_waiting_time(error, attempt))
                    continue
                if last or error.status != 429:
                    raise
                wait(_waiting_time(error, attempt))
        raise AssertionError("unreachable: the last attempt returns or raises")

    def pages(self, path: str, key: str, *, sure: bool = True) -> list[dict[str, Any]]:
        """Return all items of a paged list, each id once; raise WebinarError if they cannot all be read.

        ``sure``: see PagedLists.items.
        """
        return self._lists.items(path, key, sure=sure)

    def is_confirmed(self, path: str) -> bool:
        return self._lists.is_confirmed(path)

    def _once(
        self, method: str, path: str, *, query: Mapping[str, Any] | None = None, body: Mapping[str, Any] | None = None
    ) -> tuple[Any, int]:
        received = self._exchanges.send(method, path, query, body)
        answer = answer_of(received, f"{method} {path}", self.redactor, _texts_sent(path, body))
        timestamp = timestamp_of(answer)
        if timestamp is not None:
            self._clock = (timestamp, time.monotonic())
        return answer.get("data"), len(received.content)


def _texts_sent(path: str, body: Mapping[str, Any] | None) -> Iterator[str]:
    """Yield the texts of a request, which the message of an error may quote."""
    yield unquote(path)
    yield from texts_of(body)


def _backoff(attempt: int) -> float:
    """Return the seconds before the next attempt: exponential, with jitter, at most 8."""
    return random.uniform(0.5, 1.0) * min(0.25 * 2.0**attempt, 8.0)  # noqa: S311 - jitter, not a secret


def _waiting_time(error: ServiceError, attempt: int) -> float:
    if error.retry_after is None:
        return _backoff(attempt)
    return min(error.retry_after, LONGEST_RETRY_AFTER)
