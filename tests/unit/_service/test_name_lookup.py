# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import multiprocessing
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import NotSent
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.name_lookup import addresses_of
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.transport import Transport

from ..scripted_server import Script, success

Connect = Callable[..., Transport]
HOST = "webinar.invalid"


@dataclass
class Resolver:
    """Replaces ``socket.getaddrinfo``: returns the address of a loopback port after ``released`` is set."""

    port: int = 1
    released: threading.Event = field(default_factory=threading.Event)
    asked: list[str] = field(default_factory=list)
    error: Exception | None = None
    addresses: int = 1

    def __call__(self, host: str, _port: Any, *_more: Any, **_named: Any) -> list[tuple[Any, ...]]:
        self.asked.append(host)
        self.released.wait(20)
        if self.error:
            raise self.error
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", self.port))] * self.addresses


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Resolver]:
    resolver = Resolver()
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    yield resolver
    resolver.released.set()
    deadline = time.monotonic() + 10
    while lookups() and time.monotonic() < deadline:
        time.sleep(0.01)


def lookups() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "tenbyte-name-lookup"]


@pytest.mark.parametrize("method", ["read", "write"])
def test_timeout_limits_the_lookup_of_a_name_and_nothing_was_sent(
    resolver: Resolver, connect: Connect, method: str
) -> None:
    transport = connect(f"http://{HOST}:1", timeout=0.3, retries=0)
    begin = time.monotonic()
    with pytest.raises(NotSent, match=rf"the address of {HOST} was not found within 0.3 seconds .*name servers"):
        transport.read("/rooms/my") if method == "read" else transport.write("POST", "/rooms", {})
    assert time.monotonic() - begin < 3


@pytest.mark.slow
def test_many_requests_share_one_thread_for_a_lookup_that_hangs(resolver: Resolver, connect: Connect) -> None:
    transport = connect(f"http://{HOST}:1", timeout=0.1, retries=3)
    with ThreadPoolExecutor(8) as pool:
        failures = [pool.submit(transport.read, "/rooms/my").exception() for _request in range(16)]
    assert {type(failure) for failure in failures} == {NotSent}
    assert len(lookups()) == 1
    assert resolver.asked == [HOST]
    resolver.released.set()
    lookups()[0].join(10)
    assert lookups() == []


def test_the_next_attempt_uses_the_result_of_a_lookup_that_took_too_long(
    script: Script, resolver: Resolver, connect: Connect
) -> None:
    resolver.port = int(script.url.rpartition(":")[2])
    script.expect(success({"id": "1"}))
    transport = connect(f"http://{HOST}:1", timeout=0.5, retries=5)
    threading.Timer(0.8, resolver.released.set).start()
    assert transport.write("POST", "/rooms", {}) == {"id": "1"}
    assert resolver.asked == [HOST]
    assert script.requests[0].headers["Host"] == f"{HOST}:1"


def test_a_name_without_address_is_an_error_at_once(resolver: Resolver, connect: Connect) -> None:
    resolver.error = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    resolver.released.set()
    with pytest.raises(NotSent, match=f"no connection to http://{HOST}:1. Check api_url"):
        connect(f"http://{HOST}:1", retries=0).write("POST", "/rooms", {})


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_an_address_is_not_looked_up_so_no_time_is_too_short_for_it(host: str) -> None:
    found = addresses_of(host, 443, socket.AF_UNSPEC, seconds=0.0)
    assert [one[4][:2] for one in found] == [(host, 443)]
    assert not lookups()


def test_names_below_localhost_are_looked_up_as_localhost(script: Script, resolver: Resolver, connect: Connect) -> None:
    resolver.port = int(script.url.rpartition(":")[2])
    resolver.released.set()
    script.expect(success())
    connect(f"http://api.localhost:{resolver.port}").read("/rooms/my")
    assert resolver.asked == ["localhost"]


class _UnreachableSocket(socket.socket):
    def connect(self, _address: Any) -> None:
        time.sleep(min(self.gettimeout() or 0.0, 5.0))
        raise TimeoutError("timed out")


def test_timeout_limits_the_attempts_to_connect_to_all_addresses_together(
    resolver: Resolver, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolver.addresses = 20
    resolver.released.set()
    monkeypatch.setattr(socket, "socket", _UnreachableSocket)
    begin = time.monotonic()
    with pytest.raises(NotSent, match=r"no response within 0.3 seconds|no connection"):
        connect(f"http://{HOST}:1", timeout=0.3, retries=0).write("POST", "/rooms", {})
    assert time.monotonic() - begin < 2


def test_the_next_address_is_used_if_one_refuses_the_connection(
    script: Script, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(script.url.rpartition(":")[2])
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        refused = (socket.AF_INET, socket.SOCK_STREAM, 6, "", closed.getsockname())
        answered = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_arguments: [refused, answered])
        script.expect(success())
        connect(f"http://{HOST}:1", retries=0).read("/rooms/my")


def _look_up(answers: Any) -> None:
    answers.put(addresses_of(HOST, 1, socket.AF_INET, 5.0)[0][4][1])


def test_a_forked_process_does_not_wait_for_its_parents_lookup(resolver: Resolver) -> None:
    with pytest.raises(TimeoutError):
        addresses_of(HOST, 1, socket.AF_INET, 0.05)
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    # The parent's lookup still waits for the first event.
    begun, resolver.released = resolver.released, threading.Event()
    resolver.released.set()
    child = context.Process(target=_look_up, args=(answers,))
    child.start()
    try:
        assert answers.get(timeout=10) == 1
    finally:
        child.join(10)
        begun.set()
