# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sessions and rooms that have changed since the plan are not deleted, and a failure stops only what it concerns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import ServiceError
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import EventSpec, Policy, RoomSpec, StreamKey
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import Claim, Ledger, Row, Slot
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.outcomes import Applied, SessionOutcome

from ..engine_run import KEYNOTE, OTHER_PRESET, PRESET, Run, event
from ..scripted_server import Request, refusal

ABSENT_ROOM = EventSpec((RoomSpec(title="Main stage", state="absent"),))
PANEL = replace(KEYNOTE, title="Panel")
pytestmark = pytest.mark.usefixtures("no_grace")


@pytest.fixture
def made(run: Run) -> str:
    """Return the id of the session that an earlier run created."""
    (done,) = run.apply(event(KEYNOTE)).sessions
    assert done.session is not None
    run.service.journal.clear()
    return done.session.id


def only(applied: Applied) -> SessionOutcome:
    (done,) = applied.sessions
    return done


def session_rows(run: Run) -> list[Row]:
    return [row for row in run.ledger.rows(run.api.url, list(run.service.rooms)) if row.slot.kind == "session"]


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(event(replace(KEYNOTE, state="absent")), id="absent"),
        pytest.param(event(replace(KEYNOTE, preset_id=OTHER_PRESET)), id="replace"),
        pytest.param(event(policy=Policy(purge=True)), id="purge"),
    ],
)
def test_a_session_that_went_on_air_since_the_plan_stays(run: Run, made: str, asked: EventSpec) -> None:
    plan = run.plan(asked)
    run.service.sessions[made]["status"] = "live"
    done = only(run.apply_plan(plan, policy=asked.policy))
    assert "is live by now" in (done.error or "")
    assert not done.changed
    assert run.writes() == []
    assert run.service.sessions[made]["status"] == "live"
    assert run.kept_keys() == {made: run.service.keys[made]}


@pytest.mark.parametrize("state", ["absent", "ended"])
def test_a_session_that_is_gone_since_the_plan_counts_as_removed(run: Run, made: str, state: Any) -> None:
    run.service.sessions[made]["status"] = "live"
    plan = run.plan(event(replace(KEYNOTE, state=state)))
    del run.service.sessions[made]
    done = only(run.apply_plan(plan))
    assert (done.error, done.changed) == (None, False)
    assert run.kept_keys() == {}


def test_a_room_that_got_a_new_session_is_not_deleted(run: Run, made: str) -> None:
    plan = run.plan(ABSENT_ROOM)
    new = run.service.add_session(next(iter(run.service.rooms)), "Somebody's", PRESET)
    (done,) = run.apply_plan(plan).rooms
    assert new in (done.error or "")
    assert not done.changed
    assert run.writes() == []
    assert run.kept_keys() == {made: run.service.keys[made]}


def test_a_room_with_a_session_that_went_on_air_is_not_deleted(run: Run, made: str) -> None:
    plan = run.plan(ABSENT_ROOM)
    run.service.sessions[made]["status"] = "live"
    (done,) = run.apply_plan(plan).rooms
    assert f"({made}, live)" in (done.error or "")
    assert run.writes() == []


@pytest.mark.parametrize("state", ["absent", "ended"])
@pytest.mark.parametrize("fault", ["lost-drop", "late-drop", "done-drop"])
def test_an_intent_that_is_no_longer_needed_is_withdrawn(run: Run, fault: str, state: Any) -> None:
    run.service.add_room("Main stage")
    run.service.faults = [fault, "refused-422"]
    run.apply(event(KEYNOTE))
    run.service.commit_late()
    done = only(run.apply(event(replace(KEYNOTE, state=state))))
    assert done.error is None
    # Its session is removed now, and not days later.
    assert run.service.current("Keynote") == []
    is_known_by_now = fault != "lost-drop"
    assert [bool(row.unanswered) for row in session_rows(run)] == ([] if is_known_by_now else [True])
    run.service.journal.clear()
    run.apply(event(replace(KEYNOTE, state=state)))
    assert run.writes() == []


@pytest.mark.parametrize("state", ["absent", "ended"])
def test_an_intent_without_a_request_is_withdrawn(run: Run, state: Any) -> None:
    room_id = run.service.add_room("Main stage")
    assert isinstance(run.ledger.claim(Slot(run.api.url, "session", room_id, "Keynote"), [], -1.0), Claim)
    run.apply(event(replace(KEYNOTE, state=state)))
    assert session_rows(run) == []


def rival_makes(run: Run, rival: Ledger, preset_id: str) -> Callable[[], str]:
    """Let another run begin to create the session. Return the function that ends it."""
    room_id = next(iter(run.service.rooms))
    claim = rival.claim(Slot(run.api.url, "session", room_id, "Keynote"), [], 60.0)
    assert isinstance(claim, Claim)

    def finish() -> str:
        session_id = run.service.add_session(room_id, "Keynote", preset_id)
        rival.keep(claim, "created", session_id, StreamKey(run.service.keys[session_id]))
        return session_id

    return finish


@pytest.mark.parametrize("is_seen", [True, False])
def test_a_different_session_of_another_run_is_compared_with_the_request(
    run: Run, open_run: Callable[..., Ledger], is_seen: bool
) -> None:
    run.service.add_room("Main stage")
    if not is_seen:
        plan = run.plan(event(replace(KEYNOTE, state="live")))
    finish = rival_makes(run, open_run(), OTHER_PRESET)
    if is_seen:
        plan = run.plan(event(replace(KEYNOTE, state="live")))
        assert plan.rooms[0].sessions[0].awaits_other_run
    theirs = finish()
    done = only(run.apply_plan(plan))
    (left,) = run.service.current("Keynote")
    assert done.error is None
    assert (done.session and done.session.id) == left != theirs
    assert run.service.sessions[left]["preset"]["id"] == PRESET
    assert run.service.sessions[left]["status"] == "live"
    # The session with the wrong preset was never put on air.
    assert ("POST", f"/sessions/{theirs}/go_live") not in run.service.journal
    assert run.kept_keys() == {left: run.service.keys[left]}
    assert ("DELETE", f"/sessions/{theirs}") in [(step.method, step.path) for step in done.more_steps]


def test_a_different_session_of_another_run_is_refused_if_nothing_may_be_replaced(
    run: Run, open_run: Callable[..., Ledger]
) -> None:
    run.service.add_room("Main stage")
    never = Policy(replace="never")
    plan = run.plan(event(replace(KEYNOTE, state="live"), policy=never))
    theirs = rival_makes(run, open_run(), OTHER_PRESET)()
    done = only(run.apply_plan(plan, policy=never))
    assert "is not replaced" in (done.error or "")
    assert run.service.sessions[theirs]["status"] == "scheduled"
    assert run.writes() == []


def test_a_matching_session_of_another_run_is_put_on_air(run: Run, open_run: Callable[..., Ledger]) -> None:
    run.service.add_room("Main stage")
    plan = run.plan(event(replace(KEYNOTE, state="live")))
    theirs = rival_makes(run, open_run(), PRESET)()
    done = only(run.apply_plan(plan))
    assert (done.error, done.session and done.session.id, done.session and done.session.status) == (
        None,
        theirs,
        "live",
    )
    assert run.writes() == ["POST go_live"]


TWO_ROOMS = EventSpec(
    (
        RoomSpec(title="Main stage", sessions=(KEYNOTE, PANEL)),
        RoomSpec(title="Workshop", sessions=(KEYNOTE,)),
    )
)


def test_a_failing_list_of_one_room_stops_only_that_room(run: Run) -> None:
    broken, _other = (run.service.add_room(title) for title in ("Main stage", "Workshop"))
    run.service.on_request = lambda request: refusal(500) if f"/rooms/{broken}/sessions" in request.path else None
    applied = run.apply(TWO_ROOMS)
    assert [bool(room.error) for room in applied.rooms] == [True, False]
    assert [bool(done.error) for done in applied.sessions] == [True, True, False]
    assert "its room failed" in (applied.sessions[0].error or "")
    assert run.writes() == ["POST sessions"]


def test_a_credential_that_is_refused_during_the_run_ends_it(run: Run) -> None:
    run.service.add_room("Main stage")
    run.service.on_request = lambda request: refusal(401) if "/sessions" in request.path else None
    with pytest.raises(ServiceError, match="api_key"):
        run.apply(event(KEYNOTE))


def damage(run: Run, title: str) -> None:
    with run.ledger._database.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE tenbyte_webinar_slots SET secret = 'x', unanswered = 'y' WHERE title = ?", (title,)
        )


def test_a_damaged_entry_stops_only_its_own_slot(run: Run) -> None:
    run.apply(TWO_ROOMS)
    damage(run, "Panel")
    run.service.journal.clear()
    applied = run.apply(TWO_ROOMS)
    assert [bool(done.error) for done in applied.sessions] == [False, True, False]
    assert "is damaged" in (applied.sessions[1].error or "")
    assert run.writes() == []


@pytest.mark.parametrize("state", ["ended", "absent"])
def test_a_session_with_a_damaged_entry_can_be_ended(run: Run, made: str, state: Any) -> None:
    run.service.sessions[made]["status"] = "live"
    damage(run, "Keynote")
    done = only(run.apply(event(replace(KEYNOTE, state=state))))
    assert run.service.sessions[made]["status"] == "ended"
    assert done.error is None


def test_a_damaged_entry_of_a_room_stops_only_that_room(run: Run) -> None:
    run.apply(TWO_ROOMS)
    damage(run, "Workshop")
    workshop = next(room for room in run.service.rooms.values() if room["title"] == "Workshop")
    workshop["title"] = "Renamed"
    run.service.journal.clear()
    applied = run.apply(TWO_ROOMS)
    assert [done.error for done in applied.sessions[:2]] == [None, None]
    assert "POST rooms" not in run.writes()


def test_a_change_that_failed_is_planned_again(run: Run, made: str) -> None:
    later = replace(KEYNOTE, scheduled_start_time="2027-05-05T09:00:00Z")

    def on_request(request: Request) -> Any:
        return refusal(500) if request.method == "PATCH" else None

    run.service.on_request = on_request
    assert only(run.apply(event(later))).error
    run.service.on_request = lambda _request: None
    run.service.journal.clear()
    assert only(run.apply(event(later))).error is None
    assert run.writes() == ["PATCH reschedule"]
    assert made in run.service.sessions


def test_a_refusal_about_a_session_that_another_run_has_replaced_meanwhile_is_planned_again(
    run: Run, open_run: Callable[..., Ledger]
) -> None:
    room_id, other = run.service.add_room("Main stage"), open_run()
    old = run.service.add_session(room_id, "Keynote", PRESET)
    plan = run.plan(event(KEYNOTE))
    assert "does not hold its stream key" in (plan.rooms[0].sessions[0].refusal or "")
    # The other run removes what its lost answer was about, withdraws the intent, and only then begins anew.
    del run.service.sessions[old]
    claim = other.claim(Slot(run.api.url, "session", room_id, "Keynote"), [], 60.0)
    assert isinstance(claim, Claim)
    new = run.service.add_session(room_id, "Keynote", PRESET)
    other.keep(claim, "created", new, StreamKey(run.service.keys[new]))
    done = only(run.apply_plan(plan))
    assert (done.error, done.session and done.session.id) == (None, new)
    assert done.key is not None


def test_a_refusal_about_a_session_that_is_still_there_stays(run: Run) -> None:
    run.service.add_session(run.service.add_room("Main stage"), "Keynote", PRESET)
    done = only(run.apply_plan(run.plan(event(KEYNOTE))))
    assert "does not hold its stream key" in (done.error or "")
    assert run.service.count("POST") == 0
