# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""What the role rtmp_relay asks the module encoder_host to look at and to do on a host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .host_requests import (
    ROOT_MODES,
    Change,
    convergence_of,
    digest_of,
    file_entry,
    filled,
    further_units,
    inspection_of,
    key_entry,
    own_names,
    plain_fingerprint,
    presence_of,
    program_file,
    report_of,
    without_health_check,
)
from .host_task import HostTask
from .relay_files import destination_file, health_settings, push_settings, record, relay_settings, without_pushes
from .relay_pushes import known_push

FRONT, UNIT = "tenbyte-rtmp-relay.service", "tenbyte-rtmp-relay-push@{}.service"
_TEMPLATE = "tenbyte-rtmp-relay-push@.service"
_MODULES = ("ngx_rtmp_module.so", "ngx_stream_module.so")
# systemd restarts a failed unit after 1 s.
_UP_SECONDS = 2
# How long an encoder that publishes already may take until its new push is on air.
_TRY_SECONDS = 8
_ENTRIES = ("keys", "pushes", "stamps", "relay.conf", "health_settings.json")
# In these states, nothing is wrong with a push.
_WELL = ("on air", "idle")


def inspection(
    task: HostTask, wanted: Sequence[Mapping[str, Any]], secret: bytes, watched: Sequence[str] = ()
) -> dict[str, Any]:
    """Return what the module looks at. ``watched`` are the names of pushes whose state is waited for."""
    settings, is_started = task.settings, task.state == "started"
    ca_path = [[settings["ca_path"]]] if is_started and any(one["tls"] for one in wanted) else []
    modules = [[f"{folder}/{name}" for folder in settings["module_folders"]] for name in _MODULES]
    return inspection_of(
        task,
        secret,
        records="pushes/*.json",
        keys=".conf",
        unit=f"{settings['systemd_folder']}/{_TEMPLATE}" if task.state != "watched" else "",
        own_names=own_names(task, _ENTRIES),
        program={
            "name": settings["nginx"] if is_started else "",
            "arguments": [],
            "pattern": "",
            "needs_home": False,
        },
        programs=["ffmpeg"] if is_started and settings["health_look"] else [],
        places=[*modules, *ca_path] if is_started else [],
        texts=[f"{task.root}/relay.conf"] if task.state == "gone" else [],
        watched={
            "names": list(watched),
            "timeout": settings["verify_timeout"],
            "unit": "",
            "report": _report(task),
            "settled": ["on air"],
            "passing": [],
        }
        if watched
        else None,
    )


def modules_of(task: HostTask, found: Mapping[str, Any]) -> list[str]:
    """Return the paths of nginx's modules; in check mode, they may not be installed yet."""
    folder = task.settings["module_folders"][0]
    return [path or f"{folder}/{name}" for path, name in zip(found["places"], _MODULES, strict=False)]


def missing_modules(found: Mapping[str, Any]) -> list[str]:
    return [name for path, name in zip(found["places"], _MODULES, strict=False) if not path]


def convergence(task: HostTask, found: Mapping[str, Any], change: Change) -> dict[str, Any]:
    """Return what the module does. A key is in it only if the host has another one."""
    root, settings = task.root, task.settings
    has_health_check = int(settings["health_interval"]) > 0
    units = further_units(
        task, is_emptied=change.is_emptied, states=None if has_health_check else without_health_check(task)
    )
    if change.is_emptied or task.state == "stopped":
        units.append({"name": FRONT, "state": "absent" if change.is_emptied else "stopped"})
    manager = {
        "kind": "systemd",
        "folder": settings["systemd_folder"],
        "unit": UNIT,
        "stamps": f"{root}/stamps",
    }
    return convergence_of(
        task,
        found,
        manager,
        change,
        units=units,
        leaving=[{"name": name, "paths": _paths_of(root, name)} for name in change.leaving],
        present=None if change.wanted is None else _present(task, found, change.wanted, change),
        edited=_edited(task, found, change),
        absent=_shared(task) if change.is_emptied else None,
    )


def _report(task: HostTask) -> dict[str, Any]:
    return report_of(task, f"{task.settings['runtime_folder']}-health/health.json", _WELL)


def _paths_of(root: str, name: str) -> list[str]:
    """Return the paths of a push, its record last."""
    return [f"{root}/{path}" for path in (f"stamps/{name}", f"pushes/{name}.conf", f"keys/{name}.conf")] + [
        f"{root}/pushes/{name}.json"
    ]


def _shared(task: HostTask) -> dict[str, Any]:
    runtime_folder = task.settings["runtime_folder"]
    folders = [f"{runtime_folder}{one}" for one in ("", "-push", "-health")]
    return {
        "units": [_TEMPLATE],
        "commands": [["systemctl", "stop", r"system-tenbyte\x2drtmp\x2drelay\x2dpush.slice"]],
        "paths": [*folders, *(f"{task.root}/{name}" for name in own_names(task, _ENTRIES))],
    }


def _edited(task: HostTask, found: Mapping[str, Any], change: Change) -> dict[str, Any] | None:
    """Return how pushes that do not stay are taken out of the relay's settings, where others stay.

    Not only those that leave now: a run that was killed after it removed their records has left their lines.
    """
    path = f"{task.root}/relay.conf"
    text = found["texts"].get(path, "")
    if task.state != "gone" or change.is_emptied or not text:
        return None
    content = without_pushes(text, change.left)
    return {
        "file": file_entry(path, content, mode="0644"),
        "reload": digest_of(content),
        "stamp": f"{task.root}/stamps/relay-conf",
        "unit": FRONT,
    }


def _present(
    task: HostTask, found: Mapping[str, Any], wanted: Sequence[Mapping[str, Any]], change: Change
) -> dict[str, Any]:
    root, settings, contents = task.root, task.settings, task.contents
    program, modules = found["program"]["path"] or "/usr/sbin/nginx", modules_of(task, found)
    staying = [known_push(one, settings) for one in change.there if one["name"] in change.left]
    relay_conf = relay_settings(contents["relay.conf"], [*wanted, *staying], modules, settings)
    confs = {one["id"]: push_settings(contents["push.conf"], one, modules, settings["ca_path"]) for one in wanted}
    front, template = (filled(contents[one], {"PROGRAM": program}) for one in ("relay.service", "push.service"))
    scope = str(settings["scope"])
    keys = [
        key_entry(
            f"{root}/keys/{one['id']}.conf",
            destination_file(one, change.stream_keys[one["id"]], settings["runtime_folder"]),
            one,
            found,
            change,
        )
        for one in wanted
    ]
    files = [
        *(
            file_entry(f"{root}/pushes/{one['id']}.json", record(one, by_list=task.by_list, scope=scope))
            for one in wanted
        ),
        *keys,
        *(file_entry(f"{root}/pushes/{name}.conf", text) for name, text in confs.items()),
        file_entry(f"{root}/relay.conf", relay_conf, mode="0644"),
        *(program_file(f"{root}/{name}", text, "0700") for name, text in contents["health"].items()),
        file_entry(f"{root}/health_settings.json", health_settings(settings)),
        file_entry(f"{settings['systemd_folder']}/{FRONT}", front, mode="0644"),
        file_entry(f"{settings['systemd_folder']}/{_TEMPLATE}", template, mode="0644"),
    ]
    return presence_of(
        task,
        folders=[
            {"path": root, "mode": ROOT_MODES[task.role]},
            *({"path": f"{root}/{one}", "mode": "0700"} for one in ("keys", "pushes", "stamps")),
        ],
        files=files,
        streams=[
            {
                "name": one["id"],
                "key": f"{root}/keys/{one['id']}.conf",
                # The fingerprint also changes with the ledger's own key, and the push with its stream key, not with it.
                "revision": digest_of(confs[one["id"]].replace(plain_fingerprint(one), ""), template),
            }
            for one in wanted
        ],
        service={
            "name": FRONT,
            "restart": digest_of(front),
            "reload": digest_of(relay_conf),
            "stamps": {"restart": f"{root}/stamps/relay-unit", "reload": f"{root}/stamps/relay-conf"},
        },
        report=_report(task),
        up_seconds=_UP_SECONDS,
        try_seconds=_TRY_SECONDS,
        not_up=_not_up(task, wanted),
    )


def _not_up(task: HostTask, wanted: Sequence[Mapping[str, Any]]) -> str:
    units = ", ".join([FRONT, *(UNIT.format(one["id"]) for one in wanted)])
    return (
        f"Of {units} on {task.host}, some do not stay up: after {task.settings['start_timeout']} s not all have been "
        f"running for {_UP_SECONDS} s. Read their last words with journalctl --identifier tenbyte-rtmp-relay and "
        "journalctl --identifier tenbyte-rtmp-relay-push. If a port is in use, set rtmp_relay_port or "
        "rtmp_relay_push_port to another one. The files are in place and systemd goes on trying."
    )
