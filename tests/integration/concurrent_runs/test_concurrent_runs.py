# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Several controllers at once with one event and one ledger: separate processes, some of them ansible-playbook."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import Redactor
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.lease_owner import new_owner
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.location import LedgerSettings
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import Row, open_ledger
from cryptography.fernet import Fernet

from tests.integration.conftest import EVENT, PRESET
from tests.integration.controller import Controller
from tests.simulator.server import Simulator

ENGINE = Path(__file__).parent / "engine.py"
POST_SESSION = r"^/rooms/[^/]+/sessions$"
ROOMS = {"Main stage": ["Keynote", "Panel", "Closing"], "Workshop": ["Hands on", "Questions"]}
# Long enough for a slow machine.
LONGEST = 180.0


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_settings(request: pytest.FixtureRequest, tmp_path: Path) -> LedgerSettings:
    key = Fernet.generate_key().decode()
    if request.param == "sqlite":
        return LedgerSettings(f"sqlite:///{tmp_path}/ledger.sqlite3", key=key)
    server = request.getfixturevalue("postgresql")
    return LedgerSettings(server.url(server.new_database()), key=key)


class EngineProcess:
    """The engine in its own process. It reads its settings from standard input, because they hold secrets."""

    def __init__(self, simulator: Simulator, controller: Controller, settings: LedgerSettings, **more: Any) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", str(ENGINE)],
            env={**os.environ, "PYTHONPATH": str(controller.collections)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        given = {
            "api_url": simulator.api_url,
            "api_key": controller.api_key,
            "ledger_url": settings.url,
            "ledger_key": settings.key,
            "rooms": ROOMS,
            "preset": PRESET,
            "timeout": 30.0,
            **more,
        }
        self.say(json.dumps(given))

    def say(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def heard(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def outcome(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.heard())
        return answer


@contextmanager
def started_together(*started: EngineProcess) -> Iterator[list[EngineProcess]]:
    """Wait until all of them are ready, start them at once, and end those that still run afterwards."""
    try:
        assert [engine.heard() for engine in started] == ["ready"] * len(started)
        for engine in started:
            engine.say("go")
        yield list(started)
    finally:
        for engine in started:
            engine.process.kill()
            engine.process.communicate()


def wait_for(condition: Callable[[], object]) -> None:
    give_up = time.monotonic() + LONGEST
    while not condition():
        assert time.monotonic() < give_up, "what the test waits for did not happen"
        time.sleep(0.01)


def kept_rows(settings: LedgerSettings) -> list[Row]:
    ledger = open_ledger(settings, Redactor(), new_owner(), writable=False)
    assert ledger is not None
    rows = ledger.entries()
    ledger.close()
    return rows


def assert_one_session_for_each_slot(simulator: Simulator, settings: LedgerSettings) -> dict[str, str]:
    """Return the ids of the sessions by room and title; each is the only current one and has its key in the ledger."""
    sessions = [one for one in simulator.service.sessions.values() if one.status in ("scheduled", "live")]
    by_slot = {f"{one.room.title}/{one.title}": one.id for one in sessions}
    rows = kept_rows(settings)
    found = "\n".join(
        [*(f"{one.id} {one.room.id} {one.title}" for one in sessions), *(f"{row.phase} {row.slot}" for row in rows)]
    )
    assert len(by_slot) == len(sessions) == sum(len(names) for names in ROOMS.values()), found
    assert {row.phase for row in rows} == {"created"}
    kept = {row.object_id: row.key.stream_key for row in rows if row.key and row.slot.kind == "session"}
    assert kept == {one.id: one.stream_key for one in sessions}
    return by_slot


def test_eight_controllers_at_once_create_one_session_for_each_slot_and_read_the_same_keys(
    simulator: Simulator, controller: Controller, ledger_settings: LedgerSettings
) -> None:
    simulator.faults.add("latency", method="POST", path="", seconds=0.4, times=None)
    rooms = [
        {"title": title, "sessions": [{"title": name, "preset_id": PRESET} for name in names]}
        for title, names in ROOMS.items()
    ]
    controller.environment["TENBYTE_LEDGER_URL"] = ledger_settings.url
    controller.environment["TENBYTE_LEDGER_KEY"] = ledger_settings.key or ""
    playbook = controller.home / "event.yml"
    playbook.parent.mkdir(parents=True)
    play = {"hosts": "localhost", "gather_facts": False, "tasks": [{EVENT: {"rooms": rooms}, "register": "made"}]}
    playbook.write_text(json.dumps([play]))
    playbooks = [controller.start(str(playbook)) for _number in range(2)]
    with started_together(*(EngineProcess(simulator, controller, ledger_settings) for _number in range(6))) as engines:
        outcomes = [engine.outcome() for engine in engines]
        outputs = [process.communicate(timeout=LONGEST)[0] for process, _record in playbooks]
    assert [process.returncode for process, _record in playbooks] == [0, 0], outputs
    assert [outcome["errors"] for outcome in outcomes] == [[]] * 6
    by_slot = assert_one_session_for_each_slot(simulator, ledger_settings)
    posts = [entry.path for entry in simulator.journal.writes()]
    assert len(posts) == len(ROOMS) + len(by_slot), posts
    fingerprints = {row.object_id: row.fingerprint for row in kept_rows(ledger_settings)}
    expected = {slot: [session_id, fingerprints[session_id]] for slot, session_id in by_slot.items()}
    assert all(outcome["sessions"] == expected for outcome in outcomes)
    for _process, record in playbooks:
        results = [json.loads(line)["result"] for line in record.read_text().splitlines()]
        for session in results[-1]["sessions"]:
            shown = [session["id"], session["stream_key_fingerprint"]]
            assert shown == expected[f"{session['room']}/{session['title']}"]


def test_other_controllers_continue_after_the_lease_of_a_killed_controller_on_another_machine(
    simulator: Simulator, controller: Controller, ledger_settings: LedgerSettings
) -> None:
    # Each response is delayed after its session was created; the controller is killed while it waits.
    simulator.faults.add("latency", method="POST", path=POST_SESSION, seconds=60, when="after", times=5)
    first = EngineProcess(
        simulator, controller, ledger_settings, elsewhere="machine-1/1", lease_margin=2.0, timeout=4.0
    )
    with started_together(first):
        wait_for(lambda: len(simulator.service.sessions) == 5)
        first.process.kill()
        first.process.wait()
    created = set(simulator.service.sessions)
    simulator.faults.clear()
    assert [row.leased for row in kept_rows(ledger_settings) if row.slot.kind == "session"] == [True] * 5
    others = [
        EngineProcess(simulator, controller, ledger_settings, elsewhere=f"machine-{n}/1", lease_margin=5.0)
        for n in (2, 3)
    ]
    with started_together(*others) as engines:
        outcomes = [engine.outcome() for engine in engines]
    assert [outcome["errors"] for outcome in outcomes] == [[], []]
    by_slot = assert_one_session_for_each_slot(simulator, ledger_settings)
    assert created.isdisjoint(by_slot.values())
    notes = " ".join(note for outcome in outcomes for note in outcome["notes"])
    assert all(one in notes for one in created)
