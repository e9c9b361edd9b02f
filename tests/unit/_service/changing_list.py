# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A paged list of any taste, in memory, that others change while it is read."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import ServiceError


@dataclass
class Tastes:
    """``cap`` is the most that a page holds; with ``refuses`` a larger limit is refused, else it is cut in silence.

    ``past_end`` is the status for a page behind the last, 0 for an empty page; ``new_at`` where new items are listed.
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
    """``changes`` says for each call what happens before it: how many items are deleted, and how many created."""

    size: int
    tastes: Tastes = field(default_factory=Tastes)
    changes: list[tuple[int, int]] = field(default_factory=list)
    seed: int = 0
    calls: list[tuple[int, int]] = field(default_factory=list)
    # What the list held at each call.
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
        tastes = self.tastes
        if tastes.refuses and limit > tastes.cap:
            raise ServiceError("limit is too large", status=tastes.refuses)
        size = min(limit, tastes.cap)
        start = 0 if tastes.ignores_page else (page - 1) * size
        shown = self.items[start : start + size]
        if not shown and page > 1 and tastes.past_end:
            raise ServiceError("no such page", status=tastes.past_end)
        data: dict[str, Any] = {"items": [{"id": name} for name in shown], "page": page}
        data["limit"] = size if tastes.states_cap else limit
        if tastes.total != "absent":
            data["total"] = {"right": len(self.items), "zero": 0, "too large": len(self.items) + 3}[tastes.total]
        return data, 100

    def throughout(self) -> tuple[set[str], set[str]]:
        """Return what was there in each state of the last two readings, and what was there in any of them."""
        starts = [number for number, (page, _limit) in enumerate(self.calls) if page == 1]
        states = [set(state) for state in self.states[starts[-2] if len(starts) > 1 else 0 :]]
        return set.intersection(*states), set.union(*states)

    def _change(self, deleted: int, created: int) -> None:
        for _item in range(min(deleted, len(self.items))):
            del self.items[self._random.randrange(len(self.items))]
        for _item in range(created):
            self._made += 1
            at = {"end": len(self.items), "front": 0}.get(self.tastes.new_at)
            self.items.insert(self._random.randint(0, len(self.items)) if at is None else at, f"id-{self._made}")
