# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import Policy, Room, RoomSpec, Session
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.plan import Plan
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.world import ObservedRoom, World

from ..worlds import ASKED, PRESENT, ROOM, actions, kept, kept_room, known, plan_of, world_of

TAG_MANAGER = {"container_id": "GTM-UNIT", "enabled": True}
FULL = replace(ROOM, description="Plenary", analytics={"google_tag_manager": TAG_MANAGER})


def room_plan(room: Room | None, spec: RoomSpec) -> Plan:
    return plan_of(world_of(room), room=spec)


def test_a_room_that_matches_or_has_no_requested_values_needs_no_call() -> None:
    for spec in (
        RoomSpec(title="Main stage"),
        RoomSpec(title="Main stage", description="Plenary", analytics=FULL.analytics),
        RoomSpec(title="Main stage", analytics={"google_tag_manager": {"enabled": True}}),
    ):
        assert actions(room_plan(FULL, spec)) == []


def test_a_room_without_description_has_an_empty_one() -> None:
    assert actions(room_plan(ROOM, RoomSpec(title="Main stage", description=""))) == []


def test_only_differing_fields_of_a_room_are_sent() -> None:
    spec = RoomSpec(room_id="r1", title="Hall", description="Plenary", analytics={"google_tag_manager": TAG_MANAGER})
    (step,) = room_plan(FULL, spec).steps()
    assert (step.action, step.method, step.path, step.body) == ("update_room", "PATCH", "/rooms/r1", {"title": "Hall"})
    (step,) = room_plan(ROOM, spec).steps()
    assert step.body == {"title": "Hall", "description": "Plenary", "analytics": {"google_tag_manager": TAG_MANAGER}}
    assert step.reason == "title and description and analytics differ"


def test_a_description_can_be_emptied() -> None:
    (step,) = room_plan(FULL, RoomSpec(title="Main stage", description="")).steps()
    assert step.body == {"description": ""}


def test_a_room_is_deleted_with_its_scheduled_and_past_sessions() -> None:
    world = known(PRESENT, replace(PRESENT, id="s2", title="Panel", status="ended"))
    plan = plan_of(world, room=RoomSpec(title="Main stage", state="absent"))
    (step,) = plan.steps()
    assert (step.action, step.method, step.path) == ("delete_room", "DELETE", "/rooms/r1")
    assert actions(plan_of(world_of(None), room=RoomSpec(title="Main stage", state="absent"))) == []


@pytest.mark.parametrize("status", ["live", "paused"])
def test_a_room_with_a_session_on_air_is_not_deleted(status: str) -> None:
    plan = plan_of(known(replace(PRESENT, status=status)), room=RoomSpec(title="Main stage", state="absent"))
    assert actions(plan) == []
    assert "'Keynote' (s1)" in str(plan.rooms[0].refusal)
    assert "state: ended" in str(plan.rooms[0].refusal)


def purged(world: World, *asked: str, session_id: str | None = None) -> list[str]:
    specs = tuple(replace(ASKED, title=title, session_id=session_id) for title in asked)
    plan = plan_of(world, *specs, policy=Policy(purge=True))
    return [step.path.split("/")[2] for session in plan.rooms[0].sessions if session.purged for step in session.steps]


@pytest.mark.parametrize(
    ("status", "gone"),
    [("scheduled", ["s1"]), ("live", []), ("paused", []), ("ended", []), ("expired", [])],
)
def test_purge_removes_scheduled_sessions_that_were_not_asked_for_and_no_others(status: str, gone: list[str]) -> None:
    session: Session = replace(PRESENT, status=status)
    assert purged(known(session), "Panel") == gone
    assert purged(known(session), "Keynote") == []
    assert not any(plan.purged for plan in plan_of(known(session), replace(ASKED, title="Panel")).rooms[0].sessions)


def test_purge_keeps_other_sessions_with_the_title_of_one_named_by_its_id() -> None:
    namesake = replace(PRESENT, id="s2")
    world = world_of(ROOM, (PRESENT, namesake), (kept(PRESENT),))
    assert purged(world, "Keynote", session_id="s1") == []


def test_a_room_is_not_renamed_to_the_title_of_another_room() -> None:
    hall = replace(ROOM, id="r2", title="Hall")
    world = replace(world_of(ROOM), mine=(ROOM, hall))
    for title in ("Hall", "Hall ", "H\u200ball"):
        plan = plan_of(world, room=RoomSpec(room_id="r1", title=title))
        assert actions(plan) == []
        assert "another room has that title (r2)" in str(plan.rooms[0].refusal)
    # Its sessions are not affected.
    plan = plan_of(world, room=RoomSpec(room_id="r1", title="Hall", sessions=(ASKED,)))
    assert actions(plan) == ["create_session"]


def test_a_room_with_a_damaged_entry_is_not_created_again_and_fails_its_sessions() -> None:
    row = replace(kept_room(ROOM), damaged=True, object_id=None)
    world = world_of(None)
    world = replace(world, rooms=(ObservedRoom(None, row),))
    plan = plan_of(world, ASKED)
    assert actions(plan) == []
    assert "damaged" in str(plan.rooms[0].refusal)
    assert "its room failed" in str(plan.rooms[0].sessions[0].refusal)


def test_a_room_that_could_not_be_read_fails_only_with_its_sessions() -> None:
    world = replace(world_of(ROOM), rooms=(ObservedRoom(ROOM, refusal="GET … was answered with 500"),))
    plan = plan_of(world, ASKED)
    assert actions(plan) == []
    assert plan.rooms[0].refusal == "GET … was answered with 500"
    assert "its room failed" in str(plan.rooms[0].sessions[0].refusal)


def test_the_removal_of_a_room_names_the_sessions_that_are_deleted_with_it() -> None:
    (step,) = plan_of(known(PRESENT), room=RoomSpec(title="Main stage", state="absent")).steps()
    assert "stream keys: 'Keynote' (s1)" in step.reason
    plan = plan_of(known(PRESENT), room=RoomSpec(title="Main stage", state="absent"))
    assert [session.id for session, _row in plan.rooms[0].contents] == ["s1"]


def test_a_purge_keeps_sessions_that_the_ledger_knows_by_a_requested_title() -> None:
    renamed = replace(PRESENT, title="Keynote, renamed")
    assert purged(world_of(ROOM, (renamed,), (kept(PRESENT),)), "Keynote") == []
    assert purged(world_of(ROOM, (renamed,), (kept(PRESENT),)), "Panel") == ["s1"]
