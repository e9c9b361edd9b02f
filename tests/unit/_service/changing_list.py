# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A paged list in memory, in the variants of different services, that changes while it is read."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import ServiceError


@dataclass
class PagingStyle:
    """How a service pages.

    ``cap`` is the largest number of items on a page. A larger limit is refused with the status ``refuses``, or silently
    reduced if that is 0. ``past_end`` is the status of a page after the last, 0 for an empty page. ``new_at`` is the
    place of new items.
    """

    cap: int = 1000
    refuses: int = 0
    states_cap: bool = True
    past_end: int = 0
    total: str = "right"
    ignores_page: bool = False
    new_at: str = "end"


@dataclass
class ChangingList:
    """The list. ``changes`` has the numbers of items to delete and to create before each call."""

    size: int
    style: PagingStyle = field(default_factory=PagingStyle)
    changes: list[tuple[int, int]] = field(default_factory=list)
    seed: int = 0
    calls: list[tuple[int, int]] = field(default_factory=list)
    # The items at each call.
    states: list[list[str]] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - reproducible, not secret
        self._made = self.size
        self.items = [f"id-{number}" for number in range(self.size)]

    def read_page(self, _path: str, query: Mapping[str, Any]) -> tuple[Any, int]:
        page, limit = query["page"], query["limit"]
        if self.changes:
            self._change(*self.changes.pop(0))
        self.calls.append((page, limit))
        self.states.append(list(self.items))
        style = self.style
        if style.refuses and limit > style.cap:
            raise ServiceError("limit is too large", status=style.refuses)
        size = min(limit, style.cap)
        start = 0 if style.ignores_page else (page - 1) * size
        shown = self.items[start : start + size]
        if not shown and page > 1 and style.past_end:
            raise ServiceError("no such page", status=style.past_end)
        data: dict[str, Any] = {"items": [{"id": name} for name in shown], "page": page}
        data["limit"] = size if style.states_cap else limit
        if style.total != "absent":
            data["total"] = {"right": len(self.items), "zero": 0, "too large": len(self.items) + 3}[style.total]
        return data, 100

    def throughout(self) -> tuple[set[str], set[str]]:
        """Return the items that existed throughout the last two passes, and all that existed at any time in them."""
        starts = [number for number, (page, _limit) in enumerate(self.calls) if page == 1]
        states = [set(state) for state in self.states[starts[-2] if len(starts) > 1 else 0 :]]
        return set.intersection(*states), set.union(*states)

    def _change(self, deleted: int, created: int) -> None:
        for _item in range(min(deleted, len(self.items))):
            del self.items[self._random.randrange(len(self.items))]
        for _item in range(created):
            self._made += 1
            at = {"end": len(self.items), "front": 0}.get(self.style.new_at)
            self.items.insert(self._random.randint(0, len(self.items)) if at is None else at, f"id-{self._made}")
