# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ledgers of earlier versions can always be opened, and none of their keys is lost."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import StreamKey
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger import migration, rotation
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.location import LedgerSettings
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import Claim, Slot

from tests.fixtures.landed_ledger import LANDED

from ..ledger_cases import both_databases, opened
from ..other_process import start_python
from .earlier_ledgers import (
    EARLIER,
    LAST_FORMS,
    expected_keys,
    kept_keys,
    laid_down,
    names_of_tables,
    version_and_columns,
)

every_form = pytest.mark.parametrize("form", EARLIER)
last_forms = pytest.mark.parametrize("form", LAST_FORMS)
# Where the title had two sessions, under two spellings of the service's URL.
CURRENT_KEYNOTE = {"2": 107}
OWN_TABLES = {"tenbyte_webinar_meta", "tenbyte_webinar_slots"}


@pytest.fixture
def landed(
    ledger_settings: LedgerSettings, tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> LedgerSettings:
    """The ledger that an earlier version wrote. Its former key does not expire in these tests."""
    monkeypatch.setattr(rotation, "FORMER_KEY_LASTS", float("inf"))
    return laid_down(ledger_settings, tmp_path, form)


@both_databases
@every_form
def test_every_key_can_be_read_before_and_after_the_upgrade(landed: LedgerSettings, form: str) -> None:
    expected = expected_keys(form)
    assert kept_keys(landed) == expected
    version = LANDED[form].version
    of_that_time = {"meta", "slots"} if version < migration.FIRST_WITH_OWN_NAMES else {"meta"} | OWN_TABLES
    assert (names_of_tables(landed), version_and_columns(landed)[0]) == (of_that_time, version)
    for writable in (True, False, True):
        assert kept_keys(landed, writable=writable) == expected
    assert (names_of_tables(landed), version_and_columns(landed)[0]) == (
        {"meta"} | OWN_TABLES,
        migration.newest_version(),
    )


@both_databases
@every_form
def test_a_reading_run_continues_while_another_run_upgrades_the_ledger(landed: LedgerSettings, form: str) -> None:
    with closing(opened(landed, writable=False)) as reader:
        before = reader.entries()
        opened(landed).close()
        after = reader.entries()
        assert len(reader.rows(after[0].slot.api, [])) > 0
    keys = [{row.key.stream_key for row in rows if row.key} for rows in (before, after)]
    assert keys[0] == keys[1] == set(expected_keys(form).values())


@both_databases
@every_form
def test_an_upgraded_ledger_creates_and_replaces_sessions(landed: LedgerSettings, form: str) -> None:
    api, room = "https://api.example.com/v1/webinar", "00000000-0000-4000-8000-00000000a001"
    new, keynote = Slot(api, "session", room, "New"), Slot(api, "session", room, "Keynote")
    current = f"00000000-0000-4000-8000-000000000{CURRENT_KEYNOTE.get(form, 101)}"
    with closing(opened(landed)) as ledger:
        known = {row.id for row in ledger.entries()}
        claim = ledger.claim(new, [], 60.0)
        assert isinstance(claim, Claim)
        assert claim.row_id not in known
        assert ledger.keep(claim, "created", "made-now-800", StreamKey("not-a-real-key-800"))
        claim = ledger.claim(keynote, [], 60.0, replaced_id=current)
        assert isinstance(claim, Claim)
        assert ledger.keep(claim, "created", "made-now-801", StreamKey("not-a-real-key-801"))
        replaced = ledger.row_of_session(current)
        assert replaced is not None
        assert replaced.phase == "replaced"
        ledger.retire(api, [current])
    expected = expected_keys(form) | {800: "not-a-real-key-800", 801: "not-a-real-key-801"}
    del expected[int(current[-3:])]
    assert kept_keys(landed) == expected


KILLED = """
import json, os, sys
from contextlib import closing
import sqlalchemy as sa
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import Redactor
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import StreamKey
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger import migration, rotation
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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ledger_settings", "form"),
    # One is enough on PostgreSQL, where each kill takes a second, and where a transaction may change tables, too.
    [*(("sqlite", form) for form in LAST_FORMS), ("postgresql", "2")],
    indirect=["ledger_settings"],
)
def test_an_upgrade_that_is_killed_at_any_statement_loses_no_key(landed: LedgerSettings, form: str) -> None:
    with start_python(KILLED, landed.url, landed.key or "") as run:
        kills, found = json.loads(run.communicate(timeout=120)[0])
    assert kills > 5
    assert found == [sorted(expected_keys(form).values())]
    assert version_and_columns(landed)[0] == migration.newest_version()


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


@pytest.mark.slow
@both_databases
@last_forms
def test_concurrent_upgrades_all_find_every_key(landed: LedgerSettings, form: str) -> None:
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
    assert found == [str(len(expected_keys(form)))] * 3
    assert kept_keys(landed) == expected_keys(form)
