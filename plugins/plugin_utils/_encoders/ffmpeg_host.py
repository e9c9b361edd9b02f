# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Brings a host of the role ffmpeg_encoder to what is asked for: inspect, check, decide, change."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .._core.errors import InvalidInput, WebinarError
from .._core.plain_text import one_line
from .ffmpeg_requests import convergence, inspection, media_paths, owns_supervisord
from .host_task import (
    HostTask,
    check_event_known,
    check_rights,
    check_root,
    check_streams_known,
    check_streams_to_watch,
    decision,
    on_host,
    settled,
    without_settings,
)
from .listed_streams import stream_key_problem

# Takes what the module is to do ("inspect" or "converge") and its request, and returns the module's result.
Ask = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]
# Takes session ids, and returns their stream keys.
KeysOf = Callable[[Sequence[str]], Sequence[str]]

# -fpre takes rtmp_playpath from a file in these major versions; ffmpeg 9 accepts the option and ignores it.
_FFMPEG = range(5, 9)
_LONGEST_SOCKET = 99


class HostProblem(WebinarError):
    """The host could not be changed as asked. ``result`` is what was done until then."""

    def __init__(self, message: str, result: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.result = dict(result)


def bring(task: HostTask, ask: Ask, keys_of: KeysOf, *, check_mode: bool) -> dict[str, Any]:
    """Return the result of the task. Raise InvalidInput before the first change, HostProblem after it."""
    check_root(task)
    wanted = _wanted(task, ())
    secret = secrets.token_bytes(32)
    found = _inspected(task, ask, inspection(task, wanted, secret))
    there = on_host(task, found)
    wanted = _wanted(task, there)
    _check_host(task, found, there)
    names = [str(one["name"]) for one in there]
    if task.state == "watched":
        return {"manager": found["manager"], **_watched(task, ask, wanted, names)}
    if task.state == "stopped":
        return _converged(task, ask, convergence(task, found, leaving=[], stopping=names))
    decided = decision(task, there, wanted)
    known = {"left": list(decided.left), "streams": [without_settings(one) for one in wanted]}
    if task.state != "started":
        is_emptied = not decided.left
        return _converged(task, ask, convergence(task, found, leaving=decided.remove, is_emptied=is_emptied)) | known
    _check_media(task, found, wanted)
    stream_keys = _stream_keys(wanted, keys_of)
    if not found["program"]["path"] and task.install:
        return {"changed": False, "missing": task.settings["binary"], **known}
    _check_ffmpeg(task, found, check_mode=check_mode)
    _check_look(task, found["look"])
    request = convergence(task, found, leaving=decided.remove, wanted=wanted, stream_keys=stream_keys, secret=secret)
    result = _converged(task, ask, request)
    return _told(task, wanted, result.pop("off_air", ()), result) | known


def _wanted(task: HostTask, there: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the streams that the host is to have, or that are to be verified on it."""
    if task.state == "started":
        check_streams_known(task)
        return settled(task, there)
    if task.state == "watched":
        check_streams_to_watch(task)
        return settled(task, there, only_named=True)
    if task.state == "gone":
        check_event_known(task)
    return []


def _check_host(task: HostTask, found: Mapping[str, Any], there: Sequence[Mapping[str, Any]]) -> None:
    is_systemd = found["manager"] == "systemd"
    if is_systemd and not found["systemd"]:
        raise InvalidInput(
            f"systemd does not run on {task.host}. Set ffmpeg_encoder_service_manager to supervisord, or to auto, "
            "which takes supervisord where there is no systemd. Nothing was changed."
        )
    check_rights(
        task,
        found,
        needs_root=is_systemd,
        needs="under systemd the role needs root, and under supervisord a folder that the user may write to "
        f"(ffmpeg_encoder_root, now {task.root})",
    )
    if not is_systemd:
        _check_supervisord(task, found["supervisord"], is_needed=task.state == "started" or bool(there))


def _check_supervisord(task: HostTask, found: Mapping[str, Any], *, is_needed: bool) -> None:
    if owns_supervisord(task) and len(f"{task.root}/log/supervisor.sock") > _LONGEST_SOCKET:
        raise InvalidInput(
            "The path of supervisord's socket below ffmpeg_encoder_root would be too long for a socket. Choose a "
            "shorter folder."
        )
    if task.state == "watched":
        return
    # Without streams on the host, `stopped` and `absent` do not need supervisord.
    if found["missing"] and is_needed:
        missing = " and no ".join(dict.fromkeys(found["missing"]))
        raise InvalidInput(
            f"There is no {missing} on {task.host}. Install supervisord (the package supervisor, on Debian or PyPI), "
            "or set ffmpeg_encoder_supervisord_command and ffmpeg_encoder_supervisorctl_command to its absolute paths. "
            "Nothing was changed."
        )
    if found["says"]:
        raise InvalidInput(
            one_line(
                f"The supervisord of {task.settings['supervisord_config']} on {task.host} has to run, and "
                "ffmpeg_encoder_supervisord_include_folder has to be the existing folder from which it includes "
                f"*.conf. supervisorctl answers: {found['says'][:300]}. Nothing was changed."
            )
        )


def _check_media(task: HostTask, found: Mapping[str, Any], wanted: Sequence[Mapping[str, Any]]) -> None:
    readable = "readable_by_others" if found["manager"] == "systemd" else "readable"
    media = {one["path"]: one for one in found["media"]}
    for path in media_paths(wanted):
        if not media[path][readable]:
            raise InvalidInput(
                f"{path} must be a file on {task.host} that its encoder can read. Under systemd the encoder has a user "
                "of its own, so the file must be readable by others (mode 0644); its folders need not be."
            )


def _check_look(task: HostTask, look: Mapping[str, Any]) -> None:
    """Raise InvalidInput where ffmpeg cannot send a media file. It would be tried for ever."""
    if look["error"]:
        said = f"The media files on {task.host} cannot be looked at with its Python: {look['error']}"
        raise InvalidInput(one_line(f"{said} Nothing was written."))
    if look["problems"]:
        raise InvalidInput(one_line(f"{' '.join(look['problems'])} Nothing was written."))


def _check_ffmpeg(task: HostTask, found: Mapping[str, Any], *, check_mode: bool) -> None:
    program, version = found["program"]["path"], found["program"]["version"]
    if not program:
        # In check mode, it was not installed either.
        if not check_mode:
            raise InvalidInput(
                f"There is no {task.settings['binary']} on {task.host}. Install the package ffmpeg, leave "
                "ffmpeg_encoder_install on, or set ffmpeg_encoder_binary to its absolute path."
            )
        return
    major = re.match(r"ffmpeg version n?([0-9]+)\.", version)
    if major is None or int(major[1]) not in _FFMPEG:
        raise InvalidInput(
            one_line(
                f"{version[:60] or program} is not known to read a stream key from a file, which keeps it off the "
                f"command line; versions {_FFMPEG.start} to {_FFMPEG.stop - 1} do. Point ffmpeg_encoder_binary to one "
                "of them. Nothing was written."
            )
        )


def _stream_keys(wanted: Sequence[Mapping[str, Any]], keys_of: KeysOf) -> dict[str, str]:
    """Return the keys by the names of the streams. Raise InvalidInput where one must not be written."""
    if not wanted:
        return {}
    keys = keys_of([str(one["session_id"]) for one in wanted])
    for stream, stream_key in zip(wanted, keys, strict=True):
        problem = stream_key_problem(stream, stream_key)
        if problem:
            raise InvalidInput(problem)
    return {str(one["name"]): stream_key for one, stream_key in zip(wanted, keys, strict=True)}


def _inspected(task: HostTask, ask: Ask, request: Mapping[str, Any]) -> Mapping[str, Any]:
    found = ask("inspect", request)
    if found.get("problem"):
        raise InvalidInput(one_line(f"On {task.host}: {found['problem']}"))
    return found


def _converged(task: HostTask, ask: Ask, request: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(ask("converge", request))
    problem = result.pop("problem", "")
    if problem or request["present"] is None:
        result.pop("off_air", None)
    if problem:
        raise HostProblem(one_line(problem if task.host in problem else f"On {task.host}: {problem}"), result)
    return result


def _told(
    task: HostTask,
    wanted: Sequence[Mapping[str, Any]],
    off_air: Sequence[Mapping[str, str]],
    result: dict[str, Any],
) -> dict[str, Any]:
    """Add a warning of each stream that is not on air yet. Raise HostProblem where one never will be."""
    labels = {one["name"]: one["label"] for one in wanted}
    problems: list[str] = []
    warnings: list[str] = []
    for one in off_air:
        words = f" ffmpeg said last: {one['words']}." if one["words"] else ""
        if one["state"] == "unsendable":
            problems.append(f"{labels[one['name']]}: {one['words']}")
        else:
            state = one["state"] or "it says nothing"
            told = f"{labels[one['name']]}: its encoder on {task.host} is not on air yet ({state}).{words}"
            warnings.append(one_line(told))
    if problems:
        more = f"The files on {task.host} are in place, and its encoder tries again."
        raise HostProblem(one_line(" ".join([*problems, more])), result)
    return {**result, "warnings": warnings} if warnings else result


def _watched(task: HostTask, ask: Ask, wanted: Sequence[Mapping[str, Any]], names: Sequence[str]) -> dict[str, Any]:
    """Wait for the streams to be on air, and return what each says."""
    for one in wanted:
        if one["name"] not in names:
            raise InvalidInput(
                f"{one_line(one['label'])}: {task.host} has no such stream ({one['name']}). It was never put there, or "
                "taken off again; the playbook tenbyte.webinar.provision puts it there."
            )
    said: Mapping[str, Any] = {}
    if wanted:
        watched = [str(one["name"]) for one in wanted]
        said = _inspected(task, ask, inspection(task, (), secrets.token_bytes(32), watched))["streams"]
    now = time.time()
    streams = []
    for one in wanted:
        encoder = dict(said[one["name"]])
        if "running_seconds" in encoder:
            encoder["started"] = now - encoder.pop("running_seconds")
        streams.append({**without_settings(one), "encoder": encoder})
    return {"changed": False, "streams": streams, "left": []}
