# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.deadlines import Deadline, Deadlines

# In seconds: long enough for a busy machine.
PATIENCE = 10.0


@dataclass
class Stream:
    """A connection, as a deadline knows it. ``sock`` never receives a byte."""

    sock: socket.socket


@pytest.fixture
def stream() -> Iterator[Callable[[], Stream]]:
    opened: list[socket.socket] = []

    def new_stream() -> Stream:
        here, there = socket.socketpair()
        opened.extend((here, there))
        here.settimeout(PATIENCE)
        return Stream(here)

    yield new_stream
    for one in opened:
        one.close()


@pytest.fixture
def watchers() -> Callable[[], int]:
    """Return how many threads watch the deadlines of this test."""
    earlier = set(threading.enumerate())
    return lambda: sum(thread.name == "tenbyte-deadlines" for thread in set(threading.enumerate()) - earlier)


def wait_for_none(watchers: Callable[[], int]) -> None:
    until = time.monotonic() + PATIENCE
    while watchers():
        assert time.monotonic() < until, "the watching thread did not end"
        time.sleep(0.005)


def test_an_exchange_that_takes_too_long_is_ended(stream: Callable[[], Stream]) -> None:
    connection, started = stream(), time.monotonic()
    with Deadline(Deadlines(0.1)) as deadline:
        deadline.watch(connection)
        assert connection.sock.recv(1) == b""
    assert deadline.passed
    assert 0.1 <= time.monotonic() - started < PATIENCE


def test_a_connection_that_is_still_being_opened_is_ended_and_nothing_was_sent(stream: Callable[[], Stream]) -> None:
    connection = stream()
    with Deadline(Deadlines(0.1)) as deadline:
        deadline.open(connection)
        assert connection.sock.recv(1) == b""
    assert deadline.passed
    assert not deadline.was_sent


def test_an_exchange_that_ends_in_time_leaves_its_connection_alone(
    stream: Callable[[], Stream], watchers: Callable[[], int]
) -> None:
    connection, deadlines = stream(), Deadlines(0.1)
    with Deadline(deadlines) as deadline:
        deadline.watch(connection)
    # The thread waits for the end of the time that the exchange had.
    wait_for_none(watchers)
    connection.sock.settimeout(0.05)
    with pytest.raises(TimeoutError):
        connection.sock.recv(1)
    assert not deadline.passed
    assert deadline.was_sent


def test_each_exchange_has_its_own_time(stream: Callable[[], Stream]) -> None:
    deadlines, lengths = Deadlines(0.3), []

    def exchange(wait: float) -> None:
        connection = stream()
        time.sleep(wait)
        started = time.monotonic()
        with Deadline(deadlines) as deadline:
            deadline.watch(connection)
            connection.sock.recv(1)
            assert deadline.passed
        lengths.append(time.monotonic() - started)

    threads = [threading.Thread(target=exchange, args=(number * 0.05,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(lengths) == 10
    assert min(lengths) >= 0.3


def test_one_thread_watches_all_exchanges_and_ends_when_they_are_closed(watchers: Callable[[], int]) -> None:
    deadlines, started = Deadlines(60.0), time.monotonic()
    for _exchange in range(100):
        with Deadline(deadlines), Deadline(deadlines):
            assert watchers() == 1
    with Deadline(deadlines):
        deadlines.close()
        assert watchers() == 1
    deadlines.close()
    wait_for_none(watchers)
    assert time.monotonic() - started < PATIENCE


def test_the_thread_ends_by_itself_when_no_exchange_is_under_way(watchers: Callable[[], int]) -> None:
    deadlines = Deadlines(0.5)
    for _exchange in range(2):
        with Deadline(deadlines) as deadline:
            assert watchers() == 1
            assert 0 < deadline.seconds_left() <= 0.5
        wait_for_none(watchers)
