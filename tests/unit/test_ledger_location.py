# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils import ledger_location, secrecy
from ansible_collections.tenbyte.webinar.plugins.plugin_utils.errors import InvalidInput, LedgerError
from ansible_collections.tenbyte.webinar.plugins.plugin_utils.lease_owner import new_owner
from ansible_collections.tenbyte.webinar.plugins.plugin_utils.ledger import Ledger, open_ledger
from ansible_collections.tenbyte.webinar.plugins.plugin_utils.ledger_location import LedgerSettings
from ansible_collections.tenbyte.webinar.plugins.plugin_utils.secrecy import Redactor
from cryptography.fernet import Fernet

OpenRun = Callable[..., Ledger]


def test_the_default_is_below_the_data_home() -> None:
    assert ledger_location.default_url({"XDG_DATA_HOME": "/data"}) == "sqlite:////data/tenbyte-webinar/ledger.sqlite3"
    home = ledger_location.default_url({})
    assert home.endswith("/home/.local/share/tenbyte-webinar/ledger.sqlite3")


def test_the_key_file_stands_beside_the_ledger_unless_it_is_named(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/keys.sqlite3"
    assert ledger_location.key_file(LedgerSettings(url)) == tmp_path / "keys.key"
    assert ledger_location.key_file(LedgerSettings(url, key_file="~/x")) == tmp_path / "home" / "x"


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite:///:memory:"])
def test_a_ledger_in_memory_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match=r"ledger_url .*sqlite:///PATH"):
        ledger_location.check_settings(LedgerSettings(url))


@pytest.mark.parametrize("url", ["/srv/ledger.db", "ledger", "", "://", "sqlite:/x:"])
def test_what_is_no_database_url_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match=r"ledger_url .*sqlite:///PATH"):
        ledger_location.check_settings(LedgerSettings(url))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg2://me:unit-secret@db/x",
        "mysql://me:unit-secret@db/x",
        "sqlite+aiosqlite:///x",
        "sqlite+none:///x",
    ],
)
def test_another_database_is_refused_without_showing_its_password(url: str) -> None:
    with pytest.raises(InvalidInput, match="ledger_url") as caught:
        ledger_location.check_settings(LedgerSettings(url))
    assert "unit-secret" not in str(caught.value)


def test_the_representation_of_the_settings_shows_no_secret() -> None:
    assert "unit-secret" not in repr(LedgerSettings("postgresql://me:unit-secret@db/x", key="unit-secret"))


def test_the_files_of_a_new_ledger_are_private(open_run: OpenRun, ledger_settings: LedgerSettings) -> None:
    ledger = open_run()
    ledger.rows("api", [])
    folder = ledger_location.database_file(ledger_settings).parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert set(modes) >= {"keys.sqlite3", "keys.sqlite3-wal", "keys.sqlite3-shm", "keys.key"}
    assert set(modes.values()) == {0o600}


def test_every_connection_has_wal_full_sync_and_secure_delete(open_run: OpenRun) -> None:
    engine = open_run()._database.engine
    with engine.connect() as one, engine.connect() as other:
        for connection in (one, other):
            values = {
                name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                for name in ("journal_mode", "synchronous", "secure_delete")
            }
            assert values == {"journal_mode": "wal", "synchronous": 2, "secure_delete": 1}


def test_a_given_key_makes_no_key_file(ledger_settings: LedgerSettings) -> None:
    settings = LedgerSettings(ledger_settings.url, key=Fernet.generate_key().decode())
    ledger = open_ledger(settings, Redactor(), new_owner())
    assert ledger is not None
    ledger.close()
    assert not ledger_location.key_file(settings).exists()


def test_ledger_keys_are_masked_from_then_on(ledger_settings: LedgerSettings) -> None:
    redactor = Redactor()
    keys = ledger_location.prepare_keys(ledger_settings, redactor, create=True)
    assert redactor.text(keys[0]) == secrecy.MASK


def test_a_ledger_whose_key_file_is_gone_is_not_given_a_new_key(
    open_run: OpenRun, ledger_settings: LedgerSettings
) -> None:
    open_run().close()
    key_file = ledger_location.key_file(ledger_settings)
    key_file.unlink()
    with pytest.raises(LedgerError, match="Restore that file, or give the key as ledger_key"):
        open_ledger(ledger_settings, Redactor(), new_owner())
    assert not key_file.exists()


def test_a_rival_that_makes_the_ledger_meanwhile_is_no_missing_key(
    ledger_settings: LedgerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = secrecy.read_key_file

    def read_and_then_the_rival_is_first(path: Path) -> str | None:
        monkeypatch.setattr(ledger_location, "read_key_file", real)
        found = real(path)
        rival = open_ledger(ledger_settings, Redactor(), new_owner())
        assert rival is not None
        rival.close()
        return found

    monkeypatch.setattr(ledger_location, "read_key_file", read_and_then_the_rival_is_first)
    ledger = open_ledger(ledger_settings, Redactor(), new_owner())
    assert ledger is not None
    ledger.close()


@pytest.mark.parametrize("writable", [True, False])
def test_a_ledger_that_cannot_be_there_is_refused_in_check_mode_too(tmp_path: Path, writable: bool) -> None:
    (tmp_path / "file").touch()
    settings = LedgerSettings(f"sqlite:///{tmp_path}/file/deep/ledger.sqlite3", key=Fernet.generate_key().decode())
    with pytest.raises(LedgerError, match=r"ledger_url: the ledger .* cannot be written"):
        open_ledger(settings, Redactor(), new_owner(), writable=writable)


def test_a_folder_is_not_a_ledger(tmp_path: Path) -> None:
    settings = LedgerSettings(f"sqlite:///{tmp_path}", key=Fernet.generate_key().decode())
    with pytest.raises(LedgerError, match="ledger_url"):
        open_ledger(settings, Redactor(), new_owner())


def test_a_folder_on_a_read_only_file_system_is_refused() -> None:
    if not Path("/proc/self").exists():
        pytest.skip("there is no /proc, a file system in which even root cannot make files")
    settings = LedgerSettings("sqlite:////proc/self/ledger.sqlite3", key=Fernet.generate_key().decode())
    with pytest.raises(LedgerError, match="ledger_url"):
        open_ledger(settings, Redactor(), new_owner())


def test_check_mode_creates_no_ledger_and_no_key(ledger_settings: LedgerSettings) -> None:
    assert open_ledger(ledger_settings, Redactor(), new_owner(), writable=False) is None
    assert not ledger_location.database_file(ledger_settings).parent.exists()
