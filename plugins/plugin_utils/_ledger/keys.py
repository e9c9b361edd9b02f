# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""The Fernet keys of a ledger: from an option, or from the key file, which is created with a new SQLite ledger.

A key file may have several keys, separated by commas or line ends: the first encrypts, all decrypt.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from .._core.errors import InvalidInput, LedgerError
from .._core.secrecy import Cipher, Redactor, create_key_file, read_key_file, split_keys
from . import location
from .file_owners import owner_hint
from .location import LedgerSettings, is_there, key_file, key_file_of, older_key_file_of

# https://www.sqlite.org/fileformat.html, "The Database Header"
_HEADER = b"SQLite format 3\0"


def prepare_keys(settings: LedgerSettings, redactor: Redactor, *, create: bool) -> list[str]:
    """Return the Fernet keys from the setting ``key``, else from the key file.

    ``create``: create the key file of a new SQLite ledger. Raise LedgerError if there is no key, or if the file cannot
    be used.
    """
    keys = split_keys(settings.key) if settings.key else _keys_of_file(settings, create=create)
    for key in keys:
        redactor.learn(key)
    return keys


def check_keys(settings: LedgerSettings, redactor: Redactor) -> None:
    """Raise InvalidInput or LedgerError if a new ledger could not use the keys that are given. For check mode."""
    keys = split_keys(settings.key) if settings.key else keys_in(key_file(settings)) or []
    for key in keys:
        redactor.learn(key)
    if keys or settings.key:
        Cipher(keys)


def keys_in(path: Path) -> list[str] | None:
    """Return the keys in a key file, None if it does not exist. Raise LedgerError if it cannot be used."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise LedgerError(f"ledger_key_file {path} is a folder. Name the file in it.")
        if not os.access(path, os.R_OK):
            raise PermissionError(None, "Permission denied")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise LedgerError(f"ledger_key_file {path} cannot be read: {reason}.{owner_hint(path)}") from None
    text = read_key_file(path)
    if text is None:
        return None
    keys = split_keys(",".join(text.split()))
    if not keys:
        raise LedgerError(f"ledger_key_file {path} is empty. Restore the key that the ledger was written with.")
    return keys


def others_that_read(path: Path, settings: LedgerSettings) -> str | None:
    """Return a phrase that names other users of a key file, None if none are known."""
    own = location.database_file(settings) if location.is_file(settings) else None
    try:
        beside = sorted(one for one in path.parent.iterdir() if one != own)
    except OSError:
        beside = []
    others = [str(one) for one in beside if path in (key_file_of(one), older_key_file_of(one)) and _is_database(one)]
    known = [f"the ledger {one}" for one in others]
    if settings.key_file:
        # A file that is named in an option may be named in other places too.
        known.append("whatever else was given it as ledger_key_file")
    return " and ".join(known) or None


def _keys_of_file(settings: LedgerSettings, *, create: bool) -> list[str]:
    path = key_file(settings)
    keys = keys_in(path)
    if keys is None and not location.is_file(settings):
        raise LedgerError(
            f"ledger_key_file {path} is missing. Restore it, or give the key as ledger_key; a key file is made for "
            "SQLite only."
        )
    if keys is None and location.may_exist(settings):
        # Another first run may have created the key, and then the ledger, since the key file was read.
        path = key_file(settings)
        keys = keys_in(path)
        if keys is None:
            raise LedgerError(
                f"The ledger {location.database_file(settings)} exists, but its key does not: {path} is "
                "missing. Restore that file, or give the key as ledger_key."
            )
    if keys is None and not create:
        raise LedgerError(f"There is no ledger key yet: {path} is missing.")
    if keys is None:
        keys = split_keys(create_key_file(path))
    return [*keys, *_keys_of_older_file(settings, path, keys)]


def _keys_of_older_file(settings: LedgerSettings, path: Path, known: Sequence[str]) -> list[str]:
    """Return further keys, from a key file with the name that the first version used.

    A copy of a ledger of that version may have been restored together with its key file.
    """
    if settings.key_file or not location.is_file(settings):
        return []
    older = older_key_file_of(location.database_file(settings))
    if older == path or not is_there(older):
        return []
    try:
        found = [key for key in keys_in(older) or [] if key not in known]
        if found:
            # Another file may have this name, for example the key of a certificate.
            Cipher(found)
        return found
    except (LedgerError, InvalidInput):
        return []


def _is_database(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(_HEADER)) == _HEADER
    except OSError:
        return False
