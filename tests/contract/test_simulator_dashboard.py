# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The dashboard: changes without a request of the client, at once or before or after a request."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulator.dashboard import ChangeError, Dashboard, change_from
from tests.simulator.faults import FaultError
from tests.simulator.state import Service

from .conftest import RTMP_PRESET, WHIP_PRESET, Client


def test_changes_of_the_dashboard_take_effect_and_are_not_in_the_journal(client: Client) -> None:
    at_dashboard = client.sim.dashboard
    room = at_dashboard.create_room("Attic", host="other", description="Under the roof")
    session = at_dashboard.create_session(room, "Talk", scheduled_start_time="2030-01-01T10:00:00Z")
    assert (room.host.username, session.preset["id"], session.status) == ("other", RTMP_PRESET, "scheduled")
    at_dashboard.rename_room(room, "Cellar")
    at_dashboard.describe_room(room, "Below")
    at_dashboard.rename_session("Talk", "Speech")
    at_dashboard.reschedule(session, "2030-01-02T10:00:00+02:00")
    at_dashboard.change_settings(session.id, chat_enabled=False)
    key = client.sim.service.stream_key_of(session.id)
    at_dashboard.rotate_key(session)
    assert client.sim.service.stream_key_of(session.id) != key
    assert len(client.sim.journal) == 0
    shown = client.data("GET", f"/sessions/{session.id}")
    assert (shown["title"], shown["room"]["title"], shown["room"]["description"]) == ("Speech", "Cellar", "Below")
    assert (shown["scheduled_start_time"], shown["chat_enabled_override"]) == ("2030-01-02T08:00:00.000Z", False)
    at_dashboard.delete_room(room)
    assert client.call("GET", f"/sessions/{session.id}").status_code == 404


def test_changes_of_the_dashboard_take_effect_at_once_in_any_state(client: Client) -> None:
    client.sim.variant.seconds_until_live = 60
    at_dashboard = client.sim.dashboard
    room = at_dashboard.create_room("Hall")
    first = at_dashboard.create_session(room, "Talk")
    second = at_dashboard.create_session(room, "Talk", WHIP_PRESET, live=True, mode="rtmp", description="About")
    assert (second.status, second.mode) == ("live", "rtmp")
    at_dashboard.go_live(first)
    assert first.status == "live"
    # A title means the newest session with it.
    at_dashboard.end("Talk")
    assert (first.status, second.status) == ("live", "ended")
    at_dashboard.delete_session(first)
    assert client.call("GET", f"/sessions/{first.id}").status_code == 404
    third = at_dashboard.create_session("Hall", "Other talk")
    at_dashboard.expire(third)
    assert client.data("GET", f"/sessions/{third.id}")["status"] == "expired"
    at_dashboard.create_session("Hall", "Last talk", live=True)
    at_dashboard.delete_room("Hall")
    assert client.call("GET", f"/rooms/{room.id}").status_code == 404


@pytest.mark.parametrize(("when", "first_status"), [("before", "live"), ("after", "scheduled")])
def test_a_change_is_made_before_or_after_a_request(client: Client, when: str, first_status: str) -> None:
    room_id = client.new_room()
    session_id = client.new_session(room_id)
    change = {"do": "go_live", "session": session_id}
    rule = client.sim.faults.add("change", method="GET", path="/sessions$", when=when, change=change)
    assert client.data("GET", f"/sessions/{session_id}")["status"] == "scheduled"
    assert not rule.struck
    statuses = [client.data("GET", f"/rooms/{room_id}/sessions")["sessions"][0]["status"] for _unused in range(2)]
    assert statuses == [first_status, "live"]
    assert rule.struck


def test_a_change_may_be_a_function(client: Client) -> None:
    session_id = client.new_session()

    def change(service: Service) -> None:
        service.session(session_id).title = "Changed"

    client.sim.faults.add("change", method="PATCH", path="/settings$", when="after", change=change)
    client.data("PATCH", f"/sessions/{session_id}/settings", json={"chat_enabled": True})
    assert client.data("GET", f"/sessions/{session_id}")["title"] == "Changed"


def test_a_change_may_be_combined_with_another_fault(client: Client) -> None:
    room_id = client.new_room()
    deleted = {"do": "delete_session", "session": "Short-lived"}
    path = f"^/rooms/{room_id}/sessions$"
    client.sim.faults.add("change", method="POST", path=path, when="after", change=deleted)
    client.sim.faults.add("status", status=502, method="POST", path=path, when="after")
    body = {"title": "Short-lived", "preset_id": RTMP_PRESET}
    assert client.call("POST", f"/rooms/{room_id}/sessions", json=body).status_code == 502
    assert client.data("GET", f"/rooms/{room_id}/sessions")["total"] == 0


def test_a_change_that_fails_causes_an_error_response(client: Client) -> None:
    ended = client.new_session(status="ended")
    for change in (
        {"do": "go_live", "session": "No such session"},
        {"do": "reschedule", "session": ended, "scheduled_start_time": "2030-01-01T10:00:00Z"},
        {"do": "reschedule", "session": ended, "scheduled_start_time": "tomorrow"},
    ):
        rule = client.sim.faults.add("change", method="GET", path="^/rooms$", change=change)
        answer = client.call("GET", "/rooms")
        assert (answer.status_code, rule.struck) == (500, False)
        assert "change" in answer.json()["message"]


WRONG: list[tuple[Any, str]] = [
    ("go_live", "must be an object with do"),
    ({"session": "Talk"}, "do: None is unknown; known: .*go_live"),
    ({"do": "explode", "session": "Talk"}, "do: 'explode' is unknown"),
    ({"do": "go_live"}, "do: go_live: missing a required argument: 'session'"),
    ({"do": "go_live", "session": "Talk", "colour": "red"}, "do: go_live: got an unexpected keyword argument"),
    ({"do": "_session", "session": "Talk"}, "do: '_session' is unknown"),
]


@pytest.mark.parametrize(("change", "message"), WRONG)
def test_an_invalid_change_is_an_error(client: Client, change: Any, message: str) -> None:
    with pytest.raises(ChangeError, match=message):
        change_from(change)
    with pytest.raises(FaultError):
        client.sim.faults.add("change", change=change)
    assert client.call("GET", "/rooms").status_code == 200


def test_every_action_of_the_dashboard_is_available_by_name() -> None:
    able = {name for name in vars(Dashboard) if not name.startswith("_")}
    assert {"create_room", "create_session", "go_live", "delete_session", "rename_room"} <= able
    for name in able:
        with pytest.raises(ChangeError, match=f"do: {name}: "):
            change_from({"do": name})
