# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A second room of a title that an unanswered request created: removed if empty, otherwise kept and named in a note."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.results import event_result
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import InvalidInput
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import Redactor
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import Ledger
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.unanswered import Unanswered
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.ensure import Outcome
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.outcomes import foreseen

from ..engine_run import KEYNOTE, PRESET, Run, event
from ..scripted_server import Request, refusal

ASKED = event(KEYNOTE)
pytestmark = pytest.mark.usefixtures("no_grace")


@pytest.fixture
def duplicate(run: Run) -> str:
    """Return the id of a duplicate: the first of two requests created it after the second had been answered."""
    run.service.faults = ["late-drop"]
    first = run.apply(ASKED)
    assert "never answered" in first.rooms[0].notes[0]
    (room,) = run.service.rooms
    run.service.commit_late()
    (made,) = set(run.service.rooms) - {room}
    run.service.journal.clear()
    return made


def test_an_empty_duplicate_is_removed_and_reported_by_the_next_run(run: Run, duplicate: str) -> None:
    before = dict(run.service.sessions)
    plan = run.plan(ASKED)
    result = event_result(Outcome(plan, run.apply(ASKED)), Redactor(), facts_before={}, run="r")
    assert run.writes() == ["DELETE rooms"]
    assert duplicate not in run.service.rooms
    assert run.service.sessions == before
    assert f"removed the room {duplicate}: a request to create it that was never answered" in result["warnings"][0]
    assert (result["changed"], result["failed_sessions"], len(result["rooms"])) == (True, [], 1)
    assert f"Main stage ({duplicate})" in result["diff"]["before"]
    assert duplicate not in result["diff"]["after"]
    assert not run.apply(ASKED).rooms[0].changed
    assert run.writes() == []


def test_check_mode_shows_the_removal_of_a_duplicate_and_calls_nothing(run: Run, duplicate: str) -> None:
    plan = run.plan(ASKED)
    assert [(step.action, step.path) for step in plan.steps()] == [("delete_room", f"/rooms/{duplicate}")]
    assert foreseen(plan).rooms[0].changed
    assert run.writes() == []


def left_alone(run: Run, room_id: str) -> bool:
    """Return whether the ledger's room is used, and the other one stays and is named in a note."""
    (done,) = (applied := run.apply(ASKED)).rooms
    assert applied.sessions[0].error is None
    is_named = any(room_id in note and "left alone" in note for note in done.notes)
    return is_named and not done.changed and room_id in run.service.rooms and run.writes() == []


@pytest.mark.parametrize("status", ["scheduled", "ended"])
def test_a_duplicate_that_is_in_use_is_named_and_stays(run: Run, duplicate: str, status: str) -> None:
    run.service.add_session(duplicate, "Something else", PRESET, status)
    assert left_alone(run, duplicate)


def test_a_second_room_that_somebody_created_is_named_and_stays(run: Run) -> None:
    run.apply(ASKED)
    run.service.journal.clear()
    assert left_alone(run, run.service.add_room("Main stage"))


def test_more_rooms_than_requests_are_named_and_stay(run: Run, duplicate: str) -> None:
    assert left_alone(run, run.service.add_room("Main stage"))
    assert left_alone(run, duplicate)


def test_two_unknown_rooms_of_a_title_are_named_and_nothing_is_done(run: Run) -> None:
    ids = [run.service.add_room("Main stage") for _each in range(2)]
    with pytest.raises(InvalidInput, match=f"you have 2 rooms of this title.*{ids[0]}, {ids[1]}.*room_id"):
        run.apply(ASKED)
    assert run.writes() == []


def test_a_duplicate_that_is_used_since_the_plan_stays(run: Run, duplicate: str) -> None:
    plan = run.plan(ASKED)
    run.service.add_session(duplicate, "Something else", PRESET)
    applied = run.apply_plan(plan)
    assert "has sessions by now and stays" in applied.rooms[0].notes[0]
    assert applied.sessions[0].error is None
    assert run.writes() == []


def test_a_duplicate_room_that_cannot_be_removed_now_is_removed_by_the_next_run(run: Run, duplicate: str) -> None:
    def on_request(request: Request) -> object:
        return refusal(500) if request.method == "DELETE" else None

    run.service.on_request = on_request  # type: ignore[assignment]
    applied = run.apply(ASKED)
    assert "could not be" in applied.rooms[0].notes[0]
    assert (applied.rooms[0].error, applied.sessions[0].error) == (None, None)
    run.service.on_request = lambda _request: None
    run.apply(ASKED)
    assert duplicate not in run.service.rooms


def test_one_of_two_late_rooms_of_a_killed_run_is_used(run: Run, open_run: Callable[..., Ledger]) -> None:
    run.service.faults = ["late-drop", "late-drop", "refused-422"]
    assert "not today" in (run.apply(ASKED).rooms[0].error or "")
    run.service.commit_late()
    assert len(run.service.rooms) == 2
    Run(run.service, run.api, open_run()).apply(ASKED)
    (room_id,) = run.service.rooms
    (session_id,) = run.service.current("Keynote")
    assert run.service.sessions[session_id]["room_id"] == room_id
    rows = run.ledger.rows(run.api.url, [room_id])
    assert {(row.slot.kind, row.phase, row.unanswered) for row in rows} == {
        ("room", "created", Unanswered.none()),
        ("session", "created", Unanswered.none()),
    }


def test_the_room_of_a_killed_run_is_recorded_in_the_ledger(run: Run, open_run: Callable[..., Ledger]) -> None:
    run.service.faults = ["late-drop", "refused-422"]
    run.apply(ASKED)
    run.service.commit_late()
    Run(run.service, run.api, open_run()).apply(ASKED)
    (room_id,) = run.service.rooms
    rooms = [row for row in run.ledger.rows(run.api.url, []) if row.slot.kind == "room"]
    assert [(row.phase, row.object_id, row.unanswered) for row in rooms] == [("created", room_id, Unanswered.none())]
