# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""What the requests to the module encoder_host_remote have in common, whatever the role."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .host_task import HostTask

SYSTEMD_FOLDER = "/etc/systemd/system"
# In the role's folder: the host of the inventory that the folder belongs to.
HOST_FILE = "inventory_host.json"
BOOTED_FOLDER = "/run/systemd/system"
HEADER = "# Written by the role tenbyte.webinar.{}: changes made here are lost."

# The relay's own user reads its settings, which have no key.
ROOT_MODES = {"ffmpeg_encoder": "0700", "rtmp_relay": "0755", "obs_encoder": "0700"}
# The most that a health check takes.
_CHECK_SECONDS = 30


@dataclass(frozen=True)
class Change:
    """What is to change on a host. ``there`` are its streams by now, ``left`` the names of those that stay unasked.

    ``wanted`` is None where no stream is written, and ``stream_keys`` are by name. The ``secret`` is that of the
    digests of key files. If the host ``is_emptied``, what all streams share is removed too.
    """

    there: Sequence[Mapping[str, Any]] = ()
    leaving: Sequence[str] = ()
    left: Sequence[str] = ()
    stopping: Sequence[str] = ()
    wanted: Sequence[Mapping[str, Any]] | None = None
    stream_keys: Mapping[str, str] = field(default_factory=dict)
    secret: bytes = b""
    is_emptied: bool = False


def inspection_of(task: HostTask, secret: bytes, **asked: Any) -> dict[str, Any]:
    """Return a request to look at a host. What is not ``asked`` is not looked for."""
    nothing = {"name": "", "arguments": [], "pattern": "", "needs_home": False}
    return {
        "root": task.root,
        "secret": secret.hex(),
        "booted": str(task.settings.get("booted_folder", BOOTED_FOLDER)),
        "manager": "systemd",
        "unit": "",
        "own_names": [],
        "root_mode": ROOT_MODES[task.role],
        "host": task.host,
        "claim": f"{task.root}/{HOST_FILE}",
        "looks_elsewhere": False,
        "program": nothing,
        "programs": [],
        "places": [],
        "texts": [],
        "account": "",
        "systemd_version": False,
        "media": [],
        "probes_media": False,
        "look": None,
        "supervisord": {},
        "watched": None,
        **asked,
    }


def convergence_of(
    task: HostTask, found: Mapping[str, Any], manager: Mapping[str, Any], change: Change, **parts: Any
) -> dict[str, Any]:
    """Return a request to change a host. ``parts`` are those that are not empty."""
    return {
        "root": task.root,
        "claim": _claim(task, str(found["claimed_by"])),
        "manager": dict(manager),
        "units": [],
        "taken_back": [],
        "leaving": [],
        "stopping": list(change.stopping),
        "present": None,
        "edited": None,
        "absent": None,
        **parts,
    }


def own_names(task: HostTask, entries: Sequence[str]) -> list[str]:
    """Return all that a role has in its folder. The file that says whose it is comes last, as it is removed last."""
    return [*entries, *task.contents.get("program", ()), *task.contents.get("health", ()), HOST_FILE]


def _claim(task: HostTask, found: str) -> dict[str, str]:
    """Return how the folder is made that of the task's host, before anything in it is changed."""
    # With the name of the collection, the folder counts as the role's from its first file to its last.
    noted = {"host": task.host, "role": f"tenbyte.webinar.{task.role}"}
    return {
        "path": f"{task.root}/{HOST_FILE}",
        "host": task.host,
        "content": json.dumps(noted, sort_keys=True) + "\n",
        "found": found,
        "root_mode": ROOT_MODES[task.role],
    }


def presence_of(task: HostTask, **parts: Any) -> dict[str, Any]:
    """Return what a host is to have, in a request to change it."""
    # No person, no further service, no report of a health check, and no exit code of a stream that has given up.
    none = dict.fromkeys(("person", "service", "report", "refused"))
    return {**none, "start_timeout": task.settings["start_timeout"], **parts}


def report_of(task: HostTask, result: str, well: Sequence[str]) -> dict[str, Any]:
    """Return how the health check is asked about streams. It keeps its last ``result``, which counts for a while."""
    interval = int(task.settings["health_interval"])
    lately = 2 * interval + _CHECK_SECONDS if interval > 0 else 0
    return {"program": f"{task.root}/health.py", "well": list(well), "result": result, "lately_seconds": lately}


def file_entry(
    path: str, content: str | None, *, mode: str = "0600", shown: bool = True, note: str = ""
) -> dict[str, Any]:
    return {"path": path, "content": content, "mode": mode, "shown": shown, "note": note}


def program_file(path: str, content: str, mode: str = "0600") -> dict[str, Any]:
    """Return the entry of a program of the role. Its text would bury what a diff has to show."""
    return file_entry(path, content, mode=mode, shown=False, note="(a program of the role)")


def hidden_file(path: str, content: str | None) -> dict[str, Any]:
    """Return the entry of a file that is not shown in a diff, because a URL in it may hold a password."""
    return file_entry(path, content, shown=False, note="(not shown)")


def key_entry(
    path: str, content: str, stream: Mapping[str, Any], found: Mapping[str, Any], change: Change
) -> dict[str, Any]:
    """Return the entry of a file with a stream key: without its content if the host has it, as the digest tells."""
    there = dict(found["keys"])
    digest = hmac.new(change.secret, content.encode(), hashlib.sha256).hexdigest()
    is_there = hmac.compare_digest(there.get(path.rpartition("/")[2], ""), digest)
    return file_entry(path, None if is_there else content, shown=False, note=key_note(stream))


def key_note(stream: Mapping[str, Any]) -> str:
    """Return what a diff shows in place of a stream key."""
    if stream.get("session_id", "") is None:
        return "stream key (its session does not exist yet)"
    return f"stream key {stream['stream_key_fingerprint'] or '(no fingerprint)'}"


def further_units(task: HostTask, *, is_emptied: bool, states: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """Return the further units with the state that the task gives them. A removal that leaves streams leaves them.

    ``states`` are those of the units that this host needs in another one.
    """
    if task.state == "gone" and not is_emptied:
        return []
    state = "absent" if is_emptied else "stopped" if task.state == "stopped" else ""
    return [{**one, "state": state or (states or {}).get(one["name"]) or one["state"]} for one in task.further_units]


def without_health_check(task: HostTask) -> dict[str, str]:
    """Return the states of the units of a health check that is not to be made."""
    return {
        str(one["name"]): "absent"
        for one in task.further_units
        if re.search("-(?:health|off-air|outage)[.]", one["name"])
    }


def digest_of(*parts: Any) -> str:
    """Return a digest of everything that a process starts with, except its key.

    The module adds the time when the key was written, and compares the result with that of the last start. So a run
    that died between writing and restarting is made good by the next one. The key's fingerprint would not do: it also
    changes with the ledger's own key.
    """
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def filled(text: str, values: Mapping[str, Any]) -> str:
    """Return a file of a role with values for its placeholders, such as ``@PROGRAM@``.

    A placeholder that has a line of its own takes a list, and becomes as many lines, with its indentation.
    """

    def value(found: re.Match[str]) -> str:
        if found["own"]:
            return "".join(f"{found['indent']}{line}\n" for line in values[found["own"]])
        return str(values[found["within"]])

    return re.sub(r"(?m)^(?P<indent> *)@(?P<own>[A-Z]+)@\n|@(?P<within>[A-Z]+)@", value, text)


def as_json(values: Mapping[str, Any]) -> str:
    return json.dumps(values, indent=4, sort_keys=True, separators=(",", ": ")) + "\n"


def plain_fingerprint(stream: Mapping[str, Any]) -> str:
    return re.sub("[^A-Za-z0-9:._-]", "_", stream["stream_key_fingerprint"]) or "unknown"


def unit_description(label: str) -> str:
    return re.sub("[^A-Za-z0-9 ,./_-]", "_", label)[:100]


def escaped_path(path: str) -> str:
    """Return a path as systemd reads it."""
    return re.sub(r"""([\\"': ])""", r"\\\1", path).replace("%", "%%")
