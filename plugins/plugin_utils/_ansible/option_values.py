# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Prepares options for Ansible's validation: drops empty values, and parses lists and mappings given as text.

An empty value, such as an empty cell of a table, counts as not given; Ansible's own validation would refuse it. Nor
does Ansible read lists of mappings, or dates, that are given as text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.common.validation import check_type_dict, check_type_list

from .._core.user_values import is_empty
from .literals import value_of
from .option_types import Spec

# Texts that keep the blanks around them. A title with such blanks is refused later, with a message.
_KEEP_BLANKS = ("title", "room", "description")


def prepared(arguments: Mapping[str, Any], spec: Spec) -> dict[str, Any]:
    """Return the arguments without empty ones, at every depth. An argument that is not in the spec is kept.

    ``arguments`` have Python's own types. An empty description is kept: it clears that of the room or session.
    """
    return {
        name: prepared_value(value, name, spec[name]) if name in spec else value
        for name, value in arguments.items()
        if name not in spec or not (value is None if name == "description" else is_empty(value))
    }


def prepared_value(value: Any, name: str, option: Mapping[str, Any]) -> Any:
    """Return a value of an option, without the blanks and line ends around texts."""
    if option["type"] == "list":
        return _list(value, option)
    if option["type"] == "dict":
        return _mapping(value, option["options"])
    return value.strip() if isinstance(value, str) and name not in _KEEP_BLANKS else value


def _list(value: Any, option: Mapping[str, Any]) -> Any:
    value = _parsed(value, "[")
    if isinstance(value, Mapping) or (isinstance(value, str) and "options" in option):
        # Left for the validation to refuse. check_type_list would split the text into rooms.
        return value
    elements = check_type_list(value) if isinstance(value, str) else value if isinstance(value, list) else [value]
    given = [one.strip() if isinstance(one, str) else one for one in elements if not is_empty(one)]
    return [_mapping(one, option["options"]) for one in given] if "options" in option else given


def _mapping(value: Any, spec: Spec) -> Any:
    value = _parsed(value, "{")
    if isinstance(value, str) and not value.strip().startswith("{"):
        try:
            # The short form of a task: chat_enabled=yes max_join_limit=5
            value = check_type_dict(value)
        except (TypeError, ValueError):
            return value
    return prepared({str(name): one for name, one in value.items()}, spec) if isinstance(value, Mapping) else value


def _parsed(value: Any, opening: str) -> Any:
    """Return the list or mapping that a text denotes; any other value as it is."""
    if isinstance(value, str) and value.strip().startswith(opening):
        try:
            return value_of(value)
        except ValueError:
            return value
    return value
