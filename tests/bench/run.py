# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs one variant in one cell: first against an empty service with a new ledger, then again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .results import FOLDER, Figures
from .service import API_KEY, PRESET_ID
from .stand_in import ROOT, Journal, StandIn
from .variants import CREATED, Cell, Variant

BIN = Path(sys.executable).parent
# Seconds. The slowest run, 200 rooms with uri, takes a tenth of it.
LONGEST_RUN = 3600
MEASURED = ("wall_seconds", "cpu_seconds", "largest_process_bytes", "all_processes_bytes", "samples")


class WrongResult(Exception):
    """A run that failed, or that did not do what it should have done."""


def event(cell: Cell) -> list[dict[str, Any]]:
    return [
        {
            "title": f"Room {room:04}",
            "sessions": [
                {"title": f"Session {number:02}", "preset_id": PRESET_ID, "encoder": f"encoder{room % 4}"}
                for number in range(1, cell.sessions_per_room + 1)
            ],
        }
        for room in range(1, cell.rooms + 1)
    ]


def runs_of(variant: Variant, cell: Cell) -> Iterator[Figures]:
    """Run a variant once, or for each phase. Raise WrongResult."""
    with StandIn(cell.latency / 1000) as stand_in, tempfile.TemporaryDirectory(dir=_folder()) as name:
        folder = Path(name)
        given = {"service_url": stand_in.api_url, "service_key": API_KEY, "event_rooms": event(cell)}
        (folder / "event.json").write_text(json.dumps(given))
        for phase in variant.phases:
            before = stand_in.journal()
            needed = _run(variant, folder, stand_in)
            after = stand_in.journal()
            _check(variant, cell, phase, after, after.since(before))
            yield _figures(variant, cell, phase, needed, after.since(before))


def _folder() -> Path:
    """Return where runs keep their files: beside the checkout's own, for a folder in memory would favour the ledger."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    return FOLDER


def _run(variant: Variant, folder: Path, stand_in: StandIn) -> dict[str, Any]:
    """Run a program and return its figures."""
    if variant.files:
        playbook = variant.write_playbook(folder)
        command = [str(BIN / "ansible-playbook"), str(playbook), "-e", f"@{folder / 'event.json'}"]
    else:
        command = [sys.executable, "-m", "tests.bench.bare", str(folder / "event.json")]
    figures, output = folder / "figures.json", folder / "output"
    with output.open("w") as file:
        watch = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.watch", str(figures), *command],
            cwd=ROOT,
            env=_environment(folder, stand_in),
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        watch.wait(LONGEST_RUN)
    except subprocess.TimeoutExpired:
        raise WrongResult(f"{variant.name} has not ended within {LONGEST_RUN} seconds") from None
    finally:
        # It ends what it has started.
        watch.terminate()
        watch.wait()
    needed: dict[str, Any] = json.loads(figures.read_text())
    printed = output.read_text()
    if needed["exit_code"]:
        raise WrongResult(f"{variant.name} ended with exit code {needed['exit_code']}:\n{printed[-3000:]}")
    # The bare client has measured itself, without the start of its interpreter.
    return needed if variant.files else {**needed, **json.loads(printed)}


def _environment(folder: Path, stand_in: StandIn) -> dict[str, str]:
    return {
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "LANG": "C.UTF-8",
        "HOME": str(folder),
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".venv" / "collections"),
        "ANSIBLE_ACTION_PLUGINS": str(ROOT / "tests" / "bench" / "action_plugins"),
        "TENBYTE_API_URL": stand_in.api_url,
        "TENBYTE_API_KEY": API_KEY,
        "TENBYTE_LEDGER_URL": f"sqlite:///{folder / 'ledger' / 'ledger.sqlite3'}",
    }


def _check(variant: Variant, cell: Cell, phase: str, journal: Journal, done: Journal) -> None:
    wanted = (cell.rooms, cell.rooms * cell.sessions_per_room) if variant.calls else (0, 0)
    there, made = (journal.rooms, journal.sessions), (done.rooms, done.sessions)
    if there != wanted or made != (wanted if phase == CREATED else (0, 0)):
        raise WrongResult(
            f"{variant.name}, {phase}: the service has {there[0]} rooms and {there[1]} sessions instead of {wanted[0]} "
            f"and {wanted[1]}; this run has created {made[0]} and {made[1]} of them"
        )
    if done.refused:
        raise WrongResult(f"{variant.name}, {phase}: the service has refused {done.refused} calls")


def _figures(variant: Variant, cell: Cell, phase: str, needed: dict[str, Any], done: Journal) -> Figures:
    reads = sum(count for route, count in done.calls.items() if route.startswith("GET "))
    creations = sum(count for route, count in done.calls.items() if route.startswith("POST "))
    return Figures(
        variant=variant.letter,
        size=cell.size,
        latency=cell.latency,
        phase=phase,
        **{name: needed[name] for name in MEASURED},
        foreign_cpu_seconds=max(needed["foreign_cpu_seconds"] - done.cpu_seconds, 0.0),
        reads=reads,
        creations=creations,
        other_calls=sum(done.calls.values()) - reads - creations,
        refused=done.refused,
        # One is that of the journal.
        connections=done.connections - 1,
        stand_in_cpu_seconds=done.cpu_seconds,
    )
