# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""The checks of a host of the role ffmpeg_encoder, and its sentences about streams."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from .._core.errors import InvalidInput
from .._core.plain_text import one_line
from .ffmpeg_requests import convergence, inspection, media_paths, owns_supervisord
from .host_task import HostTask, check_rights

__all__ = [
    "check_host",
    "check_media",
    "check_programs",
    "convergence",
    "inspection",
    "missing",
    "off_air",
    "unsent",
]

# -fpre takes rtmp_playpath from a file in these major versions; ffmpeg 9 accepts the option and ignores it.
_FFMPEG = range(5, 9)
_LONGEST_SOCKET = 99
_PROGRAMS_OF_PACKAGE = ("ffmpeg", "/usr/bin/ffmpeg")


def check_host(task: HostTask, found: Mapping[str, Any], there: Sequence[Mapping[str, Any]]) -> None:
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
    if task.state != "watched":
        _check_manager(task, str(found["manager"]), there)
    if not is_systemd:
        _check_supervisord(task, found["supervisord"], is_needed=task.state == "started" or bool(there))


def _check_manager(task: HostTask, manager: str, there: Sequence[Mapping[str, Any]]) -> None:
    """Refuse a host whose streams another service manager runs: it would go on with them, beside the new ones.

    Earlier versions have not noted which one it is.
    """
    others = [one for one in there if one.get("manager", manager) != manager]
    if others:
        other = others[0]["manager"]
        labels = ", ".join(str(one.get("label") or one["name"]) for one in others)
        raise InvalidInput(
            one_line(
                f"On {task.host}, {other} runs {labels}, and this run is for {manager}: there would be two encoders. "
                f"First take them off with ffmpeg_encoder_service_manager: {other} and ffmpeg_encoder_state: absent. "
                f"If {other} is gone from that host for good, remove {task.root} there. Nothing was changed."
            )
        )


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


def check_media(task: HostTask, found: Mapping[str, Any], wanted: Sequence[Mapping[str, Any]]) -> None:
    readable = "readable_by_others" if found["manager"] == "systemd" else "readable"
    media = {one["path"]: one for one in found["media"]}
    for path in media_paths(wanted):
        if not media[path][readable]:
            raise InvalidInput(
                f"{_labels_with(path, wanted)}: {path} must be a file on {task.host} that its encoder can read. Under "
                "systemd the encoder has a user of its own, so the file must be readable by others (mode 0644); its "
                "folders need not be. Nothing was written."
            )


def _labels_with(path: str, wanted: Sequence[Mapping[str, Any]]) -> str:
    named = [one["label"] for one in wanted if path in (one["source"].get("path"), one["slate"].get("path"))]
    return one_line(", ".join(named))


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
        # In check mode, the package was not installed either.
        if not (check_mode and task.settings["install"] and task.settings["binary"] in _PROGRAMS_OF_PACKAGE):
            raise InvalidInput(one_line(_no_ffmpeg(task)))
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


def _no_ffmpeg(task: HostTask) -> str:
    binary = task.settings["binary"]
    if binary in _PROGRAMS_OF_PACKAGE and not task.settings["install"]:
        way_out = (
            "Install the package ffmpeg, set ffmpeg_encoder_install to true, or set ffmpeg_encoder_binary to the "
            "absolute path of another ffmpeg."
        )
    else:
        way_out = (
            "ffmpeg_encoder_binary names no program there. Leave it out for the one of the package ffmpeg "
            "(/usr/bin/ffmpeg), or set it to the absolute path of an ffmpeg that is there."
        )
    return f"There is no {binary} on {task.host}. {way_out} Nothing was written."


def missing(task: HostTask, found: Mapping[str, Any]) -> str:
    return "" if found["program"]["path"] else str(task.settings["binary"])


def check_programs(task: HostTask, found: Mapping[str, Any], *, check_mode: bool) -> None:
    _check_ffmpeg(task, found, check_mode=check_mode)
    _check_look(task, found["look"])


def off_air(task: HostTask, stream: Mapping[str, Any], said: Mapping[str, str]) -> tuple[str, bool]:
    """Return a sentence about a stream that is not on air: a failure where its source can never be sent."""
    if said["state"] == "unsendable":
        more = f"The files on {task.host} are in place, and its encoder tries again."
        return f"{stream['label']}: {said['words']} {more}", True
    words = f" ffmpeg said last: {said['words']}." if said["words"] else ""
    if said["state"] == "refused":
        sentence = (
            f"{stream['label']}: its encoder on {task.host} has given up: the ingest refuses its key, or its session "
            f"has ended.{words} It is not started again before the role, or a user, starts it."
        )
        return sentence, True
    state = said["state"] or "it says nothing"
    return f"{stream['label']}: its encoder on {task.host} is not on air yet ({state}).{words}", False


def unsent(_task: HostTask, stream: Mapping[str, Any], said: Mapping[str, Any]) -> str:
    """Return why a stream is not sent; the role says more about it."""
    state = said.get("state", "")
    return "" if state == "on air" else f"{stream['label']}: it says {state or 'nothing'}."
