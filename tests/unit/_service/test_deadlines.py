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
        opened.extend(socket.socketpair())
        opened[-2].settimeout(PATIENCE)
        return Stream(opened[-2])

    yield new_stream
    for one in opened:
        one.close()


def watchers() -> int:
    return sum(thread.name == "tenbyte-deadlines" for thread in threading.enumerate())


def wait_until_no_watcher() -> None:
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


def test_an_exchange_that_ends_in_time_leaves_its_connection_alone(stream: Callable[[], Stream]) -> None:
    connection, deadlines = stream(), Deadlines(0.1)
    with Deadline(deadlines) as deadline:
        deadline.watch(connection)
    # The thread ends only after the time of the first exchange.
    wait_until_no_watcher()
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


def test_one_thread_watches_all_exchanges_and_ends_when_none_is_under_way() -> None:
    wait_until_no_watcher()
    deadlines = Deadlines(0.2)
    for _exchange in range(100):
        with Deadline(deadlines), Deadline(deadlines):
            assert watchers() == 1
    wait_until_no_watcher()
    with Deadline(deadlines) as deadline:
        assert watchers() == 1
        assert 0 < deadline.seconds_left() <= 0.2


def test_the_thread_ends_at_once_when_its_exchanges_are_closed() -> None:
    deadlines, started = Deadlines(60.0), time.monotonic()
    with Deadline(deadlines):
        deadlines.close()
        assert watchers() == 1
    deadlines.close()
    wait_until_no_watcher()
    assert time.monotonic() - started < PATIENCE
