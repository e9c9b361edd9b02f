# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""What the role ffmpeg_encoder asks the module encoder_host to look at and to do on a host."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any

from .ffmpeg_files import health_settings, key_file, program_settings, record, settings_file, settings_of, unit_settings
from .host_task import HostTask

UNIT, PROGRAM = "tenbyte-encoder@{}.service", "tenbyte-encoder-{}"
# With which encoder.py gives up.
REFUSED = 77
# systemd restarts a failed unit after 3 s; supervisord calls a program running after as many.
_UP_SECONDS = 3
# How long a new stream may take after that until it is on air, or has failed for the first time.
_TRY_SECONDS = 5
_TEMPLATE = "tenbyte-encoder@.service"
_SYSTEMD_FOLDER = "/etc/systemd/system"
_RUNTIME_FOLDER = "/run/tenbyte-encoder"
_ENTRIES = ("keys", "streams", "about", "stamps", "log", "run", "supervisord.conf", "health_settings.json")


def owns_supervisord(task: HostTask) -> bool:
    """Return whether the role runs a supervisord of its own."""
    return bool(task.settings["supervisord_config"] == f"{task.root}/supervisord.conf")


def inspection(
    task: HostTask, wanted: Sequence[Mapping[str, Any]], secret: bytes, watched: Sequence[str] = ()
) -> dict[str, Any]:
    """Return what the module looks at. ``watched`` are the names of streams whose state is waited for."""
    settings, is_started = task.settings, task.state == "started"
    is_other = is_started and not owns_supervisord(task)
    commands = [settings["supervisorctl_command"]]
    if owns_supervisord(task):
        commands.append(settings["supervisord_command"])
    return {
        "root": task.root,
        "secret": secret.hex(),
        "manager": asked_manager(task),
        "records": "about/*.json",
        "keys": ".ffpreset",
        "program": settings["binary"] if is_started else "",
        "media": media_paths(wanted) if is_started else [],
        "look": _look(task, wanted) if is_started else None,
        "supervisord": {
            "programs": commands,
            "config": settings["supervisord_config"] if is_other else "",
            "include": settings["supervisord_include_folder"],
        },
        "watched": {
            "names": list(watched),
            "timeout": settings["verify_timeout"],
            "folders": {"systemd": _RUNTIME_FOLDER, "supervisord": f"{task.root}/run"},
            "unit": UNIT,
            "refused": REFUSED,
        }
        if watched
        else None,
    }


def _look(task: HostTask, wanted: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return the program that looks at media files, and what it reads. The host puts the path of its ffmpeg in."""
    with_files = [one for one in wanted if "file" in (one["source"]["type"], one["slate"]["type"])]
    if not with_files:
        return None
    streams = [{**settings_of(one, task.settings, ""), "label": one["label"]} for one in with_files]
    return {"program": task.contents["program"]["encoder_media.py"], "streams": streams}


def asked_manager(task: HostTask) -> str:
    """Return what is to supervise the streams; empty where the host has to be asked."""
    if task.settings["service_manager"] != "auto":
        return str(task.settings["service_manager"])
    if task.service_manager:
        return "systemd" if task.service_manager == "systemd" else "supervisord"
    return ""


def media_paths(streams: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the paths of the media files that streams play, each once."""
    used = [one[kind] for one in streams for kind in ("source", "slate") if one[kind]["type"] == "file"]
    return list(dict.fromkeys(str(one["path"]) for one in used))


def convergence(
    task: HostTask,
    found: Mapping[str, Any],
    *,
    leaving: Sequence[str],
    stopping: Sequence[str] = (),
    wanted: Sequence[Mapping[str, Any]] | None = None,
    stream_keys: Mapping[str, str] | None = None,
    secret: bytes = b"",
    is_emptied: bool = False,
) -> dict[str, Any]:
    """Return what the module does.

    ``wanted`` is None where no stream is written. A key is in it only if the host has another one, as its digest with
    the ``secret`` tells. If the host ``is_emptied``, what all streams share is removed too.
    """
    manager = found["manager"]
    return {
        "root": task.root,
        "manager": _manager(task, manager),
        "units": _further_units(task, is_emptied=is_emptied) if manager == "systemd" else [],
        "leaving": [{"name": name, "paths": _paths_of(task.root, name, manager)} for name in leaving],
        "stopping": list(stopping),
        "present": None if wanted is None else _present(task, found, wanted, stream_keys or {}, secret),
        "absent": _shared(task, manager) if is_emptied else None,
    }


def _manager(task: HostTask, kind: str) -> dict[str, Any]:
    settings = task.settings
    if kind == "systemd":
        return {"kind": kind, "folder": _SYSTEMD_FOLDER, "unit": UNIT, "stamps": f"{task.root}/stamps"}
    own = {"content": task.contents.get("supervisord.conf", ""), "pid_file": f"{task.root}/log/supervisord.pid"}
    return {
        "kind": kind,
        "program": PROGRAM,
        "supervisord": settings["supervisord_command"],
        "supervisorctl": settings["supervisorctl_command"],
        "config": settings["supervisord_config"],
        "include": settings["supervisord_include_folder"],
        "own": own if owns_supervisord(task) else None,
        "missing": f"supervisord does not run on {task.host}. Install it (the package supervisor, on Debian or PyPI) "
        "or set ffmpeg_encoder_supervisord_command and ffmpeg_encoder_supervisorctl_command to its absolute paths.",
    }


def _further_units(task: HostTask, *, is_emptied: bool) -> list[dict[str, Any]]:
    """Return the further units with the state that the task gives them. A removal that leaves streams leaves them."""
    if task.state == "gone" and not is_emptied:
        return []
    state = "absent" if is_emptied else "stopped" if task.state == "stopped" else ""
    return [{**one, "state": state or one["state"]} for one in task.further_units]


def _paths_of(root: str, name: str, manager: str) -> list[str]:
    """Return the paths of a stream, its record last. Versions before 0.2 have written a shell script."""
    of_manager = [f"stamps/{name}"] if manager == "systemd" else [f"log/{name}.log", f"log/{name}.log.1", f"run/{name}"]
    own = [f"streams/{name}.json", f"streams/{name}.sh", f"keys/{name}.ffpreset", f"about/{name}.json"]
    return [f"{root}/{path}" for path in (*of_manager, *own)]


def _shared(task: HostTask, manager: str) -> dict[str, Any]:
    is_systemd = manager == "systemd"
    paths = [f"{task.root}/{name}" for name in (*_ENTRIES, *task.contents["program"], *task.contents["health"])]
    return {
        "units": [_TEMPLATE] if is_systemd else [],
        "commands": [],
        "paths": [*([_RUNTIME_FOLDER, f"{_RUNTIME_FOLDER}-health"] if is_systemd else []), *paths],
    }


def _present(
    task: HostTask,
    found: Mapping[str, Any],
    wanted: Sequence[Mapping[str, Any]],
    stream_keys: Mapping[str, str],
    secret: bytes,
) -> dict[str, Any]:
    root, is_systemd = task.root, found["manager"] == "systemd"
    there = {file: digest for file, _written, digest in found["keys"]}
    program = found["program"]["path"] or task.settings["binary"]
    folder = _RUNTIME_FOLDER if is_systemd else ""
    texts = {one["name"]: settings_file(one, task.settings, program, folder) for one in wanted}
    records = [
        _file(f"{root}/about/{one['name']}.json", record(one, by_list=task.by_list, scope=str(task.settings["scope"])))
        for one in wanted
    ]
    keys = []
    for one in wanted:
        content, file = key_file(stream_keys[one["name"]]), f"{one['name']}.ffpreset"
        is_there = hmac.compare_digest(
            there.get(file, ""), hmac.new(secret, content.encode(), hashlib.sha256).hexdigest()
        )
        note = f"stream key {one['stream_key_fingerprint'] or '(no fingerprint)'}"
        keys.append(_file(f"{root}/keys/{file}", None if is_there else content, shown=False, note=note))
    program_files = [_file(f"{root}/{name}", text) for name, text in task.contents["program"].items()]
    # Settings are not shown in a diff: the URL of a source may hold a password.
    settings = [
        _file(f"{root}/streams/{name}.json", text, shown=False, note="(not shown)") for name, text in texts.items()
    ]
    health = [_file(f"{root}/{name}", text, mode="0700") for name, text in task.contents["health"].items()]
    checked = health_settings(task.settings, program, found["manager"], _RUNTIME_FOLDER)
    health.append(_file(f"{root}/health_settings.json", checked))
    units = _unit_files(task, wanted) if is_systemd else []
    return {
        "folders": _folders(root, wanted, is_systemd=is_systemd),
        "files": [*records, *keys, *program_files, *settings, *health, *units],
        "streams": [
            {
                "name": one["name"],
                "key": f"{root}/keys/{one['name']}.ffpreset",
                "revision": _revision(task, one, texts[one["name"]], is_systemd=is_systemd),
                "program": program_settings(one, root),
                "status": f"{_RUNTIME_FOLDER if is_systemd else f'{root}/run'}/{one['name']}/status.json",
                "note": "(not shown)",
            }
            for one in wanted
        ],
        "start_timeout": task.settings["start_timeout"],
        "up_seconds": _UP_SECONDS,
        "try_seconds": _TRY_SECONDS,
        "not_up": _not_up(task, wanted, is_systemd=is_systemd),
    }


def _file(path: str, content: str | None, *, mode: str = "0600", shown: bool = True, note: str = "") -> dict[str, Any]:
    return {"path": path, "content": content, "mode": mode, "shown": shown, "note": note}


def _folders(root: str, wanted: Sequence[Mapping[str, Any]], *, is_systemd: bool) -> list[dict[str, str]]:
    names = [one["name"] for one in wanted]
    own = ["", "/keys", "/streams", "/about"]
    own += ["/stamps"] if is_systemd else ["/log", "/run", *(f"/run/{name}" for name in names)]
    folders = [{"path": f"{root}{one}", "mode": "0700"} for one in own]
    if is_systemd:
        folders += [{"path": f"{_SYSTEMD_FOLDER}/{UNIT.format(name)}.d", "mode": "0755"} for name in names]
    return folders


def _unit_files(task: HostTask, wanted: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    template = _file(f"{_SYSTEMD_FOLDER}/{_TEMPLATE}", task.contents["unit.service"], mode="0644")
    settings = [
        _file(
            f"{_SYSTEMD_FOLDER}/{UNIT.format(one['name'])}.d/stream.conf",
            unit_settings(one, _RUNTIME_FOLDER),
            mode="0644",
        )
        for one in wanted
    ]
    return [template, *settings]


def _revision(task: HostTask, stream: Mapping[str, Any], settings: str, *, is_systemd: bool) -> str:
    """Return a digest of everything that the process of a stream starts with, except its key.

    The module adds the time when the key was written, and compares the result with that of the last start. So a run
    that died between writing and restarting is made good by the next one. The key's fingerprint would not do: it also
    changes with the ledger's own key.
    """
    unit = task.contents["unit.service"] if is_systemd else ""
    parts = [settings, stream["source"], stream["slate"], task.contents["program"], unit]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _not_up(task: HostTask, wanted: Sequence[Mapping[str, Any]], *, is_systemd: bool) -> str:
    names = ", ".join((UNIT if is_systemd else PROGRAM).format(one["name"]) for one in wanted)
    last_words = (
        "the journal (journalctl --identifier tenbyte-encoder)"
        if is_systemd
        else f"the files NAME.log in {task.root}/log, NAME being what follows tenbyte-encoder-"
    )
    return (
        f"Of {names} on {task.host}, some do not stay up: after {task.settings['start_timeout']} s not all have been "
        f"running for {_UP_SECONDS} s. Their last words are in {last_words}. The files are in place and "
        f"{'systemd' if is_systemd else 'supervisord'} goes on trying."
    )
