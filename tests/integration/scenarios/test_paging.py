# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lists of services with other kinds of paging: each is read completely, or nothing is changed."""

from __future__ import annotations

import pytest

from tests.integration.conftest import PRESET
from tests.integration.controller import Controller
from tests.simulator.server import Simulator

from .runs import Json, assert_no_change_and_no_warning, event, reason, result, rooms_of, writes

TITLES = [f"Talk {number}" for number in range(20)]
WISH = event(rooms_of(*TITLES), on_missing_key="ignore")
ROOMS = [{"title": "Main stage", "host": "host"}]
SEED = {"rooms": ROOMS, "sessions": [{"room": "Main stage", "title": title, "preset_id": PRESET} for title in TITLES]}


@pytest.mark.seed(**SEED)
@pytest.mark.parametrize(
    "variant",
    [
        {"page_after_last": 404, "largest_limit": 10, "hidden_list_fields": ("total",)},
        {"page_after_last": 422, "largest_limit": 10, "larger_limit": 400, "hidden_list_fields": ("limit",)},
        {"largest_limit": 10, "larger_limit": 422},
        {"largest_limit": 7, "asked_limit_shown": True, "oldest_first": True},
    ],
    ids=["404 past full pages", "400 for the limit, 422 past the end", "422 for the limit", "a limit that is cut"],
)
def test_every_session_is_read(simulator: Simulator, controller: Controller, variant: Json) -> None:
    simulator.variant.set(**variant)
    assert_no_change_and_no_warning(result(controller, WISH))


@pytest.mark.seed(**SEED, variant={"largest_limit": 10})
def test_an_empty_page_before_total_items_stops_the_run(simulator: Simulator, controller: Controller) -> None:
    simulator.faults.add("short_page", items=0, page=2, times=None)
    assert "Nothing is done with an incomplete list" in reason(result(controller, WISH))
    assert simulator.journal.writes() == []


@pytest.mark.seed(**SEED, variant={"largest_limit": 10})
def test_a_list_that_changes_between_two_pages_is_read_again(simulator: Simulator, controller: Controller) -> None:
    newest, *_others, oldest = reversed(list(simulator.service.sessions.values()))
    change = {"do": "delete_session", "session": newest.id}
    rule = simulator.faults.add("change", method="GET", path="/sessions$", page=1, when="after", change=change)
    made = result(controller, WISH)
    assert rule.struck
    # The deleted session is created again. The one that moved to another page was seen.
    assert [step["title"] for step in made["plan"]] == [newest.title]
    assert writes(simulator) == ["POST sessions"]
    assert oldest.id in simulator.service.sessions
    assert len({one.title for one in simulator.service.sessions.values()}) == len(simulator.service.sessions) == 20
