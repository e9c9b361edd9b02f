# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tasks of the encoders' roles, and a host that answers without being there."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders.host_convergence import bring
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders.host_task import HostTask

from tests.unit._encoders.role_streams import OPTIONS, STREAM

ROOT = "/etc/tenbyte-encoder"
KEY = "the-stream-key-of-keynote"
UNKNOWN: dict[str, Any] = {"sessions": None, "rooms": {}, "gone": {}, "stale": False}
SETTINGS: dict[str, Any] = {
    **OPTIONS["ffmpeg_encoder"],
    "root": ROOT,
    "scope": "",
    "remove_all": False,
    "health_look": False,
    "health_slate": False,
    "service_manager": "auto",
    "install": True,
    "start_timeout": 30,
    "verify_timeout": 60,
    "supervisord_config": f"{ROOT}/supervisord.conf",
    "supervisord_include_folder": f"{ROOT}/streams",
}
PROGRAM = {"encoder.py": "# program\n", "encoder_media.py": "# look\n"}
HEALTH = {"health.py": "# check\n"}
CONTENTS: dict[str, Any] = {
    "program": PROGRAM,
    "health": HEALTH,
    "unit.service": "[Unit]\n",
    "supervisord.conf": "[supervisord]\n",
}


OF_RELAY: dict[str, Any] = {
    **OPTIONS["rtmp_relay"],
    "root": "/etc/tenbyte-relay",
    "scope": "",
    "start_timeout": 30,
    "verify_timeout": 60,
    "health_idle": False,
    "health_look": False,
    "module_folders": ["/usr/lib/nginx/modules", "/usr/share/nginx/modules"],
    "systemd_folder": "/etc/systemd/system",
    "runtime_folder": "/run/tenbyte-rtmp-relay",
    "booted_folder": "/run/systemd/system",
}
OF_OBS: dict[str, Any] = {
    **OPTIONS["obs_encoder"],
    "root": "/etc/tenbyte-obs",
    "scope": "",
    "remove_all": False,
    "start_timeout": 60,
    "verify_timeout": 60,
    "health_look": False,
    "systemd_folder": "/etc/systemd/system",
    "booted_folder": "/run/systemd/system",
}
UNITS_OF_HEALTH_CHECK = {
    "rtmp_relay": ("tenbyte-rtmp-relay-health.service", "tenbyte-rtmp-relay-health.timer"),
    "obs_encoder": ("tenbyte-obs-health.service", "tenbyte-obs-health.timer"),
}
CONTENTS_OF: dict[str, dict[str, Any]] = {
    "rtmp_relay": {
        "relay.conf": "@MODULES@\nlisten @LISTEN@;\n@PUBLISHERS@\n  @PUSHES@\n  @SOCKETS@\n@NAMES@\n",
        "push.conf": "# @FINGERPRINT@\n@MODULES@\nlisten @LISTEN@;\nproxy_pass @DESTINATION@;\n  @TLS@\n",
        "relay.service": "ExecStart=@PROGRAM@ -c relay.conf\n",
        "push.service": "ExecStart=@PROGRAM@ -c push.conf\n",
        "health": HEALTH,
    },
    "obs_encoder": {
        "global.ini": "[General]\n",
        "start.sh": "#!/bin/sh\n",
        "unit.service": "Environment=OBS_PROGRAM=@PROGRAM@\n@RESTARTS@\n",
        "health": HEALTH,
    },
}


def task_of(
    role: str,
    state: str = "started",
    streams: Any = (STREAM,),
    event: Mapping[str, Any] | None = None,
    **settings: Any,
) -> HostTask:
    """Return a task of the relay or of OBS."""
    own = OF_RELAY if role == "rtmp_relay" else OF_OBS
    timer = UNITS_OF_HEALTH_CHECK[role]
    return HostTask(
        role=role,
        host="enc1",
        hosts=["enc1", "enc2"],
        state=state,
        settings={**own, **settings},
        event=UNKNOWN | dict(event or {}),
        streams=list(streams),
        contents=CONTENTS_OF[role],
        further_units=[
            {"name": name, "state": "started" if name.endswith(".timer") else "written", "content": ""}
            for name in timer
        ],
    )


def task(
    state: str = "started", streams: Any = (STREAM,), event: Mapping[str, Any] | None = None, **settings: Any
) -> HostTask:
    return HostTask(
        role="ffmpeg_encoder",
        host="enc1",
        hosts=["enc1", "enc2"],
        state=state,
        settings={**SETTINGS, **settings},
        event=UNKNOWN | dict(event or {}),
        streams=list(streams),
        contents=CONTENTS,
    )


class AnsweringHost:
    """``found`` is what an inspection finds. Requests to converge are kept, with the answers that they get."""

    def __init__(self, manager: str = "systemd", **found: Any) -> None:
        self.found: dict[str, Any] = {
            "systemd": True,
            "manager": manager,
            "uid": 0,
            "writable": True,
            "records": [],
            "foreign": "",
            "other_root": "",
            "claimed_by": "",
            "sent_elsewhere": [],
            "keys": [],
            "program": {"path": "/usr/bin/ffmpeg", "version": "ffmpeg version 5.1.9 Copyright"},
            "programs": dict.fromkeys(("ffmpeg", "xvfb-run", "Xvfb", "xauth", "ss"), "/usr/bin/x"),
            "places": ["/usr/lib/nginx/modules/ngx_rtmp_module.so", "/usr/lib/nginx/modules/ngx_stream_module.so"],
            "texts": {},
            "people": {},
            "account": {},
            "systemd_version": 252,
            "media": [],
            "look": {"problems": [], "warning": "", "error": ""},
            "supervisord": {} if manager == "systemd" else {"missing": [], "says": ""},
            **found,
        }
        self.kept_key = ""
        # The whole content of a key file, where it is not one of ffmpeg_encoder.
        self.kept: str | None = None
        self.states: dict[str, Any] = {}
        self.answer: dict[str, Any] = {"changed": True, "problem": ""}
        self.inspections: list[Mapping[str, Any]] = []
        self.changes: list[Mapping[str, Any]] = []
        self.asked_keys: list[str] = []
        self.stream_key = KEY

    def ask(self, mode: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        if mode == "converge":
            self.changes.append(request)
            return self.answer
        self.inspections.append(request)
        if request["watched"]:
            return {**self.found, "streams": self.states}
        keys = [[file, self._digest(file, request)] for file in self.found["keys"]]
        return {**self.found, "keys": keys}

    def _digest(self, _file: str, request: Mapping[str, Any]) -> str:
        content = f"rtmp_playpath={self.kept_key}\n" if self.kept is None else self.kept
        return hmac.new(bytes.fromhex(request["secret"]), content.encode(), hashlib.sha256).hexdigest()

    def keys_of(self, session_ids: Sequence[str]) -> list[str]:
        self.asked_keys += session_ids
        return [self.stream_key] * len(session_ids)

    def bring(self, asked: HostTask, *, check_mode: bool = False, **changes: Any) -> dict[str, Any]:
        return bring(replace(asked, **changes), self.ask, self.keys_of, check_mode=check_mode)
