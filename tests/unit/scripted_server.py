# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An HTTP server on loopback with scripted responses. A request that the script does not expect fails the test."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """A response. ``length`` is its Content-Length, which may differ from the length of ``body``."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    length: int | None = None


# A line of a script is a response, or a function that writes to the connection.
Line = Answer | Callable[[BaseHTTPRequestHandler], None]


def success(data: Any = None, status: int = 200) -> Answer:
    return Answer(status, json.dumps({"success": True, "timestamp": 1700000000, "data": data}).encode())


def refusal(status: int, body: Any = None, **headers: str) -> Answer:
    """Return an error response. In header names, underscores stand for hyphens."""
    content = body if isinstance(body, bytes) else json.dumps(body or {"success": False, "error": "refused"}).encode()
    return Answer(status, content, tuple((name.replace("_", "-"), value) for name, value in headers.items()))


def drop(handler: BaseHTTPRequestHandler) -> None:
    """Close the connection without a response."""
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def truncated(body: bytes, missing: int = 100) -> Answer:
    return Answer(200, body, length=len(body) + missing)


@dataclass
class Script:
    url: str
    lines: list[Line]
    requests: list[Request] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def expect(self, *lines: Line) -> None:
        self.lines.extend(lines)


def send(handler: BaseHTTPRequestHandler, answer: Answer) -> None:
    handler.send_response(answer.status)
    for name, value in answer.headers:
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(answer.body) if answer.length is None else answer.length))
    handler.end_headers()
    handler.wfile.write(answer.body)
    if answer.length is not None and answer.length != len(answer.body):
        handler.close_connection = True


class QuietHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 20
    # Otherwise each response waits some 40 ms for the acknowledgement of its headers.
    disable_nagle_algorithm = True

    def log_message(self, *_arguments: Any) -> None:
        """Do not log: a log could contain the credentials of a request."""

    def read_request(self) -> Request:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return Request(self.command, self.path, dict(self.headers.items()), body)

    def do_GET(self) -> None:
        self.answer()

    do_POST = do_DELETE = do_PATCH = do_GET

    def answer(self) -> None:
        raise NotImplementedError


class QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_arguments: Any) -> None:
        """Ignore errors: in some tests the client closes the connection early."""


@contextmanager
def serving(handler: type[QuietHandler]) -> Iterator[QuietServer]:
    server = QuietServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def scripted_server() -> Iterator[Script]:
    script = Script("", [])

    class Handler(QuietHandler):
        def answer(self) -> None:
            request = self.read_request()
            with script.lock:
                script.requests.append(request)
                line = script.lines.pop(0) if script.lines else None
                if line is None:
                    script.unexpected.append(f"{request.method} {request.path}")
            if line is None:
                send(self, refusal(418, {"success": False, "error": "the script expects no such call"}))
            elif isinstance(line, Answer):
                send(self, line)
            else:
                line(self)

    with serving(Handler) as server:
        script.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield script


@dataclass
class SlowResponse:
    """A script's line that writes one piece every ``pause`` seconds. ``finished``: the client received all of them."""

    pieces: list[bytes]
    pause: float = 0.05
    finished: bool = False
    ended: threading.Event = field(default_factory=threading.Event)

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        try:
            for piece in self.pieces:
                handler.wfile.write(piece)
                handler.wfile.flush()
                time.sleep(self.pause)
            self.finished = True
        except OSError:
            self.finished = False
        finally:
            self.ended.set()
