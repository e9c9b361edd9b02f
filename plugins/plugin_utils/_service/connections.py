# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Pooled connections to one service, with the proxies and certificates that ``requests`` takes from the environment."""

from __future__ import annotations

import socket
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, LocationParseError, NewConnectionError
from urllib3.util.connection import allowed_gai_family

from .._core.service_url import is_loopback
from .deadlines import current_deadline
from .name_lookup import addresses_of

# None overrides the proxies of the environment: plain http is safe to a loopback address, but not through a proxy.
_NO_PROXY: dict[str, str | None] = {"http": None, "https": None, "all": None}


class SlowNameLookup(ConnectTimeoutError):
    """The lookup of a host's addresses timed out, so nothing was sent."""


class _Response(HTTPResponse):
    def _read_next_chunk_size(self) -> int:
        # The library reads a chunk of -1 bytes until the end of the connection, without a limit.
        size: int = super()._read_next_chunk_size()  # type: ignore[misc]
        if size < 0:
            raise HTTPException("a chunk of negative length")
        return size


class _Watched(HTTPConnection):
    """A connection that registers with the deadline of the thread that uses it."""

    response_class = _Response

    def connect(self) -> None:
        deadline = current_deadline()
        if deadline is not None:
            deadline.open(self)
        super().connect()

    def putrequest(self, *arguments: Any, **named: Any) -> None:
        deadline = current_deadline()
        if deadline is not None:
            deadline.watch(self)
        super().putrequest(*arguments, **named)

    def _new_conn(self) -> socket.socket:
        """Connect to the first address that accepts, with the lookup and all attempts within the deadline.

        The library's method limits neither the time of the lookup nor the number of addresses.
        """
        deadline = current_deadline()
        if deadline is None:
            return super()._new_conn()
        host = self._dns_host.strip("[]")
        try:
            addresses = addresses_of(host, self.port, allowed_gai_family(), deadline.seconds_left())
        except TimeoutError as error:
            raise SlowNameLookup(self, str(error)) from None
        except UnicodeError:
            raise LocationParseError(f"'{host}', label empty or too long") from None
        except OSError as error:
            raise NewConnectionError(self, f"the name {host} has no address: {error}") from None
        failure: OSError | None = None
        for family, kind, protocol, _name, address in addresses:
            try:
                return self._connected(socket.socket(family, kind, protocol), address, deadline.seconds_left())
            except OSError as error:
                failure = error
        if isinstance(failure, TimeoutError):
            raise ConnectTimeoutError(self, "the connection was not made in time")
        raise NewConnectionError(self, f"no connection: {failure}")

    def _connected(self, stream: socket.socket, address: Any, seconds: float) -> socket.socket:
        try:
            for option in self.socket_options or ():
                stream.setsockopt(*option)
            # Zero would make the socket non-blocking, which fails with another error.
            stream.settimeout(max(0.001, min(seconds, float(self.timeout or seconds))))
            stream.connect(address)
            stream.settimeout(self.timeout)
        except BaseException:
            stream.close()
            raise
        return stream


class _WatchedTls(_Watched, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Watched


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _WatchedTls


class _Adapter(HTTPAdapter):
    """The adapter of ``requests``, with these connections."""

    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
        super().init_poolmanager(*arguments, **named)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}

    def proxy_manager_for(self, *arguments: Any, **named: Any) -> Any:
        manager = super().proxy_manager_for(*arguments, **named)
        manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
        return manager


class ServiceConnections:
    """The connection pool of a service, which is found once, and the beginning of the targets of its requests.

    The proxies and certificate authorities are those of the environment when this object is made. ``verify``: whether
    certificates are checked, or the file of the authorities to trust.
    """

    def __init__(self, url: str, verify: bool | str, size: int) -> None:
        self._url = url
        proxies: Any = dict(_NO_PROXY) if is_loopback(urlsplit(url).hostname or "") else {}
        with requests.Session() as session:
            # REQUESTS_CA_BUNDLE has an effect only where ``verify`` is True.
            merged = session.merge_environment_settings(url, proxies, stream=True, verify=verify, cert=None)
        self._proxies, self._verify = merged["proxies"], merged["verify"]
        self._adapter: Any = _Adapter(pool_connections=1, pool_maxsize=size, max_retries=0)
        self._found: tuple[Any, str] | None = None

    def pool_and_base(self) -> tuple[Any, str]:
        """Return the pool, and what precedes the path of a request: the URL's own path, or for a proxy the whole URL.

        Raise errors of ``requests`` and ``urllib3``, and OSError, for a URL, proxy or certificate that is of no use.
        """
        if self._found is None:
            request = requests.Request("GET", self._url).prepare()
            # Before version 2.32.2, ``requests`` has the other method only.
            if hasattr(self._adapter, "get_connection_with_tls_context"):
                pool = self._adapter.get_connection_with_tls_context(request, self._verify, self._proxies)
            else:
                pool = self._adapter.get_connection(request.url, self._proxies)
            self._adapter.cert_verify(pool, request.url, self._verify, None)
            self._found = pool, self._adapter.request_url(request, self._proxies).rstrip("/")
        return self._found

    def close(self) -> None:
        self._adapter.close()
