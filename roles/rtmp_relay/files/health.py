# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks whether the media that encoders send to the relay leaves this host. If not, prints why and restarts the push.

A unit's state does not show that a destination is down, refuses the key or has ended the session: nginx keeps trying
and logs nothing. So each check reads the bytes in and out of a push from the statistics page of nginx's RTMP module.

A state is printed when it changes. The exit code is 1 while a push fails. With --report nothing is changed, and the
current states are printed as JSON: {"NAME.DESTINATION": {"state": "on air", "seconds": 12.5, "label": "ROOM/TITLE"}}.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

RUNTIME = Path("/run/tenbyte-rtmp-relay-push")
UNIT = "tenbyte-rtmp-relay-push@{}.service"
# A destination that refuses a key closes the connection at once. A connection that lasts so long was accepted.
ACCEPTED_SECONDS = 3.0
RAREST_RESTART_SECONDS = 600.0


@dataclass(frozen=True)
class Look:
    """What a push does. Bytes are since its start. `seconds` are since it connected to its destination, None if not."""

    publishing: bool
    bytes_in: int = 0
    bytes_out: int = 0
    seconds: float | None = None


def look(page: str) -> Look:
    """Return what a push does, from the statistics page of the RTMP module. The page contains no stream key."""
    stream = ElementTree.fromstring(page).find(".//stream")  # noqa: S314 - the page is our own nginx's
    if stream is None:
        return Look(publishing=False)
    clients = stream.findall("client")
    pushes = [client for client in clients if client.find("publishing") is None]
    return Look(
        publishing=len(pushes) < len(clients),
        bytes_in=int(stream.findtext("bytes_in") or 0),
        bytes_out=int(stream.findtext("bytes_out") or 0),
        seconds=int(pushes[0].findtext("time") or 0) / 1000 if pushes else None,
    )


def state(now: Look | None, before: Look | None) -> str:
    """Return `idle` (no encoder), `on air`, `connecting`, `silent encoder`, `not on air` or `down` (no answer)."""
    if now is None:
        return "down"
    if not now.publishing:
        return "idle"
    if now.seconds is None:
        return "not on air"
    if now.seconds < ACCEPTED_SECONDS:
        return "connecting"
    # Bytes count from zero after a restart, so only growth is compared.
    if before is not None and before.bytes_in <= now.bytes_in and before.publishing:
        if now.bytes_in == before.bytes_in:
            return "silent encoder"
        if now.bytes_out == before.bytes_out:
            return "not on air"
    return "on air"


def next_restart(failures: int, limit: int, interval: float) -> int:
    """Return the number of failures in a row at which to restart next.

    `failures` is the number at the last restart, 0 if there was none. Each restart waits twice as long as the one
    before, but at most RAREST_RESTART_SECONDS. `interval` are the seconds between two checks.
    """
    rarest = max(limit, round(RAREST_RESTART_SECONDS / max(interval, 1.0)))
    return failures + min(failures, rarest) if failures else limit


def read_page(push: str, runtime: Path) -> Look | None:
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            connection.connect(str(runtime / push / "stat.sock"))
            connection.sendall(b"GET /stat HTTP/1.0\r\n\r\n")
            with connection.makefile("rb") as answer:
                head, _separator, page = answer.read().partition(b"\r\n\r\n")
        return look(page.decode("utf-8", "replace")) if b" 200 " in head.partition(b"\r\n")[0] else None
    except (OSError, ElementTree.ParseError):
        return None


def reason(settings: dict[str, Any]) -> str:
    """Return why no media leaves, as far as this host can tell."""
    place = f"{settings['host']} port {settings['port']}"
    try:
        socket.create_connection((settings["host"], settings["port"]), timeout=5).close()
    except OSError as error:
        return f"{place} cannot be reached ({error})"
    return f"{place} takes connections but no media: it refuses the stream key, or the session has ended"


def judge(push: str, settings: dict[str, Any], now: Look | None, before: dict[str, Any], limit: int) -> dict[str, Any]:
    """Print what has changed for one push, and restart it if that is due. Return the record for the next run."""
    at = time.clock_gettime(time.CLOCK_BOOTTIME)
    last = Look(**before["look"]) if before.get("look") else None
    present = state(now, last)
    failing = present in ("not on air", "down") or (present == "connecting" and before.get("failures", 0) > 0)
    failures = before.get("failures", 0) + 1 if failing else 0
    due = before.get("due", limit) if failing else limit
    label = f"{push} ({settings['label']})"
    if failing and failures >= due:
        due = next_restart(failures, limit, at - before.get("at", at - 10))
        print(f"<3>{label} is not on air: {reason(settings)}. Starting the push again.", flush=True)
        # try-restart does not start a unit that was stopped in the meantime.
        subprocess.run(["systemctl", "try-restart", UNIT.format(push)], check=False)
    elif not failing and before.get("failures", 0) >= limit:
        print(f"<5>{label} is {present} again.", flush=True)
    elif present != before.get("state") and present in ("silent encoder", "idle", "on air"):
        print(f"<{4 if present == 'silent encoder' else 5}>{label}: {present}", flush=True)
    return {"state": present, "failures": failures, "due": due, "at": at, "look": asdict(now) if now else None}


def report(pushes: dict[str, dict[str, Any]], runtime: Path) -> dict[str, Any]:
    """Return the current states. Each page is read twice, because only growing numbers show that media flows."""
    first = {push: read_page(push, runtime) for push in pushes}
    time.sleep(2)
    found = {}
    for push, settings in pushes.items():
        now = read_page(push, runtime)
        found[push] = {
            "state": state(now, first[push]),
            "seconds": now.seconds if now else None,
            "label": settings["label"],
        }
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=Path, required=True, help="the folder with a JSON file for each push")
    parser.add_argument("--runtime", type=Path, default=RUNTIME, help="the folder with a folder for each push")
    parser.add_argument("--failures", type=int, default=3, help="checks without media before a push is restarted")
    parser.add_argument("--report", action="store_true", help="print the current states as JSON, and do nothing else")
    options = parser.parse_args()
    pushes = {path.name[: -len(".json")]: json.loads(path.read_text()) for path in options.settings.glob("*.json")}
    if options.report:
        print(json.dumps(report(pushes, options.runtime)))
        return 0
    remembered = Path(os.environ.get("RUNTIME_DIRECTORY", "/run/tenbyte-rtmp-relay-health"), "state.json")
    try:
        before = json.loads(remembered.read_text())
    except (OSError, ValueError):
        before = {}
    after = {
        push: judge(push, settings, read_page(push, options.runtime), before.get(push, {}), options.failures)
        for push, settings in sorted(pushes.items())
    }
    remembered.write_text(json.dumps(after))
    return 1 if any(found["failures"] >= options.failures for found in after.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
