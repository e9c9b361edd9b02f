# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A ledger does not grow with the number of past sessions."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger import location
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.location import LedgerSettings
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.schema import slots
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import Claim, Ledger
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.unanswered import REMEMBERED, Clock

from ..ledger_cases import SLOT, new_key, opened, stored

pytestmark = pytest.mark.slow

DAYS, SESSIONS, DAY = 60, 50, 86_400.0
LASTING = "00000000-0000-4000-8000-999999999999"
PRESET = "0d3f2c84-5f43-4b0c-9a57-0c6a6f1f2a11"
LARGEST = 2 << 20
SLOWEST = 0.2


def create(ledger: Ledger, title: str, session_id: str, past: Sequence[str], unanswered: int) -> None:
    """Use the ledger as a run does to create one session. The room has another session, which is somebody else's."""
    claim = ledger.claim(replace(SLOT, title=title), [LASTING], 60.0, over_ids=past)
    assert isinstance(claim, Claim)
    clock = Clock(ledger.now(), 0.0)
    for _request in range(1 + unanswered):
        claim = replace(claim, unanswered=claim.unanswered.with_request(PRESET, clock))
        assert ledger.renew(claim, 60.0)
    claim = replace(claim, unanswered=claim.unanswered.resolved(1))
    assert ledger.keep(claim, "created", session_id, new_key())


def test_a_ledger_stays_small_and_fast_with_fifty_sessions_a_day_for_sixty_days(
    ledger_settings: LedgerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, today = opened(ledger_settings), [time.time() - DAYS * DAY]
    now: Callable[..., float] = lambda _connection=None: today[0]  # noqa: E731
    monkeypatch.setattr(ledger._database, "now", now)
    past, yesterday = list[str](), list[str]()
    with ThreadPoolExecutor(16) as pool:
        for day in range(DAYS):
            today[0] += DAY

            def session(number: int, day: int = day, past: Sequence[str] = tuple(past)) -> str:
                session_id = f"00000000-0000-4000-8000-{day:06d}{number:06d}"
                # Half of the titles are the same each day. One request a day is unanswered.
                title = f"Talk {number}" if number % 2 else f"Talk {number} of day {day}"
                create(ledger, title, session_id, past, unanswered=1 if number == 0 else 0)
                return session_id

            made = list(pool.map(session, range(SESSIONS)))
            ledger.forget_old_requests()
            ledger.retire(SLOT.api, yesterday)
            past, yesterday = [*past, *made], made
    rows = ledger.rows(SLOT.api, [SLOT.parent])
    assert {row.object_id for row in rows if row.phase == "created"} == set(yesterday)
    # Retired rows stay for the thirty days in which an unanswered request is remembered.
    assert len([row for row in rows if row.phase == "retired"]) <= REMEMBERED / DAY + 1
    assert stored(ledger, sa.select(sa.func.count(slots.c.id))) == [(len(rows),)]
    ledger.close()
    folder = location.database_file(ledger_settings).parent
    assert _size(folder) < LARGEST
    assert min(_seconds_to_read(ledger_settings) for _time in range(3)) < SLOWEST


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def _seconds_to_read(settings: LedgerSettings) -> float:
    """Use the ledger as a run that has nothing to do. Return its duration in seconds."""
    begun = time.monotonic()
    with closing(opened(settings)) as ledger:
        for _time in range(2):
            ledger.rows(SLOT.api, [SLOT.parent])
    return time.monotonic() - begun
