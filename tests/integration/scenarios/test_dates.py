# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Start times in the spellings of YAML and of services: they are sent once and are no difference afterwards."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from tests.integration.controller import Controller
from tests.simulator.server import Simulator

from .runs import Json, actions, assert_no_change_and_no_warning, event, reason, results, rooms_of, succeeded

SUMMER = timezone(timedelta(hours=2))
# The same instant in different spellings.
WAYS: tuple[Any, ...] = (
    datetime(2027, 5, 4, 9, tzinfo=SUMMER),
    "2027-05-04 09:00:00+02:00",
    "  2027-05-04T07:00:00Z\n",
    "2027-05-04t07:00:00z",
    "2027-05-04T07:00:00.000000000Z",
    "2027-05-04T06:59:60Z",
)


def starting(*starts: Any) -> Json:
    (room,) = rooms_of(*(f"Talk {number}" for number in range(len(starts))))
    for session, start in zip(room["sessions"], starts, strict=True):
        session["scheduled_start_time"] = start
    return event([room])


def test_different_spellings_of_an_instant_are_no_difference(simulator: Simulator, controller: Controller) -> None:
    wrong = ("2027-05-04T09:00:61Z", "2027-05-04T09:00:00", "tomorrow")
    *refused, made, again = results(
        controller, *(starting(WAYS[1], one) for one in wrong), starting(*WAYS), starting(*reversed(WAYS))
    )
    for one in refused:
        assert all(word in reason(one) for word in ("'Talk 1'", "scheduled_start_time"))
    sent = {step["request"]["body"].get("scheduled_start_time") for step in succeeded(made)["plan"][1:]}
    assert sent == {"2027-05-04T07:00:00Z"}
    stored = {one.scheduled_start_time for one in simulator.service.sessions.values()}
    assert stored == {datetime(2027, 5, 4, 7, tzinfo=timezone.utc)}
    assert_no_change_and_no_warning(again)
    assert len(simulator.journal.writes()) == 1 + len(WAYS)


@pytest.mark.parametrize(
    "kept",
    [
        {"time_precision": "seconds", "times_rounded": True, "time_offset": "+02:00"},
        {"time_precision": "minutes"},
        {"time_precision": "milliseconds", "time_zeros_cut": True},
    ],
    ids=["rounded to seconds, another offset", "minutes", "milliseconds without zeros"],
)
def test_a_start_time_that_the_service_truncates_is_no_difference(
    simulator: Simulator, controller: Controller, kept: Json
) -> None:
    simulator.variant.set(**kept)
    one, other = "2027-05-04T07:00:31.9876543Z", "2027-05-04T07:00:00.100Z"
    _made, moved, again, later = results(
        controller,
        starting(one, None),
        starting(one, other),
        starting(one, other),
        starting("2027-05-04T07:01:31.9876543Z", other),
    )
    assert actions(succeeded(moved)) == ["reschedule_session"]
    assert_no_change_and_no_warning(again)
    assert actions(succeeded(later)) == ["reschedule_session"]
