# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""The files that the role ffmpeg_encoder writes for each stream. All values in them were checked before."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .host_requests import as_json, escaped_path, plain_fingerprint, unit_description

_HEADER = "Written by the role tenbyte.webinar.ffmpeg_encoder: changes made here are lost."


def record(stream: Mapping[str, Any], *, by_list: bool, scope: str, manager: str, host: str) -> str:
    """Return what a later run has to know about a stream to decide whether it leaves the host, and how.

    ``host`` is the name of the host in the inventory: several may be one machine.
    """
    names = ("name", "label", "room_id", "room", "title", "session_id", "hls_url")
    noted = {
        **{name: stream[name] for name in names},
        "by_list": by_list,
        "scope": scope,
        "manager": manager,
        "host": host,
    }
    return json.dumps(noted, sort_keys=True) + "\n"


def key_file(stream_key: str) -> str:
    """Return the preset from which ffmpeg reads the key."""
    return f"rtmp_playpath={stream_key}\n"


def settings_of(stream: Mapping[str, Any], settings: Mapping[str, Any], program: str) -> dict[str, Any]:
    """Return the settings of encoder.py; ``settings`` are the role's."""
    return {
        "ffmpeg": program,
        **{name: stream[name] for name in ("source", "profile", "slate", "app", "tls")},
        "ingest": stream["rtmp_url"],
        "stall_seconds": int(settings["stall_timeout"]),
        "source_seconds": int(settings["source_timeout"]),
        "sound_seconds": int(settings["sound_timeout"]),
        "refusals": int(settings["refusals"]),
    }


def settings_file(stream: Mapping[str, Any], settings: Mapping[str, Any], program: str, bound_folder: str) -> str:
    """Return the file of these settings. systemd binds media files to ``bound_folder``, which is empty without it."""
    values = settings_of(stream, settings, program)
    for kind in ("source", "slate"):
        if bound_folder and values[kind]["type"] == "file":
            values[kind] = {**values[kind], "path": f"{bound_folder}/{stream['name']}/{kind}"}
    return as_json(values)


def health_settings(settings: Mapping[str, Any], program: str, manager: str, runtime_folder: str) -> str:
    """Return the settings of the health check. ``runtime_folder`` is where systemd has the folders of the streams."""
    root, is_systemd = settings["root"], manager == "systemd"
    values = {
        "manager": manager,
        "run": runtime_folder if is_systemd else f"{root}/run",
        "result": f"{runtime_folder}-health/health.json" if is_systemd else f"{root}/run/health.json",
        "records": f"{root}/about",
        "record": "*.json",
        # The program of a stream starts ffmpeg again by itself.
        "failures": 3,
        "look": bool(settings["health_look"]),
        "slate": bool(settings["health_slate"]),
        "idle": False,
        "ffmpeg": program,
    }
    return as_json(values)


def unit_settings(stream: Mapping[str, Any], runtime_folder: str) -> str:
    """Return the settings of a stream's unit: its description, and the files and devices that it may use."""
    source, slate = stream["source"], stream["slate"]
    lines = [f"# {_HEADER}", f"# Key fingerprint: {plain_fingerprint(stream)}", "[Unit]"]
    lines.append(f"Description=Tenbyte encoder of {unit_description(stream['label'])}")
    if source["type"] == "file":
        lines += ["", "[Service]", "# Bound to one place, the file can lie in a folder that the service may not enter."]
        lines.append(f"BindReadOnlyPaths={escaped_path(source['path'])}:{runtime_folder}/%i/source")
    elif source["type"] == "device":
        lines += ["", "[Service]", "PrivateDevices=no", "PrivateUsers=no", "DevicePolicy=closed"]
        lines += [f"DeviceAllow={source['device']} rw", "SupplementaryGroups=video"]
        if source.get("audio_device"):
            lines += ["DeviceAllow=char-alsa rw", "SupplementaryGroups=audio"]
    if slate["type"] == "file":
        lines += ["", "[Service]", f"BindReadOnlyPaths={escaped_path(slate['path'])}:{runtime_folder}/%i/slate"]
    return "\n".join(lines) + "\n"


def program_settings(stream: Mapping[str, Any], root: str) -> str:
    """Return the settings of a stream's program under supervisord. The host puts the revision in."""
    name = stream["name"]
    return f"""\
; {_HEADER}
; Key fingerprint: {plain_fingerprint(stream)}
[program:tenbyte-encoder-{name}]
command=env python3 -B {root}/encoder.py {root}/streams/{name}.json {root}/keys/{name}.ffpreset {root}/run/{name}
environment=TENBYTE_ENCODER_REVISION="@REVISION@"
autostart=true
; 77: the ingest refuses the key, and the program has given up.
autorestart=unexpected
exitcodes=77
startsecs=3
startretries=1000000
stopsignal=TERM
killasgroup=true
stopwaitsecs=10
redirect_stderr=true
stdout_logfile={root}/log/{name}.log
stdout_logfile_maxbytes=1MB
stdout_logfile_backups=1
"""
