# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Describes what is wrong with options that Ansible's validation refused, naming the option, room and session.

Ansible's own messages name no room or session, differ between versions, and may quote a secret. None of them is shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from .option_places import LONGEST_SHOWN, of_element
from .option_types import Spec, kind, shown, type_of


def mistakes(
    options: Mapping[str, Any], spec: Spec, where: str, places: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Yield a sentence for each mistake, unknown options first.

    A message begins with ``where`` and the option's name, or with what ``places`` has for that option.
    """
    places = places or {}
    for name in options:
        if name not in spec:
            yield f"{where}{str(name)[:LONGEST_SHOWN]} is no option there. {_known(name, spec)}"
    for name, option in spec.items():
        place = places.get(name, f"{where}{name}")
        if name in options:
            yield from _mistakes_of(options[name], option, place)
        elif option.get("required"):
            yield f"{place} is missing."


def _mistakes_of(value: Any, option: Mapping[str, Any], place: str) -> Iterator[str]:
    if "options" not in option:
        yield from _mistakes_of_values(value, option, place)
    elif option["type"] == "dict":
        yield from _mistakes_of_mapping(value, option["options"], place, f"{place}.")
    elif not isinstance(value, list):
        yield f"{place} is a {kind(value)}; give a list of mappings."
    else:
        # A list within a list is shown as: rooms[2] 'Main stage', sessions[0] 'Keynote'.
        outer, colon, name = place.rpartition(": ")
        for index, element in enumerate(value):
            where = (f"{outer}, " if colon else "") + of_element(name, index, element)
            yield from _mistakes_of_mapping(element, option["options"], where, f"{where}: ")


def _mistakes_of_mapping(value: Any, spec: Spec, place: str, where: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield from mistakes(value, spec, where)
    else:
        yield f"{place} is {shown(value)}; give a mapping of options: {', '.join(spec)}."


def _mistakes_of_values(value: Any, option: Mapping[str, Any], place: str) -> Iterator[str]:
    """Yield what is wrong with a value, or with each value of a list."""
    if option["type"] == "list" and isinstance(value, Mapping):
        yield f"{place} is a mapping; give a list."
        return
    check = type_of(option)
    for one in value if option["type"] == "list" else [value]:
        try:
            read = check(one)
        except (TypeError, ValueError) as error:
            yield f"{place} {error}"
            continue
        if option.get("choices") and read not in option["choices"]:
            yield f"{place} is {shown(read)}; it must be one of: {', '.join(option['choices'])}."


def _known(name: str, spec: Spec) -> str:
    close = get_close_matches(name, spec, n=1)
    meant = f"Did you mean {close[0]}? " if close else ""
    return f"{meant}There are: {', '.join(sorted(spec))}."
