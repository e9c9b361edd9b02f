# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Brings a host to what is asked for. What is removed comes first: the controller has checked everything before."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Union

from .commands import HostError, Run
from .files import Files
from .inspection import state_of
from .outcome import Outcome
from .supervisord import Supervisord
from .systemd import Systemd

# States of a stream that is on air, or has failed for the first time.
_TRIED = ("on air", "waiting", "unsendable", "refused")

Manager = Union[Systemd, Supervisord]


def converge(request: Mapping[str, Any], run: Run, *, check: bool, diff: bool) -> dict[str, Any]:
    """Return what was, or in check mode would be, changed, and the ``problem`` that ended it, if any."""
    files, outcome, problem = Files(check=check, diff=diff), Outcome(), ""
    off_air: list[dict[str, str]] = []
    settings = request["manager"]
    manager = (Systemd if settings["kind"] == "systemd" else Supervisord)(settings, files, run)
    try:
        _converge(request, manager, files, outcome)
        if request["present"] is not None and not check:
            is_new = bool(outcome.started or outcome.restarted)
            off_air = _off_air(request["present"], waits=is_new and request["present"]["start_timeout"] > 0)
    except HostError as error:
        problem = str(error)
    except OSError as error:
        problem = f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror}."
    result = {**asdict(outcome), "written": files.written, "deleted": files.deleted}
    more = {"diff": files.diffs, "problem": problem, "off_air": off_air}
    return {"changed": any(result.values()), **result, **more}


def _converge(request: Mapping[str, Any], manager: Manager, files: Files, outcome: Outcome) -> None:
    # A health check would start again what is being stopped.
    manager.further([one for one in request["units"] if one["state"] in ("stopped", "absent")], outcome)
    _leave(request["leaving"], manager, files, outcome)
    manager.stop(request["stopping"], outcome)
    if request["present"] is not None:
        _be_present(request, request["present"], manager, files, outcome)
    if request["absent"] is not None:
        absent = request["absent"]
        manager.end(absent["units"], absent["commands"], outcome)
        for path in absent["paths"]:
            files.remove(path)
        files.remove_if_empty(request["root"])


def _leave(streams: Sequence[Mapping[str, Any]], manager: Manager, files: Files, outcome: Outcome) -> None:
    """Stop and remove streams. A stream's record is the last of its paths: with it, the next run can complete this."""
    manager.leave([one["name"] for one in streams], outcome)
    for one in streams:
        for path in one["paths"]:
            files.remove(path)
        outcome.removed.append(one["name"])


def _be_present(
    request: Mapping[str, Any], present: Mapping[str, Any], manager: Manager, files: Files, outcome: Outcome
) -> None:
    for one in present["folders"]:
        files.folder(one["path"], int(one["mode"], 8))
    # A stream's record comes before its key: a stream without one would stay on the host when its session is gone.
    for one in present["files"]:
        content = None if one["content"] is None else one["content"].encode()
        files.file(one["path"], content, int(one["mode"], 8), shown=one["shown"], note=one["note"])
    streams = present["streams"]
    manager.start(streams, outcome)
    manager.further([one for one in request["units"] if one["state"] in ("started", "written")], outcome)
    is_new = bool(outcome.started or outcome.restarted)
    if is_new and streams and present["start_timeout"] > 0 and not files.check:
        names = [one["name"] for one in streams]
        if not manager.wait(names, present["up_seconds"], present["start_timeout"]):
            raise HostError(present["not_up"])


def _off_air(present: Mapping[str, Any], *, waits: bool) -> list[dict[str, str]]:
    """Return the streams that are not on air, or show their slate, and what ffmpeg said last.

    New streams are waited for until each has tried, or for some seconds.
    """
    until = time.monotonic() + (present["try_seconds"] if waits else 0)
    while True:
        states = {one["name"]: state_of(one["status"]) for one in present["streams"]}
        if all(one.get("state") in _TRIED for one in states.values()) or time.monotonic() >= until:
            break
        time.sleep(0.25)
    found = []
    for name, one in states.items():
        if one.get("state") != "on air":
            found.append({"name": name, "state": str(one.get("state", "")), "words": str(one.get("last_words", ""))})
        elif one.get("showing") == "slate" and one.get("source_problem"):
            found.append({"name": name, "state": "it shows its slate", "words": str(one["source_problem"])})
    return found
