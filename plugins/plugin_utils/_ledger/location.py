# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""The location of the ledger: its database URL, its SQLite file, and its key file."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from .._core.errors import InvalidInput, LedgerError
from .containers import is_in_container_layer
from .file_owners import owner_hint

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

# Bytes: one page (https://www.sqlite.org/fileformat.html, "Pages").
SMALLEST_DATABASE = 512
_SQLITE = ("sqlite", "sqlite+pysqlite")
# The first one is used. The last is not a name of SQLAlchemy, but some services give URLs with it.
_POSTGRESQL = ("postgresql+psycopg", "postgresql", "postgres")
_FORMS = "sqlite:////ABSOLUTE/PATH (four slashes: three, and the path's own) or postgresql+psycopg://USER@HOST/DATABASE"


@dataclass(frozen=True)
class LedgerSettings:
    """``url`` is a SQLAlchemy URL; ``key`` one or more Fernet keys, separated by commas; ``key_file`` a path.

    Paths are absolute. A path that still begins with ``~`` has no home folder to go into. ``is_default``: the user gave
    no URL.
    """

    url: str = field(repr=False)
    key: str | None = field(default=None, repr=False)
    key_file: str | None = None
    is_default: bool = False


def check_settings(settings: LedgerSettings) -> None:
    """Raise InvalidInput if the URL or the path of the key file cannot be used, or if a required key is missing."""
    url = parsed_url(settings)
    if settings.key_file and not settings.key_file.startswith("/"):
        raise InvalidInput(
            f"ledger_key_file {settings.key_file} is relative: which file that is would depend on the folder that "
            f"ansible-playbook is started in. Give the whole path{_here(settings.key_file)}."
        )
    if url.drivername in _SQLITE:
        _check_sqlite(url)
        return
    # An unescaped '@' or '/' ends a password early. The rest of it becomes the host or database, which the database's
    # messages would quote.
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


def _here(relative: str) -> str:
    """Return the absolute path, as the end of a sentence."""
    try:
        return f", here {Path(relative).absolute()}"
    except OSError:
        # The current folder was deleted.
        return ""


def _check_sqlite(url: URL) -> None:
    """Raise InvalidInput if the URL names no file, or if the file depends on the current folder."""
    path = url.database or ""
    if path in ("", ":memory:"):
        raise InvalidInput(f"ledger_url has no file. A ledger in memory would lose its keys; use {_FORMS}.")
    if url.query:
        raise InvalidInput(
            f"ledger_url has parameters ({', '.join(sorted(url.query))}), which a ledger in SQLite does not take. "
            "Leave out the question mark and what follows."
        )
    if url.host or url.username or not path.startswith(("/", "~")):
        whole = "/".join(part for part in (url.host or "", path) if part).lstrip("/")
        raise InvalidInput(
            f"ledger_url is relative: '{path}' would be a file in the folder that ansible-playbook is started in. "
            f"Write four slashes before an absolute path, sqlite:////{whole}, or sqlite:///~/{whole} for one in your "
            "home folder."
        )
    if path.startswith("/~"):
        raise InvalidInput(f"ledger_url: a path with ~ has three slashes before it: sqlite:///{path[1:]}")
    if path.endswith("/"):
        raise InvalidInput(_names_a_folder(path))
    if re.search(r"[\x00-\x1f\x7f]", path):
        raise InvalidInput("ledger_url holds a control character, such as a line end. Leave it out.")


def _names_a_folder(path: str) -> str:
    return f"ledger_url names the folder {path}. Name a file in it: sqlite:///{path.rstrip('/')}/ledger.sqlite3"


def parsed_url(settings: LedgerSettings) -> URL:
    """Return the URL, with the driver that is used. Raise InvalidInput if it is no URL or names another database."""
    # Imported where it is needed: it takes longer than all else that asks where a ledger is.
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    text = settings.url.strip()
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        # The library's message quotes the URL, which may hold a password.
        advice = f"For a file, write sqlite:///{text}." if re.match(r"[/~][^:@]*\Z", text) else f"Use {_FORMS}."
        raise InvalidInput(f"ledger_url is not a database URL. {advice}") from None
    if url.drivername in _POSTGRESQL:
        return url.set(drivername=_POSTGRESQL[0])
    if url.drivername.startswith("postgres"):
        raise InvalidInput(
            f"ledger_url begins with {url.drivername}:// and the ledger uses psycopg 3. Write "
            "postgresql+psycopg://USER@HOST/DATABASE."
        )
    if url.drivername not in _SQLITE:
        raise InvalidInput(
            f"ledger_url names the database '{url.drivername}', which this version does not support. Use {_FORMS}."
        )
    return url


def is_file(settings: LedgerSettings) -> bool:
    return parsed_url(settings).drivername in _SQLITE


def database_file(settings: LedgerSettings) -> Path:
    """Return the file of a SQLite ledger. Raise LedgerError if it is in a home folder and the user has none."""
    path = str(parsed_url(settings).database)
    if path.startswith("~"):
        raise LedgerError(
            "There is no place for the ledger: HOME is not set, and this user has no home folder. Give ledger_url "
            "(TENBYTE_LEDGER_URL), such as sqlite:////ABSOLUTE/PATH/ledger.sqlite3, or set HOME or XDG_DATA_HOME."
        )
    return Path(path)


def shown(settings: LedgerSettings) -> str:
    """Return the location of the ledger for messages, without user name, password and parameters."""
    if is_file(settings):
        return str(database_file(settings))
    url = parsed_url(settings)
    return f"PostgreSQL database '{url.database}' on {url.host or url.query.get('host') or 'this machine'}"


def key_file(settings: LedgerSettings) -> Path:
    """Return the path of the key file: the given one, else the ledger's path with ``.key`` appended.

    The first version replaced the suffix by ``.key``, so two ledgers could share a key file. Its file is used if only
    that one exists.
    """
    if settings.key_file:
        return Path(settings.key_file)
    database = database_file(settings)
    path, older = key_file_of(database), older_key_file_of(database)
    return older if not is_there(path) and is_there(older) and is_there(database) else path


def key_file_of(database: Path) -> Path:
    return database.with_name(database.name + ".key")


def older_key_file_of(database: Path) -> Path:
    """Return the path of the key file in the first version."""
    path = database.with_suffix(".key")
    # The ledger itself has this name, so its key was never there.
    return path if path != database else key_file_of(database)


def is_there(path: Path) -> bool:
    """Return whether a path exists. True if this user may not look: using the path then raises the reason."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    except OSError:
        return True
    return True


def may_exist(settings: LedgerSettings) -> bool:
    """Return False if there is certainly no ledger yet. For PostgreSQL that is unknown without a connection."""
    if not is_file(settings):
        return True
    try:
        return is_there(database_file(settings))
    except LedgerError:
        return False


def container_warning(settings: LedgerSettings) -> str | None:
    """Return a warning if the default ledger would be deleted with the container in which this run is, else None."""
    if not settings.is_default:
        return None
    try:
        path = database_file(settings)
    except LedgerError:
        return None
    if not is_in_container_layer(path.parent):
        return None
    return (
        f"The new ledger {path} lies in the container's own file system. When the container is removed, the ledger is "
        "lost, and its stream keys with it. Give a ledger_url (TENBYTE_LEDGER_URL) on a volume, or of a PostgreSQL "
        "database."
    )


def check_can_be_created(settings: LedgerSettings) -> None:
    """Raise LedgerError if the ledger's file could not be created. For check mode: creates nothing."""
    folder = database_file(settings).parent
    while not is_there(folder) and folder != folder.parent:
        folder = folder.parent
    if not os.access(folder, os.W_OK | os.X_OK) or not folder.is_dir():
        raise LedgerError(unwritable(settings, f"{folder} is not a folder that this user may write"))


def create_file(settings: LedgerSettings) -> None:
    """Create the file with mode 0600, because SQLite would use the umask. Raise LedgerError if that fails."""
    path = database_file(settings)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise LedgerError(unwritable(settings, (error.strerror or type(error).__name__).lower())) from None


def check_file(settings: LedgerSettings) -> None:
    """Raise LedgerError if the file exists and SQLite could not open it, or would treat it as a new database."""
    path = database_file(settings)
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise LedgerError(_names_a_folder(str(path)))
        if not stat.S_ISREG(found.st_mode):
            raise LedgerError(f"ledger_url: {path} is not a file. Give the path of one.")
        if not os.access(path, os.R_OK):
            raise PermissionError(None, "Permission denied")
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        hint = owner_hint(path) or " Give another ledger_url, or run as a user who may read it."
        raise LedgerError(f"The ledger {path} cannot be opened: {reason}.{hint}") from None
    if 0 < found.st_size < SMALLEST_DATABASE:
        raise LedgerError(
            f"The ledger cannot be opened: {path} is not a database, or was cut off. It was left as it is. Restore it "
            "from a copy, or give another ledger_url."
        )


def unwritable(settings: LedgerSettings, reason: str) -> str:
    hint = owner_hint(database_file(settings)) or " Give a path in a folder that this user may write."
    return (
        f"ledger_url: the ledger {shown(settings)} cannot be written: {reason}.{hint} Nothing was changed, because "
        "without a ledger the stream keys would be lost."
    )
