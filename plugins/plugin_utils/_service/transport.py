# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""HTTP with a connection pool: credentials, deadlines, retries, paging. It does not know rooms and sessions."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from .._core.errors import AnswerLost, GarbledAnswer, NotSent, ServiceError, WebinarError
from .._core.secrecy import Redactor
from .._core.unknown_secrets import texts_of
from .exchange import Exchanges
from .pace import Pace, pause_of
from .paging import PagedLists
from .responses import answer_of, timestamp_of

CONNECT_TIMEOUT = 10.0
_TRANSIENT_STATUS = (502, 503, 504)
# How often a request is sent again after 429, for each of ``retries``, while the service accepts others. A request that
# it accepts at last has been refused once or twice; one that exceeds a quota is refused for ever.
_REFUSALS_PER_RETRY = 4
# A service that has refused everything between so many pauses is not asked by the other requests of the run.
_LEAST_PATIENCE = 5


@dataclass(frozen=True)
class Connection:
    """How to reach the service.

    ``timeout``: seconds for one request, from its start to the end of the response. ``requests_per_second``: the most
    that are sent, None for any number.
    """

    api_url: str
    api_key: str | None = field(default=None, repr=False)
    api_token: str | None = field(default=None, repr=False)
    validate_certs: bool = True
    ca_path: str | None = None
    timeout: float = 30.0
    retries: int = 5
    concurrency: int = 16
    requests_per_second: float | None = None

    @property
    def credential(self) -> dict[str, str]:
        """The header that carries the credential."""
        if self.api_key is not None:
            return {"X-API-Key": self.api_key}
        return {"Authorization": f"Bearer {self.api_token}"}


class Transport:
    """One connection pool to the service; safe to use from several threads."""

    def __init__(
        self,
        connection: Connection,
        redactor: Redactor,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
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
        self._pace = Pace(
            connection.requests_per_second, max(connection.retries, _LEAST_PATIENCE), clock=clock, sleep=sleep
        )
        # The timestamp of the newest response, and this machine's monotonic time of it.
        self._clock: tuple[int, float] | None = None

    def service_time(self) -> float | None:
        """Return a lower bound of the service's clock, in seconds since 1970; None before the first response.

        Compare times of the service with this one: the clock of this machine may differ.
        """
        clock = self._clock
        return None if clock is None else clock[0] + time.monotonic() - clock[1]

    @property
    def is_rate_limited(self) -> bool:
        """Return whether the service has refused a request of this run because there were too many."""
        return self._pace.has_paused

    def close(self) -> None:
        self._exchanges.close()

    def read(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        """GET a path and return the response's ``data``.

        Transient errors (time-outs, lost connections, 502, 503, 504) are retried ``retries`` times; for 429 see
        ``_sent``. Raise ServiceError, NotSent or AnswerLost.
        """
        return self._read(path, query)[0]

    def _read(self, path: str, query: Mapping[str, Any] | None = None) -> tuple[Any, int]:
        """Return the response's ``data`` and its size in bytes."""

        def repeats(error: WebinarError) -> bool:
            if isinstance(error, ServiceError):
                return error.status in _TRANSIENT_STATUS
            return not isinstance(error, GarbledAnswer)

        return self._sent("GET", path, repeats, query=query)

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

        ``before_each`` is called before each attempt, ``before_wait`` before each wait, with its seconds, also before
        the first attempt. An error that they raise ends the attempts. Raise ServiceError, NotSent or AnswerLost.
        """

        def repeats(error: WebinarError) -> bool:
            return isinstance(error, NotSent) or (repeatable and _is_effect_unknown(error))

        try:
            return self._sent(method, path, repeats, body=body, before_each=before_each, before_wait=before_wait)[0]
        except ServiceError as error:
            if _is_effect_unknown(error):
                raise AnswerLost(f"{error}") from None
            raise

    def _sent(
        self,
        method: str,
        path: str,
        repeats: Callable[[WebinarError], bool],
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        before_each: Callable[[], None] = lambda: None,
        before_wait: Callable[[float], None] = lambda _seconds: None,
    ) -> tuple[Any, int]:
        """Send a request when it is its turn, and return the response's ``data`` and its size in bytes.

        After an error for which ``repeats`` is true, it is sent again, ``retries`` times. After 429, all requests
        pause; this one is sent again until the service has refused all requests of the run between ``retries`` pauses.
        """
        what = f"{method} {path}"
        failures = refusals = 0
        while True:
            turn = self._pace.wait_for_turn(what, before_wait)
            before_each()
            if not self._pace.is_due(turn):
                # A pause has begun meanwhile.
                continue
            try:
                answered = self._once(method, path, query, body)
            except (NotSent, AnswerLost, ServiceError) as error:
                status = error.status if isinstance(error, ServiceError) else None
                retry_after = error.retry_after if isinstance(error, ServiceError) else None
                if status == 429:
                    refusals += 1
                    self._pace.refused(turn, retry_after)
                    if self._is_hopeless(refusals):
                        raise
                    continue
                if status is not None and status < 500:
                    self._pace.accepted(turn)
                failures += 1
                if failures > self.connection.retries or not repeats(error):
                    raise
                seconds = pause_of(retry_after, failures - 1)
                before_wait(seconds)
                self._sleep(seconds)
            else:
                self._pace.accepted(turn)
                return answered

    def _is_hopeless(self, refusals: int) -> bool:
        """Return whether a request that was refused so many times with 429 is to be given up."""
        retries = self.connection.retries
        return self._pace.fruitless_pauses > retries or refusals > retries * _REFUSALS_PER_RETRY

    def pages(self, path: str, key: str, *, sure: bool = True) -> list[dict[str, Any]]:
        """Return all items of a paged list, each id once; raise WebinarError if they cannot all be read.

        ``sure``: see PagedLists.items.
        """
        return self._lists.items(path, key, sure=sure)

    def is_confirmed(self, path: str) -> bool:
        return self._lists.is_confirmed(path)

    def _once(
        self, method: str, path: str, query: Mapping[str, Any] | None, body: Mapping[str, Any] | None
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


def _is_effect_unknown(error: WebinarError) -> bool:
    """Return whether a request that failed with this error may have had an effect."""
    if isinstance(error, ServiceError):
        return error.status == 408 or error.status >= 500
    return isinstance(error, AnswerLost)
