# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import (
    AnswerLost,
    CreationUnresolved,
    NotSent,
    ServiceError,
    WebinarError,
)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.transport import Transport

from ..scripted_server import Answer, Line, Script, drop, refusal, success, truncated

Connect = Callable[..., Transport]
PASSING: dict[str, Line] = {
    "502": refusal(502),
    "503": refusal(503),
    "504": refusal(504),
    "dropped": drop,
    "truncated": truncated(b'{"success": true, "data": 1}'),
}
DOUBTFUL: dict[str, Line] = {**PASSING, "408": refusal(408), "500": refusal(500), "html": Answer(200, b"<html></html>")}


def post(transport: Transport) -> object:
    return transport.write("POST", "/rooms", {"title": "Main stage"})


@pytest.fixture
def closed_url() -> str:
    """A URL at which nothing listens."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{reserved.getsockname()[1]}"


@pytest.mark.parametrize("fault", PASSING)
def test_a_read_is_tried_again_after_what_passes(
    script: Script, connect: Connect, pauses: list[float], fault: str
) -> None:
    script.expect(PASSING[fault], PASSING[fault], success({"id": "1"}))
    assert connect(script.url).read("/rooms/my") == {"id": "1"}
    assert len(pauses) == 2
    assert pauses[1] > 0 < pauses[0]


@pytest.mark.parametrize("fault", PASSING)
def test_a_read_gives_up_after_its_retries(script: Script, connect: Connect, fault: str) -> None:
    script.expect(*[PASSING[fault]] * 3)
    with pytest.raises((AnswerLost, ServiceError)):
        connect(script.url, retries=2).read("/rooms/my")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 500])
def test_a_definite_refusal_of_a_read_is_not_tried_again(script: Script, connect: Connect, status: int) -> None:
    script.expect(refusal(status))
    with pytest.raises(ServiceError) as caught:
        connect(script.url).read("/rooms/my")
    assert caught.value.status == status


@pytest.mark.parametrize("fault", DOUBTFUL)
def test_a_write_whose_effect_is_unknown_is_not_sent_again(script: Script, connect: Connect, fault: str) -> None:
    script.expect(DOUBTFUL[fault])
    with pytest.raises(AnswerLost):
        post(connect(script.url, retries=5))
    assert len(script.requests) == 1


def test_a_write_that_times_out_is_not_sent_again(script: Script, connect: Connect) -> None:
    asked_no_more = threading.Event()

    def say_nothing(_handler: BaseHTTPRequestHandler) -> None:
        asked_no_more.wait(10)

    script.expect(say_nothing)
    with pytest.raises(AnswerLost, match="timeout"):
        post(connect(script.url, timeout=0.3, retries=5))
    asked_no_more.set()
    assert len(script.requests) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422])
def test_a_refused_write_is_a_service_error_and_is_not_sent_again(
    script: Script, connect: Connect, status: int
) -> None:
    script.expect(refusal(status))
    with pytest.raises(ServiceError) as caught:
        post(connect(script.url, retries=5))
    assert caught.value.status == status


def test_a_success_that_says_it_is_none_is_a_refusal(script: Script, connect: Connect) -> None:
    script.expect(refusal(200, {"success": False, "error": "room is full"}))
    with pytest.raises(ServiceError, match="room is full"):
        post(connect(script.url))


@pytest.mark.parametrize("method", ["read", "write"])
def test_a_429_is_waited_out_for_the_seconds_that_it_names(
    script: Script, connect: Connect, pauses: list[float], method: str
) -> None:
    script.expect(refusal(429, Retry_After="7"), success({"id": "1"}))
    transport = connect(script.url)
    assert (transport.read("/rooms/my") if method == "read" else post(transport)) == {"id": "1"}
    assert pauses == [7.0]


def test_a_429_is_waited_out_until_the_date_that_it_names(
    script: Script, connect: Connect, pauses: list[float]
) -> None:
    until = datetime.now(timezone.utc) + timedelta(seconds=40)
    script.expect(refusal(429, Retry_After=format_datetime(until, usegmt=True)), success())
    post(connect(script.url))
    assert 20 < pauses[0] <= 40


def test_a_date_that_has_passed_means_now(script: Script, connect: Connect, pauses: list[float]) -> None:
    script.expect(refusal(429, Retry_After="Fri, 31 Dec 1999 23:59:59 GMT"), success())
    post(connect(script.url))
    assert pauses == [0.0]


@pytest.mark.parametrize("far", ["86400", "9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_nobody_waits_longer_than_a_minute(script: Script, connect: Connect, pauses: list[float], far: str) -> None:
    script.expect(refusal(429, Retry_After=far), success())
    post(connect(script.url))
    assert pauses == [60.0]


@pytest.mark.parametrize("nonsense", ["", "soon", "-5", "1.5", "\xb2"], ids=range(5))
def test_a_retry_after_that_is_neither_means_the_usual_pause(
    script: Script, connect: Connect, pauses: list[float], nonsense: str
) -> None:
    script.expect(refusal(429, Retry_After=nonsense), success())
    post(connect(script.url))
    assert len(pauses) == 1
    assert 0 < pauses[0] <= 1


def test_a_429_that_stays_is_a_refusal_that_names_concurrency(script: Script, connect: Connect) -> None:
    script.expect(*[refusal(429, Retry_After="1")] * 3)
    with pytest.raises(ServiceError, match="concurrency"):
        post(connect(script.url, retries=2))


@pytest.mark.parametrize("method", ["read", "write"])
def test_a_refused_connection_is_tried_again_and_then_not_sent(
    closed_url: str, connect: Connect, pauses: list[float], method: str
) -> None:
    transport = connect(closed_url, retries=3)
    with pytest.raises(NotSent, match="api_url"):
        transport.read("/rooms/my") if method == "read" else post(transport)
    assert len(pauses) == 3


def test_what_is_to_be_done_before_each_attempt_is_done_before_each(script: Script, connect: Connect) -> None:
    script.expect(refusal(429, Retry_After="0"), success())
    seen: list[int] = []
    connect(script.url).write("POST", "/rooms", {}, before_each=lambda: seen.append(len(script.requests)))
    assert seen == [0, 1]


def test_what_is_raised_before_an_attempt_ends_the_attempts(script: Script, connect: Connect) -> None:
    def refuse() -> None:
        raise CreationUnresolved("the lease is gone")

    with pytest.raises(CreationUnresolved):
        connect(script.url).write("POST", "/rooms", {}, before_each=refuse)
    assert script.requests == []


def test_what_is_to_be_done_before_a_wait_is_told_its_seconds(
    script: Script, connect: Connect, pauses: list[float]
) -> None:
    script.expect(refusal(429, Retry_After="60"), refusal(429), success())
    told: list[tuple[float, int]] = []
    connect(script.url).write("POST", "/rooms", {}, before_wait=lambda seconds: told.append((seconds, len(pauses))))
    assert told == [(60.0, 0), (pauses[1], 1)]


def test_a_connection_that_is_refused_is_waited_for_as_told(closed_url: str, connect: Connect) -> None:
    told: list[float] = []
    with pytest.raises(NotSent):
        connect(closed_url, retries=2).write("POST", "/rooms", {}, before_wait=told.append)
    assert len(told) == 2


def test_what_is_raised_before_a_wait_ends_the_attempts(script: Script, connect: Connect, pauses: list[float]) -> None:
    def refuse(_seconds: float) -> None:
        raise CreationUnresolved("the lease is gone")

    script.expect(refusal(429, Retry_After="60"))
    with pytest.raises(CreationUnresolved):
        connect(script.url).write("POST", "/rooms", {}, before_wait=refuse)
    assert pauses == []


@pytest.mark.parametrize("host", ["exa mple.invalid", "a..b", ""])
def test_a_url_that_cannot_be_called_is_one_sentence(connect: Connect, host: str) -> None:
    with pytest.raises(WebinarError, match="api_url"):
        connect(f"http://{host}:1", retries=0).read("/rooms/my")


def test_the_services_own_time_goes_on_between_its_answers(script: Script, connect: Connect) -> None:
    transport = connect(script.url)
    assert transport.service_time() is None
    script.expect(success({}), Answer(200, b'{"success": true, "timestamp": "noon"}'))
    transport.read("/rooms/my")
    first = transport.service_time()
    transport.read("/rooms/my")
    second = transport.service_time()
    assert first is not None
    assert second is not None
    assert 1_700_000_000 <= first < second < 1_700_000_060
