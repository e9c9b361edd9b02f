# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""The argument specs of the actions. A test compares them with the documentation.

``limits`` are the lowest and the highest value of a number. Ansible's own specs have no such field.
"""

from __future__ import annotations

from typing import Any

CONNECTION_SPEC: dict[str, dict[str, Any]] = {
    "api_url": {"type": "str"},
    "api_key": {"type": "str", "no_log": True},
    "api_token": {"type": "str", "no_log": True},
    "allow_http": {"type": "bool"},
    "validate_certs": {"type": "bool"},
    "ca_path": {"type": "path"},
    # Seconds. The length of a lease depends on it: so long do other runs wait for one that died.
    "timeout": {"type": "float", "default": 30.0, "limits": (1, 600)},
    "retries": {"type": "int", "default": 5, "limits": (0, 100)},
    # Number of threads, each with a connection of its own.
    "concurrency": {"type": "int", "default": 16, "limits": (1, 100)},
    # One in ten seconds to more than one client can send.
    "requests_per_second": {"type": "float", "limits": (0.1, 10_000)},
}
LEDGER_SPEC: dict[str, dict[str, Any]] = {
    "ledger_url": {"type": "str"},
    "ledger_key": {"type": "str", "no_log": True},
    "ledger_key_file": {"type": "path", "no_log": False},
}
_POLICY_SPEC: dict[str, dict[str, Any]] = {
    "replace": {"type": "str", "choices": ["scheduled", "never", "live"], "default": "scheduled"},
    "on_missing_key": {"type": "str", "choices": ["fail", "replace", "go_live", "ignore"], "default": "fail"},
    # Seconds, up to a day.
    "wait_timeout": {"type": "float", "default": 60.0, "limits": (0, 86_400)},
}
# no_log is False because the option is not secret. Ansible would guess from its name that it is.
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
    # The service documents a limit of 100 for presets and none for sessions.
    "max_join_limit": {"type": "int", "limits": (1, 1_000_000)},
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
_SCOPE: dict[str, Any] = {"type": "str", "choices": ["mine", "all"], "default": "mine"}
ROOM_INFO_SPEC: dict[str, dict[str, Any]] = {
    **CONNECTION_SPEC,
    # Not used, but accepted: module_defaults of the group set them for all actions.
    **LEDGER_SPEC,
    "scope": _SCOPE,
    "room_id": {"type": "str"},
    "title": {"type": "str"},
}
SESSION_INFO_SPEC: dict[str, dict[str, Any]] = {
    **CONNECTION_SPEC,
    **LEDGER_SPEC,
    "scope": _SCOPE,
    "session_id": {"type": "str"},
    "room": {"type": "str"},
    "room_id": {"type": "str"},
    "live": {"type": "bool", "default": False},
    "status": {"type": "list", "elements": "str", "choices": ["scheduled", "live", "ended", "expired"]},
    "stream_health": {"type": "bool", "default": False},
    "statistics": {"type": "bool", "default": False},
}
STREAM_KEY_SPEC: dict[str, dict[str, Any]] = {
    **CONNECTION_SPEC,
    **LEDGER_SPEC,
    "session_id": {"type": "str", "required": True},
    "stream_key": {"type": "str", "no_log": True},
    "rtmp_url": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}
LEDGER_ACTION_SPEC: dict[str, dict[str, Any]] = {
    **CONNECTION_SPEC,
    **LEDGER_SPEC,
    "operation": {
        "type": "str",
        "choices": ["list", "verify", "forget", "rotate", "export", "import"],
        "required": True,
    },
    "session_ids": {"type": "list", "elements": "str"},
    # The highest id that the ledger's table can assign.
    "entries": {"type": "list", "elements": "int", "limits": (1, 2_147_483_647)},
    "path": {"type": "path"},
    "vault_password": {"type": "str", "no_log": True},
    "vault_password_file": {"type": "path", "no_log": False},
}
