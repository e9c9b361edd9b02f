# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Ansible's values in Python's own types."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from jinja2 import Undefined


def is_undefined(value: Any) -> bool:
    return isinstance(value, Undefined)


def plain(value: Any) -> Any:
    """Return the value in Python's own types. Ansible's strings may be subclasses that carry tags or vault text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Mapping):
        return {_text(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, date):
        # YAML reads an unquoted date or time as a date.
        return value.isoformat()
    return _text(value)


def _text(value: Any) -> str:
    # Up to ansible-core 2.18, str() of text marked unsafe is still the subclass.
    return str.__str__(str(value))
