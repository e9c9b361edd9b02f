# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ledgers of earlier versions can always be opened, and none of their keys is lost."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger import rotation
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.location import LedgerSettings
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import Claim, Slot

from ..ledger_cases import both_databases, opened
from ..other_process import start_python
from .earlier_ledgers import expected_keys, kept_keys, laid_down, names_of_tables, version_and_columns

pytestmark = [both_databases, pytest.mark.parametrize("version", [2, 3])]
OWN_TABLES = {"tenbyte_webinar_meta", "tenbyte_webinar_slots"}


@pytest.fixture
def landed(
    ledger_settings: LedgerSettings, tmp_path: Path, version: int, monkeypatch: pytest.MonkeyPatch
) -> LedgerSettings:
    """The ledger that an earlier version wrote. Its former key does not expire in these tests."""
    monkeypatch.setattr(rotation, "FORMER_KEY_LASTS", float("inf"))
    return laid_down(ledger_settings, tmp_path, version)


def test_every_key_can_be_read_before_and_after_the_upgrade(landed: LedgerSettings, version: int) -> None:
    expected = expected_keys(version)
    assert kept_keys(landed) == expected
    assert (names_of_tables(landed), version_and_columns(landed)[0]) == ({"meta", "slots"}, version)
    for writable in (True, False, True):
        assert kept_keys(landed, writable=writable) == expected
    assert (names_of_tables(landed), version_and_columns(landed)[0]) == ({"meta"} | OWN_TABLES, 4)


def test_a_reading_run_continues_while_another_run_upgrades_the_ledger(landed: LedgerSettings, version: int) -> None:
    with closing(opened(landed, writable=False)) as reader:
        before = reader.entries()
        opened(landed).close()
        after = reader.entries()
        assert len(reader.rows(after[0].slot.api, [])) > 0
    keys = [{row.key.stream_key for row in rows if row.key} for rows in (before, after)]
    assert keys[0] == keys[1] == set(expected_keys(version).values())


def test_an_upgraded_ledger_takes_new_sessions(landed: LedgerSettings) -> None:
    slot = Slot("https://api.example.com/v1/webinar", "session", "r1", "New")
    with closing(opened(landed)) as ledger:
        claim = ledger.claim(slot, [], 60.0)
        assert isinstance(claim, Claim)
        assert claim.row_id not in [row.id for row in ledger.entries() if row.slot != slot]


KILLED = """
import json, os, sys
from contextlib import closing
import sqlalchemy as sa
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import Redactor
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger import rotation
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.location import LedgerSettings
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import open_ledger

rotation.FORMER_KEY_LASTS = float("inf")
settings, steps = LedgerSettings(sys.argv[1], key=sys.argv[2]), [0]

def killed_at(last):
    def step(*_arguments):
        steps[0] += 1
        if steps[0] == last:
            os._exit(9)
    sa.event.listen(sa.Engine, "before_cursor_execute", step)
    sa.event.listen(sa.Engine, "commit", step)
    open_ledger(settings, Redactor(), "me").close()
    os._exit(0)

def keys():
    with closing(open_ledger(settings, Redactor(), "reader", writable=False)) as ledger:
        return sorted(row.key.stream_key for row in ledger.entries() if row.key)

kills, found, status = 0, set(), None
while status != 0:
    child = os.fork()
    if child == 0:
        killed_at(kills + 1)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, 9), status
    kills += status == 9
    found.add(tuple(keys()))
print(json.dumps([kills, sorted(found)]))
"""


def test_an_upgrade_that_is_killed_at_any_statement_loses_no_key(landed: LedgerSettings, version: int) -> None:
    with start_python(KILLED, landed.url, landed.key or "") as run:
        kills, found = json.loads(run.communicate(timeout=120)[0])
    assert kills > 10
    assert found == [sorted(expected_keys(version).values())]
    assert version_and_columns(landed)[0] == 4


AT_ONCE = """
import sys
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import Redactor
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.lease_owner import new_owner
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.location import LedgerSettings
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import open_ledger
import sqlalchemy.dialects.sqlite, sqlalchemy.dialects.postgresql

print("ready", flush=True)
sys.stdin.readline()
ledger = open_ledger(LedgerSettings(sys.argv[1], key=sys.argv[2]), Redactor(), new_owner())
print(len([row for row in ledger.entries() if row.key]))
"""


def test_concurrent_upgrades_all_find_every_key(landed: LedgerSettings, version: int) -> None:
    runs = [start_python(AT_ONCE, landed.url, landed.key or "") for _run in range(3)]
    for run in runs:
        assert run.stdout is not None
        assert run.stdout.readline() == "ready\n"
    for run in runs:
        assert run.stdin is not None
        run.stdin.write("\n")
        run.stdin.flush()
    found = [run.communicate(timeout=60)[0].strip() for run in runs]
    # The former key has expired here, and everything that was written with it was encrypted again.
    assert found == [str(len(expected_keys(version)))] * 3
    assert kept_keys(landed) == expected_keys(version)
