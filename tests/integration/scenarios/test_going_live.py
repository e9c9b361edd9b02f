# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Going live and ending, with a service that shows values late or never, and with lost responses."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing

from tests.integration.conftest import EVENT, PRESET, SESSION
from tests.integration.controller import Controller
from tests.integration.scenarios.plays import event, ids, play, results, room, session_of, statuses
from tests.simulator.server import Simulator
from tests.simulator.state import Service
from tests.simulator.variants import KEY_FIELDS

FAULTS = ("Conflict", "Dropped before", "Dropped after", "502 before", "502 after")


def test_on_missing_key_go_live_fails_if_going_live_shows_no_key(simulator: Simulator, controller: Controller) -> None:
    simulator.dashboard.create_room("Main stage")
    simulator.dashboard.create_session("Main stage", "Keynote")
    simulator.variant.hidden_start_fields = KEY_FIELDS
    first = event(controller, rooms=[room("Main stage", "Keynote")], on_missing_key="go_live")
    failed = first.result(EVENT)
    assert first.returncode != 0
    assert "the service's answer held none. Choose on_missing_key: replace" in failed["msg"]
    assert failed["msg"].startswith("1 of 1 session failed.")
    # It is on air now, and the result says so.
    assert (failed["changed"], failed["sessions"][0]["status"]) == (True, "live")
    assert statuses(simulator) == {"Keynote": "live"}
    again = event(controller, rooms=[room("Main stage", "Keynote")], on_missing_key="go_live")
    assert again.returncode != 0, again.output


def test_urls_that_only_going_live_shows_are_returned_by_each_later_run(
    simulator: Simulator, controller: Controller
) -> None:
    simulator.service.whip_form = "https://ingest.invalid/{session_id}/whip"
    simulator.variant.set(hidden_creation_fields=["rtmp_url"], whip_url_shown="always")
    rooms = [room("Main stage", "Keynote")]
    tasks = [{EVENT: {"rooms": rooms, "state": state}} for state in ("present", "live", "present")]
    first = play(controller, tasks)
    assert first.returncode == 0, first.output
    made, live, later = (one["sessions"][0] for one in results(first, EVENT))
    assert (made["rtmp_url"], made["whip_url"]) == (None, None)
    assert live["rtmp_url"].startswith("rtmp://127.0.0.1")
    assert live["whip_url"].startswith("https://ingest.invalid/")
    again = event(controller, rooms=rooms).result(EVENT)
    assert again["changed"] is False
    for one in (later, again["sessions"][0], again["ansible_facts"]["tenbyte_sessions"]["Main stage/Keynote"]):
        assert (one["rtmp_url"], one["whip_url"]) == (live["rtmp_url"], live["whip_url"])
        assert one["stream_key_fingerprint"] == made["stream_key_fingerprint"]


def test_going_live_and_ending_succeed_after_a_conflict_and_lost_responses(
    simulator: Simulator, controller: Controller
) -> None:
    rooms = [room("Main stage", *FAULTS)]
    made = event(controller, rooms=rooms)
    known = ids(made)
    simulator.variant.start_of_live = 409

    def make_trouble(call: str) -> None:
        for title, session_id in known.items():
            path, kind, when = f"/sessions/{session_id}/{call}$", *title.lower().partition(" ")[::2]
            if kind == "conflict":
                # Somebody else makes the same call a moment earlier.
                change = {"do": call, "session": session_id}
                simulator.faults.add("change", method="POST", path=path, when="before", change=change)
            elif kind == "dropped":
                simulator.faults.add("drop", method="POST", path=path, when=when)
            else:
                simulator.faults.add("status", method="POST", path=path, when=when, status=502)

    make_trouble("go_live")
    live = event(controller, rooms=rooms, state="live")
    assert live.returncode == 0, live.output
    assert statuses(simulator) == dict.fromkeys(FAULTS, "live")
    assert {one["status"] for one in live.result(EVENT)["sessions"]} == {"live"}
    keys = {one["title"]: one["stream_key_fingerprint"] for one in made.result(EVENT)["sessions"]}
    assert {one["title"]: one["stream_key_fingerprint"] for one in live.result(EVENT)["sessions"]} == keys
    assert "another stream key" not in live.output
    make_trouble("end")
    ended = event(controller, rooms=rooms, state="ended")
    assert ended.returncode == 0, ended.output
    assert statuses(simulator) == dict.fromkeys(FAULTS, "ended")


def test_twenty_sessions_that_take_three_seconds_each_go_live_together(
    simulator: Simulator, controller: Controller
) -> None:
    rooms = [room("Main stage", *(f"Talk {number}" for number in range(20)))]
    assert event(controller, rooms=rooms).returncode == 0
    asked: list[float] = []

    def note(_service: Service) -> None:
        asked.append(time.monotonic())

    simulator.faults.add("change", method="POST", path="/go_live$", times=None, when="before", change=note)
    simulator.variant.seconds_until_live = 3.0
    live = event(controller, rooms=rooms, state="live", concurrency=4)
    ended = time.monotonic()
    assert live.returncode == 0, live.output
    assert set(statuses(simulator).values()) == {"live"}
    # Four at a time, with a wait for each, would take fifteen seconds.
    assert len(asked) == 20
    assert asked[-1] - asked[0] < 3.0
    assert ended - asked[-1] < 8.0


def test_a_ledger_that_fails_after_go_live_does_not_hide_that_the_session_is_live(
    simulator: Simulator, controller: Controller
) -> None:
    # A permanent error: temporary ones are retried for a minute.
    refusal = "CREATE TRIGGER refusal BEFORE UPDATE ON tenbyte_webinar_slots BEGIN SELECT RAISE(ABORT, 'refused'); END"

    def refuse_writes(_service: Service) -> None:
        with closing(sqlite3.connect(controller.ledger_file)) as ledger:
            ledger.execute(refusal)

    keynote = {"room": "Main stage", "title": "Keynote", "preset_id": PRESET}
    assert play(controller, [{SESSION: keynote}]).returncode == 0
    simulator.variant.another_key_at_start = True
    simulator.faults.add("change", method="POST", path="/go_live$", when="after", change=refuse_writes)
    run = play(controller, [{SESSION: {**keynote, "state": "live"}}])
    failed = run.result(SESSION)
    assert run.returncode != 0
    assert "its stream key could not be kept" in failed["msg"]
    assert (failed["changed"], failed["session"]["status"]) == (True, "live")
    assert session_of(simulator, "Keynote").status == "live"
