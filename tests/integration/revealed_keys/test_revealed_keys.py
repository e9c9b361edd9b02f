# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The option reveal_stream_key: keys are in the registered result and nowhere else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import EVENT, PRESET, SESSION
from tests.integration.controller import Controller, Run
from tests.simulator.server import Simulator


def revealing(action: str = SESSION, **keywords: Any) -> dict[str, Any]:
    session = {"title": "Keynote", "preset_id": PRESET}
    options: dict[str, Any] = (
        {"room": "Main stage", **session}
        if action == SESSION
        else {"rooms": [{"title": "Main stage", "sessions": [session]}]}
    )
    return {action: {**options, "reveal_stream_key": True}, "register": "made", **keywords}


def keeping(expression: str, path: Path) -> dict[str, Any]:
    """Return a task that writes the value of a template to a file, like one that writes an encoder's key."""
    return {
        "ansible.builtin.copy": {"content": f"{{{{ {expression} }}}}", "dest": str(path), "mode": "0600"},
        "no_log": True,
        "diff": False,
        "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}"},
    }


def run(controller: Controller, *tasks: dict[str, Any]) -> Run:
    cache = {"ANSIBLE_CACHE_PLUGIN": "jsonfile", "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(controller.home / "facts")}
    play = {"hosts": "localhost", "gather_facts": False, "tasks": list(tasks)}
    return controller.plays([play], "-vvvv", "--diff", environment=cache)


@pytest.mark.parametrize("action", [SESSION, EVENT])
def test_a_revealed_key_is_only_in_the_registered_result(
    simulator: Simulator, controller: Controller, tmp_path: Path, action: str
) -> None:
    written = tmp_path / "written"
    done = run(controller, revealing(action), keeping("made.sessions[0].stream_key", written))
    assert done.returncode == 0, done.output
    [key] = simulator.issued_keys()
    assert written.read_text() == key
    assert key not in done.output
    assert key not in json.dumps(done.records)
    assert [path for path in (controller.home / "facts").iterdir() if "tenbyte_sessions" in path.read_text()]
    assert [path for path in (controller.home / "facts").iterdir() if key in path.read_text()] == []
    assert "censored" in done.result(action)
    if action == SESSION:
        again = run(controller, revealing(), keeping("made.session.stream_key", written))
        assert again.returncode == 0, again.output
        assert written.read_text() == key
        assert key not in again.output


def test_without_the_option_no_key_is_in_the_result(simulator: Simulator, controller: Controller) -> None:
    task = revealing()
    task[SESSION]["reveal_stream_key"] = False
    done = run(controller, task)
    assert "stream_key" not in done.result(SESSION)["session"]
    assert simulator.issued_keys()[0] not in done.output


@pytest.mark.seed(rooms=[{"title": "Main stage", "host": "host"}])
def test_a_failed_task_shows_its_message_and_no_key(simulator: Simulator, controller: Controller) -> None:
    rooms = [
        {"title": "Main stage", "sessions": [{"title": title, "preset_id": PRESET} for title in ("Keynote", "Talk")]}
    ]
    simulator.faults.add("status", method="POST", path="/sessions$", status=409, skip=1)
    done = run(controller, {EVENT: {"rooms": rooms, "reveal_stream_key": True, "concurrency": 1}})
    assert done.returncode != 0
    result = done.result(EVENT)
    assert "1 of 2 sessions failed" in result["msg"]
    assert [session["stream_key"] for session in result["sessions"]] == [None, None]
    assert simulator.issued_keys()[0] not in done.output


def test_check_mode_reveals_known_keys(simulator: Simulator, controller: Controller, tmp_path: Path) -> None:
    written = tmp_path / "written"
    before = run(controller, revealing(check_mode=True))
    assert before.result(SESSION)["session"]["stream_key"] is None
    run(controller, revealing())
    after = run(controller, revealing(check_mode=True), keeping("made.session.stream_key", written))
    assert after.returncode == 0, after.output
    assert [written.read_text()] == simulator.issued_keys()


def test_a_key_with_unsafe_characters_is_not_revealed(simulator: Simulator, controller: Controller) -> None:
    simulator.service.key_form = "{{ 7 * 7 }}$(id) %i; '{random}'"
    done = run(controller, revealing())
    result = done.result(SESSION)
    assert result["session"]["stream_key"] is None
    assert "do not belong in one" in result["warnings"][0]
    assert simulator.issued_keys()[0] not in done.output
