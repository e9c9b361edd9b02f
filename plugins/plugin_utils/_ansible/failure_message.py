# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""The message of a task that failed for many rooms and sessions: each reason once, and never longer than a page."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from .._core.plain_text import first_of

# In characters. Ansible prints a message whole, and twice where a task is not the last one.
LONGEST_MESSAGE = 4000
_LONGEST_LINE = 1500
_LONGEST_NAME = 100
_ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
# Quoted titles, and words, some of which are ids and numbers.
_TOKEN = re.compile(r"'[^']*'|\"[^\"]*\"|[A-Za-z0-9](?:[A-Za-z0-9_.:-]*[A-Za-z0-9])?")
_DIGIT = re.compile("[0-9]")

# A reason without what differs between reasons of one kind.
Kind = tuple[str, ...]


def failure_message(failed: Sequence[Mapping[str, Any]], sessions: int, rooms: int) -> str:
    """Return the message. ``failed`` are the entries of ``failed_sessions``; ``sessions`` were asked for."""
    groups = _by_kind(failed)
    head = f"{_counts(failed, sessions, rooms)} failed. "
    longest = LONGEST_MESSAGE - len(head) if len(groups) == 1 else _LONGEST_LINE
    lines: list[str] = []
    left = len(failed)
    for kind, items in groups:
        line = _cut(_line(kind, items), longest)
        if lines and len(head) + sum(map(len, lines)) + 3 * len(lines) + len(line) > LONGEST_MESSAGE - _LONGEST_NAME:
            lines.append(f"{left} more failed for other reasons: see failed_sessions in the registered result.")
            break
        lines.append(line)
        left -= len(items)
    return head + " | ".join(lines)


def told_once(items: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a line for each kind of reason, with the first rooms and sessions that have it."""
    return [_cut(_line(kind, of_kind), _LONGEST_LINE) for kind, of_kind in _by_kind(items)]


def _by_kind(items: Sequence[Mapping[str, Any]]) -> list[tuple[Kind, list[Mapping[str, Any]]]]:
    """Return the items by the kind of their reasons, first what concerns most."""
    by_kind: dict[Kind, list[Mapping[str, Any]]] = {}
    for item in items:
        by_kind.setdefault(_parts(item["reason"])[0], []).append(item)
    return sorted(by_kind.items(), key=lambda group: -len(group[1]))


def _line(kind: Kind, items: Sequence[Mapping[str, Any]]) -> str:
    full = [f"{item['room']}/{item['title']}" if item["title"] else item["room"] for item in items]
    names = [_cut(name, _LONGEST_NAME) for name in full]
    return f"{first_of(names)}: {_common([item['reason'] for item in items], kind)}"


def _parts(reason: str) -> tuple[Kind, list[str]]:
    """Return the kind of a reason, and what was cut out of it: quoted titles, ids and numbers, in their order."""
    kind, varying, end = list[str](), list[str](), 0
    for found in _TOKEN.finditer(reason):
        if reason[found.start()] in "'\"" or _DIGIT.search(found[0]):
            kind.append(reason[end : found.start()])
            varying.append(found[0])
            end = found.end()
    return (*kind, reason[end:]), varying


def _common(reasons: Sequence[str], kind: Kind) -> str:
    """Return what all reasons of a kind say, with an ellipsis in the place of what differs between them."""
    varying = [set(parts) for parts in zip(*(_parts(reason)[1] for reason in reasons), strict=True)]
    told = [parts.pop() if len(parts) == 1 else _ELLIPSIS for parts in varying]
    return "".join(text for pair in zip(kind, [*told, ""], strict=True) for text in pair)


def _counts(failed: Sequence[Mapping[str, Any]], sessions: int, rooms: int) -> str:
    count = sum(1 for item in failed if item["title"])
    counts = [f"{count} of {sessions} session{'' if sessions == 1 else 's'}"] if count else []
    if rooms:
        counts.append(f"{rooms} room{'' if rooms == 1 else 's'}")
    return " and ".join(counts)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}{_ELLIPSIS}"
