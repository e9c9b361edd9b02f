# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Settings that a service does not report, caps or refuses; titles and descriptions that it stores differently."""

from __future__ import annotations

import pytest

from tests.integration.controller import Controller
from tests.simulator.server import Simulator

from .runs import (
    Json,
    actions,
    assert_no_change_and_no_warning,
    event,
    reason,
    result,
    results,
    room,
    rooms_of,
    session,
    succeeded,
    warnings,
    writes,
)

SETTINGS = {"chat_enabled": False, "stage_enabled": True, "max_join_limit": 80}


@pytest.mark.parametrize(
    ("variant", "warned"),
    [
        pytest.param({"settings_shown": "none"}, False, id="not reported"),
        pytest.param({"settings_shown": "overrides", "false_settings_omitted": True}, False, id="false is left out"),
        pytest.param({"largest_join_limit": 20}, True, id="capped"),
        pytest.param({"largest_effective_join_limit": 20}, False, id="capped in force alone"),
        pytest.param({"ignored_settings": ("chat_enabled",)}, True, id="not taken"),
    ],
)
def test_settings_that_the_service_does_not_report_are_sent_once(
    simulator: Simulator, controller: Controller, variant: Json, warned: bool
) -> None:
    simulator.variant.set(**variant)
    _made, first, second, asked_anew = results(
        controller,
        session(),
        session(settings=SETTINGS),
        session(settings=SETTINGS),
        session(settings={**SETTINGS, "stage_enabled": False}),
    )
    assert actions(succeeded(first)) == ["update_settings"]
    assert ("the service keeps" in warnings(first)) is warned
    assert_no_change_and_no_warning(second)
    # A changed value is sent, and nothing else.
    assert asked_anew["plan"][0]["request"]["body"] == {"stage_enabled": False}
    assert writes(simulator) == ["POST rooms", "POST sessions", "PATCH settings", "PATCH settings"]


def test_refused_settings_are_sent_again_by_the_next_run(simulator: Simulator, controller: Controller) -> None:
    simulator.variant.settings_shown = "none"
    simulator.faults.add("status", status=422, path="/settings$", method="PATCH")
    refused, taken, again = results(controller, *[session(settings=SETTINGS)] * 3)
    assert "422" in reason(refused)
    assert actions(refused) == ["create_room", "create_session", "update_settings"]
    assert actions(succeeded(taken)) == ["update_settings"]
    assert_no_change_and_no_warning(again)


TITLE = "Q&A  «Cafe\u0301» <live>"


@pytest.mark.parametrize("steps", [("html",), ("upper",), ("blanks", "trim", "nfc")], ids="+".join)
def test_titles_that_the_service_changes_are_created_once_and_reported_once(
    simulator: Simulator, controller: Controller, steps: tuple[str, ...]
) -> None:
    simulator.variant.set(room_titles=steps, session_titles=steps)
    sessions = rooms_of(TITLE)[0]["sessions"]
    asked = event([{"title": TITLE, "sessions": sessions}])
    first, second = results(controller, asked, asked)
    ((stored_room,), (stored,)) = simulator.service.rooms.values(), simulator.service.sessions.values()
    warned = succeeded(first)["warnings"]
    assert len(warned) == 2, "one for the room, one for the session"
    for title, warning in zip((stored_room.title, stored.title), warned, strict=True):
        assert f"'{title}'" in warning
        assert f"'{TITLE}'" in warning
    assert_no_change_and_no_warning(second)
    assert second["sessions"][0]["title"] == TITLE
    gone = event([{"title": TITLE, "sessions": [{"title": TITLE, "state": "absent"}]}])
    assert actions(succeeded(result(controller, gone))) == ["delete_session"]


def test_titles_that_look_the_same_are_refused_before_any_call(simulator: Simulator, controller: Controller) -> None:
    pairs = [("Cafe\u0301", "Caf\u00e9"), ("Key\u200bnote", "Keynote"), ("\u200eKeynote", "Keynote")]
    sessions = [event(rooms_of(*pair)) for pair in pairs]
    rooms = [event([{"title": title} for title in pair]) for pair in pairs]
    for refused in results(controller, *sessions, *rooms):
        assert "look" in reason(refused)
    assert len(simulator.journal) == 0


@pytest.mark.parametrize("steps", [("lf", "end"), ("html", "cut:12")], ids="+".join)
def test_a_description_that_the_service_normalises_is_no_difference(
    simulator: Simulator, controller: Controller, steps: tuple[str, ...]
) -> None:
    simulator.variant.descriptions = steps
    simulator.dashboard.create_room("Main stage")
    variants = [room(title="Main stage", description=text) for text in ("Talks & more\n\nAll day\n", "One\r\ntwo\r\n")]
    first, second, other, again = results(controller, variants[0], variants[0], variants[1], variants[1])
    assert [actions(succeeded(one)) for one in (first, other)] == [["update_room"], ["update_room"]]
    assert_no_change_and_no_warning(second)
    assert_no_change_and_no_warning(again)


def test_room_fields_that_the_service_ignores_are_reported_and_are_no_difference(
    simulator: Simulator, controller: Controller
) -> None:
    simulator.variant.ignored_room_fields = ("description",)
    first, second = results(controller, *[room(title="Main stage", description="Plenary\n")] * 2)
    assert actions(succeeded(first)) == ["create_room"]
    assert_no_change_and_no_warning(second)
    simulator.faults.add("status", status=403, path="^/rooms/[^/]+$", method="PATCH")
    asked = rooms_of("Keynote")
    asked[0]["description"] = "Something else"
    refused = result(controller, event(asked))
    # A refused description does not stop the creation of sessions.
    assert reason(refused).startswith("1 room failed")
    assert [one["title"] for one in refused["sessions"] if one["id"]] == ["Keynote"]
    assert [entry.path for entry in simulator.journal.writes() if entry.path.endswith("/sessions")] != []
