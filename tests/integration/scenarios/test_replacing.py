# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A replaced session stays until the new one exists, after a refused creation and a killed run too."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from tests.integration.conftest import OTHER_PRESET, PRESET
from tests.integration.controller import Controller
from tests.simulator.server import Simulator

from .runs import (
    SESSIONS_PATH,
    Json,
    actions,
    assert_no_change_and_keys_kept,
    assert_no_change_and_no_warning,
    event,
    paths,
    reason,
    result,
    results,
    rooms_of,
    run,
    succeeded,
    warnings,
    writes,
)

TITLES = ("Keynote", "Panel", "Hands on", "Closing")
NO_PRESET = "00000000-0000-4000-8000-00000000dead"


def state_of(simulator: Simulator) -> dict[str, tuple[str, str, str, str]]:
    return {
        one.id: (one.title, one.status, one.hls_url, simulator.service.stream_key_of(one.id))
        for one in simulator.service.sessions.values()
    }


@pytest.mark.parametrize(
    ("preset_id", "refusal", "on_air", "said"),
    [
        pytest.param(NO_PRESET, {}, (), "422", id="a preset that is none"),
        pytest.param(NO_PRESET, {}, TITLES, "422", id="a preset that is none, on air"),
        pytest.param(OTHER_PRESET, {"most_sessions": 4, "quota_status": 402}, TITLES[:2], "402", id="quota"),
        pytest.param(OTHER_PRESET, {"status": 429, "headers": {"Retry-After": "0"}}, TITLES[:1], "429", id="429 again"),
    ],
)
def test_a_refused_replacement_leaves_the_old_session_untouched(
    simulator: Simulator, controller: Controller, preset_id: str, refusal: Json, on_air: tuple[str, ...], said: str
) -> None:
    succeeded(result(controller, event(rooms_of(*TITLES))))
    for title in on_air:
        simulator.dashboard.go_live(title)
    before = state_of(simulator)
    simulator.journal.clear()
    if "status" in refusal:
        simulator.faults.add("status", method="POST", path=SESSIONS_PATH, times=None, **refusal)
    else:
        simulator.variant.set(**refusal)
    asked = {"replace": "live" if on_air else "scheduled", "retries": 1}
    refused = result(controller, event(rooms_of(*TITLES, preset_id=preset_id), **asked))
    assert said in reason(refused)
    assert all(title in refused["msg"] for title in TITLES)
    assert sorted(failed["title"] for failed in refused["failed_sessions"]) == sorted(TITLES)
    assert refused["changed"] is False
    assert {one["id"]: one["status"] for one in refused["sessions"]} == {key: one[1] for key, one in before.items()}
    assert set(writes(simulator)) == {"POST sessions"}
    assert state_of(simulator) == before
    assert_no_change_and_keys_kept(simulator, controller, event(rooms_of(*TITLES)), *before)


def killed(simulator: Simulator, controller: Controller, task: Json, **where: Any) -> None:
    """Run a task and kill it at a point of an exchange."""
    play = {"hosts": "localhost", "gather_facts": False, "tasks": [task]}
    process, _record = controller.start(str(controller.write([play])))
    simulator.faults.add("crash", process=process.pid, **where)
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL


@pytest.mark.parametrize("replaced", ["scheduled", "live"])
def test_the_next_run_finishes_a_replacement_that_was_killed_before_the_removal(
    simulator: Simulator, controller: Controller, replaced: str
) -> None:
    state = "live" if replaced == "live" else "present"
    (first,) = succeeded(result(controller, event(rooms_of("Keynote", state=state))))["sessions"]
    wanted = event(rooms_of("Keynote", preset_id=OTHER_PRESET), replace=replaced)
    # The run reads the old session before it removes it: this is the first request for that session alone.
    killed(simulator, controller, wanted, method="GET", path=f"/sessions/{first['id']}$", point="received", skip=1)
    (second,) = set(simulator.service.sessions) - {first["id"]}
    assert simulator.service.sessions[first["id"]].status == replaced
    preview = run(controller, wanted, arguments=("--check", "--diff"))
    assert f"-session Main stage/Keynote ({first['id']}):" in preview.output
    finished, again = results(controller, wanted, wanted)
    step = {"scheduled": f"DELETE /sessions/{first['id']}", "live": f"POST /sessions/{first['id']}/end"}[replaced]
    assert paths(finished) == [step]
    assert succeeded(finished)["sessions"][0]["id"] == second
    assert_no_change_and_no_warning(again)
    assert_no_change_and_keys_kept(simulator, controller, wanted, second)
    left = {one.id for one in simulator.service.sessions.values() if one.status in ("scheduled", "live")}
    assert left == {second}


def killed_at_creation(simulator: Simulator, controller: Controller) -> str:
    """Kill a run after the service has created its session; return the session's id."""
    simulator.dashboard.create_room("Main stage")
    killed(simulator, controller, event(rooms_of("Keynote")), method="POST", path=SESSIONS_PATH, point="committed")
    (created_id,) = simulator.service.sessions
    return created_id


@pytest.mark.parametrize(("state", "timestamp"), [("absent", "seconds"), ("ended", "missing")])
def test_another_users_session_is_kept_after_a_killed_run_was_resolved(
    simulator: Simulator, controller: Controller, state: str, timestamp: str
) -> None:
    simulator.variant.timestamp = timestamp
    created_id = killed_at_creation(simulator, controller)
    settling = event(rooms_of("Keynote", state=state))
    preview = run(controller, settling, arguments=("--check", "--diff"))
    assert created_id in preview.output
    settled, again = results(controller, settling, settling)
    assert paths(succeeded(settled)) == [f"DELETE /sessions/{created_id}"]
    assert_no_change_and_no_warning(again)
    theirs = simulator.dashboard.create_session("Main stage", "Keynote", PRESET)
    simulator.journal.clear()
    refused, ignoring = results(
        controller, event(rooms_of("Keynote")), event(rooms_of("Keynote"), on_missing_key="ignore")
    )
    assert "on_missing_key" in reason(refused)
    assert_no_change_and_no_warning(ignoring)
    assert simulator.journal.writes() == []
    assert list(simulator.service.sessions) == [theirs.id]


def test_plan_and_diff_show_the_removal_of_a_killed_runs_session_and_another_users_session_is_kept(
    simulator: Simulator, controller: Controller
) -> None:
    simulator.variant.timestamp = "missing"
    created_id = killed_at_creation(simulator, controller)
    wanted = event(rooms_of("Keynote"))
    preview = run(controller, wanted, arguments=("--check", "--diff"))
    assert f"DELETE /sessions/{created_id}" in paths(preview.result("tenbyte.webinar.event"))
    assert f"-session Main stage/Keynote ({created_id}):" in preview.output
    made = succeeded(result(controller, wanted))
    assert actions(made) == ["delete_session", "create_session"]
    assert paths(made)[0] == f"DELETE /sessions/{created_id}"
    (ours,) = simulator.service.sessions
    theirs = simulator.dashboard.create_session("Main stage", "Keynote", PRESET)
    assert theirs.id in warnings(result(controller, wanted))
    assert_no_change_and_keys_kept(simulator, controller, wanted, ours)
    assert set(simulator.service.sessions) == {ours, theirs.id}
