# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Whether a role may use its folder on a host: whose it is, and whether streams are sent from another one.

The messages name the host and what to set. They are raised as InvalidInput, before the first change.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from .._core.errors import InvalidInput
from .._core.plain_text import one_line
from .host_streams import host_stream, streams_gone
from .host_task import HostTask
from .role_values import is_plain_path

_UP_FOLDER = re.compile(r"/\.\.?(?:/|\Z)")


def check_root(task: HostTask) -> None:
    """Raise InvalidInput unless the role's folder has a plain path that can be the role's alone."""
    if not is_plain_path(task.root) or _UP_FOLDER.search(task.root):
        raise InvalidInput(
            f"{task.role}_root must be an absolute path of at least two parts, of letters, digits, dots, dashes and "
            "underscores. The role needs this folder for itself."
        )


def check_folder(
    task: HostTask,
    found: Mapping[str, Any],
    there: Sequence[Mapping[str, Any]],
    wanted: Sequence[Mapping[str, Any]],
) -> list[str]:
    """Raise InvalidInput where the role's folder is somebody else's, or its streams are sent from another one.

    ``there`` are the streams in the folder. Return warnings where the task is done all the same.
    """
    option, host = f"{task.role}_root", task.host
    if found["foreign"]:
        raise InvalidInput(
            one_line(
                f"On {host}, {option} ({task.root}) has a file that is not this role's, {found['foreign']}, and none "
                "that is. The role needs a folder for itself, and removes what is in it. Name a new folder, or the "
                "one that the role was used with. Nothing was changed."
            )
        )
    if found["other_root"]:
        raise InvalidInput(
            one_line(
                f"On {host}, the streams of this role are in {found['other_root']}, and {option} is {task.root} now. "
                f"First take them off with {option}: {found['other_root']} and {task.role}_state: absent. Nothing was "
                "changed."
            )
        )
    owner = _other_owner(task, found, there)
    if owner and not task.settings["remove_all"]:
        raise InvalidInput(folder_of_another(task, found, owner))
    warnings = _check_sent_elsewhere(task, found["sent_elsewhere"], wanted)
    if owner and task.state == "started":
        taken = f"the folder {task.root} ({option}) was that of {owner}, and {task.role}_remove_all gives it to {host}"
        warnings.append(one_line(f"On {host}, {taken}."))
    return warnings


def folder_of_another(task: HostTask, found: Mapping[str, Any], owner: str) -> str:
    """Return the message about a folder that belongs to another host of the inventory."""
    way_out = "Give each a folder of its own, or remove one of the names."
    # The units of the role, which the machine has once, name its folder. A person's OBS has none.
    if found["manager"] == "systemd" and task.settings.get("start", True):
        way_out = "Remove one of the names: under systemd, a machine has one folder of this role."
    return one_line(
        f"On {task.host}, the folder {task.root} ({task.role}_root) belongs to {owner}, another host of this "
        f"inventory, which is the same machine. {way_out} If {owner} is another machine by now, "
        f"{task.role}_remove_all: true takes the folder over. Nothing was changed."
    )


def _other_owner(task: HostTask, found: Mapping[str, Any], there: Sequence[Mapping[str, Any]]) -> str:
    """Return the other host of the inventory that the folder belongs to, empty if this host may have it.

    A name that is no host any more was this host's, or that of a machine that is gone.
    """
    owners = {str(found["claimed_by"])} - {""}
    # In the records of the other roles, the host is the one that a stream is sent to.
    if not owners and task.role == "ffmpeg_encoder":
        owners = {str(one["host"]) for one in there if one.get("host")}
    return "" if task.host in owners else next((one for one in sorted(owners) if one in task.hosts), "")


def _check_sent_elsewhere(
    task: HostTask,
    elsewhere: Sequence[tuple[str, Mapping[str, Any]]],
    wanted: Sequence[Mapping[str, Any]],
) -> list[str]:
    """Raise InvalidInput where the task would miss encoders of another folder. Return warnings where it leaves some.

    ``elsewhere`` are folders and records of streams that encoders send which were set up as this host.
    """
    option = f"{task.role}_root"
    if task.state == "started":
        sessions = {str(one["session_id"]) for one in wanted}
        for folder, label in _labels_by_folder(one for one in elsewhere if str(one[1]["session_id"]) in sessions):
            raise InvalidInput(
                one_line(
                    f"On {task.host}, an encoder of {folder} sends {label} already, and {option} is {task.root} now: "
                    f"there would be two. First take it off with {option}: {folder} and {task.role}_state: absent. "
                    "Nothing was changed."
                )
            )
        return []
    if task.state == "gone":
        elsewhere = [one for one in elsewhere if streams_gone([host_stream(one[1])], task.event).remove]
    found = list(_labels_by_folder(elsewhere))
    # Two projects may use one machine under one name, each with its folder: to empty one of them is no fault. But a
    # session must not go while its stream is sent.
    if found and task.state == "gone":
        sent = "; ".join(f"encoders of {folder} send {label}" for folder, label in found)
        raise InvalidInput(
            one_line(
                f"On {task.host}, {sent}, and {option} is {task.root}: they would go on. Set {option} to "
                f"{' or '.join(folder for folder, _label in found)}, and run this again. Nothing was changed."
            )
        )
    return [
        one_line(
            f"On {task.host}, encoders of {folder} go on with {label}: {option} is {task.root}. To reach them too, set "
            f"it to {folder}, and run this again."
        )
        for folder, label in found
    ]


def _labels_by_folder(elsewhere: Iterable[tuple[str, Mapping[str, Any]]]) -> Iterator[tuple[str, str]]:
    """Yield each folder with the labels of its streams."""
    labels: dict[str, list[str]] = {}
    for folder, record in elsewhere:
        labels.setdefault(folder, []).append(str(record["label"] or record["name"]))
    yield from ((folder, ", ".join(ones)) for folder, ones in labels.items())
