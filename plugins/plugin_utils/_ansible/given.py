# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""What was given as options, read by their spec: what is empty is not given, and what is wrong says where it stands.

The specs are Ansible's, and text is converted as Ansible converts it. Its own validation refuses an empty cell of a
table before anybody can say that it means nothing, and does not tell which of forty sessions it means.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from datetime import date
from difflib import get_close_matches
from typing import Any

from .._core.errors import InvalidInput
from .._core.plain_text import quoted_id
from .._core.user_paths import expanded
from .argument_specs import CONNECTION_SPEC, LEDGER_SPEC
from .literals import value_of

# Texts that are taken to the letter: to a title and a description, blanks belong. Of a title they are refused later.
_TO_THE_LETTER = ("title", "room", "description")
_TRUE = ("true", "yes", "on", "1", "y", "t")
_FALSE = ("false", "no", "off", "0", "n", "f")
_LONGEST_SHOWN = 40

Spec = Mapping[str, Mapping[str, Any]]


def is_empty(value: Any) -> bool:
    """Say whether a value means that nothing was given: null, or text without anything but blanks and line ends."""
    return value is None or (isinstance(value, str) and not value.strip())


def options_from(arguments: Mapping[str, Any], spec: Spec) -> dict[str, Any]:
    """Return a task's arguments, read, checked and filled up with the spec's defaults; None is what was not given.

    ``arguments`` is in Python's own types. Raise InvalidInput with a sentence that names room, session and option.
    """
    return _options(arguments, spec, _named(arguments, spec))


def boolean(value: Any, name: str) -> bool:
    """Read a truth value that may be text, as from the environment, a survey or the command line."""
    if isinstance(value, bool):
        return value
    word = f"{value:g}" if isinstance(value, (int, float)) else str(value).strip().lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise InvalidInput(f"{name} is {_shown(value)}; give true or false.")


def expanded_path(text: str, name: str) -> str:
    """Return a path with its ``~`` and variables of the environment put in."""
    return str(expanded(os.path.expandvars(text), name))


def _options(arguments: Mapping[str, Any], spec: Spec, where: str) -> dict[str, Any]:
    for name in arguments:
        if name not in spec:
            raise InvalidInput(f"{where}{str(name)[:_LONGEST_SHOWN]} is no option there. {_known(name, spec)}")
    options: dict[str, Any] = {}
    for name, option in spec.items():
        place = name if name in CONNECTION_SPEC or name in LEDGER_SPEC else f"{where}{name}"
        value = arguments.get(name)
        if value is None or (is_empty(value) and name != "description"):
            if option.get("required"):
                raise InvalidInput(f"{place} is missing.")
            options[name] = option.get("default")
            continue
        options[name] = _value(value, name, option, place)
    return options


def _value(value: Any, name: str, option: Mapping[str, Any], place: str) -> Any:
    secret = bool(option.get("no_log"))
    if isinstance(value, str) and name not in _TO_THE_LETTER:
        value = value.strip()
    read = _read(value, option, place)
    choices = option.get("choices")
    for one in read if isinstance(read, list) else [read]:
        if choices and one not in choices:
            shown = "not one of them" if secret else _shown(one)
            raise InvalidInput(f"{place} is {shown}; it must be one of: {', '.join(choices)}.")
    return read


def _read(value: Any, option: Mapping[str, Any], place: str) -> Any:
    match option["type"]:
        case "str":
            return _text(value, place)
        case "path":
            return expanded_path(_text(value, place), place)
        case "bool":
            return boolean(value, place)
        case "int":
            return _whole_number(value, place)
        case "float":
            return _number(value, place, "a number")
        case "dict":
            return _mapping(value, option["options"], place)
        case _ if option["elements"] == "dict":
            return _list_of_options(value, option["options"], place)
        case _:
            return _list(value, option["elements"], place)


def _text(value: Any, place: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        # YAML's yes, no, on and off.
        raise InvalidInput(f"{place} is the truth value {str(value).lower()} to YAML. For a text, put it in quotes.")
    if isinstance(value, (Mapping, list)):
        raise InvalidInput(f"{place} is a {_kind(value)}; give a text.")
    # A date or date-time without quotes is no text to YAML.
    return value.isoformat() if isinstance(value, date) else str(value)


def _whole_number(value: Any, place: str) -> int:
    number = _number(value, place, "a whole number")
    if not math.isfinite(number) or number != int(number):
        raise InvalidInput(f"{place} is {_shown(value)}; give a whole number.")
    return int(number)


def _number(value: Any, place: str, what: str) -> float:
    if not isinstance(value, (Mapping, list, bool)):
        try:
            return float(value)
        except (TypeError, ValueError, OverflowError):
            pass
    raise InvalidInput(f"{place} is {_shown(value)}; give {what}.")


def _list(value: Any, type_of_elements: str, place: str) -> list[Any]:
    value = _parsed(value, "[")
    if isinstance(value, str):
        value = value.split(",")
    if isinstance(value, Mapping):
        raise InvalidInput(f"{place} is a mapping; give a list.")
    elements = value if isinstance(value, list) else [value]
    stripped = [one.strip() if isinstance(one, str) else one for one in elements]
    return [_read(one, {"type": type_of_elements}, place) for one in stripped if not is_empty(one)]


def _list_of_options(value: Any, spec: Spec, place: str) -> list[dict[str, Any]]:
    value = _parsed(value, "[")
    if not isinstance(value, list):
        raise InvalidInput(f"{place} is a {_kind(value)}; give a list, each of it with options of its own.")
    # Of a list within a list: rooms[2] 'Main stage', sessions[0] 'Keynote'.
    outer, colon, name = place.rpartition(": ")
    read = []
    for index, given in enumerate(one for one in value if not is_empty(one)):
        element = _parsed(given, "{")
        where = f"{outer}, {name}[{index}]" if colon else f"{name}[{index}]"
        if not isinstance(element, Mapping):
            raise InvalidInput(f"{where} is {_shown(element)}; give a mapping of options: {', '.join(spec)}.")
        read.append(_options(element, spec, f"{where}{_title_of(element)}: "))
    return read


def _mapping(value: Any, spec: Spec, place: str) -> dict[str, Any]:
    value = _parsed(value, "{")
    if isinstance(value, str) and "=" in value:
        # As in a task that is written as one line.
        value = dict(part.partition("=")[::2] for part in value.replace(",", " ").split())
    if not isinstance(value, Mapping):
        raise InvalidInput(f"{place} is {_shown(value)}; give a mapping of options: {', '.join(spec)}.")
    return _options(value, spec, f"{place}.")


def _parsed(value: Any, opening: str) -> Any:
    """Return the list or mapping that a text stands for, and else the value itself."""
    if isinstance(value, str) and value.strip().startswith(opening):
        try:
            return value_of(value)
        except ValueError:
            return value
    return value


def _named(arguments: Mapping[str, Any], spec: Spec) -> str:
    """Return what the messages about a task's own options begin with: the room and session that it is about."""
    if "preset_id" in spec:
        return of_session(arguments)
    return of_room(arguments) if "analytics" in spec else ""


def of_session(options: Mapping[str, Any]) -> str:
    """Return what messages about a session begin with that has a task for itself."""
    room = _title_of({"title": options.get("room"), "room_id": options.get("room_id")})
    title = _title_of({"title": options.get("title")})
    named = [f"{kind}{text}" for kind, text in (("room", room), ("session", title)) if text]
    return f"{', '.join(named)}: " if named else ""


def of_room(options: Mapping[str, Any]) -> str:
    """Return what messages about a room begin with that has a task for itself."""
    room = _title_of(options)
    return f"room{room}: " if room else ""


def place_of(option: str, index: int, element: Mapping[str, Any]) -> str:
    """Return where in a list a room or session stands, with its title: ``rooms[2] 'Main stage'``."""
    return f"{option}[{index}]{_title_of(element)}"


def _title_of(element: Mapping[str, Any]) -> str:
    title, room_id = element.get("title"), element.get("room_id")
    if is_empty(title) or isinstance(title, (Mapping, list)):
        return f" {shown}" if isinstance(room_id, str) and (shown := _id(room_id)) else ""
    return f" {_quoted(title)}"


def _id(text: str) -> str:
    """Return an id as a message may name it, nothing where it could be a key in an id's place."""
    shown = quoted_id(text.strip())
    return "" if is_empty(text) or shown.startswith("(") else shown


def _quoted(text: Any) -> str:
    text = str(text).strip()
    return f"'{text[:_LONGEST_SHOWN]}…'" if len(text) > _LONGEST_SHOWN else f"'{text}'"


def _shown(value: Any) -> str:
    if isinstance(value, (Mapping, list)):
        return f"a {_kind(value)}"
    if isinstance(value, bool) or not isinstance(value, str):
        return str(value).lower()
    return f"'{value[:20]}'"


def _kind(value: Any) -> str:
    if isinstance(value, Mapping):
        return "mapping"
    return "list" if isinstance(value, Sequence) and not isinstance(value, str) else "text"


def _known(name: str, spec: Spec) -> str:
    close = get_close_matches(name, spec, n=1)
    meant = f"Did you mean {close[0]}? " if close else ""
    return f"{meant}There are: {', '.join(sorted(spec))}."
