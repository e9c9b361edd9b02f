# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import (
    EventSpec,
    Policy,
    Room,
    RoomSpec,
    SessionSpec,
)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.indexes import (
    Titled,
    TitledSessions,
    known_rows,
)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.plan import make_plan
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.world import World

from ..worlds import ACCOUNT, ASKED, PRESENT, ROOM, kept, known, world_of, world_of_rooms

RENAMED = replace(PRESENT, title="Welcome")
NO_ROWS = known_rows((), ACCOUNT, set())


def test_a_session_is_found_by_its_title_and_by_the_one_it_was_created_with() -> None:
    rows = known_rows([kept(PRESENT)], ACCOUNT, {ROOM.id})
    sessions = Titled([RENAMED], rows)
    assert sessions.bearing("Keynote") == sessions.bearing("Welcome ") == [RENAMED]
    assert Titled([RENAMED], NO_ROWS).bearing("Keynote") == []


def test_ids_are_found_in_any_case_and_titles_in_the_order_of_the_list() -> None:
    listed = [replace(PRESENT, id="S1"), replace(PRESENT, id="s2"), replace(PRESENT, id="s1")]
    sessions = Titled(listed, NO_ROWS)
    assert sessions.bearing("Keynote") == listed
    assert sessions.with_id("s1") == listed[0]
    assert sessions.with_id("s3") is None


def test_sessions_that_are_over_are_known() -> None:
    over = replace(PRESENT, id="s2", status="ended")
    assert TitledSessions([PRESENT, over], NO_ROWS).past_ids == {"s2"}


def calls_of(work: Callable[[], object]) -> int:
    """Return how many functions are called: the same on every machine, unlike a time."""
    calls = 0

    def count(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return calls


def sessions_in_one_room(
    number: int, asked: SessionSpec, policy: Policy, *, kept_by_ledger: bool
) -> Callable[[], object]:
    present = tuple(replace(PRESENT, id=f"s{one}", title=f"Talk {one}") for one in range(number))
    world: World = known(*present) if kept_by_ledger else world_of(ROOM, present)
    specs = tuple(replace(asked, title=f"Talk {one}") for one in range(number // 2, number + number // 2))
    return lambda: make_plan(EventSpec((RoomSpec(title=ROOM.title, sessions=specs),), policy), world)


@pytest.mark.parametrize("kept_by_ledger", [True, False], ids=["with keys", "without keys"])
@pytest.mark.parametrize("policy", [Policy(), Policy(purge=True)], ids=["kept", "purged"])
@pytest.mark.parametrize("state", ["present", "live", "ended", "absent"])
def test_ten_times_the_sessions_of_a_room_take_ten_times_the_work_to_plan(
    state: Any, policy: Policy, *, kept_by_ledger: bool
) -> None:
    few, many = (
        calls_of(sessions_in_one_room(number, replace(ASKED, state=state), policy, kept_by_ledger=kept_by_ledger))
        for number in (40, 400)
    )
    assert many < 11 * few


def test_ten_times_the_rooms_take_ten_times_the_work_to_plan() -> None:
    def plan_of(number: int) -> Callable[[], object]:
        rooms = [Room(f"r{one}", f"Room {one}", "host-1") for one in range(number)]
        asked = EventSpec(tuple(RoomSpec(title=room.title, sessions=(ASKED,)) for room in rooms))
        world = world_of_rooms(rooms, tuple(replace(PRESENT, id=f"s{room.id}", room_id=room.id) for room in rooms))
        return lambda: make_plan(asked, world)

    assert calls_of(plan_of(400)) < 11 * calls_of(plan_of(40))
