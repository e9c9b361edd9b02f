# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sessions of ours that do not fill their slot: the next run removes and reports them, and changes nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.results import event_result
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import EventSpec, StreamKey
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import Redactor
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import Claim, Ledger, Row, Slot
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.unanswered import Unanswered
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.ensure import Outcome
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.outcomes import (
    Applied,
    SessionOutcome,
    foreseen,
)

from ..creation_scene import ELSEWHERE
from ..engine_run import KEYNOTE, OTHER_PRESET, PRESET, Run, event
from ..scripted_server import Request, refusal

OpenRun = Callable[..., Ledger]
ASKED = event(KEYNOTE)
pytestmark = pytest.mark.usefixtures("no_grace")


@pytest.fixture
def duplicate(run: Run) -> str:
    """Return the id of a duplicate: the first of two requests created it after the second had been answered."""
    run.service.add_room("Main stage")
    run.service.faults = ["late-drop"]
    run.apply(ASKED)
    (first,) = run.service.current("Keynote")
    run.service.commit_late()
    (made,) = set(run.service.current("Keynote")) - {first}
    run.service.journal.clear()
    return made


def only(applied: Applied) -> SessionOutcome:
    (outcome,) = applied.sessions
    return outcome


def id_of(outcome: SessionOutcome) -> str:
    assert outcome.session is not None
    return outcome.session.id


def session_rows(run: Run) -> list[Row]:
    return [row for row in run.ledger.rows(run.api.url, list(run.service.rooms)) if row.slot.kind == "session"]


def test_a_run_that_leaves_a_request_unanswered_says_so(run: Run) -> None:
    run.service.faults = ["late-drop"]
    run.service.add_room("Main stage")
    assert "never answered" in only(run.apply(ASKED)).notes[0]


@pytest.mark.parametrize("fault", ["done-drop", "done-500", "done-whole"])
def test_a_run_that_found_the_session_of_its_request_has_no_unanswered_one(run: Run, fault: str) -> None:
    run.service.faults = [fault]
    run.service.add_room("Main stage")
    assert "never answered" not in " ".join(only(run.apply(ASKED)).notes)
    assert [row.unanswered for row in session_rows(run)] == [Unanswered.none()]


def test_a_duplicate_is_removed_and_reported_by_the_next_run(run: Run, duplicate: str) -> None:
    second = only(run.apply(ASKED))
    assert run.writes() == ["DELETE sessions"]
    assert duplicate not in run.service.sessions
    (kept,) = run.service.current("Keynote")
    assert run.kept_keys() == {kept: run.service.keys[kept]}
    assert second.notes[0].startswith(f"removed {duplicate}: a request to create it that was never answered")
    assert (second.changed, id_of(second)) == (True, kept)
    third = only(run.apply(ASKED))
    assert (run.writes(), third.changed, third.notes) == ([], False, ())


def test_check_mode_shows_the_removal_of_a_duplicate_and_calls_nothing(run: Run, duplicate: str) -> None:
    plan = run.plan(ASKED)
    assert [(step.action, step.path) for step in plan.steps()] == [("delete_session", f"/sessions/{duplicate}")]
    assert only(foreseen(plan)).changed
    assert id_of(only(foreseen(plan))) != duplicate
    assert run.writes() == []


def test_the_result_shows_the_session_that_stays_and_the_diff_the_duplicate(run: Run, duplicate: str) -> None:
    plan = run.plan(ASKED)
    result = event_result(Outcome(plan, run.apply(ASKED)), Redactor(), facts_before={}, run="r")
    (kept,) = run.service.current("Keynote")
    assert [session["id"] for session in result["sessions"]] == [kept]
    assert result["ansible_facts"]["tenbyte_sessions"]["Main stage/Keynote"]["id"] == kept
    assert (result["changed"], result["failed_sessions"]) == (True, [])
    assert f"removed {duplicate}" in result["warnings"][0]
    assert f"session Main stage/Keynote ({duplicate})" in result["diff"]["before"]
    assert kept not in result["diff"]["before"]
    assert result["diff"]["after"] == ""


@pytest.mark.parametrize(
    ("state", "calls", "left"),
    [
        ("present", ["DELETE sessions"], 1),
        ("live", ["POST go_live", "DELETE sessions"], 1),
        ("ended", ["DELETE sessions"], 1),
        ("absent", ["DELETE sessions", "DELETE sessions"], 0),
    ],
)
def test_a_duplicate_is_removed_whatever_the_requested_state(
    run: Run, duplicate: str, state: str, calls: list[str], left: int
) -> None:
    run.apply(event(replace(KEYNOTE, state=state)))  # type: ignore[arg-type]
    assert run.writes() == calls
    assert len(run.service.current("Keynote")) == left
    assert duplicate not in run.service.sessions


def test_a_duplicate_does_not_fill_the_slot_of_a_session_that_is_gone(run: Run, duplicate: str) -> None:
    (first,) = set(run.service.current("Keynote")) - {duplicate}
    run.service.sessions[first]["status"] = "ended"
    run.apply(ASKED)
    (kept,) = run.service.current("Keynote")
    assert kept not in (duplicate, first)
    assert run.kept_keys() == {kept: run.service.keys[kept]}


def test_a_duplicate_with_an_earlier_preset_is_recognised_after_the_replacement(run: Run, duplicate: str) -> None:
    entry = run.service.sessions.pop(duplicate)
    run.apply(event(replace(KEYNOTE, preset_id=OTHER_PRESET)))
    run.service.sessions[duplicate] = entry
    run.apply(event(replace(KEYNOTE, preset_id=OTHER_PRESET)))
    (kept,) = run.service.current("Keynote")
    assert run.service.sessions[kept]["preset"]["id"] == OTHER_PRESET


def test_a_session_of_the_same_title_that_somebody_created_is_no_duplicate(run: Run) -> None:
    run.service.add_room("Main stage")
    first = id_of(only(run.apply(ASKED)))
    run.service.journal.clear()
    stranger = run.service.add_session(next(iter(run.service.rooms)), "Keynote", PRESET)
    outcome = only(run.apply(ASKED))
    assert (outcome.error, id_of(outcome), outcome.changed) == (None, first, False)
    assert stranger in outcome.notes[0]
    assert run.writes() == []


def test_a_duplicate_beside_somebodys_session_is_removed_and_that_session_is_named(run: Run, duplicate: str) -> None:
    stranger = run.service.add_session(next(iter(run.service.rooms)), "Keynote", OTHER_PRESET)
    outcome = only(run.apply(ASKED))
    assert run.writes() == ["DELETE sessions"]
    assert duplicate not in run.service.sessions
    assert stranger in run.service.sessions
    assert (outcome.error, stranger in outcome.notes[0]) == (None, True)


def test_a_duplicate_that_was_named_by_its_id_stays(run: Run, duplicate: str) -> None:
    run.apply(event(replace(KEYNOTE, session_id=duplicate)))
    assert run.writes() == []


def test_a_duplicate_that_goes_on_air_meanwhile_stays(run: Run, duplicate: str) -> None:
    def on_request(request: Request) -> None:
        if (request.method, request.path) == ("GET", f"/sessions/{duplicate}"):
            run.service.sessions[duplicate]["status"] = "live"

    run.service.on_request = on_request
    outcome = only(run.apply(ASKED))
    assert f"{duplicate} is left alone" in (outcome.error or "")
    assert "is live by now" in (outcome.error or "")
    assert run.writes() == []


def test_a_duplicate_whose_key_is_adopted_meanwhile_stays(run: Run, duplicate: str, open_run: OpenRun) -> None:
    plan = run.plan(ASKED)
    slot = Slot(run.api.url, "session", next(iter(run.service.rooms)), "Keynote")
    open_run().adopt(slot, duplicate, StreamKey("unit-stream-adopted"))
    applied = run.apply_plan(plan)
    assert "the ledger knows it by now" in (only(applied).error or "")
    assert run.writes() == []


def test_a_duplicate_that_cannot_be_removed_now_is_removed_by_the_next_run(run: Run, duplicate: str) -> None:
    kept = run.kept_keys()
    run.service.on_request = lambda request: refusal(409) if request.method == "DELETE" else None
    outcome = only(run.apply(event(replace(KEYNOTE, state="live"))))
    assert outcome.error is not None
    assert run.service.sessions[id_of(outcome)]["status"] == "live"
    assert run.kept_keys() == kept
    run.service.on_request = lambda _request: None
    run.apply(ASKED)
    assert duplicate not in run.service.sessions


def test_a_session_that_another_run_is_creating_is_no_duplicate(run: Run, duplicate: str, open_run: OpenRun) -> None:
    room_id = next(iter(run.service.rooms))
    (first,) = set(run.service.current("Keynote")) - {duplicate}
    run.service.sessions[first]["status"] = "ended"
    rival = open_run(ELSEWHERE)
    claim = rival.claim(Slot(run.api.url, "session", room_id, "Keynote"), [first], 60.0, over_ids=[first])
    assert isinstance(claim, Claim)
    plan = run.plan(ASKED)
    assert [step.action for step in plan.steps()] == ["create_session"]


def test_a_spare_beside_the_session_of_its_slot_is_removed(run: Run) -> None:
    room_id, spare = spare_of(run)
    run.apply(ASKED)
    (kept,) = run.service.current("Keynote")
    assert kept != spare
    assert run.kept_keys() == {kept: run.service.keys[kept]}
    assert run.ledger.row_of_session(spare) is None
    run.service.journal.clear()
    run.apply(ASKED)
    assert run.writes() == []
    assert room_id in run.service.rooms


def test_a_spare_fills_the_slot_if_the_other_session_is_past(run: Run) -> None:
    _room_id, spare = spare_of(run)
    (first,) = set(run.service.current("Keynote")) - {spare}
    run.service.sessions[first]["status"] = "ended"
    outcome = only(run.apply(ASKED))
    assert (outcome.error, outcome.session and outcome.session.id) == (None, spare)
    assert outcome.key is not None
    assert run.writes() == []


def spare_of(run: Run) -> tuple[str, str]:
    """Create a session of ours, and a second one by a run that was suspended for longer than its lease."""
    room_id = run.service.add_room("Main stage")
    slot = Slot(run.api.url, "session", room_id, "Keynote")
    away = run.ledger.claim(slot, [], -1.0)
    assert isinstance(away, Claim)
    run.ledger.withdraw(away)
    run.apply(ASKED)
    spare = run.service.add_session(room_id, "Keynote", PRESET)
    assert not run.ledger.keep(away, "created", spare, StreamKey(run.service.keys[spare]))
    run.service.journal.clear()
    return room_id, spare


def test_a_run_whose_lease_ended_during_its_request_removes_its_session(run: Run, open_run: OpenRun) -> None:
    room_id, rival = run.service.add_room("Main stage"), open_run(ELSEWHERE)
    made: list[str] = []

    def take_over(request: Request) -> None:
        """During the request, end the lease, and let another run create the session and store its key."""
        if request.method == "POST" and not made:
            with run.ledger._database.engine.begin() as connection:
                connection.exec_driver_sql("UPDATE tenbyte_webinar_slots SET lease_until = 0")
            claim = rival.claim(Slot(run.api.url, "session", room_id, "Keynote"), [], 60.0)
            assert isinstance(claim, Claim)
            made.append(run.service.add_session(room_id, "Keynote", PRESET))
            rival.keep(claim, "created", made[0], StreamKey(run.service.keys[made[0]]))

    run.service.on_request = take_over
    plan = run.plan(ASKED)
    outcome = only(applied := run.apply_plan(plan))
    assert (outcome.error, id_of(outcome)) == (None, made[0])
    assert run.service.current("Keynote") == made
    assert run.kept_keys() == {made[0]: run.service.keys[made[0]]}
    # The second session, which was not in the plan, was removed, and the run says so.
    deleted = [path for method, path in run.service.journal if method == "DELETE"]
    assert [step.path for step in Outcome(plan, applied).steps() if step.action == "delete_session"] == deleted
    assert len(deleted) == 1


def test_two_late_sessions_of_a_killed_run_are_replaced_together(run: Run, open_run: OpenRun) -> None:
    run.service.add_room("Main stage")
    run.service.faults = ["late-drop", "late-drop", "refused-422"]
    assert "not today" in (only(run.apply(ASKED)).error or "")
    run.service.commit_late()
    orphans = set(run.service.current("Keynote"))
    assert len(orphans) == 2
    other = Run(run.service, run.api, open_run())
    outcome = only(other.apply(ASKED))
    (kept,) = run.service.current("Keynote")
    assert kept not in orphans
    assert all(orphan in " ".join(outcome.notes) for orphan in orphans)
    assert run.kept_keys() == {kept: run.service.keys[kept]}


def test_more_sessions_than_requests_stay_and_are_named(run: Run) -> None:
    room_id = run.service.add_room("Main stage")
    run.service.faults = ["late-drop", "refused-422"]
    run.apply(ASKED)
    run.service.commit_late()
    run.service.add_session(room_id, "Keynote", PRESET)
    outcome = only(run.apply(ASKED))
    assert all(session_id in (outcome.error or "") for session_id in run.service.current("Keynote"))
    assert run.service.count("DELETE") == 0


def test_a_late_session_with_an_earlier_preset_is_replaced_too(run: Run) -> None:
    run.service.add_room("Main stage")
    run.service.faults = ["late-drop", "refused-422"]
    run.apply(ASKED)
    run.service.commit_late()
    asked: EventSpec = event(replace(KEYNOTE, preset_id=OTHER_PRESET))
    run.apply(asked)
    (kept,) = run.service.current("Keynote")
    assert run.service.sessions[kept]["preset"]["id"] == OTHER_PRESET
    assert run.kept_keys() == {kept: run.service.keys[kept]}


def test_a_refusal_after_a_lost_answer_reports_what_was_removed(run: Run) -> None:
    run.service.add_room("Main stage")
    run.service.faults = ["done-drop", "refused-422"]
    outcome = only(run.apply(ASKED))
    assert "not today" in (outcome.error or "")
    assert "was removed: nobody ever saw its key" in (outcome.error or "")
    assert run.service.current("Keynote") == []
    assert session_rows(run) == []


def test_continuing_an_intent_does_not_duplicate_a_session_that_somebody_created(run: Run) -> None:
    room_id = run.service.add_room("Main stage")
    run.service.faults = ["lost-drop", "refused-422"]
    run.apply(ASKED)
    run.service.journal.clear()
    stranger = run.service.add_session(room_id, "Keynote", OTHER_PRESET, "live")
    outcome = only(run.apply(ASKED))
    assert outcome.error is not None
    assert run.writes() == []
    assert run.service.current("Keynote") == [stranger]
