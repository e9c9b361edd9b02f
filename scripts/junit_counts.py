# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Counts what passed, failed and was skipped in JUnit files; writes ``counts`` and ``skips`` for a run's summary."""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree


def main(results: Path, report: Path) -> None:
    passed = failed = 0
    skips: list[str] = []
    for file in sorted(results.glob("*.xml")):
        for case in ElementTree.parse(file).iter("testcase"):  # noqa: S314 - our own tools wrote it just now
            name = "::".join(filter(None, (case.get("classname"), case.get("name"))))
            skip = case.find("skipped")
            if case.find("failure") is not None or case.find("error") is not None:
                failed += 1
            elif skip is not None:
                skips.append(f"{name}: {skip.get('message') or skip.text or 'no reason given'}")
            else:
                passed += 1
    report.mkdir(parents=True, exist_ok=True)
    (report / "counts").write_text(f"{passed} {failed} {len(skips)}\n")
    (report / "skips").write_text("".join(f"{' '.join(skip.split())}\n" for skip in skips))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
