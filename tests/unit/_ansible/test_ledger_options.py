# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action ``ledger`` writes an export, and imports it into another ledger."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.ledger_options import maintain
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.vault_text import Vault
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import InvalidInput, LedgerError
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import Redactor
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.location import LedgerSettings
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.merging import PortableRow
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.schema import slots
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import Claim, Ledger, Slot
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._operations.ledger_transfer import (
    exported,
    from_text,
)

from ..ledger_cases import ELSEWHERE, SLOT, claimed, new_key, opened, stored, written

PASSWORD = "unit vault password"
UNANSWERED = '{"count": 1, "since": 1000.0, "until": 1000.0, "preset_ids": ["p1"]}'


Work = Callable[..., dict[str, Any]]


@pytest.fixture
def work(ledger_settings: LedgerSettings, tmp_path: Path) -> Work:
    """Run an operation on the test's ledger, or on another of the name ``ledger``."""

    def run(operation: str, *, ledger: str | None = None, check_mode: bool = False, **options: Any) -> dict[str, Any]:
        url = f"sqlite:///{tmp_path}/{ledger}/ledger.sqlite3" if ledger else ledger_settings.url
        given = {"ledger_url": url, "operation": operation, "path": str(tmp_path / "keys.vault"), **options}
        return maintain({"vault_password": PASSWORD, **given}, Redactor(), check_mode=check_mode)

    return run


def filled(settings: LedgerSettings) -> Ledger:
    ledger = opened(settings)
    ledger.keep(claimed(ledger), "created", "s1", new_key())
    ledger.keep(claimed(ledger, replace(SLOT, title="Panel")), "keyless", "s2", None)
    ledger.keep(claimed(ledger, Slot(SLOT.api, "room", "", "Main stage")), "created", "r1", None)
    claimed(ledger, replace(SLOT, title="Only an intent"))
    return ledger


def essence(settings: LedgerSettings) -> list[PortableRow]:
    ledger = opened(settings, writable=False)
    rows = exported(ledger.entries())
    ledger.close()
    return rows


def test_a_ledger_that_imported_an_export_exports_the_same(
    work: Work, ledger_settings: LedgerSettings, tmp_path: Path
) -> None:
    filled(ledger_settings).close()
    path = tmp_path / "keys.vault"
    assert work("export")["changed"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text().startswith("$ANSIBLE_VAULT;1.1;AES256\n")
    assert [entry["finding"] for entry in work("import", ledger="b")["entries"]] == ["added"] * 3
    there = LedgerSettings(f"sqlite:///{tmp_path}/b/ledger.sqlite3")
    assert essence(there) == essence(ledger_settings)
    assert not work("export", ledger="b")["changed"]


def unanswered(ledger: Ledger, title: str, *, at_work: bool = False) -> None:
    """Write an intent with an unanswered request, of a run that is over or still active elsewhere."""
    claim = claimed(ledger, replace(SLOT, title=title))
    values: dict[str, Any] = {"unanswered": UNANSWERED, "owner": ELSEWHERE}
    mine = sa.update(slots).where(slots.c.id == claim.row_id)
    mine = mine.values(**values) if at_work else mine.values(**values, lease_until=0.0)
    written(ledger, mine)


def intents(ledger: Ledger) -> list[tuple[str, str, int]]:
    """Return of each intent its title, the ids that were seen, and the number of unanswered requests."""
    chosen = sa.select(slots.c.title, slots.c.seen_ids, slots.c.unanswered).where(slots.c.phase == "pending")
    rows = stored(ledger, chosen)
    return [(row.title, row.seen_ids, json.loads(row.unanswered)["count"]) for row in rows]


def test_an_interrupted_creation_is_exported_with_its_unanswered_requests(
    work: Work, ledger_settings: LedgerSettings, tmp_path: Path
) -> None:
    ledger = filled(ledger_settings)
    unanswered(ledger, "Interrupted")
    unanswered(ledger, "At work", at_work=True)
    ledger.close()
    assert work("export")["changed"]
    for changed in (True, False):
        assert work("import", ledger="b")["changed"] is changed
    there = opened(LedgerSettings(f"sqlite:///{tmp_path}/b/ledger.sqlite3"))
    assert intents(there) == [("Interrupted", '["s0"]', 1)]
    assert claimed(there, replace(SLOT, title="Interrupted")).inherited
    there.close()


def test_an_imported_interrupted_creation_does_not_replace_an_entry(
    work: Work, ledger_settings: LedgerSettings, tmp_path: Path
) -> None:
    ledger = opened(ledger_settings)
    unanswered(ledger, SLOT.title)
    ledger.close()
    there = opened(LedgerSettings(f"sqlite:///{tmp_path}/b/ledger.sqlite3"))
    there.keep(claimed(there), "created", "s1", new_key())
    before = there.entries()
    work("export")
    assert not work("import", ledger="b")["changed"]
    assert there.entries() == before
    there.close()


def test_an_import_keeps_entries_beside_a_slot_and_puts_a_second_session_beside_it(
    work: Work, ledger_settings: LedgerSettings, tmp_path: Path
) -> None:
    with closing(opened(ledger_settings)) as ledger:
        ledger.keep(claimed(ledger), "created", "old", new_key())
        claim = ledger.claim(SLOT, [], 60.0, replaced_id="old")
        assert isinstance(claim, Claim)
        ledger.keep(claim, "created", "new", new_key())
        ledger.adopt(SLOT, "pinned", new_key())
        ledger.keep(claimed(ledger, replace(SLOT, title="Panel")), "created", "panel", new_key())
    there = LedgerSettings(f"sqlite:///{tmp_path}/b/ledger.sqlite3")
    with closing(opened(there)) as ledger:
        ledger.keep(claimed(ledger, replace(SLOT, title="Panel")), "created", "other panel", new_key())
    work("export")
    work("import", ledger="b")
    with closing(opened(there)) as ledger:
        phases = {row.object_id: row.phase for row in ledger.entries()}
    assert phases == {
        "old": "replaced",
        "new": "created",
        "pinned": "beside",
        "other panel": "created",
        "panel": "beside",
    }
    assert not work("import", ledger="b")["changed"]


def test_the_intent_of_an_active_run_is_not_exported(work: Work, ledger_settings: LedgerSettings) -> None:
    ledger = filled(ledger_settings)
    work("export")
    assert len(ledger.entries()) == 4
    assert not work("import")["changed"]
    assert len(ledger.entries()) == 4
    ledger.close()


@pytest.mark.parametrize("content", [b"", b"hello", b"$ANSIBLE_VAULT;1.1;AES256\n3132\n"])
def test_a_file_that_is_not_an_export_is_neither_imported_nor_overwritten(
    work: Work, ledger_settings: LedgerSettings, tmp_path: Path, content: bytes
) -> None:
    filled(ledger_settings).close()
    path = tmp_path / "keys.vault"
    path.write_bytes(content)
    for operation in ("export", "import"):
        with pytest.raises(InvalidInput, match="is not a vault file that this vault password opens"):
            work(operation)
    assert path.read_bytes() == content


def test_a_wrong_password_is_refused(work: Work, ledger_settings: LedgerSettings) -> None:
    filled(ledger_settings).close()
    work("export")
    for operation in ("export", "import"):
        with pytest.raises(InvalidInput, match="Give the right password"):
            work(operation, vault_password="another password")


def test_a_missing_folder_is_an_error_message(work: Work, ledger_settings: LedgerSettings, tmp_path: Path) -> None:
    filled(ledger_settings).close()
    with pytest.raises(InvalidInput, match=r"path .*absent/keys cannot be written: no such file or directory"):
        work("export", path=str(tmp_path / "absent" / "keys"))


def test_a_program_may_give_the_password(work: Work, ledger_settings: LedgerSettings, tmp_path: Path) -> None:
    filled(ledger_settings).close()
    program = tmp_path / "password"
    program.write_text(f"#!/bin/sh\necho '{PASSWORD}'\n")
    program.chmod(0o700)
    work("export", vault_password=None, vault_password_file=str(program))
    text = Vault(PASSWORD.encode()).decrypt((tmp_path / "keys.vault").read_bytes())
    assert text is not None
    assert len(from_text(text, "it")) == 3
    program.write_text("#!/bin/sh\necho unit-secret >&2\nexit 3\n")
    for path in (program, tmp_path / "absent"):
        with pytest.raises(InvalidInput, match=r"vault_password_file .* gives no password") as caught:
            work("export", vault_password=None, vault_password_file=str(path))
        assert "unit-secret" not in str(caught.value)


def test_an_export_with_unreadable_entries_is_refused(work: Work, ledger_settings: LedgerSettings) -> None:
    ledger = filled(ledger_settings)
    spoil = sa.update(slots).where(slots.c.object_id == "s1").values(secret=b"damaged")
    written(ledger, spoil)
    ledger.close()
    with pytest.raises(LedgerError, match="entries 1 cannot be read"):
        work("export")


def test_a_damaged_entry_is_restored_from_an_export(work: Work, ledger_settings: LedgerSettings) -> None:
    ledger = filled(ledger_settings)
    before = essence(ledger_settings)
    work("export")
    spoil = sa.update(slots).where(slots.c.object_id == "s1").values(secret=b"damaged")
    written(ledger, spoil)
    ledger.close()
    assert [entry["finding"] for entry in work("import")["entries"]] == ["filled"]
    assert essence(ledger_settings) == before
