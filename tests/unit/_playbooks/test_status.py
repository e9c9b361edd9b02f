# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._playbooks.status import (
    ledger_names,
    status_rooms,
    status_table,
)

from .service_results import many, room, session

WISH = {"title": "Keynote", "encoder": "enc1", "scheduled_start_time": "2027-05-04T09:00:00+02:00"}
EVENT = [{"title": "Main stage", "sessions": [WISH]}]


def shown(
    rooms: list[dict[str, Any]], sessions: list[dict[str, Any]], event: Any = (), ledger: Any = (), facts: Any = None
) -> list[dict[str, Any]]:
    return status_rooms(rooms, sessions, event, facts or {}, ledger_names(ledger))


def titles(rooms: list[dict[str, Any]]) -> dict[str, list[str]]:
    return {one["title"]: [session["title"] for session in one["sessions"]] for one in rooms}


def in_ledger(room_title: str = "Main stage", title: str = "Keynote", phase: str = "created") -> list[dict[str, Any]]:
    common = {"room_id": "r1", "phase": phase}
    return [
        {"kind": "room", "room": room_title, "title": None, "session_id": None, **common},
        {"kind": "session", "room": None, "title": title, "session_id": session()["id"], **common},
    ]


def test_without_an_event_file_every_room_is_shown() -> None:
    rooms = shown([room(1, "B room"), room(2, "A room")], [session(1, of_room=2), session(2, "Lost", 9)])
    assert titles(rooms) == {"B room": [], "A room": ["Keynote"]}


def test_with_an_event_file_its_rooms_are_shown_in_its_order() -> None:
    event = [{"room_id": "R2"}, {"title": " Main stage "}, {"title": "Rooftop"}, {"title": "Gone", "state": "absent"}]
    rooms = shown([room(1), room(2, "Other"), room(3, "Third")], [], event)
    assert [(one["id"], one["title"]) for one in rooms] == [("r2", "Other"), ("r1", "Main stage"), (None, "Rooftop")]


def test_a_session_that_is_asked_for_and_not_there_is_missing() -> None:
    (one,) = shown([room()], [session(title="Panel"), session(2, status="ended")], EVENT)[0:1]
    assert [(it["title"], it["status"], it["encoder"]) for it in one["sessions"]] == [
        ("Keynote", "missing", "enc1"),
        ("Panel", "scheduled", None),
    ]
    assert [it["title"] for it in one["past"]] == ["Keynote"]


@pytest.mark.parametrize("state", ["ended", "absent"])
def test_a_session_that_is_not_to_be_there_is_not_missing(state: str) -> None:
    event = [{"title": "Main stage", "sessions": [{**WISH, "state": state}]}]
    assert shown([room()], [], event)[0]["sessions"] == []


def test_the_encoder_is_that_of_the_event_file_else_of_the_facts() -> None:
    facts = {"Main stage/Keynote": {"encoder": "fact1"}, "Main stage/Panel": {"encoder": "fact2"}}
    (one,) = shown([room()], [session(1), session(2, "Panel"), session(3, "Talk")], EVENT, facts=facts)
    assert {it["title"]: it["encoder"] for it in one["sessions"]} == {"Keynote": "enc1", "Panel": "fact2", "Talk": None}


def test_a_room_and_a_session_renamed_in_the_service_are_found_by_the_ledgers_ids() -> None:
    renamed = [room(1, "Grand hall")], [session(title="Opening")]
    assert titles(shown(*renamed, EVENT)) == {"Main stage": ["Keynote"]}
    (one,) = shown(*renamed, EVENT, in_ledger())
    (it,) = one["sessions"]
    assert (one["id"], one["title"], one["asked_as"]) == ("r1", "Grand hall", "Main stage")
    assert (it["title"], it["asked_as"], it["status"], it["encoder"]) == ("Opening", "Keynote", "scheduled", "enc1")
    assert status_table([one])[-2:] == [
        "The room 'Main stage' of the event file is called 'Grand hall' in the service.",
        "The session 'Keynote' of the event file is called 'Opening' in the service, in the room 'Grand hall'.",
    ]


def test_a_title_that_is_the_same_is_not_spoken_of() -> None:
    (one,) = shown([room()], [session()], EVENT, in_ledger())
    assert (one["asked_as"], one["sessions"][0]["asked_as"]) == (None, None)
    assert len(status_table([one])) == 2


def test_rows_of_the_ledger_that_are_over_name_nothing() -> None:
    (one,) = shown([room(1, "Grand hall")], [session(title="Opening")], EVENT, in_ledger(phase="retired"))
    assert one["id"] is None


def test_a_renamed_session_fills_one_of_two_titles_that_are_asked_for() -> None:
    event = [{"title": "Main stage", "sessions": [WISH, {"title": "Opening"}]}]
    (one,) = shown([room()], [session(title="Opening")], event, in_ledger())
    assert [(it["title"], it["asked_as"], it["status"]) for it in one["sessions"]] == [
        ("Opening", "Keynote", "scheduled"),
        ("Opening", None, "missing"),
    ]


@pytest.mark.parametrize(
    ("begins", "told"),
    [
        ("2027-05-04T09:00:00.000Z", "2027-05-04 09:00 UTC"),
        ("2027-05-04 09:00:00+00:00", "2027-05-04 09:00 UTC"),
        ("2027-05-04t09:00+02:00", "2027-05-04 07:00 UTC"),
        ("2027-05-04T23:30:15.5-05:30", "2027-05-05 05:00 UTC"),
        ("2027-13-45T09:00:00Z", "2027-13-45T09:00:00Z"),
        ("0001-01-01T00:00:00+02:00", "0001-01-01T00:00:00+02:00"),
        ("12:00", "12:00"),
        (None, "-"),
    ],
)
def test_the_start_is_told_to_the_minute_in_utc(begins: str | None, told: str) -> None:
    (one,) = shown([room()], [session(scheduled_start_time=begins)])
    assert one["sessions"][0]["start"] == told


@pytest.mark.parametrize(
    ("fields", "plays", "badge"),
    [
        ({"status": "live", "stream_health": {"publishing": True}}, True, "on air"),
        ({"status": "live", "stream_health": {"publishing": False}}, False, "on air, no media"),
        ({"status": "live", "stream_health": {"publishing": "yes"}}, True, "on air"),
        ({"status": "live", "stream_health": None}, True, "on air"),
        ({"status": "live", "hls_url": "javascript:alert(1)"}, False, "on air"),
        ({"status": "live", "hls_url": None}, False, "on air"),
        ({"status": "live", "id": "../etc"}, False, "on air"),
        ({"status": "scheduled"}, False, "scheduled"),
        ({"status": "ended"}, False, "ended"),
    ],
)
def test_a_session_plays_if_it_is_live_and_can_be_watched(fields: dict[str, Any], plays: bool, badge: str) -> None:
    (one,) = shown([room()], [session(**fields)])
    (it,) = one["sessions"] + one["past"]
    assert it["plays"] is plays
    assert it["badge"].lstrip("\N{BLACK CIRCLE}\N{WHITE CIRCLE}\N{BLACK UP-POINTING TRIANGLE} ") == badge


def test_the_table_has_a_column_below_each_other() -> None:
    rooms = shown(
        [room(1, "Hall\nof fame"), room(2, None)],
        [session(1, "A long title", status="live", viewer_count=None), session(2, "B", status="expired")],
        [{"room_id": "r1"}, {"room_id": "r2"}, {"title": "Rooftop"}],
    )
    assert status_table(rooms) == [
        "ROOM          SESSION          STATUS  ENCODER  PUBLISHING  VIEWERS  START",
        "Hall of fame  A long title     live    -        -           -        -",
        "r2            -                -       -        -           -        -",
        "Rooftop       (not there yet)  -       -        -           -        -",
        "1 more is over.",
    ]


def test_sessions_are_ordered_by_the_instant_and_not_by_its_text() -> None:
    wishes = [
        {"title": "Second", "scheduled_start_time": "2027-05-04T09:00:00+02:00"},
        {"title": "First", "scheduled_start_time": "2027-05-04T10:00:00+06:00"},
        {"title": "Third", "scheduled_start_time": "2027-05-04T07:00:01Z"},
    ]
    rooms = shown([room()], [], [{"title": "Main stage", "sessions": wishes}])
    assert titles(rooms) == {"Main stage": ["First", "Second", "Third"]}


def test_no_title_makes_a_line_wider_than_a_terminal() -> None:
    wish = {"title": "S" * 255, "encoder": "e" * 253}
    event = [{"title": "R" * 255, "sessions": [wish]}]
    lines = status_table(shown([], [], event))
    assert max(map(len, lines)) <= 160
    assert ["R" * 35 + "\N{HORIZONTAL ELLIPSIS}" in line for line in lines] == [False, True]


def test_many_renamed_sessions_are_counted() -> None:
    sessions = [session(number, f"New {number}") for number in range(14)]
    event = [{"title": "Main stage", "sessions": [{"title": f"Old {number}"} for number in range(14)]}]
    ledger = [
        {"kind": "session", "session_id": one["id"], "title": f"Old {number}", "phase": "created"}
        for number, one in enumerate(sessions)
    ]
    lines = status_table(shown([room()], sessions, event, ledger))
    assert len([line for line in lines if "is called" in line]) == 10
    assert lines[-1] == "4 more have another title."


def test_the_time_grows_with_the_sessions_and_not_with_their_square() -> None:
    rooms, sessions = many(10_000)
    event = [{"title": one["title"], "sessions": [{"title": f"Talk {n}"}]} for n, one in enumerate(rooms)]
    began = time.process_time()
    status_table(shown(rooms, sessions, event))
    # A hundred million comparisons would take longer.
    assert time.process_time() - began < 5
