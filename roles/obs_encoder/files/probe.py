# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tells `health.py` what each OBS of this host does, by the bytes that the ingest acknowledges.

If the ingest is away or refuses the key, OBS keeps running, and shows only a message on its screen. So the kernel is
asked twice how many bytes the ingest has acknowledged.
"""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path
from typing import Any

UNIT = "tenbyte-obs@{}.service"
APART_SECONDS = 3.0
# A connection that is refused has acknowledged about 4 kB by then, its handshake. Sound alone is 8 kB each second.
HANDSHAKE_BYTES = 8192
TIMEOUT = 5.0

Found = dict[str, Any]


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
    return "on air" if after - before > HANDSHAKE_BYTES else "not on air"


def processes_by_stream(names: list[str]) -> dict[str, set[int]]:
    """Return the process ids of each stream's unit."""
    found: dict[str, set[int]] = {name: set() for name in names}
    for path in Path("/proc").glob("[0-9]*/cgroup"):
        try:
            text = path.read_text()
        except OSError:
            continue
        for name in names:
            if f"/{UNIT.format(name)}" in text:
                found[name].add(int(path.parent.name))
    return found


def connections() -> str:
    asked = ["ss", "--tcp", "--info", "--numeric", "--processes", "--no-header", "--oneline"]
    return subprocess.run(asked, capture_output=True, text=True, check=True, timeout=TIMEOUT).stdout


def find(streams: dict[str, Found], _settings: Found, _kept: dict[str, Found]) -> dict[str, Found]:
    # Nobody but the person who starts OBS knows when it is to run.
    streams = {name: stream for name, stream in streams.items() if not stream.get("person")}
    before = connections()
    time.sleep(APART_SECONDS)
    after = connections()
    processes = processes_by_stream(list(streams))
    found: dict[str, Found] = {}
    for name, stream in streams.items():
        port = stream["port"]
        sent = [acknowledged_bytes(text, port, processes[name]) if port else 0 for text in (before, after)]
        found[name] = {"state": state(processes[name], port, *sent), "problem": "", "unit": UNIT.format(name)}
        if found[name]["state"] in ("down", "not on air"):
            found[name]["words_of"] = UNIT.format(name)
        if found[name]["state"] == "down":
            found[name]["problem"] = f"{UNIT.format(name)} does not run"
        if found[name]["state"] == "not on air":
            found[name].update(destination=(stream["host"].strip("[]"), port), otherwise=", or OBS hangs")
    return found
