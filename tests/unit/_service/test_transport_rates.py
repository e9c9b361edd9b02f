# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests under a ceiling, and after the service has refused some with 429."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import NotSent, ServiceError, WebinarError
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import Redactor
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.transport import Connection, Transport

from ..scripted_server import QuietHandler, Script, refusal, send, serving, success

Connect = Callable[..., Transport]


def post(transport: Transport) -> object:
    return transport.write("POST", "/rooms", {"title": "Main stage"})


@pytest.mark.parametrize("retries", [0, 1, 2, 5])
def test_a_service_that_refuses_everything_is_asked_as_often_as_retries_says(
    script: Script, connect: Connect, retries: int
) -> None:
    script.expect(*[refusal(429, Retry_After="1")] * (retries + 1))
    with pytest.raises(ServiceError, match=r"requests_per_second.*concurrency.*later") as caught:
        post(connect(script.url, retries=retries))
    assert caught.value.status == 429


@pytest.mark.parametrize("retry_after", [{}, {"Retry_After": "1"}], ids=["without", "with Retry-After"])
def test_a_refusal_uses_up_no_retry_while_the_service_accepts_other_requests(
    script: Script, connect: Connect, retry_after: dict[str, str]
) -> None:
    transport = connect(script.url, retries=1)
    for _time in range(4):
        script.expect(success(), refusal(429, **retry_after))
    script.expect(success(), success({"id": "1"}))
    made = transport.write("POST", "/rooms", {}, before_each=lambda: transport.read("/rooms/my"))
    assert made == {"id": "1"}


def test_a_request_that_is_refused_for_ever_is_given_up_although_others_are_accepted(
    script: Script, connect: Connect
) -> None:
    """A quota that is used up, for example."""
    transport = connect(script.url, retries=1)
    for _time in range(5):
        script.expect(success(), refusal(429, {"success": False, "error": "quota exceeded"}))
    with pytest.raises(ServiceError, match="quota exceeded"):
        transport.write("POST", "/rooms", {}, before_each=lambda: transport.read("/rooms/my"))


def test_other_requests_do_not_wait_for_a_service_that_refuses_everything(script: Script, connect: Connect) -> None:
    transport = connect(script.url, retries=2)
    script.expect(*[refusal(429, Retry_After="5")] * 6)
    for _request in range(4):
        with pytest.raises(ServiceError):
            transport.read("/rooms/my")
    with pytest.raises(NotSent, match=r"GET /rooms/my: not sent.*HTTP 429.*requests_per_second"):
        transport.read("/rooms/my")
    assert len(script.requests) == 6


def test_a_failed_connection_uses_up_a_retry_and_a_refusal_does_not(script: Script, connect: Connect) -> None:
    script.expect(refusal(503), refusal(429), refusal(503), success({"id": "1"}))
    assert connect(script.url, retries=2).read("/rooms/my") == {"id": "1"}


def test_a_write_waits_for_its_turn_before_it_is_counted_with_a_lease_for_the_wait(
    script: Script, connect: Connect, pauses: list[float]
) -> None:
    transport = connect(script.url)
    script.expect(refusal(429, Retry_After="7"), success(), success())
    transport.read("/rooms/my")
    calls: list[object] = []
    transport.write("POST", "/rooms", {}, before_each=lambda: calls.append("each"), before_wait=calls.append)
    assert calls == [pauses[1], "each"]
    assert pauses == pytest.approx([7.0, 0.2])


def test_an_error_in_before_wait_prevents_the_first_attempt(script: Script, connect: Connect) -> None:
    transport = connect(script.url)
    script.expect(refusal(429, Retry_After="7"), success())
    transport.read("/rooms/my")

    def refuse(_seconds: float) -> None:
        raise WebinarError("the lease is gone")

    with pytest.raises(WebinarError, match="the lease is gone"):
        transport.write("POST", "/rooms", {}, before_wait=refuse)
    assert len(script.requests) == 2


def test_a_write_waits_again_if_a_pause_begins_while_it_is_counted(
    script: Script, connect: Connect, pauses: list[float]
) -> None:
    transport, other = connect(script.url), threading.Event()
    script.expect(refusal(429, Retry_After="9"), success(), success({"id": "1"}))
    calls: list[object] = []

    def before_each() -> None:
        calls.append("each")
        if not other.is_set():
            # Another thread's request is refused at this moment.
            other.set()
            transport.read("/rooms/my")

    made = transport.write("POST", "/rooms", {}, before_each=before_each, before_wait=calls.append)
    assert made == {"id": "1"}
    assert [request.method for request in script.requests] == ["GET", "GET", "POST"]
    assert calls == ["each", pytest.approx(0.2), "each"]
    assert pauses == pytest.approx([9.0, 0.2])


def test_under_a_ceiling_requests_are_sent_at_equal_distances(
    script: Script, connect: Connect, pauses: list[float]
) -> None:
    transport = connect(script.url, requests_per_second=4.0)
    script.expect(*[success()] * 4)
    for _request in range(2):
        transport.read("/rooms/my")
        post(transport)
    assert pauses == [0.25, 0.25, 0.25]


@pytest.mark.slow
def test_no_thread_sends_a_request_until_retry_after_is_over() -> None:
    received: list[float] = []
    refused: list[float] = []

    class Handler(QuietHandler):
        def answer(self) -> None:
            self.read_request()
            if len(received) > 40 and not refused:
                refused.append(time.monotonic())
                send(self, refusal(429, Retry_After="4"))
            else:
                received.append(time.monotonic())
                time.sleep(0.01)
                send(self, success({"id": "1"}))

    with serving(Handler) as server:
        connection = Connection(f"http://127.0.0.1:{server.server_address[1]}", api_key="unit-api-key")
        transport = Transport(connection, Redactor())

        def work() -> None:
            until = time.monotonic() + 5
            while time.monotonic() < until:
                assert transport.read("/rooms/my") == {"id": "1"}

        threads = [threading.Thread(target=work) for _thread in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        transport.close()
    begins = refused[0]
    # Those that were under way arrive soon, also on a busy machine.
    assert not [at for at in received if begins + 2 < at < begins + 3.99]
    assert [at for at in received if at > begins + 3.99]
