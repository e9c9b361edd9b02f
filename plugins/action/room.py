# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.argument_specs import ROOM_SPEC
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.reconciling import ReconcilingAction


class ActionModule(ReconcilingAction):
    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.event_options import event_of_room_from

        result = self.reconcile(task_vars or {}, ROOM_SPEC, event_of_room_from)
        if "rooms" in result:
            result["room"] = result["rooms"][0]
            for name in ("rooms", "sessions", "failed_sessions", "failed_rooms"):
                result.pop(name, None)
            # Deleting a room changes facts: its sessions, which an earlier task may have set, leave them.
            if not any(step["action"] == "delete_room" for step in result["plan"]):
                result.pop("ansible_facts", None)
        return result
