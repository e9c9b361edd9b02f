# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`scripts/gates [NAME…]`: run the gates whose names begin with these, or all, and print a table.

Names are, from wide to narrow: 2.18, 2.18/units, 2.18/units/3.12; project, project/docs; libraries, libraries/oldest.
With NONE_MISSING=1 in the environment, a gate that cannot run on this machine has failed.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.cores import ALL, BRANCHES, OF_TOOLS, ROOT, Core, NotHere

from .gates import Gate, gates, path_of_pythons
from .report import Outcome, Verdict, table

LOGS = ROOT / "build" / "gates"
TIMEOUT = 2400.0
LAST_LINES = 40


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/gates", description=__doc__)
    parser.add_argument("names", nargs="*", help="which gates to run; all without any")
    parser.add_argument("--list", action="store_true", help="print the names, and run nothing")
    parser.add_argument("--matrix", action="store_true", help="print the cores and their Pythons as JSON, for CI")
    options = parser.parse_args()
    if options.matrix:
        print(f"cores={json.dumps([for_ci(core) for core in ALL])}")
        print(f"branches={json.dumps([for_ci(core) for core in BRANCHES])}")
        return 0
    chosen = [gate for gate in gates() if selected(gate.name, options.names)]
    unknown = [name for name in options.names if not any(selected(gate.name, [name]) for gate in chosen)]
    if unknown:
        parser.error(f"there is no gate {', '.join(unknown)}; scripts/gates --list prints all")
    if options.list:
        print("\n".join(gate.name for gate in chosen))
        return 0
    # A plain kill and a closed terminal end the gate that runs, as Ctrl-C does.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda got, _frame: sys.exit(128 + got))
    outcomes = [perform(gate) for gate in chosen]
    print("", *table(outcomes), sep="\n")
    bad = {Verdict.FAILED, Verdict.MISSING} if os.environ.get("NONE_MISSING") == "1" else {Verdict.FAILED}
    return int(any(outcome.verdict in bad for outcome in outcomes))


def selected(gate: str, names: list[str]) -> bool:
    return not names or any(gate == name or gate.startswith(f"{name}/") for name in names)


def for_ci(core: Core) -> dict[str, Any]:
    """Return what a job needs: the core, and the Pythons for actions/setup-python, whose last one is the default."""
    default = next(python for python in core.pythons if python in OF_TOOLS)
    others = [python for python in core.pythons if python != default]
    return {"series": core.series, "pythons": "\n".join([*others, default])}


def perform(gate: Gate) -> Outcome:
    print(f"==> {gate.name}", flush=True)
    start = time.monotonic()
    try:
        command = gate.command()
        outcome = _run(gate, command, start)
    except NotHere as reason:
        outcome = Outcome(gate, Verdict.MISSING, 0, str(reason))
    # An environment that cannot be made, or a program that cannot be started, is the gate's failure, and no other's.
    except (RuntimeError, OSError, subprocess.SubprocessError) as reason:
        outcome = Outcome(gate, Verdict.FAILED, round(time.monotonic() - start), str(reason))
    print(f"<== {gate.name}: {outcome.verdict.value}, {outcome.seconds} s. {outcome.detail}", flush=True)
    return outcome


def _run(gate: Gate, command: list[str], start: float) -> Outcome:
    log = LOGS / f"{gate.name.replace('/', '-')}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "PATH": path_of_pythons()}
    with log.open("w") as output:
        # A group of its own, so that a gate ends with all that it has started.
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=output, stderr=output, start_new_session=True
        )
        try:
            status: int | None = process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            _end(process)
    seconds = round(time.monotonic() - start)
    where = os.path.relpath(log, ROOT)
    if status != 0:
        print("\n".join(log.read_text(errors="replace").splitlines()[-LAST_LINES:]), flush=True)
        reason = f"not done after {TIMEOUT:.0f} s" if status is None else f"exit code {status}"
        return Outcome(gate, Verdict.FAILED, seconds, f"{reason}, see {where}")
    if gate.results is None:
        return Outcome(gate, Verdict.PASSED, seconds)
    passed, skipped = _counts(gate.results)
    if not passed:
        return Outcome(gate, Verdict.FAILED, seconds, f"nothing was tested, see {where}")
    return Outcome(gate, Verdict.PASSED, seconds, f"{passed} ({skipped} skipped)")


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def _counts(results: Path) -> tuple[int, int]:
    report = results.parent / "counts"
    subprocess.run([sys.executable, ROOT / "scripts" / "junit_counts.py", results, report], check=True)
    passed, _failed, skipped = map(int, (report / "counts").read_text().split())
    return passed, skipped


if __name__ == "__main__":
    sys.exit(main())
