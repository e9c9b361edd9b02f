# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ``tests.bench.hosts`` has measured: as JSON, and as the section of docs/encoders.md.

``python -m tests.bench.hosts_report`` writes the last figures into that page.
"""

from __future__ import annotations

import json
import statistics
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import Any

from .readme import written
from .results import FOLDER, this_machine
from .stand_in import ROOT

FIGURES = FOLDER / "hosts.json"
PAGE = ROOT / "docs" / "encoders.md"
BEGIN, END = "<!-- hosts:begin -->", "<!-- hosts:end -->"
PHASES = ("new", "unchanged", "one changed", "absent")
EMPTY, COMMANDS = "empty play", "six commands"
# Hosts of the largest cell.
LARGEST = 20
_WIDTH = 179


@dataclass(frozen=True)
class HostFigures:
    """The seconds of one run on hosts with a number of streams each."""

    hosts: int
    streams: int
    phase: str
    seconds: float

    def __str__(self) -> str:
        return f"{self.hosts:2} hosts, {self.streams:2} streams each, {self.phase:12} {self.seconds:6.2f} s"


@dataclass(frozen=True)
class PlayableFigures:
    """Seconds: of an empty play, and from the start of ``provision`` to the connection and to the first segment."""

    empty_play: float
    published: float
    played: float

    def __str__(self) -> str:
        return (
            f"one session on a prepared host: published after {self.published:.2f} s, playable after "
            f"{self.played:.2f} s; an empty play takes {self.empty_play:.2f} s"
        )


def text(hosts: Sequence[HostFigures], first: Sequence[PlayableFigures]) -> str:
    """Return the section: a table of medians, and the time to the first playable segment."""
    columns = (*PHASES, EMPTY, COMMANDS)
    lines = [
        f"| hosts, streams of each | {' | '.join(columns)} |",
        f"| --- | {' | '.join('--:' for _column in columns)} |",
    ]
    for cell in dict.fromkeys((one.hosts, one.streams) for one in hosts):
        rows = {
            phase: statistics.median(
                one.seconds for one in hosts if (one.hosts, one.streams, one.phase) == (*cell, phase)
            )
            for phase in columns
        }
        shown = [
            f"{seconds:.1f} ({seconds / rows[COMMANDS]:.1f})" if phase in PHASES else f"{seconds:.1f}"
            for phase, seconds in rows.items()
        ]
        lines.append(f"| {cell[0]}, {cell[1]} | {' | '.join(shown)} |")
    medians = [_median(first, name) for name in ("empty_play", "published", "played")]
    until = (
        f"With one session on a host that has ffmpeg, the encoder publishes {medians[1]:.1f} s after the start of the "
        f"playbook `provision`, and the first segment (1 s long) can be played after "
        f"{medians[2]:.1f} s. That is {medians[2] - medians[0]:.1f} s more than an empty play takes."
    )
    return "\n".join([*lines, "", textwrap.fill(until, _WIDTH)])


def save(hosts: Sequence[HostFigures], first: Sequence[PlayableFigures]) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    figures = {
        "taken_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": str(this_machine()),
        "hosts": [asdict(one) for one in hosts],
        "playable": [asdict(one) for one in first],
    }
    FIGURES.write_text(json.dumps(figures, indent=1) + "\n")


def section(figures: Mapping[str, Any]) -> str:
    """Return the text between the page's markers, from what ``save`` has written."""
    hosts = [HostFigures(**one) for one in figures["hosts"]]
    first = [PlayableFigures(**one) for one in figures["playable"]]
    day = datetime.fromisoformat(figures["taken_at"])
    about = (
        f"Seconds from the start of `ansible-playbook` to its end, median of {len(first)}, measured on {day.day} "
        f"{day:%B %Y} on booted machines of [the lab](lab.md), all on one host with {figures['machine']}. In brackets: "
        "how many times as long as six tasks `command` on the same hosts."
    )
    return f"{textwrap.fill(about, _WIDTH)}\n\n{text(hosts, first)}\n"


def _median(figures: Iterable[PlayableFigures], name: str) -> float:
    return float(statistics.median(getattr(one, name) for one in figures))


def main() -> int:
    if not FIGURES.exists():
        print(f"error: there is no {FIGURES.relative_to(ROOT)}; make bench-hosts writes it", file=sys.stderr)
        return 1
    PAGE.write_text(written(PAGE.read_text(), section(json.loads(FIGURES.read_text())), BEGIN, END))
    print(f"The figures of {FIGURES.relative_to(ROOT)} are in {PAGE.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
