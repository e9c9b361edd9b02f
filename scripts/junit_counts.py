# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Counts passed, failed and skipped tests in JUnit files, and writes ``counts`` and ``skips`` for the summary."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

# ansible-test's reason for a skipped test, and a clearer one.
NAMED = {"No tests applicable.": "the project has no file of the kind that this checks"}


def main(results: Path, report: Path) -> None:
    passed = failed = 0
    skips: Counter[tuple[str, str]] = Counter()
    for file in sorted(results.glob("*.xml")):
        for case in ElementTree.parse(file).iter("testcase"):  # noqa: S314 - our own tools wrote it just now
            skip = case.find("skipped")
            if case.find("failure") is not None or case.find("error") is not None:
                failed += 1
            elif skip is not None:
                reason = skip.get("message") or skip.text or "no reason given"
                name = case.get("name", "") if reason in NAMED else case.get("classname", "")
                skips[name, " ".join(NAMED.get(reason, reason).split())] += 1
            else:
                passed += 1
    report.mkdir(parents=True, exist_ok=True)
    (report / "counts").write_text(f"{passed} {failed} {skips.total()}\n")
    (report / "skips").write_text("".join(f"{count} in {name}: {why}\n" for (name, why), count in skips.items()))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
