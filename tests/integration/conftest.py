# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import COLLECTIONS
from tests.integration.controller import EXERCISED, ROOT, Controller
from tests.simulator.server import Simulator

PRESET = "5e0f2a4c-0d51-4c6b-9a35-0d1f5f6c0001"
OTHER_PRESET = "5e0f2a4c-0d51-4c6b-9a35-0d1f5f6c0002"


def seed() -> dict[str, Any]:
    """Return a seed with our account, another account, and new credentials for this test."""
    return {
        "users": [
            {
                "username": name,
                "email": f"{name}@example.com",
                "api_key": f"sim-api-key-{secrets.token_hex(12)}",
                "token": f"sim-token-{secrets.token_hex(12)}",
            }
            for name in ("host", "stranger")
        ],
        "presets": [
            {"id": PRESET, "name": "Stage", "type": "rtmp"},
            {"id": OTHER_PRESET, "name": "Browser", "type": "whip"},
        ],
        "rooms": [],
        "ingest": {
            "rtmp_url": "rtmp://127.0.0.1:1935/live",
            "hls_url": "http://127.0.0.1:8080/hls/{session_id}/index.m3u8",
        },
    }


@pytest.fixture(scope="session")
def collections_path() -> Path:
    return COLLECTIONS


@pytest.fixture
def simulator(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    """A new simulator for each test; a marker ``seed(rooms=..., sessions=...)`` adds to what it starts with."""
    start = seed()
    marker = request.node.get_closest_marker("seed")
    if marker:
        start.update(marker.kwargs)
    with Simulator(start) as running:
        yield running


@pytest.fixture
def controller(simulator: Simulator, tmp_path: Path, collections_path: Path) -> Controller:
    return Controller(
        home=tmp_path / "controller",
        api_url=simulator.api_url,
        api_key=simulator.service.users[0].api_key,
        collections=collections_path,
        forks=True,
    )


EVENT_TASKS = f"""
- tenbyte.webinar.event:
    rooms:
      - title: Main stage
        sessions:
          - title: Keynote
            preset_id: {PRESET}
            scheduled_start_time: "2027-05-04T09:00:00+02:00"
            encoder: encoder1
          - title: Panel
            preset_id: {PRESET}
            encoder: encoder2
      - title: Workshop
        sessions:
          - title: Hands on
            preset_id: {PRESET}
"""

SESSION_TASKS = f"""
- tenbyte.webinar.session:
    room: Main stage
    title: Keynote
    preset_id: {PRESET}
"""

EVENT = "tenbyte.webinar.event"
SESSION = "tenbyte.webinar.session"


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write which options this process's tests have used; each worker of pytest-xdist has its own file."""
    if EXERCISED:
        folder = ROOT / "build" / "test" / "options"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{os.getpid()}.txt").write_text("".join(f"{line}\n" for line in sorted(EXERCISED)))
