# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""One HTTP exchange: a request is sent to the service, and its response is read, within one deadline."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from urllib3 import Retry, Timeout

from .._core.errors import AnswerLost, NotSent
from .._core.secrecy import Redactor
from .connections import ServiceConnections
from .deadlines import Deadline, Deadlines
from .failures import EXCHANGE_ERRORS, failure_of
from .responses import ACCEPT_ENCODING, Received, received_from

_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": ACCEPT_ENCODING,
    "Connection": "keep-alive",
    "User-Agent": "tenbyte.webinar (Ansible collection)",
}
# Neither lost connections nor redirects: a redirect would send X-API-Key to another host.
_NO_RETRIES = Retry.from_int(False)


class Exchanges:
    """Sends requests to one service, over a pool of connections. Safe to use from several threads.

    ``headers`` are sent with each request, beside those that every request has. ``verify``: see ServiceConnections.
    ``timeout``: seconds for a whole exchange, ``connect_timeout`` for its connection.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        redactor: Redactor,
        *,
        verify: bool | str,
        timeout: float,
        connect_timeout: float,
        size: int,
    ) -> None:
        self._url = url
        self._headers = {**_HEADERS, **headers}
        self._redactor = redactor
        self._seconds = timeout
        self._timeout = Timeout(connect=min(connect_timeout, timeout), read=timeout)
        self._deadlines = Deadlines(timeout)
        self._connections = ServiceConnections(url, verify, size)

    def send(
        self, method: str, path: str, query: Mapping[str, Any] | None = None, body: Mapping[str, Any] | None = None
    ) -> Received:
        """Send a request once and return its response, of any status. Raise NotSent or AnswerLost."""
        what = f"{method} {path}"
        headers, content = self._headers, None
        if body is not None:
            headers, content = {**headers, "Content-Type": "application/json"}, json.dumps(body).encode()
        elif method != "GET":
            headers = {**headers, "Content-Length": "0"}
        with Deadline(self._deadlines) as deadline:
            try:
                pool, base = self._connections.pool_and_base()
                # Not ``request``, which copies the headers twice of a request with a body.
                response = pool.request_encode_url(
                    method,
                    f"{base}{path}?{urlencode(query)}" if query else f"{base}{path}",
                    body=content,
                    headers=headers,
                    retries=_NO_RETRIES,
                    redirect=False,
                    assert_same_host=False,
                    timeout=self._timeout,
                    preload_content=False,
                    decode_content=False,
                    # The default of urllib3 2, but not of earlier versions.
                    enforce_content_length=True,
                )
                try:
                    received = received_from(response, what)
                finally:
                    # A connection whose response was not read to its end is closed. Any other one is in the pool again.
                    response.close()
                    response.release_conn()
            except EXCHANGE_ERRORS as error:
                raise self._failure(what, error, deadline) from None
            if deadline.passed:
                # The deadline closed the connection, so the body may be incomplete.
                raise self._failure(what, TimeoutError(), deadline)
        return received

    def close(self) -> None:
        self._connections.close()
        self._deadlines.close()

    def _failure(self, what: str, error: BaseException, deadline: Deadline) -> NotSent | AnswerLost:
        failure = failure_of(error, deadline, self._url, self._seconds)
        return type(failure)(self._redactor.text(f"{what}: {failure}"))
