# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Text from the service or a user, made safe for terminals, logs and configuration files, or compared as a title."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

# How many names a message lists. Ansible prints a message whole, however long it is.
MOST_NAMED = 10
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
# The control characters of ECMA-48 in their 7-bit and 8-bit forms, except tab and line ends; and lone surrogates,
# which JSON can represent and UTF-8 cannot.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]|\r(?!\n)")
# These change the direction of the following text, so that a line seems to say something else (Unicode, UAX 9).
_DIRECTION = re.compile(r"[\u202a-\u202e\u2066-\u2069]")
# The first character excludes "." and "..", which would change the path.
_ID = re.compile(r"[A-Za-z0-9][\x21-\x7e]{0,199}\Z")


def without_controls(text: str) -> str:
    """Replace each control character (except tab and line ends) and each lone surrogate by U+FFFD."""
    return _CONTROL.sub(REPLACEMENT, text)


def one_line(text: str) -> str:
    """Return the text as one line, without control characters and changes of direction."""
    return _DIRECTION.sub(REPLACEMENT, without_controls(" ".join(re.split(r"[\t\r\n\x85\u2028\u2029]+", text))))


def first_of(names: Sequence[str], most: int = MOST_NAMED) -> str:
    """Return the first names of a list, and how many more there are."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most:,} more" if len(names) > most else shown


def is_plain_id(text: str) -> bool:
    """Return whether a service's id is visible ASCII, and so safe in a path, a message and a database."""
    return bool(_ID.match(text))


def quoted_id(text: str) -> str:
    """Return a given id as a message may quote it: only its length if it could be a stream key given by mistake."""
    if len(text) <= 16 or re.fullmatch(r"[0-9A-Fa-f{}-]{1,38}", text):
        return f"'{one_line(text)}'"
    return f"(a text of {len(text)} characters, not shown because it could be a key)"


@lru_cache(maxsize=32_768)
def canonical_title(text: str) -> str:
    """Return a title in canonical form: two titles that look the same have the same one.

    Services store titles with HTML escapes, with blanks collapsed or in NFC. Pasted titles contain invisible characters
    (general category Cf), such as zero-width spaces and direction marks.
    """
    if text.isascii() and "&" not in text:
        return " ".join(text.split())
    visible = "".join(one for one in html.unescape(text) if unicodedata.category(one) != "Cf")
    return unicodedata.normalize("NFC", " ".join(visible.split()))


def same_title(one: str, other: str) -> bool:
    return one == other or canonical_title(one) == canonical_title(other)
