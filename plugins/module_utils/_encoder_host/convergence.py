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

from .claim import ClaimedByAnother, claimed
from .commands import HostError, Run
from .files import Files
from .inspection import state_of
from .outcome import Outcome
from .people import hand_over, take_back
from .reports import lately_well, reported
from .supervisord import Supervisord
from .systemd import Systemd

# States of a stream that is on air, or has failed for the first time.
_TRIED = ("on air", "waiting", "unsendable", "refused")

Manager = Union[Systemd, Supervisord]


def converge(request: Mapping[str, Any], run: Run, *, check: bool, diff: bool) -> dict[str, Any]:
    """Return what was, or in check mode would be, changed, and the ``problem`` that ended it, if any.

    ``claimed_by`` is empty, or the host of the inventory that has the folder; then nothing was changed.
    """
    files, outcome, problem, claimed_by = Files(check=check, diff=diff), Outcome(), "", ""
    off_air: list[dict[str, str]] = []
    settings = request["manager"]
    manager = (Systemd if settings["kind"] == "systemd" else Supervisord)(settings, files, run)
    try:
        with claimed(request, files):
            is_new = _converge(request, manager, files, outcome)
        if request["present"] is not None and not check:
            off_air = _off_air(request["present"], manager, run, is_new=is_new)
    except ClaimedByAnother as error:
        claimed_by = error.host
    except HostError as error:
        problem = str(error)
    except OSError as error:
        problem = f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror}."
    done = asdict(outcome)
    unreached = done.pop("unreached")
    files.tell({**done, "removed from the disk": files.deleted})
    result = {**done, "written": files.written, "deleted": files.deleted}
    more = {"diff": files.diffs, "problem": problem, "claimed_by": claimed_by, "off_air": off_air}
    return {"changed": any(result.values()), **result, **more, "unreached": unreached}


def _converge(request: Mapping[str, Any], manager: Manager, files: Files, outcome: Outcome) -> bool:
    """Return whether the process of a stream was started."""
    # A health check would start again what is being stopped.
    manager.further([one for one in request["units"] if one["state"] in ("stopped", "absent")], outcome)
    outcome.unreached += take_back(request["taken_back"], files)
    _leave(request["leaving"], manager, files, outcome)
    manager.stop(request["stopping"], outcome)
    is_new = False
    if request["present"] is not None:
        is_new = _be_present(request, request["present"], manager, files, outcome)
    if request["edited"] is not None:
        _edit(request["edited"], manager, files, outcome)
    if request["absent"] is not None:
        absent = request["absent"]
        manager.end(absent["units"], absent["commands"], outcome)
        for path in absent["paths"]:
            files.remove(path)
        files.remove_if_empty(request["root"])
    return is_new


def _leave(streams: Sequence[Mapping[str, Any]], manager: Manager, files: Files, outcome: Outcome) -> None:
    """Stop and remove streams. A stream's record is the last of its paths: with it, the next run can complete this."""
    manager.leave([one["name"] for one in streams], outcome)
    for one in streams:
        for path in one["paths"]:
            files.remove(path)
        outcome.removed.append(one["name"])


def _write(entry: Mapping[str, Any], files: Files) -> bool:
    content = None if entry["content"] is None else entry["content"].encode()
    return files.file(entry["path"], content, int(entry["mode"], 8), shown=entry["shown"], note=entry["note"])


def _edit(edited: Mapping[str, Any], manager: Manager, files: Files, outcome: Outcome) -> None:
    """Write the settings of a service that stays, and have it read them, also those of a run that was killed."""
    _write(edited["file"], files)
    manager.reread(edited["unit"], edited["stamp"], edited["reload"], outcome)


def _be_present(
    request: Mapping[str, Any], present: Mapping[str, Any], manager: Manager, files: Files, outcome: Outcome
) -> bool:
    for one in present["folders"]:
        files.folder(one["path"], int(one["mode"], 8))
    # A stream's record comes before its key: a stream without one would stay on the host when its session is gone.
    for one in present["files"]:
        _write(one, files)
    if present["person"] is not None:
        hand_over(present["person"], files)
    streams, service = present["streams"], present["service"]
    manager.start(streams, outcome)
    if service is not None:
        manager.serve(service, outcome)
    is_new = bool(outcome.started or outcome.restarted)
    manager.further([one for one in request["units"] if one["state"] in ("started", "written")], outcome)
    if is_new and streams and present["start_timeout"] > 0 and not files.check:
        names, further = [one["name"] for one in streams], [] if service is None else [service["name"]]
        if not manager.wait(names, further, present["up_seconds"], present["start_timeout"], present["refused"]):
            raise HostError(f"{present['not_up']}{manager.last_words(names, further)}")
    return is_new


def _off_air(present: Mapping[str, Any], manager: Manager, run: Run, *, is_new: bool) -> list[dict[str, str]]:
    """Return the streams that are not on air, or show their slate, and what was said last.

    New streams are waited for until each has tried, or for some seconds. A health check that is asked instead of the
    streams takes seconds, so others are asked about only if its last result does not call them well.
    """
    waits = is_new and present["start_timeout"] > 0
    report = present["report"]
    if report is not None:
        names = {one["name"] for one in present["streams"]}
        if present["start_timeout"] <= 0 or (not is_new and names <= lately_well(report)):
            return []
        return _reported_off_air(present, report, run, waits=waits) if names else []
    until = time.monotonic() + (present["try_seconds"] if waits else 0)
    while True:
        states = {one["name"]: state_of(one["status"]) for one in present["streams"]}
        # A stream that was refused before, and has just been started again, has not written its new state yet.
        asked = [name for name, one in states.items() if one.get("state") not in _TRIED or one["state"] == "refused"]
        given_up = manager.given_up(asked, present["refused"])
        for name in asked:
            if name in given_up:
                states[name] = {**states[name], "state": "refused"}
            elif states[name].get("state") == "refused":
                states[name] = {}
        if all(one.get("state") in _TRIED for one in states.values()) or time.monotonic() >= until:
            break
        time.sleep(0.25)
    found = []
    for name, one in states.items():
        if one.get("state") != "on air":
            state, refusals = str(one.get("state", "")), one.get("refusals")
            if state == "waiting" and refusals:
                state = f"the ingest has refused it, {refusals} times by now: are its rtmp_url and its key right?"
            found.append({"name": name, "state": state, "words": str(one.get("last_words", ""))})
        elif one.get("showing") == "slate" and one.get("source_problem"):
            found.append({"name": name, "state": "it shows its slate", "words": str(one["source_problem"])})
    return found


def _reported_off_air(
    present: Mapping[str, Any], report: Mapping[str, Any], run: Run, *, waits: bool
) -> list[dict[str, str]]:
    until = time.monotonic() + (present["try_seconds"] if waits else 0)
    while True:
        states = reported(report, [one["name"] for one in present["streams"]], run)
        asked = {one["name"]: states.get(one["name"], {}) for one in present["streams"]}
        ill = {name: one for name, one in asked.items() if one.get("state") not in report["well"]}
        if not ill or time.monotonic() >= until:
            return [
                {"name": name, "state": str(one.get("state", "")), "words": str(one.get("problem", ""))}
                for name, one in ill.items()
            ]
        time.sleep(0.5)
