# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Going live and ending at variants of the service, and their faults."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from uuid import UUID

import pytest
import requests

from tests.simulator.variants import KEY_FIELDS

from . import published
from .conftest import WHIP_PRESET, Client


def _status(client: Client, session_id: str) -> str:
    return str(client.data("GET", f"/sessions/{session_id}")["status"])


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "what the test waits for did not happen"
        time.sleep(0.02)


def test_going_live_may_return_no_key(client: Client) -> None:
    created = client.created(preset_id=WHIP_PRESET)
    client.sim.variant.hidden_start_fields = KEY_FIELDS
    answer = client.call("POST", f"/sessions/{created['session']['id']}/go_live")
    assert answer.status_code == 200
    assert created["stream_key"] not in answer.text
    assert created["rtmp_url"] in answer.text


def test_only_going_live_may_return_the_ingest_url(client: Client) -> None:
    client.sim.variant.hidden_creation_fields = ("rtmp_url",)
    created = client.created()
    assert created.keys() == {"session", "stream_key"}
    started = client.data("POST", f"/sessions/{created['session']['id']}/go_live")
    assert started["rtmp"]["url"].startswith("rtmp://")


@pytest.mark.parametrize(("shown", "of_presets"), [("whip", "whip"), ("always", "rtmp whip"), ("never", "")])
def test_a_whip_url_is_returned_for_whip_presets_or_all_or_none(client: Client, shown: str, of_presets: str) -> None:
    client.sim.variant.whip_url_shown = shown
    found = []
    for kind in ("rtmp", "whip"):
        fields = {"preset_id": WHIP_PRESET} if kind == "whip" else {}
        started = client.data("POST", f"/sessions/{client.new_session(**fields)}/go_live")
        found += [kind] if "whip_url" in started else []
    assert " ".join(found) == of_presets


def test_a_whip_url_may_contain_the_key(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    form = "http://127.0.0.1:8889/{stream_key}/{session_id}"
    monkeypatch.setattr(client.sim.service, "whip_form", form)
    created = client.created(preset_id=WHIP_PRESET)
    session_id, key = created["session"]["id"], created["stream_key"]
    started = client.data("POST", f"/sessions/{session_id}/go_live")
    assert started["whip_url"] == f"http://127.0.0.1:8889/{key}/{session_id}"


def test_repeating_going_live_or_ending_may_be_a_conflict_or_a_success(client: Client) -> None:
    live, ended = client.new_session(status="live"), client.new_session(status="ended")
    client.sim.variant.set(start_of_live=409, end_of_ended=200)
    refused = published.assert_valid_error(client.call("POST", f"/sessions/{live}/go_live"), 409)
    assert "already live" in refused["error"]
    assert client.call("POST", f"/sessions/{ended}/end").status_code == 200
    assert (_status(client, live), _status(client, ended)) == ("live", "ended")


def test_going_live_and_ending_may_be_delayed(client: Client) -> None:
    session_id = client.new_session()
    client.sim.variant.set(seconds_until_live=0.3, seconds_until_ended=0.3)
    first = client.data("POST", f"/sessions/{session_id}/go_live")
    assert first["session"]["status"] == _status(client, session_id) == "scheduled"
    # Repeating the request changes nothing.
    assert client.data("POST", f"/sessions/{session_id}/go_live")["rtmp"] == first["rtmp"]
    _wait_for(lambda: _status(client, session_id) == "live")
    client.data("POST", f"/sessions/{session_id}/end")
    assert _status(client, session_id) == "live"
    _wait_for(lambda: _status(client, session_id) == "ended")


def test_a_session_that_is_deleted_while_it_starts_stays_deleted(client: Client) -> None:
    room_id = client.new_room()
    session_id = client.new_session(room_id)
    client.sim.variant.seconds_until_live = 0.1
    client.data("POST", f"/sessions/{session_id}/go_live")
    client.data("DELETE", f"/sessions/{session_id}")
    time.sleep(0.3)
    assert client.call("GET", f"/sessions/{session_id}").status_code == 404
    assert "active_session_id" not in client.data("GET", f"/rooms/{room_id}")


def test_going_live_may_return_another_key_than_the_creation(client: Client) -> None:
    client.sim.variant.another_key_at_start = True
    created = client.created()
    session_id = created["session"]["id"]
    first, second = (client.data("POST", f"/sessions/{session_id}/go_live")["rtmp"] for _unused in range(2))
    assert first["stream_key"] == second["stream_key"] != created["stream_key"]
    assert client.callback("on_publish", name=created["stream_key"], app="live", clientid="1").status_code == 403
    assert client.callback("on_publish", name=first["stream_key"], app="live", clientid="1").status_code == 302


def test_a_room_may_have_one_live_session_at_a_time(client: Client) -> None:
    client.sim.variant.set(one_live_per_room=True, seconds_until_live=0.2)
    room_id = client.new_room()
    first, second = (client.created(room_id) for _unused in range(2))
    ids = [one["session"]["id"] for one in (first, second)]
    client.data("POST", f"/sessions/{ids[0]}/go_live")
    # Also while the first one is still starting.
    published.assert_valid_error(client.call("POST", f"/sessions/{ids[1]}/go_live"), 409)
    _wait_for(lambda: _status(client, ids[0]) == "live")
    published.assert_valid_error(client.call("POST", f"/sessions/{ids[1]}/go_live"), 409)
    assert client.callback("on_publish", name=second["stream_key"], app="live", clientid="1").status_code == 403
    client.new_session(status="live")
    client.data("POST", f"/sessions/{ids[0]}/end")
    client.data("POST", f"/sessions/{ids[1]}/go_live")
    _wait_for(lambda: _status(client, ids[1]) == "live")


@pytest.mark.parametrize(("step", "done"), [("go_live", "live"), ("end", "ended")])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("fault", ["drop", "status"])
def test_the_response_to_going_live_or_ending_may_be_lost_before_or_after_the_commit(
    client: Client, step: str, done: str, when: str, fault: str
) -> None:
    was = {"go_live": "scheduled", "end": "live"}[step]
    session_id = client.new_session(status=was)
    options = {"status": 502} if fault == "status" else {}
    client.sim.faults.add(fault, method="POST", path=f"/{step}$", when=when, **options)
    if fault == "drop":
        with pytest.raises(requests.ConnectionError):
            client.call("POST", f"/sessions/{session_id}/{step}")
    else:
        assert client.call("POST", f"/sessions/{session_id}/{step}").status_code == 502
    assert _status(client, session_id) == (done if when == "after" else was)


def test_refused_changes_of_rooms_and_settings_have_no_effect(client: Client) -> None:
    session_id = client.new_session()
    before = client.data("GET", f"/sessions/{session_id}")
    client.sim.faults.add("status", status=422, method="PATCH", path="/settings$")
    client.sim.faults.add("status", status=403, method="PATCH", path="^/rooms/[^/]+$")
    settings = {"json": {"chat_enabled": False}}
    assert client.call("PATCH", f"/sessions/{session_id}/settings", **settings).status_code == 422
    assert client.call("PATCH", f"/rooms/{before['room_id']}", json={"description": "Text"}).status_code == 403
    assert client.data("GET", f"/sessions/{session_id}") == before


def test_keys_may_have_hyphens_or_be_uuids(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client.sim.service, "key_form", "{hyphenated}")
    assert re.fullmatch(r"[0-9a-f]{4}(-[0-9a-f]{4}){5}", client.created()["stream_key"])
    monkeypatch.setattr(client.sim.service, "key_form", "{uuid}")
    assert str(UUID(client.created()["stream_key"])) in client.sim.issued_keys()
