# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The service as the benchmark needs it: a server that takes less time for a request than its client does.

As a program, it prints its port when it listens, and ends when its standard input does.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from .service import BASE_PATH, JOURNAL_PATH, Service

ROOT = Path(__file__).resolve().parents[2]
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n")


class StandIn:
    """A stand-in in a process of its own, with empty rooms, until it is closed. ``latency`` is in seconds."""

    def __init__(self, latency: float = 0.0) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.stand_in", "--latency", str(latency)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.address = f"http://127.0.0.1:{int(self._process.stdout.readline())}"
        self.api_url = self.address + BASE_PATH

    def __enter__(self) -> StandIn:
        return self

    def __exit__(self, *_error: object) -> None:
        self._process.communicate()

    def journal(self) -> Journal:
        with urlopen(self.address + JOURNAL_PATH, timeout=30) as answer:
            return Journal(**json.load(answer))


@dataclass(frozen=True)
class Journal:
    """What a stand-in has counted: the calls of each route, and how many of all calls it has refused."""

    calls: dict[str, int]
    refused: int
    connections: int
    rooms: int
    sessions: int
    cpu_seconds: float

    def since(self, earlier: Journal) -> Journal:
        calls = {route: count - earlier.calls.get(route, 0) for route, count in self.calls.items()}
        return Journal(
            {route: count for route, count in calls.items() if count},
            *(getattr(self, name) - getattr(earlier, name) for name in list(self.__dataclass_fields__)[1:]),
        )


class Connection(asyncio.Protocol):
    """Answers the requests of one connection in their order, each after the latency, in seconds."""

    def __init__(self, service: Service, latency: float) -> None:
        self._service = service
        self._latency = latency
        self._received = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._service.connections += 1

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            line, _end, _rest = self._received.partition(b"\r\n")
            head = self._received[len(line) : end + 2].lower()
            length = _LENGTH.search(head)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self._received) < whole:
                return
            body, self._received = self._received[end + 4 : whole], self._received[whole:]
            method, target, _version = line.decode("latin-1").split(" ")
            answer = self._service.answer(method, target, head, body)
            delay = 0.0 if target == JOURNAL_PATH else self._latency
            self._send(answer, delay, is_last=b"\r\nconnection: close\r\n" in head)

    def _send(self, answer: bytes, delay: float, *, is_last: bool) -> None:
        if delay:
            asyncio.get_running_loop().call_later(delay, lambda: self._send(answer, 0.0, is_last=is_last))
            return
        self._transport.write(answer)
        if is_last:
            self._transport.close()


async def serve(latency: float) -> None:
    service = Service()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(service, latency), "127.0.0.1", 0, backlog=128)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.stand_in", description=__doc__)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    # Its objects live as long as it does.
    gc.disable()
    asyncio.run(serve(parser.parse_args().latency))
    return 0


if __name__ == "__main__":
    sys.exit(main())
