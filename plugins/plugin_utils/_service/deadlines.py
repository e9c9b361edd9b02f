# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""A deadline for a whole HTTP exchange, which ``requests`` does not have: its time-outs begin anew with each byte."""

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
    """The addresses of a host were not known in time, so nothing was sent."""


class Deadline:
    """Breaks the connection that this thread's request uses once ``seconds`` have passed.

    ``passed`` says that it did; ``was_sent`` that the request had a connection (with TLS: a secured one) and began.
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
        """Watch a connection while it is made: a proxy can be slow with its answer to CONNECT."""
        self._opening = connection

    def watch(self, connection: HTTPConnection) -> None:
        self._connection = connection

    def _break(self) -> None:
        self.passed = True
        stream = getattr(self._connection or self._opening, "sock", None)
        if stream is not None:
            # Unlike close, shutdown wakes a thread that is blocked in reading.
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


class _Answer(HTTPResponse):
    def _read_next_chunk_size(self) -> int:
        # The library takes a chunk of -1 bytes for "read until the end", however far that is.
        size: int = super()._read_next_chunk_size()  # type: ignore[misc]
        if size < 0:
            raise HTTPException("a chunk of negative length")
        return size


class _Watched(HTTPConnection):
    response_class = _Answer

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
        """Connect, trying one address after the other; the name's lookup and all tries end with the deadline.

        The library's own function bounds neither the lookup nor the number of addresses.
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
            # Zero would mean not to wait at all, and with it another error.
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
    """An adapter whose connections are known to the deadline of the thread that uses them."""

    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
        super().init_poolmanager(*arguments, **named)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}

    def proxy_manager_for(self, *arguments: Any, **named: Any) -> Any:
        manager = super().proxy_manager_for(*arguments, **named)
        manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
        return manager
