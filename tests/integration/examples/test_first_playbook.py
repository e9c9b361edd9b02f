# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""The README's first playbook, as printed, on the service of the README's demo."""

from __future__ import annotations

import pytest
import yaml

from tests.documented import named_block
from tests.integration.conftest import EVENT
from tests.integration.controller import ROOT, Controller
from tests.lab.stage import PRESETS
from tests.simulator.server import Simulator


@pytest.mark.seed(presets=PRESETS)
def test_the_readmes_first_playbook_runs_on_the_demos_service(simulator: Simulator, controller: Controller) -> None:
    plays = yaml.safe_load(named_block(ROOT / "README.md", "first.yml"))
    preview = controller.plays(plays, "--check", "--diff")
    assert preview.returncode == 0, preview.output
    assert len(simulator.service.sessions) == 0
    made = controller.plays(plays)
    assert made.returncode == 0, made.output
    (session,) = made.result(EVENT)["sessions"]
    assert session["id"] in simulator.service.sessions
    again = controller.plays(plays)
    assert again.recap()["changed"] == 0, again.output


@pytest.mark.seed(presets=PRESETS)
@pytest.mark.parametrize("arguments", [["--check", "--diff"], []], ids=["check mode", "for real"])
def test_the_readmes_first_playbook_fails_with_a_wrong_credential(
    simulator: Simulator, controller: Controller, arguments: list[str]
) -> None:
    controller.api_key = "sim-api-key-of-nobody"
    done = controller.plays(yaml.safe_load(named_block(ROOT / "README.md", "first.yml")), *arguments)
    assert done.returncode != 0
    assert "credential" in done.result(EVENT)["msg"]
    assert controller.api_key not in done.output
    assert len(simulator.service.sessions) == 0
