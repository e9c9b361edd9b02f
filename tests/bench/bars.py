# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The bars: what a run of the benchmark is measured against. All are ratios or differences within one round."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .results import Figures, Results, in_round
from .variants import CREATED, SIZES, UNCHANGED, cell_of

# Rows that were measured in one round, by their letter.
Rows = dict[str, Figures]


@dataclass(frozen=True)
class Bar:
    """A measured value for each round, and its limit: what it may be at most, or must be at least. None: no limit."""

    name: str
    size: int
    phase: str
    values: tuple[float, ...]
    at_most: float | None = None
    at_least: float | None = None
    unit: str = ""

    @property
    def value(self) -> float:
        return statistics.median(self.values)

    @property
    def is_met(self) -> bool:
        return (self.at_most is None or self.value <= self.at_most) and (
            self.at_least is None or self.value >= self.at_least
        )

    @property
    def verdict(self) -> str:
        if self.at_most is None and self.at_least is None:
            return "for comparison"
        limit = f"at most {self.at_most:g}" if self.at_most is not None else f"at least {self.at_least:g}"
        return f"{limit}{self.unit}: {'met' if self.is_met else 'NOT MET'}"

    def __str__(self) -> str:
        spread = f" ({min(self.values):.3g} to {max(self.values):.3g})" if len(set(self.values)) > 1 else ""
        return f"{self.name}, {self.size:,} sessions, {self.phase}: {self.value:.3g}{self.unit}{spread}; {self.verdict}"

    def as_json(self) -> dict[str, Any]:
        limits = {"at_most": self.at_most, "at_least": self.at_least}
        about = {"name": self.name, "size": self.size, "phase": self.phase, "unit": self.unit}
        return {**about, **limits, "values": self.values, "value": self.value, "met": self.is_met}


def bars_of(results: Results) -> list[Bar]:
    """Return the bars whose rows were measured."""
    return [one for phase in (CREATED, UNCHANGED) for one in _bars(results, phase) if one.values]


def _bars(results: Results, phase: str) -> Iterator[Bar]:
    def each(letters: str, size: int, value: Callable[[Rows], float]) -> tuple[int, str, tuple[float, ...]]:
        """Return size, phase, and the value of each round in which the rows of these letters were measured."""
        rounds = (_rows(figures, letters, size, phase) for figures in results.rounds)
        return size, phase, tuple(value(rows) for rows in rounds if rows is not None)

    yield Bar("(event - empty play) / bare client", *each("ced", 200, _times_bare("e")), at_most=1.5)
    in_cpu = _times_bare("e", "cpu_seconds"), _times_bare("f", "cpu_seconds")
    yield Bar("(event - empty play) / bare client, in CPU seconds", *each("ced", 200, in_cpu[0]))
    yield Bar("(event - copy) / bare client", *each("cfd", 10_000, _times_bare("f")), at_most=1.5)
    yield Bar("(event - copy) / bare client, in CPU seconds", *each("cfd", 10_000, in_cpu[1]))
    yield Bar("(event - validated copy) / bare client", *each("cgd", 10_000, _times_bare("g")))
    yield Bar("cost of a session, against 1,000 sessions", 10_000, phase, _growth(results, phase), at_most=1.2)
    for name, figure in (("largest process", "largest_process_bytes"), ("all processes", "all_processes_bytes")):
        above = each("ce", 10_000, _megabytes_above(figure))
        yield Bar(f"peak memory above the empty play, {name}", *above, at_most=300, unit=" MB")
    yield Bar("uri / session in a loop, without the empty play", *each("abe", 200, _times_uri("b")), at_least=30)
    goal = 100 if phase == CREATED else 120
    yield Bar("uri / event, without the empty play", *each("ace", 200, _times_uri("c")), at_least=goal)
    for size in SIZES:
        yield Bar("calls of event beyond reads and creations", size, phase, _surplus(results, size, phase), at_most=0)


def _rows(figures: Sequence[Figures], letters: str, size: int, phase: str) -> Rows | None:
    """Return rows of a round, without latency; None if one is missing."""
    rows = {letter: in_round(figures, letter, size, 0, phase) for letter in letters}
    found = {letter: row for letter, row in rows.items() if row is not None}
    return found if len(found) == len(rows) else None


def _above(rows: Rows, letter: str, other: str, figure: str = "wall_seconds") -> float:
    """Return by how much a row's figure, its seconds, is above that of another."""
    return float(getattr(rows[letter], figure) - getattr(rows[other], figure))


def _times_bare(without: str, figure: str = "wall_seconds") -> Callable[[Rows], float]:
    return lambda rows: _above(rows, "c", without, figure) / float(getattr(rows["d"], figure))


def _times_uri(letter: str) -> Callable[[Rows], float]:
    return lambda rows: _above(rows, "a", "e") / _above(rows, letter, "e")


def _megabytes_above(figure: str) -> Callable[[Rows], float]:
    return lambda rows: _above(rows, "c", "e", figure) / 1e6


def _growth(results: Results, phase: str) -> tuple[float, ...]:
    values = []
    for figures in results.rounds:
        many, few = (_rows(figures, "ce", size, phase) for size in (10_000, 1000))
        if many and few:
            values.append((_above(many, "c", "e") / 10_000) / (_above(few, "c", "e") / 1000))
    return tuple(values)


def _surplus(results: Results, size: int, phase: str) -> tuple[float, ...]:
    """Return how far the reads and creations of ``event`` are from those that are needed, for each run."""
    reads, creations = cell_of(size).calls_needed(phase)
    events = (one for figures in results.rounds for one in figures if one.variant == "c" and one.size == size)
    return tuple(
        abs(one.reads - reads) + abs(one.creations - creations) + one.other_calls
        for one in events
        if one.phase == phase
    )
