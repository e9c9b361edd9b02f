# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edge cases: fast clocks, unusual paging, normalised texts, changed titles, and the length of messages."""

from __future__ import annotations

import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import Redactor
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.location import LedgerSettings
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import Claim, Slot, open_ledger

from tests.integration.conftest import EVENT, PRESET
from tests.integration.controller import Controller
from tests.integration.scenarios.plays import event, ids, play, results, room
from tests.simulator.server import Simulator


def test_forty_sessions_without_keys_give_one_hint_and_a_short_message(
    simulator: Simulator, controller: Controller
) -> None:
    # Exactly four pages. The service refuses a fifth page and larger pages, and states no total.
    simulator.variant.set(
        largest_limit=10, larger_limit=422, page_after_last=404, hidden_list_fields=["total", "limit"]
    )
    rooms = [room("Main stage", *(f"Talk {number}" for number in range(40)))]
    made = event(controller, rooms=rooms)
    assert made.returncode == 0, made.output
    assert len(simulator.service.sessions) == 40
    simulator.journal.clear()
    elsewhere = {"TENBYTE_LEDGER_URL": f"sqlite:///{controller.home}/another/ledger.sqlite3"}
    wrong = play(controller, [{EVENT: {"rooms": rooms}}], environment=elsewhere)
    result = wrong.result(EVENT)
    assert wrong.returncode != 0
    assert result["msg"].startswith("40 of 40 sessions failed. Main stage/Talk 0, Main stage/Talk 1, ")
    assert "and 30 more: " in result["msg"]
    assert result["msg"].count("choose with on_missing_key") == 1
    assert len(result["msg"]) < 1200
    # The printed result has the reason of each session.
    assert wrong.output.count("choose with on_missing_key") <= 40 + 2
    assert simulator.journal.writes() == []


def test_a_lease_from_a_fast_clock_is_waited_for_only_for_its_length(
    simulator: Simulator, controller: Controller
) -> None:
    rooms = [room("Main stage")]
    made = event(controller, rooms=rooms)
    room_id = made.result(EVENT)["rooms"][0]["id"]
    key = next(controller.ledger_file.parent.glob("*.key")).read_text().strip()
    settings = LedgerSettings(f"sqlite:///{controller.ledger_file}", key=key)
    rival = open_ledger(settings, Redactor(), "another-machine/1:1:1:rival")
    assert rival is not None
    assert isinstance(rival.claim(Slot(simulator.api_url, "session", room_id, "Keynote"), [], 3.0), Claim)
    rival.close()
    ahead = (
        "UPDATE tenbyte_webinar_slots SET lease_until = lease_until + 3600, updated_at = updated_at + 3600 "
        "WHERE title = 'Keynote'"
    )
    with closing(sqlite3.connect(controller.ledger_file, isolation_level=None)) as ledger:
        assert ledger.execute(ahead).rowcount == 1
    began = time.monotonic()
    run = event(controller, rooms=[room("Main stage", "Keynote")])
    assert run.returncode == 0, run.output
    assert time.monotonic() - began < 60
    assert [one.title for one in simulator.service.sessions.values()] == ["Keynote"]


def test_titles_that_the_dashboard_or_the_service_changed_cause_no_call(
    simulator: Simulator, controller: Controller
) -> None:
    simulator.variant.set(descriptions=["lf", "end"], time_precision="seconds", largest_join_limit=20)
    simulator.variant.set(room_titles=["html"], session_titles=["html", "blanks"])
    sessions = [
        {
            "title": "Q&A  at noon",
            "preset_id": PRESET,
            "description": "Ask.\r\nListen.\n",
            "scheduled_start_time": "2027-05-04T09:00:00.987654+02:00",
            "settings": {"max_join_limit": 100},
        }
    ]
    rooms: list[dict[str, Any]] = [{"title": "R&D", "description": "Plenary.\nAll day.\n", "sessions": sessions}]
    first = play(controller, [{EVENT: {"rooms": rooms}}, {EVENT: {"rooms": rooms}}])
    assert first.returncode == 0, first.output
    made, again = results(first, EVENT)
    assert again["changed"] is False, again["plan"]
    shown = " ".join(made["warnings"])
    assert "the service keeps 'Q&amp;A at noon' as title, where 'Q&A  at noon' was asked for" in shown
    assert "'20' as max_join_limit, where '100' was asked for" in shown
    known = ids(first)
    simulator.dashboard.rename_room("R&amp;D", "Research")
    simulator.dashboard.rename_session("Q&amp;A at noon", "Questions")
    renamed = event(controller, rooms=rooms)
    assert renamed.returncode == 0, renamed.output
    assert ids(renamed) == known
    assert (len(simulator.service.rooms), len(simulator.service.sessions)) == (1, 1)


def test_a_ledger_in_a_container_gives_a_warning_and_elsewhere_none(controller: Controller) -> None:
    controller.environment["TENBYTE_LEDGER_URL"] = ""
    run = event(controller, rooms=[room("Main stage", "Keynote")])
    assert run.returncode == 0, run.output
    ledger = controller.home / ".local/share/tenbyte-webinar/ledger.sqlite3"
    assert ledger.exists()
    kind = subprocess.run(["stat", "-f", "-c", "%T", ledger], capture_output=True, text=True, check=True).stdout
    is_container = Path("/.dockerenv").exists() or Path("/run/.containerenv").exists()
    is_thrown_away = "overlay" in kind or (is_container and ledger.stat().st_dev == Path("/").stat().st_dev)
    warnings = run.result(EVENT).get("warnings", [])
    assert ["the container's own file system" in one for one in warnings] == [True] * is_thrown_away
