# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""HTTP with one pooled ``requests`` session: credentials, deadlines, retries by meaning, pages. No word of rooms."""

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
_PASSING_STATUS = (502, 503, 504)


@dataclass(frozen=True)
class Connection:
    """How to reach the service. ``timeout`` is in seconds, for one request from its start to the end of its answer."""

    api_url: str
    api_key: str | None = field(default=None, repr=False)
    api_token: str | None = field(default=None, repr=False)
    validate_certs: bool = True
    ca_path: str | None = None
    timeout: float = 30.0
    retries: int = 5
    concurrency: int = 16


class _Credentials(AuthBase):
    """Sets the credential itself, because without an auth object ``requests`` lets a netrc file replace the header."""

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
        # Nothing of the contract needs them, and a session of requests would keep and send back what it is given.
        self._http.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._auth = _Credentials(connection)
        is_local = is_loopback(urlsplit(connection.api_url).hostname or "")
        self._proxies: Any = dict(_NO_PROXY) if is_local else None
        # The service's time as its newest answer has it, and this machine's monotonic time of that answer.
        self._heard: tuple[int, float] | None = None

    def service_time(self) -> float | None:
        """Return what the service's own clock shows by now at least, in seconds since 1970; None before any answer.

        The clocks of two machines cannot be compared, so what is to be compared with a time of the service's is this.
        """
        heard = self._heard
        return None if heard is None else heard[0] + time.monotonic() - heard[1]

    def close(self) -> None:
        self._http.close()

    def read(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        """GET and return the answer's ``data``.

        What passes (timeouts, lost connections, 429, 502, 503, 504) is tried again, ``retries`` times.
        """
        return self._read(path, query)[0]

    def _read(self, path: str, query: Mapping[str, Any] | None = None) -> tuple[Any, int]:
        """Return the answer's ``data``, and how many bytes the answer had."""
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
                if last or error.status not in (429, *_PASSING_STATUS):
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
        """Send a request that changes something, and return the answer's ``data``.

        It is sent again only when nothing can have happened: no byte left this machine, or the service answered
        429. Whatever else leaves the effect unknown (408 and 5xx too) is raised as AnswerLost, for the caller to find
        out by listing.
        A ``repeatable`` request, which has the same effect sent twice, is then sent again too.
        ``before_each`` is called before each attempt, ``before_wait`` before each wait between two, with its seconds;
        what they raise ends the attempts.
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
        """Return all items of a paged list, each id once; raise WebinarError where they cannot all be read.

        ``sure``: see PagedLists.whole.
        """
        return self._lists.whole(path, key, sure=sure)

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
                    # Passed with each request: on the session, REQUESTS_CA_BUNDLE would override it.
                    verify=(self.connection.ca_path or True) if self.connection.validate_certs else False,
                    proxies=self._proxies,
                    # A redirect would carry X-API-Key to whatever host it names.
                    allow_redirects=False,
                    stream=True,
                ) as response:
                    content = content_of(response, what)
            except (requests.exceptions.RequestException, HTTPError, OSError) as error:
                raise self._failure(what, error, deadline) from None
            if deadline.passed:
                # A body that ends with its connection is not known to be whole.
                raise self._failure(what, TimeoutError(), deadline)
        answer = answer_of(response, content, what, self.redactor, (unquote(path), *texts_of(body)))
        timestamp = timestamp_of(answer)
        if timestamp is not None:
            self._heard = (timestamp, time.monotonic())
        return answer.get("data"), len(content)

    def _failure(self, what: str, error: BaseException, deadline: Deadline) -> NotSent | AnswerLost:
        reason = f"no answer within {self.connection.timeout:g} seconds (timeout)."
        if any(isinstance(cause, SlowNameLookup) for cause in _causes(error)):
            host = urlsplit(self.connection.api_url).hostname
            reason = (
                f"the address of {host} was not known within {self.connection.timeout:g} seconds (timeout). Check "
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
# None takes out what the environment says: plain http is safe on a loopback address, and not by way of a proxy.
_NO_PROXY: dict[str, str | None] = {"http": None, "https": None, "all": None}
_THE_PROXY = "the proxy that the environment names (https_proxy, http_proxy or all_proxy)"
_UNUSABLE_PROXY = (requests.exceptions.InvalidProxyURL, ProxySchemeUnknown)
_TLS_HELP = "Check api_url, or give the authority's certificate with ca_path."


def _backoff(attempt: int) -> float:
    return random.uniform(0.5, 1.0) * min(0.25 * 2.0**attempt, 8.0)  # noqa: S311 - jitter, not a secret


def _waiting_time(error: ServiceError, attempt: int) -> float:
    if error.retry_after is None:
        return _backoff(attempt)
    return min(error.retry_after, LONGEST_RETRY_AFTER)


def _causes(error: BaseException) -> list[BaseException]:
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
        return f"{_THE_PROXY} {f'answered HTTP {status[1]}' if status else 'cannot be reached'}."
    if isinstance(error, (LocationParseError, requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema)):
        return "api_url is not a URL that can be called."
    if isinstance(error, requests.exceptions.SSLError):
        return f"TLS failed: {_root_cause(error)}. {_TLS_HELP}"
    if _nothing_was_sent(error):
        return f"no connection to {connection.api_url}. Check api_url, the network and the proxy settings."
    if isinstance(error, requests.exceptions.Timeout):
        return f"no answer within {connection.timeout:g} seconds (timeout)."
    return "the connection broke before the answer was complete."
