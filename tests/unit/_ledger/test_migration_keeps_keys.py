# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ledger that the first version of the collection wrote opens for ever, and no key of it is lost."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.location import LedgerSettings

from tests.fixtures.landed_ledger import lay_down

from ..ledger_cases import opened

# By the last digits of the session's id.
KEYS = {101: 1, 102: 2, 104: 3, 105: 4, 107: 47, 108: 48, 109: 49, 111: 99}


def test_each_session_of_the_landed_ledger_has_its_key(tmp_path: Path) -> None:
    settings = LedgerSettings(lay_down(tmp_path))
    with closing(opened(settings, writable=False)) as ledger:
        rows = ledger.entries()
    kept = {int(row.object_id[-3:]): row.key.stream_key for row in rows if row.key is not None and row.object_id}
    assert kept == {number: f"not-a-real-key-{key}" for number, key in KEYS.items()}
    (without_id,) = [row for row in rows if row.key is not None and row.object_id is None]
    assert without_id.key is not None
    assert (without_id.slot.title, without_id.key.stream_key) == ("Key without a session", "not-a-real-key-46")
    assert [row.slot.title for row in rows if row.damaged] == ["Damaged"]


def test_a_landed_ledger_that_a_run_has_written_to_still_has_each_key(tmp_path: Path) -> None:
    settings = LedgerSettings(lay_down(tmp_path))
    for _number in range(2):
        opened(settings).close()
    with closing(opened(settings, writable=False)) as ledger:
        keys = {row.key.stream_key for row in ledger.entries() if row.key is not None}
    assert len(keys) == len(KEYS) + 1
