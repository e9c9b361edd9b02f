# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""scripts/junit_counts.py: what the summary of `make test` is made of."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REPORT = """<testsuites><testsuite>
<testcase classname="tests.unit.test_a" name="test_slow" time="12.5"/>
<testcase classname="tests.unit.test_a" name="test_broken" time="0.25"><failure message="no"/></testcase>
<testcase classname="tests.unit.test_b" name="test_else" time="0.0"><skipped message="no such  program"/></testcase>
<testcase classname="validate-modules" name="timeless"/>
</testsuite></testsuites>"""


def test_tests_are_counted_by_outcome_and_timed(tmp_path: Path) -> None:
    results, report = tmp_path / "results", tmp_path / "unit"
    results.mkdir()
    (results / "junit.xml").write_text(REPORT)
    script = ROOT / "scripts" / "junit_counts.py"
    subprocess.run([sys.executable, str(script), str(results), str(report)], check=True)
    assert (report / "counts").read_text() == "2 1 1\n"
    assert (report / "skips").read_text() == "1 in tests.unit.test_b: no such program\n"
    assert (report / "failures").read_text() == "unit.test_a::test_broken: no\n"
    times = [line.split() for line in (report / "times").read_text().splitlines()]
    assert times == [
        ["12.5", "s", "unit", "unit.test_a::test_slow"],
        ["0.2", "s", "unit", "unit.test_a::test_broken"],
    ]
