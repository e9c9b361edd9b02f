# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults on demand: what the client receives, and whether the request takes effect."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.simulator.crashes import POINTS, kill_tree
from tests.simulator.faults import FaultError

from .conftest import Client

ROOMS = r"^/rooms$"


def _rooms(client: Client) -> int:
    return len(client.sim.service.rooms)


def _create(client: Client, **options: Any) -> requests.Response:
    return client.call("POST", "/rooms", json={"title": "A room"}, **options)


def _create_impatiently(client: Client) -> None:
    headers = {"X-API-Key": "sim-api-key-host"}
    requests.post(f"{client.sim.api_url}/rooms", json={"title": "A room"}, headers=headers, timeout=0.2)


@pytest.mark.parametrize(("when", "made"), [("before", 0), ("after", 1)])
def test_drop_closes_the_connection_before_or_after_the_commit(client: Client, when: str, made: int) -> None:
    before = _rooms(client)
    client.sim.faults.add("drop", method="POST", path=ROOMS, when=when)
    with pytest.raises(requests.ConnectionError):
        _create(client)
    assert _rooms(client) == before + made
    assert client.sim.journal[-1].status is None
    assert _create(client).status_code == 201


@pytest.mark.parametrize(("when", "made"), [("before", 0), ("after", 1)])
def test_status_replaces_the_response_before_or_after_the_commit(client: Client, when: str, made: int) -> None:
    before = _rooms(client)
    client.sim.faults.add("status", method="POST", path=ROOMS, status=503, when=when)
    assert _create(client).status_code == 503
    assert _rooms(client) == before + made
    assert client.sim.journal[-1].status == 503


def test_status_may_have_headers_and_a_body(client: Client) -> None:
    client.sim.faults.add("status", status=429, headers={"Retry-After": "2"}, body={"odd": True})
    answer = _create(client)
    assert (answer.status_code, answer.headers["Retry-After"], answer.json()) == (429, "2", {"odd": True})


def test_rate_limit_refuses_what_exceeds_the_rate_and_its_burst(client: Client) -> None:
    before = _rooms(client)
    client.sim.faults.add("rate_limit", per_second=0.01, burst=2, method="POST", times=None)
    answers = [_create(client) for _unused in range(4)]
    assert [answer.status_code for answer in answers] == [201, 201, 429, 429]
    assert "Retry-After" not in answers[-1].headers
    assert answers[-1].json()["code"] == "rate_limited"
    assert _rooms(client) == before + 2
    assert client.call("GET", "/rooms").status_code == 200


def test_rate_limit_allows_one_request_after_another(client: Client) -> None:
    client.sim.faults.add("rate_limit", per_second=20, times=None)
    client.sim.journal.clear()
    _wait_for(lambda: client.call("GET", "/rooms").ok and [entry.status for entry in client.sim.journal].count(200) > 9)
    accepted = [entry.at for entry in client.sim.journal if entry.status == 200]
    assert accepted[9] - accepted[0] > 0.4
    assert {entry.status for entry in client.sim.journal} == {200, 429}


def test_rate_limit_with_retry_after_refuses_all_requests_until_that_time_is_over(client: Client) -> None:
    client.sim.faults.add("rate_limit", per_second=100, burst=1, retry_after=1, times=None)
    while (answer := client.call("GET", "/rooms")).ok:
        pass
    assert answer.headers["Retry-After"] == "1"
    time.sleep(0.5)
    assert client.call("GET", "/rooms").status_code == 429
    # The time began anew.
    time.sleep(0.7)
    assert client.call("GET", "/rooms").status_code == 429
    time.sleep(1.1)
    assert client.call("GET", "/rooms").status_code == 200


def test_truncate_ends_the_response_before_its_content_length_after_the_commit(client: Client) -> None:
    before = _rooms(client)
    client.sim.faults.add("truncate", method="POST")
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        _create(client)
    assert _rooms(client) == before + 1


def test_delay_commit_commits_after_the_connection_is_closed(client: Client) -> None:
    before = _rooms(client)
    client.sim.faults.add("delay_commit", method="POST", seconds=0.3)
    with pytest.raises(requests.ConnectionError):
        _create(client)
    assert _rooms(client) == before
    deadline = time.monotonic() + 5
    while _rooms(client) == before and time.monotonic() < deadline:
        time.sleep(0.02)
    assert _rooms(client) == before + 1


def test_delay_commit_may_keep_the_connection_open(client: Client) -> None:
    before = _rooms(client)
    client.sim.faults.add("delay_commit", method="POST", seconds=1.0, hold=True)
    with pytest.raises(requests.ReadTimeout):
        _create_impatiently(client)
    assert _rooms(client) == before
    _wait_for(lambda: _rooms(client) == before + 1)


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "what the test waits for did not happen"
        time.sleep(0.02)


# A client whose child process has its own session, as Ansible's workers have, and sends the request.
CLIENT = """
import os, sys, time, urllib.request
if os.fork():
    os.wait()
os.setsid()
headers = {"X-API-Key": "sim-api-key-host", "Content-Type": "application/json"}
sys.stdin.read()
urllib.request.urlopen(urllib.request.Request(sys.argv[1] + "/rooms", b'{"title": "A room"}', headers)).read()
time.sleep(60)
"""


@pytest.mark.parametrize("point", POINTS)
def test_crash_kills_a_client_and_its_descendants(client: Client, point: str) -> None:
    before = _rooms(client)
    with subprocess.Popen([sys.executable, "-c", CLIENT, client.sim.api_url], stdin=subprocess.PIPE) as process:
        rule = client.sim.faults.add("crash", method="POST", path=ROOMS, point=point, process=process.pid)
        process.communicate(timeout=20)
    assert process.returncode == -signal.SIGKILL
    _wait_for(lambda: rule.struck and _rooms(client) == before + 1)


@pytest.mark.parametrize("process", [1, os.getpid()], ids=["the first", "itself"])
def test_the_simulator_kills_neither_itself_nor_init(process: int) -> None:
    with pytest.raises(ValueError, match="must not be killed"):
        kill_tree(process)


@pytest.mark.parametrize(("when", "made"), [("before", 0), ("after", 1)])
def test_a_client_may_time_out_because_of_latency(client: Client, when: str, made: int) -> None:
    before = _rooms(client)
    client.sim.faults.add("latency", method="POST", seconds=0.5, when=when)
    with pytest.raises(requests.ReadTimeout):
        _create_impatiently(client)
    assert _rooms(client) == before + made
    # Wait for the service, which continues without the client: later tests count rooms too.
    _wait_for(lambda: _rooms(client) == before + 1)


def test_html_returns_the_error_page_of_a_proxy(client: Client) -> None:
    client.sim.faults.add("html", status=504)
    answer = client.call("GET", "/rooms")
    assert answer.status_code == 504
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.text.startswith("<html")


def test_lagging_list_hides_new_items(client: Client) -> None:
    room_id = client.new_room()
    client.new_session(room_id)
    client.sim.faults.add("lagging_list", seconds=60, path="/sessions$")
    assert client.data("GET", f"/rooms/{room_id}/sessions")["total"] == 0
    assert client.data("GET", f"/rooms/{room_id}/sessions")["total"] == 1


def _pages(client: Client, room_id: str, *numbers: int) -> list[dict[str, Any]]:
    return [client.data("GET", f"/rooms/{room_id}/sessions", params={"page": n, "limit": 2}) for n in numbers]


def test_a_list_may_ignore_or_repeat_pages_or_return_all_items(client: Client) -> None:
    room_id = client.new_room()
    for _unused in range(5):
        client.new_session(room_id)
    first, second = _pages(client, room_id, 1, 2)
    assert first["sessions"] != second["sessions"]
    client.sim.faults.add("ignore_page", method="GET")
    (ignored,) = _pages(client, room_id, 2)
    assert (ignored["sessions"], ignored["page"]) == (first["sessions"], 1)
    client.sim.faults.add("repeat_page", method="GET")
    (repeated,) = _pages(client, room_id, 2)
    assert (repeated["sessions"], repeated["page"]) == (first["sessions"], 2)
    client.sim.faults.add("ignore_page", method="GET", whole=True)
    (whole,) = _pages(client, room_id, 3)
    assert len(whole["sessions"]) == 5


def test_a_total_may_be_wrong_or_missing(client: Client) -> None:
    client.sim.faults.add("wrong_total", by=-1, method="GET")
    client.sim.faults.add("no_total", method="GET", skip=1)
    right = _rooms(client)
    assert client.data("GET", "/rooms")["total"] == right - 1
    assert "total" not in client.data("GET", "/rooms")
    assert client.data("GET", "/rooms")["total"] == right


def test_responses_may_have_additional_or_missing_fields(client: Client) -> None:
    session_id = client.new_session()
    plain = client.data("GET", f"/sessions/{session_id}")
    client.sim.faults.add("foreign_fields")
    foreign = client.data("GET", f"/sessions/{session_id}")
    assert foreign.keys() > plain.keys()
    assert foreign["preset"].keys() > plain["preset"].keys()
    client.sim.faults.add("without", fields=["status", "mode", "preset.type"], times=2)
    bare = client.data("GET", f"/sessions/{session_id}")
    assert plain.keys() - bare.keys() == {"status", "mode"}
    assert plain["preset"].keys() - bare["preset"].keys() == {"type"}
    listed = client.data("GET", "/sessions")["sessions"]
    assert not any("status" in item for item in listed)
    assert client.data("GET", f"/sessions/{session_id}") == plain


def test_a_rule_applies_only_to_its_method_and_path_and_only_so_many_times(client: Client) -> None:
    client.sim.faults.add("status", status=500, method="POST", path=ROOMS, skip=1, times=2)
    room_id = client.new_room()
    assert client.call("GET", "/rooms").status_code == 200
    assert client.call("GET", f"/rooms/{room_id}/sessions").status_code == 200
    assert [_create(client).status_code for _unused in range(3)] == [500, 500, 201]


def test_a_rule_without_times_applies_until_the_rules_are_cleared(client: Client) -> None:
    client.sim.faults.add("status", status=500, times=None)
    assert {client.call("GET", "/rooms").status_code for _unused in range(5)} == {500}
    client.sim.faults.clear()
    assert client.call("GET", "/rooms").status_code == 200


def test_two_deciding_rules_apply_to_different_requests(client: Client) -> None:
    client.sim.faults.add("status", status=500)
    client.sim.faults.add("status", status=503)
    assert [client.call("GET", "/rooms").status_code for _unused in range(3)] == [500, 503, 200]


WRONG_RULES: list[tuple[dict[str, Any], str]] = [
    ({"action": "explode"}, "unknown"),
    ({"action": "status"}, "status: is needed"),
    ({"action": "status", "status": 200}, "status: must be"),
    ({"action": "drop", "when": "later"}, "when: must be"),
    ({"action": "drop", "seconds": 1}, "seconds: is not an option"),
    ({"action": "drop", "path": "("}, "regular expression"),
    ({"action": "drop", "times": 0}, "times: must be"),
    ({"action": "drop", "skip": -1}, "skip: must be"),
    ({"action": "latency", "seconds": "1"}, "seconds: must be"),
    ({"action": "without", "fields": []}, "fields: must be"),
    ({"action": "rate_limit"}, "per_second: is needed"),
    ({"action": "rate_limit", "per_second": 0}, "per_second: must be"),
    ({"action": "rate_limit", "per_second": 1, "burst": 0}, "burst: must be"),
    ({"action": "rate_limit", "per_second": 1, "retry_after": 0.5}, "retry_after: must be"),
    ({"action": "short_page"}, "items: is needed"),
    ({"action": "short_page", "items": -1}, "items: must be"),
    ({"action": "drop", "page": 0}, "page: must be"),
    ({"action": "change"}, "change: is needed"),
    ({"action": "change", "change": {"do": "explode"}}, "change: do: 'explode' is unknown"),
]


@pytest.mark.parametrize(("rule", "message"), WRONG_RULES)
def test_an_invalid_rule_is_an_error(client: Client, rule: dict[str, Any], message: str) -> None:
    with pytest.raises(FaultError, match=message):
        client.sim.faults.add(**rule)
    admin = client.sim.api_url.removesuffix("/v1/webinar") + "/_simulator/faults"
    answer = client.http.post(admin, json=rule, timeout=5)
    assert answer.status_code == 400
    assert message in answer.json()["error"]
    assert client.call("GET", "/rooms").status_code == 200
