# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import InvalidInput, ServiceError
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import (
    EventSpec,
    RoomSpec,
    Session,
    StreamKey,
)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import Claim, Ledger, Slot
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.observe import observe, observe_room
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.api import WebinarApi

from ..engine_run import POOL
from ..scripted_server import refusal
from ..small_service import SmallService


def rooms(*specs: RoomSpec) -> EventSpec:
    return EventSpec(specs)


def test_rooms_are_in_the_requested_order(service: SmallService, api: WebinarApi) -> None:
    first, second = service.add_room("First"), service.add_room("Second")
    asked = rooms(RoomSpec(title="Second"), RoomSpec(title="Third"), RoomSpec(room_id=first))
    world = observe(api, None, asked, POOL)
    assert [found.room and found.room.id for found in world.rooms] == [second, None, first]
    assert set(world.sessions) == {first, second}


def test_every_session_of_a_room_is_read_past_ones_too(service: SmallService, api: WebinarApi) -> None:
    room_id = service.add_room("Main stage")
    ids = [service.add_session(room_id, f"Talk {number}", status="ended") for number in range(120)]
    world = observe(api, None, rooms(RoomSpec(title="Main stage")), POOL)
    assert [session.id for session in world.sessions[room_id]] == ids


def test_rooms_that_were_not_asked_for_are_not_read(service: SmallService, api: WebinarApi) -> None:
    service.add_room("Another")
    room_id = service.add_room("Main stage")
    observe(api, None, rooms(RoomSpec(room_id=room_id)), POOL)
    # The list of the account's own rooms shows whose the room is.
    assert set(service.journal) == {("GET", "/rooms/my"), ("GET", f"/rooms/{room_id}/sessions")}


def test_an_unknown_room_id_is_refused_with_a_remedy(service: SmallService, api: WebinarApi) -> None:
    with pytest.raises(InvalidInput, match=r"room_id 7: .*Correct room_id"):
        observe(api, None, rooms(RoomSpec(room_id="7")), POOL)
    assert service.count("POST") == 0


def test_a_title_of_two_rooms_is_refused_with_their_ids(service: SmallService, api: WebinarApi) -> None:
    ids = [service.add_room("Main stage"), service.add_room("Main stage")]
    with pytest.raises(InvalidInput, match=f"{ids[0]}, {ids[1]}.*room_id"):
        observe(api, None, rooms(RoomSpec(title="Main stage")), POOL)


def test_a_room_that_is_named_twice_is_refused(service: SmallService, api: WebinarApi) -> None:
    room_id = service.add_room("Main stage")
    with pytest.raises(InvalidInput, match="named twice"):
        observe(api, None, rooms(RoomSpec(title="Main stage"), RoomSpec(room_id=room_id)), POOL)


def test_the_ledgers_rows_of_these_rooms_are_read(
    service: SmallService, api: WebinarApi, open_run: Callable[..., Ledger]
) -> None:
    room_id, ledger = service.add_room("Main stage"), open_run()
    slots = [Slot(api.url, "session", room_id, "Keynote"), Slot("https://other.invalid", "session", room_id, "Keynote")]
    for slot in slots:
        claim = ledger.claim(slot, [], 60.0)
        assert isinstance(claim, Claim)
        ledger.keep(claim, "created", "s1", StreamKey("unit-stream-1"))
    world = observe(api, ledger, rooms(RoomSpec(title="Main stage")), POOL)
    assert [row.slot for row in world.rows.held.values()] == [slots[0]]


def test_a_refused_credential_ends_the_run(service: SmallService, api: WebinarApi) -> None:
    service.on_request = lambda _request: refusal(401)
    with pytest.raises(ServiceError, match="api_key or api_token"):
        observe(api, None, rooms(RoomSpec(title="Main stage")), POOL)


def test_a_room_that_cannot_be_read_is_the_only_one_refused(service: SmallService, api: WebinarApi) -> None:
    fine, broken = service.add_room("Main stage"), service.add_room("Workshop")
    service.hidden_rooms = {broken}
    service.on_request = lambda request: refusal(500) if request.path == f"/rooms/{broken}" else None
    world = observe(api, None, rooms(RoomSpec(title="Main stage"), RoomSpec(room_id=broken)), POOL)
    assert [found.room and found.room.id for found in world.rooms] == [fine, None]
    assert world.rooms[0].refusal is None
    assert "500" in (world.rooms[1].refusal or "")


def test_a_room_of_another_account_is_refused(service: SmallService, api: WebinarApi) -> None:
    theirs = service.add_room("Main stage")
    service.hidden_rooms = {theirs}
    with pytest.raises(InvalidInput, match="not one of the rooms of this account"):
        observe(api, None, rooms(RoomSpec(room_id=theirs)), POOL)
    # By its title it is not found, so a room of ours would be created.
    world = observe(api, None, rooms(RoomSpec(title="Main stage")), POOL)
    assert world.rooms[0].room is None


@pytest.mark.parametrize("state", ["present", "absent"])
def test_a_room_that_is_gone_counts_as_removed(service: SmallService, api: WebinarApi, state: str) -> None:
    spec = RoomSpec(room_id="7", state=state)  # type: ignore[arg-type]
    if state == "absent":
        assert observe(api, None, rooms(spec), POOL).rooms[0].room is None
    else:
        with pytest.raises(InvalidInput):
            observe(api, None, rooms(spec), POOL)


@pytest.mark.parametrize("again", [False, True], ids=["the event", "one room"])
def test_a_list_that_is_older_than_another_runs_row_is_read_again(
    service: SmallService, api: WebinarApi, open_run: Callable[..., Ledger], *, again: bool
) -> None:
    room_id, ledger, other = service.add_room("Main stage"), open_run(), open_run()
    first = service.add_session(room_id, "Keynote")
    asked = rooms(RoomSpec(title="Main stage"))
    world = observe(api, ledger, asked, POOL)
    list_sessions, lists = api.sessions, []

    def listed_before_another_run_replaces_it(*arguments: Any, **named: Any) -> list[Session]:
        found = list_sessions(*arguments, **named)
        lists.append([one.id for one in found])
        if len(lists) == 1:
            del service.sessions[first]
            claim = other.claim(Slot(api.url, "session", room_id, "Keynote"), [], 60.0)
            assert isinstance(claim, Claim)
            created = service.add_session(room_id, "Keynote")
            other.keep(claim, "created", created, StreamKey("unit-stream-1"))
        return found

    api.sessions = listed_before_another_run_replaces_it  # type: ignore[method-assign]
    world = observe_room(world, api, ledger, room_id) if again else observe(api, ledger, asked, POOL)
    ids = [session.id for session in world.sessions[room_id]]
    assert lists == [[first], ids]
    assert ids != [first]
    assert [row.object_id for row in world.rows.held.values()] == ids
