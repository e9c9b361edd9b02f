# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Other users create, rename and start sessions in the dashboard: these are not taken for ours, and none is lost."""

from __future__ import annotations

import pytest

from tests.integration.conftest import OTHER_PRESET, PRESET
from tests.integration.controller import Controller
from tests.simulator.server import Simulator

from .runs import (
    Json,
    actions,
    assert_no_change_and_keys_kept,
    assert_no_change_and_no_warning,
    event,
    reason,
    result,
    results,
    rooms_of,
    session,
    succeeded,
    warnings,
)


@pytest.mark.parametrize(
    "options",
    [{"on_missing_key": "go_live"}, {"on_missing_key": "ignore", "state": "live"}],
    ids=["go_live", "ignore and live"],
)
def test_session_id_of_another_users_session_keeps_the_key_of_ours(
    simulator: Simulator, controller: Controller, options: Json
) -> None:
    ours = succeeded(result(controller, session()))["session"]["id"]
    theirs = simulator.dashboard.create_session("Main stage", "Keynote", PRESET).id
    pinned = succeeded(result(controller, session(session_id=theirs, **options)))
    assert actions(pinned) == ["go_live"]
    assert pinned["session"]["stream_key_available"] is True
    assert simulator.service.sessions[theirs].status == "live"
    assert_no_change_and_keys_kept(simulator, controller, session(session_id=ours), ours, theirs)


def test_a_session_renamed_in_the_dashboard_is_used_with_a_warning(
    simulator: Simulator, controller: Controller
) -> None:
    (ours,) = succeeded(result(controller, event(rooms_of("Keynote"))))["sessions"]
    simulator.dashboard.rename_session("Keynote", "Opening")
    simulator.dashboard.rename_room("Main stage", "Grand hall")
    preview = result(controller, event(rooms_of("Keynote")), "--check")
    first, again = results(controller, event(rooms_of("Keynote")), event(rooms_of("Keynote")))
    for shown in (preview, first):
        assert "which the ledger has for 'Main stage', is titled 'Grand hall' in the service now" in warnings(shown)
        assert f"{ours['id']}, which the ledger has for 'Keynote', is titled 'Opening'" in warnings(shown)
    assert (first["changed"], first["sessions"][0]["id"]) == (False, ours["id"])
    assert_no_change_and_no_warning(again)
    assert (len(simulator.service.rooms), len(simulator.service.sessions)) == (1, 1)


WISHES: dict[str, Json] = {
    "replaced": event(rooms_of("Keynote", preset_id=OTHER_PRESET)),
    "absent": event(rooms_of("Keynote", state="absent")),
    "purged": event(rooms_of("Panel"), purge=True),
}


def test_a_session_put_on_air_in_the_dashboard_during_the_run_is_not_deleted(
    simulator: Simulator, controller: Controller
) -> None:
    succeeded(result(controller, event(rooms_of("Keynote", "Panel"))))
    keynote = next(one for one in simulator.service.sessions.values() if one.title == "Keynote")
    simulator.journal.clear()
    for asked in WISHES.values():
        # It goes on air after the list showed it as scheduled.
        keynote.status = "scheduled"
        change = {"do": "go_live", "session": keynote.id}
        rule = simulator.faults.add("change", method="GET", path="/sessions$", when="after", change=change)
        assert "by now" in reason(result(controller, asked))
        assert rule.struck
        assert simulator.journal.writes() == []
    assert len(simulator.service.sessions) == 2
