# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""go_live.yml puts the sessions of an event file on air."""

from __future__ import annotations

from tests.integration.controller import Controller
from tests.integration.playbooks.event import ROOMS, assert_no_secret, play, provision
from tests.simulator.server import Simulator


def test_every_session_goes_on_air_and_a_second_run_changes_nothing(
    simulator: Simulator, controller: Controller
) -> None:
    provision(controller)
    run = play(controller, "go_live", rooms=ROOMS)
    assert run.returncode == 0, run.output
    assert run.recap()["changed"] == 1
    assert [session.status for session in simulator.service.sessions.values()] == ["live"] * 3
    assert_no_secret(run.output, simulator)
    run = play(controller, "go_live", rooms=ROOMS)
    assert run.recap()["changed"] == 0


def test_a_session_that_is_to_be_absent_does_not_go_on_air(simulator: Simulator, controller: Controller) -> None:
    rooms = [{**ROOMS[1], "sessions": [*ROOMS[1]["sessions"], {"title": "Cancelled", "state": "absent"}]}]
    run = play(controller, "go_live", rooms=rooms)
    assert run.returncode == 0, run.output
    assert [(one.title, one.status) for one in simulator.service.sessions.values()] == [("Hands on", "live")]


def test_check_mode_puts_nothing_on_air(simulator: Simulator, controller: Controller) -> None:
    provision(controller)
    writes = len(simulator.journal.writes())
    run = play(controller, "go_live", "--check", rooms=ROOMS)
    assert run.recap()["changed"] == 1
    assert len(simulator.journal.writes()) == writes
