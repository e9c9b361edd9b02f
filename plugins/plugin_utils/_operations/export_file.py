# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""The file of an export: the ledger's entries with their keys, encrypted as vault text."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

from .._core.errors import InvalidInput
from .._ledger.merging import PortableRow
from .ledger_transfer import from_text, to_text


class Vault(Protocol):
    """Encrypts and decrypts text with one password."""

    def encrypt(self, text: str) -> bytes:
        """Return vault text."""

    def decrypt(self, encrypted: bytes) -> str | None:
        """Return the text; None where this is not vault text, or the password is wrong."""


@dataclass(frozen=True)
class ExportFile:
    path: Path
    vault: Vault

    @cached_property
    def rows(self) -> list[PortableRow] | None:
        """Return the rows in the file, None where there is no file. Raise InvalidInput where it is not an export."""
        try:
            text = self.vault.decrypt(self.path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise InvalidInput(f"path {self.path} cannot be read: {_reason(error)}.") from None
        if text is None:
            raise InvalidInput(
                f"path {self.path} is not a vault file that this vault password opens. Give the right password; to "
                "write a new export, name another file or remove this one."
            )
        return from_text(text, f"path {self.path}")

    def write(self, rows: Sequence[PortableRow]) -> None:
        """Write the file with mode 0600, completely or not at all. Raise InvalidInput where it cannot be written."""
        temporary = None
        try:
            handle, temporary = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
            with os.fdopen(handle, "wb") as file:
                file.write(self.vault.encrypt(to_text(rows)))
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(self.path)
        except OSError as error:
            if temporary is not None:
                Path(temporary).unlink(missing_ok=True)
            raise InvalidInput(
                f"path {self.path} cannot be written: {_reason(error)}. Name a file in a folder that this user may "
                "write."
            ) from None


def _reason(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()
