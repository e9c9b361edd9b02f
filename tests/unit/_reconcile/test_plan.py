# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import (
    Policy,
    Preset,
    RoomSpec,
    Session,
    Settings,
)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import Row
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.unanswered import Unanswered
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.steps import RemoveSession

from ..worlds import ASKED, NOW, OTHER_PRESET, PRESENT, PRESET, ROOM, actions, kept, known, only, plan_of, world_of

START = "2027-05-04T09:00:00Z"
ONE_REQUEST = Unanswered(1, NOW - 60, NOW - 50, by_service=True, preset_ids=(PRESET,))
UNFINISHED = replace(kept(PRESENT), phase="pending", key=None, object_id=None, unanswered=ONE_REQUEST)


def test_a_matching_event_needs_no_call() -> None:
    plan = plan_of(known(PRESENT), ASKED)
    assert actions(plan) == []
    assert only(plan).refusal is None
    assert only(plan).session == PRESENT


def test_a_missing_room_is_created_before_its_sessions() -> None:
    plan = plan_of(world_of(None), ASKED, replace(ASKED, title="Panel"))
    assert [(step.action, step.method, step.path) for step in plan.steps()] == [
        ("create_room", "POST", "/rooms"),
        ("create_session", "POST", "/rooms/{room_id}/sessions"),
        ("create_session", "POST", "/rooms/{room_id}/sessions"),
    ]


def test_a_room_is_created_with_the_requested_values_only() -> None:
    analytics = {"google_tag_manager": {"container_id": "GTM-UNIT"}}
    room = RoomSpec(title="Main stage", description="Plenary", analytics=analytics)
    (step,) = plan_of(world_of(None), room=room).steps()
    assert step.body == {"title": "Main stage", "description": "Plenary", "analytics": analytics}
    (bare,) = plan_of(world_of(None)).steps()
    assert bare.body == {"title": "Main stage"}


def test_a_room_without_sessions_is_created() -> None:
    assert [step.action for step in plan_of(world_of(None)).steps()] == ["create_room"]


@pytest.mark.parametrize("state", ["ended", "absent"])
def test_a_room_is_not_created_for_absent_sessions(state: Any) -> None:
    assert actions(plan_of(world_of(None), replace(ASKED, state=state))) == []


def test_a_missing_session_is_created_with_the_requested_values_only() -> None:
    spec = replace(ASKED, mode="rtmp", description="d", scheduled_start_time="2027-05-04T09:00:00Z", encoder="e1")
    (step,) = plan_of(world_of(ROOM), spec).steps()
    assert (step.action, step.path) == ("create_session", "/rooms/r1/sessions")
    expected = {"title": "Keynote", "preset_id": PRESET, "description": "d", "mode": "rtmp"}
    assert step.body == {**expected, "scheduled_start_time": "2027-05-04T09:00:00Z"}
    (bare,) = plan_of(world_of(ROOM), ASKED).steps()
    assert bare.body == {"title": "Keynote", "preset_id": PRESET}


@pytest.mark.parametrize("status", ["ended", "expired"])
def test_a_past_session_never_fills_a_slot(status: str) -> None:
    past = replace(PRESENT, status=status)
    (step,) = plan_of(known(past), ASKED).steps()
    assert step.action == "create_session"


@pytest.mark.parametrize(
    ("status", "action"), [("scheduled", "delete_session"), ("live", "end_session"), ("paused", "end_session")]
)
def test_an_absent_session_is_deleted_or_ended(status: str, action: str) -> None:
    session = replace(PRESENT, status=status)
    (step,) = plan_of(known(session), replace(ASKED, state="absent")).steps()
    assert step.action == action
    assert "s1" in step.path


def test_several_current_sessions_of_a_title_are_refused_unless_the_ledger_knows_one() -> None:
    other = replace(PRESENT, id="s2")
    for state in ("present", "live", "ended", "absent"):
        plan = plan_of(world_of(ROOM, (PRESENT, other)), replace(ASKED, state=state))
        assert list(plan.steps()) == []
        assert "s1, s2" in str(only(plan).refusal)


def test_of_several_current_sessions_of_a_title_the_ledgers_fills_the_slot_and_others_are_named() -> None:
    other = replace(PRESENT, id="s2")
    plan = plan_of(world_of(ROOM, (PRESENT, other), (kept(PRESENT),)), ASKED)
    assert (actions(plan), only(plan).refusal, only(plan).session) == ([], None, PRESENT)
    assert "s2" in only(plan).notes[0]


@pytest.mark.parametrize(
    ("spec", "session", "named"),
    [
        ({"preset_id": OTHER_PRESET}, {}, f"preset_id is {PRESET} and {OTHER_PRESET} was asked for"),
        ({"mode": "webcam"}, {"mode": "rtmp"}, "mode is rtmp and webcam was asked for"),
    ],
)
def test_an_unchangeable_field_needs_a_new_session_or_a_refusal_that_names_the_policy(
    spec: dict[str, str], session: dict[str, str], named: str
) -> None:
    asked, existing = replace(ASKED, **spec), replace(PRESENT, **session)  # type: ignore[arg-type]
    creation, removal = plan_of(known(existing), asked).steps()
    assert (creation.action, removal.action, removal.path) == ("create_session", "delete_session", "/sessions/s1")
    assert named in removal.reason
    assert named in creation.reason
    refused = plan_of(known(existing), asked, policy=Policy(replace="never"))
    assert actions(refused) == []
    assert named in str(only(refused).refusal)
    assert "replace: scheduled" in str(only(refused).refusal)


@pytest.mark.parametrize("status", ["live", "paused"])
def test_a_session_on_air_is_replaced_only_if_the_policy_says_so(status: str) -> None:
    on_air, asked = replace(PRESENT, status=status), replace(ASKED, preset_id=OTHER_PRESET)
    refused = plan_of(known(on_air), asked)
    assert actions(refused) == []
    assert "replace: live" in str(only(refused).refusal)
    assert actions(plan_of(known(on_air), asked, policy=Policy(replace="live"))) == ["create_session", "end_session"]


def test_a_replacement_gets_every_requested_value() -> None:
    asked = replace(ASKED, preset_id=OTHER_PRESET, settings=Settings(chat_enabled=False), state="live")
    steps = list(plan_of(known(PRESENT), asked).steps())
    assert [(step.action, step.path) for step in steps] == [
        ("create_session", "/rooms/r1/sessions"),
        ("update_settings", "/sessions/{session_id}/settings"),
        # The old session is removed after its replacement exists, and two are never on air at the same time.
        ("delete_session", "/sessions/s1"),
        ("go_live", "/sessions/{session_id}/go_live"),
    ]


@pytest.mark.parametrize(
    ("spec", "session"),
    [
        ({"scheduled_start_time": "2027-05-04T09:00:00+02:00"}, {"scheduled_start_time": "2027-05-04T07:00:00.000Z"}),
        ({"mode": "rtmp"}, {"mode": None}),
        ({"mode": None}, {"mode": "rtmp"}),
        ({}, {"preset": Preset(None)}),
        ({}, {"preset": Preset(PRESET.upper())}),
        ({"description": "new"}, {}),
        ({"encoder": "another"}, {}),
    ],
)
def test_equal_and_unknown_values_do_not_differ(spec: dict[str, str], session: dict[str, str]) -> None:
    existing = replace(PRESENT, **session)  # type: ignore[arg-type]
    plan = plan_of(known(existing), replace(ASKED, **spec))  # type: ignore[arg-type]
    assert list(plan.steps()) == []
    assert only(plan).refusal is None


@pytest.mark.parametrize("strange", ["soon", "0001-01-01T00:00:00+14:00"])
def test_a_start_time_that_cannot_be_read_differs_unless_it_is_the_same_text(strange: str) -> None:
    world = known(replace(PRESENT, scheduled_start_time=strange))
    assert actions(plan_of(world, replace(ASKED, scheduled_start_time="2027-05-04T09:00:00Z"))) == [
        "reschedule_session"
    ]
    assert actions(plan_of(world, replace(ASKED, scheduled_start_time=strange))) == []


@pytest.mark.parametrize("is_now", ["2027-05-04T09:00:01Z", None])
def test_another_start_time_is_changed_in_place_before_the_session_begins(is_now: str | None) -> None:
    waiting, asked = replace(PRESENT, scheduled_start_time=is_now), replace(ASKED, scheduled_start_time=START)
    (step,) = plan_of(known(waiting), asked).steps()
    assert (step.method, step.path, step.body) == ("PATCH", "/sessions/s1/reschedule", {"scheduled_start_time": START})
    assert actions(plan_of(known(replace(waiting, status="live")), asked)) == []


def test_only_the_settings_that_differ_are_sent() -> None:
    existing = replace(PRESENT, settings=Settings(chat_enabled=True, stage_enabled=True, max_join_limit=5))
    asked = replace(ASKED, settings=Settings(chat_enabled=False, stage_enabled=True, max_join_limit=5))
    (step,) = plan_of(known(existing), asked).steps()
    assert (step.method, step.path, step.body) == ("PATCH", "/sessions/s1/settings", {"chat_enabled": False})


def test_an_unknown_status_is_not_live() -> None:
    assert actions(plan_of(known(replace(PRESENT, status="paused")), replace(ASKED, state="live"))) == ["go_live"]


def test_updates_come_before_going_live() -> None:
    asked = replace(ASKED, scheduled_start_time=START, settings=Settings(chat_enabled=False), state="live")
    existing = replace(PRESENT, settings=Settings(chat_enabled=True))
    assert actions(plan_of(known(existing), asked)) == ["reschedule_session", "update_settings", "go_live"]


@pytest.mark.parametrize(
    "row", [None, replace(kept(PRESENT), key=None, phase="keyless"), replace(kept(PRESENT), object_id="s0")]
)
def test_a_session_whose_key_is_not_in_the_ledger_is_refused_with_the_remedies(row: Row | None) -> None:
    world = world_of(ROOM, (PRESENT,), (row,) if row else ())
    refused = plan_of(world, ASKED)
    assert actions(refused) == []
    for way in ("ledger_url", "on_missing_key", "replace", "go_live", "ignore"):
        assert way in str(only(refused).refusal)
    for policy, expected in {
        Policy(on_missing_key="replace"): ["create_session", "delete_session"],
        Policy(on_missing_key="go_live"): ["go_live"],
        Policy(on_missing_key="ignore"): [],
    }.items():
        assert actions(plan_of(world, ASKED, policy=policy)) == expected


@pytest.mark.parametrize("state", ["ended", "absent"])
def test_an_ended_or_absent_session_needs_no_key(state: Any) -> None:
    world = world_of(ROOM, (replace(PRESENT, status="live"),))
    assert actions(plan_of(world, replace(ASKED, state=state))) == ["end_session"]


@pytest.mark.parametrize(
    ("sessions", "expected"), [((), ["create_session"]), ((PRESENT,), ["delete_session", "create_session"])]
)
def test_an_unfinished_creation_is_continued(sessions: tuple[Session, ...], expected: list[str]) -> None:
    pending = replace(UNFINISHED, seen_ids=frozenset({"s0"}))
    steps = list(plan_of(world_of(ROOM, sessions, (pending,)), ASKED).steps())
    assert [step.action for step in steps] == expected
    assert "did not finish" in steps[-1].reason
    # The session of that run is in the plan, too, and the ledger records the result of its request.
    for step in steps[:-1]:
        assert isinstance(step, RemoveSession)
        assert (step.path, step.row and step.row.id) == ("/sessions/s1", pending.id)


def test_a_session_from_before_an_unfinished_creation_is_not_attributed_to_it() -> None:
    pending = replace(UNFINISHED, seen_ids=frozenset({"s1"}))
    plan = plan_of(world_of(ROOM, (PRESENT,), (pending,)), ASKED)
    assert list(plan.steps()) == []
    assert only(plan).refusal


def test_a_room_named_by_its_id_is_shown_by_its_title() -> None:
    room = RoomSpec(room_id="r1", sessions=(ASKED,))
    assert [step.room for step in plan_of(world_of(ROOM), room=room).steps()] == ["Main stage"]


def test_session_id_picks_one_of_several_current_sessions_of_a_title() -> None:
    world = known(PRESENT, replace(PRESENT, id="s2", status="live"))
    assert actions(plan_of(world, replace(ASKED, session_id="s1", state="absent"))) == ["delete_session"]
    assert actions(plan_of(world, replace(ASKED, session_id="s2", state="absent"))) == ["end_session"]
    assert actions(plan_of(world, replace(ASKED, session_id="s2"))) == []


@pytest.mark.parametrize(
    ("session", "message"),
    [
        (replace(PRESENT, id="s9"), "the room has no such session"),
        (replace(PRESENT, title="Panel"), "is titled 'Panel'"),
        (replace(PRESENT, status="ended"), "is ended"),
    ],
)
def test_an_unsuitable_session_id_is_refused(session: Session, message: str) -> None:
    plan = plan_of(known(session), replace(ASKED, session_id="s1"))
    assert actions(plan) == []
    assert message in str(only(plan).refusal)


@pytest.mark.parametrize("state", ["ended", "absent"])
def test_a_session_id_of_a_past_session_is_accepted_for_ended_and_absent(state: Any) -> None:
    plan = plan_of(known(replace(PRESENT, status="ended")), replace(ASKED, session_id="s1", state=state))
    assert actions(plan) == []
    assert only(plan).refusal is None


@pytest.mark.parametrize("state", ["present", "live", "ended", "absent"])
def test_a_renamed_session_does_not_fill_the_slots_of_both_titles(state: Any) -> None:
    renamed = replace(PRESENT, title="Panel")
    world = world_of(ROOM, (renamed,), (kept(PRESENT),))
    for specs in (
        (ASKED, replace(ASKED, title="Panel", state=state)),
        (replace(ASKED, title="Panel", state=state), ASKED),
    ):
        plan = plan_of(world, *specs)
        found = {session.spec.title: session for session in plan.rooms[0].sessions}
        assert (found["Keynote"].session, found["Keynote"].refusal) == (renamed, None)
        assert "is the one of 'Keynote', which is asked for too" in str(found["Panel"].refusal)
        assert actions(plan) == []
    # If only its new title is asked for, the session matches, with its key.
    assert actions(plan_of(world, replace(ASKED, title="Panel"))) == []
