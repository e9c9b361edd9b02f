# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""What a host has, for the controller to decide with. Changes nothing."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import shutil
import stat
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .commands import Run

# Of records and states, which are small; a file that somebody else has put there may be large.
_LARGEST = 1 << 20
# What a stream says when there is nothing more to wait for.
_SETTLED = ("on air", "refused")


def inspect(request: Mapping[str, Any], run: Run) -> dict[str, Any]:
    """Return the host's service manager and user, its streams, and what was asked for about programs and files.

    Keys are returned as digests with the request's ``secret``, which the controller forgets after the task.
    """
    root = Path(request["root"])
    has_systemd = Path("/run/systemd/system").is_dir()
    manager = request["manager"] or ("systemd" if has_systemd else "supervisord")
    found: dict[str, Any] = {
        "systemd": has_systemd,
        "manager": manager,
        "uid": os.getuid(),
        "writable": _is_writable(root),
        "records": _records(root, request["records"]),
        "keys": _keys(root / "keys", request["keys"], bytes.fromhex(request["secret"])),
        "program": _program(request["program"], run),
        "media": [_medium(path) for path in request["media"]],
        "look": {"problems": [], "error": ""},
        "supervisord": _supervisord(request["supervisord"], run) if manager == "supervisord" else {},
    }
    if request["look"] and found["program"]["path"]:
        found["look"] = _look(request["look"], found["program"]["path"], run)
    if request["watched"]:
        found["streams"] = _watched(request["watched"], manager, run)
    return found


def _is_writable(folder: Path) -> bool:
    """Return whether the user may write to a folder, or make it."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return os.access(folder, os.W_OK | os.X_OK)


def _records(root: Path, pattern: str) -> list[list[str]]:
    """Return the path below the folder of records, and the content, of each record."""
    base = root / pattern.partition("/")[0]
    return [[str(path.relative_to(base)), _text(path)] for path in sorted(root.glob(pattern)) if path.is_file()]


def _keys(folder: Path, suffix: str, secret: bytes) -> list[list[str]]:
    """Return the name, the time of writing in seconds, and the digest of each key file."""
    found = []
    for path in sorted(folder.glob(f"*{suffix}")):
        if path.is_file():
            written = path.stat().st_mtime_ns
            digest = hmac.new(secret, path.read_bytes(), hashlib.sha256).hexdigest()
            found.append([path.name, f"{written // 10**9}.{written % 10**9:09d}", digest])
    return found


def _program(name: str, run: Run) -> dict[str, str]:
    """Return the path of a program and the first line that it says about its version; empty if there is none."""
    path = shutil.which(name) if name else None
    if path is None:
        return {"path": "", "version": ""}
    lines = run([path, "-version"], None).output.splitlines()
    return {"path": path, "version": lines[0] if lines else ""}


def _medium(path: str) -> dict[str, Any]:
    """Return whether a media file is there, and who can read it."""
    place = Path(path)
    is_file = place.is_file()
    return {
        "path": path,
        "is_file": is_file,
        "readable": is_file and os.access(place, os.R_OK),
        "readable_by_others": is_file and bool(place.stat().st_mode & stat.S_IROTH),
    }


def _look(asked: Mapping[str, Any], ffmpeg: str, run: Run) -> dict[str, Any]:
    """Return what ffmpeg could not send of the media files, as sentences, or why they cannot be looked at."""
    streams = json.dumps([{**one, "ffmpeg": ffmpeg} for one in asked["streams"]])
    done = run([sys.executable, "-B", "-c", asked["program"]], None, streams)
    if done.code != 0:
        return {"problems": [], "error": done.said or "it says nothing."}
    return {"problems": json.loads(done.output), "error": ""}


def _supervisord(asked: Mapping[str, Any], run: Run) -> dict[str, Any]:
    """Return which programs are missing, and about a supervisord that is not the role's own whether it can be used."""
    found: dict[str, Any] = {"missing": [one for one in asked["programs"] if shutil.which(one) is None], "says": ""}
    if asked["config"] and not found["missing"]:
        done = run([asked["programs"][0], "-c", asked["config"], "pid"], None)
        has_folder = Path(asked["include"]).is_dir()
        if not has_folder or not re.match(r"[1-9][0-9]*\s*\Z", done.output):
            missing = "" if has_folder else f"; there is no folder {asked['include']}"
            found["says"] = (done.said or "nothing") + missing
    return found


def _watched(asked: Mapping[str, Any], manager: str, run: Run) -> dict[str, dict[str, Any]]:
    """Return the state of each stream, once all are on air or refused, or after some seconds."""
    until = time.monotonic() + asked["timeout"]
    while True:
        found = {name: _state(asked, manager, name, run) for name in asked["names"]}
        if all(one.get("state") in _SETTLED for one in found.values()) or time.monotonic() >= until:
            return found
        time.sleep(1.0)


def _state(asked: Mapping[str, Any], manager: str, name: str, run: Run) -> dict[str, Any]:
    """Return what a stream says of itself; under systemd also for how many seconds it has been running."""
    state = state_of(str(Path(asked["folders"][manager], name, "status.json")))
    if manager == "systemd":
        properties = ["--property=ExecMainStatus", "--property=ExecMainStartTimestampMonotonic"]
        said = run(["systemctl", "show", *properties, asked["unit"].format(name)], None).output
        shown = dict(line.partition("=")[::2] for line in said.splitlines())
        # A unit that has given up has no runtime folder any more.
        if not state and shown.get("ExecMainStatus") == str(asked["refused"]):
            state["state"] = "refused"
        started = int(shown.get("ExecMainStartTimestampMonotonic") or 0)
        if started:
            state["running_seconds"] = time.monotonic() - started / 1e6
    return state


def state_of(path: str) -> dict[str, Any]:
    """Return what the program of a stream says, empty if it says nothing that can be read."""
    try:
        state = json.loads(_text(Path(path)) or "{}")
    except ValueError:
        state = {}
    return dict(state) if isinstance(state, dict) else {}


def _text(path: Path) -> str:
    """Return a text file's content, empty if there is none."""
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST).decode(errors="replace")
    except OSError:
        return ""
