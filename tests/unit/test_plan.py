# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils.ledger import Row, Slot
from ansible_collections.tenbyte.webinar.plugins.plugin_utils.model import (
    EventSpec,
    Preset,
    Room,
    RoomSpec,
    Session,
    SessionSpec,
    StreamKey,
)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils.observe import World
from ansible_collections.tenbyte.webinar.plugins.plugin_utils.plan import Plan, SessionPlan, make_plan, session_slot
from hypothesis import given
from hypothesis import strategies as st

API = "https://api.invalid"
ROOM = Room("r1", "Main stage")
PRESET = "0d3f2c84-5f43-4b0c-9a57-0c6a6f1f2a11"
ASKED = SessionSpec("Keynote", preset_id=PRESET)
PRESENT = Session("s1", "r1", "Keynote", "scheduled", preset=Preset(PRESET))


def kept(session: Session, room_id: str = "r1") -> Row:
    slot = Slot(API, "session", room_id, session.title)
    return Row(1, slot, session.id, "created", StreamKey("unit-stream-1"), "fp-1", frozenset(), leased=False)


def world_of(room: Room | None, sessions: tuple[Session, ...] = (), rows: tuple[Row, ...] = ()) -> World:
    listed = {room.id: sessions} if room else {}
    return World(API, (room,), frozenset(listed), listed, {row.slot: row for row in rows})


def plan_of(world: World, *sessions: SessionSpec, room: RoomSpec | None = None) -> Plan:
    asked = room or RoomSpec(title="Main stage", description="Plenary", sessions=sessions)
    return make_plan(EventSpec((asked,)), world)


def only(plan: Plan) -> SessionPlan:
    return plan.rooms[0].sessions[0]


def test_what_matches_needs_no_call() -> None:
    plan = plan_of(world_of(ROOM, (PRESENT,), (kept(PRESENT),)), ASKED)
    assert list(plan.steps()) == []
    assert only(plan).refusal is None
    assert only(plan).session == PRESENT


def test_a_missing_room_is_created_before_its_sessions() -> None:
    plan = plan_of(world_of(None), ASKED, replace(ASKED, title="Panel"))
    assert [(step.action, step.method, step.path) for step in plan.steps()] == [
        ("create_room", "POST", "/rooms"),
        ("create_session", "POST", "/rooms/{room_id}/sessions"),
        ("create_session", "POST", "/rooms/{room_id}/sessions"),
    ]
    assert next(plan.steps()).body == {"title": "Main stage", "description": "Plenary"}


def test_a_room_without_sessions_is_created() -> None:
    assert [step.action for step in plan_of(world_of(None)).steps()] == ["create_room"]


def test_a_room_is_not_created_for_sessions_that_shall_not_be() -> None:
    assert list(plan_of(world_of(None), replace(ASKED, state="absent")).steps()) == []


def test_a_missing_session_is_created_with_what_was_asked_and_nothing_else() -> None:
    spec = replace(ASKED, mode="rtmp", description="d", scheduled_start_time="2027-05-04T09:00:00Z", encoder="e1")
    (step,) = plan_of(world_of(ROOM), spec).steps()
    assert (step.action, step.path) == ("create_session", "/rooms/r1/sessions")
    expected = {"title": "Keynote", "preset_id": PRESET, "description": "d", "mode": "rtmp"}
    assert step.body == {**expected, "scheduled_start_time": "2027-05-04T09:00:00Z"}
    (bare,) = plan_of(world_of(ROOM), ASKED).steps()
    assert bare.body == {"title": "Keynote", "preset_id": PRESET}


@pytest.mark.parametrize("status", ["ended", "expired"])
def test_a_past_session_never_satisfies(status: str) -> None:
    past = replace(PRESENT, status=status)
    (step,) = plan_of(world_of(ROOM, (past,), (kept(past),)), ASKED).steps()
    assert step.action == "create_session"


@pytest.mark.parametrize(
    ("status", "action"), [("scheduled", "delete_session"), ("live", "end_session"), ("paused", "end_session")]
)
def test_a_session_that_shall_not_be_is_deleted_or_ended(status: str, action: str) -> None:
    session = replace(PRESENT, status=status)
    (step,) = plan_of(world_of(ROOM, (session,), (kept(session),)), replace(ASKED, state="absent")).steps()
    assert step.action == action
    assert "s1" in step.path


def test_several_current_sessions_of_a_title_are_refused_by_their_ids() -> None:
    twin = replace(PRESENT, id="s2")
    for spec in (ASKED, replace(ASKED, state="absent")):
        plan = plan_of(world_of(ROOM, (PRESENT, twin), (kept(PRESENT),)), spec)
        assert list(plan.steps()) == []
        assert "s1, s2" in str(only(plan).refusal)


@pytest.mark.parametrize(
    ("spec", "session", "named"),
    [
        ({"preset_id": "11111111-5f43-4b0c-9a57-0c6a6f1f2a11"}, {}, "preset_id"),
        ({"mode": "webcam"}, {"mode": "rtmp"}, "mode"),
        (
            {"scheduled_start_time": "2027-05-04T09:00:00Z"},
            {"scheduled_start_time": "2027-05-04T09:00:01Z"},
            "scheduled_start_time",
        ),
    ],
)
def test_what_differs_is_named_and_left_as_it_is(spec: dict[str, str], session: dict[str, str], named: str) -> None:
    existing = replace(PRESENT, **session)  # type: ignore[arg-type]
    plan = plan_of(world_of(ROOM, (existing,), (kept(existing),)), replace(ASKED, **spec))  # type: ignore[arg-type]
    assert list(plan.steps()) == []
    assert f"{named} is" in str(only(plan).refusal)
    assert "state: absent" in str(only(plan).refusal)


@pytest.mark.parametrize(
    ("spec", "session"),
    [
        ({"scheduled_start_time": "2027-05-04T09:00:00+02:00"}, {"scheduled_start_time": "2027-05-04T07:00:00.000Z"}),
        ({"scheduled_start_time": "2027-05-04T09:00:00+02:00"}, {"scheduled_start_time": None}),
        ({"mode": "rtmp"}, {"mode": None}),
        ({"mode": None}, {"mode": "rtmp"}),
        ({}, {"preset": Preset(None)}),
        ({}, {"preset": Preset(PRESET.upper())}),
        ({"description": "new"}, {}),
        ({"encoder": "another"}, {}),
    ],
)
def test_what_is_the_same_or_not_told_does_not_differ(spec: dict[str, str], session: dict[str, str]) -> None:
    existing = replace(PRESENT, **session)  # type: ignore[arg-type]
    plan = plan_of(world_of(ROOM, (existing,), (kept(existing),)), replace(ASKED, **spec))  # type: ignore[arg-type]
    assert list(plan.steps()) == []
    assert only(plan).refusal is None


@pytest.mark.parametrize("strange", ["soon", "0001-01-01T00:00:00+14:00"])
def test_a_start_time_that_cannot_be_read_differs_unless_it_is_the_same_text(strange: str) -> None:
    existing = replace(PRESENT, scheduled_start_time=strange)
    world = world_of(ROOM, (existing,), (kept(existing),))
    assert only(plan_of(world, replace(ASKED, scheduled_start_time="2027-05-04T09:00:00Z"))).refusal
    assert only(plan_of(world, replace(ASKED, scheduled_start_time=strange))).refusal is None


@pytest.mark.parametrize(
    "row", [None, replace(kept(PRESENT), key=None, phase="keyless"), replace(kept(PRESENT), object_id="s0")]
)
def test_a_session_whose_key_the_ledger_does_not_hold_is_refused_with_the_way_out(row: Row | None) -> None:
    plan = plan_of(world_of(ROOM, (PRESENT,), (row,) if row else ()), ASKED)
    assert list(plan.steps()) == []
    assert "ledger_url" in str(only(plan).refusal)
    assert "state: absent" in str(only(plan).refusal)


def test_an_unfinished_creation_is_taken_up_again() -> None:
    pending = replace(kept(PRESENT), phase="pending", key=None, object_id=None, seen_ids=frozenset({"s0"}))
    for sessions in ((), (PRESENT,)):
        (step,) = plan_of(world_of(ROOM, sessions, (pending,)), ASKED).steps()
        assert step.action == "create_session"
        assert "did not finish" in step.reason


def test_a_session_that_was_there_before_an_unfinished_creation_is_not_its_fruit() -> None:
    pending = replace(kept(PRESENT), phase="pending", key=None, object_id=None, seen_ids=frozenset({"s1"}))
    plan = plan_of(world_of(ROOM, (PRESENT,), (pending,)), ASKED)
    assert list(plan.steps()) == []
    assert only(plan).refusal


def test_a_room_named_by_its_id_is_called_by_its_title() -> None:
    room = RoomSpec(room_id="r1", sessions=(ASKED,))
    assert [step.room for step in plan_of(world_of(ROOM), room=room).steps()] == ["Main stage"]


TITLES = ("Keynote", "Panel", "Workshop")
sessions_listed = st.lists(
    st.builds(
        Session,
        id=st.integers(0, 99).map(lambda number: f"s{number}"),
        room_id=st.just("r1"),
        title=st.sampled_from([*TITLES, "Something else"]),
        status=st.sampled_from(["scheduled", "live", "ended", "expired", "paused"]),
        mode=st.sampled_from([None, "rtmp", "webcam"]),
        preset=st.sampled_from([Preset(None), Preset(PRESET), Preset("p2")]),
        ended_at=st.sampled_from([None, "2027-05-04T09:00:00Z"]),
    ),
    max_size=6,
    unique_by=lambda session: session.id,
).map(tuple)
specs = st.tuples(
    *(
        st.builds(
            SessionSpec,
            title=st.just(title),
            preset_id=st.just(PRESET),
            mode=st.sampled_from([None, "rtmp"]),
            state=st.sampled_from(["present", "absent"]),
        )
        for title in TITLES
    )
)
rows_kept = st.lists(
    st.builds(
        Row,
        id=st.just(1),
        slot=st.sampled_from([session_slot(world_of(ROOM), "r1", title) for title in TITLES]),
        object_id=st.none() | st.integers(0, 99).map(lambda number: f"s{number}"),
        phase=st.sampled_from(["pending", "created", "keyless"]),
        key=st.none() | st.just(StreamKey("unit-stream-1")),
        fingerprint=st.none(),
        seen_ids=st.frozensets(st.integers(0, 99).map(lambda number: f"s{number}"), max_size=4),
        leased=st.booleans(),
    ),
    max_size=3,
).map(tuple)
worlds = st.builds(world_of, st.just(ROOM), sessions_listed, rows_kept) | st.just(world_of(None))


@given(worlds, specs)
def test_a_plan_does_at_most_one_thing_in_a_slot_and_nothing_elsewhere(
    world: World, asked: tuple[SessionSpec, ...]
) -> None:
    steps = [step for step in plan_of(world, *asked).steps() if step.action != "create_room"]
    titles = [step.title for step in steps]
    assert len(titles) == len(set(titles))
    assert set(titles) <= set(TITLES)


@given(worlds, specs)
def test_no_step_touches_a_past_session(world: World, asked: tuple[SessionSpec, ...]) -> None:
    past = {session.id for session in world.sessions.get("r1", ()) if not session.is_current}
    assert not any(part in past for step in plan_of(world, *asked).steps() for part in step.path.split("/"))


@given(worlds, specs)
def test_absent_never_creates_and_present_never_removes(world: World, asked: tuple[SessionSpec, ...]) -> None:
    states = {spec.title: spec.state for spec in asked}
    for step in plan_of(world, *asked).steps():
        if step.title is not None:
            assert (step.action == "create_session") == (states[step.title] == "present")


@given(worlds, specs)
def test_a_step_and_a_refusal_exclude_each_other(world: World, asked: tuple[SessionSpec, ...]) -> None:
    assert not any(plan.step and plan.refusal for plan in plan_of(world, *asked).rooms[0].sessions)


@given(worlds, specs)
def test_a_session_is_created_only_where_no_other_current_one_can_be_seen(
    world: World, asked: tuple[SessionSpec, ...]
) -> None:
    for plan in plan_of(world, *asked).rooms[0].sessions:
        if plan.step and plan.step.action == "create_session":
            current = [s for s in world.sessions.get("r1", ()) if s.title == plan.spec.title and s.is_current]
            assert not current or (plan.row is not None and plan.row.phase == "pending")


@given(specs)
def test_a_plan_for_a_world_that_already_matches_is_empty(asked: tuple[SessionSpec, ...]) -> None:
    present = [spec for spec in asked if spec.state == "present"]
    sessions = tuple(
        Session(f"s{number}", "r1", spec.title, "scheduled", spec.mode, Preset(PRESET))
        for number, spec in enumerate(present)
    )
    plan = plan_of(world_of(ROOM, sessions, tuple(kept(session) for session in sessions)), *asked)
    assert list(plan.steps()) == []
    assert not any(session.refusal for session in plan.rooms[0].sessions)
