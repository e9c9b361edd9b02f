# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A service that limits the rate of requests: a large event is provisioned in one run, with default options."""

from __future__ import annotations

import os
from typing import Any

import pytest

from tests.integration.conftest import EVENT, PRESET
from tests.integration.controller import Controller, Run
from tests.integration.playbooks.event import play
from tests.simulator.journal import Entry
from tests.simulator.server import Simulator

# Requests a second. The limit that the promise names, ten, takes a minute: TENBYTE_TEST_RATE=10.
RATE = float(os.environ.get("TENBYTE_TEST_RATE", "60"))
# In seconds, for requests that were under way when the service refused one.
UNDER_WAY = 0.5


def provision(controller: Controller, rooms: int, sessions: int, **options: Any) -> Run:
    asked = [
        {
            "title": f"Room {room}",
            "sessions": [{"title": f"Talk {talk}", "preset_id": PRESET} for talk in range(sessions)],
        }
        for room in range(rooms)
    ]
    play = {"hosts": "localhost", "gather_facts": False, "tasks": [{EVENT: {"rooms": asked, **options}}]}
    return controller.plays([play])


def refusals(simulator: Simulator) -> list[Entry]:
    return [entry for entry in simulator.journal if entry.status == 429]


@pytest.mark.slow
@pytest.mark.parametrize("retry_after", [None, 1], ids=["without Retry-After", "with Retry-After"])
def test_an_event_of_300_sessions_is_provisioned_in_one_run(
    simulator: Simulator, controller: Controller, retry_after: int | None
) -> None:
    limit: dict[str, Any] = {"per_second": RATE, "burst": 5, **({"retry_after": retry_after} if retry_after else {})}
    simulator.faults.add("rate_limit", times=None, **limit)
    run = provision(controller, rooms=30, sessions=10)
    assert run.returncode == 0, run.output
    assert len(run.result(EVENT)["sessions"]) == 300
    assert all(session["stream_key_available"] for session in run.result(EVENT)["sessions"])
    assert len(simulator.service.sessions) == 300
    created = [entry for entry in simulator.journal.writes() if entry.status == 201]
    assert len(created) == 330
    refused = refusals(simulator)
    print(f"{len(simulator.journal)} requests, {len(refused)} refused, {duration(simulator):.1f} s")  # noqa: T201
    assert 0 < len(refused) < 0.2 * len(simulator.journal)
    if retry_after:
        for refusal in refused:
            begins, ends = refusal.at + UNDER_WAY, refusal.at + retry_after
            assert not [entry for entry in simulator.journal if begins < entry.at < ends]


def duration(simulator: Simulator) -> float:
    times = sorted(entry.at for entry in simulator.journal)
    return times[-1] - times[0]


@pytest.mark.slow
def test_under_a_ceiling_the_service_refuses_nothing(simulator: Simulator, controller: Controller) -> None:
    # A machine that stands still for a moment then sends what was due at once. The service allows that for a second.
    simulator.faults.add("rate_limit", per_second=25, burst=25, times=None)
    run = provision(controller, rooms=5, sessions=8, requests_per_second=20)
    assert run.returncode == 0, run.output
    assert refusals(simulator) == []
    times = sorted(entry.at for entry in simulator.journal)
    assert len(times) > 40
    # Each request has its own place. It may be late, and the first one with it, but none can be early.
    assert all(at - times[0] > number / 20 - 1 for number, at in enumerate(times))
    assert duration(simulator) > (len(times) - 2) / 20 - 0.5


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [(["-e", "tenbyte_requests_per_second=10"], {}), ([], {"TENBYTE_REQUESTS_PER_SECOND": "10"})],
    ids=["a variable", "the environment"],
)
def test_a_playbook_takes_its_rate_from(
    simulator: Simulator, controller: Controller, arguments: list[str], environment: dict[str, str]
) -> None:
    rooms = [{"title": "Hall", "sessions": [{"title": f"Talk {talk}", "preset_id": PRESET} for talk in range(10)]}]
    run = play(controller, "provision", *arguments, rooms=rooms, environment=environment)
    assert run.returncode == 0, run.output
    assert duration(simulator) > (len(simulator.journal) - 2) / 10


def test_a_playbook_refuses_a_rate_that_is_none_under_the_name_of_its_variable(
    simulator: Simulator, controller: Controller
) -> None:
    for name, value in (("tenbyte_requests_per_second", "fast"), ("tenbyte_concurrency", "0")):
        run = play(controller, "provision", "-e", f"{name}={value}", rooms=[{"title": "Hall", "sessions": []}])
        assert run.returncode != 0
        assert f"{name} is '{value}'; " in run.output
    assert len(simulator.journal) == 0


def test_a_service_that_refuses_everything_is_reported_with_the_way_out(
    simulator: Simulator, controller: Controller
) -> None:
    simulator.faults.add("status", status=429, headers={"Retry-After": "1"}, times=None)
    run = provision(controller, rooms=30, sessions=10, retries=1)
    assert run.returncode != 0
    assert "requests_per_second" in run.result(EVENT)["msg"]
    assert len(simulator.journal) == 2


def test_a_service_that_refuses_all_creations_is_reported_soon(simulator: Simulator, controller: Controller) -> None:
    assert provision(controller, rooms=3, sessions=1).returncode == 0
    simulator.journal.clear()
    simulator.faults.add("status", method="POST", status=429, headers={"Retry-After": "1"}, times=None)
    run = provision(controller, rooms=3, sessions=30)
    assert run.returncode != 0
    assert len(run.result(EVENT)["failed_sessions"]) == 87
    assert "requests_per_second" in run.result(EVENT)["msg"]
    assert len(refusals(simulator)) < 60
    assert duration(simulator) < 60
    simulator.faults.clear()
    assert provision(controller, rooms=3, sessions=30).returncode == 0
    assert len(simulator.service.sessions) == 90
