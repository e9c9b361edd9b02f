# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One event, split by rooms over four workers of ansible-runner, with one ledger: what docs/scaling-out.md says."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import Redactor
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.lease_owner import (
    is_known_ended,
    name_of_process,
    new_owner,
)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.location import LedgerSettings
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import open_ledger
from cryptography.fernet import Fernet

from tests.integration.conftest import EVENT, PRESET
from tests.integration.scaling_out.workers import PARTS, SECRETS_FILE, Workers, documented_commands, set_up
from tests.lab.leaks import places_in_files
from tests.postgresql import PostgreSQL
from tests.simulator.crashes import kill_tree
from tests.simulator.server import Simulator

POST_SESSION = r"^/rooms/[^/]+/sessions$"
# Without marks that are found, a search that finds no secret would prove nothing.
MARK_OF_THE_EVENT = "written-into-an-event-file"
MARK_OF_THE_CONTROLLER = "known-to-the-controller"
MARK_OF_THE_WORKERS = "set-in-each-worker"
ROOMS: list[dict[str, Any]] = [
    {
        "title": f"Room {number}",
        "sessions": [
            {"title": title, "preset_id": PRESET, "description": MARK_OF_THE_EVENT}
            for title in ("Keynote", "Panel", "Questions")[: 2 + number % 2]
        ],
    }
    for number in range(40)
]
SLOTS = [f"{room['title']}/{session['title']}" for room in ROOMS for session in room["sessions"]]
CHECK, IN_PARTS, UNSPLIT, AGAIN = documented_commands()
# The part of the documented command AGAIN.
KILLED = 2
# Seconds, enough for a busy machine.
LONGEST = 180.0


@dataclass(frozen=True)
class Scene:
    """The workers, and what they work on."""

    workers: Workers
    simulator: Simulator
    ledger: LedgerSettings
    secrets: tuple[str, ...]

    def assert_one_session_for_each_slot(self) -> None:
        """Assert it, and that the ledger has the key of each and nothing else."""
        sessions = [one for one in self.simulator.service.sessions.values() if one.status in ("scheduled", "live")]
        assert sorted(f"{one.room.title}/{one.title}" for one in sessions) == sorted(SLOTS)
        assert len(self.simulator.service.rooms) == len(ROOMS)
        ledger = open_ledger(self.ledger, Redactor(), new_owner(), writable=False)
        assert ledger is not None
        rows = ledger.entries()
        ledger.close()
        assert {row.phase for row in rows} == {"created"}
        kept = {row.object_id: row.key.stream_key for row in rows if row.key and row.slot.kind == "session"}
        assert kept == {one.id: one.stream_key for one in sessions}

    def places_of(self, *texts: str) -> set[str]:
        """Return the files that have one of the texts, also in a zip that was sent."""
        return {place.rpartition(" ")[0] for place in places_in_files(texts, self.workers.folder)}

    def assert_only_their_files_have_a_secret(self) -> None:
        homes = [self.workers.folder, *self.workers.homes]
        files = {str((home / SECRETS_FILE).relative_to(self.workers.folder)) for home in homes}
        assert self.places_of(*self.secrets, *self.simulator.issued_keys()) == files


@pytest.fixture
def scene(simulator: Simulator, postgresql: PostgreSQL, collections_path: Path, tmp_path: Path) -> Scene:
    key, api_key = Fernet.generate_key().decode(), simulator.service.users[0].api_key
    ledger = LedgerSettings(postgresql.url(postgresql.new_database()), key=key)
    settings = {
        "tenbyte_api_url": simulator.api_url,
        "tenbyte_api_key": api_key,
        "tenbyte_ledger_url": ledger.url,
        "tenbyte_ledger_key": key,
    }
    # With event_purge, a part would delete sessions of other parts if it saw them.
    event = {"event_rooms": ROOMS, "event_purge": True}
    workers = set_up(tmp_path / "controller", collections_path, event, settings, {"MARK": MARK_OF_THE_WORKERS})
    workers.environment["MARK"] = MARK_OF_THE_CONTROLLER
    return Scene(workers, simulator, ledger, (api_key, key, postgresql.password))


def changes(output: str) -> list[str]:
    """Return the number of changes of each run without failures, by the recaps."""
    return re.findall(r"localhost +: ok=\d+ +changed=(\d+) +unreachable=0 +failed=0 ", output)


def events_of(result: Path) -> list[dict[str, Any]]:
    """Return the events that `process` has stored for a part."""
    return [json.loads(path.read_text()) for path in (result / "job_events").glob("*.json")]


def times_of(result: Path) -> tuple[str, str]:
    """Return the times at which a part's playbook began and ended."""
    times = {event["event"]: event["created"] for event in events_of(result)}
    return times["playbook_on_start"], times["playbook_on_stats"]


def rooms_of(result: Path) -> set[str]:
    """Return the titles of the rooms that a part has provisioned."""
    data = [event["event_data"] for event in events_of(result) if event["event"] == "runner_on_ok"]
    (made,) = (one["res"] for one in data if one["task_action"] == EVENT)
    return {session["room"] for session in made["sessions"]}


def descendants(pid: int) -> list[int]:
    children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return children + [below for child in children for below in descendants(child)]


def wait_for(condition: Callable[[], object]) -> None:
    give_up = time.monotonic() + LONGEST
    while not condition():
        assert time.monotonic() < give_up, "what the test waits for did not happen"
        time.sleep(0.01)


def test_four_workers_at_once_create_one_event_and_later_runs_change_nothing(scene: Scene) -> None:
    workers, writes = scene.workers, scene.simulator.journal.writes
    status, output = workers.run(CHECK)
    assert (status, changes(output), writes()) == (0, ["1"], []), output

    status, output = workers.run(IN_PARTS)
    assert (status, changes(output)) == (0, ["1"] * PARTS), output
    scene.assert_one_session_for_each_slot()
    assert [entry.method for entry in writes()] == ["POST"] * (len(ROOMS) + len(SLOTS))
    for part in range(PARTS):
        assert rooms_of(workers.result(part)) == {room["title"] for room in ROOMS[part::PARTS]}
    times = [times_of(workers.result(part)) for part in range(PARTS)]
    assert max(began for began, _ended in times) < min(ended for _began, ended in times), "they did not run at once"

    status, output = workers.run(IN_PARTS)
    assert (status, changes(output)) == (0, ["0"] * PARTS), output
    status, output = workers.run(UNSPLIT)
    assert (status, changes(output)) == (0, ["0"]), output
    assert len(writes()) == len(ROOMS) + len(SLOTS)

    scene.assert_only_their_files_have_a_secret()
    homes = {str(home.relative_to(workers.folder)) for home in workers.homes}
    folders = {place.rpartition("/")[0] for place in scene.places_of(MARK_OF_THE_EVENT) if "transmitted" in place}
    assert folders == homes
    assert scene.places_of(MARK_OF_THE_CONTROLLER) == set()
    places = scene.places_of(MARK_OF_THE_WORKERS)
    assert {f"results/artifacts/part-{part}/command" for part in range(PARTS)} < places
    assert {place.rpartition("/")[0] for place in places if "returned" in place} == homes
    assert [list((home / "tmp").iterdir()) for home in workers.homes] == [[]] * PARTS
    # What transmit writes here, it sends with every part.
    sent = {str(path.relative_to(workers.folder)) for path in (workers.folder / "event").rglob("*") if path.is_file()}
    assert sent == {"event/project/event.yml", "event/project/part.yml"}


@pytest.mark.parametrize("killed", ["the machine", "ansible-runner alone"])
def test_a_part_whose_worker_was_killed_is_run_again_while_the_others_work(scene: Scene, killed: str) -> None:
    workers = scene.workers
    scene.simulator.faults.add("latency", method="POST", path=POST_SESSION, seconds=0.3, when="after", times=None)
    titles = {room["title"] for room in ROOMS[KILLED::PARTS]}

    def created() -> int:
        return sum(one.room.title in titles for one in list(scene.simulator.service.sessions.values()))

    parts = workers.start(IN_PARTS)
    wait_for(lambda: created() >= 5)
    worker = workers.process_id(KILLED)
    at_work: list[str] = []
    playbook, name = 0, ""
    if killed == "the machine":
        assert kill_tree(worker)
    else:
        # ansible-playbook continues.
        playbook, *tasks = descendants(worker)
        name = name_of_process(playbook)
        at_work = [name_of_process(one) for one in tasks]
        assert at_work
        os.kill(worker, signal.SIGKILL)
    assert created() < len([slot for slot in SLOTS if slot.partition("/")[0] in titles])

    again = workers.run(AGAIN)
    status, output = workers.end(parts)
    # xargs exits with 123 if a command has failed.
    assert (status, changes(output)) == (123, ["1"] * (PARTS - 1)), output
    assert f"part {KILLED}: worker{KILLED} did not finish. Run this part again." in output
    assert (again[0], len(changes(again[1]))) == (0, 1), again[1]
    wait_for(lambda: all(map(is_known_ended, at_work)))
    if name and not is_known_ended(name):
        # Its terminal is gone. If it had something to print, it waits for ever for what its tasks have said.
        kill_tree(playbook)
    scene.assert_one_session_for_each_slot()

    status, output = workers.run(UNSPLIT)
    assert (status, changes(output)) == (0, ["0"]), output
    scene.assert_only_their_files_have_a_secret()
    (left,) = (workers.homes[KILLED] / "tmp").iterdir()
    assert stat.S_IMODE(left.stat().st_mode) == 0o700
