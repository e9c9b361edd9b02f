# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The callbacks of the ingest: accepting, refusing and disconnecting publishers, and the state of their sessions."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulator.server import Simulator

from .conftest import Client, seed


def _publish(client: Client, key: str, number: str = "1") -> int:
    return client.callback("on_publish", app="live", name=key, call="publish", clientid=number).status_code


def _update(client: Client, name: str, number: str = "1") -> int:
    return client.callback("on_update", app="live", name=name, call="update_publish", clientid=number).status_code


def _health(client: Client, session_id: str) -> dict[str, Any]:
    return client.data("GET", f"/sessions/{session_id}/stream_health")


def _created(client: Client, **options: Any) -> tuple[str, str]:
    created = client.created(**options)
    return created["session"]["id"], created["stream_key"]


def test_the_right_key_starts_the_session_and_renames_the_stream(client: Client) -> None:
    session_id, key = _created(client)
    assert _health(client, session_id)["publishing"] is False
    answer = client.callback("on_publish", app="live", name=key, call="publish", clientid="1")
    assert (answer.status_code, answer.headers["Location"]) == (302, session_id)
    health = _health(client, session_id)
    assert health["publishing"] is True
    assert health["since"].endswith("Z")
    assert health["bitrate"] is None
    session = client.data("GET", f"/sessions/{session_id}")
    assert session["status"] == "live"
    assert session["started_at"]


def test_an_unknown_key_is_refused(client: Client) -> None:
    session_id, key = _created(client)
    for name in ("", "sim-wrong", session_id, key.upper()):
        assert _publish(client, name) == 403
    assert client.data("GET", f"/sessions/{session_id}")["status"] == "scheduled"
    client.data("DELETE", f"/sessions/{session_id}")
    assert _publish(client, key) == 403


def test_an_ended_session_refuses_publishers(client: Client) -> None:
    _session_id, key = _created(client, status="ended")
    assert _publish(client, key) == 403


def test_a_second_publisher_is_refused_and_its_disconnect_does_not_end_the_first(client: Client) -> None:
    session_id, key = _created(client)
    assert _publish(client, key, "1") == 302
    assert _publish(client, key, "2") == 403
    client.callback("on_publish_done", app="live", name=key, clientid="2")
    assert _health(client, session_id)["publishing"] is True
    client.callback("on_publish_done", app="live", name=key, clientid="1")
    assert _health(client, session_id)["publishing"] is False
    assert _publish(client, key, "3") == 302


@pytest.mark.parametrize("named_by", ["key", "id"])
def test_ending_the_session_refuses_the_publishers_next_update(client: Client, named_by: str) -> None:
    session_id, key = _created(client)
    name = key if named_by == "key" else session_id
    _publish(client, key)
    assert _update(client, name) == 200
    client.data("POST", f"/sessions/{session_id}/end")
    assert _update(client, name) == 403
    client.callback("on_publish_done", app="live", name=name, clientid="1")
    assert _health(client, session_id)["publishing"] is False


def test_rotating_the_key_refuses_the_next_update_of_the_old_keys_publisher(client: Client) -> None:
    session_id, key = _created(client)
    _publish(client, key)
    new_key = client.sim.service.rotate_stream_key(session_id)
    assert _update(client, key) == 403
    assert _publish(client, new_key, "2") == 302


def test_updates_of_the_relays_own_client_are_accepted(client: Client) -> None:
    assert client.callback("on_update", app="", name="", call="update_play").status_code == 200
    assert client.callback("on_update", app="live", name="unknown", call="update_play").status_code == 200
    assert client.callback("on_update", app="", name="unknown").status_code == 200
    assert _update(client, "unknown") == 403


def test_viewers_are_counted_while_the_session_is_live(client: Client) -> None:
    session_id, key = _created(client)
    assert client.callback("on_play", app="hls", name=session_id).status_code == 403
    _publish(client, key)
    assert client.callback("on_play", app="hls", name=session_id).status_code == 200
    client.as_user("viewer").data("POST", f"/sessions/{session_id}/join")
    assert client.data("GET", f"/sessions/{session_id}")["viewer_count"] == 2
    client.callback("on_play_done", app="hls", name=session_id)
    session = client.data("GET", f"/sessions/{session_id}")
    assert (session["viewer_count"], session["max_viewers"]) == (1, 2)


def test_publishing_does_not_start_the_session_if_the_seed_disables_it(client: Client) -> None:
    with Simulator({**seed(), "publish_starts_session": False}) as simulator:
        host = Client(simulator, client.http)
        session_id, key = _created(host)
        assert _publish(host, key) == 302
        assert host.data("GET", f"/sessions/{session_id}")["status"] == "scheduled"
        assert _health(host, session_id)["publishing"] is True


def test_a_publisher_that_times_out_is_replaced_by_the_next_one(client: Client) -> None:
    session_id, key = _created(client)
    _publish(client, key, "1")
    publisher = client.sim.service.sessions[session_id].publisher
    assert publisher is not None
    publisher.last_heard -= client.sim.service.ingest.publisher_timeout + 1
    assert _health(client, session_id)["publishing"] is False
    assert _publish(client, key, "2") == 302
