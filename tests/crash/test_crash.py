# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kills the engine and ansible-playbook. The next run without a kill must reach the requested state.

``make test`` makes a few kills. ``make crash`` sets CRASH_KILLS and CRASH_PLAYBOOKS, and prints its figures. CRASH_SEED
repeats the kills of a run; those after a delay may differ.
"""

from __future__ import annotations

import itertools
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.location import LedgerSettings
from cryptography.fernet import Fernet

from tests.postgresql import PostgreSQL, postgresql_server

from .playbooks import attempt_with_playbooks, interrupt
from .trials import (
    END,
    EVENTS,
    GO_LIVE,
    LOST,
    POSTS,
    SESSION,
    AtPoint,
    Failed,
    Figures,
    Runner,
    Scene,
    Trial,
    attempt,
    event,
    random_trial,
    service,
)

KILLS = int(os.environ.get("CRASH_KILLS", "24"))
PLAYBOOKS = int(os.environ.get("CRASH_PLAYBOOKS", "1"))
SEED = int(os.environ.get("CRASH_SEED", str(random.SystemRandom().randrange(10**6))))
# Most trials sleep: they wait for a time-out or for a late request.
AT_ONCE = 8
# On a busy machine, a run may have ended before it is killed.
ATTEMPTS = 4
Attempt = Callable[[Scene], None]


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    running = Runner()
    yield running
    running.close()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest) -> Iterator[PostgreSQL | None]:
    if request.param == "sqlite":
        yield None
        return
    with postgresql_server() as running:
        yield running


@contextmanager
def scene(runner: Runner, figures: Figures, server: PostgreSQL | None) -> Iterator[Scene]:
    """Create a service and a ledger for one trial."""
    with tempfile.TemporaryDirectory(prefix="tenbyte-webinar-crash-") as folder, service() as simulator:
        ledger = LedgerSettings(f"sqlite:///{folder}/ledger/ledger.sqlite3")
        if server is not None:
            ledger = LedgerSettings(server.url(server.new_database()), key=Fernet.generate_key().decode())
        yield Scene(simulator, runner, Path(folder), ledger, figures)


def try_out(name: str, trial: Attempt, runner: Runner, figures: Figures, server: PostgreSQL | None) -> None:
    try:
        with scene(runner, figures, server) as place:
            trial(place)
    except Failed as failure:
        with figures.lock:
            figures.failures.append(f"{name}: {failure}")


def report(request: pytest.FixtureRequest, figures: Figures, seconds: float) -> None:
    lines = [f"{request.node.name}, CRASH_SEED={SEED}: {figures.kills.total()} kills in {seconds:.0f} s"]
    for title, counted in (("where", figures.kills), ("which run", figures.events), ("found", figures.found)):
        lines += [f"  {title}:", *(f"    {count:6d}  {name}" for name, count in counted.most_common())]
    lines += [f"  slowest plain run: {figures.slowest:.1f} s"] if figures.slowest else []
    lines += [f"  promises broken: {len(figures.failures)}"]
    capture = request.config.pluginmanager.get_plugin("capturemanager")
    with capture.global_and_fixture_disabled() if capture else nullcontext():
        sys.stdout.write("\n" + "\n".join(lines) + "\n")


def test_a_run_after_any_kill_reaches_the_requested_state(
    request: pytest.FixtureRequest, runner: Runner, server: PostgreSQL | None
) -> None:
    figures, started, numbers = Figures(), time.monotonic(), itertools.count()
    # Every trial creates a database. PostgreSQL takes longer, so most of the few trials in `make test` use SQLite.
    kills = KILLS if server is None or "CRASH_KILLS" in os.environ else KILLS // 3

    def work(_thread: int) -> None:
        while figures.kills.total() < kills:
            number = next(numbers)
            trial = random_trial(random.Random(f"{SEED}-{number}"))
            try_out(f"trial {number}, {trial}", partial(attempt, trial=trial), runner, figures, server)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(work, range(AT_ONCE)))
    report(request, figures, time.monotonic() - started)
    assert figures.failures == []
    assert figures.kills.total() >= kills


def test_a_run_after_any_kill_of_ansible_playbook_reaches_the_requested_state(
    request: pytest.FixtureRequest, runner: Runner
) -> None:
    figures, started, draw = Figures(), time.monotonic(), random.Random(SEED)
    while figures.kills.total() < PLAYBOOKS:
        try_out("ansible-playbook", lambda place: attempt_with_playbooks(place, draw), runner, figures, None)
    report(request, figures, time.monotonic() - started)
    assert figures.failures == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_run_after_an_interrupted_ansible_playbook_reaches_the_requested_state(
    runner: Runner, number: signal.Signals
) -> None:
    """Ctrl-C sends SIGINT to the process group. Running requests may end; queued ones must not begin."""
    with scene(runner, Figures(), None) as place:
        interrupt(place, "20 sessions", number)


@pytest.mark.parametrize(
    ("name", "kill"),
    [
        ("one replacement", AtPoint("answered", path=POSTS)),
        ("one replacement", AtPoint("received", "GET", SESSION, skip=1)),
        ("one replacement", AtPoint("received", "DELETE", SESSION, fault=LOST)),
        ("one replacement", AtPoint("committed", "DELETE", SESSION)),
        ("one replaced on air", AtPoint("received", "GET", SESSION, skip=1)),
        ("one replaced on air", AtPoint("received", "POST", END, fault=LOST)),
        ("one replaced on air", AtPoint("committed", "POST", END)),
        ("one replaced on air", AtPoint("received", "POST", GO_LIVE)),
    ],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_a_replacement_that_is_killed_after_the_new_key_is_finished_by_the_next_run(
    runner: Runner, server: PostgreSQL | None, name: str, kill: AtPoint
) -> None:
    before, rooms = EVENTS[name]
    assert before is not None
    for _attempt in range(ATTEMPTS):
        with scene(runner, Figures(), server) as place:
            assert place.run(before)["errors"] == []
            (old,) = place.simulator.service.sessions
            if place.run_and_kill(rooms, kill):
                look_at_replacement(place, name, kill, old)
                return
    pytest.fail(f"each of {ATTEMPTS} runs had ended before it could be killed")


def look_at_replacement(place: Scene, name: str, kill: AtPoint, old: str) -> None:
    """Check what a killed run has left, that the next run finishes it, and that the one after it has nothing to do."""
    _before, rooms = EVENTS[name]
    # The ledger has rows and keys of both sessions, whichever of them still exists.
    sessions = {session.id: session.status for session in place.simulator.service.sessions.values()}
    of_sessions = [row for row in place.rows() if row.slot.kind == "session"]
    rows = {row.object_id: (row.phase, row.key is not None) for row in of_sessions}
    if kill.path == POSTS and len(rows) == 2 and None in rows:
        # Killed between the response and the commit of its key.
        assert rows[old] == ("replaced", True)
    else:
        (new,) = set(rows) - {old}
        assert rows[new] == ("created", True)
        assert rows.get(old, ("replaced", True)) == ("replaced", True)
        assert set(sessions) <= {old, new}
    if kill.is_before_removal:
        assert sessions[old] == ("live" if "air" in name else "scheduled")
        assert old in rows
    assert place.run(rooms)["errors"] == []
    place.check(rooms, "", set())
    place.simulator.journal.clear()
    assert place.run(rooms)["errors"] == []
    assert place.simulator.journal.writes() == []


@pytest.mark.parametrize("name", ["lost key", "second session", "open intent"])
def test_the_check_detects_a_broken_promise(runner: Runner, name: str) -> None:
    """Break a promise on purpose: without this test, the check of the tests above could accept everything."""
    with scene(runner, Figures(), None) as place:
        attempt(place, Trial("one session", (AtPoint("committed"),)))
        _before, rooms = EVENTS["one session"]
        (session,) = place.simulator.service.sessions.values()
        place.check(rooms, "", set())
        if name == "lost key":
            place.simulator.service.rotate_stream_key(session.id)
        elif name == "second session":
            fields = {"title": session.title, "preset_id": session.preset["id"]}
            place.simulator.service.create_session(session.room, fields)
        else:
            assert place.run_and_kill(event(1, 2), AtPoint("received", fault=LOST))
        with pytest.raises(Failed):
            place.check(rooms, "", set())
