# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``python -m tests.bench.readme``: write the last results of ``make bench`` into README.md."""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from .bars import bars_of
from .results import RESULTS, Results, load
from .stand_in import ROOT
from .variants import CREATED, LATENCIES, SIZES, UNCHANGED, cell_of

README = ROOT / "README.md"
BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
_WIDTH = 179
_COLUMNS = {"a": "`uri`", "b": "`session` in a loop", "c": "`event`", "d": "bare client", "e": "empty play"}
_EXPLAINED = """\
`uri` is a playbook that reads, and creates what is missing, room by room with `ansible.builtin.uri`. The bare client is
a Python program that makes the calls of `event`, 16 at a time, and keeps nothing. A dash: not measured."""
_FASTER, _SLOWER = "uri / event, without the empty play", "(event - empty play) / bare client"


def section(results: Results) -> str:
    """Return the section's text: what was measured, the table, and what it comes to."""
    day = datetime.fromisoformat(results.taken_at)
    measured = (
        f"Seconds from the start of `ansible-playbook` to its end, median of {len(results.rounds)}, measured on "
        f"{day.day} {day:%B %Y} with {results.machine}. The service is a stand-in on the same machine; it answers at "
        "once or, where the table says so, after 50 ms."
    )
    meaning = " ".join([_EXPLAINED, *_sentences(results)])
    return f"{textwrap.fill(measured, _WIDTH)}\n\n{_table(results)}\n\n{textwrap.fill(meaning, _WIDTH)}\n"


def written(text: str, new: str, begin: str = BEGIN, end: str = END) -> str:
    """Return a page with another text between its markers. Raise ValueError if it has none."""
    between = re.compile(f"(?<={begin}\n).*?(?={end})", re.DOTALL)
    if not between.search(text):
        raise ValueError(f"the page has no lines {begin} and {end}")
    return between.sub(lambda _old: new, text)


def _table(results: Results) -> str:
    lines = [
        f"| sessions | | {' | '.join(_COLUMNS.values())} |",
        f"| --- | --- | {' | '.join('--:' for _column in _COLUMNS)} |",
    ]
    for latency in LATENCIES:
        for size in SIZES:
            for phase in (CREATED, UNCHANGED):
                cells = [_seconds(results, letter, size, latency, phase) for letter in _COLUMNS]
                if results.median("c", size, latency, phase):
                    lines.append(f"| {_size(size, latency)} | {phase} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _size(size: int, latency: int) -> str:
    text = cell_of(size).event_size
    return f"{text}, {latency} ms" if latency else text


def _seconds(results: Results, letter: str, size: int, latency: int, phase: str) -> str:
    figures = results.median(letter, size, latency, phase)
    if figures is None:
        return "-"
    seconds = figures.wall_seconds
    return f"{seconds:.0f}" if seconds >= 100 else f"{seconds:.1f}" if seconds >= 10 else f"{seconds:.2f}"


def _sentences(results: Results) -> Iterator[str]:
    """Yield what the figures come to."""
    bars = bars_of(results)
    faster = [f"{one.value:.0f} times as fast as `uri` ({one.phase})" for one in bars if one.name == _FASTER]
    slower = [f"{one.value:.1f} times as long as the bare client ({one.phase})" for one in bars if one.name == _SLOWER]
    if faster:
        yield f"Without the empty play, `event` is {' and '.join(faster)} with 200 sessions."
    if slower:
        yield f"Without the empty play, `event` takes {' and '.join(slower)} with 200 sessions."
    copy = results.median("f", 10_000, 0, CREATED)
    if copy:
        yield (
            f"An action that only copies 10,000 sessions from its options to its result takes {copy.wall_seconds:.0f} "
            "seconds."
        )


def main() -> int:
    if not RESULTS.exists():
        print(f"error: there is no {RESULTS.relative_to(ROOT)}; make bench writes it", file=sys.stderr)
        return 1
    write(README, load())
    print(f"The results of {RESULTS.relative_to(ROOT)} are in {README.name}")
    return 0


def write(page: Path, results: Results) -> None:
    page.write_text(written(page.read_text(), section(results)))


if __name__ == "__main__":
    sys.exit(main())
