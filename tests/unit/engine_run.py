# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Observe, plan and apply with the small service and a ledger of the test."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import (
    EventSpec,
    Policy,
    RoomSpec,
    SessionSpec,
)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import Ledger
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.apply import apply_plan
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.observe import observe
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.outcomes import Applied
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.plan import Plan, make_plan
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.api import WebinarApi

from .small_service import SmallService

PRESET = "0d3f2c84-5f43-4b0c-9a57-0c6a6f1f2a11"
OTHER_PRESET = "11111111-5f43-4b0c-9a57-0c6a6f1f2a11"
KEYNOTE = SessionSpec("Keynote", preset_id=PRESET)
POOL = ThreadPoolExecutor(max_workers=4)


def event(*sessions: SessionSpec, policy: Policy | None = None) -> EventSpec:
    return EventSpec((RoomSpec(title="Main stage", sessions=sessions),), policy or Policy())


@dataclass
class Run:
    service: SmallService
    api: WebinarApi
    ledger: Ledger

    def plan(self, asked: EventSpec) -> Plan:
        return make_plan(asked, observe(self.api, self.ledger, asked, POOL))

    def apply(self, asked: EventSpec, wait_timeout: float = 5.0) -> Applied:
        return self.apply_plan(self.plan(asked), wait_timeout, asked.policy)

    def apply_plan(self, plan: Plan, wait_timeout: float = 5.0, policy: Policy | None = None) -> Applied:
        policy = replace(policy or Policy(), wait_timeout=wait_timeout)
        return apply_plan(plan, self.api, self.ledger, 5.0, POOL, policy)

    def writes(self) -> list[str]:
        """The calls other than GET since the last use, each as its method and the last path segment that is no id."""
        calls = [(method, path) for method, path in self.service.journal if method != "GET"]
        self.service.journal.clear()
        return [f"{method} {[part for part in path.split('/') if '-' not in part][-1]}" for method, path in calls]

    def kept_keys(self) -> dict[str, str]:
        """The keys in the ledger, by session id."""
        rows = self.ledger.rows(self.api.url, list(self.service.rooms))
        return {row.object_id: row.key.stream_key for row in rows if row.key and row.object_id}
