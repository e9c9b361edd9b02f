# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Looks up the addresses of a host with a time-out, which ``socket.getaddrinfo`` does not have."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from typing import Any

# From getaddrinfo: family, type, protocol, canonical name, address.
Addresses = list[tuple[Any, ...]]


class _Lookup:
    """A running lookup. It has its own thread, because it cannot be cancelled."""

    def __init__(self, host: str, port: int, family: int) -> None:
        self.addresses: Addresses = []
        self.error: BaseException | None = None
        self.ended = threading.Event()
        self._asked = (host, port, family)
        # A daemon thread, so that a name server that does not respond does not keep the program from exiting.
        self._thread = threading.Thread(target=self._run, name="tenbyte-name-lookup", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def _run(self) -> None:
        try:
            self.addresses = socket.getaddrinfo(*self._asked, socket.SOCK_STREAM)
        except BaseException as error:  # noqa: BLE001 - raised again in the threads that wait
            self.error = error
        finally:
            with _lock:
                _under_way.pop(self._asked, None)
            self.ended.set()


_lock = threading.Lock()
# Concurrent callers share one lookup per host, so that there are never more threads than hosts.
_under_way: dict[tuple[str, int, int], _Lookup] = {}


def addresses_of(host: str, port: int, family: int, seconds: float) -> Addresses:
    """Return a host's addresses as ``socket.getaddrinfo`` does, and raise its errors.

    Raise TimeoutError after ``seconds``. The lookup continues then, and the next call for this host waits for it.
    """
    if _is_address(host):
        # Nobody is asked, so there is nothing to wait for.
        return socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
    asked = (_resolved_here(host), port, family)
    with _lock:
        lookup = _under_way.get(asked)
        if lookup is None:
            lookup = _Lookup(*asked)
            lookup.start()
            _under_way[asked] = lookup
    if not lookup.ended.wait(max(0.0, seconds)):
        raise TimeoutError(f"the name {host} was not resolved in time")
    if lookup.error is not None:
        raise lookup.error
    return lookup.addresses


def _is_address(host: str) -> bool:
    for family in (socket.AF_INET, socket.AF_INET6):
        with contextlib.suppress(OSError):
            socket.inet_pton(family, host)
            return True
    return False


def _resolved_here(host: str) -> str:
    # RFC 6761, section 6.3: name servers are not asked for these names. One could return another machine's address.
    return "localhost" if host.lower().removesuffix(".").endswith(".localhost") else host


def _forget_all() -> None:
    """Reset this module in a forked process, which has none of the threads, and maybe a lock that one of them held."""
    global _lock  # noqa: PLW0603
    _lock = threading.Lock()
    _under_way.clear()


os.register_at_fork(after_in_child=_forget_all)
