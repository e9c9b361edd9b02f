# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A running simulator: uvicorn in a thread of this process, on a loopback port."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from types import TracebackType
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from .api import BASE_PATH
from .app import make_app
from .dashboard import Dashboard
from .faults import Faults
from .journal import Journal
from .seed import seed_from
from .state import Service
from .variants import Variant

HOST = "127.0.0.1"
START_TIMEOUT = 10.0
STOP_TIMEOUT = 10.0


class PlainConnection(H11Protocol):
    """Passes the connection's transport to the application, which closes it where ASGI cannot: without a response."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # Header and body are two writes: without TCP_NODELAY, each response waits 40 ms for the client's delayed
        # acknowledgement. asyncio sets it only for sockets that were created with an explicit protocol.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.app_state = {**self.app_state, "transport": transport}


class Simulator:
    """``with Simulator(seed) as sim:`` serves until the end of the block. ``port`` 0 means a free one."""

    def __init__(self, seed: dict[str, Any], port: int = 0) -> None:
        start = seed_from(seed)
        self.service = Service(start)
        self.faults = Faults(start.faults)
        # Changes rooms and sessions without a request of the client.
        self.dashboard = Dashboard(self.service)
        self.journal = Journal()
        self._asked_port = port
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self.port = 0

    @property
    def api_url(self) -> str:
        return f"http://{HOST}:{self.port}{BASE_PATH}"

    @property
    def ingest_url(self) -> str:
        return f"http://{HOST}:{self.port}/ingest"

    @property
    def variant(self) -> Variant:
        return self.service.variant

    def issued_keys(self) -> list[str]:
        """Return every stream key that this instance has issued."""
        return self.service.issued_keys()

    def secrets(self) -> list[str]:
        """Return the issued stream keys and LiveKit tokens."""
        return [*self.service.issued_keys(), *self.service.issued_tokens()]

    def __enter__(self) -> Simulator:
        listener = socket.create_server((HOST, self._asked_port), backlog=512)
        self.port = listener.getsockname()[1]
        config = uvicorn.Config(
            make_app(self.service, self.faults, self.journal),
            http=PlainConnection,
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listener]}, name="simulator", daemon=True
        )
        self._thread.start()
        deadline = time.monotonic() + START_TIMEOUT
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                listener.close()
                raise RuntimeError(f"The simulator did not start on {HOST}:{self.port}")
            time.sleep(0.005)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        assert self._thread is not None
        self._server.should_exit = True
        self._thread.join(STOP_TIMEOUT)
        if self._thread.is_alive():
            raise RuntimeError(f"The simulator on port {self.port} did not stop within {STOP_TIMEOUT:.0f} s")
