# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""The options of the actions, as Ansible validates them; a test holds the documentation to the same."""

from __future__ import annotations

from typing import Any

CONNECTION_SPEC: dict[str, dict[str, Any]] = {
    "api_url": {"type": "str"},
    "api_key": {"type": "str", "no_log": True},
    "api_token": {"type": "str", "no_log": True},
    "allow_http": {"type": "bool"},
    "validate_certs": {"type": "bool"},
    "ca_path": {"type": "path"},
    "timeout": {"type": "float", "default": 30.0},
    "retries": {"type": "int", "default": 5},
    "concurrency": {"type": "int", "default": 16},
}
LEDGER_SPEC: dict[str, dict[str, Any]] = {
    "ledger_url": {"type": "str"},
    "ledger_key": {"type": "str", "no_log": True},
    "ledger_key_file": {"type": "path", "no_log": False},
}
_POLICY_SPEC: dict[str, dict[str, Any]] = {
    "replace": {"type": "str", "choices": ["scheduled", "never", "live"], "default": "scheduled"},
    "on_missing_key": {"type": "str", "choices": ["fail", "replace", "go_live", "ignore"], "default": "fail"},
    "wait_timeout": {"type": "float", "default": 60.0},
}
# False, because the option is no secret; Ansible takes it for one by its name.
_REVEAL_SPEC: dict[str, dict[str, Any]] = {"reveal_stream_key": {"type": "bool", "default": False, "no_log": False}}
_ANALYTICS_SPEC: dict[str, dict[str, Any]] = {
    "google_tag_manager": {
        "type": "dict",
        "options": {"container_id": {"type": "str"}, "enabled": {"type": "bool"}},
    },
}
_SETTINGS_SPEC: dict[str, dict[str, Any]] = {
    "chat_enabled": {"type": "bool"},
    "stage_enabled": {"type": "bool"},
    "max_join_limit": {"type": "int"},
}
_SESSION_SPEC: dict[str, dict[str, Any]] = {
    "title": {"type": "str", "required": True},
    "preset_id": {"type": "str"},
    "description": {"type": "str"},
    "mode": {"type": "str", "choices": ["webcam", "rtmp"]},
    "scheduled_start_time": {"type": "str"},
    "encoder": {"type": "str"},
    "session_id": {"type": "str"},
    "settings": {"type": "dict", "options": _SETTINGS_SPEC},
    "state": {"type": "str", "choices": ["present", "live", "ended", "absent"], "default": "present"},
}
_ROOM_SPEC: dict[str, dict[str, Any]] = {
    "title": {"type": "str"},
    "room_id": {"type": "str"},
    "description": {"type": "str"},
    "analytics": {"type": "dict", "options": _ANALYTICS_SPEC},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "sessions": {"type": "list", "elements": "dict", "default": [], "options": _SESSION_SPEC},
}
EVENT_SPEC: dict[str, dict[str, Any]] = {
    **CONNECTION_SPEC,
    **LEDGER_SPEC,
    "rooms": {"type": "list", "elements": "dict", "required": True, "options": _ROOM_SPEC},
    "state": {"type": "str", "choices": ["present", "live", "ended", "absent"], "default": "present"},
    "purge": {"type": "bool", "default": False},
    **_POLICY_SPEC,
    **_REVEAL_SPEC,
}
ROOM_SPEC: dict[str, dict[str, Any]] = {
    **CONNECTION_SPEC,
    **LEDGER_SPEC,
    **{name: spec for name, spec in _ROOM_SPEC.items() if name != "sessions"},
}
SESSION_SPEC: dict[str, dict[str, Any]] = {
    **CONNECTION_SPEC,
    **LEDGER_SPEC,
    "room": {"type": "str"},
    "room_id": {"type": "str"},
    **_SESSION_SPEC,
    **_POLICY_SPEC,
    **_REVEAL_SPEC,
}
