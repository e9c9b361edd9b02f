# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Reads and checks single values that were given to an encoder's role.

An empty value, such as an empty cell of a table, counts as not given. A value may contain a secret, such as a password
in a URL, so a message names its place and what belongs there, but does not quote it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NoReturn

from .._core.errors import InvalidInput
from .._core.plain_text import one_line
from .._core.user_values import is_empty

# Any blank is one: macOS writes U+202F into names of files. Control characters, the separators of lines and paragraphs,
# and lone surrogates, which UTF-8 cannot encode, are refused.
_PLAIN_TEXT = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+\Z")
_PLAIN_PATH = re.compile(r"(?:/[A-Za-z0-9._+-]+){2,}\Z")
_PROGRAM = re.compile(r"[A-Za-z0-9._+-]+\Z")
_WHOLE_NUMBER = re.compile(r"[0-9]{1,9}\Z")


def refuse(where: str, sentence: str) -> NoReturn:
    """Raise InvalidInput with a sentence about ``where``, a stream or an option."""
    raise InvalidInput(one_line(f"{where}: {sentence} Nothing was written."))


def mapping(value: Any, where: str, what: str) -> dict[str, Any]:
    """Return a mapping without its empty values, an empty mapping where none was given.

    Raise InvalidInput for another type; ``what`` tells the user what belongs there.
    """
    if is_empty(value):
        return {}
    if not isinstance(value, Mapping):
        refuse(where, f"this is {kind_of(value)}; give {what}.")
    return {str(name): item for name, item in value.items() if not is_empty(item)}


def listed(value: Any, where: str, what: str) -> list[Any]:
    """Return a list, an empty one where none was given. Raise InvalidInput for another type."""
    if is_empty(value):
        return []
    if not isinstance(value, (list, tuple)):
        refuse(where, f"this is {kind_of(value)}; give {what}.")
    return list(value)


def text(value: Any, where: str) -> str:
    """Return a text, an empty one where none was given. A number is accepted, as YAML reads digits without quotes."""
    if is_empty(value):
        return ""
    if not is_text_or_number(value):
        refuse(where, f"this is {kind_of(value)}; give a text.")
    return str(value)


def is_text_or_number(value: Any) -> bool:
    return isinstance(value, (str, int, float)) and not isinstance(value, bool)


def fits(value: Any, pattern: re.Pattern[str]) -> bool:
    """Return whether a text or number matches the pattern, which must end with ``\\Z``."""
    return is_text_or_number(value) and pattern.match(str(value)) is not None


def is_plain_text(value: Any) -> bool:
    return fits(value, _PLAIN_TEXT)


def is_plain_path(value: Any) -> bool:
    """Return whether a value is an absolute path of at least two parts, without characters special to a shell."""
    return fits(value, _PLAIN_PATH)


def is_program(value: Any) -> bool:
    """Return whether a value is a program's name or absolute path."""
    return fits(value, _PROGRAM) or is_plain_path(value)


def is_within(value: Any, lowest: int, highest: int) -> bool:
    """Return whether a value is a whole number in this range. It may be given as text."""
    return fits(value, _WHOLE_NUMBER) and lowest <= int(str(value)) <= highest


def kind_of(value: Any) -> str:
    """Return the kind of a value, with its article, such as ``a list``."""
    if isinstance(value, bool):
        return "a truth value"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, (list, tuple)):
        return "a list"
    return "a text" if isinstance(value, str) else "a number"
