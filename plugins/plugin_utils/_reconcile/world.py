# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""What is known of the rooms, sessions and ledger rows of an event: one frozen World."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from .._core.model import Room, Session
from .._ledger.rows import ChosenRooms
from .._ledger.store import Ledger, Row, Slot
from .._ledger.unanswered import Clock
from .._service.api import WebinarApi
from .account import Account
from .identity import RoomFilling, room_in_slot
from .indexes import KnownRows, Titled, TitledSessions, known_rows


@dataclass(frozen=True)
class ObservedRoom:
    """A room of the event, None where it does not exist yet. ``refusal`` says why nothing can be done with it.

    ``duplicates`` are empty rooms of the same title that unanswered requests created.
    """

    room: Room | None = None
    row: Row | None = None
    refusal: str | None = None
    notes: tuple[str, ...] = ()
    duplicates: tuple[Room, ...] = ()


@dataclass(frozen=True)
class World:
    """``rooms`` are in the order of the event, ``mine`` all of the account, ``sessions`` by room id with past ones."""

    api: str
    account: Account
    rooms: tuple[ObservedRoom, ...]
    mine: tuple[Room, ...] = ()
    sessions: Mapping[str, tuple[Session, ...]] = field(default_factory=dict)
    rows: KnownRows = field(default_factory=KnownRows)
    clock: Clock = field(default_factory=lambda: Clock(None, 0.0))
    _titled: dict[str, TitledSessions] = field(default_factory=dict, init=False, repr=False, compare=False)

    def titled(self, room_id: str) -> TitledSessions:
        """Return the sessions of a room by title and id; none if the room was not read."""
        found = self._titled.get(room_id)
        if found is None:
            found = self._titled[room_id] = TitledSessions(self.sessions.get(room_id, ()), self.rows)
        return found

    @cached_property
    def my_rooms(self) -> Titled[Room]:
        """Return the rooms by title and id, without those whose rows the ledger was not asked for."""
        chosen, known = self.rows.chosen, self.rows.ids
        asked = self.mine if chosen is None else [one for one in self.mine if one.id in chosen.ids or one.id in known]
        return Titled(asked, self.rows)

    def room_slot(self, title: str) -> Slot:
        """Return the slot of a room, in the spelling of the title that the ledger has."""
        slot = self.asked_slot(title)
        row = self.rows.of_slot(slot)
        return row.slot if row is not None else slot

    def session_slot(self, room_id: str, title: str) -> Slot:
        slot = Slot(self.api, "session", room_id, title)
        row = self.rows.of_slot(slot)
        return row.slot if row is not None else slot

    def asked_slot(self, title: str) -> Slot:
        """Return the slot of a room, in the spelling of the title that is asked for."""
        return Slot(self.api, "room", self.account.name, title)

    def filling(self, title: str) -> RoomFilling:
        """Return what fills the slot of a room."""
        return room_in_slot(title, self.asked_slot(title), self.my_rooms, self.rows)


def rows_of(
    api_url: str,
    ledger: Ledger | None,
    account: Account,
    mine: Iterable[Room],
    room_ids: Iterable[str],
    chosen: ChosenRooms | None = None,
) -> KnownRows:
    """Return the rows of all rooms, or of the chosen ones; and those of the sessions in some rooms."""
    found = ledger.rows(api_url, room_ids, chosen) if ledger else ()
    return replace(known_rows(found, account, {room.id for room in mine}), chosen=chosen)


def clock_of(api: WebinarApi, ledger: Ledger | None) -> Clock:
    """Return the time. The ledger's clock is read only where the service's responses have no time."""
    service = api.service_time()
    return Clock(service, ledger.now() if ledger is not None and service is None else time.time())
