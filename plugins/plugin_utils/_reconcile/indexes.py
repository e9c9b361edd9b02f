# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""The ledger's rows, and listed rooms or sessions, indexed by slot, title and id.

A room may have ten thousand sessions. To search its list for each of them would take the square of that.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Generic, TypeVar

from .._core.model import Room, Session
from .._core.plain_text import canonical_title
from .._ledger.rows import ChosenRooms
from .._ledger.store import Row, Slot
from .account import UNKNOWN, Account

Thing = TypeVar("Thing", Room, Session)


@dataclass(frozen=True)
class KnownRows:
    """The ledger's rows, indexed by slot (with canonical titles) and by the id of the room or session.

    ``held`` has the row that holds each slot, ``others`` the further rows of a slot. ``unassigned`` are rows of this
    account's rooms that do not have the account's name yet. ``chosen``: the rooms whose rows are here; None if those
    of all are.
    """

    held: Mapping[Slot, Row] = field(default_factory=dict)
    others: Mapping[Slot, tuple[Row, ...]] = field(default_factory=dict)
    by_id: Mapping[str, Row] = field(default_factory=dict)
    unassigned: tuple[Row, ...] = ()
    chosen: ChosenRooms | None = None

    def of_slot(self, slot: Slot) -> Row | None:
        return self.held.get(_canonical(slot))

    def beside(self, slot: Slot) -> tuple[Row, ...]:
        """Return the rows of a slot that do not hold it, oldest first, with the retired ones."""
        return self.others.get(_canonical(slot), ())

    def all_of_slot(self, slot: Slot) -> tuple[Row, ...]:
        """Return those rows, and then the one that holds the slot."""
        held = self.of_slot(slot)
        return (*self.beside(slot), held) if held is not None else self.beside(slot)

    def of_id(self, object_id: str) -> Row | None:
        """Return the row that holds most about a room or session: one with a key comes first."""
        return self.by_id.get(object_id)

    @property
    def ids(self) -> Collection[str]:
        return self.by_id.keys()

    @property
    def all(self) -> Iterator[Row]:
        """Yield each row once."""
        yield from self.held.values()
        for of_slot in self.others.values():
            yield from of_slot

    @cached_property
    def last_row(self) -> int:
        """Return the highest number of a row here, 0 if there is none."""
        return max((row.id for row in self.all), default=0)


def known_rows(rows: Iterable[Row], account: Account, my_room_ids: Collection[str]) -> KnownRows:
    """Index the rows of an account, without the rows of other accounts' rooms."""
    held: dict[Slot, Row] = {}
    others: dict[Slot, list[Row]] = {}
    by_id: dict[str, Row] = {}
    unassigned: list[Row] = []
    for found in rows:
        row = found
        if row.slot.kind == "room":
            if not _is_of_account(row, account, my_room_ids):
                continue
            if row.slot.parent != account.name:
                row = replace(row, slot=replace(row.slot, parent=account.name))
                unassigned.append(row)
        slot = _canonical(row.slot)
        if row.holds_slot and (slot not in held or _is_better(row, held[slot])):
            if slot in held:
                others.setdefault(slot, []).append(held[slot])
            held[slot] = row
        else:
            others.setdefault(slot, []).append(row)
        if row.object_id and (row.object_id not in by_id or _is_better(row, by_id[row.object_id])):
            by_id[row.object_id] = row
    return KnownRows(held, {slot: tuple(of_slot) for slot, of_slot in others.items()}, by_id, tuple(unassigned))


def _is_of_account(row: Row, account: Account, my_room_ids: Collection[str]) -> bool:
    """Say whether a room's row belongs to the account: by its name, by its room, or because it names no account."""
    is_mine = row.object_id in my_room_ids if row.object_id else row.slot.parent == UNKNOWN
    return is_mine or (row.slot.parent != UNKNOWN and account.has(row.slot.parent))


def _is_better(row: Row, other: Row) -> bool:
    return (row.key is not None, row.holds_slot, row.id) > (other.key is not None, other.holds_slot, other.id)


def _canonical(slot: Slot) -> Slot:
    title = canonical_title(slot.title)
    return slot if title == slot.title else Slot(slot.api, slot.kind, slot.parent, title)


class Titled(Generic[Thing]):
    """Listed rooms or sessions. ``by_id`` has the first one of an id."""

    def __init__(self, listed: Iterable[Thing], rows: KnownRows) -> None:
        self.listed: tuple[Thing, ...] = tuple(listed)
        self._rows = rows
        self.by_id: dict[str, Thing] = {}
        self._by_title: dict[str, list[Thing]] = {}
        for thing in self.listed:
            self.by_id.setdefault(thing.id, thing)
            for title in self.titles_of(thing):
                self._by_title.setdefault(title, []).append(thing)

    def titles_of(self, thing: Thing) -> set[str]:
        """Return the canonical titles that a room or session bears: in the service, and when it was created."""
        row = self._rows.of_id(thing.id)
        return {canonical_title(title) for title in (thing.title, row.slot.title if row is not None else thing.title)}

    def bearing(self, title: str) -> list[Thing]:
        """Return those that bear a title, in the order of the list."""
        return self._by_title.get(canonical_title(title), [])

    def with_id(self, thing_id: str) -> Thing | None:
        """Return the one with an id, in whatever case; ``thing_id`` is in lower case."""
        return self._by_lower_id.get(thing_id)

    @cached_property
    def _by_lower_id(self) -> dict[str, Thing]:
        return {thing.id.lower(): thing for thing in reversed(self.listed)}


class TitledSessions(Titled[Session]):
    """The sessions of one room."""

    @cached_property
    def past_ids(self) -> Collection[str]:
        """Return the ids of those sessions that are over."""
        return frozenset(one.id for one in self.listed if not one.is_current)
