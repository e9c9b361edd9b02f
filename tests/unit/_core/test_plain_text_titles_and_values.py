# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs with services that store other values than they were sent: the second run changes nothing."""

from __future__ import annotations

import html
import json
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import InvalidInput
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import (
    EventSpec,
    RoomSpec,
    SessionSpec,
    Settings,
)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.outcomes import (
    Applied,
    RoomOutcome,
    SessionOutcome,
)

from ..engine_run import KEYNOTE, PRESET, Run, event
from ..scripted_server import Answer, Request, refusal
from ..small_service import SmallService

Body = dict[str, Any]
TITLE = "Q&A  «Cafe\u0301» <live>"
STORED: dict[str, Callable[[str], str]] = {
    "as they are": lambda text: text,
    "escaped for HTML": html.escape,
    "with blanks folded": lambda text: " ".join(text.split()),
    "composed (NFC)": lambda text: unicodedata.normalize("NFC", text),
    "decomposed (NFD)": lambda text: unicodedata.normalize("NFD", text),
    "in capital letters": str.upper,
    "cut to eight characters": lambda text: text[:8],
}


def stores(service: SmallService, **fields: Callable[[Any], Any]) -> None:
    """Let the service store each of these fields as its function returns it."""
    service.stores = lambda body: {name: fields.get(name, lambda value: value)(value) for name, value in body.items()}


def only(applied: Applied) -> SessionOutcome:
    (done,) = applied.sessions
    return done


def assert_idempotent(run: Run, asked: EventSpec) -> None:
    """Assert that a second and a third run change nothing and warn of nothing."""
    for _each in range(2):
        run.service.journal.clear()
        applied = run.apply(asked)
        assert run.writes() == []
        outcomes: list[RoomOutcome | SessionOutcome] = [*applied.rooms, *applied.sessions]
        assert [(done.changed, done.error, done.notes) for done in outcomes] == [(False, None, ())] * len(outcomes)


@pytest.mark.parametrize("way", STORED)
def test_a_title_that_is_stored_in_another_form_is_created_once_and_reported_once(run: Run, way: str) -> None:
    stores(run.service, title=STORED[way])
    asked = EventSpec((RoomSpec(title=TITLE, sessions=(SessionSpec(TITLE, preset_id=PRESET),)),))
    applied = run.apply(asked)
    assert only(applied).error is None
    is_other = STORED[way](TITLE) != TITLE
    for notes in (applied.rooms[0].notes, only(applied).notes):
        assert [STORED[way](TITLE) in note and TITLE in note for note in notes] == [True] * is_other
    assert_idempotent(run, asked)
    assert (len(run.service.rooms), len(run.service.sessions)) == (1, 1)
    absent = EventSpec((RoomSpec(title=TITLE, sessions=(SessionSpec(TITLE, state="absent"),)),))
    run.apply(absent)
    assert (run.service.sessions, run.kept_keys()) == ({}, {})


def test_a_room_that_was_renamed_in_the_dashboard_is_not_created_again(run: Run) -> None:
    run.apply(event(KEYNOTE))
    (room,) = run.service.rooms.values()
    room["title"] = "Great hall"
    applied = run.apply(event(KEYNOTE))
    assert "Great hall" in applied.rooms[0].notes[0]
    assert [done.changed for done in applied.sessions] == [False]
    assert len(run.service.rooms) == 1
    assert_idempotent(run, event(KEYNOTE))


def test_a_renamed_room_and_a_new_one_of_its_title_are_not_confused(run: Run) -> None:
    run.apply(event(KEYNOTE))
    (first,) = run.service.rooms
    run.service.rooms[first]["title"] = "Great hall"
    second = run.service.add_room("Main stage")
    run.service.journal.clear()
    with pytest.raises(InvalidInput, match=f"{first}.*Great hall.*{second}.*room_id"):
        run.apply(event(KEYNOTE))
    assert run.writes() == []


def test_a_session_that_was_renamed_in_the_dashboard_is_not_created_again(run: Run) -> None:
    first = only(run.apply(event(KEYNOTE))).session
    assert first is not None
    run.service.sessions[first.id]["title"] = "Opening keynote"
    done = only(run.apply(event(KEYNOTE)))
    assert (done.session and done.session.id, done.error) == (first.id, None)
    assert len(run.service.sessions) == 1


LIMIT = replace(KEYNOTE, settings=Settings(max_join_limit=500))


def capped(run: Run, largest: int) -> None:
    stores(run.service, max_join_limit=lambda value: min(value, largest))


def test_a_capped_number_is_reported_once_and_is_then_no_drift(run: Run) -> None:
    capped(run, 200)
    done = only(run.apply(event(LIMIT)))
    assert [note for note in done.notes if "200" in note and "500" in note]
    assert_idempotent(run, event(LIMIT))


def test_a_capped_number_is_sent_again_if_the_requested_or_the_current_value_changes(run: Run) -> None:
    capped(run, 200)
    run.apply(event(LIMIT))
    run.service.journal.clear()
    run.apply(event(replace(KEYNOTE, settings=Settings(max_join_limit=400))))
    assert run.writes() == ["PATCH settings"]
    assert_idempotent(run, event(replace(KEYNOTE, settings=Settings(max_join_limit=400))))
    # It was changed in the dashboard.
    (entry,) = run.service.sessions.values()
    entry["effective_max_join_limit"] = 7
    run.apply(event(replace(KEYNOTE, settings=Settings(max_join_limit=400))))
    assert run.writes() == ["PATCH settings"]
    assert entry["effective_max_join_limit"] == 200


@pytest.mark.parametrize("is_there", [True, False])
def test_a_setting_that_is_not_reported_is_sent_once(run: Run, is_there: bool) -> None:
    run.service.stores = lambda body: {name: value for name, value in body.items() if name != "chat_enabled"}
    if is_there:
        run.apply(event(KEYNOTE))
        run.service.journal.clear()
    asked = event(replace(KEYNOTE, settings=Settings(chat_enabled=False)))
    assert only(run.apply(asked)).error is None
    assert run.writes()[-1] == "PATCH settings"
    assert_idempotent(run, asked)


def test_a_setting_that_was_refused_is_sent_again(run: Run) -> None:
    run.apply(event(KEYNOTE))
    asked = event(replace(KEYNOTE, settings=Settings(chat_enabled=False)))
    run.service.on_request = lambda request: refusal(422) if request.method == "PATCH" else None
    assert only(run.apply(asked)).error
    run.service.on_request = lambda _request: None
    run.service.journal.clear()
    assert only(run.apply(asked)).changed
    assert run.writes() == ["PATCH settings"]
    assert_idempotent(run, asked)


def test_the_override_of_a_setting_takes_precedence_over_its_effective_value(run: Run) -> None:
    done = only(run.apply(event(KEYNOTE)))
    assert done.session is not None
    entry = run.service.sessions[done.session.id]
    entry |= {"effective_max_join_limit": 100, "max_join_limit_override": 500}
    assert_idempotent(run, event(LIMIT))


@pytest.mark.parametrize(
    ("asked", "stored"),
    [
        ("2027-05-04T09:00:00.123456Z", "2027-05-04T09:00:00Z"),
        ("2027-05-04T09:00:00.9Z", "2027-05-04T09:00:01Z"),
        ("2027-05-04T09:00:00.123456Z", "2027-05-04T09:00:00.123Z"),
        ("2027-05-04T09:00:00Z", "2027-05-04T11:00:00+02:00"),
        # A service that stores minutes only.
        ("2027-05-04T09:00:31Z", "2027-05-04T09:00:00Z"),
    ],
)
@pytest.mark.parametrize("is_there", [True, False])
def test_a_start_that_is_stored_in_another_form_is_no_drift(run: Run, asked: str, stored: str, is_there: bool) -> None:
    stores(run.service, scheduled_start_time=lambda _value: stored)
    if is_there:
        run.apply(event(KEYNOTE))
    wanted = event(replace(KEYNOTE, scheduled_start_time=asked))
    run.apply(wanted)
    assert_idempotent(run, wanted)


@pytest.mark.parametrize(
    "text", ["Plenary\n", "Plenary\r\nand talks\r\n", " Plenary ", "Talks  \nand more", "Q&A", "x" * 300]
)
@pytest.mark.parametrize(
    "cleaned", [str.strip, html.escape, lambda text: " ".join(text.split()), lambda text: text[:100]]
)
@pytest.mark.parametrize("is_there", [True, False])
def test_a_description_that_is_cleaned_is_no_drift(
    run: Run, text: str, cleaned: Callable[[str], str], is_there: bool
) -> None:
    stores(run.service, description=cleaned)
    if is_there:
        run.apply(event())
    asked = EventSpec((RoomSpec(title="Main stage", description=text),))
    run.apply(asked)
    assert_idempotent(run, asked)


def test_a_tag_that_the_service_does_not_store_is_no_drift(run: Run) -> None:
    run.service.stores = lambda body: {name: value for name, value in body.items() if name != "analytics"}
    run.apply(event())
    asked = EventSpec((RoomSpec(title="Main stage", analytics={"google_tag_manager": {"enabled": True}}),))
    run.apply(asked)
    assert_idempotent(run, asked)


def test_fields_that_a_list_omits_are_no_drift(run: Run) -> None:
    def omit_fields_in_lists(request: Request, answer: Any) -> Any:
        if not request.path.partition("?")[0].endswith("/sessions") or request.method != "GET":
            return answer
        body = json.loads(answer.body)
        for entry in body["data"]["sessions"]:
            for name in [name for name in entry if name.startswith("effective_") or name == "scheduled_start_time"]:
                del entry[name]
        return Answer(answer.status, json.dumps(body).encode(), answer.headers)

    run.service.on_answer = omit_fields_in_lists
    start = "2027-05-04T09:00:00Z"
    asked = event(replace(KEYNOTE, settings=Settings(chat_enabled=False), scheduled_start_time=start))
    assert only(run.apply(asked)).error is None
    assert_idempotent(run, asked)
    (entry,) = run.service.sessions.values()
    entry["scheduled_start_time"] = "2027-05-05T09:00:00Z"
    run.apply(asked)
    assert entry["scheduled_start_time"] == start
