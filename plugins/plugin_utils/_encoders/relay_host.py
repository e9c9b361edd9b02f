# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""The checks of a host of the role rtmp_relay, and its sentences about pushes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .._core.errors import InvalidInput
from .host_task import HostTask, check_ffmpeg_to_look_with, check_rights, state_in_words
from .relay_requests import convergence, inspection, missing_modules

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

_PACKAGES = "nginx, libnginx-mod-rtmp and libnginx-mod-stream"
_JOURNAL = "What the health check says is in its journal (journalctl --identifier tenbyte-rtmp-relay-health)."


def check_host(task: HostTask, found: Mapping[str, Any], _there: Sequence[Mapping[str, Any]]) -> None:
    if task.state == "started" and not found["systemd"]:
        raise InvalidInput(
            f"The role rtmp_relay needs systemd, which does not run on {task.host}. Without it, let each encoder push "
            "by itself with the role tenbyte.webinar.ffmpeg_encoder, which also knows supervisord. Nothing was written."
        )
    check_rights(task, found, needs_root=True, needs="the role rtmp_relay needs root")


def check_media(task: HostTask, found: Mapping[str, Any], wanted: Sequence[Mapping[str, Any]]) -> None:
    check_ffmpeg_to_look_with(task, found)
    if any(one["tls"] for one in wanted) and not found["places"][-1]:
        raise InvalidInput(
            f"rtmp_relay_ca_path: {task.host} has no {task.settings['ca_path']}, with the certificates of the "
            "authorities that vouch for rtmps destinations. Install the package ca-certificates there, or set "
            "rtmp_relay_ca_path to another file. Nothing was written."
        )


def missing(task: HostTask, found: Mapping[str, Any]) -> str:
    names = missing_modules(found)
    return ", ".join(names if found["program"]["path"] else [str(task.settings["nginx"]), *names])


def check_programs(task: HostTask, found: Mapping[str, Any], *, check_mode: bool) -> None:
    lacking = missing(task, found)
    if lacking and not check_mode:
        raise InvalidInput(
            f"{task.host} lacks {lacking}. The relay needs nginx with its RTMP and stream modules. Install the Debian "
            f"packages {_PACKAGES}, leave rtmp_relay_install on, or set rtmp_relay_nginx to the program's absolute "
            "path. Nothing was written."
        )


def off_air(task: HostTask, stream: Mapping[str, Any], said: Mapping[str, str]) -> tuple[str, bool]:
    """Return a sentence about a push that is not on air. Its encoder or its destination may come later."""
    return (
        f"{_named(stream)} is not on air on {task.host} yet: {state_in_words(said.get('state'), said.get('words'))}",
        False,
    )


def unsent(task: HostTask, stream: Mapping[str, Any], said: Mapping[str, Any]) -> str:
    """Return why a push sends nothing, empty if it does."""
    state = str(said.get("state") or "")
    if state == "on air":
        return ""
    if state == "idle" and not said.get("problem"):
        why = f"it is idle: no encoder publishes it as {stream['stream']} to the relay."
    else:
        why = state_in_words(state, said.get("problem"))
    return f"{_named(stream)} does not leave {task.host}: {why} {_JOURNAL}"


def _named(stream: Mapping[str, Any]) -> str:
    """Return what tells a stream and its destination."""
    return f"{stream['label']} ({stream['name']})"
