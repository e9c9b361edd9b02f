# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A listener on loopback that sends arbitrary bytes until the client closes the connection."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

Pieces = Callable[[bytes], Iterable[bytes]]


@dataclass
class Listener:
    """The listener. ``requests`` are the received headers, with the part of the body that arrived with them."""

    port: int
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    sent: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextlib.contextmanager
def listening(pieces: Pieces, tls: ssl.SSLContext | None = None) -> Iterator[Listener]:
    """Respond to each request with ``pieces(request)`` and close the connection; with ``tls``, after a handshake."""
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0.05)
    listener = Listener(server.getsockname()[1])
    stop = threading.Event()

    def serve(connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.settimeout(20)
            with tls.wrap_socket(connection, server_side=True) if tls else connection as client:
                request = _head(client)
                if not request:
                    return
                listener.requests.append(request)
                for piece in pieces(request):
                    if stop.is_set():
                        return
                    client.sendall(piece)
                    listener.sent += len(piece)

    def accept() -> None:
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                connection = server.accept()[0]
                listener.connections += 1
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield listener
    finally:
        stop.set()
        thread.join()
        server.close()


def _head(client: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received:
        part = client.recv(65536)
        if not part:
            return b""
        received += part
    return received


def answer(body: bytes, status: str = "200 OK", headers: Iterable[str] = ()) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body
