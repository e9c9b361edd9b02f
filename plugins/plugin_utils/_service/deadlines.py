# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""A deadline for a complete HTTP exchange. ``requests`` has none: its time-outs restart with each received byte."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from http.client import HTTPException, HTTPResponse
from types import TracebackType
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, LocationParseError, NewConnectionError
from urllib3.util.connection import allowed_gai_family

from .name_lookup import addresses_of

_current = threading.local()


class SlowNameLookup(ConnectTimeoutError):
    """The lookup of a host's addresses timed out, so nothing was sent."""


class Deadline:
    """Shuts down the connection of this thread's request after ``seconds``.

    ``passed``: it has done so. ``was_sent``: sending began on a connection (with TLS: after the handshake).
    """

    def __init__(self, seconds: float) -> None:
        self.passed = False
        self._connection: HTTPConnection | None = None
        self._opening: HTTPConnection | None = None
        self._ends = time.monotonic() + seconds
        self._timer = threading.Timer(seconds, self._break)
        self._timer.daemon = True

    @property
    def was_sent(self) -> bool:
        return self._connection is not None

    def seconds_left(self) -> float:
        return max(0.0, self._ends - time.monotonic())

    def open(self, connection: HTTPConnection) -> None:
        """Watch a connection while it is opened: a proxy may respond slowly to CONNECT."""
        self._opening = connection

    def watch(self, connection: HTTPConnection) -> None:
        """Watch a connection on which a request is sent."""
        self._connection = connection

    def _break(self) -> None:
        self.passed = True
        stream = getattr(self._connection or self._opening, "sock", None)
        if stream is not None:
            # Unlike close, shutdown wakes a thread that is blocked in a read.
            with contextlib.suppress(OSError):
                stream.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Deadline:
        _current.deadline = self
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        _current.deadline = None


class _Response(HTTPResponse):
    def _read_next_chunk_size(self) -> int:
        # The library reads a chunk of -1 bytes until the end of the connection, without a limit.
        size: int = super()._read_next_chunk_size()  # type: ignore[misc]
        if size < 0:
            raise HTTPException("a chunk of negative length")
        return size


class _Watched(HTTPConnection):
    response_class = _Response

    def connect(self) -> None:
        deadline = getattr(_current, "deadline", None)
        if deadline is not None:
            deadline.open(self)
        super().connect()

    def putrequest(self, *arguments: Any, **named: Any) -> None:
        deadline = getattr(_current, "deadline", None)
        if deadline is not None:
            deadline.watch(self)
        super().putrequest(*arguments, **named)

    def _new_conn(self) -> socket.socket:
        """Connect to the first address that accepts, with the lookup and all attempts within the deadline.

        The library's method limits neither the time of the lookup nor the number of addresses.
        """
        deadline = getattr(_current, "deadline", None)
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


class DeadlineAdapter(HTTPAdapter):
    """An adapter whose connections register with the Deadline of the thread that uses them."""

    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
        super().init_poolmanager(*arguments, **named)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}

    def proxy_manager_for(self, *arguments: Any, **named: Any) -> Any:
        manager = super().proxy_manager_for(*arguments, **named)
        manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
        return manager
