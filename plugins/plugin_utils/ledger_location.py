# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the ledger is: its database URL, its file, and the key file beside it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from .errors import InvalidInput, LedgerError
from .secrecy import Redactor, create_key_file, read_key_file, split_keys

BUSY_TIMEOUT = 30.0


@dataclass(frozen=True)
class LedgerSettings:
    """``url`` is a SQLAlchemy URL; ``key`` one or more Fernet keys, separated by commas; ``key_file`` a path."""

    url: str = field(repr=False)
    key: str | None = field(default=None, repr=False)
    key_file: str | None = None


def default_url(environment: dict[str, str]) -> str:
    """Return the SQLite URL under ``$XDG_DATA_HOME`` (XDG Base Directory Specification)."""
    data_home = environment.get("XDG_DATA_HOME") or str(Path("~/.local/share").expanduser())
    return f"sqlite:///{Path(data_home) / 'tenbyte-webinar' / 'ledger.sqlite3'}"


def check_settings(settings: LedgerSettings) -> None:
    """Raise InvalidInput where the URL is not one that a ledger can have."""
    url = _parsed(settings)
    if url.drivername not in ("sqlite", "sqlite+pysqlite"):
        raise InvalidInput(
            f"ledger_url names the database '{url.drivername}', which this version does not support. "
            "Use sqlite:///PATH."
        )
    if url.database in (None, "", ":memory:"):
        raise InvalidInput("ledger_url has no file. A ledger in memory would lose its keys; use sqlite:///PATH.")


def database_file(settings: LedgerSettings) -> Path:
    return Path(str(_parsed(settings).database)).expanduser().absolute()


def key_file(settings: LedgerSettings) -> Path:
    if settings.key_file:
        return Path(settings.key_file).expanduser().absolute()
    return database_file(settings).with_suffix(".key")


def exists(settings: LedgerSettings) -> bool:
    return database_file(settings).exists()


def check_can_be_created(settings: LedgerSettings) -> None:
    """Raise LedgerError where the ledger's file could not be created. Creates nothing, for check mode."""
    folder = database_file(settings).parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise LedgerError(_unwritable(settings, f"{folder} is not a folder that this user may write"))


def prepare_keys(settings: LedgerSettings, redactor: Redactor, *, create: bool) -> list[str]:
    """Return the Fernet keys, from ``key`` or the key file, which is made on the first use of a new ledger."""
    text = settings.key
    if not text:
        path = key_file(settings)
        text = read_key_file(path)
        if text is None and exists(settings):
            # Another first run may have made both between the two looks: it makes the key before the ledger.
            text = read_key_file(path)
            if text is None:
                raise LedgerError(
                    f"The ledger {database_file(settings)} exists, but its key does not: {path} is missing. Restore "
                    "that file, or give the key as ledger_key."
                )
        if text is None and not create:
            raise LedgerError(f"There is no ledger key yet: {path} is missing.")
        text = text or create_key_file(path)
    keys = split_keys(text)
    for key in keys:
        redactor.learn(key)
    return keys


def create_engine(settings: LedgerSettings, *, create: bool) -> sa.Engine:
    path = database_file(settings)
    if create:
        _create_file(path, settings)
    url = _parsed(settings).set(database=str(path))
    # hide_parameters keeps bound values out of every message of SQLAlchemy's.
    engine = sa.create_engine(url, hide_parameters=True, connect_args={"timeout": BUSY_TIMEOUT})
    sa.event.listen(engine, "connect", _configure_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _create_file(path: Path, settings: LedgerSettings) -> None:
    """Create the file before SQLite does, because SQLite would give it the umask's mode."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise LedgerError(_unwritable(settings, (error.strerror or type(error).__name__).lower())) from None


def _unwritable(settings: LedgerSettings, reason: str) -> str:
    return (
        f"ledger_url: the ledger {database_file(settings)} cannot be written: {reason}. Give a path in a folder that "
        "this user may write; without a ledger the stream keys would be lost, so nothing was changed."
    )


def _parsed(settings: LedgerSettings) -> URL:
    try:
        return make_url(settings.url)
    except ArgumentError:
        # The library's message quotes the URL, which may hold a password.
        raise InvalidInput(
            "ledger_url is not a database URL. Use sqlite:///PATH (three slashes before PATH)."
        ) from None


def _configure_sqlite(connection: Any, _record: Any) -> None:
    # Transactions are begun by _begin_sqlite; the driver's own habit of beginning late would lose the lock order.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    # An erased key is overwritten in the file, not only marked as free space. While another run has the ledger open,
    # its ciphertext may stay in the write-ahead log.
    cursor.execute("PRAGMA secure_delete=ON")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
