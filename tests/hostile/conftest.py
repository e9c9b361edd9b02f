# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import Redactor
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.transport import Connection, Transport

Connect = Callable[..., Transport]


@pytest.fixture(autouse=True)
def quiet_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the machine's proxies and certificate authorities from the environment."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
            monkeypatch.delenv(name)


@pytest.fixture
def api_key() -> str:
    return f"hostile-api-{secrets.token_hex(12)}"


@pytest.fixture
def connect(api_key: str) -> Iterator[Connect]:
    """Open transports to a URL, which are closed after the test."""
    opened: list[Transport] = []

    def open_transport(url: str, *, ca_path: Path | None = None, **options: object) -> Transport:
        given = {"api_key": api_key, "timeout": 20.0, "retries": 0, "ca_path": str(ca_path) if ca_path else None}
        connection = Connection(url, **{**given, **options})  # type: ignore[arg-type]
        opened.append(Transport(connection, Redactor([api_key])))
        return opened[-1]

    yield open_transport
    for transport in opened:
        transport.close()
