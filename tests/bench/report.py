# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The results as a table in Markdown, and as a summary for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .bars import bars_of
from .results import Figures, Results
from .variants import LEFT_OUT, VARIANTS, cell_of

_HEAD = """\
| sessions | latency | | run | wall | CPU | largest process | all processes | reads | creations | CPU of the service |
| --: | --: | --- | --- | --: | --: | --: | --: | --: | --: | --: |
"""
_EXPLAINED = """\
Seconds, and megabytes (10^6 bytes). Wall time is that of the whole program: ansible-playbook from its start to its end,
the bare client from before its imports. CPU is that of all its processes. "Largest process" is the largest resident set
of one of them; "all processes" is the peak of the sum of their proportional sets, in samples every 0.1 s. The service's
own journal counts the calls.
"""


def table(results: Results) -> str:
    rows = "".join(_row(figures) for figures in sorted(results.medians.values(), key=_order))
    parts = [
        f"# Benchmark of {results.taken_at}\n\n{results.machine}, Linux {results.machine.kernel}. ",
        f"Median of {len(results.rounds)}.\n\n{_HEAD}{rows}\n{_EXPLAINED}\n## Bars\n\n",
        *(f"- {one}\n" for one in bars_of(results)),
        f"\nOther processes used up to {_most_foreign(results):.1f} cores during a run.\n",
        "\n## The service\n\nIt must cost less than its client. Seconds of CPU, while the bare client ran:\n\n",
        *(f"- {line}\n" for line in service_lines(results)),
        "\n## Not measured\n\n",
        *(f"- {line}\n" for line in LEFT_OUT),
    ]
    return "".join(parts)


def summary(results: Results) -> str:
    """Return what a person wants to know at the end of a run."""
    lines = [
        f"{results.machine}. Median of {len(results.rounds)}.",
        "",
        f"{'sessions':>8} {'latency':>8}  {'':27} {'run':10} {'wall':>8} {'CPU':>8} {'memory':>8} {'calls':>7}",
        *(_line(figures) for figures in sorted(results.medians.values(), key=_order)),
        "",
        "Bars (and the lowest and highest value of the rounds):",
        *(f"  {one}" for one in bars_of(results)),
        "",
        f"Other processes used up to {_most_foreign(results):.1f} cores during a run.",
        "",
        "CPU of the stand-in for the service, while the bare client ran:",
        *(f"  {line}" for line in service_lines(results)),
        "",
        "Not measured:",
        *(f"  {line}" for line in LEFT_OUT),
    ]
    return "\n".join(lines)


def _most_foreign(results: Results) -> float:
    """Return how many cores other processes used at most during a run that took a second or more."""
    runs = [one for figures in results.rounds for one in figures if one.wall_seconds >= 1]
    return max((one.foreign_cpu_seconds / one.wall_seconds for one in runs), default=0.0)


def service_shares(results: Results) -> list[dict[str, Any]]:
    """Return what the stand-in needed of a processor while the bare client ran."""
    return [
        {
            "size": one.size,
            "latency": one.latency,
            "phase": one.phase,
            "stand_in_cpu_seconds": one.stand_in_cpu_seconds,
            "client_cpu_seconds": one.cpu_seconds,
            "ratio": one.stand_in_cpu_seconds / one.cpu_seconds,
        }
        for one in sorted(results.medians.values(), key=_order)
        if not VARIANTS[one.variant].files
    ]


def service_lines(results: Results) -> Iterator[str]:
    for share in service_shares(results):
        yield (
            f"{share['size']:,} sessions, {share['latency']} ms, {share['phase']}: the stand-in "
            f"{share['stand_in_cpu_seconds']:.2f}, the client {share['client_cpu_seconds']:.2f} ({share['ratio']:.0%})"
        )


def _line(one: Figures) -> str:
    memory, calls = one.all_processes_bytes / 1e6, one.reads + one.creations
    return (
        f"{one.size:8,} {one.latency:5} ms  {VARIANTS[one.variant].name:27} {one.phase:10} {one.wall_seconds:6.2f} s "
        f"{one.cpu_seconds:6.2f} s {memory:5.0f} MB {calls:7,.0f}"
    )


def _order(figures: Figures) -> tuple[int, int, int, str]:
    return figures.latency, figures.size, list(VARIANTS).index(figures.variant), figures.phase


def _row(one: Figures) -> str:
    cells = (
        cell_of(one.size).event_size,
        f"{one.latency} ms",
        VARIANTS[one.variant].name,
        one.phase,
        f"{one.wall_seconds:.2f}",
        f"{one.cpu_seconds:.2f}",
        f"{one.largest_process_bytes / 1e6:.0f}",
        f"{one.all_processes_bytes / 1e6:.0f}",
        f"{one.reads:,.0f}",
        f"{one.creations:,.0f}",
        f"{one.stand_in_cpu_seconds:.2f}",
    )
    return f"| {' | '.join(cells)} |\n"
