# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the ledger is: its database URL, its file if it is one, and the key file beside that."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from .errors import InvalidInput, LedgerError
from .secrecy import Redactor, create_key_file, read_key_file, split_keys

# Bytes: one page (https://www.sqlite.org/fileformat.html, "Pages").
SMALLEST_DATABASE = 512
_SQLITE = ("sqlite", "sqlite+pysqlite")
_POSTGRESQL = ("postgresql+psycopg", "postgresql")
_FORMS = "sqlite:///PATH (three slashes before PATH) or postgresql+psycopg://USER@HOST/DATABASE"


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
    """Raise InvalidInput where the URL is not one that a ledger can have, or where its key must be given and is not."""
    url = parsed_url(settings)
    if url.drivername in _SQLITE:
        if url.database in (None, "", ":memory:"):
            raise InvalidInput("ledger_url has no file. A ledger in memory would lose its keys; use sqlite:///PATH.")
        return
    # An '@' or '/' that is not escaped ends a password early, and its rest becomes host or database: messages of the
    # database's would quote it.
    if any("@" in (part or "") for part in (url.host, url.database)):
        raise InvalidInput(
            "ledger_url: its user name or password holds a character that must be escaped. Write @ as %40, / as %2F, "
            ": as %3A, or leave the password out and give it as PGPASSWORD or in ~/.pgpass."
        )
    if not url.database:
        raise InvalidInput(f"ledger_url names no database. Use {_FORMS}.")
    if not settings.key and not settings.key_file:
        raise InvalidInput(
            "ledger_key is missing. A key file is made for SQLite only: for a ledger that several controllers share, "
            "give all of them the same key, as ledger_key, the variable tenbyte_ledger_key or TENBYTE_LEDGER_KEY, or "
            "in a ledger_key_file that exists."
        )


def parsed_url(settings: LedgerSettings) -> URL:
    """Return the URL with the driver that is used; raise InvalidInput where it is none that is supported."""
    try:
        url = make_url(settings.url)
    except (ArgumentError, ValueError):
        # The library's message quotes the URL, which may hold a password.
        raise InvalidInput(f"ledger_url is not a database URL. Use {_FORMS}.") from None
    if url.drivername in _POSTGRESQL:
        return url.set(drivername=_POSTGRESQL[0])
    if url.drivername not in _SQLITE:
        raise InvalidInput(
            f"ledger_url names the database '{url.drivername}', which this version does not support. Use {_FORMS}."
        )
    return url


def is_file(settings: LedgerSettings) -> bool:
    return parsed_url(settings).drivername in _SQLITE


def database_file(settings: LedgerSettings) -> Path:
    return Path(str(parsed_url(settings).database)).expanduser().absolute()


def shown(settings: LedgerSettings) -> str:
    """Return where the ledger is, in words that may be shown: no user, no password, no parameters."""
    if is_file(settings):
        return str(database_file(settings))
    url = parsed_url(settings)
    return f"PostgreSQL database '{url.database}' on {url.host or url.query.get('host') or 'this machine'}"


def key_file(settings: LedgerSettings) -> Path:
    if settings.key_file:
        return Path(settings.key_file).expanduser().absolute()
    return database_file(settings).with_suffix(".key")


def may_exist(settings: LedgerSettings) -> bool:
    """Say False where there is certainly no ledger yet; of a server's database only the server can tell."""
    return not is_file(settings) or database_file(settings).exists()


def check_can_be_created(settings: LedgerSettings) -> None:
    """Raise LedgerError where the ledger's file could not be created. Creates nothing, for check mode."""
    folder = database_file(settings).parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise LedgerError(unwritable(settings, f"{folder} is not a folder that this user may write"))


def prepare_keys(settings: LedgerSettings, redactor: Redactor, *, create: bool) -> list[str]:
    """Return the Fernet keys, from ``key`` or the key file, which is made on the first use of a new SQLite ledger."""
    text = settings.key
    if not text:
        path = key_file(settings)
        text = read_key_file(path)
        if text is None and not is_file(settings):
            raise LedgerError(
                f"ledger_key_file {path} is missing. Restore it, or give the key as ledger_key; a key file is made for "
                "SQLite only."
            )
        if text is None and may_exist(settings):
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


def create_file(settings: LedgerSettings) -> None:
    """Create the file before SQLite does, because SQLite would give it the umask's mode."""
    path = database_file(settings)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise LedgerError(unwritable(settings, (error.strerror or type(error).__name__).lower())) from None


def check_file(settings: LedgerSettings) -> None:
    """Raise LedgerError where the file is too short for a database: SQLite would take it for a new one."""
    path = database_file(settings)
    if path.exists() and 0 < path.stat().st_size < SMALLEST_DATABASE:
        raise LedgerError(
            f"The ledger cannot be opened: {path} is not a database, or was cut off. It was left as it is. Restore it "
            "from a copy, or give another ledger_url."
        )


def unwritable(settings: LedgerSettings, reason: str) -> str:
    return (
        f"ledger_url: the ledger {shown(settings)} cannot be written: {reason}. Give a path in a folder that "
        "this user may write; without a ledger the stream keys would be lost, so nothing was changed."
    )
