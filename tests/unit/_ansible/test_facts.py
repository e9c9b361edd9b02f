# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.results import event_result
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.this_run import EVENT, PREVIEW, RUN, SESSIONS
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import (
    EventSpec,
    Policy,
    RoomSpec,
    SessionSpec,
)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import Redactor
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.ensure import Outcome
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.outcomes import foreseen
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.plan import make_plan
from hypothesis import given
from hypothesis import settings as hypothesis_settings

from ..engine_run import KEYNOTE, OTHER_PRESET, Run, event
from ..random_events import Scenario, scenarios
from ..scripted_server import refusal

Facts = dict[str, Any]


def apply(
    run: Run, asked: EventSpec, before: Facts | None = None, named: str = "run-1", **options: bool
) -> dict[str, Any]:
    plan = run.plan(asked)
    outcome = Outcome(plan, run.apply_plan(plan, policy=asked.policy))
    return event_result(outcome, Redactor(), facts_before=before or {}, run=named, **options)


def preview(
    run: Run, asked: EventSpec, before: Facts | None = None, named: str = "run-1", *, may_change_facts: bool = False
) -> dict[str, Any]:
    plan = run.plan(asked)
    return event_result(
        Outcome(plan, foreseen(plan)),
        Redactor(),
        facts_before=before or {},
        run=named,
        check_mode=True,
        may_change_facts=may_change_facts,
    )


def facts(result: Mapping[str, Any]) -> Facts:
    found: Facts = result["ansible_facts"]
    return found


def test_the_facts_have_sessions_completely_handled_rooms_and_gone_sessions(run: Run) -> None:
    left = facts(apply(run, event(KEYNOTE)))
    (room_id,) = run.service.rooms
    (session_id,) = run.service.sessions
    assert list(left) == [SESSIONS, RUN, EVENT]
    assert left[SESSIONS]["Main stage/Keynote"]["id"] == session_id
    assert left[EVENT] == {"run": "run-1", "rooms": [{"id": room_id, "title": "Main stage"}], "gone": {}}


def test_the_action_session_handles_no_room_completely(run: Run) -> None:
    left = facts(apply(run, event(KEYNOTE), whole=False))
    assert (left[EVENT]["rooms"], list(left[SESSIONS])) == ([], ["Main stage/Keynote"])


@pytest.mark.parametrize("state", ["absent", "ended"])
def test_a_session_that_was_removed_or_ended_is_gone_by_its_name(run: Run, state: Any) -> None:
    first = facts(apply(run, event(KEYNOTE)))
    run.service.sessions[(session_id := next(iter(run.service.sessions)))]["status"] = "live"
    left = facts(apply(run, event(replace(KEYNOTE, state=state)), first, whole=False))
    (room_id,) = run.service.rooms
    assert left[SESSIONS] == {}
    gone = {"id": session_id, "room_id": room_id, "room": "Main stage", "title": "Keynote"}
    assert left[EVENT]["gone"] == {"Main stage/Keynote": gone}
    # A later task of the same run creates it again, so it is no longer gone.
    again = facts(apply(run, event(KEYNOTE), left))
    assert (list(again[SESSIONS]), again[EVENT]["gone"]) == (["Main stage/Keynote"], {})


def test_a_scheduled_session_with_the_state_ended_is_not_gone(run: Run) -> None:
    left = facts(apply(run, event(KEYNOTE), {}))
    left = facts(apply(run, event(replace(KEYNOTE, state="ended")), left))
    assert (list(left[SESSIONS]), left[EVENT]["gone"]) == (["Main stage/Keynote"], {})


def test_a_purged_session_is_gone(run: Run) -> None:
    apply(run, event(KEYNOTE, replace(KEYNOTE, title="Panel")))
    left = facts(apply(run, event(KEYNOTE, policy=Policy(purge=True))))
    assert (list(left[SESSIONS]), list(left[EVENT]["gone"])) == (["Main stage/Keynote"], ["Main stage/Panel"])


def test_the_sessions_of_a_deleted_room_are_gone(run: Run) -> None:
    first = facts(apply(run, event(KEYNOTE, replace(KEYNOTE, title="Panel"))))
    ids = {entry["title"]: entry["id"] for entry in run.service.sessions.values()}
    left = facts(apply(run, EventSpec((RoomSpec(title="Main stage", state="absent"),)), first))
    assert left[SESSIONS] == {}
    gone = {name: entry["id"] for name, entry in left[EVENT]["gone"].items()}
    assert gone == {f"Main stage/{title}": one for title, one in ids.items()}


def test_a_room_with_a_failure_was_not_handled_completely(run: Run) -> None:
    run.service.on_request = lambda request: refusal(422) if b"Panel" in request.body else None
    left = facts(apply(run, event(KEYNOTE, replace(KEYNOTE, title="Panel"))))
    assert (list(left[SESSIONS]), left[EVENT]["rooms"]) == (["Main stage/Keynote"], [])


def test_the_facts_have_the_sessions_of_two_rooms_with_the_same_title(run: Run) -> None:
    ids = [run.service.add_room("Main stage") for _each in range(2)]
    asked = EventSpec(tuple(RoomSpec(room_id=room_id, sessions=(KEYNOTE,)) for room_id in ids))
    result = apply(run, asked)
    left = facts(result)[SESSIONS]
    assert [entry["room_id"] for entry in left.values()] == ids
    assert [session["name"] for session in result["sessions"]] == list(left)
    assert any(f"({ids[0]})" in name for name in left)
    # The names are the same in every run and task.
    assert list(facts(apply(run, asked, facts(result)))[SESSIONS]) == list(left)


def test_a_later_task_of_the_run_does_not_overwrite_another_rooms_session(run: Run) -> None:
    ids = [run.service.add_room("Main stage") for _each in range(2)]
    left: Facts = {}
    for room_id in ids:
        asked = EventSpec((RoomSpec(room_id=room_id, sessions=(KEYNOTE,)),))
        left = facts(apply(run, asked, left, whole=False))
    assert sorted(entry["room_id"] for entry in left[SESSIONS].values()) == sorted(ids)


def test_facts_of_another_run_are_dropped(run: Run) -> None:
    first = facts(apply(run, event(KEYNOTE), named="run-0"))
    left = facts(apply(run, event(replace(KEYNOTE, title="Panel")), first))
    assert (list(left[SESSIONS]), left[RUN], left[EVENT]["run"]) == (["Main stage/Panel"], "run-1", "run-1")


def test_a_preview_does_not_change_the_facts_of_a_real_run(run: Run) -> None:
    first = facts(apply(run, event(KEYNOTE)))
    left = facts(preview(run, event(replace(KEYNOTE, state="absent")), first))
    assert list(left) == [PREVIEW]
    assert (left[PREVIEW]["sessions"], list(left[PREVIEW]["gone"])) == ({}, ["Main stage/Keynote"])
    # A second preview continues the first.
    more = facts(preview(run, event(replace(KEYNOTE, title="Panel")), {**first, **left}))
    assert list(more[PREVIEW]["sessions"]) == ["Main stage/Panel"]
    assert list(more[PREVIEW]["gone"]) == ["Main stage/Keynote"]


def test_a_preview_of_the_whole_run_sets_the_facts_of_a_real_run(run: Run) -> None:
    left = facts(preview(run, event(KEYNOTE), may_change_facts=True))
    assert left[SESSIONS]["Main stage/Keynote"]["id"] is None
    assert left[RUN] == "run-1"


def test_a_preview_of_another_run_is_not_continued(run: Run) -> None:
    first = facts(preview(run, event(KEYNOTE), named="run-0"))
    left = facts(preview(run, event(replace(KEYNOTE, title="Panel")), first))
    assert list(left[PREVIEW]["sessions"]) == ["Main stage/Panel"]


def test_a_session_that_could_not_be_replaced_stays_in_the_facts(run: Run) -> None:
    first = facts(apply(run, event(KEYNOTE)))
    run.service.faults = ["refused-422"] * 3
    left = facts(apply(run, event(replace(KEYNOTE, preset_id=OTHER_PRESET)), first))
    assert left[SESSIONS]["Main stage/Keynote"]["id"] == next(iter(run.service.sessions))
    assert left[EVENT]["rooms"] == []


@hypothesis_settings(max_examples=100)
@given(scenarios())
def test_each_session_has_a_unique_name(scenario: Scenario) -> None:
    plan = make_plan(scenario.asked, scenario.world())
    result = event_result(Outcome(plan, foreseen(plan)), Redactor(), facts_before={}, run="r", check_mode=True)
    names = [session["name"] for session in result["sessions"]]
    assert len(names) == len(set(names))
    left = result["ansible_facts"]
    assert not set(left[SESSIONS]) & set(left[EVENT]["gone"])
    by_id = {entry["id"] for entry in left[SESSIONS].values() if entry["id"]}
    shown = {one["id"] for one in result["sessions"] if one["id"] and one["status"] in ("scheduled", "live")}
    assert shown <= by_id


def test_the_facts_have_only_sessions_that_were_asked_for(run: Run) -> None:
    room_id = run.service.add_room("Main stage")
    run.service.add_session(room_id, "Somebody's", KEYNOTE.preset_id)
    left = facts(apply(run, event(SessionSpec("Keynote", preset_id=KEYNOTE.preset_id))))
    assert list(left[SESSIONS]) == ["Main stage/Keynote"]
