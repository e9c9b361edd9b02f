# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils.doubts import LATEST_EFFECT, Doubt, read, twins, written
from ansible_collections.tenbyte.webinar.plugins.plugin_utils.model import Preset, Session

from .worlds import OTHER_PRESET, PRESET

INTENT = 1_700_000_000.4


def at(seconds: float) -> str:
    """Return a time of the service's, so many seconds after the intent."""
    return datetime.fromtimestamp(INTENT + seconds, timezone.utc).isoformat()


DOUBT = Doubt(1, since=INTENT, until=INTENT + 30, preset_ids=(PRESET,))
FRUIT = Session("twin", "r1", "Keynote", "scheduled", preset=Preset(PRESET), created_at=at(20))
KEPT = Session("kept", "r1", "Keynote", "scheduled", preset=Preset(PRESET), created_at=at(40))


def found(doubt: Doubt, *listed: Session, seen: tuple[str, ...] = (), now: float | None = INTENT + 60) -> list[str]:
    return [session.id for session in twins(doubt, seen, listed, {"kept"}, now)]


def test_what_fits_in_every_respect_is_a_twin() -> None:
    assert found(DOUBT, KEPT, FRUIT) == ["twin"]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"status": "live"}, id="on air"),
        pytest.param({"status": "ended"}, id="past"),
        pytest.param({"status": "paused"}, id="a status that nobody knows"),
        pytest.param({"preset": Preset(OTHER_PRESET)}, id="another preset"),
        pytest.param({"preset": Preset(None)}, id="a preset that is not known"),
        pytest.param({"id": "kept"}, id="in the ledger"),
        pytest.param({"id": "seen"}, id="seen before the intent"),
        pytest.param({"created_at": at(-1)}, id="created before the intent"),
        pytest.param({"created_at": at(-90_000)}, id="created a day before the intent"),
        pytest.param({"created_at": at(30 + LATEST_EFFECT + 1)}, id="created long after the last request"),
        pytest.param({"created_at": "yesterday"}, id="created nobody knows when"),
    ],
)
def test_what_does_not_fit_in_one_respect_is_no_twin(changes: dict[str, object]) -> None:
    assert found(DOUBT, KEPT, replace(FRUIT, **changes), seen=("seen",)) == []  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "doubt",
    [
        pytest.param(Doubt(0, INTENT, INTENT, (PRESET,)), id="every request was answered"),
        pytest.param(replace(DOUBT, since=None), id="the time of the intent is not known"),
        pytest.param(replace(DOUBT, until=None), id="the time of the request is not known"),
        pytest.param(replace(DOUBT, preset_ids=()), id="the preset of the request is not known"),
    ],
)
def test_without_a_doubt_that_is_known_in_full_there_is_no_twin(doubt: Doubt) -> None:
    assert found(doubt, FRUIT) == []


def test_where_more_fit_than_there_were_requests_none_is_taken() -> None:
    other = replace(FRUIT, id="other")
    assert found(DOUBT, FRUIT, other) == []
    assert found(replace(DOUBT, count=2), FRUIT, other) == ["twin", "other"]


@pytest.mark.parametrize(
    "written_at", ["2023-11-14T22:13:20Z", "2023-11-14T22:13:20.900Z", "2023-11-14T23:13:21+01:00"]
)
def test_whole_seconds_and_other_offsets_are_understood(written_at: str) -> None:
    assert found(DOUBT, replace(FRUIT, created_at=written_at)) == ["twin"]


def test_a_service_that_does_not_say_when_is_judged_by_when_it_was_seen() -> None:
    silent = replace(FRUIT, created_at=None)
    assert found(DOUBT, silent) == ["twin"]
    assert found(DOUBT, silent, now=INTENT + 30 + LATEST_EFFECT + 1) == []


def test_requests_and_their_fruits_are_counted() -> None:
    doubt = Doubt(since=INTENT).with_request(PRESET.upper(), INTENT + 1).with_request(OTHER_PRESET, INTENT + 9)
    assert doubt == Doubt(2, INTENT, INTENT + 9, tuple(sorted((PRESET, OTHER_PRESET))))
    assert [doubt.without(count).count for count in (1, 2, 3)] == [1, 0, 0]


def test_a_doubt_is_read_as_it_was_written() -> None:
    assert read(written(DOUBT)) == DOUBT
    assert read(written(Doubt())) == Doubt()
    assert read(written(None)) is None
