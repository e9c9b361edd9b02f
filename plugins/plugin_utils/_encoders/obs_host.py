# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""The checks of a host of the role obs_encoder, and its sentences about streams."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from .._core.errors import InvalidInput
from .._core.plain_text import one_line
from .host_task import HostTask, check_ffmpeg_to_look_with, check_rights, state_in_words
from .obs_requests import HEADLESS_PROGRAMS, convergence, inspection

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

_OLDEST, _OLDEST_WITH_WHIP = 28, 30
_PACKAGES = "obs-studio, xvfb, xauth and iproute2"
_JOURNALS = (
    "Its last words are in its journal (journalctl --identifier tenbyte-obs), and what the health check says in "
    "another (journalctl --identifier tenbyte-obs-health)."
)


def check_host(task: HostTask, found: Mapping[str, Any], _there: Sequence[Mapping[str, Any]]) -> None:
    is_unattended = bool(task.settings["start"])
    if task.state == "started" and is_unattended and not found["systemd"]:
        raise InvalidInput(
            f"The role obs_encoder starts OBS with systemd, which does not run on {task.host}. Set obs_encoder_start "
            "to false and obs_encoder_user to whoever starts OBS there. Nothing was written."
        )
    check_rights(task, found, needs_root=True, needs="the role obs_encoder needs root")
    if task.state == "started" and not is_unattended and not found["account"]:
        raise InvalidInput(
            f"{task.host} has no user {task.settings['user']}. Set obs_encoder_user to whoever starts OBS there. "
            "Nothing was written."
        )


def check_media(task: HostTask, found: Mapping[str, Any], wanted: Sequence[Mapping[str, Any]]) -> None:
    check_ffmpeg_to_look_with(task, found)
    media = {one["path"]: one for one in found["media"]}
    for stream in wanted:
        if stream["source"]["type"] not in ("file", "image"):
            continue
        path = stream["source"]["path"]
        one = media[path]
        if not (one["readable_by_others"] if task.settings["start"] else one["is_file"]):
            raise InvalidInput(
                f"{stream['label']}: {path} must be a file on {task.host} that its OBS can read. A unit of OBS has a "
                "user of its own, so the file must be readable by others (mode 0644); its folders need not be. Nothing "
                "was written."
            )
        if one["problem"]:
            said = f"{stream['label']}: OBS would show nothing of its source, {path} on {task.host}: {one['problem']}."
            way_out = "Set obs_encoder_source or obs_encoder_sources to another file. Nothing was written."
            raise InvalidInput(one_line(f"{said} {way_out}"))


def missing(task: HostTask, found: Mapping[str, Any]) -> str:
    needed = {str(task.settings["binary"]): found["program"]["path"]}
    if task.settings["start"]:
        needed |= {name: found["programs"][name] for name in HEADLESS_PROGRAMS}
    return ", ".join(name for name, path in needed.items() if not path)


def check_programs(task: HostTask, found: Mapping[str, Any], *, check_mode: bool) -> None:
    lacking, settings = missing(task, found), task.settings
    way_out = (
        f"Install the Debian packages {_PACKAGES}, leave obs_encoder_install on, or set obs_encoder_binary to the "
        "program's absolute path. Nothing was written."
    )
    if lacking:
        if check_mode:
            return
        raise InvalidInput(f"{task.host} lacks {lacking}. {way_out}")
    said = re.search("OBS Studio - ([0-9]+)", found["program"]["version"])
    version = int(said[1]) if said else 0
    if version < _OLDEST:
        raise InvalidInput(
            f"{found['program']['path']} on {task.host} is no OBS {_OLDEST} or later: it says version {version}. "
            f"{way_out}"
        )
    if settings["service"] == "whip_custom" and version < _OLDEST_WITH_WHIP:
        raise InvalidInput(
            f"OBS {version} on {task.host} does not know whip_custom, which came with version {_OLDEST_WITH_WHIP}. Set "
            "obs_encoder_service to rtmp_custom, or point obs_encoder_binary to a newer OBS. Nothing was written."
        )


def off_air(task: HostTask, stream: Mapping[str, Any], said: Mapping[str, str]) -> tuple[str, bool]:
    """Return a sentence about a stream that is not on air. OBS goes on running when the ingest refuses it."""
    why = state_in_words(said.get("state"), said.get("words"))
    more = (
        f"The files on {task.host} are in place, and it goes on trying. If the service takes no media yet, set "
        "obs_encoder_start_timeout to 0."
    )
    return f"{stream['label']} is not on air on {task.host}: {why} {_JOURNALS} {more}", True


def unsent(task: HostTask, stream: Mapping[str, Any], said: Mapping[str, Any]) -> str:
    """Return why a stream is not sent, empty if it is. Nobody knows what a person's OBS does."""
    if not task.settings["start"] or said.get("state") in ("on air", "running"):
        return ""
    why = state_in_words(said.get("state"), said.get("problem"))
    return f"{stream['label']} does not leave {task.host}: {why} {_JOURNALS}"
