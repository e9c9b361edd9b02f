# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""What the role ffmpeg_encoder asks the module encoder_host to look at and to do on a host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .ffmpeg_files import health_settings, key_file, program_settings, record, settings_file, settings_of, unit_settings
from .host_requests import (
    SYSTEMD_FOLDER,
    Change,
    convergence_of,
    digest_of,
    file_entry,
    further_units,
    hidden_file,
    inspection_of,
    key_entry,
    own_names,
    presence_of,
    program_file,
)
from .host_task import HostTask

UNIT, PROGRAM = "tenbyte-encoder@{}.service", "tenbyte-encoder-{}"
# With which encoder.py gives up.
REFUSED = 77
# systemd restarts a failed unit after 3 s; supervisord calls a program running after as many.
_UP_SECONDS = 3
# How long a new stream may take after that until it is on air, or has failed for the first time.
_TRY_SECONDS = 5
_TEMPLATE = "tenbyte-encoder@.service"
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
    return inspection_of(
        task,
        secret,
        manager=asked_manager(task),
        records="about/*.json",
        keys=".ffpreset",
        unit=f"{SYSTEMD_FOLDER}/{_TEMPLATE}",
        own_names=own_names(task, _ENTRIES),
        looks_elsewhere=task.state != "watched",
        program={
            "name": settings["binary"] if is_started else "",
            "arguments": ["-version"],
            "pattern": "",
            "needs_home": False,
        },
        media=media_paths(wanted) if is_started else [],
        look=_look(task, wanted) if is_started else None,
        supervisord={
            "programs": commands,
            "config": settings["supervisord_config"] if is_other else "",
            "include": settings["supervisord_include_folder"],
        },
        watched={
            "names": list(watched),
            "timeout": settings["verify_timeout"],
            "folders": {"systemd": _RUNTIME_FOLDER, "supervisord": f"{task.root}/run"},
            "unit": UNIT,
            "refused": REFUSED,
            "report": None,
            "settled": ["on air", "refused"],
            "passing": [] if settings["health_slate"] else ["slate"],
        }
        if watched
        else None,
    )


def _look(task: HostTask, wanted: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return the program that looks at media files and options, and what it reads. The host puts its ffmpeg's path in.

    A URL is looked at later, by the stream's own program, which needs the same ffprobe.
    """
    looked_at = [one for one in wanted if _has_to_be_looked_at(one)]
    if not looked_at:
        return None
    streams = [{**settings_of(one, task.settings, ""), "label": one["label"]} for one in looked_at]
    return {"program": task.contents["program"]["encoder_media.py"], "streams": streams}


def _has_to_be_looked_at(stream: Mapping[str, Any]) -> bool:
    has_options = stream["source"].get("input_options") or stream["profile"].get("output_options")
    return bool(has_options) or stream["source"]["type"] != "test_pattern" or stream["slate"]["type"] != "none"


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


def convergence(task: HostTask, found: Mapping[str, Any], change: Change) -> dict[str, Any]:
    """Return what the module does. A key is in it only if the host has another one."""
    manager = found["manager"]
    return convergence_of(
        task,
        found,
        _manager(task, manager),
        change,
        units=further_units(task, is_emptied=change.is_emptied) if manager == "systemd" else [],
        leaving=[{"name": name, "paths": _paths_of(task.root, name, manager)} for name in change.leaving],
        present=None if change.wanted is None else _present(task, found, change.wanted, change),
        absent=_shared(task, manager) if change.is_emptied else None,
    )


def _manager(task: HostTask, kind: str) -> dict[str, Any]:
    settings = task.settings
    if kind == "systemd":
        return {"kind": kind, "folder": SYSTEMD_FOLDER, "unit": UNIT, "stamps": f"{task.root}/stamps"}
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


def _paths_of(root: str, name: str, manager: str) -> list[str]:
    """Return the paths of a stream, its record last. Versions before 0.2 have written a shell script."""
    of_manager = [f"stamps/{name}"] if manager == "systemd" else [f"log/{name}.log", f"log/{name}.log.1", f"run/{name}"]
    own = [f"streams/{name}.json", f"streams/{name}.sh", f"keys/{name}.ffpreset", f"about/{name}.json"]
    return [f"{root}/{path}" for path in (*of_manager, *own)]


def _shared(task: HostTask, manager: str) -> dict[str, Any]:
    is_systemd = manager == "systemd"
    paths = [f"{task.root}/{name}" for name in own_names(task, _ENTRIES)]
    return {
        "units": [_TEMPLATE] if is_systemd else [],
        "commands": [],
        "paths": [*([_RUNTIME_FOLDER, f"{_RUNTIME_FOLDER}-health"] if is_systemd else []), *paths],
    }


def _present(
    task: HostTask, found: Mapping[str, Any], wanted: Sequence[Mapping[str, Any]], change: Change
) -> dict[str, Any]:
    root, is_systemd = task.root, found["manager"] == "systemd"
    program = found["program"]["path"] or task.settings["binary"]
    folder = _RUNTIME_FOLDER if is_systemd else ""
    texts = {one["name"]: settings_file(one, task.settings, program, folder) for one in wanted}
    scope = str(task.settings["scope"])
    noted = {"by_list": task.by_list, "scope": scope, "manager": found["manager"], "host": task.host}
    records = [file_entry(f"{root}/about/{one['name']}.json", record(one, **noted)) for one in wanted]
    keys = [
        key_entry(f"{root}/keys/{one['name']}.ffpreset", key_file(change.stream_keys[one["name"]]), one, found, change)
        for one in wanted
    ]
    program_files = [program_file(f"{root}/{name}", text) for name, text in task.contents["program"].items()]
    settings = [hidden_file(f"{root}/streams/{name}.json", text) for name, text in texts.items()]
    health = [program_file(f"{root}/{name}", text, "0700") for name, text in task.contents["health"].items()]
    checked = health_settings(task.settings, program, found["manager"], _RUNTIME_FOLDER)
    health.append(file_entry(f"{root}/health_settings.json", checked))
    units = _unit_files(task, wanted) if is_systemd else []
    return presence_of(
        task,
        folders=_folders(root, wanted, is_systemd=is_systemd),
        files=[*records, *keys, *program_files, *settings, *health, *units],
        streams=[
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
        up_seconds=_UP_SECONDS,
        try_seconds=_TRY_SECONDS,
        refused=REFUSED,
        not_up=_not_up(task, wanted, is_systemd=is_systemd),
    )


def _folders(root: str, wanted: Sequence[Mapping[str, Any]], *, is_systemd: bool) -> list[dict[str, str]]:
    names = [one["name"] for one in wanted]
    own = ["", "/keys", "/streams", "/about"]
    own += ["/stamps"] if is_systemd else ["/log", "/run", *(f"/run/{name}" for name in names)]
    folders = [{"path": f"{root}{one}", "mode": "0700"} for one in own]
    if is_systemd:
        folders += [{"path": f"{SYSTEMD_FOLDER}/{UNIT.format(name)}.d", "mode": "0755"} for name in names]
    return folders


def _unit_files(task: HostTask, wanted: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    template = file_entry(f"{SYSTEMD_FOLDER}/{_TEMPLATE}", task.contents["unit.service"], mode="0644")
    settings = [
        file_entry(
            f"{SYSTEMD_FOLDER}/{UNIT.format(one['name'])}.d/stream.conf",
            unit_settings(one, _RUNTIME_FOLDER),
            mode="0644",
        )
        for one in wanted
    ]
    return [template, *settings]


def _revision(task: HostTask, stream: Mapping[str, Any], settings: str, *, is_systemd: bool) -> str:
    """Return a digest of everything that the process of a stream starts with, except its key."""
    unit = task.contents["unit.service"] if is_systemd else ""
    return digest_of(settings, stream["source"], stream["slate"], task.contents["program"], unit)


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
