# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Variants of the service: how each switch changes what is stored and returned, and that it is off by default."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.simulator.cleaning import cut_time, shown_time
from tests.simulator.validation import date_time
from tests.simulator.variants import KEY_FIELDS, SPARSE_SESSION, Variant, VariantError, variant_from

from . import published
from .conftest import RTMP_PRESET, WHIP_PRESET, Client

needs_contract = pytest.mark.skipif(not published.DOCUMENT_PATH.exists(), reason=published.ABSENT)
SETTINGS = {"chat_enabled": False, "stage_enabled": True, "max_join_limit": 70}

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"colour": "red"}, "colour: is unknown"),
    ({"room_titles": "html"}, "room_titles: must be a list of steps"),
    ({"room_titles": ["shout"]}, "room_titles: must be a list of steps"),
    ({"session_titles": ["cut:0"]}, "session_titles: must be a list of steps"),
    ({"false_settings_omitted": 1}, "false_settings_omitted: must be true or false"),
    ({"settings_shown": "some"}, "settings_shown: must be one of"),
    ({"hidden_session_fields": ["stauts"]}, "hidden_session_fields: must be a list of names"),
    ({"hidden_session_fields": ["preset."]}, "hidden_session_fields: must be a list of names"),
    ({"time_offset": "+25:00"}, "time_offset: must be Z or an offset"),
    ({"page_after_last": 500}, "page_after_last: must be one of"),
    ({"start_of_live": True}, "start_of_live: must be one of"),
    ({"largest_limit": 0}, "largest_limit: must be an integer"),
    ({"most_sessions": "4"}, "most_sessions: must be an integer"),
    ({"seconds_until_live": -1}, "seconds_until_live: must be a number of seconds"),
]


@pytest.mark.parametrize(("switches", "message"), WRONG)
def test_an_unknown_switch_is_an_error_and_changes_nothing(switches: dict[str, Any], message: str) -> None:
    with pytest.raises(VariantError, match=message):
        variant_from(switches)
    kept = Variant()
    with pytest.raises(VariantError, match=message):
        kept.set(oldest_first=True, **switches)
    ((name, value),) = switches.items()
    with pytest.raises(VariantError, match=message):
        setattr(kept, name, value)
    assert kept.is_strict()


def test_switches_are_strict_by_default_and_after_a_reset() -> None:
    switches = Variant()
    assert switches.is_strict()
    switches.set(room_titles=["html"], timestamp="zero")
    assert not switches.is_strict()
    assert variant_from(switches.as_data()) == switches
    switches.reset()
    assert switches.is_strict()


TITLES: list[tuple[list[str | Callable[[str], str]], str, str]] = [
    (["html"], "Q&A <1>", "Q&amp;A &lt;1&gt;"),
    (["blanks"], "Hall \t  one", "Hall one"),
    (["trim"], "  Hall ", "Hall"),
    (["nfc"], "Cafe\u0301", "Caf\u00e9"),
    (["nfd"], "Caf\u00e9", "Cafe\u0301"),
    (["upper"], "Hall", "HALL"),
    (["cut:4"], "Hallway", "Hall"),
    (["invisible"], "Ha\u200bll\u200f", "Hall"),
    (["blanks", "trim", "lower"], " Main  HALL ", "main hall"),
    ([lambda title: title[::-1]], "Hall", "llaH"),
]


@pytest.mark.parametrize(("steps", "sent", "stored"), TITLES)
def test_titles_are_stored_after_the_steps_of_the_switch(
    client: Client, steps: list[str | Callable[[str], str]], sent: str, stored: str
) -> None:
    client.sim.variant.set(room_titles=steps, session_titles=steps)
    room = client.data("POST", "/rooms", json={"title": sent})["room"]
    session = client.created(room["id"], title=sent)["session"]
    listed = client.data("GET", f"/rooms/{room['id']}/sessions")["sessions"]
    mine = client.data("GET", "/rooms/my", params={"limit": 100})["rooms"]
    assert {room["title"], session["title"], session["room"]["title"], listed[0]["title"]} == {stored}
    assert stored in [item["title"] for item in mine]
    renamed = client.data("PATCH", f"/rooms/{room['id']}", json={"title": f"{sent}"})
    assert renamed["title"] == stored


def test_titles_of_rooms_and_sessions_have_different_switches(client: Client) -> None:
    client.sim.variant.room_titles = ("upper",)
    room_id = client.new_room("Hall")
    assert client.created(room_id, title="Talk")["session"]["title"] == "Talk"
    assert client.data("GET", f"/rooms/{room_id}")["title"] == "HALL"


def test_descriptions_are_cleaned_or_omitted_if_empty(client: Client) -> None:
    client.sim.variant.set(descriptions=["lf", "end", "blanks"], empty_descriptions_omitted=True)
    room = client.data("POST", "/rooms", json={"title": "Hall", "description": "One\r\ntwo   three\r\n"})["room"]
    assert room["description"] == "One two three"
    assert client.created(room["id"], description="Text\n")["session"]["description"] == "Text"
    assert "description" not in client.data("PATCH", f"/rooms/{room['id']}", json={"description": ""})
    assert "description" not in client.created(room["id"], description="")["session"]


def test_ignored_fields_are_unchanged_and_the_request_succeeds(client: Client) -> None:
    client.sim.variant.set(
        ignored_room_fields=["title", "description"],
        ignored_session_fields=["scheduled_start_time", "mode"],
        ignored_settings=["chat_enabled"],
    )
    room_id = client.new_room("Hall")
    room = client.data("PATCH", f"/rooms/{room_id}", json={"title": "Other", "description": "Text"})
    assert (room["title"], room.get("description")) == ("Hall", None)
    start = {"scheduled_start_time": "2030-01-01T10:00:00Z"}
    session_id = client.new_session(room_id, mode="webcam", **start)
    client.data("PATCH", f"/sessions/{session_id}/reschedule", json=start)
    client.data("PATCH", f"/sessions/{session_id}/settings", json=SETTINGS)
    session = client.data("GET", f"/sessions/{session_id}")
    assert "scheduled_start_time" not in session
    assert session["mode"] == "rtmp"
    assert "chat_enabled_override" not in session
    assert session["max_join_limit_override"] == 70


def _settings_shown(client: Client, **switches: Any) -> dict[str, Any]:
    session_id = client.new_session()
    client.data("PATCH", f"/sessions/{session_id}/settings", json=SETTINGS)
    client.sim.variant.set(**switches)
    session = client.data("GET", f"/sessions/{session_id}")
    return {name: session[name] for name in session if name.endswith("_override") or name.startswith("effective_")}


def test_sessions_may_omit_some_or_all_settings(client: Client) -> None:
    names = {f"effective_{name}" for name in SETTINGS}, {f"{name}_override" for name in SETTINGS}
    assert set(_settings_shown(client)) == names[0] | names[1]
    assert set(_settings_shown(client, settings_shown="effective")) == names[0]
    assert set(_settings_shown(client, settings_shown="overrides")) == names[1]
    assert _settings_shown(client, settings_shown="none") == {}


def test_false_settings_may_be_omitted(client: Client) -> None:
    shown = _settings_shown(client, false_settings_omitted=True)
    assert shown.keys() & {"chat_enabled_override", "effective_chat_enabled"} == set()
    assert shown["stage_enabled_override"] is True


def test_the_stored_or_only_the_effective_join_limit_may_be_capped(client: Client) -> None:
    client.sim.variant.largest_join_limit = 20
    shown = _settings_shown(client)
    assert (shown["max_join_limit_override"], shown["effective_max_join_limit"]) == (20, 20)
    client.sim.variant.reset()
    shown = _settings_shown(client, largest_effective_join_limit=20)
    assert (shown["max_join_limit_override"], shown["effective_max_join_limit"]) == (70, 20)


SENT = "2030-01-01T10:00:59.876543Z"
TIMES: list[tuple[dict[str, Any], str]] = [
    ({}, "2030-01-01T10:00:59.876Z"),
    ({"time_precision": "microseconds"}, "2030-01-01T10:00:59.876543Z"),
    ({"time_precision": "seconds"}, "2030-01-01T10:00:59Z"),
    ({"time_precision": "minutes"}, "2030-01-01T10:00:00Z"),
    ({"time_precision": "seconds", "times_rounded": True}, "2030-01-01T10:01:00Z"),
    ({"times_rounded": True}, "2030-01-01T10:00:59.877Z"),
    ({"time_offset": "+02:00"}, "2030-01-01T12:00:59.876+02:00"),
    ({"time_offset": "-07:30"}, "2030-01-01T02:30:59.876-07:30"),
    ({"time_offset": "+00:00"}, "2030-01-01T10:00:59.876+00:00"),
]


@pytest.mark.parametrize(("switches", "shown"), TIMES)
def test_times_may_be_truncated_or_rounded_and_have_another_offset(
    client: Client, switches: dict[str, Any], shown: str
) -> None:
    client.sim.variant.set(**switches)
    created = client.created(scheduled_start_time=SENT)["session"]
    assert created["scheduled_start_time"] == shown
    client.data("PATCH", f"/sessions/{created['id']}/reschedule", json={"scheduled_start_time": SENT})
    again = client.data("GET", f"/sessions/{created['id']}")
    assert again["scheduled_start_time"] == shown
    assert again["created_at"].endswith(client.sim.variant.time_offset)
    assert again["room"]["created_at"].endswith(client.sim.variant.time_offset)
    client.sim.variant.reset()
    kept = date_time(client.data("GET", f"/sessions/{created['id']}")["scheduled_start_time"])
    assert abs((kept - date_time(shown)).total_seconds()) < 0.001


def test_trailing_zeros_of_a_fraction_may_be_omitted() -> None:
    whole, half = date_time("2030-01-01T10:00:00Z"), date_time("2030-01-01T10:00:00.500Z")
    assert shown_time(whole, "milliseconds", "Z", zeros_cut=True) == "2030-01-01T10:00:00Z"
    assert shown_time(half, "milliseconds", "Z", zeros_cut=True) == "2030-01-01T10:00:00.5Z"
    last = cut_time(date_time("2030-12-31T23:59:59.9Z"), "seconds", rounded=True)
    assert shown_time(last, "seconds", "Z", zeros_cut=True) == "2031-01-01T00:00:00Z"


def test_the_timestamp_of_every_response_has_the_form_of_the_switch(client: Client) -> None:
    seen: dict[str, list[Any]] = {}
    for form in ("seconds", "milliseconds", "zero", "text", "date", "missing"):
        client.sim.variant.timestamp = form
        answers = [client.call("GET", "/rooms"), client.call("GET", "/rooms/x/y/z")]
        client.sim.faults.add("status", status=500)
        answers.append(client.call("GET", "/rooms"))
        seen[form] = [answer.json().get("timestamp") for answer in answers]
    assert seen["missing"] == [None] * 3
    assert seen["zero"] == [0] * 3
    assert all(1.7e9 < value < 1e11 for value in seen["seconds"])
    assert all(value > 1e12 for value in seen["milliseconds"])
    assert all(value.isdecimal() for value in seen["text"])
    assert all(date_time(value) for value in seen["date"])


def test_responses_may_omit_the_fields_that_the_contracts_first_example_omits(client: Client) -> None:
    client.sim.variant.set(
        hidden_session_fields=[*SPARSE_SESSION, "created_at"],
        hidden_room_fields=["host", "host_id", "created_at"],
        hidden_creation_fields=["rtmp_url"],
        hidden_start_fields=["rtmp.stream_key", "rtmp_setup"],
    )
    room_id = client.new_room()
    created = client.created(room_id)
    listed = client.data("GET", f"/rooms/{room_id}/sessions")["sessions"][0]
    for session in (created["session"], listed, client.data("GET", f"/sessions/{created['session']['id']}")):
        assert session.keys() & {"status", "mode", "created_at"} == set()
        assert "type" not in session["preset"]
        assert session["room"].keys() & {"host", "host_id", "created_at"} == set()
    assert client.data("GET", "/rooms/my")["rooms"][0].keys() & {"host", "host_id", "created_at"} == set()
    assert created.keys() == {"session", "stream_key"}
    started = client.data("POST", f"/sessions/{created['session']['id']}/go_live")
    assert started["rtmp"].keys() == {"ingress_id", "url"}
    assert "rtmp_setup" not in started


MANY: dict[str, Any] = {
    "room_titles": ["html", "nfc"],
    "session_titles": ["upper", "cut:40"],
    "descriptions": ["lf", "end"],
    "settings_shown": "effective",
    "false_settings_omitted": True,
    "largest_join_limit": 20,
    "time_precision": "seconds",
    "time_offset": "+02:00",
    "timestamp": "zero",
    "oldest_first": True,
    "hidden_session_fields": SPARSE_SESSION,
    "hidden_room_fields": ["host", "host_id"],
    "hidden_start_fields": KEY_FIELDS,
    "hidden_list_fields": ["total"],
    "whip_url_shown": "always",
    "page_after_last": 404,
    "larger_limit": 422,
    "largest_limit": 20,
    "another_key_at_start": True,
}


@needs_contract
def test_responses_with_many_switches_conform_to_the_contract(client: Client) -> None:
    client.sim.variant.set(**MANY)
    room = published.assert_valid_success(
        ("POST", "/rooms"), client.call("POST", "/rooms", json={"title": "Q&A", "description": "One\r\n"})
    )["room"]
    body = {"title": "Talk", "preset_id": WHIP_PRESET, "scheduled_start_time": SENT}
    sessions = f"/rooms/{room['id']}/sessions"
    operation = ("POST", "/rooms/{id}/sessions")
    created = published.assert_valid_success(operation, client.call("POST", sessions, json=body))
    session = f"/sessions/{created['session']['id']}"
    settings = client.call("PATCH", f"{session}/settings", json=SETTINGS)
    published.assert_valid_success(("PATCH", "/sessions/{id}/settings"), settings)
    published.assert_valid_success(("POST", "/sessions/{id}/go_live"), client.call("POST", f"{session}/go_live"))
    published.assert_valid_success(("GET", "/sessions/{id}"), client.call("GET", session))
    published.assert_valid_success(("GET", "/rooms/{id}/sessions"), client.call("GET", sessions))
    published.assert_valid_success(("GET", "/rooms/my"), client.call("GET", "/rooms/my"))
    published.assert_valid_error(client.call("GET", sessions, params={"page": 2}), 404)
    published.assert_valid_error(client.call("GET", sessions, params={"limit": 21}), 422)


@pytest.mark.parametrize("what", ["stream_key", "id", "credential"])
def test_error_responses_may_quote_secrets_and_ids(client: Client, what: str) -> None:
    created = client.created(preset_id=RTMP_PRESET)
    session_id, key = created["session"]["id"], created["stream_key"]
    client.sim.variant.refusals_quote = (what,)
    quoted = {"stream_key": key, "id": session_id, "credential": "sim-api-key-host"}[what]
    assert quoted in client.call("POST", f"/sessions/{session_id}/end").text
    client.sim.faults.add("status", status=502)
    assert quoted in client.call("GET", f"/sessions/{session_id}").text
    client.sim.faults.add("status", status=502, body={"message": "No"})
    assert client.call("GET", f"/sessions/{session_id}").json() == {"message": "No"}
    assert quoted not in client.call("GET", f"/sessions/{session_id}/stream_health").text
