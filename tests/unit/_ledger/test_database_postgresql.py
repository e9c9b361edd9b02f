# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is special to a ledger in PostgreSQL: passwords in URLs, the driver, the server's settings, and permissions."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import InvalidInput, LedgerError
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import MASK, Redactor
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger import database, location
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.lease_owner import new_owner
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.location import LedgerSettings
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import Busy, Claim, Ledger, open_ledger
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._operations.stream_keys import stream_keys_of
from cryptography.fernet import Fernet

from tests.postgresql import HOST, USER, PostgreSQL

from ..ledger_cases import ELSEWHERE, SLOT, claimed, new_key, only_row, opened

KEY = Fernet.generate_key().decode()
SECRET = "unit-secret"


def database_of(settings: LedgerSettings) -> str:
    return settings.url.rpartition("/")[2]


@pytest.mark.parametrize("scheme", ["postgresql+psycopg", "postgresql", "postgres"])
def test_the_url_may_omit_the_driver(postgresql: PostgreSQL, scheme: str) -> None:
    url = postgresql.url(postgresql.new_database()).replace("postgresql+psycopg", scheme)
    location.check_settings(LedgerSettings(url, key=KEY))
    ledger, key = opened(LedgerSettings(url, key=KEY)), new_key()
    ledger.keep(claimed(ledger), "created", "s1", key)
    ledger.close()
    assert stream_keys_of(LedgerSettings(url, key=KEY), ["s1"], Redactor()) == [key.stream_key]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (f"postgresql+psycopg2://me:{SECRET}@db/x", "psycopg 3"),
        (f"postgresql+psycopg://me:{SECRET}@db", "names no database"),
        (f"postgresql+psycopg://me:pass@{SECRET}@db/x", "must be escaped"),
        (f"postgresql+psycopg://me:pass@{SECRET}/word@db/x", "must be escaped"),
        (f"postgresql+psycopg://me:{SECRET}@db:port/x", "is not a database URL|must be escaped"),
        (f"postgresql+psycopg://me:{SECRET}@db/x", "ledger_key is missing"),
    ],
)
def test_an_invalid_url_is_refused_without_showing_its_password(url: str, expected: str) -> None:
    key = None if "missing" in expected else KEY
    with pytest.raises(InvalidInput, match=expected) as caught:
        location.check_settings(LedgerSettings(url, key=key))
    assert SECRET not in str(caught.value)


def test_a_key_file_is_read_but_never_created(team_settings: LedgerSettings, tmp_path: Path) -> None:
    path = tmp_path / "ledger.key"
    settings = replace(team_settings, key=None, key_file=str(path))
    location.check_settings(settings)
    with pytest.raises(LedgerError, match=r"ledger_key_file .* is missing"):
        opened(settings)
    path.touch(mode=0o600)
    path.write_text(KEY)
    opened(settings).close()
    with pytest.raises(LedgerError, match="does not open this ledger"):
        opened(team_settings)


def test_a_missing_driver_is_reported_with_the_command_to_install_it(
    team_settings: LedgerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(LedgerError, match=r"psycopg 3.*pip install 'psycopg\[binary\]"):
        opened(team_settings)


def test_a_wrong_password_is_not_shown(team_settings: LedgerSettings, postgresql: PostgreSQL) -> None:
    redactor = Redactor()
    wrong = replace(team_settings, url=team_settings.url.replace(postgresql.password, SECRET))
    with pytest.raises(LedgerError, match="password authentication failed") as caught:
        open_ledger(wrong, redactor, new_owner())
    assert SECRET not in str(caught.value)
    assert redactor.text(SECRET) == MASK


def test_a_password_may_contain_any_escaped_character(postgresql: PostgreSQL, team_settings: LedgerSettings) -> None:
    with postgresql.connect() as connection:
        connection.execute("CREATE ROLE odd LOGIN SUPERUSER PASSWORD 'a@b/c:d%e'")
    url = team_settings.url.replace(f"{USER}:{postgresql.password}", "odd:a%40b%2Fc%3Ad%25e")
    opened(replace(team_settings, url=url)).close()
    with postgresql.connect() as connection:
        connection.execute(f'REASSIGN OWNED BY odd TO "{USER}"'.encode())
    with postgresql.connect(database_of(team_settings)) as connection:
        connection.execute(f'REASSIGN OWNED BY odd TO "{USER}"'.encode())
    with postgresql.connect() as connection:
        connection.execute("DROP ROLE odd")


def test_the_password_may_be_given_in_the_environment(
    team_settings: LedgerSettings, postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", postgresql.password)
    opened(replace(team_settings, url=team_settings.url.replace(f":{postgresql.password}@", "@"))).close()


def test_reading_a_database_without_a_ledger_creates_none(
    team_settings: LedgerSettings, postgresql: PostgreSQL
) -> None:
    assert open_ledger(team_settings, Redactor(), new_owner(), writable=False) is None
    with pytest.raises(LedgerError, match=f"there is no ledger at PostgreSQL database .* on {HOST}"):
        stream_keys_of(team_settings, ["s1"], Redactor())
    with postgresql.connect(database_of(team_settings)) as connection:
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)


@pytest.mark.parametrize(
    "setting",
    [
        "default_transaction_isolation = 'serializable'",
        "synchronous_commit = off",
        "lock_timeout = '1ms'",
        "statement_timeout = '2s'",
        "client_encoding = 'LATIN1'",
        "timezone = 'Asia/Kathmandu'",
        "bytea_output = 'escape'",
    ],
)
def test_the_servers_default_settings_do_not_matter(
    team_settings: LedgerSettings, postgresql: PostgreSQL, setting: str
) -> None:
    with postgresql.connect() as connection:
        connection.execute(f'ALTER DATABASE "{database_of(team_settings)}" SET {setting}'.encode())
    first, second, key = opened(team_settings), opened(team_settings), new_key()
    slot = replace(SLOT, title="Überraschung 日本")
    claim = claimed(first, slot)
    assert isinstance(second.claim(slot, [], 60.0), Claim | Busy)
    first.renew(claim, 60.0)
    first.keep(claim, "created", "s1", key)
    row = second.row_of_session("s1")
    assert row is not None
    assert (row.key, row.slot) == (key, slot)
    names = ("transaction_isolation", "synchronous_commit")
    modes = second._commits.run(lambda connection: [connection.exec_driver_sql(f"SHOW {n}").scalar() for n in names])
    assert modes == ["read committed", "on"]
    for ledger in (first, second):
        ledger.close()


def test_a_read_only_database_is_detected_when_the_ledger_is_opened(
    team_settings: LedgerSettings, postgresql: PostgreSQL
) -> None:
    opened(team_settings).close()
    with postgresql.connect() as connection:
        connection.execute(
            f'ALTER DATABASE "{database_of(team_settings)}" SET default_transaction_read_only = on'.encode()
        )
    with pytest.raises(LedgerError, match=r"cannot be opened: .*read-only transaction"):
        opened(team_settings)
    opened(team_settings, writable=False).close()


def test_a_user_without_permission_to_create_tables_gets_an_error(
    team_settings: LedgerSettings, postgresql: PostgreSQL
) -> None:
    with postgresql.connect() as connection:
        connection.execute(f"CREATE ROLE guest LOGIN PASSWORD '{postgresql.password}'".encode())
    settings = replace(team_settings, url=team_settings.url.replace(f"//{USER}:", "//guest:"))
    try:
        with pytest.raises(LedgerError, match="permission denied for schema public"):
            opened(settings)
    finally:
        with postgresql.connect() as connection:
            connection.execute("DROP ROLE guest")


def test_tables_of_other_applications_are_left_alone(team_settings: LedgerSettings, postgresql: PostgreSQL) -> None:
    with postgresql.connect(database_of(team_settings)) as connection:
        connection.execute("CREATE TABLE meta (id integer, note text)")
        connection.execute("CREATE TABLE slots (id integer, note text)")
        connection.execute("INSERT INTO meta VALUES (1, 'theirs')")
    assert open_ledger(team_settings, Redactor(), new_owner(), writable=False) is None
    ledger, key = opened(team_settings), new_key()
    ledger.keep(claimed(ledger), "created", "s1", key)
    assert only_row(ledger).key == key
    ledger.close()
    with postgresql.connect(database_of(team_settings)) as connection:
        assert connection.execute("SELECT * FROM meta").fetchall() == [(1, "theirs")]
        assert connection.execute("SELECT count(*) FROM slots").fetchone() == (0,)


def test_a_ledger_may_have_a_schema_of_its_own(team_settings: LedgerSettings, postgresql: PostgreSQL) -> None:
    with postgresql.connect(database_of(team_settings)) as connection:
        connection.execute("CREATE TABLE meta (id integer)")
        connection.execute("CREATE SCHEMA stream_keys")
    settings = replace(team_settings, url=f"{team_settings.url}?options=-csearch_path%3Dstream_keys")
    ledger, key = opened(settings), new_key()
    ledger.keep(claimed(ledger), "created", "s1", key)
    assert only_row(ledger).key == key
    ledger.close()


def test_long_ids_and_titles_are_stored(team_settings: LedgerSettings) -> None:
    ledger, key = opened(team_settings), new_key()
    claim = claimed(ledger, replace(SLOT, title="T" * 255, parent="r" * 300))
    ledger.keep(claim, "created", "s" * 5000, key)
    row = ledger.row_of_session("s" * 5000)
    assert row is not None
    assert row.key == key
    ledger.close()


def test_leases_are_measured_with_the_servers_clock(
    team_settings: LedgerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    claimed(first := opened_as(ELSEWHERE, team_settings))
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 3600)
    second = opened(team_settings)
    busy = second.claim(SLOT, [], 60.0)
    assert isinstance(busy, Busy)
    assert busy.seconds <= 60
    for ledger in (first, second):
        ledger.close()


def opened_as(owner: str, settings: LedgerSettings) -> Ledger:
    ledger = open_ledger(settings, Redactor(), owner)
    assert ledger is not None
    return ledger


def backends(postgresql: PostgreSQL, settings: LedgerSettings) -> list[int]:
    with postgresql.connect() as connection:
        found = connection.execute("SELECT pid FROM pg_stat_activity WHERE datname = %s", [database_of(settings)])
        return [int(str(pid)) for (pid,) in found.fetchall()]


def test_a_connection_whose_server_does_not_respond_is_replaced(
    team_settings: LedgerSettings, postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "LONGEST_TRANSACTION", 2.0)
    ledger, key = opened(team_settings), new_key()
    claim = claimed(ledger)
    stopped = backends(postgresql, team_settings)
    assert len(stopped) == 1
    try:
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        ledger.keep(claim, "created", "s1", key)
        assert only_row(ledger).key == key
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
        ledger.close()


def test_a_writer_that_waits_too_long_for_another_one_gets_an_error(
    team_settings: LedgerSettings, postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = opened(team_settings)
    impatient = database._BEGIN_WRITING.replace("lock_timeout = '30s'", "lock_timeout = '200ms'")
    assert impatient != database._BEGIN_WRITING
    monkeypatch.setattr(database, "_BEGIN_WRITING", impatient)
    with postgresql.connect(database_of(team_settings)) as connection:
        connection.execute(f"SELECT pg_advisory_lock({database._WRITERS_LOCK})".encode())
        with pytest.raises(LedgerError, match="lock timeout"):
            ledger.claim(SLOT, [], 60.0)
        # A reader does not wait.
        assert ledger.rows(SLOT.api, [SLOT.parent]) == []
    assert isinstance(ledger.claim(SLOT, [], 60.0), Claim)
    ledger.close()


@pytest.mark.parametrize("state", ["40001", "40P01"])
def test_a_transaction_runs_again_after_a_conflict(team_settings: LedgerSettings, state: str) -> None:
    ledger, runs = opened(team_settings), [0]

    def conflict_once(connection: sa.Connection) -> str:
        runs[0] += 1
        if runs[0] == 1:
            connection.exec_driver_sql(f"DO $$ BEGIN RAISE EXCEPTION 'a conflict' USING ERRCODE = '{state}'; END $$")
        return "done"

    assert ledger._commits.run(conflict_once) == "done"
    assert runs == [2]
    ledger.close()


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    pause: Callable[[float], None] = lambda _seconds: None  # noqa: E731
    monkeypatch.setattr(database, "sleep", pause)
    return pause
