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
import pwd
import re
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .claim import host_of
from .commands import Run
from .ownership import foreign_file, other_root, sent_elsewhere
from .reports import reported

# Where some distributions keep nginx, which is not on every user's path.
_FURTHER_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")
# Of records and states, which are small; a file that somebody else has put there may be large.
_LARGEST = 1 << 20
# Seconds. The program of a stream writes its state every few seconds.
_ALIVE_SECONDS = 15.0


def inspect(request: Mapping[str, Any], run: Run) -> dict[str, Any]:
    """Return the host's service manager and user, its streams, and what was asked for about programs and files.

    Keys are returned as digests with the request's ``secret``, which the controller forgets after the task.
    """
    root = Path(request["root"])
    has_systemd = Path(request["booted"]).is_dir()
    manager = request["manager"] or ("systemd" if has_systemd else "supervisord")
    is_writable = _is_writable(root)
    # What the user may not look at is nothing for this role: whoever has no rights is told that.
    is_open = is_writable or os.access(root, os.R_OK | os.X_OK)
    records = _records(root, request["records"]) if is_open else []
    mode = int(request["root_mode"], 8)
    found: dict[str, Any] = {
        "systemd": has_systemd,
        "manager": manager,
        "uid": os.getuid(),
        "writable": is_writable,
        "records": records,
        "foreign": foreign_file(root, records, request["own_names"], mode) if is_open else "",
        "other_root": other_root(request["unit"], root, request["records"]) if manager == "systemd" else "",
        "claimed_by": host_of(request["claim"]),
        "sent_elsewhere": sent_elsewhere(root, request["host"]) if request["looks_elsewhere"] else [],
        "keys": _keys(root / "keys", request["keys"], bytes.fromhex(request["secret"])) if is_open else [],
        "program": _program(request["program"], run),
        "programs": {name: _path_of(name) for name in request["programs"]},
        "places": [_first_of(paths) for paths in request["places"]],
        "texts": {path: _text(Path(path)) for path in request["texts"]},
        "people": _people(root / "people") if is_open else {},
        "account": _account(request["account"]),
        "systemd_version": _systemd_version(run) if has_systemd and request["systemd_version"] else 0,
        "media": [_medium(path, run if request["probes_media"] else None) for path in request["media"]],
        "look": {"problems": [], "warning": "", "error": ""},
        "supervisord": _supervisord(request["supervisord"], run) if manager == "supervisord" else {},
    }
    if request["look"] and found["program"]["path"]:
        found["look"] = _look(request["look"], found["program"]["path"], run)
    if request["watched"]:
        found["streams"] = _watched(request["watched"], manager, run)
    return found


def _is_writable(folder: Path) -> bool:
    """Return whether the user may write to a folder, or make it."""
    # Path.exists raises where the user may not look.
    while not os.path.exists(folder) and folder != folder.parent:  # noqa: PTH110
        folder = folder.parent
    return os.access(folder, os.W_OK | os.X_OK)


def _records(root: Path, pattern: str) -> list[list[str]]:
    """Return the path below the folder of records, and the content, of each record."""
    base = root / pattern.partition("/")[0]
    return [[str(path.relative_to(base)), _text(path)] for path in sorted(root.glob(pattern)) if path.is_file()]


def _keys(folder: Path, suffix: str, secret: bytes) -> list[list[str]]:
    """Return the name and the digest of each key file."""
    files = [path for path in sorted(folder.glob(f"*{suffix}")) if path.is_file()]
    return [[path.name, hmac.new(secret, path.read_bytes(), hashlib.sha256).hexdigest()] for path in files]


def _program(asked: Mapping[str, Any], run: Run) -> dict[str, str]:
    """Return the path of a program, and the first line with the ``pattern`` that it says about its version.

    Both are empty if there is none. Where it ``needs_home``, it writes into that folder, and gets one of its own.
    """
    path = _path_of(asked["name"]) if asked["name"] else ""
    if not path or not asked["arguments"]:
        return {"path": path, "version": ""}
    command = [path, *asked["arguments"]]
    if asked["needs_home"]:
        with tempfile.TemporaryDirectory() as home:
            # Its own folders could be elsewhere otherwise.
            kept = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
            own = {"HOME": home, "QT_QPA_PLATFORM": "offscreen", "LC_ALL": "C"}
            output = run(command, {**kept, **own}).output
    else:
        output = run(command, None).output
    lines = (line for line in output.splitlines() if re.search(asked["pattern"], line))
    return {"path": path, "version": next(lines, "")}


def _path_of(name: str) -> str:
    """Return the absolute path of a program, empty if there is none."""
    folders = os.pathsep.join([os.environ.get("PATH", os.defpath), *_FURTHER_FOLDERS])
    return shutil.which(name, path=folders) or ""


def _first_of(paths: Iterable[str]) -> str:
    """Return the first path that is there, empty if none is."""
    return next((path for path in paths if os.path.exists(path)), "")  # noqa: PTH110 - Path.exists raises without rights


def _people(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the folder of OBS that a stream was put into for a person, and whose it is, by the stream's name."""
    return {path.name: _person(_text(path)) for path in sorted(folder.glob("[!.]*")) if path.is_file()}


def _person(text: str) -> dict[str, Any]:
    """Return the ``home`` and the ``owner`` (user and group) of a record. Versions before 0.2 have noted no owner."""
    home, _line, owner = text.strip().partition("\n")
    ids = re.fullmatch("([0-9]{1,10}) ([0-9]{1,10})", owner)
    return {"home": home, "owner": [int(ids[1]), int(ids[2])] if ids else None}


def _account(name: str) -> dict[str, Any]:
    """Return the home folder and the ids of a user, empty if there is none."""
    try:
        entry = pwd.getpwnam(name) if name else None
    except KeyError:
        entry = None
    return {} if entry is None else {"home": entry.pw_dir, "uid": entry.pw_uid, "gid": entry.pw_gid}


def _systemd_version(run: Run) -> int:
    found = re.search("[0-9]+", run(["systemctl", "--version"], None).output)
    return int(found[0]) if found else 0


def _medium(path: str, run: Run | None) -> dict[str, Any]:
    """Return whether a media file is there, and who can read it; with a ``run``, also what keeps ffprobe from it."""
    place = Path(path)
    is_file = place.is_file()
    return {
        "path": path,
        "is_file": is_file,
        "readable": is_file and os.access(place, os.R_OK),
        "readable_by_others": is_file and bool(place.stat().st_mode & stat.S_IROTH),
        "problem": _unplayable(place, run) if is_file and run is not None else "",
    }


def _unplayable(place: Path, run: Run) -> str:
    """Return why a file has neither picture nor sound, as far as this host can tell."""
    if place.stat().st_size == 0:
        return "it is empty"
    ffprobe = _path_of("ffprobe")
    if not ffprobe:
        return ""
    shown = ["-show_entries", "stream=codec_type", "-of", "csv=p=0"]
    done = run([ffprobe, "-v", "error", *shown, f"file:{place}"], None)
    if re.search("^(?:video|audio)", done.output, re.MULTILINE):
        return ""
    return f"it has neither picture nor sound; ffprobe says: {done.said or 'nothing'}"


def _look(asked: Mapping[str, Any], ffmpeg: str, run: Run) -> dict[str, Any]:
    """Return what ffmpeg could not send of the media files, as sentences, or why they cannot be looked at."""
    streams = json.dumps([{**one, "ffmpeg": ffmpeg} for one in asked["streams"]])
    done = run([sys.executable, "-B", "-c", asked["program"]], None, streams)
    if done.code != 0:
        return {"problems": [], "warning": "", "error": done.said or "it says nothing."}
    return {**json.loads(done.output), "error": ""}


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
    """Return the state of each stream, once all are on air or refused, or after some seconds.

    What a stream shows ``passing``, such as its slate at the start, is not what it is waited for.
    """
    until = time.monotonic() + asked["timeout"]
    while True:
        said = reported(asked["report"], asked["names"], run) if asked["report"] else {}
        found = {name: _state(asked, manager, name, run, said.get(name, {})) for name in asked["names"]}
        if all(_is_settled(asked, one) for one in found.values()) or time.monotonic() >= until:
            return found
        time.sleep(1.0)


def _is_settled(asked: Mapping[str, Any], state: Mapping[str, Any]) -> bool:
    return state.get("state") in asked["settled"] and state.get("showing") not in asked["passing"]


def _state(asked: Mapping[str, Any], manager: str, name: str, run: Run, said: dict[str, Any]) -> dict[str, Any]:
    """Return what a stream or its health check says; under systemd also for how many seconds its unit has been running.

    Without a ``unit``, nobody supervises the stream.
    """
    state = said if asked["report"] else state_of(str(Path(asked["folders"][manager], name, "status.json")))
    if manager == "systemd" and asked["unit"]:
        properties = ["--property=ExecMainStatus", "--property=ExecMainStartTimestampMonotonic"]
        output = run(["systemctl", "show", *properties, asked["unit"].format(name)], None).output
        shown = dict(line.partition("=")[::2] for line in output.splitlines())
        # A unit that has given up has no runtime folder any more.
        if not state and shown.get("ExecMainStatus") == str(asked["refused"]):
            state["state"] = "refused"
        started = int(shown.get("ExecMainStartTimestampMonotonic") or 0)
        if started:
            state["running_seconds"] = time.monotonic() - started / 1e6
    return state


def state_of(path: str) -> dict[str, Any]:
    """Return what the program of a stream says, empty if it says nothing that can be read.

    What is left of a program that has ended, or does not move, says nothing of now: the state is then ``down``.
    """
    try:
        state = json.loads(_text(Path(path)) or "{}")
    except ValueError:
        state = {}
    if not isinstance(state, dict) or not state:
        return {}
    # A program that has given up has ended.
    if state.get("state") != "refused" and not _is_alive(state, Path(path).with_name("lock")):
        return {**state, "state": "down", "showing": "nothing"}
    return dict(state)


def _is_alive(state: Mapping[str, Any], lock: Path) -> bool:
    """Return whether the program of a stream runs, by when it last wrote and by the process that took its lock."""
    alive = state.get("alive")
    if isinstance(alive, (int, float)) and time.time() - alive > _ALIVE_SECONDS:
        return False
    number = _text(lock).strip()
    if not re.match(r"[1-9][0-9]{0,9}\Z", number):
        # Versions before 0.2 have no such file.
        return True
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return False
    except OSError:
        # It is another user's.
        return True
    return True


def _text(path: Path) -> str:
    """Return a text file's content, empty if there is none."""
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST).decode(errors="replace")
    except OSError:
        return ""
