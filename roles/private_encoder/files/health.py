# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks whether the streams of this host are on air. Prints which are not, and why; the exit code is 1 if any fails.

The files beside this one: `probe.py` finds out what each stream of the role does; `look.py` looks at what viewers get;
`health_settings.json` says where everything is. The result of each check is kept in a JSON file, `result` in the
settings: {"checked": EPOCH_SECONDS, "healthy": BOOL, "streams": {NAME: {"label", "state", "healthy", "problem"}}}.

A stream fails if it has a problem for GRACE_SECONDS, so that a reconnection is no failure, or at once if the problem
will not end by itself. With --restart, a stream that goes on failing is restarted, at growing intervals. With --report,
the current states are printed as JSON, {NAME: {"state": "on air", "label": "ROOM/TITLE"}}, and nothing is kept.
Needs Python 3.9.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
GRACE_SECONDS = 10.0
# Checks come every 10 s, but for so much.
EARLY_SECONDS = 0.5
RAREST_RESTART_SECONDS = 600.0
CONNECT_SECONDS = 4.0
# Looks take processor time; more at once would disturb the encoders.
LOOKS_AT_ONCE = 2
# For all looks of a check, and the least that one needs. What is off air is told after them, within 30 s.
LOOKING_SECONDS = 8.0
LEAST_LOOKING_SECONDS = 4.0
ERROR, NOTICE = 3, 5
TELLING = re.compile(
    r"(?i)\b(?:emerg|alert|crit|error|fail\w*|refus\w*|denied|invalid|disconnect\w*|cannot|could not|unable)\b"
)

# User and password in a URL, and its query, which may hold a token: programs repeat them in their messages.
CREDENTIALS = re.compile(r"(://)[^/\s]+@")
QUERY = re.compile(r"""(://[^\s?#]*[?#])\S+?(?=[:;,.'"]*(?:\s|\Z))""")

# A value of JSON. What a probe finds has "state" and "problem" (a sentence; empty if the stream is well), and may have
# "at_once" (it fails without a grace), "lasting" (for how many seconds it has had the problem, if the probe knows),
# "unit" (the systemd unit whose restart may help), "words_of" (the unit whose last words are added to the problem),
# "destination" (host and port that take no media; the problem is then found out here) and "kept" (what the probe gets
# back at the next check).
Found = dict[str, Any]


def is_journal() -> bool:
    """Return whether the output goes to the journal: what is started below a unit inherits the variable alone."""
    try:
        output = os.fstat(sys.stdout.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{output.st_dev}:{output.st_ino}"


def say(level: int, text: str) -> None:
    # The prefix is the journal's. A terminal or a monitor gets the sentence alone.
    print(f"<{level}>{text}" if is_journal() else text, flush=True)


def next_restart(failures: int, limit: int, interval: float) -> int:
    """Return the number of failures in a row at which to restart next.

    `failures` is the number at the last restart, 0 if there was none. Each restart waits twice as long as the one
    before, but at most RAREST_RESTART_SECONDS. `interval` are the seconds between two checks.
    """
    rarest = max(limit, round(RAREST_RESTART_SECONDS / max(interval, 1.0)))
    return failures + min(failures, rarest) if failures else limit


def records(settings: Found) -> dict[str, Found]:
    """Return what the role has noted of each stream, by name."""
    folder = Path(settings["records"])
    if not folder.is_dir():
        raise OSError(f"there is no folder {folder}")
    found = {}
    for path in sorted(folder.glob(settings["record"])):
        name = path.name[: -len(".json")] if settings["record"].startswith("*.") else path.parent.name
        found[name] = json.loads(path.read_text(encoding="utf-8"))
    return found


def remembered(file: Path) -> dict[str, Found]:
    """Return the streams of the last check, by name; none if there was no check, or if its result is damaged."""
    try:
        streams = json.loads(file.read_text(encoding="utf-8"))["streams"]
        return {name: one for name, one in streams.items() if isinstance(one, dict)}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def remember(file: Path, streams: dict[str, Found], now: float) -> str:
    """Keep the result of a check. Return why that failed, an empty text if it did not."""
    healthy = all(one["healthy"] for one in streams.values())
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = file.with_suffix(".new")
        unfinished.write_text(json.dumps({"checked": now, "healthy": healthy, "streams": streams}) + "\n")
        unfinished.replace(file)
    except OSError as error:
        return f"{file} cannot be written ({error})"
    return ""


def judge(found: Found, before: Found, now: float, limit: int, *, restarts: bool = True) -> Found:
    """Return the record of a stream: what was found, since when it has a problem, and whether it fails."""
    problem = found["problem"]
    since, last = None, _number(before, "at", now - GRACE_SECONDS)
    if problem and now - found.get("lasting", now) > last + GRACE_SECONDS:
        # It began so long after the last check that the stream has been well in between.
        before = {}
    if problem:
        earlier = before.get("since")
        # The clock may have been set back meanwhile.
        since = min(earlier, now) if isinstance(earlier, (int, float)) else now - found.get("lasting", 0.0)
    healthy = since is None or not (found.get("at_once") or now - since >= GRACE_SECONDS - EARLY_SECONDS)
    failures = 0 if not problem else _number(before, "failures", 0) + 1
    due = _number(before, "due", limit) if problem else limit
    restart = bool(restarts and problem and found.get("unit") and not healthy and failures >= due)
    if restart:
        due = next_restart(failures, limit, now - last)
    return {
        "label": found["label"],
        "state": found["state"],
        "healthy": healthy,
        "problem": problem,
        "since": since,
        "failures": failures,
        "due": due,
        "at": now,
        "restart": found["unit"] if restart else "",
        "kept": found.get("kept", {}),
    }


def _number(record: Found, name: str, otherwise: float) -> Any:
    value = record.get(name)
    return value if isinstance(value, (int, float)) else otherwise


def announce(name: str, record: Found, before: Found, now: float) -> None:
    """Print why a stream fails, each time, so that the last lines of the journal say it; and what else has changed."""
    title = f"{record['label']} ({name})"
    if not record["healthy"]:
        restarts = f" {record['restart']} is started again." if record["restart"] else ""
        say(ERROR, f"{title} {_ill(record, now)}.{restarts}")
    elif before.get("healthy") is False:
        say(NOTICE, f"{title} is {record['state']} again.")
    elif record["state"] != before.get("state"):
        say(NOTICE, f"{title}: {record['state']}" + (f", {record['problem']}" if record["problem"] else ""))


def _ill(record: Found, now: float) -> str:
    lasting = now - record["since"]
    verb = f"has not been well for {lasting:.0f} s" if lasting >= 1 else "is not well"
    return f"{verb} ({record['state']}): {record['problem']}"


def look_at_pictures(found: dict[str, Found], streams: dict[str, Found], settings: Found, now: float) -> None:
    """Add to the streams that are on air what is wrong with what their viewers get.

    If there is no time for all of them, those come first that were looked at longest ago.
    """
    look = importlib.import_module("look")
    to_see = [name for name, one in found.items() if not one["problem"]]
    to_see.sort(key=lambda name: _number(found[name]["looked"], "at", 0.0))
    until = time.monotonic() + LOOKING_SECONDS

    def looked(name: str) -> Found | None:
        left = until - time.monotonic()
        url = str(streams[name].get("hls_url") or "")
        return look.look(url, settings["ffmpeg"], left) if left >= LEAST_LOOKING_SECONDS else None

    with ThreadPoolExecutor(LOOKS_AT_ONCE) as pool:
        seen_by_name = dict(zip(to_see, pool.map(looked, to_see)))  # noqa: B905 - `strict` is of Python 3.10
    for name, seen in seen_by_name.items():
        one = found[name]
        kept = one.setdefault("kept", {})
        if seen is None:
            # What was wrong is taken to be so until the next look.
            kept["look"], wrong = one["looked"], one["looked"].get("wrong") or {}
        else:
            wrong, looked_at = look.verdict(seen, one["looked"], now)
            kept["look"] = {**looked_at, "at": now, "wrong": wrong}
        if wrong.get("problem"):
            one.update(wrong)


def reason(host: str, port: int) -> str:
    """Return why a destination gets no media, as far as this host can tell."""
    place = f"{host} port {port}"
    try:
        socket.create_connection((host, port), timeout=CONNECT_SECONDS).close()
    except OSError as error:
        return f"{place} cannot be reached ({error})"
    return f"{place} takes connections but no media: it refuses the stream key, or the session has ended"


def add_reasons(found: Iterable[Found]) -> None:
    """Find out why destinations get no media, all at once, and within a time: a name server may not answer."""
    silent = [(one, (str(one["destination"][0]), int(one["destination"][1]))) for one in found if "destination" in one]
    reasons: dict[tuple[str, int], str] = {}
    threads = [
        threading.Thread(target=lambda place=place: reasons.update({place: reason(*place)}), daemon=True)
        for place in {place for _one, place in silent}
    ]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + CONNECT_SECONDS + 1
    for thread in threads:
        thread.join(max(deadline - time.monotonic(), 0.0))
    for one, place in silent:
        one["problem"] = reasons.get(place, f"{place[0]} port {place[1]} cannot be reached (no answer)")
        one["problem"] += one.get("otherwise", "")


def last_words(unit: str) -> str:
    """Return the last line of a unit that tells of a failure, empty if its journal has none of late."""
    asked = [
        "journalctl",
        "--quiet",
        "--no-pager",
        "--lines=50",
        "--since=-10min",
        "--output=cat",
        f"_SYSTEMD_UNIT={unit}",
    ]
    try:
        said = subprocess.run(asked, capture_output=True, timeout=5, check=False).stdout.decode("utf-8", "replace")
    except (OSError, subprocess.TimeoutExpired):
        return ""
    lines = [line for line in said.splitlines() if TELLING.search(line)]
    last = "".join(letter for letter in lines[-1] if letter.isprintable()) if lines else ""
    return " ".join(QUERY.sub(r"\1********", CREDENTIALS.sub(r"\1********@", last)).split())[-300:]


def add_words(found: Iterable[Found]) -> None:
    for one in found:
        words = last_words(str(one["words_of"])) if one.get("words_of") else ""
        one["problem"] += f"; it said last: {words}" if words else ""


def check(settings: Found, before: dict[str, Found], now: float) -> dict[str, Found]:
    """Return what each stream does, by name."""
    streams = records(settings)
    kept = {name: one["kept"] for name, one in before.items() if isinstance(one.get("kept"), dict)}
    probe = importlib.import_module("probe")
    found: dict[str, Found] = probe.find(streams, settings, {name: kept.get(name, {}) for name in streams})
    add_reasons(found.values())
    add_words(found.values())
    for name, one in found.items():
        one["label"] = str(streams[name].get("label") or name)
        one["looked"] = kept.get(name, {}).get("look") or {}
    if settings.get("look"):
        look_at_pictures(found, streams, settings, now)
    return found


def restart(units: set[str]) -> None:
    for unit in sorted(units):
        # try-restart does not start a unit that was stopped in the meantime.
        subprocess.run(["systemctl", "--no-block", "try-restart", unit], check=False)


def run(settings: Found, *, restarts: bool) -> int:
    file = Path(settings["result"])
    before = remembered(file)
    # What is found is found now; looks take longer, and not always the same time.
    now = time.time()
    found = check(settings, before, now)
    after = {}
    for name in sorted(found):
        earlier = before.get(name, {})
        after[name] = judge(found[name], earlier, now, settings["failures"], restarts=restarts)
        announce(name, after[name], earlier, now)
    restart({one.pop("restart") for one in after.values()} - {""})
    unwritten = remember(file, after, now)
    if unwritten:
        # Without it, nobody knows for how long a stream has a problem. So each problem counts.
        say(ERROR, f"The result of the check is lost: {unwritten}.")
        for name, one in after.items():
            if one["problem"] and one["healthy"]:
                say(ERROR, f"{one['label']} ({name}) {_ill(one, now)}.")
        return 1
    if not is_journal() and all(one["healthy"] for one in after.values()):
        print(f"No stream fails; this host has {len(after)}.")
    return 0 if all(one["healthy"] for one in after.values()) else 1


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--settings", type=Path, help="the folder of the streams' records, if it is another one")
    parser.add_argument("--report", action="store_true", help="print the current states as JSON, and do nothing else")
    parser.add_argument("--restart", action="store_true", help="restart streams that go on failing, with systemd")
    options = parser.parse_args()
    # Nothing may be left in the role's folder, and an isolated Python does not find the files beside this one.
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(HERE))
    try:
        settings = json.loads((HERE / "health_settings.json").read_text(encoding="utf-8"))
        settings["records"] = str(options.settings or settings["records"])
        if options.report:
            found = check({**settings, "look": False}, {}, time.time())
            shown = ("state", "label", "seconds", "problem")
            print(json.dumps({name: {key: one[key] for key in shown if key in one} for name, one in found.items()}))
            return 0
        return run(settings, restarts=options.restart)
    except Exception as error:  # noqa: BLE001 - whatever it is, nobody knows whether the streams are on air
        why = str(error) if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
        say(ERROR, f"The health check cannot be made, so nobody knows whether the streams are on air: {why}.")
        return 1


if __name__ == "__main__":
    sys.exit(main())
