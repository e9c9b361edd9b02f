# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile import progress
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.progress import Progress

SHORT = 0.05


class Steps:
    """Items of work that end when the test lets them, one by one."""

    def __init__(self) -> None:
        self._turns = threading.Semaphore(0)

    def end(self, number: int = 1) -> None:
        self._turns.release(number)

    def work(self, item: int) -> int:
        assert self._turns.acquire(timeout=30)
        return item * 2


def lines_of(items: int, tell_more: Callable[[list[str], Steps], None]) -> tuple[list[str], list[int]]:
    """Return the lines and the results. ``tell_more`` is called with each new line, in the thread that waits."""
    steps, lines = Steps(), list[str]()

    def tell(line: str) -> None:
        lines.append(line)
        tell_more(lines, steps)

    with ThreadPoolExecutor(max_workers=4) as pool:
        return lines, Progress(tell).map(pool, steps.work, range(items), "sessions")


def test_long_work_says_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "INTERVAL", SHORT)
    lines, results = lines_of(10, lambda lines, steps: steps.end(10 if len(lines) > 4 else 1))
    assert results == [2 * item for item in range(10)]
    assert lines[0] == "0/10 sessions"
    assert any(" sessions, " in line and "/s, about " in line and line.endswith(" left") for line in lines)
    assert [int(line.split("/")[0]) for line in lines] == sorted(int(line.split("/")[0]) for line in lines)


def test_the_rate_is_of_this_work_and_the_rest_is_estimated_from_it() -> None:
    times = iter([0.0, 0.0, 0.0, 5.0, 10.0, 10.0, 10.0, *[99.0] * 9])
    lines: list[str] = []
    told = Progress(lines.append, lambda: next(times))
    told._say(412, 1000, "sessions", 412 / 38)
    told._say(1, 1000, "sessions", 10.0)
    told._say(0, 1000, "sessions", 10.0)
    assert lines == [
        "412/1000 sessions, 38/s, about 15 s left",
        "1/1000 sessions, 6/min, about 166 min left",
        "0/1000 sessions",
    ]


def test_failures_and_the_services_limit_are_told() -> None:
    lines: list[str] = []
    told = Progress(lines.append, lambda: 0.0)
    told._say(412, 1000, "sessions", 412 / 38, 3)
    told.is_limited = lambda: True
    told._say(0, 1000, "sessions", 10.0)
    told._say(412, 1000, "sessions", 412 / 38, 3)
    assert lines == [
        "412/1000 sessions (3 failed), 38/s, about 15 s left",
        "0/1000 sessions; the service limits the rate",
        "412/1000 sessions (3 failed), 38/s, about 15 s left; the service limits the rate",
    ]


def test_the_failures_so_far_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "INTERVAL", SHORT)
    steps, lines = Steps(), list[str]()

    def tell(line: str) -> None:
        lines.append(line)
        steps.end(10 if len(lines) > 6 else 1)

    with ThreadPoolExecutor(max_workers=1) as pool:
        Progress(tell).map(pool, steps.work, range(10), "sessions", lambda result: result in (2, 4))
    assert not any("failed" in line for line in lines if line.startswith(("0/", "1/")))
    assert any(line.startswith("3/10 sessions (2 failed)") for line in lines)


def test_short_work_says_nothing() -> None:
    lines: list[str] = []
    with ThreadPoolExecutor(max_workers=4) as pool:
        assert Progress(lines.append).map(pool, str, range(50), "rooms") == [str(item) for item in range(50)]
    assert lines == []


def test_the_time_until_the_first_line_counts_from_the_beginning_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "INTERVAL", SHORT)
    lines: list[str] = []
    told = Progress(lines.append)
    steps = Steps()
    with ThreadPoolExecutor(max_workers=1) as pool:
        # Each work is shorter than the interval, both are longer.
        for _work in range(3):
            threading.Timer(0.6 * SHORT, steps.end).start()
            told.map(pool, steps.work, [1], "rooms")
    assert lines


def test_an_error_is_raised_when_what_has_begun_is_over_and_no_more_is_begun() -> None:
    begun, ended, is_over = list[int](), list[int](), threading.Event()

    def work(item: int) -> None:
        begun.append(item)
        if item == 0:
            raise RuntimeError("item 0")
        is_over.wait(30)
        ended.append(item)

    with ThreadPoolExecutor(max_workers=2) as pool:
        threading.Timer(0.2, is_over.set).start()
        with pytest.raises(RuntimeError, match="item 0"):
            Progress().map(pool, work, range(100), "rooms")
        assert sorted(ended) == [item for item in sorted(begun) if item != 0]
    assert max(begun) <= 2
