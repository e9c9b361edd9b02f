# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is special to a ledger in a file: damaged or truncated content, erased bytes, and its size."""

from __future__ import annotations

import random
import shutil
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import asdict
from pathlib import Path

import pytest
import sqlalchemy as sa
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import LedgerError
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import StreamKey
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import Redactor
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger import location, migration
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.lease_owner import new_owner
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.location import LedgerSettings
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.migration import MIGRATIONS, Migration
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.schema import slots
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import Claim, Slot, open_ledger

from ..ledger_cases import SLOT, OpenRun, claimed, new_key, opened, written


def stored_bytes(settings: LedgerSettings) -> bytes:
    """Return the content of all files in the ledger's folder, except the key file."""
    folder = location.database_file(settings).parent
    return b"".join(path.read_bytes() for path in folder.iterdir() if path.suffix != ".key")


def test_no_byte_of_an_erased_key_remains_after_every_run_has_closed_the_ledger(
    open_run: OpenRun, ledger_settings: LedgerSettings
) -> None:
    ledger = open_run()
    ledger.keep(claimed(ledger), "created", "s1", new_key())
    path = location.database_file(ledger_settings)
    with sqlite3.connect(path) as connection:
        (token,) = connection.execute("SELECT secret FROM tenbyte_webinar_slots").fetchone()
    connection.close()
    assert token in stored_bytes(ledger_settings)
    ledger.retire(SLOT.api, ["s1"])
    ledger.close()
    assert token not in stored_bytes(ledger_settings)
    assert not Path(f"{path}-wal").exists()


def test_no_file_of_the_ledger_contains_a_key_in_plain_text(open_run: OpenRun, ledger_settings: LedgerSettings) -> None:
    ledger = open_run()
    keys = [new_key() for _number in range(20)]
    for number, key in enumerate(keys):
        ledger.keep(claimed(ledger, Slot(SLOT.api, "session", "r1", f"Talk {number}")), "created", f"s{number}", key)
    for closed in (False, True):
        if closed:
            ledger.close()
        stored = stored_bytes(ledger_settings)
        assert b"Talk 19" in stored
        assert not any(key.stream_key.encode() in stored for key in keys)
        assert b"ingest.invalid" not in stored


@pytest.mark.parametrize("content", [b"this is no database at all" * 400, b"SQLite format 3\0" + b"\xff" * 8000])
def test_a_damaged_file_is_reported_and_not_overwritten(
    open_run: OpenRun, ledger_settings: LedgerSettings, content: bytes
) -> None:
    open_run().close()
    path = location.database_file(ledger_settings)
    path.write_bytes(content)
    for writable in (True, False):
        with pytest.raises(LedgerError, match=r"cannot be opened: .*ledger_url"):
            open_ledger(ledger_settings, Redactor(), new_owner(), writable=writable)
    assert path.read_bytes() == content


def test_reading_changes_no_row(open_run: OpenRun, ledger_settings: LedgerSettings) -> None:
    ledger = open_run()
    ledger.keep(claimed(ledger), "created", "s1", new_key())
    database = location.database_file(ledger_settings)
    with closing(sqlite3.connect(database)) as connection:
        before = list(connection.iterdump())
    reader = open_ledger(ledger_settings, Redactor(), new_owner(), writable=False)
    assert reader is not None
    assert reader.rows(SLOT.api, [SLOT.parent]) == ledger.rows(SLOT.api, [SLOT.parent])
    assert reader.row_of_session("s1") is not None
    reader.close()
    with closing(sqlite3.connect(database)) as connection:
        assert list(connection.iterdump()) == before


def test_a_run_waits_while_another_one_writes_into_a_file_without_its_write_ahead_log(tmp_path: Path) -> None:
    # As a new file is for a moment, and a file of an earlier version until its upgrade.
    path = tmp_path / "keys.sqlite3"
    settings = LedgerSettings(f"sqlite:///{path}")
    opened(settings).close()
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("PRAGMA journal_mode=DELETE")
        other.execute("BEGIN IMMEDIATE")
        timer = threading.Timer(0.5, other.execute, ("COMMIT",))
        timer.start()
        opened(settings).close()
        timer.join()
    with closing(sqlite3.connect(path)) as found:
        assert found.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.fixture(scope="module")
def large_ledger(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, StreamKey]]:
    """The folder of a ledger that has pages of every kind, and the keys in it by session id."""
    folder, kept = tmp_path_factory.mktemp("large"), dict[str, StreamKey]()
    ledger = opened(LedgerSettings(f"sqlite:///{folder}/keys.sqlite3"))

    def keep(number: int) -> None:
        kept[f"s{number}"] = key = new_key()
        slot = Slot(SLOT.api, "session", "r1", f"Talk {number}")
        claim = ledger.claim(slot, [f"seen-{n}" for n in range(20)], 60.0)
        assert isinstance(claim, Claim)
        ledger.keep(claim, "created", f"s{number}", key)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(keep, range(160)))
    ledger.close()
    return folder, kept


@pytest.fixture
def copied(large_ledger: tuple[Path, dict[str, StreamKey]], tmp_path: Path) -> LedgerSettings:
    shutil.copytree(large_ledger[0], tmp_path / "copied")
    return LedgerSettings(f"sqlite:///{tmp_path}/copied/keys.sqlite3")


@pytest.mark.parametrize("seed", range(10))
def test_a_damaged_page_never_changes_a_key_and_never_causes_a_traceback(
    copied: LedgerSettings, large_ledger: tuple[Path, dict[str, StreamKey]], seed: int
) -> None:
    path = location.database_file(copied)
    content, chance = bytearray(path.read_bytes()), random.Random(seed)  # noqa: S311 - a failure must be reproducible
    page = chance.randrange(1, len(content) // 4096) * 4096
    content[page : page + 4096] = chance.randbytes(4096)
    path.write_bytes(content)
    for writable in (False, True):
        try:
            ledger = opened(copied, writable=writable)
        except LedgerError:
            continue
        with closing(ledger):
            for session_id, key in large_ledger[1].items():
                try:
                    row = ledger.row_of_session(session_id)
                except LedgerError:
                    continue
                assert row is None or row.key == key
            if writable:
                with suppress(LedgerError):
                    assert isinstance(ledger.claim(SLOT, [], 60.0), Claim)


@pytest.mark.parametrize("length", [1, 511, 512, 4096, 20_000])
def test_a_truncated_file_is_refused_and_not_changed(copied: LedgerSettings, length: int) -> None:
    path = location.database_file(copied)
    cut = path.read_bytes()[:length]
    path.write_bytes(cut)
    for writable in (True, False):
        with (
            pytest.raises(LedgerError, match="The ledger cannot be"),
            closing(opened(copied, writable=writable)) as ledger,
        ):
            ledger.rows(SLOT.api, ["r1"])
    assert path.read_bytes()[:length] == cut


def test_an_empty_file_of_a_killed_first_run_is_used_as_a_new_ledger(copied: LedgerSettings) -> None:
    path = location.database_file(copied)
    path.write_bytes(b"")
    with closing(opened(copied)) as ledger:
        assert ledger.row_of_session("s1") is None


def prepare_deleting_upgrade(settings: LedgerSettings, share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prepare an upgrade that the next writing run makes: it deletes a share of 400 large rows."""
    ledger = opened(settings)
    values = {**asdict(SLOT), "phase": "retired", "lease_until": 0.0, "created_at": 0.0, "updated_at": 0.0}
    many = [{**values, "title": f"Old {number}", "seen_ids": "x" * 8000} for number in range(400)]
    written(ledger, sa.insert(slots).values(many))
    ledger.close()
    old = sa.delete(slots).where(slots.c.phase == "retired", slots.c.id <= 400 * share)
    prune = Migration(step=lambda connection: connection.execute(old))
    monkeypatch.setattr(migration, "MIGRATIONS", (*MIGRATIONS, prune))


@pytest.mark.parametrize(("share", "shrinks"), [(0.9, True), (0.1, False)])
def test_an_upgrade_shrinks_the_file_if_it_frees_much_of_it(
    ledger_settings: LedgerSettings, monkeypatch: pytest.MonkeyPatch, share: float, shrinks: bool
) -> None:
    ledger, key = opened(ledger_settings), new_key()
    ledger.keep(claimed(ledger), "created", "s1", key)
    ledger.close()
    prepare_deleting_upgrade(ledger_settings, share, monkeypatch)
    path = location.database_file(ledger_settings)
    before = path.stat().st_size
    opened(ledger_settings, writable=False).close()
    assert path.stat().st_size == before
    ledger = opened(ledger_settings)
    row = ledger.row_of_session("s1")
    assert row is not None
    assert row.key == key
    ledger.close()
    assert (path.stat().st_size < before / 2) == shrinks


def test_an_upgrade_does_not_wait_to_shrink_a_file_that_another_run_uses(
    ledger_settings: LedgerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare_deleting_upgrade(ledger_settings, 0.9, monkeypatch)
    path = location.database_file(ledger_settings)
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM tenbyte_webinar_slots").fetchone()
        begun = time.monotonic()
        ledger = opened(ledger_settings)
        claimed(ledger)
        assert time.monotonic() - begun < 5.0
        ledger.close()
