# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A plain client of the service with a pool of 16, which calls what ``event`` calls.

It keeps no key, survives no failure and tells nothing of what it did.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter

WORKERS = 16
LIMIT = 100
TIMEOUT = 30.0


class Client:
    def __init__(self, api_url: str, api_key: str) -> None:
        self._api_url = api_url
        self._http = requests.Session()
        self._http.headers["X-API-Key"] = api_key
        self._http.mount(api_url, HTTPAdapter(pool_connections=1, pool_maxsize=WORKERS))

    def call(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        answer = self._http.request(method, self._api_url + path, timeout=TIMEOUT, **options)
        answer.raise_for_status()
        data: dict[str, Any] = answer.json()["data"]
        return data

    def listed(self, path: str, name: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        for page in range(1, 10_000):
            data = self.call("GET", path, params={"page": page, "limit": LIMIT})
            items += data[name]
            # As the contract says, a total alone does not end a list.
            if len(data[name]) < LIMIT:
                break
        return items

    def provision(self, rooms: list[dict[str, Any]]) -> None:
        ids = {room["title"]: room["id"] for room in self.listed("/rooms/my", "rooms")}
        with ThreadPoolExecutor(WORKERS) as pool:
            for _done in pool.map(lambda room: self._provision_room(room, ids.get(room["title"])), rooms):
                pass

    def _provision_room(self, room: dict[str, Any], room_id: str | None) -> None:
        there: set[str] = set()
        if room_id is None:
            room_id = self.call("POST", "/rooms", json={"title": room["title"]})["room"]["id"]
        else:
            there = {session["title"] for session in self.listed(f"/rooms/{room_id}/sessions", "sessions")}
        for session in room["sessions"]:
            if session["title"] not in there:
                body = {"title": session["title"], "preset_id": session["preset_id"]}
                self.call("POST", f"/rooms/{room_id}/sessions", json=body)


def provision(event_file: Path) -> None:
    event = json.loads(event_file.read_text())
    Client(event["service_url"], event["service_key"]).provision(event["event_rooms"])
