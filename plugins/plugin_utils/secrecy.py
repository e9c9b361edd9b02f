# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Encryption of stream keys at rest, fingerprints, and the removal of secrets from whatever is shown."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
import stat
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from .errors import InvalidInput, LedgerError, StreamKeyMissing

MASK = "********"
_SHORTEST_SECRET = 6

# What may stand in a stream key or an ingest URL that is written into a configuration file. RTMP playpaths and
# URLs need no more; leaving out quotes, blanks, '$', '%', ';', '#', backslashes and braces is what keeps a hostile
# answer from meaning something to ffmpeg presets, systemd units, supervisord or nginx.
_PLAIN_STREAM_KEY = re.compile(r"[A-Za-z0-9._~:@/?&=+,!*-]{1,512}\Z")
# The whole text is matched: urllib's parser drops tabs and line ends, and so would find nothing wrong with them.
_PLAIN_INGEST_URL = re.compile(
    r"(?P<scheme>[a-z]+)://"
    r"(?P<host>[A-Za-z0-9][A-Za-z0-9.-]{0,252}|\[[0-9A-Fa-f:.]{2,45}\])"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?:/[A-Za-z0-9._~:@/?&=+,!*-]{0,1024})?\Z"
)
# WHIP presets are published to over HTTPS.
INGEST_SCHEMES = ("rtmp", "rtmps", "https")


class Cipher:
    """Fernet encryption with one or more keys: the first encrypts, all decrypt."""

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise InvalidInput("ledger_key is empty. Give a Fernet key, or leave it out to use ledger_key_file.")
        try:
            self._fernet = MultiFernet([Fernet(key.encode()) for key in keys])
        except (ValueError, UnicodeError):
            # The library's own message could quote the key, so it is dropped.
            raise InvalidInput(
                "ledger_key is not a Fernet key (32 bytes in URL-safe base64, 44 characters). Make one with: "
                'python3 -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'
            ) from None

    def encrypt(self, value: Mapping[str, Any]) -> bytes:
        return self._fernet.encrypt(json.dumps(value).encode())

    def decrypt(self, token: bytes) -> dict[str, Any]:
        """Raise LedgerError where none of the keys opens the token, or where it was tampered with."""
        try:
            value = json.loads(self._fernet.decrypt(token))
        except (InvalidToken, ValueError):
            raise LedgerError(
                "ledger_key (or the key in ledger_key_file) does not open this ledger. Use the key that it was "
                "written with; several keys may be given, separated by commas."
            ) from None
        if not isinstance(value, dict):
            raise LedgerError("The ledger holds an entry that this version does not understand.")
        return value


def split_keys(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def read_key_file(path: Path) -> str | None:
    """Return the text of a key file, None where there is none.

    Raise LedgerError where others than its owner may read it.
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
    """Write a new Fernet key with mode 0600 and return it; where another process was first, return that one's."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(Fernet.generate_key() + b"\n")
                file.flush()
                os.fsync(file.fileno())
            # A link never replaces an existing file, so two first runs at once agree on one key.
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
    """Return a short name for a stream key that cannot be turned back into it: keyed, so that it cannot be guessed."""
    # JSON can carry lone surrogates, which UTF-8 proper cannot.
    content = stream_key.encode("utf-8", "surrogatepass")
    digest = hmac.new(bytes.fromhex(fingerprint_key), content, hashlib.sha256).hexdigest()
    return f"fp-{digest[:16]}"


def require_plain_stream_key(stream_key: str) -> str:
    """Return the key if it is safe to write into a configuration file, else raise StreamKeyMissing."""
    if not _PLAIN_STREAM_KEY.match(stream_key):
        raise StreamKeyMissing(
            "The service gave a stream key with characters that do not belong in one (blanks, quotes, control "
            "characters, $, %, ;, braces or the like). It stays in the ledger and is not handed to an encoder."
        )
    return stream_key


def is_plain_ingest_url(url: str) -> bool:
    """Say whether an ingest URL is an address and nothing else, so that it may stand in a configuration file."""
    found = _PLAIN_INGEST_URL.match(url)
    if found is None or found["scheme"] not in INGEST_SCHEMES:
        return False
    return found["port"] is None or 0 < int(found["port"]) < 65536


class Redactor:
    """Removes every secret that this run has come to know from texts and results, as a last line of defence."""

    def __init__(self, known: Iterable[str | None] = ()) -> None:
        self._known: set[str] = set()
        for secret in known:
            self.learn(secret)

    def learn(self, secret: str | None) -> None:
        # Very short values would mask ordinary words; no credential of the service is that short.
        if secret and len(secret) >= _SHORTEST_SECRET:
            self._known.add(secret)

    def text(self, text: str) -> str:
        for secret in sorted(self._known, key=len, reverse=True):
            text = text.replace(secret, MASK)
        return text

    def value(self, value: Any) -> Any:
        """Return the same structure of dicts, lists and scalars with the secrets in its texts masked."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.value(key): self.value(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.value(item) for item in value]
        return value
