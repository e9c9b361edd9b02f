# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The examples of plugins: each succeeds in check mode on a new controller, and none hides a failure."""

from __future__ import annotations

import importlib
import secrets
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.conftest import EVENT, SESSION
from tests.integration.controller import Controller, Run
from tests.simulator.server import Simulator

PLUGINS = "ansible_collections.tenbyte.webinar.plugins"
PRESET = "0d3f2c84-5f43-4b0c-9a57-0c6a6f1f2a11"
ROOM_ID = "3f0a5a53-3f4c-4d3c-8f6e-8a4a9a0f9d10"
SESSION_ID = "6c0e2b0e-3f57-4f0e-8a5e-1c4f2a9a7e21"
PRESETS = [{"id": PRESET, "name": "Stage", "type": "rtmp"}]
# What the examples expect. A session that they wait for is on air.
NEW = pytest.mark.seed(presets=PRESETS, rooms=[{"id": ROOM_ID, "title": "Shared", "host": "host"}])
ON_AIR = pytest.mark.seed(
    presets=PRESETS,
    rooms=[{"id": ROOM_ID, "title": "Main stage", "host": "host"}],
    sessions=[
        {"id": SESSION_ID, "room": "Main stage", "title": "Opening", "preset_id": PRESET, "status": "live"},
    ],
)
CASES = [
    *(pytest.param(name, marks=NEW) for name in ("event", "session", "room")),
    *(pytest.param(name, marks=ON_AIR) for name in ("room_info", "session_info", "stream_key")),
]


def examples(kind: str, name: str, folder: Path) -> list[dict[str, Any]]:
    """Return a plugin's examples with their paths moved below a folder of the test."""
    text: str = importlib.import_module(f"{PLUGINS}.{kind}.{name}").EXAMPLES
    tasks: list[dict[str, Any]] = yaml.safe_load(text.replace("/etc/encoder", str(folder)))
    return tasks


def variables(controller: Controller) -> dict[str, Any]:
    key = f"unit-{secrets.token_hex(16)}"
    rooms = [{"title": "Main stage", "sessions": [{"title": "Keynote", "preset_id": PRESET}]}]
    adopted = {"session_id": SESSION_ID, "stream_key": key, "rtmp_url": "rtmp://127.0.0.1/live"}
    return {
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "vault_tenbyte_api_key": controller.api_key,
        "event_rooms": rooms,
        "vault_keynote_stream_key": key,
        "vault_stream_keys": [adopted],
    }


def run(controller: Controller, tasks: list[dict[str, Any]], *arguments: str, **keywords: Any) -> Run:
    play = {"hosts": "localhost", "gather_facts": False, "vars": variables(controller), "tasks": tasks, **keywords}
    environment = {"KEYNOTE_STREAM_KEY": f"unit-{secrets.token_hex(16)}"}
    return controller.plays([play], *arguments, environment=environment)


@pytest.mark.parametrize("name", CASES)
def test_the_examples_of_an_action_succeed_in_check_mode(
    simulator: Simulator, controller: Controller, tmp_path: Path, name: str
) -> None:
    previewed = run(controller, examples("modules", name, tmp_path), "--check", "--diff")
    assert previewed.returncode == 0, previewed.output
    assert simulator.journal.writes() == []
    assert not controller.ledger_file.exists()


@NEW
def test_the_examples_of_the_lookup_succeed_in_check_mode(
    simulator: Simulator, controller: Controller, tmp_path: Path
) -> None:
    session = {"title": "Keynote", "preset_id": PRESET, "encoder": "{{ inventory_hostname }}"}
    made = [
        {SESSION: {"room": "Main stage", **session}, "register": "created"},
        {EVENT: {"rooms": [{"title": "Main stage", "sessions": [session]}]}, "register": "conference"},
    ]
    (controller.home / "templates").mkdir(parents=True)
    template = "{{ lookup('tenbyte.webinar.stream_key', created.session.id, ledger_url='sqlite:////srv/none.db') }}"
    (controller.home / "templates" / "encoder.conf.j2").write_text(template)
    previewed = run(controller, [*made, *examples("lookup", "stream_key", tmp_path)], "--check")
    assert previewed.returncode == 0, previewed.output
    assert simulator.journal.writes() == []


@pytest.mark.parametrize("failure", ["wrong credential", "no service"])
@pytest.mark.parametrize("name", CASES)
def test_no_example_hides_a_failure(controller: Controller, tmp_path: Path, name: str, failure: str) -> None:
    own = [task for task in examples("modules", name, tmp_path) if f"tenbyte.webinar.{name}" in task]
    calling = [task for task in own if (name, task[f"tenbyte.webinar.{name}"].get("state")) != ("stream_key", "absent")]
    tasks = [
        {keyword: value for keyword, value in task.items() if keyword not in ("until", "retries", "delay", "no_log")}
        | {"ignore_errors": True}
        for task in calling
    ]
    if failure == "wrong credential":
        controller.api_key = "sim-api-key-of-nobody"
    else:
        controller.api_url = "http://127.0.0.1:9/v1/webinar"
    quickly = {"group/tenbyte.webinar.all": {"retries": 0, "timeout": 5}}
    done = run(controller, tasks, module_defaults=quickly)
    # Public data of the service can be read with a wrong credential.
    at_least = (
        0 if failure == "wrong credential" and name in ("room_info", "session_info", "stream_key") else len(tasks)
    )
    assert len(tasks) >= done.recap()["ignored"] >= at_least, done.output
    assert "tenbyte.webinar has a bug" not in done.output
