# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""HTTP with one pooled ``requests`` session: credentials, deadlines, retries by meaning, pages. Knows nothing of rooms."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NewConnectionError

from .errors import AnswerLost, GarbledAnswer, NotSent, ServiceError, WebinarError
from .secrecy import Redactor

CONNECT_TIMEOUT = 10.0
LARGEST_ANSWER = 32 * 1024 * 1024
LONGEST_RETRY_AFTER = 60.0
PAGE_LIMIT = 100
MOST_PAGES = 10_000
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
        self._http = requests.Session()
        adapter = HTTPAdapter(pool_connections=1, pool_maxsize=connection.concurrency, max_retries=0)
        self._http.mount("http://", adapter)
        self._http.mount("https://", adapter)
        self._auth = _Credentials(connection)

    def close(self) -> None:
        self._http.close()

    def read(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        """GET and return the answer's ``data``.

        What passes (timeouts, lost connections, 429, 502, 503, 504) is tried again, ``retries`` times.
        """
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
        before_each: Callable[[], None] = lambda: None,
    ) -> Any:
        """Send a request that changes something, and return the answer's ``data``.

        It is sent again only when nothing can have happened: no byte left this machine, or the service answered
        429. Any other doubt is raised as AnswerLost (408 and 5xx included), for the caller to find out by listing.
        ``before_each`` is called before each attempt; what it raises ends the attempts.
        """
        for attempt in range(self.connection.retries + 1):
            last = attempt == self.connection.retries
            before_each()
            try:
                return self._once(method, path, body=body)
            except NotSent:
                if last:
                    raise
                self._sleep(_backoff(attempt))
            except ServiceError as error:
                if error.status == 408 or error.status >= 500:
                    raise AnswerLost(f"{error}") from None
                if last or error.status != 429:
                    raise
                self._sleep(_waiting_time(error, attempt))
        raise AssertionError("unreachable: the last attempt returns or raises")

    def pages(self, path: str, key: str) -> list[dict[str, Any]]:
        """Return all items of a paged list, each id once.

        Neither ``total`` nor the short last page is believed alone, and a server may ignore ``page``: reading
        ends when both say so, or when a page brings nothing new (contract, "always page").
        """
        items: dict[str, dict[str, Any]] = {}
        for page in range(1, MOST_PAGES + 1):
            data = self.read(path, {"page": page, "limit": PAGE_LIMIT})
            listed = data.get(key) if isinstance(data, dict) else None
            if listed is None:
                listed = []
            if not isinstance(listed, list):
                raise WebinarError(f"GET {path} answered '{key}' that is not a list. Is api_url right?")
            fresh = {
                item["id"]: item
                for item in listed
                if isinstance(item, dict) and isinstance(item.get("id"), str) and item["id"] not in items
            }
            items.update(fresh)
            if not fresh or _is_last_page(data, listed, len(items)):
                return list(items.values())
        raise WebinarError(f"GET {path} did not end after {MOST_PAGES} pages.")

    def _once(
        self, method: str, path: str, *, query: Mapping[str, Any] | None = None, body: Mapping[str, Any] | None = None
    ) -> Any:
        deadline = time.monotonic() + self.connection.timeout
        what = f"{method} {path}"
        try:
            with self._http.request(
                method,
                self.connection.api_url + path,
                params=query,
                json=body,
                auth=self._auth,
                headers={"Accept": "application/json", "User-Agent": "tenbyte.webinar (Ansible collection)"},
                timeout=(min(CONNECT_TIMEOUT, self.connection.timeout), self.connection.timeout),
                # Passed with each request: on the session, REQUESTS_CA_BUNDLE would override it.
                verify=(self.connection.ca_path or True) if self.connection.validate_certs else False,
                # A redirect would carry X-API-Key to whatever host it names.
                allow_redirects=False,
                stream=True,
            ) as response:
                content = _content(response, deadline, what)
        except requests.exceptions.SSLError as error:
            raise NotSent(self.redactor.text(f"{what}: TLS failed: {_root_cause(error)}. {_TLS_HELP}")) from None
        except (requests.exceptions.RequestException, OSError) as error:
            message = self.redactor.text(f"{what}: {_plain_reason(error, self.connection)}")
            raise (NotSent if _nothing_was_sent(error) else AnswerLost)(message) from None
        return self._data(response, content, what)

    def _data(self, response: requests.Response, content: bytes, what: str) -> Any:
        if response.is_redirect or 300 <= response.status_code < 400:
            raise ServiceError(
                f"{what} was answered with a redirect (HTTP {response.status_code}), which is not followed, because "
                "it would carry the credential elsewhere. Is api_url right?",
                status=response.status_code,
            )
        try:
            answer = json.loads(content) if content.strip() else None
        except (ValueError, RecursionError):
            answer = content
        if response.status_code >= 400 or (isinstance(answer, dict) and answer.get("success") is False):
            raise self._service_error(response, answer, what)
        if isinstance(answer, bytes) or (answer is not None and not isinstance(answer, dict)):
            raise GarbledAnswer(f"{what} was answered with something that is not the service's JSON. Is api_url right?")
        return (answer or {}).get("data")

    def _service_error(self, response: requests.Response, answer: Any, what: str) -> ServiceError:
        """Turn any of the contract's three error shapes, or none of them, into one sentence."""
        code, details = None, []
        if isinstance(answer, dict):
            code = answer.get("code") if isinstance(answer.get("code"), str) else None
            details = [answer[key] for key in ("error", "message") if isinstance(answer.get(key), str) and answer[key]]
            for item in answer.get("errors") or []:
                if isinstance(item, dict):
                    details.append(f"{item.get('field')}: {item.get('message') or item.get('code')}")
        request_id = response.headers.get("X-Request-Id")
        said = "; ".join(dict.fromkeys(str(detail)[:300] for detail in details)) or "no reason given"
        named = "".join(
            f", {label} {value[:100]}" for label, value in (("code", code), ("request", request_id)) if value
        )
        advice = _ADVICE.get(response.status_code, "")
        message = f"{what} was refused by the service: {said} (HTTP {response.status_code}{named}).{advice}"
        return ServiceError(
            self.redactor.text(message),
            status=response.status_code,
            code=code,
            request_id=request_id,
            retry_after=_retry_after(response.headers.get("Retry-After")),
        )


_TLS_HELP = "Check api_url, or give the authority's certificate with ca_path."
_ADVICE = {
    401: " Check api_key or api_token.",
    403: " The account of api_key or api_token may not do this; rooms belong to the host who created them.",
    429: " Lower concurrency, or run again later.",
}


def _content(response: requests.Response, deadline: float, what: str) -> bytes:
    parts, size = [], 0
    for part in response.iter_content(65536):
        size += len(part)
        if size > LARGEST_ANSWER:
            raise AnswerLost(f"{what}: the answer is larger than {LARGEST_ANSWER // 2**20} MiB and was cut off.")
        if time.monotonic() > deadline:
            raise AnswerLost(f"{what}: the answer did not end in time. Raise timeout if the service is that slow.")
        parts.append(part)
    return b"".join(parts)


def _is_last_page(data: Mapping[str, Any], listed: list[Any], collected: int) -> bool:
    total, limit = data.get("total"), data.get("limit")
    return (
        isinstance(total, int)
        and isinstance(limit, int)
        and total == collected
        and len(listed) < min(limit, PAGE_LIMIT)
    )


def _backoff(attempt: int) -> float:
    return random.uniform(0.5, 1.0) * min(0.25 * 2.0**attempt, 8.0)  # noqa: S311 - jitter, not a secret


def _waiting_time(error: ServiceError, attempt: int) -> float:
    if error.retry_after is None:
        return _backoff(attempt)
    return min(error.retry_after, LONGEST_RETRY_AFTER)


def _retry_after(value: str | None) -> float | None:
    """Read Retry-After as seconds from now (RFC 9110, section 10.2.3: a number of seconds or a date)."""
    if value is None:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        instant = parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=timezone.utc)
    return max(0.0, (instant - datetime.now(timezone.utc)).total_seconds())


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
    if isinstance(error, (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema)):
        return "api_url is not a URL that can be called."
    if _nothing_was_sent(error):
        return f"no connection to {connection.api_url}. Check api_url, the network and the proxy settings."
    if isinstance(error, requests.exceptions.Timeout):
        return f"no answer within {connection.timeout:g} seconds (timeout)."
    return "the connection broke before the answer was complete."
