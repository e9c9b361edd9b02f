# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""What the role obs_encoder asks the module encoder_host to look at and to do on a host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .host_requests import (
    Change,
    convergence_of,
    digest_of,
    file_entry,
    filled,
    further_units,
    hidden_file,
    inspection_of,
    key_entry,
    key_note,
    own_names,
    presence_of,
    program_file,
    report_of,
    without_health_check,
)
from .host_task import HostTask
from .obs_files import (
    encoder_file,
    health_settings,
    profile_file,
    record,
    scene_file,
    service_file,
    unit_settings,
)

UNIT = "tenbyte-obs@{}.service"
# Without a screen, OBS needs a display, and the health check needs ss.
HEADLESS_PROGRAMS = ("xvfb-run", "Xvfb", "xauth", "ss")
_TEMPLATE = "tenbyte-obs@.service"
_RUNTIME_FOLDER = "/run/tenbyte-obs"
_ENTRIES = ("keys", "streams", "stamps", "people", "global.ini", "start.sh", "health_settings.json")
# systemd restarts a failed unit after 3 s.
_UP_SECONDS = 4
# The first with delays that grow.
_SYSTEMD_WITH_STEPS = 254
# The media of WHIP cannot be measured, so its OBS only runs.
_WELL = ("on air", "running")
# Below basic/ of a person's OBS, with ID in place of the session's id.
_OF_PERSON = ("profiles/tenbyte-ID", "scenes/tenbyte-ID.json", "scenes/tenbyte-ID.json.bak")
_FILES = ("basic.ini", "streamEncoder.json", "scene.json")


def inspection(
    task: HostTask, wanted: Sequence[Mapping[str, Any]], secret: bytes, watched: Sequence[str] = ()
) -> dict[str, Any]:
    """Return what the module looks at. ``watched`` are the names of streams whose state is waited for."""
    settings, is_started = task.settings, task.state == "started"
    programs = HEADLESS_PROGRAMS if settings["start"] else ()
    return inspection_of(
        task,
        secret,
        records="streams/*/place.json",
        keys=".json",
        unit=f"{settings['systemd_folder']}/{_TEMPLATE}" if settings["start"] and task.state != "watched" else "",
        own_names=own_names(task, _ENTRIES),
        program={
            "name": settings["binary"] if is_started else "",
            "arguments": ["--version"],
            "pattern": "OBS Studio - [0-9]",
            "needs_home": True,
        },
        programs=[*programs, *(["ffmpeg"] if settings["health_look"] else [])] if is_started else [],
        account=settings["user"] if is_started and not settings["start"] else "",
        systemd_version=is_started,
        media=media_paths(wanted) if is_started else [],
        probes_media=True,
        watched={
            "names": list(watched),
            "timeout": settings["verify_timeout"],
            "unit": UNIT,
            "refused": -1,
            "report": _report(task),
            "settled": list(_WELL),
            "passing": [],
        }
        if watched and settings["start"]
        else None,
    )


def media_paths(streams: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the paths of the pictures and media files that streams show, each once."""
    used = [one["source"]["path"] for one in streams if one["source"]["type"] in ("file", "image")]
    return list(dict.fromkeys(map(str, used)))


def convergence(task: HostTask, found: Mapping[str, Any], change: Change) -> dict[str, Any]:
    """Return what the module does. A key is in it only if the host has another one."""
    root, settings, wanted = task.root, task.settings, change.wanted
    manager = {"kind": "systemd", "folder": settings["systemd_folder"], "unit": UNIT, "stamps": f"{root}/stamps"}
    is_watched = int(settings["health_interval"]) > 0 and bool(settings["start"])
    states = None if is_watched else without_health_check(task)
    units = further_units(task, is_emptied=change.is_emptied, states=states)
    if task.state == "started" and not settings["start"] and change.left:
        # Streams of others, which are sent unattended, are still checked.
        units = []
    there = {str(one["name"]) for one in change.there}
    handed = [str(one["name"]) for one in wanted or () if not settings["start"] and one["name"] in there]
    return convergence_of(
        task,
        found,
        manager,
        change,
        units=units,
        taken_back=_taken_back(task, found, change),
        leaving=[{"name": name, "paths": _paths_of(root, name)} for name in change.leaving],
        stopping=[*change.stopping, *handed],
        present=None if wanted is None else _present(task, found, wanted, change),
        absent=_shared(task) if change.is_emptied else None,
    )


def _report(task: HostTask) -> dict[str, Any]:
    return report_of(task, f"{_RUNTIME_FOLDER}-health/health.json", _WELL)


def _paths_of(root: str, name: str) -> list[str]:
    """Return the paths of a stream; the last is the folder with its record."""
    return [f"{root}/stamps/{name}", f"{root}/keys/{name}.json", f"{root}/streams/{name}"]


def _taken_back(task: HostTask, found: Mapping[str, Any], change: Change) -> list[dict[str, Any]]:
    """Return the streams that leave a person's OBS: they leave the host, are sent unattended, or are another's now."""
    home = "" if task.settings["start"] else _obs_folder(found["account"])
    wanted = {str(one["name"]) for one in change.wanted or ()}
    staying = {*wanted, *change.left, *change.stopping}
    gone = [
        name
        for name, person in found["people"].items()
        # A stream that has left the host is still there where the person's home folder was not.
        if change.is_emptied or name not in staying or (name in wanted and person["home"] != home)
    ]
    return [
        {
            **found["people"][name],
            # Nothing would say any more that it is there: the record goes, or becomes another person's.
            "required": change.is_emptied or (name in wanted and bool(home)),
            "paths": [f"basic/{place.replace('ID', name)}" for place in _OF_PERSON],
            "record": f"{task.root}/people/{name}",
        }
        for name in gone
    ]


def _obs_folder(account: Mapping[str, Any]) -> str:
    return f"{account['home']}/.config/obs-studio" if account else ""


def _shared(task: HostTask) -> dict[str, Any]:
    names = own_names(task, _ENTRIES)
    return {
        "units": [_TEMPLATE],
        "commands": [["systemctl", "stop", r"system-tenbyte\x2dobs.slice"]],
        "paths": [_RUNTIME_FOLDER, f"{_RUNTIME_FOLDER}-health", *(f"{task.root}/{name}" for name in names)],
    }


def _present(
    task: HostTask, found: Mapping[str, Any], wanted: Sequence[Mapping[str, Any]], change: Change
) -> dict[str, Any]:
    root, settings, contents = task.root, task.settings, task.contents
    is_unattended, service = bool(settings["start"]), str(settings["service"])
    texts = {
        one["name"]: {
            "basic.ini": profile_file(one),
            "streamEncoder.json": encoder_file(one, service),
            "scene.json": scene_file(one, _path_seen_by(one, is_unattended=is_unattended)),
        }
        for one in wanted
    }
    keys = [
        key_entry(
            f"{root}/keys/{one['name']}.json",
            service_file(one, change.stream_keys[one["name"]], service),
            one,
            found,
            change,
        )
        for one in wanted
    ]
    template = filled(contents["unit.service"], _unit_values(task, found))
    files = [
        *(
            file_entry(f"{root}/streams/{one['name']}/place.json", record(one, settings, by_list=task.by_list))
            for one in wanted
        ),
        *keys,
        *(hidden_file(f"{root}/streams/{one}/{file}", text) for one in texts for file, text in texts[one].items()),
        file_entry(f"{root}/global.ini", contents["global.ini"]),
        file_entry(f"{root}/start.sh", contents["start.sh"], mode="0700"),
        *(program_file(f"{root}/{name}", text, "0700") for name, text in contents["health"].items()),
        file_entry(f"{root}/health_settings.json", health_settings(settings)),
        *(_unit_files(task, wanted, template) if is_unattended else _people(root, found, wanted)),
    ]
    streams = [
        {
            "name": one["name"],
            "key": f"{root}/keys/{one['name']}.json",
            "revision": digest_of(
                texts[one["name"]], one["source"], contents["global.ini"], contents["start.sh"], template
            ),
        }
        for one in wanted
    ]
    return presence_of(
        task,
        folders=_folders(task, [str(one["name"]) for one in wanted]),
        files=files,
        person=None if is_unattended else _person(root, found["account"], wanted),
        streams=streams if is_unattended else [],
        report=_report(task),
        up_seconds=_UP_SECONDS,
        try_seconds=settings["start_timeout"],
        not_up=_not_up(task, wanted),
    )


def _path_seen_by(stream: Mapping[str, Any], *, is_unattended: bool) -> str:
    """Return where OBS finds a stream's file. A unit sees it at one place, whatever folder it lies in."""
    return f"{_RUNTIME_FOLDER}/{stream['name']}/source" if is_unattended else str(stream["source"].get("path", ""))


def _unit_values(task: HostTask, found: Mapping[str, Any]) -> dict[str, Any]:
    has_steps = found["systemd_version"] >= _SYSTEMD_WITH_STEPS
    return {
        "PROGRAM": found["program"]["path"] or task.settings["binary"],
        "RESTARTS": ["RestartSteps=6", "RestartMaxDelaySec=30"] if has_steps else [],
    }


def _unit_files(task: HostTask, wanted: Sequence[Mapping[str, Any]], template: str) -> list[dict[str, Any]]:
    folder = task.settings["systemd_folder"]
    own = [
        file_entry(f"{folder}/{UNIT.format(one['name'])}.d/stream.conf", unit_settings(one), mode="0644")
        for one in wanted
    ]
    return [file_entry(f"{folder}/{_TEMPLATE}", template, mode="0644"), *own]


def _people(root: str, found: Mapping[str, Any], wanted: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the records of who has the streams. The next run reads from them what to remove, and from whom."""
    account = found["account"]
    text = f"{_obs_folder(account)}\n{account['uid']} {account['gid']}\n"
    return [file_entry(f"{root}/people/{one['name']}", text) for one in wanted]


def _person(root: str, account: Mapping[str, Any], wanted: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what goes into the folder of a person's OBS."""
    home = _obs_folder(account)
    basic, names = f"{home}/basic", [str(one["name"]) for one in wanted]
    files = []
    for one in wanted:
        name = str(one["name"])
        profile = f"{basic}/profiles/tenbyte-{name}"
        places = {file: f"{profile}/{file}" for file in _FILES} | {"scene.json": f"{basic}/scenes/tenbyte-{name}.json"}
        files += [
            {"from": f"{root}/streams/{name}/{file}", "path": path, "note": "(not shown)"}
            for file, path in places.items()
        ]
        files.append({"from": f"{root}/keys/{name}.json", "path": f"{profile}/service.json", "note": key_note(one)})
    folders = [
        home,
        basic,
        f"{basic}/scenes",
        f"{basic}/profiles",
        *(f"{basic}/profiles/tenbyte-{one}" for one in names),
    ]
    return {
        "uid": account["uid"],
        "gid": account["gid"],
        "folders": folders if names else [],
        "files": files,
    }


def _folders(task: HostTask, names: Sequence[str]) -> list[dict[str, str]]:
    own = ["", "/keys", "/streams", "/stamps", "/people", *(f"/streams/{name}" for name in names)]
    folders = [{"path": f"{task.root}{one}", "mode": "0700"} for one in own]
    if task.settings["start"]:
        units = task.settings["systemd_folder"]
        folders += [{"path": f"{units}/{UNIT.format(name)}.d", "mode": "0755"} for name in names]
    return folders


def _not_up(task: HostTask, wanted: Sequence[Mapping[str, Any]]) -> str:
    units = ", ".join(UNIT.format(one["name"]) for one in wanted)
    return (
        f"Of {units} on {task.host}, some do not stay up: after {task.settings['start_timeout']} s not all have been "
        f"running for {_UP_SECONDS} s. Read their last words with journalctl --identifier tenbyte-obs. The files are "
        "in place and systemd goes on trying."
    )
