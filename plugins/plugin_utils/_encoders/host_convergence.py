# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Brings a host to what its role asks for: inspect, check, decide, change. What differs by role is a HostRole."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from .._core.errors import InvalidInput, WebinarError
from .._core.plain_text import one_line
from . import ffmpeg_host, obs_host, relay_host
from .host_folder import check_folder, check_root, folder_of_another
from .host_requests import Change
from .host_task import (
    HostTask,
    check_event_known,
    check_streams_known,
    check_streams_to_watch,
    check_waits,
    decision,
    on_host,
    settled,
    unknown_names,
    without_settings,
)
from .listed_streams import stream_key_problem

# Takes what the module is to do ("inspect" or "converge") and its request, and returns the module's result.
Ask = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]
# Takes session ids, and returns their stream keys.
KeysOf = Callable[[Sequence[str]], Sequence[str]]


class HostRole(Protocol):
    """A role's part. Its checks raise InvalidInput with a sentence that names the host and the option."""

    def inspection(
        self, task: HostTask, wanted: Sequence[Mapping[str, Any]], secret: bytes, watched: Sequence[str] = ()
    ) -> dict[str, Any]:
        """Return what the module looks at. ``watched`` are the names of streams whose state is waited for."""

    def check_host(self, task: HostTask, found: Mapping[str, Any], there: Sequence[Mapping[str, Any]]) -> None:
        """Check rights and service manager. ``there`` are the streams that the host has."""

    def check_media(self, task: HostTask, found: Mapping[str, Any], wanted: Sequence[Mapping[str, Any]]) -> None:
        """Check what the streams need and nobody can install."""

    def missing(self, task: HostTask, found: Mapping[str, Any]) -> str:
        """Return the programs that the role can install and the host lacks, empty if there are none."""

    def check_programs(self, task: HostTask, found: Mapping[str, Any], *, check_mode: bool) -> None:
        """Check the programs. In check mode, none was installed."""

    def convergence(self, task: HostTask, found: Mapping[str, Any], change: Change) -> dict[str, Any]:
        """Return what the module does."""

    def off_air(self, task: HostTask, stream: Mapping[str, Any], said: Mapping[str, str]) -> tuple[str, bool]:
        """Return a sentence about a stream that is not on air, and whether the task fails because of it."""

    def unsent(self, task: HostTask, stream: Mapping[str, Any], said: Mapping[str, Any]) -> str:
        """Return why a stream that is verified is not sent, empty if it is."""


ROLES: Mapping[str, HostRole] = {"ffmpeg_encoder": ffmpeg_host, "rtmp_relay": relay_host, "obs_encoder": obs_host}


class HostProblem(WebinarError):
    """The host could not be changed as asked. ``result`` is what was done until then."""

    def __init__(self, message: str, result: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.result = dict(result)


def bring(task: HostTask, ask: Ask, keys_of: KeysOf, *, check_mode: bool) -> dict[str, Any]:
    """Return the result of the task. Raise InvalidInput before the first change, HostProblem after it."""
    warnings: list[str] = []
    result = _brought(task, ask, keys_of, warnings, check_mode=check_mode)
    return {**result, "warnings": [*warnings, *result.get("warnings", ())]} if warnings else result


def _brought(task: HostTask, ask: Ask, keys_of: KeysOf, warned: list[str], *, check_mode: bool) -> dict[str, Any]:
    """Return the result without the warnings about the folder, which are added to ``warned``."""
    role = ROLES[task.role]
    check_root(task)
    check_waits(task)
    wanted = _wanted(task, (), check_mode=check_mode)
    secret = secrets.token_bytes(32)
    found = _inspected(task, ask, role.inspection(task, wanted, secret))
    there = on_host(task, found)
    wanted = _wanted(task, there, check_mode=check_mode)
    if task.state != "watched":
        warned += check_folder(task, found, there, wanted)
    role.check_host(task, found, there)
    names = [str(one["name"]) for one in there]
    if task.state == "watched":
        return {"manager": found["manager"], **_watched(task, role, ask, wanted, names)}
    if task.state == "stopped":
        return _converged(task, ask, found, role.convergence(task, found, Change(there, stopping=names)))
    decided = decision(task, there, wanted)
    known = {"left": list(decided.left), "streams": [without_settings(one) for one in wanted]}
    if task.state != "started":
        change = Change(there, decided.remove, decided.left, is_emptied=not decided.left)
        return _converged(task, ask, found, role.convergence(task, found, change)) | known
    role.check_media(task, found, wanted)
    stream_keys = _stream_keys(wanted, keys_of)
    missing = role.missing(task, found) if task.install else ""
    if missing:
        return {"changed": False, "missing": missing, **known}
    role.check_programs(task, found, check_mode=check_mode)
    change = Change(there, decided.remove, decided.left, (), wanted, stream_keys, secret)
    result = _converged(task, ask, found, role.convergence(task, found, change), stream_keys)
    warnings = [*result.get("warnings", ()), *unknown_names(task, wanted)]
    if found["look"].get("warning"):
        warnings.append(one_line(f"{task.host}: {found['look']['warning']}"))
    if warnings:
        result["warnings"] = warnings
    return _told(task, role, wanted, result) | known


def _wanted(task: HostTask, there: Sequence[Mapping[str, Any]], *, check_mode: bool) -> list[dict[str, Any]]:
    """Return the streams that the host is to have, or that are to be verified on it."""
    if task.state == "started":
        check_streams_known(task)
        return settled(task, there, check_mode=check_mode)
    if task.state == "watched":
        check_streams_to_watch(task)
        return settled(task, there, only_named=True)
    if task.state == "gone":
        check_event_known(task)
    return []


def _stream_keys(wanted: Sequence[Mapping[str, Any]], keys_of: KeysOf) -> dict[str, str]:
    """Return the keys by the names of the streams, an empty one where check mode has not created the session.

    Raise InvalidInput where one must not be written.
    """
    made = [one for one in wanted if one["session_id"] is not None]
    keys = keys_of([str(one["session_id"]) for one in made]) if made else []
    for stream, stream_key in zip(made, keys, strict=True):
        problem = stream_key_problem(stream, stream_key)
        if problem:
            raise InvalidInput(problem)
    known = {str(one["name"]): stream_key for one, stream_key in zip(made, keys, strict=True)}
    return {**{str(one["name"]): "" for one in wanted}, **known}


def _inspected(task: HostTask, ask: Ask, request: Mapping[str, Any]) -> Mapping[str, Any]:
    found = ask("inspect", request)
    if found.get("problem"):
        raise InvalidInput(one_line(f"On {task.host}: {found['problem']}"))
    return found


def _converged(
    task: HostTask,
    ask: Ask,
    found: Mapping[str, Any],
    request: Mapping[str, Any],
    stream_keys: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    result = dict(ask("converge", request))
    # Another host of this run may have been first, after the inspection.
    owner = str(result.pop("claimed_by", ""))
    if owner:
        raise InvalidInput(folder_of_another(task, found, owner))
    off_air = result.pop("off_air", [])
    warnings = [one_line(f"On {task.host}: {one}") for one in result.pop("unreached", ())]
    if warnings:
        result["warnings"] = warnings
    problem = _without(stream_keys or {}, result.pop("problem", ""))
    if problem:
        raise HostProblem(one_line(problem if task.host in problem else f"On {task.host}: {problem}"), result)
    if request["present"] is None:
        return result
    # What programs say last comes from a journal, which holds no key. Should one do so, it is not printed here.
    words = [{**one, "words": _without(stream_keys or {}, one["words"])} for one in off_air]
    return {**result, "off_air": words}


def _without(stream_keys: Mapping[str, str], text: str) -> str:
    # One key may begin as another does.
    for stream_key in sorted(filter(None, stream_keys.values()), key=len, reverse=True):
        text = text.replace(stream_key, "(the stream key)")
    return text


def _told(
    task: HostTask, role: HostRole, wanted: Sequence[Mapping[str, Any]], result: dict[str, Any]
) -> dict[str, Any]:
    """Add a warning of each stream that is not on air yet. Raise HostProblem where the role calls that a failure."""
    streams = {one["name"]: one for one in wanted}
    problems: list[str] = []
    warnings: list[str] = list(result.pop("warnings", ()))
    for said in result.pop("off_air", ()):
        sentence, is_failure = role.off_air(task, streams[said["name"]], said)
        (problems if is_failure else warnings).append(one_line(sentence))
    if warnings:
        result["warnings"] = warnings
    if problems:
        raise HostProblem(" ".join(problems), result)
    return result


def _watched(
    task: HostTask, role: HostRole, ask: Ask, wanted: Sequence[Mapping[str, Any]], names: Sequence[str]
) -> dict[str, Any]:
    """Wait for the streams to be on air, and return what each says, and why it is not sent."""
    for one in wanted:
        if one["name"] not in names:
            raise InvalidInput(
                f"{one_line(one['label'])}: {task.host} has no such stream ({one['name']}). It was never put there, or "
                "taken off again; the playbook tenbyte.webinar.provision puts it there."
            )
    said: Mapping[str, Any] = {}
    if wanted:
        watched = [str(one["name"]) for one in wanted]
        request = role.inspection(task, (), secrets.token_bytes(32), watched)
        # Nobody knows what a person's program does.
        said = _inspected(task, ask, request)["streams"] if request["watched"] else {}
    now = time.time()
    streams = []
    for one in wanted:
        encoder = dict(said.get(one["name"], {}))
        # A push says for how long it has been connected, a unit for how long it has been running.
        for name in ("seconds", "running_seconds"):
            seconds = encoder.pop(name, None)
            if seconds is not None:
                encoder["started"] = now - seconds
        unsent = one_line(role.unsent(task, one, encoder))
        streams.append({**without_settings(one), "encoder": {**encoder, "unsent": unsent}})
    return {"changed": False, "streams": streams, "left": []}
