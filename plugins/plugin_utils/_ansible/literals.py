# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Reads lists and mappings that are given as text: JSON, as surveys send it, or Python's own notation.

Up to ansible-core 2.18, a template whose value contains an unquoted date arrives in Python's notation.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from typing import Any

_DATES: dict[str, Callable[..., Any]] = {
    "datetime.datetime": datetime,
    "datetime.date": date,
    "datetime.timedelta": timedelta,
    "datetime.timezone": timezone,
}


def value_of(text: str) -> Any:
    """Return the value that a text denotes, without executing anything. Raise ValueError where it is not a value."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return _value(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, TypeError, OverflowError, RecursionError, MemoryError):
        raise ValueError("neither JSON nor a value of Python's") from None


def _value(node: ast.expr) -> Any:
    match node:
        case ast.Constant():
            return node.value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return -number
        case ast.List() | ast.Tuple():
            return [_value(element) for element in node.elts]
        case ast.Dict() if None not in node.keys:
            return {_value(key): _value(value) for key, value in zip(node.keys, node.values, strict=True) if key}
        case ast.Attribute() if ast.unparse(node) == "datetime.timezone.utc":
            return timezone.utc
        case ast.Call() if (called := ast.unparse(node.func)) in _DATES:
            named = {keyword.arg: _value(keyword.value) for keyword in node.keywords if keyword.arg}
            return _DATES[called](*map(_value, node.args), **named)
    raise ValueError("holds something else")
