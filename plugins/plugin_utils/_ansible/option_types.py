# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""The types of options for Ansible's validation: its own checks, but stricter.

Ansible converts true to the text 'True' and to the number 1, and a list to its text in Python. It has no limits for
numbers. Each function here returns the converted value, or raises TypeError or ValueError. The error's text follows the
option's name in a message: ``retries is 'many'; give a whole number.``
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from ansible.module_utils.common.validation import check_type_bool, check_type_float, check_type_str

from .paths import expanded

Spec = Mapping[str, Mapping[str, Any]]
_LONGEST_SHOWN = 20


def with_own_types(spec: Spec) -> dict[str, dict[str, Any]]:
    """Return a spec for ArgumentSpecValidator, with these functions as types."""
    return {name: _with_own_types(option) for name, option in spec.items()}


def _with_own_types(option: Mapping[str, Any]) -> dict[str, Any]:
    own = dict(option)
    if "options" in option:
        own["options"] = with_own_types(option["options"])
    elif "elements" in option:
        own["elements"] = type_of(option)
    else:
        own["type"] = type_of(option)
    return own


def type_of(option: Mapping[str, Any]) -> Callable[[Any], Any]:
    """Return the function that checks and converts a value of an option, or each value of a list.

    The option has no suboptions.
    """
    match option.get("elements", option["type"]):
        case "bool":
            return _truth_value
        case "int":
            return _number(*option["limits"], whole=True)
        case "float":
            return _number(*option["limits"], whole=False)
        case "path":
            return lambda value: expanded(_text(value))
        case _:
            return _text


def shown(value: Any) -> str:
    """Return a value as messages quote it: shortened, and without the contents of a list or mapping."""
    if isinstance(value, (Mapping, list)):
        return f"a {kind(value)}"
    if isinstance(value, str):
        return f"'{value[:_LONGEST_SHOWN]}'"
    text = str(value).lower()
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def kind(value: Any) -> str:
    if isinstance(value, Mapping):
        return "mapping"
    return "list" if isinstance(value, list) else "text"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        # YAML reads yes, no, on and off without quotes as true or false.
        raise TypeError(f"is the truth value {str(value).lower()} to YAML. For a text, put it in quotes.")
    if isinstance(value, (Mapping, list)):
        raise TypeError(f"is a {kind(value)}; give a text.")
    # YAML reads an unquoted date or time as a date.
    text: str = check_type_str(value.isoformat() if isinstance(value, date) else value)
    return text


def _truth_value(value: Any) -> bool:
    try:
        truth: bool = check_type_bool(value)
    except (TypeError, ValueError):
        raise TypeError(f"is {shown(value)}; give true or false.") from None
    return truth


def _number(lowest: int, highest: int, *, whole: bool) -> Callable[[Any], float]:
    def number(value: Any) -> float:
        refusal = f"is {shown(value)}; give a {'whole ' if whole else ''}number."
        if isinstance(value, bool):
            raise TypeError(refusal)
        try:
            read: float = check_type_float(value)
        except (TypeError, ValueError, OverflowError):
            raise TypeError(refusal) from None
        if whole and not read.is_integer():
            raise TypeError(refusal)
        if not lowest <= read <= highest:
            raise ValueError(f"is {shown(value)}; it must be from {lowest} to {highest}.")
        return int(read) if whole else read

    return number
