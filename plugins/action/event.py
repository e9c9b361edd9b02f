# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.argument_specs import EVENT_SPEC
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.reconciling import ReconcilingAction


class ActionModule(ReconcilingAction):
    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.event_options import event_from

        return self.reconcile(task_vars or {}, EVENT_SPEC, event_from, whole=True)
