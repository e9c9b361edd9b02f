# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tells `health.py` what each stream of ffmpeg does, by the file that its program keeps: RUN/NAME/status.json.

The file has `state`, `showing`, and of programs that write them: `flowing`, when media last went out; `alive`, when the
program last wrote the file; `since`, when the state began; `shown`, when what is shown began (all in seconds since the
epoch); `failures`, `last_words`.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

UNIT = "tenbyte-encoder@{}.service"
# The program writes its state at least every 5 s.
ALIVE_SECONDS = 15.0
FLOWING_SECONDS = 10.0
LONGEST_WORDS = 300
GAVE_UP = 77
REFUSED = (
    "its encoder has given up, because the ingest refuses its key, or its session has ended; the role writes a new key"
)
PROBLEMS = {
    "connecting": "its encoder connects to the ingest",
    "waiting": "its encoder waits before it tries again",
    "refused": REFUSED,
    "unsendable": "its source is nothing that can be sent",
}
# These states do not end by themselves.
FINAL = ("refused", "unsendable")

Found = dict[str, Any]


def find(streams: dict[str, Found], settings: Found, _kept: dict[str, Found]) -> dict[str, Found]:
    found = {}
    for name in streams:
        folder = Path(settings["run"], name)
        status = read_status(folder / "status.json")
        if status is not None:
            status["ended"] = has_ended(folder / "lock")
        now = time.time()
        found[name] = problem_of(status, now, slate_is_well=bool(settings.get("slate")))
        if found[name]["state"] == "down":
            log = Path(settings["run"]).parent / "log" / f"{name}.log"
            found[name].update(of_unit(name) if settings["manager"] == "systemd" else {})
            more = "journalctl --identifier tenbyte-encoder" if settings["manager"] == "systemd" else str(log)
            found[name]["problem"] += f"; its last words are in {more}"
    return found


def read_status(file: Path) -> Found | None:
    """Return what the program says; None if it says nothing that can be read."""
    try:
        status = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return status if isinstance(status, dict) else None


def has_ended(lock: Path) -> bool:
    """Return whether the program that took a stream's lock runs no more."""
    try:
        os.kill(int(lock.read_text(encoding="ascii")), 0)
    except ProcessLookupError:
        return True
    except (OSError, ValueError, OverflowError):
        # It is another user's, or there is no such file.
        return False
    return False


def problem_of(status: Found | None, now: float, *, slate_is_well: bool) -> Found:
    """Return the state and the problem of a stream, by what its program says."""
    if status is None:
        return {"state": "down", "problem": "its encoder does not run, or cannot write its state", "at_once": True}
    quiet = _age(status, "alive", now)
    # A program that has given up has ended.
    has_given_up = status.get("state") == "refused"
    if status.get("ended") and not has_given_up:
        return {"state": "down", "problem": "its encoder does not run", "lasting": quiet or 0.0}
    if quiet is not None and quiet > ALIVE_SECONDS and not has_given_up:
        problem = f"its encoder has been frozen, or has not run, for {quiet:.0f} s"
        return {"state": "down", "problem": problem, "at_once": True, "lasting": quiet}
    state, dry = str(status.get("state")), _age(status, "flowing", now)
    if state != "on air":
        # The states change with each try, so the last media tells for how long the stream has been off air.
        lasting = dry if dry is not None else _age(status, "since", now) or 0.0
        problem = PROBLEMS.get(state, "its encoder does not say that it sends") + _failures(status) + _words(status)
        return {"state": state, "problem": problem, "at_once": state in FINAL, "lasting": lasting}
    if dry is not None and dry > FLOWING_SECONDS:
        problem = f"its encoder is connected, but has sent no media for {dry:.0f} s" + _words(status)
        return {"state": "no media", "problem": problem, "lasting": dry}
    shown = _age(status, "shown", now)
    known = {"lasting": shown} if shown is not None else {}
    if status.get("showing") == "slate":
        # What ffmpeg said last is the sender's, which is well.
        reason = _said(status.get("source_problem")) or "; its source sends nothing"
        problem = "" if slate_is_well else f"viewers see the slate and not the source{reason}"
        return {"state": "on air with its slate", "problem": problem, **known}
    if status.get("showing") == "nothing":
        return {"state": "empty", "problem": "it has neither source nor slate to show" + _words(status), **known}
    return {"state": "on air", "problem": ""}


def of_unit(name: str) -> Found:
    """Return why a stream has no state, as far as systemd knows."""
    unit = UNIT.format(name)
    asked = ["systemctl", "show", "--property=ActiveState", "--property=Result", "--property=ExecMainStatus", unit]
    try:
        said = subprocess.run(asked, capture_output=True, text=True, timeout=5, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return {}
    known = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
    active = known.get("ActiveState", "")
    if known.get("ExecMainStatus") == str(GAVE_UP) and active == "failed":
        return {"state": "refused", "problem": REFUSED}
    if active == "inactive":
        return {"problem": f"{unit} was stopped"}
    return {} if active == "active" else {"problem": f"{unit} does not run ({active}, {known.get('Result', '')})"}


def _age(status: Found, name: str, now: float) -> float | None:
    """Return how many seconds ago a time was; None if the program does not say so."""
    value = status.get(name)
    is_time = isinstance(value, (int, float)) and not isinstance(value, bool)
    return max(now - float(value), 0.0) if is_time else None  # type: ignore[arg-type]


def _failures(status: Found) -> str:
    failures, refusals = (_count(status, name) for name in ("failures", "refusals"))
    refused = f"; the ingest has refused it, {refusals} times by now" if refusals else ""
    return (f", after {failures} failures in a row" if failures else "") + refused


def _count(status: Found, name: str) -> int:
    count = status.get(name)
    return count if isinstance(count, int) and count > 0 else 0


def _words(status: Found) -> str:
    return _said(status.get("source_problem") or status.get("last_words"))


def _said(words: Any) -> str:
    """Return the end of what ffmpeg said, on one line. The program has taken the key out of it."""
    lines = words if isinstance(words, list) else str(words or "").splitlines()
    told = " / ".join(" ".join(str(line).split()) for line in lines if str(line).strip())
    plain = "".join(letter for letter in told if letter.isprintable())[-LONGEST_WORDS:]
    return f"; ffmpeg said last: {plain}" if plain else ""
