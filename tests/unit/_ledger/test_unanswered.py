# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timezone

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import Preset, Room, Session
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.unanswered import (
    CLOCK_SLACK,
    LATEST_EFFECT,
    LOCAL_CLOCK_SLACK,
    Clock,
    Unanswered,
    are_duplicates,
    duplicates,
    fills_empty_slot,
    read,
    written,
)
from hypothesis import given
from hypothesis import strategies as st

from ..worlds import OTHER_PRESET, PRESET

INTENT = 1_700_000_000.4
KNOWN = Clock(INTENT + 60, INTENT + 9_999_999)


def at(seconds: float) -> str:
    """Return the time ``seconds`` after the intent, as the service reports times."""
    return datetime.fromtimestamp(INTENT + seconds, timezone.utc).isoformat()


REQUESTS = Unanswered(1, since=INTENT, until=INTENT + 30, by_service=True, preset_ids=(PRESET,))
BY_LEDGER = replace(REQUESTS, by_service=False)
DUPLICATE = Session("made", "r1", "Keynote", "scheduled", preset=Preset(PRESET), created_at=at(20))
KEPT = Session("kept", "r1", "Keynote", "scheduled", preset=Preset(PRESET), created_at=at(40))


def found(requests: Unanswered, *listed: Session, seen: tuple[str, ...] = (), clock: Clock = KNOWN) -> list[str]:
    return [session.id for session in duplicates(requests, seen, listed, {"kept"}, clock)]


def test_a_session_that_matches_in_every_respect_is_a_duplicate() -> None:
    assert found(REQUESTS, KEPT, DUPLICATE) == ["made"]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"status": "live"}, id="on air"),
        pytest.param({"status": "ended"}, id="past"),
        pytest.param({"status": "paused"}, id="an unknown status"),
        pytest.param({"preset": Preset(OTHER_PRESET)}, id="another preset"),
        pytest.param({"preset": Preset(None)}, id="an unknown preset"),
        pytest.param({"id": "kept"}, id="in the ledger"),
        pytest.param({"id": "seen"}, id="seen before the intent"),
        pytest.param({"created_at": at(-1)}, id="created before the intent"),
        pytest.param({"created_at": at(-90_000)}, id="created a day before the intent"),
        pytest.param({"created_at": at(30 + LATEST_EFFECT + 1)}, id="created long after the last request"),
        pytest.param({"created_at": "yesterday"}, id="an unreadable creation time"),
    ],
)
def test_a_session_that_differs_in_one_respect_is_no_duplicate(changes: dict[str, object]) -> None:
    assert found(REQUESTS, KEPT, replace(DUPLICATE, **changes), seen=("seen",)) == []  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "requests",
    [
        pytest.param(Unanswered.none(), id="every request was answered"),
        pytest.param(replace(REQUESTS, preset_ids=()), id="the preset of the request is unknown"),
    ],
)
def test_without_an_unanswered_request_of_a_known_preset_there_is_no_duplicate(requests: Unanswered) -> None:
    assert found(requests, DUPLICATE) == []


def test_if_more_sessions_match_than_there_were_requests_none_is_a_duplicate() -> None:
    other = replace(DUPLICATE, id="other")
    assert found(REQUESTS, DUPLICATE, other) == []
    assert found(replace(REQUESTS, count=2), DUPLICATE, other) == ["made", "other"]


@pytest.mark.parametrize(
    "written_at", ["2023-11-14T22:13:20Z", "2023-11-14T22:13:20.900Z", "2023-11-14T23:13:21+01:00"]
)
def test_times_in_whole_seconds_or_with_other_offsets_are_read(written_at: str) -> None:
    assert found(REQUESTS, replace(DUPLICATE, created_at=written_at)) == ["made"]


def test_a_session_without_a_creation_time_counts_as_created_now() -> None:
    undated = replace(DUPLICATE, created_at=None)
    assert found(REQUESTS, undated) == ["made"]
    late = Clock(INTENT + 30 + LATEST_EFFECT + 1, 0.0)
    assert found(REQUESTS, undated, clock=late) == []


def test_without_the_services_clock_the_ledgers_clock_is_used() -> None:
    undated, days = replace(DUPLICATE, created_at=None), Clock(None, INTENT + 3 * 86_400)
    assert found(BY_LEDGER, undated, clock=Clock(None, INTENT + 60)) == ["made"]
    assert found(BY_LEDGER, undated, clock=days) == []
    # The creation time of a session takes precedence over any clock.
    assert found(BY_LEDGER, DUPLICATE, clock=days) == ["made"]
    assert found(BY_LEDGER, replace(DUPLICATE, created_at=at(3 * 86_400)), clock=days) == []


def test_a_difference_of_the_clocks_is_tolerated_only_if_the_ledgers_clock_is_used() -> None:
    late = replace(DUPLICATE, created_at=at(30 + LATEST_EFFECT + LOCAL_CLOCK_SLACK - 1))
    assert found(REQUESTS, late) == []
    assert found(BY_LEDGER, late) == ["made"]


def test_for_an_empty_slot_the_creation_time_has_a_tolerance() -> None:
    early = replace(DUPLICATE, created_at=at(-CLOCK_SLACK + 1))
    assert fills_empty_slot(REQUESTS, early, KNOWN)
    assert found(REQUESTS, early) == []
    assert not fills_empty_slot(REQUESTS, replace(DUPLICATE, created_at=at(-CLOCK_SLACK - 2)), KNOWN)
    assert not fills_empty_slot(Unanswered.none(), DUPLICATE, KNOWN)
    assert fills_empty_slot(REQUESTS, replace(DUPLICATE, preset=Preset(None)), KNOWN)
    assert not fills_empty_slot(REQUESTS, replace(DUPLICATE, preset=Preset(OTHER_PRESET)), KNOWN)


def test_either_all_rooms_of_a_title_are_duplicates_or_none() -> None:
    room = Room("r9", "Main stage", created_at=at(20))
    assert are_duplicates(REQUESTS, (), [room], {"r1"}, KNOWN)
    assert not are_duplicates(REQUESTS, (), [room, replace(room, id="r8")], {"r1"}, KNOWN)
    assert not are_duplicates(REQUESTS, ("r9",), [room], {"r1"}, KNOWN)
    assert not are_duplicates(REQUESTS, (), [room], {"r9"}, KNOWN)
    assert not are_duplicates(REQUESTS, (), [replace(room, created_at=at(-60))], {"r1"}, KNOWN)


def test_requests_and_their_outcomes_are_counted() -> None:
    requests = Unanswered.none().with_request(PRESET.upper(), Clock(INTENT + 1, 5.0))
    requests = requests.with_request(OTHER_PRESET, Clock(INTENT + 9, 6.0))
    assert requests == Unanswered(2, INTENT + 1, INTENT + 9, True, tuple(sorted((PRESET, OTHER_PRESET))))
    assert [requests.resolved(count).count for count in (1, 2, 3)] == [1, 0, 0]
    assert requests.resolved(2) == Unanswered.none()


def test_after_one_request_without_the_services_time_the_ledgers_clock_is_used_for_all() -> None:
    requests = Unanswered.none().with_request(PRESET, Clock(INTENT, 5.0)).with_request(PRESET, Clock(None, INTENT + 9))
    assert (requests.count, requests.by_service, requests.until) == (2, False, INTENT + 9)
    first_by_ledger = Unanswered.none().with_request(PRESET, Clock(None, INTENT))
    assert not first_by_ledger.with_request(PRESET, Clock(INTENT + 3, INTENT + 4)).by_service


times = st.floats(0, 4e9, allow_nan=False)
anything = st.just(Unanswered.none()) | st.builds(
    Unanswered,
    count=st.integers(1, 9),
    since=times,
    until=times,
    by_service=st.booleans(),
    preset_ids=st.lists(st.text(min_size=1), max_size=2, unique=True).map(lambda ids: tuple(sorted(ids))),
)


@given(anything)
def test_unanswered_requests_are_read_as_they_were_written(requests: Unanswered) -> None:
    assert read(written(requests)) == requests


@given(anything, anything)
def test_merging_two_intents_for_one_slot_loses_no_request(one: Unanswered, other: Unanswered) -> None:
    both = one.merged(other)
    assert both == other.merged(one)
    assert both.count == one.count + other.count
    assert both.merged(Unanswered.none()) == both


@pytest.mark.parametrize(("since", "until"), [(None, None), (INTENT, None)])
def test_a_text_of_an_earlier_version_without_times_gets_those_of_its_row(
    since: float | None, until: float | None
) -> None:
    text = json.dumps({"count": 1, "since": since, "until": until, "preset_ids": [PRESET]})
    assert read(text, 7.0, 9.0) == Unanswered(1, 7.0, 9.0, by_service=False, preset_ids=(PRESET,))


def test_the_times_in_a_text_of_an_earlier_version_are_by_the_services_clock() -> None:
    text = json.dumps({"count": 2, "since": INTENT, "until": INTENT + 1, "preset_ids": []})
    assert read(text, 7.0, 9.0) == Unanswered(2, INTENT, INTENT + 1, by_service=True)


@pytest.mark.parametrize("text", [None, '{"count": 0, "since": 1, "until": 2, "preset_ids": []}'])
def test_no_text_and_a_count_of_zero_are_read_alike(text: str | None) -> None:
    assert read(text) == Unanswered.none()
    assert not read(text)
