# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""HTTP with a connection pool: credentials, deadlines, retries, paging. It does not know rooms and sessions."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import unquote, urlsplit

import requests
from requests.auth import AuthBase
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationParseError,
    MaxRetryError,
    NewConnectionError,
    ProxySchemeUnknown,
)

from .._core.errors import AnswerLost, GarbledAnswer, NotSent, ServiceError
from .._core.secrecy import Redactor
from .._core.service_url import is_loopback
from .._core.unknown_secrets import texts_of
from .deadlines import Deadline, DeadlineAdapter, SlowNameLookup
from .paging import PagedLists
from .responses import ACCEPT_ENCODING, answer_of, content_of, timestamp_of

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


class _Credentials(AuthBase):
    """Sets the credential's header. Without an auth object, ``requests`` would replace it from a netrc file."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._connection.api_key is not None:
            request.headers["X-API-Key"] = self._connection.api_key
        else:
            request.headers["Authorization"] = f"Bearer {self._connection.api_token}"
        return request


class Transport:
    """One connection pool to the service; safe to use from several threads."""

    def __init__(
        self, connection: Connection, redactor: Redactor, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.connection = connection
        self.redactor = redactor
        self._sleep = sleep
        self._lists = PagedLists(self._read, sleep)
        self._http = requests.Session()
        adapter = DeadlineAdapter(pool_connections=1, pool_maxsize=connection.concurrency, max_retries=0)
        self._http.mount("http://", adapter)
        self._http.mount("https://", adapter)
        # Reject all cookies: the contract has none, and the session would send them back.
        self._http.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._auth = _Credentials(connection)
        is_local = is_loopback(urlsplit(connection.api_url).hostname or "")
        self._proxies: Any = dict(_NO_PROXY) if is_local else None
        # The timestamp of the newest response, and this machine's monotonic time of it.
        self._clock: tuple[int, float] | None = None

    def service_time(self) -> float | None:
        """Return a lower bound of the service's clock, in seconds since 1970; None before the first response.

        Compare times of the service with this one: the clock of this machine may differ.
        """
        clock = self._clock
        return None if clock is None else clock[0] + time.monotonic() - clock[1]

    def close(self) -> None:
        self._http.close()

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
        what = f"{method} {path}"
        with Deadline(self.connection.timeout) as deadline:
            try:
                with self._http.request(
                    method,
                    self.connection.api_url + path,
                    params=query,
                    json=body,
                    auth=self._auth,
                    headers=_HEADERS,
                    timeout=(min(CONNECT_TIMEOUT, self.connection.timeout), self.connection.timeout),
                    # Set on each request: REQUESTS_CA_BUNDLE would override a setting of the session.
                    verify=(self.connection.ca_path or True) if self.connection.validate_certs else False,
                    proxies=self._proxies,
                    # A redirect would send X-API-Key to another host.
                    allow_redirects=False,
                    stream=True,
                ) as response:
                    content = content_of(response, what)
            except (requests.exceptions.RequestException, HTTPError, OSError) as error:
                raise self._failure(what, error, deadline) from None
            if deadline.passed:
                # The deadline closed the connection, so the body may be incomplete.
                raise self._failure(what, TimeoutError(), deadline)
        answer = answer_of(response, content, what, self.redactor, (unquote(path), *texts_of(body)))
        timestamp = timestamp_of(answer)
        if timestamp is not None:
            self._clock = (timestamp, time.monotonic())
        return answer.get("data"), len(content)

    def _failure(self, what: str, error: BaseException, deadline: Deadline) -> NotSent | AnswerLost:
        reason = f"no response within {self.connection.timeout:g} seconds (timeout)."
        if any(isinstance(cause, SlowNameLookup) for cause in _causes(error)):
            host = urlsplit(self.connection.api_url).hostname
            reason = (
                f"the address of {host} was not found within {self.connection.timeout:g} seconds (timeout). Check "
                "api_url, the proxy settings and this machine's name servers."
            )
        elif not deadline.passed:
            reason = _plain_reason(error, self.connection)
        nothing_was_sent = not deadline.was_sent or _nothing_was_sent(error)
        return (NotSent if nothing_was_sent else AnswerLost)(self.redactor.text(f"{what}: {reason}"))


_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": ACCEPT_ENCODING,
    "User-Agent": "tenbyte.webinar (Ansible collection)",
}
# None overrides the proxies of the environment: plain http is safe to a loopback address, but not through a proxy.
_NO_PROXY: dict[str, str | None] = {"http": None, "https": None, "all": None}
_THE_PROXY = "the proxy of the environment (https_proxy, http_proxy or all_proxy)"
_UNUSABLE_PROXY = (requests.exceptions.InvalidProxyURL, ProxySchemeUnknown)
_TLS_HELP = "Check api_url, or give the certificate authority's certificate with ca_path."


def _backoff(attempt: int) -> float:
    """Return the seconds before the next attempt: exponential, with jitter, at most 8."""
    return random.uniform(0.5, 1.0) * min(0.25 * 2.0**attempt, 8.0)  # noqa: S311 - jitter, not a secret


def _waiting_time(error: ServiceError, attempt: int) -> float:
    if error.retry_after is None:
        return _backoff(attempt)
    return min(error.retry_after, LONGEST_RETRY_AFTER)


def _causes(error: BaseException) -> list[BaseException]:
    """Return an error and its causes. Libraries put them into ``args``, ``reason`` or ``__cause__``."""
    chain: list[BaseException] = []
    todo: list[Any] = [error]
    while todo:
        current = todo.pop()
        if isinstance(current, BaseException) and current not in chain:
            chain.append(current)
            todo += [*current.args, getattr(current, "reason", None), current.__cause__]
    return chain


def _nothing_was_sent(error: BaseException) -> bool:
    return isinstance(error, requests.exceptions.ConnectTimeout) or any(
        isinstance(cause, (NewConnectionError, ConnectTimeoutError)) for cause in _causes(error)
    )


def _root_cause(error: BaseException) -> str:
    causes = [cause for cause in _causes(error) if not isinstance(cause, (MaxRetryError, requests.RequestException))]
    return str(causes[-1] if causes else error)[:300]


def _plain_reason(error: BaseException, connection: Connection) -> str:
    causes = _causes(error)
    if any(isinstance(cause, _UNUSABLE_PROXY) for cause in causes) or "SOCKS" in str(error):
        return f"{_THE_PROXY} cannot be used."
    if isinstance(error, requests.exceptions.ProxyError):
        status = re.search(r"Tunnel connection failed: (\d{3})", str(error))
        return f"{_THE_PROXY} {f'responded with HTTP {status[1]}' if status else 'cannot be reached'}."
    if isinstance(error, (LocationParseError, requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema)):
        return "api_url is not a valid URL."
    if isinstance(error, requests.exceptions.SSLError):
        return f"TLS failed: {_root_cause(error)}. {_TLS_HELP}"
    if _nothing_was_sent(error):
        return f"no connection to {connection.api_url}. Check api_url, the network and the proxy settings."
    if isinstance(error, requests.exceptions.Timeout):
        return f"no response within {connection.timeout:g} seconds (timeout)."
    return "the connection broke before the response was complete."
