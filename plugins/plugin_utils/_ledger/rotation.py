# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Keys of the ledger itself: the change from an old one to a new one, while other runs may be at work.

A run that began before the change has only the old key, and goes on to write with it. So that nothing of what it keeps
is lost, the ledger holds former keys, encrypted under the new one, for longer than any run lasts.

Where the key is in a file, the new one is in the file, first, before anything is written with it: killed at any point,
the file opens the ledger. The old key stays in the file, because other ledgers may need it. A file that was named by
hand may have copies on other controllers, which know only the old key: for them the ledger holds the new one, encrypted
under the old, until a run comes that was no longer given the old one.
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
# Seconds, longer than any run.
FORMER_KEY_LASTS = 86_400.0


def new_key(redactor: Redactor) -> str:
    key = Fernet.generate_key().decode()
    redactor.learn(key)
    return key


def all_keys_of(keys: Sequence[str], stored: Mapping[str, bytes], redactor: Redactor) -> list[str]:
    """Return all keys of a ledger, the one to write with first: those that are given, and those that it holds itself.

    ``stored`` is the content of the table ``meta``.
    """
    known = [*_newer_keys(keys, stored), *keys] if are_outdated(keys, stored) else list(keys)
    cipher = Cipher(known)
    former = [str(cipher.decrypt(value)["key"]) for name, value in stored.items() if name.startswith(FORMER)]
    for key in (*known, *former):
        redactor.learn(key)
    return [*known, *(key for key in former if key not in known)]


def are_outdated(keys: Sequence[str], stored: Mapping[str, bytes]) -> bool:
    """Say whether the ledger has a newer key than all that are given, and is opened only because it holds that key."""
    return not _opens(Cipher(keys), stored.get("fingerprint_key", b"")) and bool(_newer_keys(keys, stored))


def _newer_keys(keys: Sequence[str], stored: Mapping[str, bytes]) -> list[str]:
    tokens = {key: stored[_name_of(NEXT, key)] for key in keys if _name_of(NEXT, key) in stored}
    found = [str(Cipher([key]).decrypt(token)["key"]) for key, token in tokens.items()]
    return [key for key in dict.fromkeys(found) if key not in keys]


def drop_former_keys(
    connection: sa.Connection, keys: Sequence[str], stored: Mapping[str, bytes], redactor: Redactor, now: float
) -> None:
    """Drop what is held for other runs and controllers, where its time is over.

    A former key goes after a day, once what was written with it has been encrypted anew. A newer key goes, under an old
    one, when the old one is no longer given: whoever has taken it out of the key file wants it to open nothing.
    """
    every = Cipher(all_keys_of(keys, stored, redactor))
    former = {name: every.decrypt(token) for name, token in stored.items() if name.startswith(FORMER)}
    over = {name: str(value["key"]) for name, value in former.items() if value["since"] + FORMER_KEY_LASTS < now}
    if over and not are_outdated(keys, stored):
        # What no key opens is damaged and left as it is: it stops nothing else.
        reencrypt(connection, list(dict.fromkeys([*keys, *over.values()])), skips_damaged=True)
        connection.execute(sa.delete(meta).where(meta.c.name.in_(over)))
    given = {_name_of(NEXT, key) for key in keys}
    left = [name for name in stored if name.startswith(NEXT) and name not in given]
    if left and not are_outdated(keys, stored):
        connection.execute(sa.delete(meta).where(meta.c.name.in_(left)))


def is_unfinished(keys: Sequence[str], stored: Mapping[str, bytes]) -> bool:
    """Say whether a change to the first key has begun and not been committed.

    A change encrypts the ledger's own settings in the same transaction as all entries, and nothing else does; an entry
    may be written with an old key later on, by a run that knows no other.
    """
    return not _opens(Cipher(keys[:1]), stored.get("fingerprint_key", b""))


def rotate(
    connection: sa.Connection,
    keys: Sequence[str],
    stored: Mapping[str, bytes],
    redactor: Redactor,
    now: float,
    *,
    has_copies: bool = False,
) -> int:
    """Encrypt everything with the first key, and remember the others; return how many entries that were.

    ``has_copies``: other controllers may have copies of the key file from before the change.
    """
    count = reencrypt(connection, all_keys_of(keys, stored, redactor))
    if count:
        _remember_former_keys(connection, keys, now)
        if has_copies:
            _store_newer_key(connection, keys)
    return count


def reencrypt(connection: sa.Connection, keys: Sequence[str], *, skips_damaged: bool = False) -> int:
    """Encrypt with the first key whatever another one opens; return how many entries that were.

    Raise LedgerError, naming the entry, where none of the keys opens one.
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
    """Return how many of the ledger's own settings and of its entries' secrets the key ``first`` does not open."""
    cipher = Cipher([first])
    tokens = [value for name, value in stored.items() if name.startswith(FORMER) or name == "fingerprint_key"]
    return sum(not _opens(cipher, token) for token in (*tokens, *secrets))


# What ``meta`` keeps under the ledger's key; under ``NEXT`` there are tokens that only old keys open.
_HOLDS_SECRET = meta.c.name.startswith(FORMER) | (meta.c.name == "fingerprint_key")
# Of all that are retired, none holds a key.
_HAVE_SECRET = slots.c.secret.is_not(None)
SECRETS_OF_ENTRIES = sa.select(slots.c.secret).where(_HAVE_SECRET)


def _name_of(kind: str, key: str) -> str:
    return kind + hashlib.sha256(key.encode()).hexdigest()[:32]


def _store_newer_key(connection: sa.Connection, keys: Sequence[str]) -> None:
    """Keep the first key for each run that knows another one only."""
    for key in keys[1:]:
        name = _name_of(NEXT, key)
        connection.execute(sa.delete(meta).where(meta.c.name == name))
        token = Cipher([key]).encrypt({"key": keys[0]})
        connection.execute(sa.insert(meta).values(name=name, value=token))


def _remember_former_keys(connection: sa.Connection, keys: Sequence[str], now: float) -> None:
    """Keep all keys but the first, encrypted under the first, for runs that know no other."""
    first = Cipher(keys[:1])
    for key in keys[1:]:
        name = _name_of(FORMER, key)
        connection.execute(sa.delete(meta).where(meta.c.name == name))
        token = first.encrypt({"key": key, "since": now})
        connection.execute(sa.insert(meta).values(name=name, value=token))


def add_key_to_file(path: Path, known: Sequence[str], stored: Mapping[str, bytes], redactor: Redactor) -> list[str]:
    """Put a new key first in the key file, unless a change to its first one is under way; return all that it holds.

    Raise LedgerError where it no longer holds what it held when the ledger was opened. The caller holds the lock of
    the ledger's writers, so that two changes at once cannot overwrite each other's key.
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
    """Write the key file anew, whole or not at all, and not before it is on the disk. It stays its owner's."""
    temporary = None
    try:
        # A link to the file stays one.
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
