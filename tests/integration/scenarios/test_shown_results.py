# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What plan, diff, facts and messages show: each removal, each session, and each failure with its name."""

from __future__ import annotations

from tests.integration.conftest import PRESET
from tests.integration.controller import Controller
from tests.simulator.server import Simulator

from .runs import (
    ROOM,
    actions,
    assert_no_change_and_no_warning,
    event,
    reason,
    result,
    results,
    results_of,
    room,
    rooms_of,
    run,
    session,
    succeeded,
)


def test_plan_and_diff_name_the_sessions_of_a_deleted_room(simulator: Simulator, controller: Controller) -> None:
    made = succeeded(result(controller, event(rooms_of("Keynote", "Panel"))))["sessions"]
    theirs = simulator.dashboard.create_session("Main stage", "Theirs", PRESET)
    asked = room(title="Main stage", state="absent")
    preview = run(controller, asked, arguments=("--check", "--diff"))
    done = run(controller, asked, arguments=("--diff",))
    assert preview.result(ROOM)["plan"] == done.result(ROOM)["plan"]
    assert actions(results_of(done)[0]) == ["delete_room"]
    named = {one["title"]: one["id"] for one in made} | {"Theirs": theirs.id}
    for shown in (preview, done):
        why = shown.result(ROOM)["plan"][0]["reason"]
        assert "stream keys" in why
        assert all(f"'{title}' ({one})" in why for title, one in named.items())
        assert all(f"-session Main stage/{title}:" in shown.output for title in named)
        assert all(f"stream_key_fingerprint: {one['stream_key_fingerprint']}" in shown.output for one in made)
    assert simulator.service.rooms == {}
    # The keys are erased with their sessions.
    assert {one["id"] for one in ledger_entries(controller)} & set(named.values()) == set()


def ledger_entries(controller: Controller) -> list[dict[str, str]]:
    listed = run(controller, {"tenbyte.webinar.ledger": {"operation": "list"}}).result("tenbyte.webinar.ledger")
    return [{"id": str(entry.get("session_id"))} for entry in listed["entries"] if entry.get("stream_key_available")]


def test_the_diff_shows_another_tag_manager_id(controller: Controller) -> None:
    def tagged(container_id: str) -> dict[str, object]:
        tag = {"container_id": container_id, "enabled": True}
        return room(title="Main stage", analytics={"google_tag_manager": tag})

    done = run(controller, tagged("GTM-FIRST1"), tagged("GTM-SECOND"), tagged("GTM-SECOND"), arguments=("--diff",))
    assert "-  analytics.google_tag_manager.container_id: GTM-FIRST1" in done.output
    assert "+  analytics.google_tag_manager.container_id: GTM-SECOND" in done.output
    assert_no_change_and_no_warning(results_of(done)[-1])
    assert done.result(ROOM)["diff"]["before"] == done.result(ROOM)["diff"]["after"]


def test_a_room_cannot_get_the_title_of_another_room(simulator: Simulator, controller: Controller) -> None:
    first, second = (simulator.dashboard.create_room(title) for title in ("Main stage", "Work shop"))
    simulator.journal.clear()
    titles = ("Main stage", "Main\u200b stage", "Hall")
    *refused, renamed = results(controller, *(room(room_id=second.id, title=title) for title in titles))
    for one in refused:
        assert first.id in reason(one)
        assert one["changed"] is False
    assert actions(succeeded(renamed)) == ["update_room"]
    assert {one.title for one in simulator.service.rooms.values()} == {"Main stage", "Hall"}
    assert len(simulator.journal.writes()) == 1


def test_facts_and_diff_hold_both_rooms_of_one_title(simulator: Simulator, controller: Controller) -> None:
    ids = [simulator.dashboard.create_room("Main stage").id for _number in range(2)]
    rooms = [
        {"room_id": one, "sessions": [{"title": "Keynote", "preset_id": PRESET, "encoder": f"encoder{number}"}]}
        for number, one in enumerate(ids)
    ]
    done = run(controller, event(rooms), event(rooms), arguments=("--diff",))
    facts = done.result("tenbyte.webinar.event")["ansible_facts"]["tenbyte_sessions"]
    assert {(entry["room_id"], entry["encoder"]) for entry in facts.values()} == {
        (one, f"encoder{number}") for number, one in enumerate(ids)
    }
    assert_no_change_and_no_warning(results_of(done)[-1])
    assert {one.id for one in simulator.service.sessions.values()} == {entry["id"] for entry in facts.values()}
    # The first task created both rooms, with a session in each.
    assert all(f"id: {one}" in done.output for one in simulator.service.sessions)
    assert sorted(one.room.id for one in simulator.service.sessions.values()) == sorted(ids)


def test_calls_before_a_failure_count_as_changed_and_failed_rooms_are_listed_apart(
    simulator: Simulator, controller: Controller
) -> None:
    succeeded(result(controller, event(rooms_of("Keynote", "Panel"))))
    # The service deletes it and answers with an error; reading again shows that it is gone.
    simulator.faults.add("status", status=500, method="DELETE", path="/sessions/", when="after")
    removed = result(controller, session(state="absent"))
    assert removed["changed"] is True
    assert "Keynote" not in {one.title for one in simulator.service.sessions.values()}
    simulator.faults.clear()
    simulator.faults.add("status", status=403, method="POST", path="/rooms$", times=None)
    rooms = [*rooms_of("Panel"), {"title": "Work shop"}]
    failed = result(controller, event(rooms))
    assert "1 room failed" in reason(failed)
    assert "sessions failed" not in failed["msg"]
    assert [one["room"] for one in failed["failed_rooms"]] == ["Work shop"]
    assert failed["failed_sessions"] == [
        {"room": "Work shop", "title": None, "reason": failed["failed_rooms"][0]["reason"]}
    ]


def test_a_key_that_a_refusal_quotes_is_not_shown(simulator: Simulator, controller: Controller) -> None:
    simulator.service.key_form = "{hyphenated}"
    simulator.variant.refusals_quote = ("stream_key", "id", "credential")
    succeeded(result(controller, session()))
    # The key of a session that the ledger does not know cannot be masked by its value.
    simulator.dashboard.create_session("Main stage", "Panel", PRESET)
    for one in simulator.service.sessions:
        simulator.service.stream_key_of(one)
    simulator.faults.add("status", status=422, path="/settings$", method="PATCH", times=None)
    asked = {"settings": {"chat_enabled": False}, "on_missing_key": "ignore"}
    done = run(controller, session(**asked), session(title="Panel", **asked), arguments=("-vvv",))
    assert "422" in reason(results_of(done)[0])
    assert not any(key in done.output + str(done.records) for key in simulator.issued_keys())
    assert controller.api_key not in done.output
