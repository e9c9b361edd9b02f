# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import EventSpec, Policy, RoomSpec, Settings
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.outcomes import (
    Applied,
    SessionOutcome,
    foreseen,
)

from ..engine_run import KEYNOTE, OTHER_PRESET, Run, event
from ..scripted_server import Request, refusal

START, LATER = "2027-05-04T09:00:00Z", "2027-05-05T09:00:00Z"
LIVE = replace(KEYNOTE, state="live")
FULL = replace(LIVE, mode="rtmp", scheduled_start_time=START, settings=Settings(chat_enabled=False, max_join_limit=5))


def only(applied: Applied) -> SessionOutcome:
    (done,) = applied.sessions
    return done


def id_of(done: SessionOutcome) -> str:
    assert done.session is not None
    return done.session.id


def refuse(run: Run, part: str, method: str = "", status: int = 422) -> None:
    def answer(request: Request) -> Any:
        return refusal(status) if part in request.path and method in ("", request.method) else None

    run.service.on_request = answer


def test_a_new_session_gets_every_requested_value_and_needs_no_second_change(run: Run) -> None:
    done = only(run.apply(event(FULL)))
    assert (done.changed, done.error) == (True, None)
    assert run.writes() == ["POST rooms", "POST sessions", "PATCH settings", "POST go_live"]
    again = only(run.apply(event(FULL)))
    assert (run.writes(), again.changed, again.session) == ([], False, done.session)


def test_start_and_settings_are_changed_in_place(run: Run) -> None:
    first = only(run.apply(event(replace(FULL, state="present"))))
    run.writes()
    other = replace(FULL, state="present", scheduled_start_time=LATER, settings=Settings(True, None, 5))
    done = only(run.apply(event(other)))
    assert run.writes() == ["PATCH reschedule", "PATCH settings"]
    assert (id_of(done), done.key) == (id_of(first), first.key)
    assert done.session is not None
    assert done.session.settings == Settings(chat_enabled=True, max_join_limit=5)
    assert only(run.apply(event(other))).session == done.session


@pytest.mark.parametrize("status", ["scheduled", "live"])
def test_a_replaced_session_is_gone_and_only_the_new_key_is_stored(run: Run, status: str) -> None:
    first = id_of(only(run.apply(event(KEYNOTE))))
    run.service.sessions[first]["status"] = status
    done = only(run.apply(event(replace(KEYNOTE, preset_id=OTHER_PRESET), policy=Policy(replace="live"))))
    assert done.changed
    assert run.service.current("Keynote") == [id_of(done)]
    assert run.kept_keys() == {id_of(done): run.service.keys[id_of(done)]}
    assert run.service.sessions.get(first, {}).get("status") == (None if status == "scheduled" else "ended")


def test_a_replacement_that_cannot_be_created_is_an_error_and_changes_nothing(run: Run) -> None:
    first = only(run.apply(event(KEYNOTE)))
    refuse(run, "/sessions", "POST")
    done = only(run.apply(event(replace(KEYNOTE, preset_id=OTHER_PRESET))))
    assert (done.changed, done.session, done.key) == (False, first.session, first.key)
    assert done.error
    assert run.kept_keys() == {id_of(first): run.service.keys[id_of(first)]}


@pytest.mark.parametrize("refused", ["settings", "go_live"])
def test_what_was_done_before_a_step_failed_is_in_the_outcome(run: Run, refused: str) -> None:
    refuse(run, refused)
    done = only(run.apply(event(FULL)))
    assert done.error
    assert done.changed
    assert run.kept_keys() == {id_of(done): run.service.keys[id_of(done)]}
    run.service.on_request = lambda _request: None
    run.writes()
    assert only(run.apply(event(FULL))).error is None
    assert "POST sessions" not in run.writes()


def test_a_key_that_going_live_shows_is_stored(run: Run) -> None:
    room_id = run.service.add_room("Main stage")
    foreign = run.service.add_session(room_id, "Keynote", KEYNOTE.preset_id)
    done = only(run.apply(event(KEYNOTE, policy=Policy(on_missing_key="go_live"))))
    assert (id_of(done), done.changed, done.error, done.notes) == (foreign, True, None, ())
    assert run.kept_keys() == {foreign: run.service.keys[foreign]}
    assert only(run.apply(event(KEYNOTE))).error is None


def test_a_key_that_going_live_changes_is_stored_and_reported(run: Run) -> None:
    first = only(run.apply(event(KEYNOTE)))
    run.service.keys[id_of(first)] += "-new"
    done = only(run.apply(event(LIVE)))
    assert run.kept_keys() == {id_of(first): run.service.keys[id_of(first)]}
    assert done.fingerprint != first.fingerprint
    assert "another stream key" in done.notes[0]


def test_a_session_that_is_not_live_in_time_is_an_error_that_names_the_timeout(run: Run) -> None:
    run.service.status_after_go_live = "scheduled"
    done = only(run.apply(event(LIVE), wait_timeout=0.1))
    assert "wait_timeout" in str(done.error)
    assert done.changed


def test_an_ended_session_is_past_and_its_key_erased(run: Run) -> None:
    first = id_of(only(run.apply(event(LIVE))))
    done = only(run.apply(event(replace(KEYNOTE, state="ended"))))
    assert done.session is not None
    assert (done.session.id, done.session.status, done.key, done.fingerprint) == (first, "ended", None, None)
    assert run.kept_keys() == {}


def test_purge_removes_sessions_that_were_not_asked_for_and_their_keys(run: Run) -> None:
    run.apply(event(KEYNOTE, replace(KEYNOTE, title="Panel"), replace(LIVE, title="On air")))
    applied = run.apply(event(KEYNOTE, policy=Policy(purge=True)))
    assert [(done.spec.title, done.changed, done.purged) for done in applied.sessions] == [
        ("Keynote", False, False),
        ("Panel", True, True),
    ]
    assert sorted(entry["title"] for entry in run.service.sessions.values()) == ["Keynote", "On air"]
    assert len(run.kept_keys()) == 2


def room_event(**options: Any) -> EventSpec:
    return EventSpec((RoomSpec(**options),))


def test_a_room_is_changed_in_place(run: Run) -> None:
    analytics = {"google_tag_manager": {"container_id": "GTM-UNIT", "enabled": True}}
    run.apply(room_event(title="Main stage"))
    run.writes()
    asked = room_event(room_id=next(iter(run.service.rooms)), title="Hall", description="Plenary", analytics=analytics)
    (done,) = run.apply(asked).rooms
    assert run.writes() == ["PATCH rooms"]
    assert (done.changed, done.title) == (True, "Hall")
    (again,) = run.apply(asked).rooms
    assert (run.writes(), again.changed, again.room) == ([], False, done.room)


def test_a_room_that_cannot_be_changed_does_not_stop_its_sessions(run: Run) -> None:
    run.service.add_room("Main stage")
    refuse(run, "/rooms", "PATCH", 403)
    asked = EventSpec((RoomSpec(title="Main stage", description="Plenary", sessions=(LIVE,)),))
    applied = run.apply(asked)
    assert applied.rooms[0].error
    assert only(applied).error is None
    assert [entry["status"] for entry in run.service.sessions.values()] == ["live"]


def test_a_deleted_room_leaves_no_key(run: Run) -> None:
    run.apply(event(KEYNOTE))
    (done,) = run.apply(room_event(title="Main stage", state="absent")).rooms
    assert (done.changed, done.room, done.error) == (True, None, None)
    assert (run.service.rooms, run.service.sessions, run.kept_keys()) == ({}, {}, {})


def foretold(run: Run, asked: EventSpec) -> None:
    """Check that check mode's outcome equals the real run's, except for what only the service knows."""
    before = foreseen(run.plan(asked))
    after = run.apply(asked)
    for expected, done in zip(before.sessions, after.sessions, strict=True):
        assert (expected.changed, expected.error) == (done.changed, done.error)
        if expected.session is not None or done.session is None:
            assert (expected.session, expected.key, expected.fingerprint) == (done.session, done.key, done.fingerprint)
    for expected_room, done_room in zip(before.rooms, after.rooms, strict=True):
        assert (expected_room.changed, expected_room.error) == (done_room.changed, done_room.error)
        if expected_room.room is not None or done_room.room is None:
            assert expected_room.room == done_room.room


def test_check_mode_shows_updates_and_going_live(run: Run) -> None:
    run.apply(event(KEYNOTE))
    foretold(run, event(replace(LIVE, scheduled_start_time=LATER)))


@pytest.mark.parametrize("state", ["ended", "absent"])
@pytest.mark.parametrize("was", ["present", "live"])
def test_check_mode_shows_that_an_ended_session_has_no_key(run: Run, was: Any, state: Any) -> None:
    run.apply(event(replace(KEYNOTE, state=was)))
    foretold(run, event(replace(KEYNOTE, state=state)))


def test_check_mode_shows_the_change_of_a_room(run: Run) -> None:
    analytics = {"google_tag_manager": {"container_id": "GTM-UNIT", "enabled": True}}
    run.apply(room_event(title="Main stage", analytics=analytics))
    foretold(run, room_event(title="Main stage", description="Plenary"))


def test_a_tag_that_was_not_asked_for_stays(run: Run) -> None:
    tag = {"container_id": "GTM-UNIT", "enabled": True}
    run.apply(room_event(title="Main stage", analytics={"google_tag_manager": tag}))
    run.apply(room_event(title="Main stage", analytics={"google_tag_manager": {"enabled": False}}))
    (room,) = run.service.rooms.values()
    assert room["analytics"] == {"google_tag_manager": {"container_id": "GTM-UNIT", "enabled": False}}


@pytest.mark.slow
def test_what_happened_before_the_wait_for_live_failed_is_in_the_outcome(run: Run) -> None:
    first = only(run.apply(event(KEYNOTE)))
    run.service.keys[id_of(first)] += "-new"

    def break_reading(request: Request) -> Any:
        went_live = ("POST", f"/sessions/{id_of(first)}/go_live") in run.service.journal
        return refusal(403) if went_live and request.method == "GET" else None

    run.service.on_request = break_reading
    done = only(run.apply(event(LIVE)))
    assert done.error
    assert done.changed
    assert done.fingerprint != first.fingerprint
    assert "another stream key" in "".join(done.notes)


def test_a_changed_room_is_reported_as_changed_even_if_it_cannot_be_read(run: Run) -> None:
    room_id = run.service.add_room("Main stage")
    run.service.on_request = lambda request: (
        refusal(403) if request.method == "GET" and request.path == f"/rooms/{room_id}" else None
    )
    (done,) = run.apply(EventSpec((RoomSpec(title="Main stage", description="All day"),))).rooms
    assert (done.changed, done.error, done.room and done.room.description) == (True, None, "All day")
    assert "what the service made of the change is not known" in " ".join(done.notes)
    assert run.service.rooms[room_id]["description"] == "All day"
