# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""What could be a secret that this run does not know: told by its name, by what is around it, or by how it looks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from .secrecy import MASK

# Compared with a field's name in lower case without punctuation. "key" counts at the end only: a keyframe is none.
_NAME_OF_SECRET = re.compile(
    r"streamkey|apikey|key$|token|secret|passw|passphrase|credential|authorization|cookie|playpath|ingresskey"
)
_NAME_OF_INGEST = re.compile(r"rtmp|whip|ingesturl|publishurl|pushurl")
# In a text: what stands behind such a name, a credential in its usual wrapping, and an address to publish to.
_INTRODUCED = re.compile(
    r"(?P<name>(?:(?:(?:stream|api|access|secret|ingress|private)[\s_-]?key|token|secret|passw(?:or)?d|passphrase|"
    r"credentials?|authorization|cookie|playpath)(?:[\"'\])]*\s{0,9}[:=]\s{0,9}|\s{1,9}(?=[\"']))|\bkey[\"']?[:=]\s{0,9})"
    r"(?:(?:bearer|basic)\s{1,9})?[\"'\[(]*|\b(?:bearer|basic)\s{1,9})[^\s\"',;)}\]]+"
    r"|\b(?:rtmp[a-z]{0,3}|srt|rist)://\S+"
    r"|\beyJ[\w-]{10,}(?:\.[\w-]+)*",
    re.IGNORECASE,
)
# WHIP is published to over HTTPS.
_WEB_URL = re.compile(r"\bhttps?://[^\s\"'<>]+", re.IGNORECASE)
_WHIP = re.compile(r"\bwhip\b", re.IGNORECASE)
# A run of what a key is made of, with the padding of base64. Nothing else of a text can look like one.
_RUN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_+.:-]*[A-Za-z0-9])?={0,2}")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_PIECE = re.compile(r"[^.:]+")
# A word, with a number behind it at most: Day2, HALL1, webinar. And a number alone.
_WORD = re.compile(r"[A-Za-z]?[a-z]{2,}[0-9]{0,2}|[A-Z]{2,}[0-9]{0,2}|[A-Za-z]|[0-9]+")
_BEYOND_HEXADECIMAL = re.compile(r"[G-Zg-z]")
_HAS_DIGIT, _HAS_LETTER = re.compile(r"[0-9]"), re.compile(r"[A-Za-z]")
_WORDS_IN_ONE = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_TURN = re.compile(r"(?<=[a-z])(?=[A-Z0-9])|(?<=[0-9])(?=[A-Za-z])|(?<=[A-Z])(?=[0-9])")


def is_name_of_secret(name: str) -> bool:
    """Say whether a field of this name may hold a stream key, a token or the like."""
    return bool(_NAME_OF_SECRET.search(_plain_name(name)))


def is_name_of_ingest(name: str) -> bool:
    """Say whether a field of this name may hold an address to publish to, which may come with its key."""
    return bool(_NAME_OF_INGEST.search(_plain_name(name)))


def without_unknown_secrets(text: str, shown: Iterable[str] = (), *, with_ids: bool = False) -> str:
    """Return a text with MASK for each part that could be a secret.

    ``shown`` are texts whose own parts are no secret to whoever reads this one, such as the ids that a request named.
    ``with_ids`` leaves what has the form of an id, a UUID, though a service may make its keys so as well.
    """
    addressed = _WEB_URL.sub(lambda found: MASK if _WHIP.search(found[0]) else found[0], text)
    introduced = _INTRODUCED.sub(lambda found: f"{found['name'] or ''}{MASK}", addressed)
    known = {run.lower() for part in shown for run in _runs_of(part)}
    return _RUN.sub(lambda found: _run_without_secrets(found[0], known, with_ids), introduced)


def texts_of(value: Any) -> list[str]:
    """Return every text in a request's body."""
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
    # Joined by dots or colons, most are hosts, versions, times and addresses.
    if _BEYOND_HEXADECIMAL.search(run):
        if _is_in_equal_groups(re.split(r"[.:]", run)):
            return MASK
        run = ":".join(MASK if _is_in_equal_groups(part.split(".")) else part for part in run.split(":"))

    def shown(found: re.Match[str]) -> str:
        return MASK if found[0].lower() not in known and _looks_secret(found[0], with_ids) else found[0]

    return _PIECE.sub(shown, run)


def _looks_secret(piece: str, with_ids: bool) -> bool:
    if _UUID.search(piece):
        return not (with_ids and _UUID.fullmatch(piece))
    groups = [group for group in re.split(r"[^A-Za-z0-9]+", piece) if group]
    if _is_in_equal_groups(groups):
        return True
    length = sum(len(group) for group in groups)
    if any(_is_no_name(group) for group in groups):
        return True
    if any(len(run) >= 20 for run in piece.replace("+", "-").split("-") if _is_mixed(run) or run.isdecimal()):
        return True
    turns = sum(len(_TURN.findall(group)) for group in groups if not _WORD.fullmatch(group))
    return length >= 12 and turns >= 4 and bool(_HAS_DIGIT.search(piece))


def _is_no_name(group: str) -> bool:
    """Say whether a long group has its capitals where chance puts them: those of a name begin its words."""
    capitals = sum(letter.isupper() for letter in group)
    is_by_chance = capitals * 3 > len(group) or len(_WORDS_IN_ONE.findall(group)) * 3 > len(group)
    return len(group) >= 12 and capitals < len(group) and not group.islower() and is_by_chance


def _is_in_equal_groups(groups: list[str]) -> bool:
    """Say whether these are groups of one length, as a key is written to be read: ab12-cd34-ef56.

    Words of one length with a year are none; keys have groups of letters and digits, or several of digits alone.
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
