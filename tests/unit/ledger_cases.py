# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Shared parts of the ledger tests: slots, keys and claims, open ledgers, and a mark for tests on both databases."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import sqlalchemy as sa
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import StreamKey
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import Redactor
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.lease_owner import new_owner
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.location import LedgerSettings
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.maintenance import (
    MaintainedLedger,
    open_for_maintenance,
)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.reading import LedgerReader
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import Claim, Ledger, Row, Slot, open_ledger

OpenRun = Callable[..., Ledger]
SLOT = Slot("https://api.invalid", "session", "r1", "Keynote")
# The owner name of a run on another machine.
ELSEWHERE = "another-boot/[1]:7:7:x"
both_databases = pytest.mark.parametrize("ledger_settings", ["sqlite", "postgresql"], indirect=True)


def new_key() -> StreamKey:
    return StreamKey(f"unit-stream-{secrets.token_hex(12)}", "rtmp://ingest.invalid/live")


def claimed(ledger: Ledger, slot: Slot = SLOT, lease: float = 60.0) -> Claim:
    claim = ledger.claim(slot, ["s0"], lease)
    assert isinstance(claim, Claim)
    return claim


def only_row(ledger: Ledger) -> Row:
    (row,) = ledger.rows(SLOT.api, [SLOT.parent])
    return row


def opened(settings: LedgerSettings, *, writable: bool = True) -> Ledger:
    ledger = open_ledger(settings, Redactor(), new_owner(), writable=writable)
    assert ledger is not None
    return ledger


def maintained(settings: LedgerSettings) -> MaintainedLedger:
    ledger = open_for_maintenance(settings, Redactor(), new_owner(), writable=True)
    assert ledger is not None
    return ledger


def written(ledger: LedgerReader, statement: sa.Executable) -> int:
    """Execute a statement that no method of the ledger offers. Return the number of changed rows."""
    return ledger._database.write(lambda connection: connection.execute(statement)).rowcount


def stored(ledger: LedgerReader, statement: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
    """Return the rows of a query on the tables."""
    return ledger._database.read(lambda connection: connection.execute(statement).all())
