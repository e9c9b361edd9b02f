# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tasks of the role ffmpeg_encoder, and a host that answers without being there."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders.ffmpeg_host import bring
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
    "binary": "ffmpeg",
    "service_manager": "auto",
    "start_timeout": 30,
    "verify_timeout": 60,
    "supervisord_command": "supervisord",
    "supervisorctl_command": "supervisorctl",
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
            "keys": [],
            "program": {"path": "/usr/bin/ffmpeg", "version": "ffmpeg version 5.1.9 Copyright"},
            "media": [],
            "look": {"problems": [], "error": ""},
            "supervisord": {} if manager == "systemd" else {"missing": [], "says": ""},
            **found,
        }
        self.kept_key = ""
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
        keys = [[file, "1.5", self._digest(file, request)] for file in self.found["keys"]]
        return {**self.found, "keys": keys}

    def _digest(self, _file: str, request: Mapping[str, Any]) -> str:
        content = f"rtmp_playpath={self.kept_key}\n".encode()
        return hmac.new(bytes.fromhex(request["secret"]), content, hashlib.sha256).hexdigest()

    def keys_of(self, session_ids: Sequence[str]) -> list[str]:
        self.asked_keys += session_ids
        return [self.stream_key] * len(session_ids)

    def bring(self, asked: HostTask, *, check_mode: bool = False, **changes: Any) -> dict[str, Any]:
        return bring(replace(asked, **changes), self.ask, self.keys_of, check_mode=check_mode)
