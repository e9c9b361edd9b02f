# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Other runs, other users and unrelated faults put no wrong session on air, end no right one and stop no other."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.location import LedgerSettings

from tests.integration.concurrent_runs.test_concurrent_runs import EngineProcess, kept_rows, started_together, wait_for
from tests.integration.conftest import EVENT, OTHER_PRESET, PRESET, SESSION
from tests.integration.controller import Controller
from tests.integration.scenarios.plays import event, ids, play, printed, results, room, session_of, statuses
from tests.simulator.server import Simulator
from tests.simulator.state import Service

# No retries, so that permanent faults are reported at once.
AT_ONCE = {"retries": 0}


def test_a_concurrent_runs_session_with_another_preset_is_replaced_and_never_put_on_air(
    simulator: Simulator, controller: Controller
) -> None:
    assert event(controller, rooms=[room("Main stage")]).returncode == 0
    key_file = next(controller.ledger_file.parent.glob("*.key"))
    settings = LedgerSettings(f"sqlite:///{controller.ledger_file}", key=key_file.read_text().strip())
    simulator.faults.add("latency", method="POST", path="/rooms/[^/]+/sessions$", seconds=4, times=1)
    with started_together(
        EngineProcess(simulator, controller, settings, rooms={"Main stage": ["Keynote"]}, preset=OTHER_PRESET)
    ) as them:
        wait_for(lambda: any(row.leased for row in kept_rows(settings)))
        run = event(controller, rooms=[room("Main stage", "Keynote")], state="live")
        ((theirs, _fingerprint),) = them[0].outcome()["sessions"].values()
    assert run.returncode == 0, run.output
    ours = session_of(simulator, "Keynote")
    assert ours.id != theirs
    assert (ours.preset["id"], ours.status) == (PRESET, "live")
    assert f"/sessions/{theirs}/go_live" not in [entry.path for entry in simulator.journal]
    steps = [(one["action"], one["request"]["path"]) for one in run.result(EVENT)["plan"]]
    assert ("delete_session", f"/sessions/{theirs}") in steps


def test_a_session_that_goes_live_after_the_list_was_read_is_neither_purged_nor_replaced_nor_removed(
    simulator: Simulator, controller: Controller
) -> None:
    made = event(controller, rooms=[room("Main stage", "Purged", "Replaced", "Absent", "Quiet")])
    known = ids(made)
    fingerprints = {one["title"]: one["stream_key_fingerprint"] for one in made.result(EVENT)["sessions"]}
    sessions = [
        {"title": "Replaced", "preset_id": OTHER_PRESET},
        {"title": "Absent", "state": "absent"},
        {"title": "Quiet", "state": "absent"},
    ]

    def go_on_air(_service: Service) -> None:
        for title in ("Purged", "Replaced", "Absent"):
            simulator.dashboard.go_live(known[title])

    rule = simulator.faults.add("change", method="GET", path="/sessions$", when="after", change=go_on_air)
    run = event(controller, rooms=[{"title": "Main stage", "sessions": sessions}], purge=True)
    assert rule.struck
    assert run.returncode != 0
    result = run.result(EVENT)
    assert result["msg"].startswith("3 of 4 sessions failed.")
    assert result["msg"].count("is live by now") == 1
    # No second session was created.
    assert len(simulator.service.sessions) == 3
    left = {title: found.status for title, one in known.items() if (found := simulator.service.sessions.get(one))}
    assert left == dict.fromkeys(("Purged", "Replaced", "Absent"), "live")
    # Their keys are kept.
    again = event(controller, rooms=[room("Main stage", "Purged", "Absent")]).result(EVENT)
    assert {one["title"]: one["stream_key_fingerprint"] for one in again["sessions"]} == {
        title: fingerprints[title] for title in ("Purged", "Absent")
    }


def test_a_refused_description_or_an_unreadable_list_of_one_room_does_not_stop_other_sessions(
    simulator: Simulator, controller: Controller
) -> None:
    rooms = [room("Refused", "Talk A", "Talk B"), room("Broken", "Talk C"), room("Well", "Talk D")]
    assert event(controller, rooms=rooms).returncode == 0
    broken = session_of(simulator, "Talk C").room.id
    simulator.faults.add("status", status=403, path="^/rooms/[^/]+$", method="PATCH", times=None)
    simulator.faults.add("status", status=500, path=f"/rooms/{broken}/sessions$", method="GET", times=None)
    rooms[0]["description"] = "Plenary"
    run = event(controller, rooms=rooms, state="live", **AT_ONCE)
    result = run.result(EVENT)
    assert run.returncode != 0
    assert statuses(simulator) == {"Talk A": "live", "Talk B": "live", "Talk C": "scheduled", "Talk D": "live"}
    assert {one["room"] for one in result["failed_rooms"]} == {"Refused", "Broken"}
    assert [one["title"] for one in result["failed_sessions"] if one["title"]] == ["Talk C"]
    assert result["msg"].startswith("1 of 4 sessions and 2 rooms failed. Broken/Talk C: ")
    assert " | Refused: PATCH /rooms/" in result["msg"]
    assert result["changed"] is True


def test_sessions_are_ended_without_the_ledgers_key_file(simulator: Simulator, controller: Controller) -> None:
    rooms = [room("Main stage", "Keynote", "Panel")]
    assert event(controller, rooms=rooms, state="live").returncode == 0
    key_file = next(controller.ledger_file.parent.glob("*.key"))
    key_file.rename(key_file.with_suffix(".away"))
    run = event(controller, rooms=rooms, state="ended")
    assert run.returncode == 0, run.output
    assert statuses(simulator) == {"Keynote": "ended", "Panel": "ended"}
    assert "the sessions are ended without the ledger" in printed(run)
    assert not key_file.exists()


def test_a_damaged_entry_of_the_ledger_stops_only_its_own_session(simulator: Simulator, controller: Controller) -> None:
    rooms = [room("Main stage", "Keynote", "Panel", "Closing")]
    assert event(controller, rooms=rooms).returncode == 0
    with closing(sqlite3.connect(controller.ledger_file, isolation_level=None)) as ledger:
        ledger.execute("UPDATE tenbyte_webinar_slots SET secret = x'00' WHERE title = 'Panel'")
    tasks: list[dict[str, Any]] = [
        {EVENT: {"rooms": rooms, "state": "live"}, "ignore_errors": True},
        {SESSION: {"room": "Main stage", "title": "Keynote", "preset_id": PRESET}},
    ]
    run = play(controller, tasks)
    result, fine = results(run, EVENT)[0], run.result(SESSION)
    assert [one["title"] for one in result["failed_sessions"]] == ["Panel"]
    assert result["msg"].startswith("1 of 3 sessions failed. Main stage/Panel: ")
    assert "damaged" in result["msg"]
    assert statuses(simulator) == {"Keynote": "live", "Panel": "scheduled", "Closing": "live"}
    assert fine["changed"] is False
