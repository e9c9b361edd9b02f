# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Usage: coverage_report.py [--floor]. Reports which lines and branches of plugins/ no measured test has run.

Reads the data of each process from build/coverage, and writes report.txt and html/ there. With --floor, fails if the
coverage is below ``fail_under`` in pyproject.toml. If it is well above, the report says what the floor can rise to.
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
# The coverage may be so many percentage points above the floor. Two runs of the same tests differ by less.
SLACK = 1.0


def measured() -> Coverage:
    """Combine the data of all processes. Raise NoDataError if there is none."""
    coverage = Coverage(config_file=str(ROOT / "pyproject.toml"))
    coverage.combine(strict=True)
    # Files that are left are unreadable: their processes were killed while they wrote.
    for left in FOLDER.glob("data.*"):
        left.unlink()
    # A file that no test has imported counts too.
    coverage.get_data().touch_files([str(path) for path in sorted((ROOT / "plugins").rglob("*.py"))])
    coverage.save()
    return coverage


def advice(figure: float, floor: float) -> str:
    """Return what to do about the coverage (in percent), empty if nothing."""
    if figure < floor:
        return f"{figure:.2f} % is below the floor of {floor:g} % (fail_under in pyproject.toml): test what is new"
    if figure > floor + SLACK:
        raised = math.floor((figure - SLACK / 2) * 10) / 10
        return (
            f"{figure:.2f} % is more than {SLACK:g} % above the floor: fail_under in pyproject.toml can be {raised:g}"
        )
    return ""


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
    if "--floor" not in arguments:
        return 0
    print(advice(figure, floor))
    return 1 if figure < floor else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
