# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A TCP proxy that loses connections on purpose: at the n-th thing that a client says, before or after it is heard."""

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
    """``said`` counts what clients have said since ``cut_at`` was set; the cut comes when it reaches ``cut_at``.

    ``lost`` names what is lost with the connection: the request, before the server hears it, or its answer, after the
    server has done it. ``stays_down``: no connection is taken from then on.
    """

    upstream: int
    port: int = 0
    cut_at: int | None = None
    lost: Literal["request", "answer"] = "request"
    stays_down: bool = False
    said: int = 0
    is_down: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def arm(self, cut_at: int | None, lost: Literal["request", "answer"] = "request", *, stays_down: bool) -> None:
        with self.lock:
            self.said, self.cut_at, self.lost, self.stays_down, self.is_down = 0, cut_at, lost, stays_down, False

    def is_cut_now(self) -> bool:
        with self.lock:
            self.said += 1
            if self.said != self.cut_at:
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
                    heard = source.recv(65536)
                    if not heard:
                        return
                    if source is client and proxy.is_cut_now():
                        if proxy.lost == "answer":
                            target.sendall(heard)
                            # What the server says is its word that it is done.
                            target.recv(65536)
                        return
                    target.sendall(heard)
                except OSError:
                    return
