# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.argument_specs import SESSION_SPEC
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.reconciling import ReconcilingAction


class ActionModule(ReconcilingAction):
    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.event_options import (
            event_of_session_from,
        )

        result = self.reconcile(task_vars or {}, SESSION_SPEC, event_of_session_from)
        if "sessions" in result:
            result["session"] = next(iter(result["sessions"]), None)
        return result
