# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A TCP proxy that cuts a connection at the n-th message of the clients, before or after the server received it."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

HOST = "127.0.0.1"


@dataclass
class CutProxy:
    """``sent`` counts the messages of clients since ``arm``. The connection is cut when it reaches ``cut_at``.

    ``lost``: the request is lost before the server receives it, or the response after the server has executed it.
    ``stays_down``: later connections are refused.
    """

    upstream: int
    port: int = 0
    cut_at: int | None = None
    lost: Literal["request", "response"] = "request"
    stays_down: bool = False
    sent: int = 0
    is_down: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def arm(self, cut_at: int | None, lost: Literal["request", "response"] = "request", *, stays_down: bool) -> None:
        with self.lock:
            self.sent, self.cut_at, self.lost, self.stays_down, self.is_down = 0, cut_at, lost, stays_down, False

    def is_cut_now(self) -> bool:
        with self.lock:
            self.sent += 1
            if self.sent != self.cut_at:
                return False
            self.is_down = self.stays_down
            return True


@contextmanager
def cut_proxy(upstream: int) -> Iterator[CutProxy]:
    with socket.create_server((HOST, 0)) as listener:
        proxy = CutProxy(upstream, listener.getsockname()[1])
        threading.Thread(target=_accept, args=(proxy, listener), daemon=True).start()
        try:
            yield proxy
        finally:
            listener.shutdown(socket.SHUT_RDWR)


def _accept(proxy: CutProxy, listener: socket.socket) -> None:
    while True:
        try:
            client, _address = listener.accept()
        except OSError:
            return
        if proxy.is_down:
            client.close()
            continue
        threading.Thread(target=_relay, args=(proxy, client), daemon=True).start()


def _relay(proxy: CutProxy, client: socket.socket) -> None:
    with client, socket.create_connection((HOST, proxy.upstream)) as server:
        while True:
            readable, _writable, _failed = select.select([client, server], [], [])
            for source, target in ((server, client), (client, server)):
                if source not in readable:
                    continue
                try:
                    received = source.recv(65536)
                    if not received:
                        return
                    if source is client and proxy.is_cut_now():
                        if proxy.lost == "response":
                            target.sendall(received)
                            # The server responds after it has executed the request.
                            target.recv(65536)
                        return
                    target.sendall(received)
                except OSError:
                    return
