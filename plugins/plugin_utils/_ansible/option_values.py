# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.
"""What was given as options, made ready for Ansible's validation: without what is empty, and with texts as values.

Ansible's own validation refuses an empty cell of a table before anybody can say that it means nothing, and knows no
lists of mappings, and no dates, that come as text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.common.validation import check_type_dict, check_type_list

from .._core.user_values import is_empty
from .literals import value_of
from .option_types import Spec

# Texts that are taken to the letter: to a title and a description, blanks belong. Of a title they are refused later.
_TO_THE_LETTER = ("title", "room", "description")


def prepared(arguments: Mapping[str, Any], spec: Spec) -> dict[str, Any]:
    """Return the arguments that are given, down to the options of rooms and sessions; what no spec has stays.

    ``arguments`` is in Python's own types. Of a description, nothing but null is empty: it can be emptied.
    """
    return {
        name: prepared_value(value, name, spec[name]) if name in spec else value
        for name, value in arguments.items()
        if name not in spec or not (value is None if name == "description" else is_empty(value))
    }


def prepared_value(value: Any, name: str, option: Mapping[str, Any]) -> Any:
    """Return one value; texts lose the blanks and line ends around them."""
    if option["type"] == "list":
        return _list(value, option)
    if option["type"] == "dict":
        return _mapping(value, option["options"])
    return value.strip() if isinstance(value, str) and name not in _TO_THE_LETTER else value


def _list(value: Any, option: Mapping[str, Any]) -> Any:
    value = _parsed(value, "[")
    if isinstance(value, Mapping) or (isinstance(value, str) and "options" in option):
        # Ansible would take a text for a list of one room.
        return value
    elements = check_type_list(value) if isinstance(value, str) else value if isinstance(value, list) else [value]
    given = [one.strip() if isinstance(one, str) else one for one in elements if not is_empty(one)]
    return [_mapping(one, option["options"]) for one in given] if "options" in option else given


def _mapping(value: Any, spec: Spec) -> Any:
    value = _parsed(value, "{")
    if isinstance(value, str) and not value.strip().startswith("{"):
        try:
            # As in a task that is written as one line: chat_enabled=yes max_join_limit=5
            value = check_type_dict(value)
        except (TypeError, ValueError):
            return value
    return prepared({str(name): one for name, one in value.items()}, spec) if isinstance(value, Mapping) else value


def _parsed(value: Any, opening: str) -> Any:
    """Return the list or mapping that a text stands for, and else the value itself."""
    if isinstance(value, str) and value.strip().startswith(opening):
        try:
            return value_of(value)
        except ValueError:
            return value
    return value
