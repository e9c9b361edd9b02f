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
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from .errors import InvalidInput, LedgerError
from .plain_text import without_controls

MASK = "********"
_SHORTEST_SECRET = 6
# Of texts that are not searched again: characters in one, their number, and the forms of secrets that are learned at a
# time. An item of a loop learns one secret, which has about ten.
_LONGEST_HARMLESS, _MOST_HARMLESS, _MOST_NEW_FORMS = 500, 20_000, 100
# The parts of all containers that are not searched again, for which some megabytes are needed.
_MOST_PARTS = 100_000
# The unreserved characters of RFC 3986, section 2.3. JSON and HTML do not escape them either.
_NEVER_ESCAPED = re.compile(r"[A-Za-z0-9_.~-]+")
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


class _Harmless:
    """Texts in which no known secret stands, and containers of only such texts, which need not be searched again.

    The result of a loop's item repeats the facts of all items before it.
    """

    def __init__(self) -> None:
        self._texts: set[str] = set()
        # By their ids, which no other object has while they are kept here.
        self._containers: dict[int, Collection[Any]] = {}
        self._parts = 0

    def __contains__(self, text: str) -> bool:
        return text in self._texts

    def has(self, container: object) -> bool:
        return id(container) in self._containers

    def add(self, text: str) -> None:
        if len(text) <= _LONGEST_HARMLESS and len(self._texts) < _MOST_HARMLESS:
            self._texts.add(text)

    def add_container(self, container: Collection[Any]) -> None:
        """Add a container whose texts are all here."""
        self._parts += len(container)
        if self._parts > _MOST_PARTS:
            # Each item of a loop adds a longer one, and only the last is asked for.
            self._containers.clear()
            self._parts = len(container)
        self._containers[id(container)] = container

    def take_in(self, forms: Collection[str]) -> None:
        """Forget all texts if these forms of new secrets may stand in one of them."""
        if len(forms) <= _MOST_NEW_FORMS:
            together = "\n".join(self._texts)
            if not any(form in together for form in forms):
                return
        self._texts.clear()
        self._containers.clear()
        self._parts = 0


class Redactor:
    """Masks every secret that this run knows in texts and results, as the last line of defence.

    It also recognises a secret that is escaped for JSON, HTML or a URL, in hexadecimal, or in base64, also as a part of
    a longer encoded text. Safe to use from several threads.
    """

    def __init__(self, known: Iterable[str | None] = ()) -> None:
        self._known: dict[str, None] = {}
        # What was learned since the last text was masked: most runs of thousands of keys mask only their result.
        self._new: list[str] = []
        self._forms: set[str] = set()
        # From the first characters of a form to the lengths of the forms that begin so. Keys may have a common prefix.
        self._lengths: dict[str, tuple[int, ...]] = {}
        self._characters: set[str] = set()
        self._shortest, self._longest = 0, 0
        # The parts of a text that may hold a form: long enough, and of no other characters.
        self._candidates: re.Pattern[str] | None = None
        self._harmless = _Harmless()
        # How often what was learned has been taken in.
        self._prepared = 0
        self._lock = threading.Lock()
        for secret in known:
            self.learn(secret)

    def learn(self, secret: str | None) -> None:
        """Mask this secret from now on."""
        # Very short values would mask ordinary words. No credential of the service is that short.
        if not secret or len(secret) < _SHORTEST_SECRET or secret in self._known:
            return
        with self._lock:
            self._new.append(secret)
            self._known[secret] = None

    def known(self) -> list[str]:
        """Return every known secret, unmasked."""
        with self._lock:
            return list(self._known)

    def text(self, text: str) -> str:
        """Return the text with MASK for each known secret."""
        if self._new:
            with self._lock:
                self._prepare()
        if text in self._harmless:
            return text
        prepared = self._prepared
        parts, copied, start, end = [], 0, 0, 0
        for at, until in self._found(text):
            if at > end:
                # Secrets that touch or overlap share one mask, so that no part of one remains.
                if end:
                    parts += [text[copied:start], MASK]
                    copied = end
                start = at
            end = max(end, until)
        if not end:
            with self._lock:
                # Meanwhile, another thread may have learned a secret.
                if self._prepared == prepared:
                    self._harmless.add(text)
            return text
        return "".join([*parts, text[copied:start], MASK, text[end:]])

    def _found(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield where known secrets begin and end, by their beginnings."""
        if self._candidates is None or len(text) < self._shortest:
            return
        lengths_of, forms, shortest = self._lengths, self._forms, self._shortest
        for candidate in self._candidates.finditer(text):
            first, last = candidate.span()
            for at in range(first, last - shortest + 1):
                for length in lengths_of.get(text[at : at + _SHORTEST_SECRET], ()):
                    if text[at : at + length] in forms:
                        yield at, at + length

    def _prepare(self) -> None:
        """Take in what was learned."""
        fresh = {form for secret in self._new for form in _forms_of(secret)} - self._forms
        if not fresh:
            self._new = []
            return
        characters, lengths = set("".join(fresh)), set(map(len, fresh))
        shortest = min(lengths) if self._candidates is None else min(*lengths, self._shortest)
        starts: dict[str, set[int]] = {}
        for form in fresh:
            starts.setdefault(form[:_SHORTEST_SECRET], set()).add(len(form))
        # Another thread may be reading. Each of these is replaced, or only grows.
        self._forms |= fresh
        for start, of_start in starts.items():
            self._lengths[start] = tuple(sorted(of_start.union(self._lengths.get(start, ())), reverse=True))
        self._longest = max(*lengths, self._longest)
        if self._candidates is None or shortest < self._shortest or not characters <= self._characters:
            self._characters |= characters
            any_of = "".join(map(re.escape, sorted(self._characters)))
            self._shortest, self._candidates = shortest, re.compile(f"[{any_of}]{{{shortest},}}")
        self._harmless.take_in(fresh)
        self._prepared += 1
        self._new = []

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
        """Return the same dicts, lists and scalars with secrets masked and control characters replaced in all texts.

        What occurs twice in ``value`` is one object in the result too.
        """
        return self._value(value, {}, {})

    def remember(self, shown: Any) -> None:
        """Let ``value`` return what it has returned before as it is, until a secret is learned that stands in it.

        Nobody may change it any more.
        """
        with self._lock:
            self._prepare()
        self._is_remembered(shown, self._prepared)

    def _is_remembered(self, shown: Any, prepared: int) -> bool:
        """Return whether nothing in a value has to be searched again. Remember its containers of which that is true."""
        if isinstance(shown, str):
            return self.text(shown) is shown and shown in self._harmless
        if isinstance(shown, tuple):
            return False
        if not isinstance(shown, (dict, list)) or self._harmless.has(shown):
            return True
        parts = [*shown, *shown.values()] if isinstance(shown, dict) else shown
        # All are looked at, because each part is to be remembered where the whole is not.
        if False in {self._is_remembered(part, prepared) for part in parts}:
            return False
        with self._lock:
            # Meanwhile, another thread may have learned a secret.
            if self._prepared != prepared:
                return False
            self._harmless.add_container(shown)
        return True

    def _value(self, value: Any, texts: dict[str, str], containers: dict[int, Any]) -> Any:
        """Return a value with its texts masked. ``texts`` and ``containers`` have what was masked before."""
        if isinstance(value, str):
            shown = texts.get(value)
            if shown is None:
                shown = texts[value] = without_controls(self.text(value))
            return shown
        if not isinstance(value, (dict, list, tuple)):
            return value
        known = value if not self._new and self._harmless.has(value) else containers.get(id(value))
        if known is None:
            if isinstance(value, dict):
                known = {
                    texts.get(key) or self._value(key, texts, containers): one
                    if one is None or one is True or one is False
                    else self._value(one, texts, containers)
                    for key, one in value.items()
                }
            else:
                known = [self._value(one, texts, containers) for one in value]
            containers[id(value)] = known
        return known


def _forms_of(secret: str) -> set[str]:
    """Return the encodings in which a secret may be quoted, including the secret itself."""
    content = secret.encode("utf-8", "surrogatepass")
    forms = {secret, content.hex(), content.hex().upper()}
    if not _NEVER_ESCAPED.fullmatch(secret):
        escaped = json.dumps(secret)[1:-1]
        forms |= {escaped, json.dumps(secret, ensure_ascii=False)[1:-1], escaped.replace("/", "\\/")}
        # Go's JSON encoder also escapes the special characters of HTML.
        forms.add(re.sub(r"[&<>]", lambda found: f"\\u{ord(found[0]):04x}", escaped))
        forms.add(html.escape(secret))
        for quoted in (quote(content, safe=""), quote(content), quote_plus(content)):
            forms |= {quoted, re.sub(r"%[0-9A-F]{2}", lambda found: found[0].lower(), quoted)}
    for before in range(3):
        # base64 encodes groups of three bytes: within a longer text, a secret has one of three encodings, by its offset
        # in a group. The first and last characters also depend on the neighbouring bytes, so they are left out.
        inner = base64.b64encode(b"\0" * before + content).decode().rstrip("=")
        inner = inner[(0, 2, 3)[before] : len(inner) - (1 if (before + len(content)) % 3 else 0)]
        forms.add(inner)
        if "+" in inner or "/" in inner:
            forms.add(inner.translate(_URL_SAFE_BASE64))
    return {form for form in forms if len(form) >= _SHORTEST_SECRET}
