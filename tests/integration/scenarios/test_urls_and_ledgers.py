# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Different spellings of a service's URL, and ledgers of earlier versions: no room and no key exists twice."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.fixtures.landed_ledger import lay_down
from tests.integration.conftest import PRESET
from tests.integration.controller import Controller
from tests.simulator.server import Simulator

from .runs import (
    READ_KEYS,
    assert_no_change_and_no_warning,
    event,
    paths,
    reading_keys,
    reason,
    results,
    rooms_of,
    run,
    succeeded,
)

# Of tests/fixtures/landed_ledger/README.md: the ids by their last digits, and the number of each one's key.
MAIN_STAGE, WORKSHOP = (f"00000000-0000-4000-8000-00000000a00{number}" for number in (1, 2))
LANDED = "https://api.example.com/v1/webinar"
KEYS = {101: 1, 102: 2, 104: 3, 105: 4, 107: 47, 108: 48, 109: 49, 111: 99}
CURRENT = (101, 102, 104, 108, 109, 111)


def session_id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def test_different_spellings_of_a_url_share_one_ledger_entry(simulator: Simulator, controller: Controller) -> None:
    port = simulator.port
    # The ledger was written with one spelling; the others find its entries.
    spellings = [f"http://localhost:{port}/v1/webinar", f"HTTP://LocalHost:{port}//v1/webinar//"]
    spellings += [f"http://LOCALHOST.:{port}/v1/webinar", f"http://localhost:0{port}/v1/../v1/webinar"]
    done = results(controller, *(event(rooms_of("Keynote"), api_url=url) for url in spellings))
    assert [succeeded(one)["changed"] for one in done] == [True, False, False, False]
    assert len({(one["sessions"][0]["id"], one["sessions"][0]["stream_key_fingerprint"]) for one in done}) == 1
    assert len(simulator.service.sessions) == 1


@pytest.mark.seed(
    rooms=[
        {"title": "Main stage", "host": "host", "id": MAIN_STAGE},
        {"title": "Workshop", "host": "host", "id": WORKSHOP},
    ],
    sessions=[
        {"room": room, "title": title, "preset_id": PRESET, "id": session_id(number)}
        for room, title, number in (
            ("Main stage", "Keynote", 101),
            ("Main stage", "Q&amp;A &lt;é&gt;", 102),
            ("Main stage", "Panel", 103),
            ("Main stage", "Closing", 104),
            ("Main stage", "Closing", 105),
            ("Workshop", "Same session twice", 108),
            ("Workshop", "Only the other spelling", 109),
            ("Workshop", "Kept with the former key", 111),
        )
    ],
)
def test_a_playbook_works_with_a_ledger_of_the_first_version(
    simulator: Simulator, controller: Controller, tmp_path: Path
) -> None:
    controller.environment["TENBYTE_LEDGER_URL"] = lay_down(tmp_path / "landed")
    with closing(sqlite3.connect(tmp_path / "landed" / "ledger.sqlite3", isolation_level=None)) as connection:
        other_spelling = simulator.api_url.upper().replace("/V1/WEBINAR", "//v1/webinar/")
        connection.execute(
            "UPDATE slots SET api = CASE api WHEN ? THEN ? ELSE ? END", (LANDED, simulator.api_url, other_spelling)
        )
    rooms = [
        *rooms_of("Keynote", "Q&A <é>", "Closing"),
        {
            **rooms_of("Same session twice", "Only the other spelling", "Kept with the former key")[0],
            "title": "Workshop",
        },
    ]
    # The lookup returns each kept key, before any run has compared the ledger with the service.
    assert read_keys(controller, *KEYS) == [f"not-a-real-key-{key}" for key in KEYS.values()]
    first, second = results(controller, event(rooms), event(rooms))
    # The spare session of a run that had lost its lease is removed, as in the first version. Nothing else changes.
    assert paths(succeeded(first)) == [f"DELETE /sessions/{session_id(105)}"]
    assert [one["id"] for one in first["sessions"]] == [session_id(number) for number in CURRENT]
    assert all(one["stream_key_available"] for one in first["sessions"])
    assert_no_change_and_no_warning(second)
    assert read_keys(controller, *CURRENT) == [f"not-a-real-key-{KEYS[number]}" for number in CURRENT]


def read_keys(controller: Controller, *numbers: int) -> list[str]:
    run(controller, reading_keys(*map(session_id, numbers)))
    return (controller.home / READ_KEYS).read_text().splitlines()


def test_a_ledger_url_with_three_slashes_and_a_relative_path_is_refused_and_nothing_is_created(
    simulator: Simulator, controller: Controller
) -> None:
    urls = ("sqlite:///srv/keys/ledger.db", "sqlite:///ledger.db", "sqlite:///./ledger.db")
    for refused in results(controller, *(event(rooms_of("Keynote"), ledger_url=url) for url in urls)):
        assert "sqlite:////" in reason(refused)
    assert len(simulator.journal) == 0
    assert list(controller.home.rglob("*.db")) == []
