# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""status.yml finds rooms and sessions that the dashboard has renamed, if the ledger knows their ids."""

from __future__ import annotations

from tests.integration.controller import Controller
from tests.integration.playbooks.event import ROOMS, play, provision
from tests.integration.playbooks.test_status import Page, page_file, table
from tests.simulator.server import Simulator

NO_PICTURES = ("-e", "status_thumbnails=no")


def test_a_renamed_room_and_session_are_shown_with_both_titles(simulator: Simulator, controller: Controller) -> None:
    provision(controller)
    simulator.dashboard.rename_room("Main stage", "Grand hall")
    simulator.dashboard.rename_session("Keynote", "Opening")
    run = play(controller, "status", *NO_PICTURES, rooms=ROOMS)
    rows = table(run)
    assert ["Grand hall", "Opening", "scheduled", "encoder1", "no", "0", "2027-05-04 07:00 UTC"] in rows
    assert not any("missing" in row or "(not there yet)" in row for row in rows)
    said = run.result("ansible.builtin.debug")["msg"]
    assert "The room 'Main stage' of the event file is called 'Grand hall' in the service." in said
    assert any(line.startswith("The session 'Keynote' of the event file is called 'Opening'") for line in said)
    text = Page(page_file(controller).read_text()).text
    assert "Main stage in the event file" in text
    assert "Keynote in the event file" in text


def test_without_a_ledger_that_knows_it_a_renamed_room_is_not_there(
    simulator: Simulator, controller: Controller
) -> None:
    provision(controller)
    simulator.dashboard.rename_room("Workshop", "Lab")
    elsewhere = {"TENBYTE_LEDGER_URL": f"sqlite:///{controller.home}/none.sqlite3"}
    rows = table(play(controller, "status", *NO_PICTURES, rooms=ROOMS, environment=elsewhere))
    assert ["Workshop", "Hands on", "missing", "-", "-", "-", "-"] in rows
    assert not (controller.home / "none.sqlite3").exists()
