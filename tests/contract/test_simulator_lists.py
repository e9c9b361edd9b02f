# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lists of variants of the service, lists that change while they are read, and their permissions."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulator.refusals import Refusal

from . import published
from .conftest import Client

SESSIONS_OF_ROOM = r"^/rooms/[^/]+/sessions$"


def _room_of(client: Client, count: int) -> tuple[str, list[str]]:
    """Create a room with so many sessions; return its id and the ids of the sessions, newest first."""
    room_id = client.new_room()
    return room_id, [client.new_session(room_id, title=f"Talk {number}") for number in range(count)][::-1]


def _page(client: Client, room_id: str, page: int, limit: int = 2) -> dict[str, Any]:
    return client.data("GET", f"/rooms/{room_id}/sessions", params={"page": page, "limit": limit})


def _ids(page: dict[str, Any]) -> list[str]:
    return [item["id"] for item in page["sessions"]]


@pytest.mark.parametrize("status", [400, 404, 422])
def test_the_page_after_the_last_may_be_refused_and_the_first_never(client: Client, status: int) -> None:
    room_id, _sessions = _room_of(client, 4)
    client.sim.variant.page_after_last = status
    assert [len(_ids(_page(client, room_id, page))) for page in (1, 2)] == [2, 2]
    answer = client.call("GET", f"/rooms/{room_id}/sessions", params={"page": 3, "limit": 2})
    published.assert_valid_error(answer, status)
    assert _page(client, client.new_room(), 1)["sessions"] == []
    assert client.call("GET", "/rooms/my", params={"page": 1000}).status_code == status


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize("largest", [10, 20, 50])
def test_a_larger_limit_may_be_refused(client: Client, largest: int, status: int) -> None:
    client.sim.variant.set(largest_limit=largest, larger_limit=status)
    assert client.data("GET", "/rooms/my", params={"limit": largest})["limit"] == largest
    assert client.data("GET", "/rooms/my")["limit"] == 10
    published.assert_valid_error(client.call("GET", "/rooms/my", params={"limit": largest + 1}), status)


@pytest.mark.parametrize(("asked_limit_shown", "shown"), [(False, 3), (True, 100)])
def test_a_larger_limit_may_be_reduced_without_an_error(client: Client, asked_limit_shown: bool, shown: int) -> None:
    room_id, _sessions = _room_of(client, 5)
    client.sim.variant.set(largest_limit=3, asked_limit_shown=asked_limit_shown)
    page = _page(client, room_id, 1, limit=100)
    assert (len(page["sessions"]), page["limit"], page["total"]) == (3, shown, 5)
    # The default limit is reduced too.
    assert len(client.data("GET", f"/rooms/{room_id}/sessions")["sessions"]) == 3


def test_a_page_may_be_short_or_empty_before_the_total_is_reached(client: Client) -> None:
    room_id, sessions = _room_of(client, 5)
    client.sim.faults.add("short_page", items=0, method="GET", page=2, times=None)
    client.sim.faults.add("short_page", items=1, method="GET", page=1)
    assert [_ids(_page(client, room_id, page)) for page in (1, 2, 3, 1)] == [
        sessions[:1],
        [],
        sessions[4:],
        sessions[:2],
    ]
    assert _page(client, room_id, 2)["total"] == 5


def test_lists_may_be_in_the_order_of_creation_and_without_a_total(client: Client) -> None:
    room_id, sessions = _room_of(client, 3)
    client.sim.variant.set(oldest_first=True, hidden_list_fields=["total", "page", "limit"])
    assert _page(client, room_id, 1).keys() == {"sessions"}
    assert _ids(_page(client, room_id, 1)) == sessions[:0:-1]


def test_an_item_that_is_deleted_between_two_pages_hides_the_first_one_of_the_second_page(client: Client) -> None:
    room_id, sessions = _room_of(client, 5)
    deleted = {"do": "delete_session", "session": sessions[0]}
    rule = client.sim.faults.add("change", method="GET", path=SESSIONS_OF_ROOM, page=1, when="after", change=deleted)
    pages = [_page(client, room_id, page) for page in (1, 2, 3)]
    assert rule.struck
    assert [page["total"] for page in pages] == [5, 4, 4]
    assert sessions[2] not in [one for page in pages for one in _ids(page)]
    # The second pass is unaffected.
    assert [one for page in (1, 2) for one in _ids(_page(client, room_id, page))] == sessions[1:]


def test_an_item_that_is_created_between_two_pages_repeats_the_last_one_of_the_first_page(client: Client) -> None:
    room_id, sessions = _room_of(client, 4)
    created = {"do": "create_session", "room": room_id, "title": "Another"}
    client.sim.faults.add("change", method="GET", path=SESSIONS_OF_ROOM, page=2, change=created)
    first, second = _page(client, room_id, 1), _page(client, room_id, 2)
    assert _ids(second)[0] == _ids(first)[1] == sessions[1]
    assert (first["total"], second["total"]) == (4, 5)


def test_a_list_may_change_in_every_pass(client: Client) -> None:
    room_id, _sessions = _room_of(client, 3)
    created = {"do": "create_session", "room": room_id, "title": "Another"}
    client.sim.faults.add("change", path=SESSIONS_OF_ROOM, page=1, when="after", times=None, change=created)
    assert [_page(client, room_id, 1)["total"] for _unused in range(3)] == [3, 4, 5]


def test_the_list_of_one_room_may_fail_while_others_succeed(client: Client) -> None:
    ours, others = client.new_room(), client.new_room()
    client.sim.faults.add("status", status=500, method="GET", path=f"^/rooms/{ours}/sessions$", times=None)
    assert client.call("GET", f"/rooms/{ours}/sessions").status_code == 500
    assert client.call("GET", f"/rooms/{others}/sessions").status_code == 200
    assert client.call("POST", f"/rooms/{ours}/sessions", json={}).status_code == 422


def test_accounts_have_their_own_rooms_and_credentials(client: Client) -> None:
    ours, theirs = client.new_room("Hall"), client.as_user("other").new_room("Hall")
    session_id = client.as_user("other").new_session(theirs)
    mine = {item["id"] for item in client.data("GET", "/rooms/my", params={"limit": 100})["rooms"]}
    assert (ours in mine, theirs in mine) == (True, False)
    # Every user may read a room and a session. Everything else is for its host.
    assert client.data("GET", f"/rooms/{theirs}")["host"]["username"] == "other"
    assert client.data("GET", f"/sessions/{session_id}")["room_id"] == theirs
    for method, path in (
        ("PATCH", f"/rooms/{theirs}"),
        ("GET", f"/rooms/{theirs}/sessions"),
        ("POST", f"/sessions/{session_id}/go_live"),
        ("DELETE", f"/sessions/{session_id}"),
    ):
        options = {"json": {"title": "Mine now"}} if method == "PATCH" else {}
        published.assert_valid_error(client.call(method, path, **options), 403)
        client.sim.variant.stranger_status = 404
        published.assert_valid_error(client.call(method, path, **options), 404)
        client.sim.variant.reset()


def test_an_account_can_be_added_and_get_new_credentials(client: Client) -> None:
    service = client.sim.service
    nobody = client.as_user(None)
    third = service.add_user("third")
    room = nobody.data("POST", "/rooms", json={"title": "Hall"}, headers={"X-API-Key": third.api_key})["room"]
    assert room["host"]["username"] == "third"
    changed = service.change_credentials("third")
    assert (changed.id, changed.api_key != third.api_key) == (third.id, True)
    assert nobody.call("GET", "/rooms/my", headers={"X-API-Key": third.api_key}).status_code == 401
    bearer = {"Authorization": f"Bearer {changed.token}"}
    assert [one["id"] for one in nobody.data("GET", "/rooms/my", headers=bearer)["rooms"]] == [room["id"]]
    nobody.data("DELETE", f"/rooms/{room['id']}", headers=bearer)
    with pytest.raises(ValueError, match="'third'"):
        service.add_user("third")
    with pytest.raises(LookupError, match="'nobody'"):
        service.user("nobody")


@pytest.mark.parametrize("status", [402, 403, 422, 429])
def test_an_account_may_have_a_quota_of_sessions_and_rooms(client: Client, status: int) -> None:
    service = client.sim.service
    fresh = client.as_user(None)
    headers = {"X-API-Key": service.add_user(f"small{status}").api_key}
    client.sim.variant.set(most_sessions=2, most_rooms=1, quota_status=status)
    room_id = fresh.data("POST", "/rooms", json={"title": "Hall"}, headers=headers)["room"]["id"]
    published.assert_valid_error(fresh.call("POST", "/rooms", json={"title": "Hall"}, headers=headers), status)
    body = {"title": "Talk", "preset_id": next(iter(service.presets))}
    path = f"/rooms/{room_id}/sessions"
    answers = [fresh.call("POST", path, json=body, headers=headers) for _unused in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, status]
    assert "has all of its 2 sessions" in answers[2].text
    # The preset is checked before the quota. Deleted sessions do not count.
    wrong = {**body, "preset_id": room_id}
    assert "preset_id" in fresh.call("POST", path, json=wrong, headers=headers).text
    fresh.data("DELETE", f"/sessions/{answers[0].json()['data']['session']['id']}", headers=headers)
    assert fresh.call("POST", path, json=body, headers=headers).status_code == 201
    with pytest.raises(Refusal):
        client.sim.dashboard.create_session(room_id, "Another")
    service.delete_room(service.room(room_id))
