# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An action that calls nothing: its result has the shape and size of that of ``tenbyte.webinar.event``.

What it takes is what Ansible itself needs to hand so many sessions to a task, and to take its result.
"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase

_RUN = "0123456789abcdef"


class ActionModule(ActionBase):
    """Takes the options of ``event``; with ``validate``, Ansible validates them as it does those of ``event``."""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        options = dict(self._task.args)
        if options.pop("validate", False):
            options = _validated(options)
        rooms = [{"id": str(uuid4()), "title": room["title"]} for room in options["rooms"]]
        sessions = [
            _session(room["title"], shown["id"], session)
            for room, shown in zip(options["rooms"], rooms, strict=True)
            for session in room["sessions"]
        ]
        return {
            "changed": False,
            "plan": [],
            "rooms": [{**room, "description": None, "state": "present"} for room in rooms],
            "sessions": sessions,
            "failed_sessions": [],
            "failed_rooms": [],
            "ansible_facts": {
                "tenbyte_sessions": {session["name"]: session for session in sessions},
                "tenbyte_sessions_run": _RUN,
                "tenbyte_event": {"run": _RUN, "rooms": rooms, "gone": {}},
            },
        }


def _validated(options: dict[str, Any]) -> dict[str, Any]:
    from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.argument_specs import EVENT_SPEC

    result = ArgumentSpecValidator(_of_ansible(EVENT_SPEC)).validate(options)
    assert not result.error_messages, result.error_messages
    validated: dict[str, Any] = result.validated_parameters
    return validated


def _of_ansible(spec: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return a spec without what only the collection's own checks know."""
    plain = {name: {key: value for key, value in option.items() if key != "limits"} for name, option in spec.items()}
    return {
        name: {**option, "options": _of_ansible(option["options"])} if "options" in option else option
        for name, option in plain.items()
    }


def _session(room: str, room_id: str, session: dict[str, Any]) -> dict[str, Any]:
    session_id = str(uuid4())
    return {
        "name": f"{room}/{session['title']}",
        "id": session_id,
        "room_id": room_id,
        "room": room,
        "title": session["title"],
        "status": "scheduled",
        "mode": "rtmp",
        "preset": {"id": session["preset_id"], "name": "Main stage", "type": "rtmp"},
        "scheduled_start_time": None,
        "hls_url": f"http://127.0.0.1:8080/hls/{session_id}/index.m3u8",
        "rtmp_url": "rtmp://127.0.0.1:1935/live",
        "whip_url": None,
        "settings": {"chat_enabled": True, "stage_enabled": True, "max_join_limit": 50},
        "encoder": session.get("encoder"),
        "stream_key_available": True,
        "stream_key_fingerprint": "fp-0123456789abcdef",
    }
