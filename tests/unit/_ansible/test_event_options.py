# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.event_options import (
    event_from,
    event_of_room_from,
    event_of_session_from,
)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import InvalidInput
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import EventSpec, Policy, RoomSpec, Settings

PRESET = "0d3f2c84-5f43-4b0c-9a57-0c6a6f1f2a11"
ROOM_ID = "3f0a5a53-3f4c-4d3c-8f6e-8a4a9a0f9d10"
SESSION_ID = "6c1de0a3-5b3a-4f5e-8a56-2f8e43f0b7c2"
POLICY = {"replace": "scheduled", "on_missing_key": "fail", "wait_timeout": 60.0}


def session(**options: Any) -> dict[str, Any]:
    return {"title": "Keynote", "preset_id": PRESET, "state": "present", **options}


def room(*sessions: dict[str, Any], **options: Any) -> dict[str, Any]:
    return {"title": "Main stage", "sessions": list(sessions), **options}


def event(*rooms: dict[str, Any], state: str = "present", **policy: Any) -> EventSpec:
    return event_from({"rooms": list(rooms), "state": state, **POLICY, **policy})


def test_the_usual_input_is_read() -> None:
    start = "2027-05-04T09:00:00+02:00"
    asked = event(room(session(mode="rtmp", scheduled_start_time=start, encoder="e1"), description="Plenary"))
    (spec,) = asked.rooms[0].sessions
    assert (asked.rooms[0].title, asked.rooms[0].room_id, asked.rooms[0].description) == ("Main stage", None, "Plenary")
    assert (spec.title, spec.preset_id, spec.mode, spec.encoder) == ("Keynote", PRESET, "rtmp", "e1")
    assert spec.scheduled_start_time == "2027-05-04T07:00:00Z"


def test_the_action_session_makes_an_event_of_one_session() -> None:
    asked = event_of_session_from({"room": "Main stage", **session(), **POLICY})
    assert asked == event(room(session()))
    by_id = event_of_session_from({"room_id": ROOM_ID, **session(), **POLICY})
    assert (by_id.rooms[0].title, by_id.rooms[0].room_id) == (None, ROOM_ID)


def test_the_description_of_the_action_session_is_the_sessions() -> None:
    asked = event_of_session_from({"room": "Main stage", **session(description="Opening"), **POLICY})
    assert asked.rooms[0].description is None
    assert asked.rooms[0].sessions[0].description == "Opening"


def test_an_absent_event_overrides_each_sessions_state() -> None:
    asked = event(room(session(), session(title="Panel", state="absent")), state="absent")
    assert {spec.state for spec in asked.rooms[0].sessions} == {"absent"}


def test_a_live_event_does_not_change_ended_and_absent_sessions() -> None:
    states = ("present", "live", "ended", "absent")
    asked = event(room(*(session(title=f"In {state}", state=state) for state in states)), state="live")
    assert [spec.state for spec in asked.rooms[0].sessions] == ["live", "live", "ended", "absent"]


@pytest.mark.parametrize("state", ["ended", "absent"])
def test_an_ended_or_absent_session_needs_no_preset(state: str) -> None:
    assert event(room(session(preset_id=None, state=state))).rooms[0].sessions[0].preset_id is None


def test_the_policies_are_read() -> None:
    asked = event(room(), replace="live", on_missing_key="ignore", purge=True, wait_timeout=7.0)
    assert asked.policy == Policy("live", "ignore", purge=True, wait_timeout=7.0)
    assert (
        event(room()).policy == event_of_session_from({"room": "Main stage", **session(), **POLICY}).policy == Policy()
    )


def test_settings_that_were_not_given_are_not_asked_for() -> None:
    # Ansible fills in each nested option that was not given.
    given = {"chat_enabled": False, "stage_enabled": None, "max_join_limit": None}
    (spec,) = event(room(session(settings=given))).rooms[0].sessions
    assert spec.settings == Settings(chat_enabled=False)
    assert spec.settings.given() == {"chat_enabled": False}


def test_analytics_that_were_not_given_are_not_asked_for() -> None:
    given = {"google_tag_manager": {"container_id": "GTM-UNIT", "enabled": None}}
    assert event(room(analytics=given)).rooms[0].analytics == {"google_tag_manager": {"container_id": "GTM-UNIT"}}


def test_the_action_room_makes_an_event_of_one_room_without_sessions() -> None:
    asked = event_of_room_from({"title": "Main stage", "description": "Plenary", "state": "present"})
    assert asked.rooms == (RoomSpec(title="Main stage", description="Plenary"),)
    assert event_of_room_from({"room_id": ROOM_ID, "state": "absent"}).rooms == (
        RoomSpec(room_id=ROOM_ID, state="absent"),
    )


def test_a_title_beside_a_room_id_is_the_rooms_new_title() -> None:
    asked = event_of_room_from({"room_id": ROOM_ID, "title": "Hall", "state": "present"})
    assert asked.rooms == (RoomSpec(room_id=ROOM_ID, title="Hall"),)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "Give title or room_id"),
        ({"title": "ab"}, "^room 'ab': title 'ab' has 2 characters"),
        ({"room_id": ROOM_ID, "title": "ab"}, "^title 'ab' has 2 characters"),
        ({"room_id": "7"}, "^room '7': room_id '7' is not a UUID"),
    ],
)
def test_bad_input_of_the_action_room_is_named_by_the_actions_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        event_of_room_from({**options, "state": "present"})


def test_an_absent_room_may_list_only_ended_and_absent_sessions() -> None:
    gone = [session(title=f"In {state}", state=state) for state in ("ended", "absent")]
    assert event(room(*gone, state="absent")).rooms[0].state == "absent"
    assert event(room(session(), state="absent"), state="absent").rooms[0].state == "absent"


def test_ids_are_read_in_lower_case() -> None:
    ids = {"preset_id": PRESET.upper(), "session_id": SESSION_ID.upper()}
    asked = event(room(session(**ids), title=None, room_id=ROOM_ID.upper()))
    (spec,) = asked.rooms[0].sessions
    assert (asked.rooms[0].room_id, spec.preset_id, spec.session_id) == (ROOM_ID, PRESET, SESSION_ID)


BAD_EVENTS: dict[str, tuple[list[dict[str, Any]], str]] = {
    "title of two characters": (
        [room(session(title="ab"))],
        r"rooms\[0\] 'Main stage', sessions\[0\] 'ab': title 'ab' has 2 .*3 to 255",
    ),
    "title of 256 characters": ([room(session(title="x" * 256))], r"sessions\[0\] '.*': title .* 256 .*3 to 255"),
    "room title too short": ([room(session()), room(title="ab")], r"rooms\[1\] 'ab': title 'ab' has 2 characters"),
    "blank at the end": ([room(session(title="Keynote "))], r"sessions\[0\] '.*': title .*blank"),
    "control character": ([room(session(title="Key\nnote"))], r"(?s)sessions\[0\] '.*': title .*control"),
    "repeated title": (
        [room(session(), session())],
        r"rooms\[0\] 'Main stage', sessions: the title 'Keynote' .*twice.*its own",
    ),
    "repeated room": ([room(session()), room(session())], r"rooms: 'Main stage' stands in the list twice"),
    "repeated room id": (
        [room(title=None, room_id=ROOM_ID), room(title=None, room_id=ROOM_ID.upper())],
        r"rooms: .* stands in the list twice",
    ),
    "no room": ([room(session(), title=None)], r"rooms\[0\].*: give either title or room_id"),
    "both rooms": ([room(session(), room_id=ROOM_ID)], r"rooms\[0\].*: give either title or room_id"),
    "bad room id": ([room(title=None, room_id="7")], r"rooms\[0\] '7': room_id '7' is not a UUID.*Copy"),
    "bad preset id": ([room(session(preset_id="stage"))], r"sessions\[0\] '.*': preset_id 'stage' is not a UUID.*Copy"),
    "preset id in braces": ([room(session(preset_id=f"{{{PRESET}}}"))], r"preset_id .* is not a UUID"),
    "preset id without hyphens": ([room(session(preset_id=PRESET.replace("-", "")))], r"preset_id .* is not a UUID"),
    "preset id with a line end": ([room(session(preset_id=PRESET + "\n"))], r"(?s)preset_id .* is not a UUID"),
    "bad session id": ([room(session(session_id="7"))], r"sessions\[0\] '.*': session_id '7' is not a UUID"),
    "sessions in an absent room": (
        [room(session(), state="absent")],
        r"rooms\[0\] 'Main stage': state is absent.*Take",
    ),
    "live session in an absent room": (
        [room(session(state="live"), state="absent")],
        r"rooms\[0\] 'Main stage': state is absent",
    ),
    "no preset id for a live session": ([room(session(preset_id=None, state="live"))], r"preset_id is missing"),
    "no preset id": ([room(session(preset_id=None))], r"sessions\[0\] '.*': preset_id is missing.*Copy"),
    "start without offset": (
        [room(session(scheduled_start_time="2027-05-04T09:00:00"))],
        r"scheduled_start_time .*RFC 3339.*\+02:00",
    ),
    "start in words": ([room(session(scheduled_start_time="tomorrow"))], r"scheduled_start_time 'tomorrow'"),
    "start out of range": (
        [room(session(scheduled_start_time="0001-01-01T00:00:00+14:00"))],
        r"scheduled_start_time .*RFC 3339",
    ),
}


@pytest.mark.parametrize("name", BAD_EVENTS)
def test_bad_input_is_refused_with_its_options_name_and_a_remedy(name: str) -> None:
    rooms, message = BAD_EVENTS[name]
    with pytest.raises(InvalidInput, match=message):
        event(*rooms)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "either room .*or room_id"),
        ({"room": "Main stage", "room_id": ROOM_ID}, "either room .*or room_id"),
        ({"room": "ab"}, "^room 'ab', session 'Keynote': room 'ab' has 2 characters"),
        ({"room_id": "7"}, "^room '7', session 'Keynote': room_id '7' is not a UUID"),
        ({"room": "Main stage", "title": "ab"}, "^room 'Main stage', session 'ab': title 'ab' has 2 characters"),
        ({"room": "Main stage", "preset_id": None}, "^room 'Main stage', session 'Keynote': preset_id is missing"),
    ],
)
def test_bad_input_of_the_action_session_is_named_by_the_actions_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        event_of_session_from({**session(**options), **POLICY})


LOOK_ALIKES = [
    ("Café", "Cafe\u0301"),
    ("Keynote", "Key\u200bnote"),
    ("Keynote", "\u200eKeynote"),
    ("Keynote", "Keynote\u2069"),
    ("Keynote", "Key\u00adnote"),
    ("Q&A time", "Q&amp;A time"),
    ("Opening talk", "Opening  talk"),
    ("Opening talk", "Opening\u00a0talk"),
]


@pytest.mark.parametrize(("one", "other"), LOOK_ALIKES)
def test_titles_in_one_room_that_look_the_same_are_refused_and_spelt_out(one: str, other: str) -> None:
    for first, second in ((one, other), (other, one)):
        with pytest.raises(
            InvalidInput, match=r"rooms\[0\] 'Main stage', sessions: two titles look the same"
        ) as caught:
            event(room(session(title=first), session(title=second)))
        shown = re.findall(r"'[^']*'", str(caught.value))[1:3]
        assert shown[0] != shown[1]
        assert all(text.isascii() for text in shown)


@pytest.mark.parametrize(("one", "other"), LOOK_ALIKES)
def test_rooms_that_look_the_same_in_one_event_are_refused(one: str, other: str) -> None:
    with pytest.raises(InvalidInput, match=r"^rooms: two titles look the same.*room_id"):
        event(room(title=one), room(title=other))


@pytest.mark.parametrize(("one", "other"), LOOK_ALIKES)
def test_titles_that_look_the_same_may_be_in_two_rooms(one: str, other: str) -> None:
    assert len(event(room(session(title=one)), room(session(title=other), title="Side stage")).rooms) == 2


def test_a_title_without_visible_characters_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"title '\{ZERO WIDTH SPACE\}.* has no visible characters"):
        event(room(session(title="\u200b\u200b\u200b")))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("Day 1/Hall", "Talk 1"), ("Day 1", "Hall/Talk 1")),
        (("Day/1/Hall", "Talk"), ("Day", "1/Hall/Talk")),
        (("Caf\u00e9/Hall", "Talk"), ("Cafe\u0301", "Hall/Talk")),
    ],
)
def test_two_sessions_with_the_same_name_in_the_facts_are_refused(one: tuple[str, str], other: tuple[str, str]) -> None:
    rooms = [room(session(title=title), title=room_title) for room_title, title in (one, other)]
    with pytest.raises(InvalidInput, match=r"would have one name.* in tenbyte_sessions.*room_id"):
        event(*rooms)
    by_id = {**rooms[1], "title": None, "room_id": ROOM_ID}
    assert len(event(rooms[0], by_id).rooms) == 2


@pytest.mark.parametrize(
    ("start", "sent"),
    [
        ("2027-05-04T09:00:00+02:00", "2027-05-04T07:00:00Z"),
        ("2027-05-04 09:00:00+02:00", "2027-05-04T07:00:00Z"),
        ("  2027-05-04t07:00:00.500000000z\n", "2027-05-04T07:00:00.5Z"),
        ("2027-05-04T07:00:60Z", "2027-05-04T07:01:00Z"),
        (None, None),
    ],
)
def test_a_start_time_may_have_several_forms_and_is_sent_in_one(start: str | None, sent: str | None) -> None:
    (spec,) = event(room(session(scheduled_start_time=start))).rooms[0].sessions
    assert spec.scheduled_start_time == sent


@pytest.mark.parametrize(
    ("start", "said"),
    [
        ("2027-05-04", "has no time and no offset.*such as 2027-05-04T09:00:00"),
        ("2027-05-04T08:15:00", r"has no offset.*such as 2027-05-04T08:15:00\+02:00, or with Z"),
        ("2027-05-04 8:15", r"has no offset.*such as 2027-05-04T08:15:00\+02:00"),
        ("noon", "is not a date-time.*such as 2027"),
    ],
)
def test_an_ambiguous_start_time_is_refused_with_the_right_form(start: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=rf"'Keynote': scheduled_start_time '{start}' {said}"):
        event(room(session(scheduled_start_time=start)))


@pytest.mark.parametrize(
    ("title", "said"),
    [
        (" Keynote", "title ' Keynote' begins with a blank. "),
        ("Keynote ", "title 'Keynote ' ends with a blank. "),
        ("\tIt's on\n", 'title "\\tIt\'s on\\n" begins with a blank and ends with a blank. '),
        ("Key\x07note\N{NO-BREAK SPACE}", "title 'Key\\x07note\\xa0' ends with a blank and holds control characters. "),
        (f"{'x' * 60} ", f"title '{'x' * 20}…{'x' * 19} ' ends with a blank. "),
    ],
)
def test_a_title_is_quoted_as_it_was_given(title: str, said: str) -> None:
    for asked in (room(session(title=title)), room(title=title)):
        with pytest.raises(InvalidInput) as caught:
            event(asked)
        assert said in str(caught.value)
