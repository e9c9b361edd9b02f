# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When requests are sent, in virtual time, to services that limit their rate."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import accumulate, pairwise

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import NotSent
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.pace import Pace, pause_of
from hypothesis import given
from hypothesis import strategies as st

from .virtual_time import VirtualTime

# In seconds.
LATENCY = 0.01
PATIENCE = 5


@dataclass
class Service:
    """A service with a token bucket. With ``retry_after``, a refusal forbids all requests for so many seconds."""

    per_second: float
    burst: int = 1
    retry_after: float | None = None
    tokens: float = 0.0
    filled: float = 0.0
    forbidden_until: float = 0.0

    def __post_init__(self) -> None:
        self.tokens = float(self.burst)

    def accepts(self, now: float) -> bool:
        self.tokens = min(self.burst, self.tokens + (now - self.filled) * self.per_second)
        self.filled = now
        if now < self.forbidden_until or self.tokens < 1:
            self.forbidden_until = now + (self.retry_after or 0.0)
            return False
        self.tokens -= 1
        return True


@dataclass
class Run:
    """A run of several threads that send requests, each again until it is accepted or the pace gives up."""

    service: Service
    ceiling: float | None = None
    time: VirtualTime = field(default_factory=VirtualTime)
    sent: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    given_up: int = 0

    def __post_init__(self) -> None:
        self.pace = Pace(self.ceiling, PATIENCE, clock=self.time.clock, sleep=self.time.sleep)

    def send(self, requests: int, threads: int = 16) -> Run:
        left = [None] * requests

        def work() -> None:
            while left:
                left.pop()
                try:
                    while not self.is_accepted():
                        pass
                except NotSent:
                    self.given_up += 1

        self.time.run(work, threads)
        return self

    def is_accepted(self) -> bool:
        turn = self.pace.wait_for_turn("GET /rooms", lambda _seconds: None)
        self.sent.append(self.time.now)
        self.time.sleep(LATENCY / 2)
        accepted = self.service.accepts(self.time.now)
        self.time.sleep(LATENCY / 2)
        if accepted:
            self.pace.accepted(turn)
            return True
        self.refused.append(self.time.now)
        self.pace.refused(turn, self.service.retry_after)
        if self.pace.fruitless_pauses > PATIENCE:
            raise NotSent("given up")
        return False


services = st.builds(
    Service,
    per_second=st.sampled_from([2.0, 10.0, 50.0, 300.0]),
    burst=st.sampled_from([1, 5, 50]),
    retry_after=st.sampled_from([None, 1.0, 2.0, 30.0]),
)


@given(services, st.sampled_from([1, 4, 16]))
def test_every_request_is_accepted_in_the_end_and_few_are_refused(service: Service, threads: int) -> None:
    run = Run(service).send(300, threads)
    assert run.given_up == 0
    assert len(run.sent) - len(run.refused) == 300
    assert len(run.refused) < 0.2 * len(run.sent)


@given(services)
def test_no_request_is_sent_before_retry_after_is_over(service: Service) -> None:
    run = Run(service).send(200)
    for refused in run.refused:
        assert not [at for at in run.sent if refused < at < refused + (service.retry_after or 0) - 1e-6]


@given(services)
def test_after_the_first_refusal_requests_follow_one_another_at_distances(service: Service) -> None:
    run = Run(service).send(300)
    later = [at for at in run.sent if run.refused and at > run.refused[0]]
    # No pause ends with many requests at once. The rate rises to the twofold of what was accepted in a second.
    highest = 2 * max(service.per_second + service.burst, 10)
    assert all(after - before > 0.99 / highest for before, after in pairwise(later))


@pytest.mark.parametrize("per_second", [2.0, 10.0, 50.0])
def test_the_limit_is_used_well(per_second: float) -> None:
    """A long run takes at most twice the time that the service would allow, with a pause of a second each time."""
    run = Run(Service(per_second, burst=2, retry_after=1.0))
    run.send(int(120 * per_second))
    assert 120 - 2 < run.time.now < 240


def test_without_a_refusal_and_a_ceiling_nobody_waits() -> None:
    run = Run(Service(1e9, burst=10**9)).send(1000, threads=10)
    assert run.time.now == pytest.approx(100 * LATENCY)


def test_the_rate_is_halved_once_for_all_requests_that_were_under_way() -> None:
    run = Run(Service(10.0, retry_after=1.0))
    turns = [run.pace.wait_for_turn("GET /rooms", lambda _seconds: None) for _request in range(16)]
    for turn in turns:
        run.pace.refused(turn, 1.0)
    assert run.pace.fruitless_pauses == 1
    waits: list[float] = []
    pace = Pace(clock=lambda: 0.0, sleep=lambda _seconds: None)
    for turn in turns:
        pace.refused(turn, 1.0)
    for _request in range(3):
        pace.wait_for_turn("GET /rooms", waits.append)
    # Nothing was accepted, so that the rate counts as 10 a second until then.
    assert waits == pytest.approx([1.0, 1.2, 1.4])


def test_a_longer_retry_after_of_a_request_that_was_under_way_is_obeyed_too() -> None:
    waits: list[float] = []
    pace = Pace(clock=lambda: 0.0, sleep=lambda _seconds: None)
    first, second, third = (pace.wait_for_turn("GET /rooms", waits.append) for _request in range(3))
    pace.refused(first, 1.0)
    waiting = pace.wait_for_turn("GET /rooms", waits.append)
    pace.refused(second, 5.0)
    pace.refused(third, 2.0)
    assert not pace.is_due(waiting)
    pace.wait_for_turn("GET /rooms", waits.append)
    assert waits == [1.0, 5.0]


def distances_of_accepted(pace: Pace, time: VirtualTime, requests: int) -> list[float]:
    begins = []
    for _request in range(requests):
        pace.accepted(pace.wait_for_turn("GET /rooms", lambda _seconds: None))
        begins.append(time.now)
    return [after - before for before, after in pairwise(begins)]


def test_each_accepted_request_raises_the_rate() -> None:
    time = VirtualTime()
    pace = Pace(clock=time.clock, sleep=lambda seconds: setattr(time, "now", time.now + seconds))
    pace.refused(pace.wait_for_turn("GET /rooms", lambda _seconds: None), 1.0)
    first = distances_of_accepted(pace, time, 10)
    assert first[0] == pytest.approx(1 / 5)
    assert all(after < before for before, after in pairwise(first))
    pace.refused(pace.wait_for_turn("GET /rooms", lambda _seconds: None), 1.0)
    rates = [1 / distance for distance in distances_of_accepted(pace, time, 102)]
    assert rates[0] == pytest.approx(1 / first[-1] / 2, rel=0.15)
    # By the same amount each time, and with 100 requests to the former rate.
    rises = [after - before for before, after in pairwise(rates)]
    assert rises == pytest.approx([rises[0]] * 100)
    assert rates[-1] == pytest.approx(2 * rates[0], rel=0.02)


def test_the_rate_does_not_rise_far_above_what_the_service_accepts_in_a_second() -> None:
    """A large bucket is full of tokens after a pause."""
    time = VirtualTime()
    pace = Pace(clock=time.clock, sleep=lambda seconds: setattr(time, "now", time.now + seconds))
    pace.refused(pace.wait_for_turn("GET /rooms", lambda _seconds: None), 1.0)
    begins = list(accumulate(distances_of_accepted(pace, time, 1000)))
    assert 5 <= sum(begin < 1 for begin in begins) <= 20
    # It goes on to rise.
    assert sum(4 < begin < 5 for begin in begins) > 20


def test_a_service_that_refuses_everything_is_given_up_soon() -> None:
    run = Run(Service(1e-9, burst=1, retry_after=1.0)).send(300)
    assert run.given_up == 299
    assert run.time.now < 30
    assert len(run.sent) < 50


def test_a_service_that_recovers_is_used_again() -> None:
    run = Run(Service(1e-9, burst=1, retry_after=1.0))
    assert run.send(20).given_up == 19
    run.service = Service(100.0, burst=5)
    run.time.now += 1.0
    assert run.send(1).send(20).given_up == 19


@given(st.floats(0.5, 500.0), st.sampled_from([1, 4, 16]))
def test_under_a_ceiling_requests_follow_one_another_at_equal_distances(ceiling: float, threads: int) -> None:
    run = Run(Service(1e9, burst=10**9), ceiling).send(60, threads)
    distances = [after - before for before, after in pairwise(run.sent)]
    assert min(distances) >= 1 / ceiling - 1e-9
    assert run.time.now >= 59 / ceiling - 1e-6
    if threads / LATENCY > 2 * ceiling:
        assert max(distances) <= 1 / ceiling + 1e-6


def test_a_ceiling_holds_after_a_refusal() -> None:
    run = Run(Service(20.0, burst=5, retry_after=1.0), ceiling=15.0).send(200)
    assert run.refused == []
    strict = Run(Service(5.0, burst=5, retry_after=1.0), ceiling=15.0).send(200)
    assert strict.refused
    assert all(after - before >= 1 / 15 - 1e-9 for before, after in pairwise(strict.sent))


def test_a_pause_is_that_of_retry_after_up_to_a_minute_and_otherwise_grows() -> None:
    assert [pause_of(seconds, 3) for seconds in (0.0, 7.0, 60.0, 1e9)] == [0.0, 7.0, 60.0, 60.0]
    for attempt in range(20):
        longest = min(0.25 * 2**attempt, 8.0)
        assert longest / 2 <= pause_of(None, attempt) <= longest
