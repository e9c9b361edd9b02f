# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The figures of a run of the benchmark, the machine that it ran on, and the file that keeps them."""

from __future__ import annotations

import json
import os
import platform
import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, timezone
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from .stand_in import ROOT
from .variants import ONCE, VARIANTS

FOLDER = ROOT / "build" / "bench"
RESULTS = FOLDER / "results.json"
Key = tuple[str, int, int, str]


@dataclass(frozen=True)
class Figures:
    """What one run needed. ``size`` is in sessions, ``latency`` in milliseconds.

    ``all_processes_bytes`` is the peak of the sum of their proportional set sizes, in samples. ``foreign_cpu_seconds``
    is what the rest of the machine did meanwhile.
    """

    variant: str
    size: int
    latency: int
    phase: str
    wall_seconds: float
    cpu_seconds: float
    largest_process_bytes: int
    all_processes_bytes: int
    samples: int
    reads: int
    creations: int
    other_calls: int
    refused: int
    connections: int
    stand_in_cpu_seconds: float
    foreign_cpu_seconds: float

    @property
    def key(self) -> Key:
        return self.variant, self.size, self.latency, self.phase


@dataclass(frozen=True)
class Machine:
    processor: str
    cores: int
    memory_bytes: int
    kernel: str
    python: str
    ansible_core: str

    def __str__(self) -> str:
        return (
            f"{self.cores} cores ({self.processor}), {self.memory_bytes / 1e9:.0f} GB, Python {self.python}, "
            f"ansible-core {self.ansible_core}"
        )


@dataclass(frozen=True)
class Results:
    """The figures of each round, in their order, and when they were taken (RFC 3339)."""

    taken_at: str
    machine: Machine
    rounds: Sequence[Sequence[Figures]]

    @cached_property
    def medians(self) -> Mapping[Key, Figures]:
        by_key: dict[Key, list[Figures]] = {}
        for figures in self.rounds:
            for one in figures:
                by_key.setdefault(one.key, []).append(one)
        return {key: _median(figures) for key, figures in by_key.items()}

    def median(self, letter: str, size: int, latency: int, phase: str) -> Figures | None:
        """Return the median of each figure of a row, None if the row was not measured."""
        return self.medians.get(_key(letter, size, latency, phase))

    def save(self, more: Mapping[str, Any]) -> None:
        FOLDER.mkdir(parents=True, exist_ok=True)
        medians = [asdict(figures) for figures in self.medians.values()]
        RESULTS.write_text(json.dumps({**asdict(self), "medians": medians, **more}, indent=1) + "\n")


def load(path: Path = RESULTS) -> Results:
    data = json.loads(path.read_text())
    rounds = [[Figures(**one) for one in figures] for figures in data["rounds"]]
    return Results(data["taken_at"], Machine(**data["machine"]), rounds)


def results_of(rounds: Sequence[Sequence[Figures]]) -> Results:
    """Return the results of rounds that have just been measured."""
    return Results(datetime.now(timezone.utc).isoformat(timespec="seconds"), this_machine(), rounds)


def this_machine() -> Machine:
    model = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return Machine(
        processor=model[1].strip() if model else platform.machine(),
        cores=len(os.sched_getaffinity(0)),
        memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        kernel=platform.release(),
        python=platform.python_version(),
        ansible_core=version("ansible-core"),
    )


def in_round(figures: Sequence[Figures], letter: str, size: int, latency: int, phase: str) -> Figures | None:
    return next((one for one in figures if one.key == _key(letter, size, latency, phase)), None)


def _key(letter: str, size: int, latency: int, phase: str) -> Key:
    """Return the key of a row's figures. A row that calls nothing has the same for all phases and latencies."""
    return (letter, size, latency, phase) if VARIANTS[letter].calls else (letter, size, 0, ONCE)


def _median(figures: Sequence[Figures]) -> Figures:
    numbers = [field.name for field in fields(Figures) if field.name not in ("variant", "size", "latency", "phase")]
    return replace(figures[0], **{name: statistics.median(getattr(one, name) for one in figures) for name in numbers})
