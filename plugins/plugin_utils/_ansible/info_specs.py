# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""The options of the actions that inform or look after the ledger, as Ansible validates them."""

from __future__ import annotations

from typing import Any

from .argument_specs import CONNECTION_SPEC, LEDGER_SPEC

_SCOPE: dict[str, Any] = {"type": "str", "choices": ["mine", "all"], "default": "mine"}
ROOM_INFO_SPEC: dict[str, dict[str, Any]] = {
    **CONNECTION_SPEC,
    # Not used: so that what module_defaults give to the whole group is taken by each of its members.
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
    "entries": {"type": "list", "elements": "int"},
    "path": {"type": "path"},
    "vault_password": {"type": "str", "no_log": True},
    "vault_password_file": {"type": "path", "no_log": False},
}
