# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Encrypts and decrypts text with Ansible's own vault code, so that ``ansible-vault view`` can open it."""

from __future__ import annotations

from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultLib, VaultSecret, get_file_vault_secret

from .._core.errors import InvalidInput
from .paths import absolute


class Vault:
    """Encrypts and decrypts text with one password."""

    def __init__(self, password: bytes) -> None:
        self._secret = VaultSecret(password)
        self._vault = VaultLib([("default", self._secret)])

    def encrypt(self, text: str) -> bytes:
        encrypted: bytes = self._vault.encrypt(text, self._secret)
        return encrypted

    def decrypt(self, encrypted: bytes) -> str | None:
        """Return the text; None where this is not vault text, or the password is wrong."""
        try:
            decrypted: bytes = self._vault.decrypt(encrypted)
            return decrypted.decode()
        except (AnsibleError, UnicodeError):
            return None


def vault_from(password: str | None, password_file: str | None) -> Vault:
    """Return the vault for a password, or for a file that contains it; an executable file prints it."""
    if (password is None) == (password_file is None):
        raise InvalidInput("Give one of vault_password and vault_password_file.")
    if password is not None:
        if not password.strip():
            raise InvalidInput("vault_password is empty.")
        return Vault(password.strip().encode())
    path = absolute(str(password_file), "vault_password_file")
    try:
        secret = get_file_vault_secret(filename=str(path), loader=DataLoader())
        secret.load()
    except (AnsibleError, OSError):
        # Ansible's message may quote what a script has printed.
        raise InvalidInput(
            f"vault_password_file {path} gives no password. Name a file that this user may read and that holds one."
        ) from None
    return Vault(secret.bytes)
