# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The file of an export: the ledger's entries, with their keys, as vault text."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from .errors import InvalidInput
from .ledger_transfer import Kept, from_text, to_text
from .vault_text import Vault


def read_export(path: Path, vault: Vault) -> list[Kept]:
    try:
        locked = path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"path {path} cannot be read: {(error.strerror or type(error).__name__).lower()}.") from None
    text = vault.open(locked)
    if text is None:
        raise InvalidInput(
            f"path {path} is not a vault file that this vault password opens. Give the right password; to write a new "
            "export, name another file or remove this one."
        )
    return from_text(text, f"path {path}")


def write_export(path: Path, entries: Sequence[Kept], vault: Vault) -> None:
    """Write a vault file of mode 0600, whole or not at all."""
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(vault.lock(to_text(entries)))
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise InvalidInput(
            f"path {path} cannot be written: {(error.strerror or type(error).__name__).lower()}. Name a file in a "
            "folder that this user may write."
        ) from None
