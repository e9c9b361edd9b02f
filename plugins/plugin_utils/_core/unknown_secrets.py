# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Masks what could be a secret that this run does not know: by its name, by the text around it, or by its form."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from .secrecy import MASK

# Searched in a field's name in lower case without punctuation. "key" counts only at the end: not in "keyframe".
_NAME_OF_SECRET = re.compile(
    r"streamkey|apikey|key$|token|secret|passw|passphrase|credential|authorization|cookie|playpath|ingresskey"
)
_NAME_OF_INGEST = re.compile(r"rtmp|whip|ingesturl|publishurl|pushurl")
# In a text: a value after such a name, a credential after its scheme, an ingest URL, and a JSON Web Token.
_INTRODUCED = re.compile(
    r"(?P<name>(?:(?:(?:stream|api|access|secret|ingress|private)[\s_-]?key|token|secret|passw(?:or)?d|passphrase|"
    r"credentials?|authorization|cookie|playpath)(?:[\"'\])]*\s{0,9}[:=]\s{0,9}|\s{1,9}(?=[\"']))|\bkey[\"']?[:=]\s{0,9})"
    r"(?:(?:bearer|basic)\s{1,9})?[\"'\[(]*|\b(?:bearer|basic)\s{1,9})[^\s\"',;)}\]]+"
    r"|\b(?:rtmp[a-z]{0,3}|srt|rist)://\S+"
    r"|\beyJ[\w-]{10,}(?:\.[\w-]+)*",
    re.IGNORECASE,
)
# WHIP uses HTTPS.
_WEB_URL = re.compile(r"\bhttps?://[^\s\"'<>]+", re.IGNORECASE)
_WHIP = re.compile(r"\bwhip\b", re.IGNORECASE)
# A run of the characters of keys, with the padding of base64. Only such a run can look like a key.
_RUN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_+.:-]*[A-Za-z0-9])?={0,2}")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_PIECE = re.compile(r"[^.:]+")
# A word with at most a number after it, such as Day2, HALL1 and webinar; or a number alone.
_WORD = re.compile(r"[A-Za-z]?[a-z]{2,}[0-9]{0,2}|[A-Z]{2,}[0-9]{0,2}|[A-Za-z]|[0-9]+")
_BEYOND_HEXADECIMAL = re.compile(r"[G-Zg-z]")
_HAS_DIGIT, _HAS_LETTER = re.compile(r"[0-9]"), re.compile(r"[A-Za-z]")
_WORDS_IN_ONE = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_TURN = re.compile(r"(?<=[a-z])(?=[A-Z0-9])|(?<=[0-9])(?=[A-Za-z])|(?<=[A-Z])(?=[0-9])")


def is_name_of_secret(name: str) -> bool:
    """Return whether a field of this name may contain a stream key, a token or the like."""
    return bool(_NAME_OF_SECRET.search(_plain_name(name)))


def is_name_of_ingest(name: str) -> bool:
    """Return whether a field of this name may contain an ingest URL, which may include its key."""
    return bool(_NAME_OF_INGEST.search(_plain_name(name)))


def without_unknown_secrets(text: str, shown: Iterable[str] = (), *, with_ids: bool = False) -> str:
    """Return a text with MASK for each part that could be a secret.

    ``shown`` are texts whose parts the reader knows already, such as the ids of a request: they are not masked.
    With ``with_ids``, UUIDs are not masked. A service may use them as ids and as keys.
    """
    addressed = _WEB_URL.sub(lambda found: MASK if _WHIP.search(found[0]) else found[0], text)
    introduced = _INTRODUCED.sub(lambda found: f"{found['name'] or ''}{MASK}", addressed)
    known = {run.lower() for part in shown for run in _runs_of(part)}
    return _RUN.sub(lambda found: _run_without_secrets(found[0], known, with_ids), introduced)


def texts_of(value: Any) -> list[str]:
    """Return every string in a request's body, at any depth."""
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else ()
    return [text for item in inner for text in texts_of(item)]


def _plain_name(name: str) -> str:
    return re.sub(r"[\W_]", "", name.lower())


def _runs_of(text: str) -> Iterable[str]:
    for run in _RUN.findall(text):
        yield run
        yield from _PIECE.findall(run)


def _run_without_secrets(run: str, known: set[str], with_ids: bool) -> str:
    if run.lower() in known:
        return run
    # Most runs with dots or colons are hosts, versions, times and addresses.
    if _BEYOND_HEXADECIMAL.search(run):
        if _is_in_equal_groups(re.split(r"[.:]", run)):
            return MASK
        run = ":".join(MASK if _is_in_equal_groups(part.split(".")) else part for part in run.split(":"))

    def masked(found: re.Match[str]) -> str:
        return MASK if found[0].lower() not in known and _looks_secret(found[0], with_ids) else found[0]

    return _PIECE.sub(masked, run)


def _looks_secret(piece: str, with_ids: bool) -> bool:
    if _UUID.search(piece):
        return not (with_ids and _UUID.fullmatch(piece))
    # Padded base64 has both cases. A word before an equals sign has one of them, or begins with a capital.
    if (
        piece.endswith("=")
        and len(piece) >= 16
        and len(piece) % 4 == 0
        and not (piece[1:].islower() or piece.isupper())
    ):
        return True
    groups = [group for group in re.split(r"[^A-Za-z0-9]+", piece) if group]
    if _is_in_equal_groups(groups):
        return True
    length = sum(len(group) for group in groups)
    if any(_has_random_capitals(group) for group in groups):
        return True
    if any(len(run) >= 20 for run in piece.replace("+", "-").split("-") if _is_mixed(run) or run.isdecimal()):
        return True
    turns = sum(len(_TURN.findall(group)) for group in groups if not _WORD.fullmatch(group))
    return length >= 12 and turns >= 4 and bool(_HAS_DIGIT.search(piece))


def _has_random_capitals(group: str) -> bool:
    """Return whether a long group has its capitals in random places: in a name, they begin the words."""
    capitals = sum(letter.isupper() for letter in group)
    is_random = capitals * 3 > len(group) or len(_WORDS_IN_ONE.findall(group)) * 3 > len(group)
    return len(group) >= 12 and capitals < len(group) and not group.islower() and is_random


def _is_in_equal_groups(groups: list[str]) -> bool:
    """Return whether these are the groups of a hyphenated key, such as ab12-cd34-ef56: all of one length.

    A group must mix letters and digits, or two must be numbers. So words of one length with a year do not match.
    """
    length = len(groups[0]) if len(groups) >= 3 else 0
    return (
        length >= 3
        and length * len(groups) >= 12
        and all(len(group) == length and group.isascii() and group.isalnum() for group in groups)
        and (any(_is_mixed(group) for group in groups) or sum(group.isdecimal() for group in groups) >= 2)
    )


def _is_mixed(text: str) -> bool:
    return bool(_HAS_DIGIT.search(text) and _HAS_LETTER.search(text))
