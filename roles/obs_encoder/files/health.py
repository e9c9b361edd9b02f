# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks whether OBS sends media from this host. If it does not, prints the reason and restarts OBS.

If the ingest is away or refuses the key, OBS keeps running, and shows only a message on its screen. So each check asks
the kernel twice how many bytes the ingest has acknowledged. If the number has not grown, no media is sent.

A state is printed when it changes. The exit code is 1 while a stream fails. With --report nothing is changed, and
the current states are printed as JSON: {"SESSION_ID": {"state": "on air", "label": "ROOM/TITLE"}}.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

UNIT = "tenbyte-obs@{}.service"
APART_SECONDS = 3.0
RAREST_RESTART_SECONDS = 600.0


def acknowledged_bytes(connections: str, port: int, processes: set[int]) -> int:
    """Return the sum of `bytes_acked` of these processes' connections to a port, from the output of `ss -tinpHO`."""
    total = 0
    for line in connections.splitlines():
        fields = line.split()
        owners = {int(found) for found in re.findall(r"\bpid=(\d+)", line)}
        if len(fields) > 4 and fields[4].rpartition(":")[2] == str(port) and owners & processes:
            total += int((re.search(r"\bbytes_acked:(\d+)", line) or [0, 0])[1])
    return total


def state(processes: set[int], port: int | None, before: int, after: int) -> str:
    """Return `on air`, `not on air`, `down` (no process), or `running` (for WHIP, whose media cannot be measured)."""
    if not processes:
        return "down"
    if port is None:
        return "running"
    return "on air" if after > before else "not on air"


def next_restart(failures: int, limit: int, interval: float) -> int:
    """Return the number of failures in a row at which to restart next.

    `failures` is the number at the last restart, 0 if there was none. Each restart waits twice as long as the one
    before, but at most RAREST_RESTART_SECONDS. `interval` are the seconds between two checks.
    """
    rarest = max(limit, round(RAREST_RESTART_SECONDS / max(interval, 1.0)))
    return failures + min(failures, rarest) if failures else limit


def processes_of(session_id: str) -> set[int]:
    found = set()
    for path in Path("/proc").glob("[0-9]*/cgroup"):
        try:
            if f"/{UNIT.format(session_id)}" in path.read_text():
                found.add(int(path.parent.name))
        except OSError:
            continue
    return found


def connections() -> str:
    asked = ["ss", "--tcp", "--info", "--numeric", "--processes", "--no-header", "--oneline"]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout


def states(places: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    before = connections()
    time.sleep(APART_SECONDS)
    after = connections()
    found = {}
    for session_id, place in places.items():
        processes, port = processes_of(session_id), place["port"]
        sent = [acknowledged_bytes(text, port, processes) if port else 0 for text in (before, after)]
        found[session_id] = state(processes, port, *sent)
    return found


def reason(place: Mapping[str, Any]) -> str:
    """Return why no media leaves, as far as this host can tell."""
    host, port = place["host"].strip("[]"), place["port"]
    try:
        socket.create_connection((host, port), timeout=5).close()
    except OSError as error:
        return f"{host} port {port} cannot be reached ({error})"
    refused = "it refuses the stream key, the session has ended, or OBS hangs"
    return f"{host} port {port} takes connections but no media: {refused}"


def judge(
    session_id: str, place: Mapping[str, Any], present: str, before: Mapping[str, Any], limit: int
) -> dict[str, Any]:
    """Print what has changed for one stream, and restart it if that is due. Return the record for the next run."""
    at = time.clock_gettime(time.CLOCK_BOOTTIME)
    failing = present in ("not on air", "down")
    failures = before.get("failures", 0) + 1 if failing else 0
    due = before.get("due", limit) if failing else limit
    label = f"{session_id} ({place['label']})"
    if failing and failures >= due:
        due = next_restart(failures, limit, at - before.get("at", at - 10))
        why = "OBS does not run" if present == "down" else reason(place)
        print(f"<3>{label} is not on air: {why}. Starting OBS again.", flush=True)
        # try-restart does not start a unit that was stopped in the meantime.
        subprocess.run(["systemctl", "try-restart", UNIT.format(session_id)], check=False)
    elif not failing and before.get("failures", 0) >= limit:
        print(f"<5>{label} is {present} again.", flush=True)
    elif not failing and present != before.get("state"):
        print(f"<5>{label}: {present}", flush=True)
    return {"state": present, "failures": failures, "due": due, "at": at}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=Path, required=True, help="the folder with a folder for each stream")
    parser.add_argument("--failures", type=int, default=3, help="checks without media before OBS is restarted")
    parser.add_argument("--report", action="store_true", help="print the current states as JSON, and do nothing else")
    options = parser.parse_args()
    places = {path.parent.name: json.loads(path.read_text()) for path in options.settings.glob("*/place.json")}
    present = states(places)
    if options.report:
        print(json.dumps({one: {"state": present[one], "label": place["label"]} for one, place in places.items()}))
        return 0
    remembered = Path(os.environ.get("RUNTIME_DIRECTORY", "/run/tenbyte-obs-health"), "state.json")
    try:
        before = json.loads(remembered.read_text())
    except (OSError, ValueError):
        before = {}
    after = {
        one: judge(one, places[one], present[one], before.get(one, {}), options.failures) for one in sorted(places)
    }
    remembered.write_text(json.dumps(after))
    return 1 if any(found["failures"] >= options.failures for found in after.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
