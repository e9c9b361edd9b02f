# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""What the items of one loop share: open ledger, connections to the service, rooms, the ledger's rows, and threads.

To open and read them takes several times as long as the item itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, replace

from .._core.model import EventSpec, Room
from .._core.plain_text import canonical_title
from .._core.secrecy import Redactor
from .._ledger.store import Ledger
from .._service.api import WebinarApi
from .observe import with_new_rows
from .world import World

# Seconds for which a list of rooms is used again. It never proves that a room does not exist.
RECENT = 10.0


class RecentRooms:
    """The account's rooms as an earlier item has read them.

    Also what one of them has observed with the rows of all rooms (``world``).
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._rooms: tuple[Room, ...] = ()
        self._until = clock()
        self._world: World | None = None
        self._world_until = clock()
        self._has_new_rows = False

    def having(self, asked: EventSpec) -> tuple[Room, ...] | None:
        """Return the rooms if they are recent and every asked room that is named by its title is among them."""
        if self._clock() >= self._until:
            return None
        titles = {canonical_title(room.title) for room in self._rooms}
        is_there = all(spec.room_id is not None or canonical_title(spec.title or "") in titles for spec in asked.rooms)
        return self._rooms if is_there else None

    def keep(self, rooms: Iterable[Room]) -> None:
        self._rooms, self._until = tuple(rooms), self._clock() + RECENT

    def add(self, room: Room) -> None:
        """Add a room that this process has created, with the title that the service gave it."""
        self._rooms, self._has_new_rows = (*self._rooms, room), True

    def forget(self) -> None:
        self._until = self._world_until = self._clock()

    def keep_world(self, world: World) -> None:
        if world.rows.chosen is None:
            self._world, self._world_until, self._has_new_rows = world, self._clock() + RECENT, False

    def world(self, ledger: Ledger | None) -> World | None:
        """Return what an item has observed, with the rows of the rooms that were created since; None if it is old."""
        if self._world is None or self._clock() >= self._world_until:
            return None
        if self._has_new_rows:
            self._world, self._has_new_rows = with_new_rows(self._world, ledger), False
        return self._world


@dataclass(frozen=True)
class Open:
    """An open ledger (None where there is none) with its warnings, the service, and the threads for its requests.

    ``is_earlier``: an earlier item has opened it, and its user has the warnings.
    """

    ledger: Ledger | None
    notes: tuple[str, ...]
    api: WebinarApi
    rooms: RecentRooms
    pool: Executor
    is_earlier: bool = False


class Outdated(Exception):
    """The ledger that an earlier item has opened cannot read a row: its key may have been changed meanwhile."""


class Reuse:
    """Keeps what is open between the items of a loop. Their process closes it at its end."""

    def __init__(self) -> None:
        self.redactor = Redactor()
        self._of: object = None
        self._open: Open | None = None

    @contextmanager
    def opened(self, what: object, make: Callable[[], Open]) -> Iterator[Open]:
        """Yield what an earlier item has opened for the same settings (``what``), else what ``make`` opens.

        After an error everything is opened anew.
        """
        if self._open is not None and self._of != what:
            self.close()
        found = self._open or make()
        self._open, self._of = replace(found, is_earlier=True), what
        try:
            yield found
            if found.ledger is not None:
                # Nobody says which item is the last one, and Ansible may end its process at once.
                found.ledger.release_file()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        found, self._open = self._open, None
        if found is not None:
            close(found)


def close(opened: Open) -> None:
    try:
        opened.pool.shutdown()
    finally:
        # Also if the user does not wait. A thread that still stores a key opens the ledger again.
        opened.api.close()
        if opened.ledger is not None:
            opened.ledger.close()
