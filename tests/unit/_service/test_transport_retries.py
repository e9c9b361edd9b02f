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
TRANSIENT: dict[str, Line] = {
    "502": refusal(502),
    "503": refusal(503),
    "504": refusal(504),
    "dropped": drop,
    "truncated": truncated(b'{"success": true, "data": 1}'),
}
EFFECT_UNKNOWN: dict[str, Line] = {
    **TRANSIENT,
    "408": refusal(408),
    "500": refusal(500),
    "html": Answer(200, b"<html></html>"),
}


def post(transport: Transport) -> object:
    return transport.write("POST", "/rooms", {"title": "Main stage"})


@pytest.fixture
def closed_url() -> str:
    """A URL at which nothing listens."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{reserved.getsockname()[1]}"


@pytest.mark.parametrize("fault", TRANSIENT)
def test_a_read_is_retried_after_a_transient_error(
    script: Script, connect: Connect, pauses: list[float], fault: str
) -> None:
    script.expect(TRANSIENT[fault], TRANSIENT[fault], success({"id": "1"}))
    assert connect(script.url).read("/rooms/my") == {"id": "1"}
    assert len(pauses) == 2
    assert pauses[1] > 0 < pauses[0]


@pytest.mark.parametrize("fault", TRANSIENT)
def test_a_read_fails_after_the_last_retry(script: Script, connect: Connect, fault: str) -> None:
    script.expect(*[TRANSIENT[fault]] * 3)
    with pytest.raises((AnswerLost, ServiceError)):
        connect(script.url, retries=2).read("/rooms/my")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 500])
def test_a_read_is_not_retried_after_another_error_status(script: Script, connect: Connect, status: int) -> None:
    script.expect(refusal(status))
    with pytest.raises(ServiceError) as caught:
        connect(script.url).read("/rooms/my")
    assert caught.value.status == status


@pytest.mark.parametrize("fault", EFFECT_UNKNOWN)
def test_a_write_whose_effect_is_unknown_is_not_retried(script: Script, connect: Connect, fault: str) -> None:
    script.expect(EFFECT_UNKNOWN[fault])
    with pytest.raises(AnswerLost):
        post(connect(script.url, retries=5))
    assert len(script.requests) == 1


def test_a_write_that_times_out_is_not_retried(script: Script, connect: Connect) -> None:
    ended = threading.Event()

    def do_not_respond(_handler: BaseHTTPRequestHandler) -> None:
        ended.wait(10)

    script.expect(do_not_respond)
    with pytest.raises(AnswerLost, match="timeout"):
        post(connect(script.url, timeout=0.3, retries=5))
    ended.set()
    assert len(script.requests) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422])
def test_a_refused_write_is_a_service_error_without_a_retry(script: Script, connect: Connect, status: int) -> None:
    script.expect(refusal(status))
    with pytest.raises(ServiceError) as caught:
        post(connect(script.url, retries=5))
    assert caught.value.status == status


def test_a_response_with_success_false_is_a_service_error(script: Script, connect: Connect) -> None:
    script.expect(refusal(200, {"success": False, "error": "room is full"}))
    with pytest.raises(ServiceError, match="room is full"):
        post(connect(script.url))


@pytest.mark.parametrize("method", ["read", "write"])
def test_a_429_is_retried_after_the_seconds_of_retry_after(
    script: Script, connect: Connect, pauses: list[float], method: str
) -> None:
    script.expect(refusal(429, Retry_After="7"), success({"id": "1"}))
    transport = connect(script.url)
    assert (transport.read("/rooms/my") if method == "read" else post(transport)) == {"id": "1"}
    assert pauses == [7.0]


def test_a_429_is_retried_at_the_date_of_retry_after(script: Script, connect: Connect, pauses: list[float]) -> None:
    until = datetime.now(timezone.utc) + timedelta(seconds=40)
    script.expect(refusal(429, Retry_After=format_datetime(until, usegmt=True)), success())
    post(connect(script.url))
    assert 20 < pauses[0] <= 40


def test_a_429_with_a_date_in_the_past_is_retried_at_once(
    script: Script, connect: Connect, pauses: list[float]
) -> None:
    script.expect(refusal(429, Retry_After="Fri, 31 Dec 1999 23:59:59 GMT"), success())
    post(connect(script.url))
    assert pauses == []


@pytest.mark.parametrize("far", ["86400", "9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_pause_is_at_most_a_minute(script: Script, connect: Connect, pauses: list[float], far: str) -> None:
    script.expect(refusal(429, Retry_After=far), success())
    post(connect(script.url))
    assert pauses == [60.0]


@pytest.mark.parametrize("nonsense", ["", "soon", "-5", "1.5", "\xb2"], ids=range(5))
def test_an_invalid_retry_after_means_the_usual_backoff(
    script: Script, connect: Connect, pauses: list[float], nonsense: str
) -> None:
    script.expect(refusal(429, Retry_After=nonsense), success())
    post(connect(script.url))
    assert len(pauses) == 1
    assert 0 < pauses[0] <= 1


@pytest.mark.parametrize("method", ["read", "write"])
def test_a_refused_connection_is_retried_and_then_an_error(
    closed_url: str, connect: Connect, pauses: list[float], method: str
) -> None:
    transport = connect(closed_url, retries=3)
    with pytest.raises(NotSent, match="api_url"):
        transport.read("/rooms/my") if method == "read" else post(transport)
    assert len(pauses) == 3


def test_before_each_is_called_before_each_attempt(script: Script, connect: Connect) -> None:
    script.expect(refusal(429, Retry_After="0"), success())
    seen: list[int] = []
    connect(script.url).write("POST", "/rooms", {}, before_each=lambda: seen.append(len(script.requests)))
    assert seen == [0, 1]


def test_an_error_in_before_each_ends_the_attempts(script: Script, connect: Connect) -> None:
    def refuse() -> None:
        raise CreationUnresolved("the lease is gone")

    with pytest.raises(CreationUnresolved):
        connect(script.url).write("POST", "/rooms", {}, before_each=refuse)
    assert script.requests == []


def test_before_wait_is_called_before_each_pause_with_its_seconds(
    script: Script, connect: Connect, pauses: list[float]
) -> None:
    script.expect(refusal(429, Retry_After="60"), refusal(429), success())
    calls: list[tuple[float, int]] = []
    connect(script.url).write("POST", "/rooms", {}, before_wait=lambda seconds: calls.append((seconds, len(pauses))))
    assert calls == [(60.0, 0), (pauses[1], 1)]


def test_before_wait_is_called_before_each_new_attempt_to_connect(closed_url: str, connect: Connect) -> None:
    waits: list[float] = []
    with pytest.raises(NotSent):
        connect(closed_url, retries=2).write("POST", "/rooms", {}, before_wait=waits.append)
    assert len(waits) == 2


def test_an_error_in_before_wait_ends_the_attempts(script: Script, connect: Connect, pauses: list[float]) -> None:
    def refuse(_seconds: float) -> None:
        raise CreationUnresolved("the lease is gone")

    script.expect(refusal(429, Retry_After="60"))
    with pytest.raises(CreationUnresolved):
        connect(script.url).write("POST", "/rooms", {}, before_wait=refuse)
    assert pauses == []


@pytest.mark.parametrize("host", ["exa mple.invalid", "a..b", ""])
def test_an_invalid_url_is_an_error_that_names_api_url(connect: Connect, host: str) -> None:
    with pytest.raises(WebinarError, match="api_url"):
        connect(f"http://{host}:1", retries=0).read("/rooms/my")


def test_the_service_time_advances_between_responses(script: Script, connect: Connect) -> None:
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
