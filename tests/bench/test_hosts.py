# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the benchmark of encoder hosts writes into docs/encoders.md."""

from __future__ import annotations

from dataclasses import asdict

from .hosts_report import BEGIN, COMMANDS, EMPTY, END, PAGE, PHASES, HostFigures, PlayableFigures, section
from .readme import written


def figures(*runs: float) -> dict[str, object]:
    hosts = [
        HostFigures(1, 5, phase, factor * seconds)
        for factor in runs
        for seconds, phase in enumerate((EMPTY, COMMANDS, *PHASES), 1)
    ]
    playable = [PlayableFigures(factor, 3 * factor, 4 * factor) for factor in runs]
    return {
        "taken_at": "2026-11-05T10:00:00+00:00",
        "machine": "2 cores",
        "hosts": [asdict(one) for one in hosts],
        "playable": [asdict(one) for one in playable],
    }


def test_the_table_shows_medians_and_their_ratio_to_six_commands() -> None:
    text = section(figures(1.0, 9.0, 2.0))
    assert "| 1, 5 | 6.0 (1.5) | 8.0 (2.0) | 10.0 (2.5) | 12.0 (3.0) | 2.0 | 4.0 |" in text
    assert "median of 3, measured on 5 November 2026" in text
    assert "publishes 6.0 s after" in text
    assert "6.0 s more than an empty play" in " ".join(text.split())


def test_the_page_has_one_place_for_the_figures() -> None:
    page = PAGE.read_text()
    assert page.count(BEGIN) == page.count(END) == 1
    new = written(page, section(figures(1.0)), BEGIN, END)
    assert (new.split(BEGIN)[0], new.split(END)[1]) == (page.split(BEGIN)[0], page.split(END)[1])
