# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The benchmark itself: what it measures, what it counts, and what it writes into the README."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import COLLECTIONS
from tests.integration.conftest import EVENT
from tests.integration.controller import Controller

from .bars import bars_of
from .large import seconds_to_open, seconds_to_plan
from .options import options
from .plot import draw
from .readme import BEGIN, END, README, section, written
from .report import summary, table
from .results import Figures, Machine, Results, results_of
from .run import WrongResult, event, runs_of
from .service import API_KEY
from .stand_in import ROOT, StandIn
from .test_stand_in import shape
from .variants import CREATED, ONCE, SIZES, UNCHANGED, VARIANTS, Cell, Variant, cell_of, cells
from .watch import watched

MACHINE = Machine("Some Processor", 2, 8_000_000_000, "6.1", "3.11.2", "2.19.4")
MEGABYTE = 10**6


WITHOUT_LIBRARIES = """
import runpy, sys
sys.path.insert(0, sys.argv.pop(1))
runpy.run_module("tests.bench.options", run_name="__main__")
"""


def figures(letter: str, size: int, phase: str, wall: float, **more: Any) -> Figures:
    reads, creations = cell_of(size).calls_needed(phase) if letter == "c" else (0, 0)
    needed: dict[str, Any] = {
        "cpu_seconds": wall / 2,
        "largest_process_bytes": 60 * MEGABYTE,
        "all_processes_bytes": 70 * MEGABYTE,
        "samples": 9,
        "reads": reads,
        "creations": creations,
        "other_calls": 0,
        "refused": 0,
        "connections": 1,
        "stand_in_cpu_seconds": wall / 20,
        "foreign_cpu_seconds": 0.0,
        **more,
    }
    return Figures(letter, size, 0, phase, wall, **needed)


def results(*rounds: list[Figures]) -> Results:
    return Results("2026-11-05T10:00:00+00:00", MACHINE, rounds)


def one_round(event_seconds: float) -> list[Figures]:
    return [
        figures("a", 200, CREATED, 181.0),
        figures("b", 200, CREATED, 7.0),
        figures("c", 200, CREATED, event_seconds),
        figures("d", 200, CREATED, 0.5),
        figures("e", 200, ONCE, 1.0),
    ]


def bar_values(of: Results) -> dict[str, tuple[float, bool]]:
    return {one.name: (round(one.value, 6), one.is_met) for one in bars_of(of)}


def test_a_bar_is_the_median_of_the_ratios_of_each_round() -> None:
    found = bar_values(results(one_round(1.5), one_round(1.7), one_round(9.0)))
    assert found["(event - empty play) / bare client"] == (1.4, True)
    assert found["uri / session in a loop, without the empty play"] == (30.0, True)
    assert found["uri / event, without the empty play"] == (round(180 / 0.7, 6), True)


def test_a_bar_that_is_not_met_says_so() -> None:
    slow = results(one_round(2.0))
    assert bar_values(slow)["(event - empty play) / bare client"] == (2.0, False)
    assert "(event - empty play) / bare client, 200 sessions, created: 2; at most 1.5: NOT MET" in summary(slow)


def test_a_bar_whose_rows_were_not_measured_is_left_out() -> None:
    assert bars_of(results([figures("d", 200, CREATED, 1.0)])) == []


def test_the_cost_of_a_session_and_the_memory_are_compared_without_the_empty_play() -> None:
    large = [
        figures("c", 1000, CREATED, 4.0),
        figures("e", 1000, ONCE, 1.0),
        figures("c", 10_000, CREATED, 38.0, largest_process_bytes=400 * MEGABYTE),
        figures("e", 10_000, ONCE, 2.0, largest_process_bytes=90 * MEGABYTE),
    ]
    found = bar_values(results(large))
    assert found["cost of a session, against 1,000 sessions"] == (1.2, True)
    assert found["peak memory above the empty play, largest process"] == (310.0, False)


@pytest.mark.parametrize("more", [{"reads": 204}, {"reads": 202}, {"creations": 1}, {"other_calls": 1}])
def test_each_call_that_is_not_needed_or_missing_counts(more: dict[str, int]) -> None:
    measured = results([figures("c", 200, UNCHANGED, 2.0, **more)])
    assert bar_values(measured)["calls of event beyond reads and creations"] == (1.0, False)


def test_the_readme_has_one_place_for_the_table_and_the_rest_of_it_stays() -> None:
    page = README.read_text()
    assert page.count(BEGIN) == page.count(END) == 1
    new = written(page, section(results(one_round(1.5))))
    assert new.split(BEGIN)[0] == page.split(BEGIN)[0]
    assert new.split(END)[1] == page.split(END)[1]
    assert written(new, section(results(one_round(1.5)))) == new


def test_the_table_shows_the_medians_and_the_machine() -> None:
    text = section(results(one_round(1.5), one_round(1.7), one_round(9.0)))
    assert "| 200, one per room | created | 181 | 7.00 | 1.70 | 0.50 | 1.00 |" in text
    assert "5 November 2026 with 2 cores (Some Processor), 8 GB, Python 3.11.2, ansible-core 2.19.4" in " ".join(
        text.split()
    )
    assert "257 times as fast as `uri` (created)" in " ".join(text.split())


def test_what_is_compared_without_the_empty_play_says_so_by_itself() -> None:
    text = " ".join(section(results(one_round(1.5)[2:])).split())
    assert "A dash: not measured. Without the empty play, `event` takes 1.0 times as long as the bare client" in text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--runs", "0"], "--runs: '0' is not a whole number of at least 1"),
        (["--runs", "many"], "--runs: 'many' is not a whole number of at least 1"),
        (["--sizes", "abc"], "--sizes: 'abc' is none of 50, 200, 1000, 10000"),
        (["--sizes", "200,7"], "--sizes: '7' is none of 50, 200, 1000, 10000"),
        (["--latency", ""], "--latency: '' is none of 0, 50"),
        (["--only", "c,z"], "--only: 'z' is none of a, a1, b, c"),
    ],
)
def test_a_wrong_option_is_refused_with_what_there_is(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        options(arguments)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_the_options_are_told_and_checked_without_any_library() -> None:
    for arguments, code in ((["--help"], 0), (["--runs", "0"], 2), ([], 0)):
        command = [sys.executable, "-I", "-S", "-c", WITHOUT_LIBRARIES, str(ROOT), *arguments]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert ran.returncode == code, ran.stderr
        assert ("about half an hour" in " ".join(ran.stdout.split())) is (arguments == ["--help"])


def test_a_page_without_markers_is_not_written() -> None:
    with pytest.raises(ValueError, match="bench:begin"):
        written("# A page\n", "text")


def test_results_are_shown_as_a_table_and_a_plot(tmp_path: Path) -> None:
    measured = results_of([one_round(1.5)])
    assert "| 200, one per room | 0 ms | event | created | 1.50 |" in table(measured)
    draw(measured, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").stat().st_size > 1000


def test_each_row_runs_once_in_a_cell_and_only_where_it_is_planned() -> None:
    every = list(cells(set(VARIANTS), set(SIZES), {0, 50}))
    assert [(cell.size, cell.latency) for cell in every] == [(size, latency) for latency in (0, 50) for size in SIZES]
    letters = {(cell.size, cell.latency): "".join(variant.letter[0] for variant in cell.variants) for cell in every}
    assert letters[10_000, 0] == "cdefg"
    assert letters[10_000, 50] == "cd"


def test_the_result_of_the_copy_has_the_shape_and_size_of_that_of_event(tmp_path: Path) -> None:
    with StandIn() as stand_in:
        where = {"ANSIBLE_ACTION_PLUGINS": str(ROOT / "tests" / "bench" / "action_plugins")}
        controller = Controller(tmp_path, stand_in.api_url, API_KEY, COLLECTIONS, where)
        (tmp_path / "event.json").write_text(json.dumps({"event_rooms": event(Cell(3, 2))}))
        _created, of_event, of_copy = (
            controller.playbook(str(VARIANTS[letter].write_playbook(tmp_path)), "-e", "@event.json").result(action)
            for letter, action in (("c", EVENT), ("c", EVENT), ("f", "bench_copy"))
        )
    assert shape(of_copy) == shape(of_event)
    assert len(json.dumps(of_copy)) == pytest.approx(len(json.dumps(of_event)), rel=0.02)


def test_a_program_is_watched_with_its_children(tmp_path: Path) -> None:
    allocates = "import time; held = b'x' * 40_000_000; time.sleep(3)"
    starts = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {allocates!r}])"
    needed = watched([sys.executable, "-c", starts])
    assert needed["exit_code"] == 0
    assert 3 < needed["wall_seconds"] < 60
    assert needed["largest_process_bytes"] > 40 * MEGABYTE
    assert needed["all_processes_bytes"] > 40 * MEGABYTE


@pytest.mark.parametrize("letter", ["c", "d", "f", "g"])
def test_a_row_runs_and_its_calls_are_counted(letter: str) -> None:
    first, *second = runs_of(VARIANTS[letter], Cell(2, 2))
    if not VARIANTS[letter].calls:
        assert (first.reads, first.creations, second) == (0, 0, [])
        return
    assert (first.reads, first.creations) == (1, 6)
    assert [(again.reads, again.creations) for again in second] == [(3, 0)]


def test_a_row_that_creates_too_little_fails() -> None:
    idle = Variant("c", "idle", {}, VARIANTS["e"].files)
    with pytest.raises(WrongResult, match="0 rooms and 0 sessions instead of 2 and 4"):
        list(runs_of(idle, Cell(2, 2)))


def test_the_results_can_be_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.bench.results.FOLDER", tmp_path)
    monkeypatch.setattr("tests.bench.results.RESULTS", tmp_path / "results.json")
    from .results import load

    measured = results(one_round(1.5))
    measured.save({"bars": [one.as_json() for one in bars_of(measured)]})
    assert load(tmp_path / "results.json").medians == measured.medians
    assert json.loads((tmp_path / "results.json").read_text())["bars"]


def test_large_rooms_and_ledgers_are_measured() -> None:
    assert seconds_to_plan(20) > 0
    assert seconds_to_open(20) > 0
