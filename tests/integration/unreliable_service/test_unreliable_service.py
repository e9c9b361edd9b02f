# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""After lost responses and killed controllers, each slot has one usable session with its key in the ledger."""

from __future__ import annotations

import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import pytest

from tests.integration.conftest import EVENT, EVENT_TASKS, PRESET, SESSION, SESSION_TASKS
from tests.integration.controller import Controller
from tests.simulator.crashes import kill_tree
from tests.simulator.server import Simulator

SESSIONS_PATH = r"/rooms/[^/]+/sessions$"


def assert_every_current_session_has_its_key(simulator: Simulator, controller: Controller, expected: int) -> None:
    current = [session for session in simulator.service.sessions.values() if session.status in ("scheduled", "live")]
    assert len({(session.room.id, session.title) for session in current}) == len(current) == expected
    for session in current:
        tasks = f"""
        - ansible.builtin.copy:
            content: "{{{{ lookup('tenbyte.webinar.stream_key', '{session.id}') }}}}"
            dest: "{{{{ playbook_dir }}}}/read.key"
            mode: "0600"
          no_log: true
          diff: false
        """
        run = controller.tasks(tasks)
        assert run.returncode == 0, run.output
        assert (controller.home / "read.key").read_text() == simulator.service.stream_key_of(session.id)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"action": "drop", "when": "before"}, id="dropped before the commit"),
        pytest.param({"action": "drop", "when": "after"}, id="dropped after the commit"),
        pytest.param({"action": "truncate"}, id="cut in the middle of the body"),
        pytest.param({"action": "status", "status": 500, "when": "after"}, id="500 after the commit"),
        pytest.param({"action": "status", "status": 502, "when": "after"}, id="502 after the commit"),
        pytest.param({"action": "status", "status": 504, "when": "after"}, id="504 after the commit"),
        pytest.param({"action": "status", "status": 503, "when": "before"}, id="503 before the commit"),
        pytest.param({"action": "html", "when": "after"}, id="a proxy's page after the commit"),
        pytest.param(
            {"action": "status", "status": 429, "when": "before", "headers": {"Retry-After": "1"}},
            id="429 with Retry-After in seconds",
        ),
        pytest.param(
            {"action": "status", "status": 429, "when": "before", "headers": {"Retry-After": "date"}},
            id="429 with Retry-After as a date",
        ),
        pytest.param(
            {"action": "status", "status": 503, "when": "before", "headers": {"Retry-After": "date"}},
            id="503 with Retry-After as a date",
        ),
    ],
)
def test_a_lost_response_leaves_one_session_with_its_key(
    simulator: Simulator, controller: Controller, fault: dict[str, Any]
) -> None:
    if fault.get("headers") == {"Retry-After": "date"}:
        fault = {**fault, "headers": {"Retry-After": formatdate(time.time() + 2, usegmt=True)}}
    simulator.faults.add_from({"method": "POST", "path": SESSIONS_PATH, **fault})
    run = controller.tasks(SESSION_TASKS)
    assert run.returncode == 0, run.output
    assert run.result(SESSION)["changed"] is True
    assert_every_current_session_has_its_key(simulator, controller, expected=1)
    assert controller.tasks(SESSION_TASKS).recap()["changed"] == 0


def test_a_session_that_a_lagging_list_hides_is_not_created_twice(simulator: Simulator, controller: Controller) -> None:
    simulator.faults.add("drop", method="POST", path=SESSIONS_PATH, when="after")
    simulator.faults.add("lagging_list", method="GET", path=SESSIONS_PATH, seconds=3, times=None)
    assert controller.tasks(SESSION_TASKS).returncode == 0
    assert_every_current_session_has_its_key(simulator, controller, expected=1)
    # A list that lags is no reason to create the session again.
    assert controller.tasks(SESSION_TASKS).recap()["changed"] == 0


def test_a_duplicate_that_appears_after_the_time_out_is_planned_removed_and_reported(
    simulator: Simulator, controller: Controller
) -> None:
    """The service commits after the client has timed out, found nothing in the list, and sent its request again."""
    simulator.faults.add("delay_commit", method="POST", path=SESSIONS_PATH, seconds=11, hold=True)
    tasks = f"{SESSION_TASKS}    timeout: 1\n"
    first = controller.tasks(tasks)
    assert first.returncode == 0, first.output
    assert "never answered" in " ".join(first.output.split())
    (kept,) = simulator.service.sessions
    wait_for(lambda: len(simulator.service.sessions) == 2)
    (duplicate,) = set(simulator.service.sessions) - {kept}
    simulator.journal.clear()
    shown = controller.tasks(tasks, "--check", "--diff")
    (step,) = shown.result(SESSION)["plan"]
    assert (step["action"], step["request"]["path"]) == ("delete_session", f"/sessions/{duplicate}")
    assert f"-session Main stage/Keynote ({duplicate}):" in shown.output
    assert simulator.journal.writes() == []
    second = controller.tasks(tasks)
    assert second.recap()["changed"] == 1
    assert (
        f"removed {duplicate}: a request to create it that was never answered" in second.result(SESSION)["warnings"][0]
    )
    assert second.result(SESSION)["session"]["id"] == kept
    assert_every_current_session_has_its_key(simulator, controller, expected=1)
    assert controller.tasks(tasks).recap()["changed"] == 0


def test_a_replaced_session_whose_key_was_lost_is_reported(simulator: Simulator, controller: Controller) -> None:
    simulator.faults.add("drop", method="POST", path=SESSIONS_PATH, when="after")
    run = controller.tasks(SESSION_TASKS)
    assert "nobody ever saw its key" in " ".join(run.output.split())


def test_a_room_whose_response_was_lost_is_found(simulator: Simulator, controller: Controller) -> None:
    simulator.faults.add("drop", method="POST", path="/rooms$", when="after")
    assert controller.tasks(SESSION_TASKS).returncode == 0
    assert len(simulator.service.rooms) == 1


def test_get_requests_are_retried(simulator: Simulator, controller: Controller) -> None:
    simulator.faults.add("status", method="GET", status=503, times=2)
    simulator.faults.add("drop", method="GET", times=1)
    assert controller.tasks(SESSION_TASKS).returncode == 0


def test_a_permanent_failure_is_reported_and_a_later_run_completes_the_event(
    simulator: Simulator, controller: Controller
) -> None:
    simulator.faults.add("status", method="GET", path=SESSIONS_PATH, status=500, times=None)
    simulator.faults.add("drop", method="POST", path=SESSIONS_PATH, when="after")
    run = controller.tasks(SESSION_TASKS)
    assert run.returncode != 0
    assert run.result(SESSION)["failed_sessions"][0]["title"] == "Keynote"
    simulator.faults.clear()
    assert controller.tasks(SESSION_TASKS).returncode == 0
    assert_every_current_session_has_its_key(simulator, controller, expected=1)


def wait_for(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "what the test waits for did not happen"
        time.sleep(0.005)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_controller_killed_before_the_response_loses_no_session_and_no_key(
    simulator: Simulator, controller: Controller, when: str
) -> None:
    # The controller is killed while each POST hangs, before or after the service commits it.
    simulator.faults.add("latency", method="POST", path=SESSIONS_PATH, seconds=3, when=when, times=3)
    controller.tasks("- debug: {}")
    playbook = controller.home / "event.yml"
    playbook.write_text(f"- hosts: localhost\n  gather_facts: false\n  tasks:\n{indented(EVENT_TASKS)}")
    process, _record = controller.start(str(playbook))
    wait_for(lambda: len(simulator.service.sessions) > 0 if when == "after" else len(simulator.service.rooms) == 2)
    time.sleep(0.3)
    # Ansible's worker has its own process group, and is killed too.
    assert kill_tree(process.pid)
    process.communicate()
    simulator.faults.clear()
    run = controller.playbook(str(playbook))
    assert run.returncode == 0, run.output
    assert run.result(EVENT)["failed_sessions"] == []
    assert_every_current_session_has_its_key(simulator, controller, expected=3)


def indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())


def test_two_controllers_at_once_create_one_session_and_read_the_same_key(
    simulator: Simulator, controller: Controller
) -> None:
    simulator.faults.add("latency", method="POST", path=SESSIONS_PATH, seconds=0.5, times=None)
    controller.tasks("- debug: {}")
    playbook = controller.home / "event.yml"
    playbook.write_text(f"- hosts: localhost\n  gather_facts: false\n  tasks:\n{indented(EVENT_TASKS)}")
    runs = [controller.start(str(playbook))[0] for _number in range(2)]
    outputs = [process.communicate(timeout=120)[0] for process in runs]
    assert [process.returncode for process in runs] == [0, 0], outputs
    assert_every_current_session_has_its_key(simulator, controller, expected=3)
    assert len(simulator.service.rooms) == 2


MANY = [
    {
        "hosts": "localhost",
        "gather_facts": False,
        "tasks": [
            {
                EVENT: {
                    "rooms": [
                        {
                            "title": "Main stage",
                            "sessions": [{"title": f"Session {number}", "preset_id": PRESET} for number in range(120)],
                        }
                    ]
                }
            }
        ],
    }
]


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"action": "no_total"}, id="no total"),
        pytest.param({"action": "wrong_total", "by": -7}, id="a total that is too small"),
        pytest.param({"action": "ignore_page", "whole": True}, id="the whole list on every page"),
        pytest.param({"action": "foreign_fields"}, id="fields that nobody knows"),
        pytest.param({"action": "without", "fields": ["status", "mode", "type"]}, id="fields left out"),
    ],
)
def test_long_lists_are_read_completely_with_each_kind_of_paging(
    simulator: Simulator, controller: Controller, fault: dict[str, Any]
) -> None:
    assert controller.plays(MANY).returncode == 0
    simulator.faults.add_from({"method": "GET", "times": None, **fault})
    run = controller.plays(MANY)
    assert run.returncode == 0, run.output
    assert run.recap()["changed"] == 0, run.output
    assert len(simulator.service.sessions) == 120


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        pytest.param({"action": "repeat_page"}, "100 of 120 items can be read", id="the same page again"),
        pytest.param({"action": "wrong_total"}, "120 of 127 items can be read", id="pages that end short of the total"),
    ],
)
def test_an_incomplete_list_stops_the_run(
    simulator: Simulator, controller: Controller, fault: dict[str, Any], said: str
) -> None:
    assert controller.plays(MANY).returncode == 0
    simulator.journal.clear()
    simulator.faults.add_from({"method": "GET", "path": "/sessions$", "times": None, **fault})
    run = controller.plays(MANY)
    assert said in run.result(EVENT)["msg"]
    assert "Nothing is done with an incomplete list" in run.result(EVENT)["msg"]
    assert simulator.journal.writes() == []
