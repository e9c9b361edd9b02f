# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Changes the key of the ledger, also while other runs use the ledger.

A run that began before the change has only the old key, and continues to write with it. To be able to read that, the
ledger keeps *former keys*, encrypted with the new key, for longer than any run lasts.

If the key is in a file, the new key is put first into the file before anything is encrypted with it. So the file opens
the ledger, even if the run is killed at any point. Until the change is committed, runs encrypt with the old key. It
stays in the file, because other ledgers may need it.

A key file that the user has named may have copies on other controllers, with the old key only. For them the ledger
keeps the *next key*, encrypted with the old key, until a run is no longer given the old key.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import sqlalchemy as sa
from cryptography.fernet import Fernet

from .._core.errors import LedgerError
from .._core.secrecy import Cipher, Redactor
from .keys import keys_in
from .schema import meta, slots

FORMER = "former_key:"
NEXT = "next_key:"
# In seconds: longer than any run.
FORMER_KEY_LASTS = 86_400.0


def new_key(redactor: Redactor) -> str:
    key = Fernet.generate_key().decode()
    redactor.learn(key)
    return key


def all_keys_of(keys: Sequence[str], stored: Mapping[str, bytes], redactor: Redactor) -> list[str]:
    """Return the given keys and those that the ledger itself keeps. The first is the one that a change encrypts with.

    ``stored`` is the content of the table ``meta``. Raise LedgerError if the given keys do not open the ledger.
    """
    known = [*_newer_keys(keys, stored), *keys] if are_outdated(keys, stored) else list(keys)
    cipher = Cipher(known)
    former = [str(cipher.decrypt(value)["key"]) for name, value in stored.items() if name.startswith(FORMER)]
    for key in (*known, *former):
        redactor.learn(key)
    return [*known, *(key for key in former if key not in known)]


def are_outdated(keys: Sequence[str], stored: Mapping[str, bytes]) -> bool:
    """Return whether all given keys are old: the ledger opens only because it keeps its newer key."""
    return not _has_current(keys, stored) and bool(_newer_keys(keys, stored))


def _newer_keys(keys: Sequence[str], stored: Mapping[str, bytes]) -> list[str]:
    tokens = {key: stored[_name_of(NEXT, key)] for key in keys if _name_of(NEXT, key) in stored}
    found = [str(Cipher([key]).decrypt(token)["key"]) for key, token in tokens.items()]
    return [key for key in dict.fromkeys(found) if key not in keys]


def current_first(keys: Sequence[str], stored: Mapping[str, bytes]) -> list[str]:
    """Return the keys, the one that the ledger has before the others: a run encrypts with that one.

    While a change is unfinished, the first key of the file is in no other copy of it. Another controller, which has the
    old key alone, could not read what a run encrypts with it, and could change the key again.
    """
    current = [key for key in keys if _has_current([key], stored)]
    return list(dict.fromkeys([*current, *keys]))


def drop_former_keys(
    connection: sa.Connection, keys: Sequence[str], stored: Mapping[str, bytes], redactor: Redactor, now: float
) -> None:
    """Delete the keys that the ledger no longer has to keep for other runs and controllers.

    A former key is deleted after a day, after everything was encrypted with the first key. The copy of the new key for
    an old one is deleted when the old key is no longer given: the user took it out, so it must not open the ledger.
    """
    every = Cipher(all_keys_of(keys, stored, redactor))
    former = {name: every.decrypt(token) for name, token in stored.items() if name.startswith(FORMER)}
    over = {name: str(value["key"]) for name, value in former.items() if value["since"] + FORMER_KEY_LASTS < now}
    if over and not are_outdated(keys, stored):
        # A damaged value, which no key opens, stays as it is and does not keep the ledger from opening.
        every_key = dict.fromkeys([*current_first(keys, stored), *over.values()])
        reencrypt(connection, list(every_key), skips_damaged=True)
        connection.execute(sa.delete(meta).where(meta.c.name.in_(over)))
    given = {_name_of(NEXT, key) for key in keys}
    left = [name for name in stored if name.startswith(NEXT) and name not in given]
    if left and not are_outdated(keys, stored):
        connection.execute(sa.delete(meta).where(meta.c.name.in_(left)))


def is_unfinished(keys: Sequence[str], stored: Mapping[str, bytes]) -> bool:
    """Return whether a change to the first key was begun but not committed."""
    return not _has_current(keys[:1], stored)


def _has_current(keys: Sequence[str], stored: Mapping[str, bytes]) -> bool:
    """Return whether the key that the ledger has is among these.

    Only a change of the key encrypts ``fingerprint_key``, so that value tells which key the ledger has. An entry does
    not: a run that has only the old key may have written it after the change.
    """
    return _opens(Cipher(keys), stored.get("fingerprint_key", b""))


def rotate(
    connection: sa.Connection,
    keys: Sequence[str],
    stored: Mapping[str, bytes],
    redactor: Redactor,
    now: float,
    *,
    has_copies: bool = False,
) -> int:
    """Encrypt everything with the first key, and store the others as former keys. Return how many values that were.

    ``has_copies``: other controllers may have older copies of the key file. Raise LedgerError if a value is damaged.
    """
    count = reencrypt(connection, all_keys_of(keys, stored, redactor))
    if count:
        _remember_former_keys(connection, keys, now)
        if has_copies:
            _store_newer_key(connection, keys)
    return count


def reencrypt(connection: sa.Connection, keys: Sequence[str], *, skips_damaged: bool = False) -> int:
    """Encrypt with the first key all values that only another key opens. Return how many values that were.

    Raise LedgerError, with the name of the entry, if no key opens a value, unless ``skips_damaged``.
    """
    count, all_keys, first = 0, Cipher(keys), Cipher(keys[:1])
    for name, value in connection.execute(sa.select(meta.c.name, meta.c.value).where(_HOLDS_SECRET)).all():
        token = _reencrypted(bytes(value), first, all_keys, "its own settings", skips_damaged)
        if token is not None:
            connection.execute(sa.update(meta).where(meta.c.name == name).values(value=token))
            count += 1
    for found in connection.execute(sa.select(slots.c.id, slots.c.title, slots.c.secret).where(_HAVE_SECRET)).all():
        token = _reencrypted(bytes(found.secret), first, all_keys, f"entry {found.id}, '{found.title}'", skips_damaged)
        if token is not None:
            connection.execute(sa.update(slots).where(slots.c.id == found.id).values(secret=token))
            count += 1
    return count


def count_to_reencrypt(first: str, stored: Mapping[str, bytes], secrets: Iterable[bytes]) -> int:
    """Return how many of the values in ``meta`` and of the entries' secrets the key ``first`` does not open."""
    cipher = Cipher([first])
    tokens = [value for name, value in stored.items() if name.startswith(FORMER) or name == "fingerprint_key"]
    return sum(not _opens(cipher, token) for token in (*tokens, *secrets))


# The values in ``meta`` that are encrypted with the ledger's key. Those with ``NEXT`` are encrypted with old keys.
_HOLDS_SECRET = meta.c.name.startswith(FORMER) | (meta.c.name == "fingerprint_key")
# Retired rows have no secret.
_HAVE_SECRET = slots.c.secret.is_not(None)
SECRETS_OF_ENTRIES = sa.select(slots.c.secret).where(_HAVE_SECRET)


def _name_of(kind: str, key: str) -> str:
    return kind + hashlib.sha256(key.encode()).hexdigest()[:32]


def _store_newer_key(connection: sa.Connection, keys: Sequence[str]) -> None:
    """Store the first key, encrypted with each other key, for runs that have only that key."""
    for key in keys[1:]:
        name = _name_of(NEXT, key)
        connection.execute(sa.delete(meta).where(meta.c.name == name))
        token = Cipher([key]).encrypt({"key": keys[0]})
        connection.execute(sa.insert(meta).values(name=name, value=token))


def _remember_former_keys(connection: sa.Connection, keys: Sequence[str], now: float) -> None:
    """Store all keys but the first, encrypted with the first, to read what runs with an old key still write."""
    first = Cipher(keys[:1])
    for key in keys[1:]:
        name = _name_of(FORMER, key)
        connection.execute(sa.delete(meta).where(meta.c.name == name))
        token = first.encrypt({"key": key, "since": now})
        connection.execute(sa.insert(meta).values(name=name, value=token))


def add_key_to_file(path: Path, known: Sequence[str], stored: Mapping[str, bytes], redactor: Redactor) -> list[str]:
    """Put a new key first into the key file, unless a change to its first key is unfinished. Return all its keys.

    Raise LedgerError if the file has none of the ``known`` keys any more, or cannot be written. The caller holds the
    lock of the ledger's writers, so two concurrent changes cannot overwrite each other's key.
    """
    present = keys_in(path) or []
    if not set(known) & set(present):
        raise LedgerError(
            f"ledger_key_file {path} was changed by something else just now. Run again when that has ended."
        )
    if not is_unfinished(present, stored):
        present = [new_key(redactor), *present]
        replace_key_file(path, present)
    for key in present:
        redactor.learn(key)
    return present


def replace_key_file(path: Path, keys: Sequence[str]) -> None:
    """Replace the key file atomically, after the new content is on the disk. It keeps its owner and its group."""
    temporary = None
    try:
        # A symbolic link stays a link: its target is replaced.
        path = path.resolve(strict=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "w") as file:
            found = path.stat()
            if (found.st_uid, found.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(handle, found.st_uid, found.st_gid)
            file.write(",".join(keys) + "\n")
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise LedgerError(
            f"ledger_key_file {path} cannot be written: {(error.strerror or type(error).__name__).lower()}. The key "
            "was not changed."
        ) from None


def _reencrypted(token: bytes, first: Cipher, all_keys: Cipher, name: str, skips_damaged: bool) -> bytes | None:
    if _opens(first, token):
        return None
    try:
        return first.encrypt(all_keys.decrypt(token))
    except LedgerError:
        if skips_damaged:
            return None
        raise LedgerError(
            f"The ledger's {name}, is damaged or was written with a key that is not given, so no entry was encrypted "
            "anew. Give that key too, or forget the entry with tenbyte.webinar.ledger."
        ) from None


def _opens(cipher: Cipher, token: bytes) -> bool:
    try:
        cipher.decrypt(token)
    except LedgerError:
        return False
    return True
