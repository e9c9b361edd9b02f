# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Settings that a service does not report, caps or refuses, and titles and descriptions that it stores otherwise."""

from __future__ import annotations

import pytest

from tests.integration.controller import Controller
from tests.simulator.server import Simulator

from .runs import (
    Json,
    actions,
    assert_quiet,
    event,
    reason,
    result,
    results,
    room,
    rooms_of,
    session,
    warnings,
    well,
    writes,
)

SETTINGS = {"chat_enabled": False, "stage_enabled": True, "max_join_limit": 80}


@pytest.mark.parametrize(
    ("tastes", "told"),
    [
        pytest.param({"settings_shown": "none"}, False, id="not reported"),
        pytest.param({"settings_shown": "overrides", "false_settings_omitted": True}, False, id="false is left out"),
        pytest.param({"largest_join_limit": 20}, True, id="capped"),
        pytest.param({"largest_effective_join_limit": 20}, False, id="capped in force alone"),
        pytest.param({"ignored_settings": ("chat_enabled",)}, True, id="not taken"),
    ],
)
def test_settings_are_sent_once(simulator: Simulator, controller: Controller, tastes: Json, told: bool) -> None:
    simulator.variant.set(**tastes)
    _made, first, second, asked_anew = results(
        controller,
        session(),
        session(settings=SETTINGS),
        session(settings=SETTINGS),
        session(settings={**SETTINGS, "stage_enabled": False}),
    )
    assert actions(well(first)) == ["update_settings"]
    assert ("the service keeps" in warnings(first)) is told
    assert_quiet(second)
    # What is asked for otherwise is sent, and nothing else with it.
    assert asked_anew["plan"][0]["request"]["body"] == {"stage_enabled": False}
    assert writes(simulator) == ["POST rooms", "POST sessions", "PATCH settings", "PATCH settings"]


def test_settings_that_were_refused_once_are_sent_again(simulator: Simulator, controller: Controller) -> None:
    simulator.variant.settings_shown = "none"
    simulator.faults.add("status", status=422, path="/settings$", method="PATCH")
    refused, taken, again = results(controller, *[session(settings=SETTINGS)] * 3)
    assert "422" in reason(refused)
    assert actions(refused) == ["create_room", "create_session", "update_settings"]
    assert actions(well(taken)) == ["update_settings"]
    assert_quiet(again)


TITLE = "Q&A  «Cafe\u0301» <live>"


@pytest.mark.parametrize("steps", [("html",), ("upper",), ("blanks", "trim", "nfc")], ids="+".join)
def test_titles_that_are_stored_otherwise_are_made_once_and_told_once(
    simulator: Simulator, controller: Controller, steps: tuple[str, ...]
) -> None:
    simulator.variant.set(room_titles=steps, session_titles=steps)
    sessions = rooms_of(TITLE)[0]["sessions"]
    wish = event([{"title": TITLE, "sessions": sessions}])
    first, second = results(controller, wish, wish)
    ((stored_room,), (stored,)) = simulator.service.rooms.values(), simulator.service.sessions.values()
    told = well(first)["warnings"]
    assert len(told) == 2, "one for the room, one for the session"
    for title, warning in zip((stored_room.title, stored.title), told, strict=True):
        assert f"'{title}'" in warning
        assert f"'{TITLE}'" in warning
    assert_quiet(second)
    assert second["sessions"][0]["title"] == TITLE
    gone = event([{"title": TITLE, "sessions": [{"title": TITLE, "state": "absent"}]}])
    assert actions(well(result(controller, gone))) == ["delete_session"]


def test_titles_that_look_the_same_are_refused_before_any_call(simulator: Simulator, controller: Controller) -> None:
    pairs = [("Cafe\u0301", "Caf\u00e9"), ("Key\u200bnote", "Keynote"), ("\u200eKeynote", "Keynote")]
    sessions = [event(rooms_of(*pair)) for pair in pairs]
    rooms = [event([{"title": title} for title in pair]) for pair in pairs]
    for refused in results(controller, *sessions, *rooms):
        assert "look" in reason(refused)
    assert len(simulator.journal) == 0


@pytest.mark.parametrize("steps", [("lf", "end"), ("html", "cut:12")], ids="+".join)
def test_a_description_that_is_cleaned_is_no_change(
    simulator: Simulator, controller: Controller, steps: tuple[str, ...]
) -> None:
    simulator.variant.descriptions = steps
    simulator.dashboard.create_room("Main stage")
    wishes = [room(title="Main stage", description=text) for text in ("Talks & more\n\nAll day\n", "One\r\ntwo\r\n")]
    first, second, other, again = results(controller, wishes[0], wishes[0], wishes[1], wishes[1])
    assert [actions(well(one)) for one in (first, other)] == [["update_room"], ["update_room"]]
    assert_quiet(second)
    assert_quiet(again)


def test_what_the_service_does_not_take_of_a_room_is_told_and_no_change(
    simulator: Simulator, controller: Controller
) -> None:
    simulator.variant.ignored_room_fields = ("description",)
    first, second = results(controller, *[room(title="Main stage", description="Plenary\n")] * 2)
    assert actions(well(first)) == ["create_room"]
    assert_quiet(second)
    simulator.faults.add("status", status=403, path="^/rooms/[^/]+$", method="PATCH")
    wish = rooms_of("Keynote")
    wish[0]["description"] = "Something else"
    refused = result(controller, event(wish))
    # A description that is refused keeps no session from being made.
    assert reason(refused).startswith("1 room failed")
    assert [one["title"] for one in refused["sessions"] if one["id"]] == ["Keynote"]
    assert [entry.path for entry in simulator.journal.writes() if entry.path.endswith("/sessions")] != []
