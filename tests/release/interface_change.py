# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compares two lists of what users can name (tests/public_interface.txt): what is gone, what has changed, what is new.

A line is a name, or a name with details: `module room: option title: str, required`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

_DETAILED = re.compile(r"((?:\w+ )+?\w+: (?:option|returns|variable) [^:]+): (.+)")
_SCHEMA = re.compile(r"(ledger schema version) (\d+)")
_NEEDS = re.compile(r"(needs [\w.\[\]-]+?)([<>=!~].*)")
# The files of the artifact show what ships. Users name plugins, roles and playbooks, which have lines of their own.
_NOT_NAMED = "file "
_TELL_OF_BROKEN = ("breaking_changes", "removed_features")
_TELL_OF_ADDED = ("minor_changes", "major_changes", *_TELL_OF_BROKEN)


@dataclass(frozen=True)
class Difference:
    """``broken`` and ``added``: the lines that need a major, or at least a minor release."""

    broken: tuple[str, ...] = ()
    added: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Detail:
    """The details of an option: its type and default, and what callers may be refused for."""

    rest: frozenset[str]
    required: bool
    choices: frozenset[str] | None
    aliases: frozenset[str] = field(default=frozenset())


def compare(before: Iterable[str], after: Iterable[str], redirects: Mapping[str, str] | None = None) -> Difference:
    """Compare the lines of two lists. ``redirects``: earlier names of plugins (`module room`) with their new names."""
    old = dict(_split(line) for line in before if not line.startswith(_NOT_NAMED))
    new = dict(_split(line) for line in after if not line.startswith(_NOT_NAMED))
    moved = {name: _renamed(name, redirects or {}) for name in old}
    known, broken, added = set(moved.values()) | set(old), [], []
    for name, detail in old.items():
        now = moved[name]
        if now not in new:
            if not _has_alias(now, new):
                broken.append(_line(name, detail))
        elif new[now] != detail and not _accepts_more(now, detail, new[now]):
            broken.append(f"{_line(name, detail)} -> {new[now]}")
        elif new[now] != detail:
            added.append(_line(now, new[now]))
    for name, detail in new.items():
        if name not in known:
            (broken if _is_demanded(name, detail, old) else added).append(_line(name, detail))
    return Difference(tuple(_topmost(broken)), tuple(_topmost(added)))


def untold(difference: Difference, told: Mapping[str, Iterable[str]]) -> list[str]:
    """Return what of a difference the changelog does not tell. ``told``: its new entries by section."""
    breaking = " ".join(entry for section in _TELL_OF_BROKEN for entry in told.get(section, ()))
    found = [
        f"- {line}: no new entry in {' or '.join(_TELL_OF_BROKEN)} names {short_name(line)}, and there is no alias"
        for line in difference.broken
        if not re.search(rf"(?<!\w){re.escape(short_name(line))}(?!\w)", breaking)
    ]
    if not any(told.get(section) for section in _TELL_OF_ADDED):
        found += [f"+ {line}: there is no new entry in minor_changes" for line in difference.added]
    return found


def redirects(runtime: Mapping[str, Any]) -> dict[str, str]:
    """Return the earlier names of plugins in meta/runtime.yml with their new ones, as `compare` takes them."""
    kinds = {"modules": "module", "action": "module"}
    return {
        f"{kinds.get(kind, kind)} {name}": f"{kinds.get(kind, kind)} {entry['redirect'].rpartition('.')[2]}"
        for kind, entries in (runtime.get("plugin_routing") or {}).items()
        for name, entry in entries.items()
        if "redirect" in entry
    }


def short_name(line: str) -> str:
    """Return how a changelog calls what a line is about: `title` of `module room: option title: str`."""
    name = _split(line.partition(" -> ")[0])[0].partition(": of the ")[0]
    return re.split(r"[ .]", name.replace("[]", ""))[-1]


def _split(line: str) -> tuple[str, str]:
    found = _DETAILED.fullmatch(line) or _NEEDS.fullmatch(line) or _SCHEMA.fullmatch(line)
    return (found[1], found[2]) if found else (line, "")


def _line(name: str, detail: str) -> str:
    if not detail:
        return name
    if name.startswith("needs "):
        return f"{name}{detail}"
    return f"{name} {detail}" if name.startswith("ledger ") else f"{name}: {detail}"


def _renamed(name: str, redirects: Mapping[str, str]) -> str:
    owner, colon, rest = name.partition(":")
    return f"{redirects.get(owner, owner)}{colon}{rest}"


def _has_alias(name: str, lines: Mapping[str, str]) -> bool:
    """Return whether an option of the same plugin, at the same place, has this option's name as an alias."""
    owner, _option, path = name.partition(": option ")
    place, _dot, short = path.rpartition(".")
    return any(
        other.partition(": option ")[0] == owner
        and other.partition(": option ")[2].rpartition(".")[0] == place
        and short in _detail(detail).aliases
        for other, detail in lines.items()
        if ": option " in other
    )


def _detail(text: str) -> _Detail:
    parts: dict[str, str] = {}
    for name in ("also", "one of"):
        found = re.search(rf"(?:^|, ){name} (\[.*?\])(?=$|, )", text)
        if found:
            parts[name] = found[1]
            text = text.replace(found[0], "", 1)
    choices = frozenset(map(str, json.loads(parts["one of"]))) if "one of" in parts else None
    aliases = frozenset(map(str, json.loads(parts.get("also", "[]"))))
    rest = frozenset(text.split(", ")) - {"required"}
    return _Detail(rest, "required" in text.split(", "), choices, aliases)


def _accepts_more(name: str, before: str, after: str) -> bool:
    """Return whether everything that worked with the details before works with those after."""
    if name.startswith("needs "):
        return _least(after) <= _least(before)
    if name.startswith("ledger "):
        # Every older ledger can be opened.
        return int(after) >= int(before)
    old, new = _detail(before), _detail(after)
    fewer_choices = new.choices is not None and (old.choices is None or not old.choices <= new.choices)
    demanded = new.required and not old.required
    return old.rest == new.rest and not fewer_choices and not demanded and old.aliases <= new.aliases


def _least(needed: str) -> tuple[int, ...]:
    found = re.search(r">=\s*([\d.]+)", needed)
    return tuple(int(part) for part in found[1].split(".")) if found else ()


def _is_demanded(name: str, detail: str, before: Mapping[str, str]) -> bool:
    """Return whether a new option is required of those who use what it belongs to already."""
    owner, kind, _path = re.split(r"(: (?:option|variable) |$)", name, maxsplit=1)
    if not kind or not _detail(detail).required:
        return False
    parent = name.rpartition(".")[0].removesuffix("[]")
    return parent in before if parent else any(one == owner or one.startswith(f"{owner}: ") for one in before)


def _topmost(lines: list[str]) -> list[str]:
    """Leave out the options of a plugin, and the members of an option, that are there or gone themselves."""
    names = [_split(line)[0] for line in lines]
    return [line for line, name in zip(lines, names, strict=True) if not any(_is_below(name, above) for above in names)]


def _is_below(name: str, above: str) -> bool:
    return name != above and (name.startswith((f"{above}: ", f"{above}.", f"{above}[].")))
