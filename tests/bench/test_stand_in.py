# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stand-in's answers: those of the contract and of the simulator, and none that waits for another."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from tests.contract import conftest as simulated
from tests.contract import published
from tests.simulator.server import Simulator

from .service import API_KEY, PRESET_ID
from .stand_in import StandIn

HEADERS = {"X-API-Key": API_KEY}
TIMEOUT = 10.0
LATENCY = 0.3
contract = pytest.mark.skipif(not published.DOCUMENT_PATH.exists(), reason=published.ABSENT)


@pytest.fixture(scope="module")
def stand_in() -> Iterator[StandIn]:
    with StandIn() as running:
        yield running


def call(stand_in: StandIn, method: str, path: str, **options: Any) -> requests.Response:
    return requests.request(method, stand_in.api_url + path, timeout=TIMEOUT, **{"headers": HEADERS, **options})


def new_room(stand_in: StandIn, title: str = "Room") -> str:
    return str(call(stand_in, "POST", "/rooms", json={"title": title}).json()["data"]["room"]["id"])


def new_session(stand_in: StandIn, room_id: str, title: str = "Session") -> requests.Response:
    return call(stand_in, "POST", f"/rooms/{room_id}/sessions", json={"title": title, "preset_id": PRESET_ID})


def answers(stand_in: StandIn) -> Iterator[tuple[published.OperationId, requests.Response]]:
    """Yield each operation that the stand-in has, and its response."""
    room = call(stand_in, "POST", "/rooms", json={"title": 'Größe "1"'})
    yield ("POST", "/rooms"), room
    room_id = room.json()["data"]["room"]["id"]
    session = new_session(stand_in, room_id)
    yield ("POST", "/rooms/{id}/sessions"), session
    yield ("GET", "/rooms/my"), call(stand_in, "GET", "/rooms/my?limit=3")
    yield ("GET", "/rooms/{id}"), call(stand_in, "GET", f"/rooms/{room_id}")
    yield ("GET", "/rooms/{id}/sessions"), call(stand_in, "GET", f"/rooms/{room_id}/sessions")
    session_id = session.json()["data"]["session"]["id"]
    yield ("GET", "/sessions/{id}"), call(stand_in, "GET", f"/sessions/{session_id}")


@contract
def test_each_answer_is_one_of_the_contract(stand_in: StandIn) -> None:
    for operation, answer in answers(stand_in):
        published.assert_valid_success(operation, answer)


@contract
def test_each_refusal_is_one_of_the_contract(stand_in: StandIn) -> None:
    published.assert_valid_error(call(stand_in, "GET", "/rooms/my", headers={}), 401)
    published.assert_valid_error(call(stand_in, "POST", "/rooms", json={"title": "ab"}), 422)
    published.assert_valid_error(call(stand_in, "GET", "/rooms/unknown/sessions"), 404)
    published.assert_valid_error(call(stand_in, "DELETE", "/rooms/unknown"), 404)


def shape(value: Any) -> Any:
    """Return a value's names and types, in the order of the names."""
    if isinstance(value, dict):
        return {name: shape(value[name]) for name in sorted(value)}
    return [shape(one) for one in value[:1]] if isinstance(value, list) else type(value)


def test_each_answer_has_the_fields_of_the_simulators(stand_in: StandIn) -> None:
    with Simulator(simulated.seed()) as simulator, requests.Session() as http:
        client = simulated.Client(simulator, http)
        room_id = client.new_room()
        session = client.created(room_id)
        expected = {
            ("POST", "/rooms"): client.data("POST", "/rooms", json={"title": "Hall"}),
            ("POST", "/rooms/{id}/sessions"): session,
            ("GET", "/rooms/my"): client.data("GET", "/rooms/my?limit=1"),
            ("GET", "/rooms/{id}"): client.data("GET", f"/rooms/{room_id}"),
            ("GET", "/rooms/{id}/sessions"): client.data("GET", f"/rooms/{room_id}/sessions"),
            ("GET", "/sessions/{id}"): client.data("GET", f"/sessions/{session['session']['id']}"),
        }
    assert {operation: shape(answer.json()["data"]) for operation, answer in answers(stand_in)} == {
        operation: shape(data) for operation, data in expected.items()
    }


def test_a_list_has_pages_with_the_newest_first(stand_in: StandIn) -> None:
    room_id = new_room(stand_in)
    for number in range(5):
        new_session(stand_in, room_id, f"Session {number}")
    pages = [
        call(stand_in, "GET", f"/rooms/{room_id}/sessions?page={page}&limit=2").json()["data"] for page in (1, 2, 3, 4)
    ]
    assert [[session["title"][-1] for session in page["sessions"]] for page in pages] == [
        ["4", "3"],
        ["2", "1"],
        ["0"],
        [],
    ]
    assert {(page["total"], page["limit"]) for page in pages} == {(5, 2)}


def test_the_journal_counts_each_call_once(stand_in: StandIn) -> None:
    before = stand_in.journal()
    room_id = new_room(stand_in)
    new_session(stand_in, room_id)
    call(stand_in, "GET", f"/rooms/{room_id}/sessions")
    call(stand_in, "GET", "/rooms/my", headers={"X-API-Key": "another"})
    call(stand_in, "PUT", "/rooms/my")
    done = stand_in.journal().since(before)
    assert done.calls == {
        "POST /rooms": 1,
        "POST /rooms/{id}/sessions": 1,
        "GET /rooms/{id}/sessions": 1,
        "GET /rooms/my": 1,
        "other": 1,
    }
    assert (done.rooms, done.sessions, done.refused) == (1, 1, 2)


def test_a_late_answer_holds_up_no_other() -> None:
    with StandIn(LATENCY) as slow, ThreadPoolExecutor(8) as pool:
        begun = time.perf_counter()
        late = list(pool.map(lambda _number: call(slow, "GET", "/rooms/my"), range(8)))
        needed = time.perf_counter() - begun
    assert all(answer.ok for answer in late)
    assert LATENCY <= needed < 4 * LATENCY
