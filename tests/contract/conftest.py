# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fixtures: a simulator and a client of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
import requests

from tests.simulator.server import Simulator

RTMP_PRESET = "5e0f2a4c-0d51-4c6b-9a35-0d1f5f6c0001"
WHIP_PRESET = "5e0f2a4c-0d51-4c6b-9a35-0d1f5f6c0002"
TIMEOUT = 10.0


def seed() -> dict[str, Any]:
    return {
        "users": [
            {
                "username": name,
                "email": f"{name}@example.com",
                "api_key": f"sim-api-key-{name}",
                "token": f"sim-token-{name}",
            }
            for name in ("host", "other")
        ]
        + [
            {
                "username": "viewer",
                "email": "viewer@example.com",
                "api_key": "sim-api-key-viewer",
                "token": "sim-token-viewer",
                "role": "viewer",
            }
        ],
        "presets": [
            {"id": RTMP_PRESET, "name": "Main stage", "type": "rtmp"},
            {"id": WHIP_PRESET, "name": "Small room", "type": "whip", "max_join_limit": 5},
        ],
        "rooms": [{"title": "Main hall", "host": "host", "analytics": {"google_tag_manager": {"enabled": False}}}],
        "sessions": [
            {"room": "Main hall", "title": "Last year", "preset_id": RTMP_PRESET, "status": "ended"},
            {"room": "Main hall", "title": "Nobody came", "preset_id": RTMP_PRESET, "status": "expired"},
        ],
    }


@dataclass(frozen=True)
class Client:
    """Calls the API as one user; with ``username`` None, without credentials."""

    sim: Simulator
    http: requests.Session
    username: str | None = "host"

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {
            **({"X-API-Key": f"sim-api-key-{self.username}"} if self.username else {}),
            **options.pop("headers", {}),
        }
        return self.http.request(method, self.sim.api_url + path, headers=headers, timeout=TIMEOUT, **options)

    def data(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        answer = self.call(method, path, **options)
        assert answer.ok, f"{method} {path}: {answer.status_code}: {answer.text[:300]}"
        return dict(answer.json()["data"])

    def new_room(self, title: str = "Room") -> str:
        return str(self.data("POST", "/rooms", json={"title": title})["room"]["id"])

    def new_session(self, room_id: str | None = None, status: str = "scheduled", **fields: Any) -> str:
        return str(self.created(room_id, status, **fields)["session"]["id"])

    def created(self, room_id: str | None = None, status: str = "scheduled", **fields: Any) -> dict[str, Any]:
        """Create a session, bring it to the status, and return the ``data`` of its creation."""
        body = {"title": "Session", "preset_id": RTMP_PRESET, **fields}
        created = self.data("POST", f"/rooms/{room_id or self.new_room()}/sessions", json=body)
        for step in {"scheduled": [], "live": ["start"], "ended": ["start", "end"]}[status]:
            self.data("POST", f"/sessions/{created['session']['id']}/{step}")
        return created

    def as_user(self, username: str | None) -> Client:
        return Client(self.sim, self.http, username)

    def callback(self, callback: str, /, **form: str) -> requests.Response:
        return self.http.post(f"{self.sim.ingest_url}/{callback}", data=form, timeout=TIMEOUT, allow_redirects=False)


@pytest.fixture(scope="session")
def shared_sim() -> Iterator[Simulator]:
    with Simulator(seed()) as simulator:
        yield simulator


@pytest.fixture
def sim(shared_sim: Simulator) -> Iterator[Simulator]:
    """One simulator for all tests, each time strict, without faults and with an empty journal. Rooms remain."""
    shared_sim.journal.clear()
    yield shared_sim
    shared_sim.faults.clear()
    shared_sim.variant.reset()


@pytest.fixture
def client(sim: Simulator) -> Iterator[Client]:
    with requests.Session() as http:
        http.trust_env = False
        yield Client(sim, http)


@pytest.fixture
def unknown_id() -> str:
    return str(uuid4())
