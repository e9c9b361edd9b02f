# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Encryption of stream keys at rest, fingerprints, and the removal of secrets from whatever is shown."""

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

from .errors import InvalidInput, LedgerError, StreamKeyMissing
from .plain_text import without_controls

MASK = "********"
_SHORTEST_SECRET = 6
_URL_SAFE_BASE64 = str.maketrans("+/", "-_")

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


NOT_PLAIN = (
    "The service gave a stream key with characters that do not belong in one (blanks, quotes, control characters, $, "
    "%, ;, braces or the like). It stays in the ledger and is not handed to an encoder."
)


def is_plain_stream_key(stream_key: str) -> bool:
    return bool(_PLAIN_STREAM_KEY.match(stream_key))


def require_plain_stream_key(stream_key: str) -> str:
    """Return the key if it is safe to write into a configuration file, else raise StreamKeyMissing."""
    if not is_plain_stream_key(stream_key):
        raise StreamKeyMissing(NOT_PLAIN)
    return stream_key


def is_plain_ingest_url(url: str) -> bool:
    """Say whether an ingest URL is an address and nothing else, so that it may stand in a configuration file."""
    found = _PLAIN_INGEST_URL.match(url)
    if found is None or found["scheme"] not in INGEST_SCHEMES:
        return False
    return found["port"] is None or 0 < int(found["port"]) < 65536


class Redactor:
    """Removes every secret that this run has come to know from texts and results, as a last line of defence.

    A secret is also known by the forms in which a service or a library may quote it: escaped for JSON, HTML or a URL,
    in hexadecimal, or in base64, also as a part of something longer. Safe to use from several threads.
    """

    def __init__(self, known: Iterable[str | None] = ()) -> None:
        self._known: set[str] = set()
        # Forms by their beginning, so that the time for a text does not grow with the number of secrets.
        self._forms: dict[str, tuple[str, ...]] = {}
        self._longest = 0
        self._lock = threading.Lock()
        for secret in known:
            self.learn(secret)

    def learn(self, secret: str | None) -> None:
        # Very short values would mask ordinary words; no credential of the service is that short.
        if not secret or len(secret) < _SHORTEST_SECRET or secret in self._known:
            return
        with self._lock:
            self._known.add(secret)
            for form in _forms_of(secret):
                start = form[:_SHORTEST_SECRET]
                self._forms[start] = (*self._forms.get(start, ()), form)
                self._longest = max(self._longest, len(form))

    def known(self) -> list[str]:
        """Return every secret that was learnt, as it was."""
        with self._lock:
            return list(self._known)

    def text(self, text: str) -> str:
        parts, copied, start, end = [], 0, 0, 0
        for at in range(len(text) - _SHORTEST_SECRET + 1):
            for form in self._forms.get(text[at : at + _SHORTEST_SECRET], ()):
                if not text.startswith(form, at):
                    continue
                if at > end:
                    # Secrets that touch or overlap become one mask, so that no part of one is left beside another.
                    if end:
                        parts += [text[copied:start], MASK]
                        copied = end
                    start = at
                end = max(end, at + len(form))
        if not end:
            return text
        return "".join([*parts, text[copied:start], MASK, text[end:]])

    def excerpt(self, text: str, length: int) -> str:
        """Return the beginning of a text with its secrets masked, whatever the text's size.

        Half a secret would not be recognised, so what is cut off is cut off only after masking.
        """
        read = length + 64 * 1024
        shown = self.text(text[:read])
        if len(text) > read:
            # What was cut above may have ended within a secret.
            shown = shown[: max(0, len(shown) - self._longest)]
        return shown[:length]

    def value(self, value: Any) -> Any:
        """Return the same structure of dicts, lists and scalars with its texts fit to be shown: secrets masked, and
        control characters replaced."""
        if isinstance(value, str):
            return without_controls(self.text(value))
        if isinstance(value, dict):
            return {self.value(key): self.value(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.value(item) for item in value]
        return value


def _forms_of(secret: str) -> set[str]:
    """Return the forms in which a secret may be quoted, the secret itself among them."""
    content = secret.encode("utf-8", "surrogatepass")
    escaped = json.dumps(secret)[1:-1]
    forms = {secret, escaped, json.dumps(secret, ensure_ascii=False)[1:-1], escaped.replace("/", "\\/")}
    # As Go's encoder writes it, which escapes what HTML would take for its own.
    forms.add(re.sub(r"[&<>]", lambda found: f"\\u{ord(found[0]):04x}", escaped))
    forms.add(html.escape(secret))
    for quoted in (quote(content, safe=""), quote(content), quote_plus(content)):
        forms |= {quoted, re.sub(r"%[0-9A-F]{2}", lambda found: found[0].lower(), quoted)}
    forms |= {content.hex(), content.hex().upper()}
    for before in range(3):
        # Within base64 of something longer, a secret looks different for each of three places that it can begin at; the
        # characters at both ends also depend on what stands beside it.
        inner = base64.b64encode(b"\0" * before + content).decode().rstrip("=")
        inner = inner[(0, 2, 3)[before] : len(inner) - (1 if (before + len(content)) % 3 else 0)]
        forms |= {inner, inner.translate(_URL_SAFE_BASE64)}
    return {form for form in forms if len(form) >= _SHORTEST_SECRET}
