# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import secrets
import sqlite3
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace

import pytest
import sqlalchemy as sa
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import LedgerError
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import StreamKey
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import Redactor
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger import database
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.lease_owner import new_owner
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.location import LedgerSettings
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import (
    Busy,
    Claim,
    Ledger,
    Slot,
    open_ledger,
)
from sqlalchemy.exc import OperationalError

from ..ledger_cases import OpenRun, both_databases, new_key
from ..other_process import start_python

pytestmark = both_databases
API = "https://api.invalid"
SLOT = Slot(API, "session", "r1", "Keynote")

# A run in its own process. It opens the ledger, waits for a line, claims the slot, prints the result, and then waits.
RUN = """
import json, sys
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.lease_owner import new_owner
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import Slot, open_ledger
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.location import LedgerSettings
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import Redactor
ledger = open_ledger(LedgerSettings(**json.loads(sys.stdin.readline())), Redactor(), new_owner())
print("ready", flush=True)
sys.stdin.readline()
claim = ledger.claim(Slot("https://api.invalid", "session", "r1", "Keynote"), [], 3600.0)
print(type(claim).__name__, getattr(claim, "inherited", None), flush=True)
sys.stdin.readline()
"""


def start_run(settings: LedgerSettings) -> subprocess.Popen[str]:
    run = start_python(RUN)
    assert run.stdin is not None
    run.stdin.write(f"{json.dumps(asdict(settings))}\n")
    run.stdin.flush()
    return run


def line_of(run: subprocess.Popen[str]) -> str:
    assert run.stdout is not None
    return run.stdout.readline().strip()


def go_on(run: subprocess.Popen[str]) -> None:
    assert run.stdin is not None
    run.stdin.write("\n")
    run.stdin.flush()


def end(runs: list[subprocess.Popen[str]]) -> None:
    for run in runs:
        run.kill()
        run.wait()
        for stream in (run.stdin, run.stdout):
            if stream is not None:
                stream.close()


def test_exactly_one_of_several_concurrent_processes_claims_a_slot(ledger_settings: LedgerSettings) -> None:
    runs = [start_run(ledger_settings) for _number in range(3)]
    try:
        assert [line_of(run) for run in runs] == ["ready"] * 3
        for run in runs:
            go_on(run)
        assert sorted(line_of(run) for run in runs) == ["Busy None", "Busy None", "Claim False"]
    finally:
        end(runs)


def test_the_claim_of_a_killed_process_is_inherited_at_once(ledger_settings: LedgerSettings, open_run: OpenRun) -> None:
    run = start_run(ledger_settings)
    try:
        line_of(run)
        go_on(run)
        assert line_of(run) == "Claim False"
        assert isinstance(open_run().claim(SLOT, [], 60.0), Busy)
    finally:
        end([run])
    claim = open_run().claim(SLOT, [], 60.0)
    assert isinstance(claim, Claim)
    assert claim.inherited


def test_exactly_one_of_sixteen_runs_in_threads_claims_each_slot(open_run: OpenRun) -> None:
    runs = [open_run() for _number in range(16)]
    slots = [Slot(API, "session", "r1", f"Talk {number}") for number in range(4)]
    start = threading.Barrier(16)

    def claim_all(ledger: Ledger) -> list[str]:
        start.wait()
        return [type(ledger.claim(slot, [], 60.0)).__name__ for slot in slots]

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(claim_all, runs))
    for number in range(4):
        assert sorted(answer[number] for answer in answers) == ["Busy"] * 15 + ["Claim"]


def test_sixteen_threads_of_one_run_store_every_key(open_run: OpenRun) -> None:
    ledger = open_run()
    start = threading.Barrier(16)

    def create(number: int) -> tuple[str, StreamKey]:
        key = StreamKey(f"unit-stream-{secrets.token_hex(12)}")
        if number < 16:
            start.wait()
        claim = ledger.claim(Slot(API, "session", "r1", f"Talk {number}"), [], 60.0)
        assert isinstance(claim, Claim)
        ledger.keep(claim, "created", f"s{number}", key)
        return f"s{number}", key

    with ThreadPoolExecutor(16) as pool:
        kept = dict(pool.map(create, range(64)))
    rows = open_run().rows(API, ["r1"])
    assert {row.object_id: row.key for row in rows} == kept


def test_a_failed_write_does_not_undo_the_writes_that_are_committed_with_it(open_run: OpenRun) -> None:
    ledger = open_run()
    start = threading.Barrier(8)

    def write(number: int) -> str:
        start.wait()
        if number % 2:
            try:
                ledger._commits.run(lambda _connection: 1 // 0)
            except ZeroDivisionError:
                return "failed"
        return type(ledger.claim(Slot(API, "session", "r1", f"Talk {number}"), [], 60.0)).__name__

    # The lock is held until all are in the queue, so that they are committed together.
    with ThreadPoolExecutor(8) as pool:
        ledger._commits._write_lock.acquire()
        answers = pool.map(write, range(8))
        while len(ledger._commits._queue) < 8:
            threading.Event().wait(0.001)
        ledger._commits._write_lock.release()
    assert list(answers) == ["Claim", "failed"] * 4
    assert len(ledger.rows(API, ["r1"])) == 4


def test_concurrent_first_runs_create_one_ledger(ledger_settings: LedgerSettings) -> None:
    start = threading.Barrier(8)

    def open_first(_number: int) -> str:
        start.wait()
        ledger = open_ledger(ledger_settings, Redactor(), new_owner())
        assert ledger is not None
        fingerprint = ledger.fingerprint("unit-stream")
        ledger.close()
        return fingerprint

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(open_first, range(8)))) == 1


def test_runs_that_write_the_same_slots_in_opposite_orders_do_not_deadlock(
    open_run: OpenRun,
) -> None:
    talks = [replace(SLOT, title=f"Talk {number}") for number in range(6)]
    runs = [open_run() for _number in range(4)]
    start = threading.Barrier(len(runs))

    def adopt_all(number: int) -> None:
        start.wait()
        for slot in talks if number % 2 else reversed(talks):
            # The slots of one run are written in one or several transactions, by chance.
            with ThreadPoolExecutor(3) as pool:
                jobs = [pool.submit(runs[number].adopt, slot, f"{slot.title}-{n}", new_key()) for n in range(3)]
                assert [job.result() for job in jobs] == [None] * 3

    with ThreadPoolExecutor(len(runs)) as pool:
        assert list(pool.map(adopt_all, range(len(runs)))) == [None] * len(runs)
    rows = runs[0].rows(API, ["r1"])
    assert {row.slot: row.phase for row in rows if row.holds_slot} == dict.fromkeys(talks, "created")
    assert {row.object_id for row in rows if row.key} == {f"{slot.title}-{n}" for slot in talks for n in range(3)}
    assert len(rows) == 3 * len(talks)


def test_an_unusable_database_is_not_tried_again_for_each_waiting_thread(
    open_run: OpenRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, tried = open_run(), [0]
    monkeypatch.setattr(database, "sleep", lambda _seconds: None)

    def fail(_connection: sa.Connection) -> None:
        tried[0] += 1
        raise OperationalError("INSERT", None, sqlite3.OperationalError("database or disk is full"))

    def write(_number: int) -> str:
        try:
            ledger._commits.run(fail, database.LONG_PAUSES)
        except LedgerError as error:
            return str(error)
        return "written"

    with ThreadPoolExecutor(8) as pool:
        ledger._commits._write_lock.acquire()
        answers = pool.map(write, range(8))
        while len(ledger._commits._queue) < 8:
            threading.Event().wait(0.001)
        ledger._commits._write_lock.release()
    assert all("disk is full" in answer for answer in answers)
    assert tried == [len(database.LONG_PAUSES) + 1]
