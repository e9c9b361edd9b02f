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
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.lease_owner import new_owner
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.location import LedgerSettings
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import Ledger, open_ledger
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile import creation as creation_module
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile import going_live
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.api import WebinarApi
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.transport import Connection, Transport
from cryptography.fernet import Fernet
from hypothesis import settings

from tests.postgresql import PostgreSQL

from .creation_scene import Scene
from .engine_run import Run
from .scripted_server import Script, scripted_server
from .small_service import SmallService, small_service

# No deadline: the tests do not measure the speed of the machine.
settings.register_profile("unit", max_examples=60, deadline=None)
settings.register_profile("few", parent=settings.get_profile("unit"), max_examples=10)
# `make check` takes a few examples of each property, and all other runs what a test asks for.
FEW = os.environ.get("TENBYTE_TEST_EXAMPLES") == "few"
settings.load_profile("few" if FEW else "unit")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow what starts a PostgreSQL server."""
    for item in items:
        if "postgresql" in item.name or "postgresql" in getattr(item, "fixturenames", ()):
            item.add_marker("slow")


@pytest.fixture(autouse=True)
def quiet_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Remove the user's proxies and settings from the environment, and use an empty home folder."""
    for name in list(os.environ):
        if (
            name.lower().endswith("_proxy")
            or name.startswith(("TENBYTE_", "XDG_"))
            or name in ("NETRC", "CURL_CA_BUNDLE")
        ):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))


@pytest.fixture
def api_key() -> str:
    return f"unit-api-{secrets.token_hex(12)}"


@pytest.fixture
def pauses() -> list[float]:
    """The seconds that the transport would have slept."""
    return []


@pytest.fixture
def script() -> Iterator[Script]:
    with scripted_server() as running:
        yield running
        assert running.unexpected == []
        assert running.lines == [], "the script expected more calls"


@pytest.fixture
def connect(api_key: str, pauses: list[float]) -> Iterator[Callable[..., Transport]]:
    """Open transports to a URL, which are closed after the test."""
    opened: list[Transport] = []

    def open_transport(url: str, **options: object) -> Transport:
        given = {"api_key": api_key, "timeout": 5.0, "retries": 2, "concurrency": 4, **options}
        connection = Connection(url, **given)  # type: ignore[arg-type]
        transport = Transport(connection, Redactor([api_key]), clock=lambda: sum(pauses), sleep=pauses.append)
        opened.append(transport)
        return transport

    yield open_transport
    for transport in opened:
        transport.close()


@pytest.fixture
def ledger_settings(request: pytest.FixtureRequest, tmp_path: Path) -> LedgerSettings:
    """Settings of a new ledger: in SQLite, and for tests with the mark ``both_databases`` in PostgreSQL too."""
    if getattr(request, "param", "sqlite") == "postgresql":
        return postgresql_settings(request.getfixturevalue("postgresql"))
    return LedgerSettings(f"sqlite:///{tmp_path / 'ledger' / 'keys.sqlite3'}")


@pytest.fixture
def team_settings(postgresql: PostgreSQL) -> LedgerSettings:
    return postgresql_settings(postgresql)


def postgresql_settings(server: PostgreSQL) -> LedgerSettings:
    return LedgerSettings(server.url(server.new_database()), key=Fernet.generate_key().decode())


@pytest.fixture
def open_run(ledger_settings: LedgerSettings) -> Iterator[Callable[..., Ledger]]:
    """Open the test's ledger as a new run, with a new owner each time."""
    opened: list[Ledger] = []

    def open_as(owner: str | None = None, redactor: Redactor | None = None) -> Ledger:
        ledger = open_ledger(ledger_settings, redactor or Redactor(), owner or new_owner())
        assert ledger is not None
        opened.append(ledger)
        return ledger

    yield open_as
    for ledger in opened:
        ledger.close()


@pytest.fixture
def service() -> Iterator[SmallService]:
    with small_service() as running:
        yield running


@pytest.fixture
def api(service: SmallService, connect: Callable[..., Transport]) -> WebinarApi:
    return WebinarApi(connect(service.url))


@pytest.fixture
def scene(service: SmallService, api: WebinarApi, open_run: Callable[..., Ledger]) -> Scene:
    return Scene(service, open_run(), api, service.add_room("Main stage"), open_run)


@pytest.fixture
def run(service: SmallService, api: WebinarApi, open_run: Callable[..., Ledger]) -> Run:
    return Run(service, api, open_run())


@pytest.fixture(scope="module")
def server() -> Iterator[SmallService]:
    """A small service for all cases of a property test. The test empties it for each case."""
    with small_service() as running:
        yield running


@pytest.fixture
def no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a run check only once for the effect of a request whose response was lost."""
    monkeypatch.setattr(creation_module, "GRACE_PAUSES", (0.0,))
    monkeypatch.setattr(creation_module, "GRACE_TIME", 0.0)


@pytest.fixture
def no_live_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a run poll a session that goes live without a pause."""
    monkeypatch.setattr(going_live, "LIVE_POLL", 0.0)
