# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Trials: runs are killed once or several times, then a run without a kill must reach the requested state."""

from __future__ import annotations

import json
import os
import random
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core import errors
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import Redactor
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.lease_owner import new_owner
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.location import LedgerSettings
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import Row, open_ledger

from tests.integration.conftest import OTHER_PRESET, PRESET, seed
from tests.simulator.crashes import kill_tree
from tests.simulator.server import Simulator

ROOT = Path(__file__).resolve().parents[2]
COLLECTIONS = Path(errors.__file__).parents[6]
POSTS = r"/rooms/[^/]+/sessions$"
SESSION = "^/sessions/[^/]+$"
END = "^/sessions/[^/]+/end$"
GO_LIVE = "^/sessions/[^/]+/go_live$"
# The fault of a request that has no effect and no response.
LOST = (("action", "drop"), ("when", "before"))
REQUEST_TIMEOUT = 5.0
# In seconds: a run may wait for the grace time of many sessions, on a busy machine.
LONGEST_RUN = 120.0
Rooms = list[dict[str, Any]]


def event(rooms: int, sessions: int, **more: Any) -> Rooms:
    """Return an event with so many rooms, each with so many sessions."""
    return [
        {
            "title": f"Room {room}",
            "sessions": [
                {"title": f"Session {number}", "preset_id": PRESET, **more} for number in range(1, sessions + 1)
            ],
        }
        for room in range(1, rooms + 1)
    ]


EVENTS: dict[str, tuple[Rooms | None, Rooms]] = {
    # By name: the event that is applied before, if any, and the event of the run that is killed.
    "one session": (None, event(1, 1)),
    "20 sessions": (None, event(4, 5)),
    "on air, with settings": (None, event(2, 3, state="live", settings={"chat_enabled": False})),
    "one replacement": (event(1, 1), event(1, 1, preset_id=OTHER_PRESET)),
    "20 replacements": (event(4, 5), event(4, 5, preset_id=OTHER_PRESET)),
    "one replaced on air": (event(1, 1, state="live"), event(1, 1, state="live", preset_id=OTHER_PRESET)),
    "replaced on air": (event(1, 3, state="live"), event(1, 3, state="live", preset_id=OTHER_PRESET)),
}


def slots_of(rooms: Rooms) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the requested sessions by the titles of room and session."""
    return {(room["title"], session["title"]): session for room in rooms for session in room["sessions"]}


@dataclass(frozen=True)
class AtPoint:
    """A kill ``seconds`` after a point of the exchange. ``fault`` has the action and options of the request's fault."""

    point: str
    method: str = "POST"
    path: str = POSTS
    skip: int = 0
    seconds: float = 0.0
    fault: tuple[tuple[str, Any], ...] = ()

    @property
    def name(self) -> str:
        effect = dict(self.fault).get("action", "")
        delayed = " and up to 20 ms" if self.point == "answered" else ""
        where = "after the new key, before the removal: " if self.is_before_removal else ""
        return f"{where}{self.method} {self.point}{delayed}{', ' if effect else ''}{effect.replace('_', ' ')}"

    @property
    def is_before_removal(self) -> bool:
        """Return whether the replaced session still exists, beside the new one."""
        if self.method == "GET":
            return self.path == SESSION and self.skip > 0
        return bool(self.fault) and (self.method == "DELETE" or self.path == END)

    @property
    def is_late(self) -> bool:
        return dict(self.fault).get("action") == "delay_commit"


@dataclass(frozen=True)
class AfterDelay:
    """A kill so many seconds after the start of the run."""

    seconds: float

    name = "after a random delay"
    is_late = False


Kill = AtPoint | AfterDelay


@dataclass(frozen=True)
class Trial:
    event: str
    kills: tuple[Kill, ...]


@dataclass
class Figures:
    """Counters and failures of all trials. ``slowest`` is the longest time of a run without a kill, in seconds."""

    kills: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    slowest: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)


class Failed(Exception):
    """A promise was broken."""


class Runner:
    """Starts runs of the engine. Safe to use from several threads."""

    def __init__(self) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(COLLECTIONS), str(ROOT)))}
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "tests.crash.runner"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._lock = threading.Lock()

    def start(self, given: dict[str, Any]) -> int:
        """Start a run, which waits for SIGCONT, and return its process id."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            self._process.stdin.write(json.dumps(given) + "\n")
            self._process.stdin.flush()
            pid = int(self._process.stdout.readline())
        wait_for(lambda: state_of(pid) == "T")
        return pid

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(LONGEST_RUN)
        self._process.stdout.close()


def state_of(pid: int) -> str | None:
    """Return the state of a process (proc(5)), None if it does not exist."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return None


def wait_for(condition: Callable[[], bool], seconds: float = LONGEST_RUN) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Failed(f"the expected state was not reached within {seconds:g} seconds")
        time.sleep(0.002)


@contextmanager
def service() -> Iterator[Simulator]:
    with Simulator(seed()) as simulator:
        yield simulator


@dataclass
class Scene:
    """A service, a ledger, and runs with both. ``folder`` contains the files of the ledger and the results of runs."""

    simulator: Simulator
    runner: Runner
    folder: Path
    ledger: LedgerSettings
    figures: Figures

    def given(self, rooms: Rooms, result_file: Path) -> dict[str, Any]:
        options = {"key": self.ledger.key, "key_file": self.ledger.key_file}
        return {
            "api_url": self.simulator.api_url,
            "api_key": self.simulator.service.users[0].api_key,
            "timeout": REQUEST_TIMEOUT,
            "ledger_url": self.ledger.url,
            "ledger_options": {name: value for name, value in options.items() if value},
            "rooms": rooms,
            "result_file": str(result_file),
        }

    def run(self, rooms: Rooms) -> dict[str, Any]:
        """Run without a kill and return the result."""
        result_file, started = self.folder / f"{secrets.token_hex(4)}.json", time.monotonic()
        pid = self.runner.start(self.given(rooms, result_file))
        os.kill(pid, signal.SIGCONT)
        wait_for(lambda: state_of(pid) in (None, "Z"))
        with self.figures.lock:
            self.figures.slowest = max(self.figures.slowest, time.monotonic() - started)
        if not result_file.exists():
            raise Failed("a run ended without a result")
        result: dict[str, Any] = json.loads(result_file.read_text())
        return result

    def run_and_kill(self, rooms: Rooms, kill: Kill) -> bool:
        """Run, kill the run, and return whether it was still alive."""
        result_file = self.folder / "killed.json"
        pid = self.runner.start(self.given(rooms, result_file))
        if isinstance(kill, AfterDelay):
            os.kill(pid, signal.SIGCONT)
            time.sleep(kill.seconds)
            return kill_tree(pid)
        faults = self.simulator.faults
        where: dict[str, Any] = {"method": kill.method, "path": kill.path, "skip": kill.skip}
        rule = faults.add("crash", point=kill.point, process=pid, seconds=kill.seconds, **where)
        if kill.fault:
            faults.add(**{**where, **dict(kill.fault)})
        os.kill(pid, signal.SIGCONT)
        wait_for(lambda: state_of(pid) in (None, "Z"))
        faults.clear()
        # The simulator sets ``struck`` a moment after the kill.
        deadline = time.monotonic() + 1.0
        while not rule.struck and time.monotonic() < deadline and not result_file.exists():
            time.sleep(0.002)
        return rule.struck

    def check(self, rooms: Rooms, reported: str, deleted_before: set[str]) -> None:
        """Raise Failed unless each slot has one current session with its key in the ledger, and all else is reported.

        ``reported`` is the text of all notes, ``deleted_before`` the ids of sessions that earlier runs deleted.
        """
        sessions = list(self.simulator.service.sessions.values())
        current = [session for session in sessions if session.status in ("scheduled", "live")]
        slots = Counter((session.room.title, session.title) for session in current)
        wanted = slots_of(rooms)
        if slots != Counter(wanted.keys()):
            raise Failed(f"current sessions: {slots - Counter(wanted.keys())} too many, "
                         f"{Counter(wanted.keys()) - slots} missing")  # fmt: skip
        for session in current:
            wish = wanted[session.room.title, session.title]
            if session.preset["id"] != wish["preset_id"] or (wish.get("state") == "live" and session.status != "live"):
                raise Failed(f"{session.id} has another preset or state than requested")
        if len({room.title for room in self.simulator.service.rooms.values()}) != len(self.simulator.service.rooms):
            raise Failed("two rooms have the same title")
        self._check_ledger({session.id: self.simulator.service.stream_key_of(session.id) for session in current})
        silent = [one for one in self.deleted() - deleted_before if one not in reported]
        if silent and not any(before for before, asked in EVENTS.values() if before and asked is rooms):
            raise Failed(f"deleted without a note: {silent}")

    def rows(self) -> list[Row]:
        """Return all rows of the ledger for existing rooms."""
        ledger = open_ledger(self.ledger, Redactor(), new_owner())
        if ledger is None:
            raise Failed("there is no ledger")
        try:
            return ledger.rows(self.simulator.api_url, list(self.simulator.service.rooms))
        finally:
            ledger.close()

    def _check_ledger(self, keys: dict[str, str]) -> None:
        rows = self.rows()
        kept = {row.object_id: row.key.stream_key for row in rows if row.key and row.object_id}
        if kept != keys:
            lost, wrong = keys.keys() - kept.keys(), [one for one in keys if kept.get(one) not in (None, keys[one])]
            gone = {(row.object_id, row.phase) for row in rows if row.key and row.object_id not in keys}
            raise Failed(f"keys: {lost} lost, {wrong} wrong, {gone} of sessions that do not exist")
        open_phases = ("pending", "spare", "replaced", "beside")
        held = [(row.slot, row.phase) for row in rows if row.leased or row.phase in open_phases]
        if held:
            raise Failed(f"the ledger has unfinished rows: {held}")

    def deleted(self) -> set[str]:
        """Return the ids of the sessions that clients have deleted."""
        deleted = [entry for entry in self.simulator.journal.writes() if entry.method == "DELETE"]
        return {entry.path.rpartition("/")[2] for entry in deleted if entry.status in (200, 204)}


def attempt(scene: Scene, trial: Trial) -> None:
    """Kill, run without a kill, and check. Then run once more, which must change nothing."""
    before, rooms = EVENTS[trial.event]
    if before is not None and scene.run(before)["errors"]:
        raise Failed("the run before the first kill failed")
    late = False
    for kill in trial.kills:
        if scene.run_and_kill(rooms, kill):
            late = late or kill.is_late
            with scene.figures.lock:
                scene.figures.kills[kill.name] += 1
                scene.figures.events[trial.event] += 1
    deleted_before = scene.deleted()
    result = scene.run(rooms)
    if late:
        # The killed run's request takes effect only now. The next run must handle it.
        wait_for(lambda: scene.simulator.faults.late_commits == 0)
        again = scene.run(rooms)
        result = {name: [*result[name], *again[name]] for name in result}
    if result["errors"]:
        raise Failed(f"a run without a kill failed: {result['errors']}")
    scene.check(rooms, " ".join(result["notes"]), deleted_before)
    with scene.figures.lock:
        for what, words in REPORTED.items():
            scene.figures.found[what] += sum(words in note for note in result["notes"])
        scene.figures.found["current sessions checked"] += len(scene.simulator.service.sessions)
    scene.simulator.journal.clear()
    if scene.run(rooms)["errors"] or scene.simulator.journal.writes():
        raise Failed("the next run without a kill changed something")


# Figures, each with a text by which the notes of a run report it.
REPORTED = {
    "sessions without a key removed and reported": "nobody ever saw its key",
    "replacements finished and reported": "has replaced it",
    "sessions of overtaken runs removed and reported": "had been overtaken",
}
# Weights of requests that only some events send: go_live, settings, and GET, DELETE and end of a replaced session.
WEIGHTS = {
    "on air, with settings": [6, 6, 0, 0, 0],
    "one replacement": [0, 0, 6, 8, 0],
    "20 replacements": [0, 0, 6, 8, 0],
    "one replaced on air": [6, 0, 6, 0, 8],
    "replaced on air": [6, 0, 6, 0, 8],
}


def random_trial(draw: random.Random) -> Trial:
    """Draw an event and up to three kills in a row."""
    name = draw.choices(list(EVENTS), weights=[4, 4, 2, 1, 3, 1, 2])[0]
    return Trial(name, tuple(random_kill(draw, name) for _number in range(draw.choice([1, 1, 1, 2, 3]))))


def random_kill(draw: random.Random, name: str) -> Kill:
    if draw.random() < 0.35:
        return AfterDelay(draw.uniform(0.0, 0.2 if name == "one session" else 0.5))
    sessions = len(slots_of(EVENTS[name][1]))
    skip = draw.randrange(0, sessions)
    request = draw.choices(
        [
            ("POST", POSTS, skip),
            ("POST", "^/rooms$", 0),
            ("GET", ".", draw.randrange(0, 4)),
            ("POST", GO_LIVE, draw.randrange(0, 6)),
            ("PATCH", "/settings$", draw.randrange(0, 6)),
            # A replaced session is read twice: before the new one is created, and before it is deleted.
            ("GET", SESSION, sessions + skip),
            ("DELETE", SESSION, skip),
            ("POST", END, skip),
        ],
        weights=[10, 2, 1, *WEIGHTS.get(name, [0, 0, 0, 0, 0])],
    )[0]
    point = draw.choice(["received", "committed", "headers", "mid_body", "answered", "answered"])
    fault: tuple[tuple[str, Any], ...] = ()
    if point == "received" and request[1] in (END, SESSION) and request[0] != "GET":
        fault = draw.choice([(), LOST])
    if point == "received" and request[1] == POSTS:
        late = (("action", "delay_commit"), ("seconds", draw.uniform(0.5, 12.0)))
        fault = draw.choice([(), LOST, late])
    seconds = draw.uniform(0.0, 0.02) if point == "answered" else 0.0
    method, path, skipped = request
    return AtPoint(point, method, path, skipped, seconds, fault)
