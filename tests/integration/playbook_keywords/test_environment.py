# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The keyword environment has an effect on actions as on modules; its values are neither shown nor kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import PRESET, SESSION
from tests.integration.controller import Controller, Run
from tests.simulator.server import Simulator

NOTHING_SET = {"TENBYTE_API_URL": "", "TENBYTE_API_KEY": "", "TENBYTE_LEDGER_URL": ""}


def keynote(**keywords: Any) -> dict[str, Any]:
    return {SESSION: {"room": "Main stage", "title": "Keynote", "preset_id": PRESET}, **keywords}


def run(controller: Controller, play: dict[str, Any], *arguments: str, **environment: str) -> Run:
    plays = [{"hosts": "localhost", "gather_facts": False, **play}]
    return controller.plays(plays, *arguments, environment={**NOTHING_SET, **environment})


@pytest.mark.parametrize("level", ["play", "block", "task"])
def test_environment_of_play_block_and_task_sets_service_credential_and_ledger(
    simulator: Simulator, controller: Controller, tmp_path: Path, level: str
) -> None:
    environment = {
        "TENBYTE_API_URL": f"{simulator.api_url}\n",
        "TENBYTE_API_KEY": "{{ key }}",
        "TENBYTE_LEDGER_URL": f"sqlite:///{tmp_path}/ledger.db",
    }
    given = {name: {"environment": environment} if name == level else {} for name in ("play", "block", "task")}
    tasks = [{"block": [keynote(**given["task"])], **given["block"]}]
    done = run(controller, {"vars": {"key": controller.api_key}, "tasks": tasks, **given["play"]}, "-vvv")
    assert done.returncode == 0, done.output
    assert (tmp_path / "ledger.db").exists()
    assert controller.api_key not in done.output
    assert {entry.credential for entry in simulator.journal} == {"host"}


def test_the_innermost_environment_wins_and_an_empty_value_does_not_hide_the_controllers(
    simulator: Simulator, controller: Controller, tmp_path: Path
) -> None:
    # Within the playbook, an empty inner value hides an outer one: core passes one merged mapping.
    play = {"TENBYTE_API_KEY": "sim-api-key-of-nobody", "XDG_DATA_HOME": str(tmp_path / "play")}
    block = {"TENBYTE_API_KEY": controller.api_key, "XDG_DATA_HOME": str(tmp_path / "block")}
    task = {"TENBYTE_API_URL": "", "XDG_DATA_HOME": str(tmp_path / "task")}
    done = run(
        controller,
        {"environment": play, "tasks": [{"environment": block, "block": [keynote(environment=task)]}]},
        TENBYTE_API_URL=simulator.api_url,
    )
    assert done.returncode == 0, done.output
    assert (tmp_path / "task" / "tenbyte-webinar" / "ledger.sqlite3").exists()
    assert not (tmp_path / "play").exists()


def test_an_option_and_a_variable_override_the_keyword(simulator: Simulator, controller: Controller) -> None:
    wrong = {"TENBYTE_API_KEY": "sim-api-key-of-nobody", "TENBYTE_API_URL": "http://127.0.0.1:9/v1"}
    variables = {"tenbyte_api_url": simulator.api_url, "tenbyte_api_key": controller.api_key}
    assert run(controller, {"environment": wrong, "vars": variables, "tasks": [keynote()]}).returncode == 0


def test_the_keyword_has_no_effect_after_its_task(simulator: Simulator, controller: Controller) -> None:
    environment = {"TENBYTE_API_URL": simulator.api_url, "TENBYTE_API_KEY": controller.api_key}
    done = run(controller, {"tasks": [keynote(environment=environment), keynote()]})
    assert done.recap()["ok"] == 1
    assert "No credentials" in done.result(SESSION)["msg"]


def test_home_and_path_in_the_keyword_do_not_move_the_ledger(
    simulator: Simulator, controller: Controller, tmp_path: Path
) -> None:
    environment = {"HOME": str(tmp_path / "theirs"), "PATH": "/nowhere"}
    given = {"TENBYTE_API_URL": simulator.api_url, "TENBYTE_API_KEY": controller.api_key}
    assert run(controller, {"environment": environment, "tasks": [keynote()]}, **given).returncode == 0
    assert not (tmp_path / "theirs").exists()
    assert (controller.home / ".local/share/tenbyte-webinar/ledger.sqlite3").exists()


def test_the_lookup_says_that_it_does_not_see_the_keyword(
    simulator: Simulator, controller: Controller, tmp_path: Path
) -> None:
    environment = {
        "TENBYTE_API_URL": simulator.api_url,
        "TENBYTE_API_KEY": controller.api_key,
        "TENBYTE_LEDGER_URL": f"sqlite:///{tmp_path}/ledger.db",
    }
    lookup = {"ansible.builtin.debug": {"msg": "{{ lookup('tenbyte.webinar.stream_key', made.session.id) }}"}}
    done = run(controller, {"environment": environment, "tasks": [keynote(register="made"), lookup]})
    assert done.returncode != 0
    assert "A lookup does not see the keyword environment" in " ".join(done.output.split())
