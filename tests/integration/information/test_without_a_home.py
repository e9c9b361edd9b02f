# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A container's user: a uid without a name, and no HOME. What needs no ledger works; the rest says what to set."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.integration.conftest import PRESET
from tests.integration.controller import Controller, Run
from tests.simulator.server import Simulator

# Raises the system's error for an unknown uid, also if the tests may not change the user.
NAMELESS = """
import pwd, runpy, sys
def getpwuid(uid):
    raise KeyError(f"getpwuid(): uid not found: {uid}")
pwd.getpwuid = getpwuid
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture
def homeless(controller: Controller, tmp_path: Path) -> Controller:
    script = tmp_path / "nameless.py"
    script.write_text(NAMELESS)
    controller.wrapper = (sys.executable, str(script))
    controller.environment.update({"HOME": "", "TENBYTE_LEDGER_URL": "", "ANSIBLE_LOCAL_TEMP": str(tmp_path / "tmp")})
    return controller


def printed(run: Run) -> str:
    assert "tenbyte.webinar has a bug" not in run.output
    assert "Traceback" not in run.output
    return " ".join(run.output.split())


def test_actions_that_need_no_ledger_work_without_a_home(simulator: Simulator, homeless: Controller) -> None:
    run = homeless.tasks("- tenbyte.webinar.session_info:\n- tenbyte.webinar.room_info:\n")
    assert run.returncode == 0, printed(run)


@pytest.mark.seed(
    rooms=[{"title": "Main stage", "host": "host"}],
    sessions=[{"room": "Main stage", "title": "Keynote", "preset_id": PRESET}],
)
def test_session_info_works_without_a_home(simulator: Simulator, homeless: Controller) -> None:
    run = homeless.tasks("- tenbyte.webinar.session_info:\n")
    assert run.returncode == 0, printed(run)
    assert run.result("tenbyte.webinar.session_info")["sessions"][0]["stream_key_available"] is False


@pytest.mark.parametrize(
    "task",
    [
        f"- tenbyte.webinar.session: {{room: Main stage, title: Keynote, preset_id: {PRESET}}}\n",
        "- tenbyte.webinar.ledger: {operation: list}\n",
        "- debug: {msg: \"{{ lookup('tenbyte.webinar.stream_key', 'x') }}\"}\n",
    ],
)
def test_actions_that_need_a_ledger_name_the_variable_to_set(
    simulator: Simulator, homeless: Controller, task: str
) -> None:
    run = homeless.tasks(task)
    assert run.returncode != 0
    for part in ("has no home folder", "Give ledger_url", "TENBYTE_LEDGER_URL", "HOME or XDG_DATA_HOME"):
        assert part in printed(run)
    assert simulator.journal.writes() == []


@pytest.mark.parametrize(
    ("name", "value"), [("TENBYTE_CA_PATH", "~/ca.pem"), ("TENBYTE_LEDGER_KEY_FILE", "~/ledger.key")]
)
def test_a_path_below_a_missing_home_is_reported(
    simulator: Simulator, homeless: Controller, name: str, value: str
) -> None:
    run = homeless.tasks("- tenbyte.webinar.session_info:\n", environment={name: value})
    assert run.returncode != 0
    assert f"{name} '{value}' begins with ~" in printed(run)
