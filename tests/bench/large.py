# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Large rooms and old ledgers: what the engine needs for them by itself, without Ansible and without a service."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sa
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import EventSpec, RoomSpec
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import Redactor
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.lease_owner import new_owner
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.location import LedgerSettings
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.schema import slots
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import open_ledger
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.plan import make_plan
from cryptography.fernet import Fernet

from tests.unit.worlds import API, ASKED, PRESENT, ROOM, known

SESSIONS_OF_A_ROOM = 10_000
RETIRED_ROWS = 100_000


def seconds_to_plan(sessions: int = SESSIONS_OF_A_ROOM) -> float:
    """Return the seconds that the plan of one room takes, half of whose sessions exist."""
    present = [replace(PRESENT, id=f"s{number}", title=f"Session {number}") for number in range(sessions)]
    asked = tuple(replace(ASKED, title=f"Session {number}") for number in range(sessions // 2, sessions * 3 // 2))
    world, event = known(*present), EventSpec((RoomSpec(title=ROOM.title, sessions=asked),))
    began = time.perf_counter()
    plan = make_plan(event, world)
    seconds = time.perf_counter() - began
    assert len(list(plan.steps())) == sessions // 2
    return seconds


def seconds_to_open(retired: int = RETIRED_ROWS) -> float:
    """Return the seconds in which a ledger with so many retired rows is opened for writing, and one room is read."""
    with TemporaryDirectory() as folder:
        settings = LedgerSettings(f"sqlite:///{Path(folder)}/ledger.sqlite3", key=Fernet.generate_key().decode())
        filled = open_ledger(settings, Redactor(), new_owner())
        assert filled is not None
        row = {"api": API, "kind": "session", "phase": "retired", "seen_ids": "[]", "lease_until": 0.0}
        times = {"created_at": 0.0, "updated_at": 0.0}
        rows = [
            {**row, **times, "parent": ROOM.id, "title": f"Session {one}", "object_id": f"s{one}"}
            for one in range(retired)
        ]
        filled._database.write(lambda connection: connection.execute(sa.insert(slots), rows))
        filled.close()
        began = time.perf_counter()
        ledger = open_ledger(settings, Redactor(), new_owner())
        assert ledger is not None
        found = ledger.rows(API, [ROOM.id])
        seconds = time.perf_counter() - began
        ledger.close()
    assert found == []
    return seconds
