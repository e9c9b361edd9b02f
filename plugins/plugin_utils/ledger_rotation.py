# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keys of the ledger itself: the change from an old one to a new one, while other runs may be at work.

A run that began before the change has only the old key, and goes on to write with it. So that nothing of what it keeps
is lost, the ledger holds former keys, encrypted under the new one, for longer than any run lasts. Where the key is in a
file, the new one is in the file, beside the old, before anything is written with it, and the old one leaves the file
only when nothing needs it any more: killed at any point, the file opens the ledger.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import sqlalchemy as sa
from cryptography.fernet import Fernet

from .errors import LedgerError
from .ledger_schema import meta, slots
from .secrecy import Cipher, Redactor, read_key_file, split_keys

FORMER = "former_key:"
# Seconds, longer than any run.
FORMER_KEY_LASTS = 86_400.0


def new_key(redactor: Redactor) -> str:
    key = Fernet.generate_key().decode()
    redactor.learn(key)
    return key


def with_former_keys(keys: Sequence[str], stored: Mapping[str, bytes], redactor: Redactor) -> list[str]:
    """Return a ledger's keys, and after them the former ones, with which runs from before a change may still write.

    ``stored`` is the content of the table ``meta``.
    """
    cipher = Cipher(keys)
    former = [str(cipher.decrypt(value)["key"]) for name, value in stored.items() if name.startswith(FORMER)]
    for key in former:
        redactor.learn(key)
    return [*keys, *former]


def drop_former_keys(connection: sa.Connection, keys: Sequence[str], stored: Mapping[str, bytes], now: float) -> None:
    """Drop the former keys whose time is over, after having encrypted anew what was written with them."""
    first = Cipher(keys)
    over = {
        name: str(value["key"])
        for name, value in ((name, first.decrypt(token)) for name, token in stored.items() if name.startswith(FORMER))
        if value["since"] + FORMER_KEY_LASTS < now
    }
    if over:
        encrypt_anew(connection, [*keys, *over.values()])
        connection.execute(sa.delete(meta).where(meta.c.name.in_(over)))


def rotate(
    connection: sa.Connection, keys: Sequence[str], stored: Mapping[str, bytes], redactor: Redactor, now: float
) -> int:
    """Encrypt everything with the first key, and remember the others; return how many entries that were."""
    count = encrypt_anew(connection, with_former_keys(keys, stored, redactor))
    if count:
        _remember_former_keys(connection, keys, now)
    return count


def encrypt_anew(connection: sa.Connection, keys: Sequence[str]) -> int:
    """Encrypt with the first key whatever another one opens; return how many entries that were.

    Raise LedgerError, naming the entry, where none of the keys opens one.
    """
    count, all_keys, first = 0, Cipher(keys), Cipher(keys[:1])
    holding = meta.c.name.startswith(FORMER) | (meta.c.name == "fingerprint_key")
    for name, value in connection.execute(sa.select(meta.c.name, meta.c.value).where(holding)).all():
        token = _anew(bytes(value), first, all_keys, "its own settings")
        if token is not None:
            connection.execute(sa.update(meta).where(meta.c.name == name).values(value=token))
            count += 1
    for found in connection.execute(sa.select(slots.c.id, slots.c.title, slots.c.secret)).all():
        if found.secret is None:
            continue
        token = _anew(bytes(found.secret), first, all_keys, f"entry {found.id}, '{found.title}'")
        if token is not None:
            connection.execute(sa.update(slots).where(slots.c.id == found.id).values(secret=token))
            count += 1
    return count


def count_of_others(connection: sa.Connection, keys: Sequence[str]) -> int:
    """Return how many entries the first key does not open, without changing any."""
    first = Cipher(keys[:1])
    tokens = [row.value for row in connection.execute(sa.select(meta.c.value).where(meta.c.name != "schema_version"))]
    tokens += [row.secret for row in connection.execute(sa.select(slots.c.secret).where(slots.c.secret.is_not(None)))]
    return sum(not _opens(first, bytes(token)) for token in tokens)


def _remember_former_keys(connection: sa.Connection, keys: Sequence[str], now: float) -> None:
    """Keep all keys but the first, encrypted under the first, for runs that know no other."""
    first = Cipher(keys[:1])
    for key in keys[1:]:
        name = FORMER + hashlib.sha256(key.encode()).hexdigest()[:32]
        connection.execute(sa.delete(meta).where(meta.c.name == name))
        token = first.encrypt({"key": key, "since": now})
        connection.execute(sa.insert(meta).values(name=name, value=token))


def add_key_to_file(path: Path, known: Sequence[str], redactor: Redactor) -> list[str]:
    """Put a new key first in the key file, unless an interrupted change has done so; return all that it holds now.

    Raise LedgerError where it no longer holds what it held when the ledger was opened. The caller holds the lock of
    the ledger's writers, so that two changes at once cannot overwrite each other's key.
    """
    present = split_keys(read_key_file(path) or "")
    if not set(known) & set(present):
        raise LedgerError(
            f"ledger_key_file {path} was changed by something else just now. Run again when that has ended."
        )
    if len(present) == 1:
        present = [new_key(redactor), *present]
        replace_key_file(path, present)
    for key in present:
        redactor.learn(key)
    return present


def replace_key_file(path: Path, keys: Sequence[str]) -> None:
    """Write the key file anew, whole or not at all, and not before it is on the disk."""
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "w") as file:
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


def _anew(token: bytes, first: Cipher, all_keys: Cipher, name: str) -> bytes | None:
    if _opens(first, token):
        return None
    try:
        return first.encrypt(all_keys.decrypt(token))
    except LedgerError:
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
