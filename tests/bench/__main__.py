# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``python -m tests.bench``: measure the collection beside what a user would use instead. See ``options``."""

from __future__ import annotations

import statistics
import sys

from .bars import bars_of
from .options import options
from .plot import draw
from .report import service_shares, summary, table
from .results import FOLDER, Figures, results_of
from .run import WrongResult, runs_of
from .stand_in import ROOT
from .variants import LEFT_OUT, ONCE_ONLY, VARIANTS, Cell, cells


def measured(rounds: int, chosen: list[Cell]) -> list[list[Figures]]:
    """Run all variants one after the other, then all again: what slows the machine slows them alike."""
    return [
        [
            _announced(figures, number, rounds)
            for cell in chosen
            for variant in cell.variants
            if number == 1 or variant.letter not in ONCE_ONLY
            for figures in runs_of(variant, cell)
        ]
        for number in range(1, rounds + 1)
    ]


def _announced(figures: Figures, number: int, rounds: int) -> Figures:
    name = f"{figures.size:6} sessions {figures.latency:3} ms  {VARIANTS[figures.variant].name:28} {figures.phase:9}"
    print(
        f"{number}/{rounds} {name} {figures.wall_seconds:8.2f} s, CPU {figures.cpu_seconds:8.2f} s, "
        f"{figures.largest_process_bytes / 1e6:5.0f} and {figures.all_processes_bytes / 1e6:5.0f} MB, "
        f"{figures.reads} + {figures.creations} calls (CPU {figures.stand_in_cpu_seconds:.2f} s)",
        flush=True,
    )
    return figures


def large_lines(runs: int) -> list[str]:
    """Measure large rooms and ledgers in this process, and return what was found."""
    # Without Ansible, its collections are ordinary packages.
    sys.path.append(str(ROOT / ".venv" / "collections"))
    from .large import RETIRED_ROWS, SESSIONS_OF_A_ROOM, seconds_to_open, seconds_to_plan

    rows = (
        (f"a plan of {SESSIONS_OF_A_ROOM:,} sessions in one room", seconds_to_plan, 2.0),
        (f"a ledger with {RETIRED_ROWS:,} retired rows is opened and read", seconds_to_open, 0.1),
    )
    lines = []
    for name, measure, at_most in rows:
        seconds = statistics.median(measure() for _run in range(runs))
        lines.append(f"{name}: {seconds:.3g} s; at most {at_most:g} s: {'met' if seconds <= at_most else 'NOT MET'}")
    return lines


def warm_up(chosen: list[Cell]) -> None:
    """Run each playbook once with a single session, so that none has to compile what it imports."""
    variants = {variant.letter: variant for cell in chosen for variant in cell.variants}
    for variant in variants.values():
        for _figures in runs_of(variant, Cell(1, 1)):
            pass


def main() -> int:
    asked = options(sys.argv[1:])
    chosen = list(cells(asked.only, asked.sizes, asked.latency))
    if not chosen:
        print("error: nothing of that is measured", file=sys.stderr)
        return 2
    try:
        warm_up(chosen)
        results = results_of(measured(asked.runs, chosen))
        large = large_lines(asked.runs)
    except WrongResult as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    bars = bars_of(results)
    results.save(
        {
            "bars": [one.as_json() for one in bars],
            "stand_in": service_shares(results),
            "large": large,
            "not_measured": LEFT_OUT,
        }
    )
    (FOLDER / "table.md").write_text(
        "".join((table(results), "\n## Large rooms and ledgers\n\n", *(f"- {line}\n" for line in large)))
    )
    draw(results, FOLDER / "plot.png")
    print(f"\n{summary(results)}\n\nLarge rooms and ledgers:")
    print("".join(f"  {line}\n" for line in large))
    print(f"results.json, table.md and plot.png are in {FOLDER.relative_to(ROOT)}.")
    return 1 if asked.strict and not all(one.is_met for one in bars) else 0


if __name__ == "__main__":
    sys.exit(main())
