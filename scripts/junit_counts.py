# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Counts the tests in JUnit files, and writes the ``counts``, ``failures``, ``skips`` and ``times`` of the summary."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

# ansible-test's reason for a skipped test, and a clearer one.
NAMED = {"No tests applicable.": "the project has no file of the kind that this checks"}
# Of a failure's reason; the whole is in the stage's output.
REASON_CHARACTERS = 300


def main(results: Path, report: Path) -> None:
    passed = 0
    failures = []
    skips: Counter[tuple[str, str]] = Counter()
    times = []
    for file in sorted(results.glob("*.xml")):
        for case in ElementTree.parse(file).iter("testcase"):  # noqa: S314 - our own tools wrote it just now
            skip = case.find("skipped")
            failure = case.find("failure") if case.find("failure") is not None else case.find("error")
            if failure is not None:
                reason = " ".join((failure.get("message") or failure.text or "no reason given").split())
                failures.append(f"{_name(case)}: {reason[:REASON_CHARACTERS]}\n")
            elif skip is not None:
                reason = skip.get("message") or skip.text or "no reason given"
                name = case.get("name", "") if reason in NAMED else case.get("classname", "")
                skips[name, " ".join(NAMED.get(reason, reason).split())] += 1
            else:
                passed += 1
            # ansible-test writes no times.
            if float(case.get("time") or 0):
                times.append(f"{float(case.get('time', 0)):7.1f} s  {report.name:10} {_name(case)}\n")
    report.mkdir(parents=True, exist_ok=True)
    (report / "counts").write_text(f"{passed} {len(failures)} {skips.total()}\n")
    (report / "failures").write_text("".join(failures))
    (report / "times").write_text("".join(times))
    (report / "skips").write_text("".join(f"{count} in {name}: {why}\n" for (name, why), count in skips.items()))


def _name(case: ElementTree.Element) -> str:
    return f"{case.get('classname')}::{case.get('name')}".removeprefix("tests.")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
