# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Usage: coverage_report.py [--floor]. Says what of plugins/ the tests that were measured have not run.

Reads what each process has left in build/coverage, and leaves report.txt and html/ there. With --floor, fails where
the figure is below ``fail_under`` of pyproject.toml, and where it has risen so far that the floor should rise too.
"""

from __future__ import annotations

import io
import math
import sys
from pathlib import Path

from coverage import Coverage
from coverage.exceptions import NoDataError

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "build" / "coverage"
# By so much, in percent, the figure may be above the floor: more than two runs of the same tests differ by.
SLACK = 1.0


def measured() -> Coverage:
    """Combine what the processes have left; raise NoDataError if that is nothing."""
    coverage = Coverage(config_file=str(ROOT / "pyproject.toml"))
    coverage.combine(strict=True)
    # What cannot be read is of processes that were killed while they wrote.
    for left in FOLDER.glob("data.*"):
        left.unlink()
    # A file that no test has imported counts as well.
    coverage.get_data().touch_files([str(path) for path in sorted((ROOT / "plugins").rglob("*.py"))])
    coverage.save()
    return coverage


def verdict(figure: float, floor: float) -> str | None:
    """Return what is wrong with a figure, or None."""
    if figure < floor:
        return f"{figure:.2f} % is below the floor of {floor:g} % (fail_under in pyproject.toml): test what is new"
    if figure > floor + SLACK:
        raised = math.floor((figure - SLACK / 2) * 10) / 10
        return (
            f"{figure:.2f} % is more than {SLACK:g} % above the floor: raise fail_under in pyproject.toml to {raised:g}"
        )
    return None


def main(arguments: list[str]) -> int:
    try:
        coverage = measured()
    except NoDataError:
        print("no test was measured: run scripts/test pytest e2e coverage")
        return 2
    text = io.StringIO()
    figure = coverage.report(file=text)
    coverage.html_report(directory=str(FOLDER / "html"))
    (FOLDER / "report.txt").write_text(text.getvalue())
    print(text.getvalue())
    print(f"build/coverage/html/index.html shows the lines; build/coverage/report.txt is this report. {figure:.2f} %")
    floor = float(str(coverage.get_option("report:fail_under")))
    wrong = verdict(figure, floor) if "--floor" in arguments else None
    if wrong:
        print(wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
