# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Encryption and fingerprints of stream keys, checks of keys and ingest URLs, and masking of known secrets."""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import json
import os
import re
import secrets
import stat
import tempfile
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from .errors import InvalidInput, LedgerError
from .plain_text import without_controls

MASK = "********"
_SHORTEST_SECRET = 6
_URL_SAFE_BASE64 = str.maketrans("+/", "-_")


class Cipher:
    """Fernet encryption with one or more keys: the first encrypts, each may decrypt."""

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise InvalidInput("ledger_key is empty. Give a Fernet key, or leave it out to use ledger_key_file.")
        try:
            self._fernet = MultiFernet([Fernet(key.encode()) for key in keys])
        except (ValueError, UnicodeError):
            # "from None": the library's message could quote the key.
            raise InvalidInput(
                "ledger_key is not a Fernet key (32 bytes in URL-safe base64, 44 characters). Make one with: "
                'python3 -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'
            ) from None

    def encrypt(self, value: Mapping[str, Any]) -> bytes:
        return self._fernet.encrypt(json.dumps(value).encode())

    def decrypt(self, token: bytes) -> dict[str, Any]:
        """Raise LedgerError if no key decrypts the token, or if it was tampered with."""
        try:
            value = json.loads(self._fernet.decrypt(token))
        except (InvalidToken, ValueError):
            raise LedgerError(
                "ledger_key (or the key in ledger_key_file) does not open this ledger. Use the key that it was "
                "written with; several keys may be given, separated by commas."
            ) from None
        if not isinstance(value, dict):
            raise LedgerError("The ledger contains an entry that this version cannot read.")
        return value


def split_keys(text: str) -> list[str]:
    """Split keys that are separated by commas."""
    return [part.strip() for part in text.split(",") if part.strip()]


def read_key_file(path: Path) -> str | None:
    """Return the text of a key file, None if it does not exist.

    Raise LedgerError if it cannot be read, or if users other than its owner can read it.
    """
    try:
        info = path.stat()
        if stat.S_IMODE(info.st_mode) & 0o077:
            raise LedgerError(
                f"ledger_key_file {path} can be read by others (mode {stat.S_IMODE(info.st_mode):04o}). "
                f"Run: chmod 600 {path}"
            )
        return path.read_text().strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeError) as error:
        raise LedgerError(f"ledger_key_file {path} cannot be read: {_os_reason(error)}.") from None


def create_key_file(path: Path) -> str:
    """Write a new Fernet key with mode 0600 and return it; if the file exists already, return its key.

    Raise LedgerError if it cannot be created or read.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(Fernet.generate_key() + b"\n")
                file.flush()
                os.fsync(file.fileno())
            # Linking never replaces an existing file, so two concurrent first runs use the same key.
            os.link(temporary, path)
        except FileExistsError:
            pass
        finally:
            Path(temporary).unlink()
    except OSError as error:
        raise LedgerError(
            f"ledger_key_file {path} cannot be created: {_os_reason(error)}. Give ledger_key, or a ledger_key_file "
            "in a folder that this user may write."
        ) from None
    key = read_key_file(path)
    if not key:
        raise LedgerError(f"ledger_key_file {path} is empty. Restore the key that the ledger was written with.")
    return key


def _os_reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or type(error).__name__).lower()


def new_fingerprint_key() -> str:
    return secrets.token_hex(32)


def fingerprint(fingerprint_key: str, stream_key: str) -> str:
    """Return a short name for a stream key, by HMAC: without ``fingerprint_key`` nobody can test guessed keys."""
    # JSON can represent lone surrogates, strict UTF-8 cannot.
    content = stream_key.encode("utf-8", "surrogatepass")
    digest = hmac.new(bytes.fromhex(fingerprint_key), content, hashlib.sha256).hexdigest()
    return f"fp-{digest[:16]}"


class Redactor:
    """Masks every secret that this run knows in texts and results, as the last line of defence.

    It also recognises a secret that is escaped for JSON, HTML or a URL, in hexadecimal, or in base64, also as a part of
    a longer encoded text. Safe to use from several threads.
    """

    def __init__(self, known: Iterable[str | None] = ()) -> None:
        self._known: set[str] = set()
        # Keyed by the forms' first characters, so that the time for a text does not grow with the number of secrets.
        self._forms: dict[str, tuple[str, ...]] = {}
        self._longest = 0
        self._lock = threading.Lock()
        for secret in known:
            self.learn(secret)

    def learn(self, secret: str | None) -> None:
        """Mask this secret from now on."""
        # Very short values would mask ordinary words. No credential of the service is that short.
        if not secret or len(secret) < _SHORTEST_SECRET or secret in self._known:
            return
        with self._lock:
            self._known.add(secret)
            for form in _forms_of(secret):
                start = form[:_SHORTEST_SECRET]
                self._forms[start] = (*self._forms.get(start, ()), form)
                self._longest = max(self._longest, len(form))

    def known(self) -> list[str]:
        """Return every known secret, unmasked."""
        with self._lock:
            return list(self._known)

    def text(self, text: str) -> str:
        """Return the text with MASK for each known secret."""
        parts, copied, start, end = [], 0, 0, 0
        for at in range(len(text) - _SHORTEST_SECRET + 1):
            for form in self._forms.get(text[at : at + _SHORTEST_SECRET], ()):
                if not text.startswith(form, at):
                    continue
                if at > end:
                    # Secrets that touch or overlap share one mask, so that no part of one remains.
                    if end:
                        parts += [text[copied:start], MASK]
                        copied = end
                    start = at
                end = max(end, at + len(form))
        if not end:
            return text
        return "".join([*parts, text[copied:start], MASK, text[end:]])

    def excerpt(self, text: str, length: int) -> str:
        """Return the first ``length`` characters of a text with its secrets masked, in bounded time.

        The text is masked before it is cut, because half a secret would not be recognised.
        """
        read = length + 64 * 1024
        shown = self.text(text[:read])
        if len(text) > read:
            # The part that was read may end within a secret.
            shown = shown[: max(0, len(shown) - self._longest)]
        return shown[:length]

    def value(self, value: Any) -> Any:
        """Return the same dicts, lists and scalars with secrets masked and control characters replaced in all texts."""
        if isinstance(value, str):
            return without_controls(self.text(value))
        if isinstance(value, dict):
            return {self.value(key): self.value(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.value(item) for item in value]
        return value


def _forms_of(secret: str) -> set[str]:
    """Return the encodings in which a secret may be quoted, including the secret itself."""
    content = secret.encode("utf-8", "surrogatepass")
    escaped = json.dumps(secret)[1:-1]
    forms = {secret, escaped, json.dumps(secret, ensure_ascii=False)[1:-1], escaped.replace("/", "\\/")}
    # Go's JSON encoder also escapes the special characters of HTML.
    forms.add(re.sub(r"[&<>]", lambda found: f"\\u{ord(found[0]):04x}", escaped))
    forms.add(html.escape(secret))
    for quoted in (quote(content, safe=""), quote(content), quote_plus(content)):
        forms |= {quoted, re.sub(r"%[0-9A-F]{2}", lambda found: found[0].lower(), quoted)}
    forms |= {content.hex(), content.hex().upper()}
    for before in range(3):
        # base64 encodes groups of three bytes: within a longer text, a secret has one of three encodings, by its offset
        # in a group. The first and last characters also depend on the neighbouring bytes, so they are left out.
        inner = base64.b64encode(b"\0" * before + content).decode().rstrip("=")
        inner = inner[(0, 2, 3)[before] : len(inner) - (1 if (before + len(content)) % 3 else 0)]
        forms |= {inner, inner.translate(_URL_SAFE_BASE64)}
    return {form for form in forms if len(form) >= _SHORTEST_SECRET}
