# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plot: wall time against the number of sessions."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .results import Results
from .variants import CREATED, LATENCIES, SIZES, UNCHANGED, VARIANTS, Variant

# Colours that people with a colour vision deficiency can tell apart (Okabe and Ito).
_COLOURS = {
    "a": "#D55E00",
    "a1": "#E69F00",
    "b": "#CC79A7",
    "c": "#0072B2",
    "d": "#009E73",
    "e": "#999999",
    "f": "#56B4E9",
    "g": "#000000",
}


def draw(results: Results, path: Path) -> None:
    figure = Figure(figsize=(12, 5.5), layout="constrained")
    created, unchanged = figure.subplots(1, 2, sharey=True)
    for axes, phase in ((created, CREATED), (unchanged, UNCHANGED)):
        for variant in VARIANTS.values():
            for latency in LATENCIES:
                _draw_line(axes, results, variant, latency, phase)
        axes.set(title=phase, xscale="log", yscale="log", xlabel="sessions")
        axes.set_xlim(min(SIZES) / 1.3, max(SIZES) * 1.3)
        axes.set_xticks(list(SIZES), [f"{size:,}" for size in SIZES])
        axes.yaxis.set_major_formatter("{x:g}")
        axes.minorticks_off()
        axes.grid(alpha=0.3)
    created.set_ylabel("seconds")
    handles, labels = created.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center", frameon=False)
    figure.suptitle(f"Wall time, median of {len(results.rounds)}; {results.machine}", fontsize="small")
    figure.savefig(path, dpi=120)


def _draw_line(axes: Axes, results: Results, variant: Variant, latency: int, phase: str) -> None:
    sizes = [size for size in variant.sizes.get(latency, ()) if results.median(variant.letter, size, latency, phase)]
    times = [
        figures.wall_seconds
        for size in sizes
        if (figures := results.median(variant.letter, size, latency, phase)) is not None
    ]
    if times:
        label = f"{variant.name}, {latency} ms" if latency else variant.name
        style = "--" if latency else "-"
        axes.plot(sizes, times, style, marker="o", markersize=4, color=_COLOURS[variant.letter], label=label)
