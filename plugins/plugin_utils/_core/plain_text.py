# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Texts that others wrote, fit to be shown: without what a terminal would obey or an encoder would stumble over."""

from __future__ import annotations

import html
import re
import unicodedata

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
# The control characters of ECMA-48 in their 7-bit and 8-bit forms, but for tab and line ends, and lone surrogates,
# which JSON can carry and UTF-8 cannot.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]|\r(?!\n)")
# What changes the direction of the text after it, and with it what a line seems to say (Unicode, UAX 9).
_DIRECTION = re.compile(r"[\u202a-\u202e\u2066-\u2069]")
# Not "." or "..", which would be another path.
_ID = re.compile(r"[A-Za-z0-9][\x21-\x7e]{0,199}\Z")


def without_controls(text: str) -> str:
    """Return the text with U+FFFD for each control character but tab and line end, and for each lone surrogate."""
    return _CONTROL.sub(REPLACEMENT, text)


def one_line(text: str) -> str:
    """Return the text as one line that shows its characters in the order in which they stand."""
    return _DIRECTION.sub(REPLACEMENT, without_controls(" ".join(re.split(r"[\t\r\n\x85\u2028\u2029]+", text))))


def is_plain_id(text: str) -> bool:
    """Say whether a service's id is one that can stand in a path, a message and a database: visible ASCII."""
    return bool(_ID.match(text))


def quoted_id(text: str) -> str:
    """Return what was given as an id as a message may name it: not where it could be a key, given in an id's place."""
    if len(text) <= 16 or re.fullmatch(r"[0-9A-Fa-f{}-]{1,38}", text):
        return f"'{one_line(text)}'"
    return f"(a text of {len(text)} characters, not shown because it could be a key)"


def canonical_title(text: str) -> str:
    """Return a title as two that look the same have it.

    Services store titles escaped for HTML, with blanks folded or composed (NFC); people paste characters without a
    width and direction marks (general category Cf), which nobody sees.
    """
    visible = "".join(one for one in html.unescape(text) if unicodedata.category(one) != "Cf")
    return unicodedata.normalize("NFC", " ".join(visible.split()))


def same_title(one: str, other: str) -> bool:
    return one == other or canonical_title(one) == canonical_title(other)
