# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a person sees while a task is at work: how far it is, if that takes long, and nothing else."""

from __future__ import annotations

import re

from tests.integration.conftest import EVENT, PRESET
from tests.integration.controller import Controller, Run
from tests.simulator.server import Simulator

PROGRESS = re.compile(
    r"^(?:\[[^]]*\] )?(\d+)/(\d+) (\w[\w ]*)(?:, \d+/(?:s|min), about \d+ (?:s|min) left)?$", re.MULTILINE
)
POST_SESSION = r"^/rooms/[^/]+/sessions$"


def provision(controller: Controller, sessions: int) -> Run:
    rooms = [
        {"title": "Main stage", "sessions": [{"title": f"Talk {n}", "preset_id": PRESET} for n in range(sessions)]}
    ]
    tasks = [{EVENT: {"rooms": rooms, "concurrency": 2}}]
    return controller.plays([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}])


def test_long_work_says_how_far_it_is_every_few_seconds_and_a_result_holds_none_of_it(
    simulator: Simulator, controller: Controller
) -> None:
    simulator.faults.add("latency", method="POST", path=POST_SESSION, seconds=1.5, times=None)
    run = provision(controller, sessions=16)
    assert run.returncode == 0, run.output
    told = [(int(done), int(total), what) for done, total, what in PROGRESS.findall(run.output)]
    # Twelve seconds at least: after five and ten of them a line, and one more on a slow machine.
    assert len(told) >= 2, run.output
    assert {(total, what) for _done, total, what in told} == {(16, "sessions")}
    assert [done for done, _total, _what in told] == sorted(done for done, _total, _what in told)
    assert "about" in run.output
    assert "/16 sessions" not in str(run.result(EVENT))


def test_short_work_says_nothing(simulator: Simulator, controller: Controller) -> None:
    run = provision(controller, sessions=3)
    assert run.returncode == 0, run.output
    assert not PROGRESS.findall(run.output)
