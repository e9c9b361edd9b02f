# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table that `make gates` ends with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from .gates import Gate

KINDS = ("sanity", "units", "integration")


class Verdict(Enum):
    PASSED = "passed"
    FAILED = "FAILED"
    MISSING = "missing"


@dataclass(frozen=True)
class Outcome:
    """``detail`` is the count of tests, or why the gate failed or is missing."""

    gate: Gate
    verdict: Verdict
    seconds: int
    detail: str = ""


def table(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Yield a line for each core and Python, a line for each gate of the project, and the closing line."""
    by_place: dict[tuple[str, str], dict[str, Outcome]] = {}
    for outcome in outcomes:
        if outcome.gate.core:
            kind = outcome.gate.name.split("/")[1]
            by_place.setdefault((outcome.gate.core, outcome.gate.python), {})[kind] = outcome
    if by_place:
        yield _line("ansible-core", "Python", *KINDS)
    for (core, python), found in by_place.items():
        yield _line(core, python, *(_cell(found.get(kind)) for kind in KINDS))
    if by_place:
        yield "sanity runs once for each ansible-core, and compiles and imports with every Python that was found"
    of_project = [outcome for outcome in outcomes if not outcome.gate.core]
    if of_project:
        yield ""
    for outcome in of_project:
        yield f"{outcome.gate.name:<24} {_cell(outcome)}"
    yield ""
    for outcome in outcomes:
        if outcome.verdict is not Verdict.PASSED:
            yield f"{outcome.verdict.value} {outcome.gate.name}: {outcome.detail}"
    yield closing_line(outcomes)


def closing_line(outcomes: Sequence[Outcome]) -> str:
    """Return the counts, which say that a gate that did not run has not passed."""
    counts = Counter(outcome.verdict for outcome in outcomes)
    line = f"{counts[Verdict.PASSED]} of {len(outcomes)} gates passed, {counts[Verdict.FAILED]} failed"
    if counts[Verdict.MISSING]:
        line += f"; {counts[Verdict.MISSING]} did not run, so nothing is known about them"
    return line


def _line(core: str, python: str, *cells: str) -> str:
    return " ".join([f"{core:<12}", f"{python:<7}", *(f"{cell:<30}" for cell in cells)]).rstrip()


def _cell(outcome: Outcome | None) -> str:
    if outcome is None:
        return "-"
    if outcome.verdict is Verdict.MISSING:
        return "missing"
    counts = f" {outcome.detail}" if outcome.verdict is Verdict.PASSED and outcome.detail else ""
    return f"{outcome.verdict.value}{counts}, {outcome.seconds} s"
