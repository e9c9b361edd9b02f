# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Reads the rooms, sessions and ledger rows of an event into one frozen World. Changes nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

from .._core.comparison import UNCHANGEABLE, is_same, shown_of_session, wanted_of_session
from .._core.errors import AnswerLost, InvalidInput, LedgerError, NotSent, ServiceError, WebinarError
from .._core.model import EventSpec, Room, RoomSpec, Session, SessionSpec
from .._core.plain_text import canonical_title
from .._ledger.rows import ChosenRooms
from .._ledger.store import Ledger, Row, Slot
from .._ledger.unanswered import Clock, Unanswered, are_duplicates
from .._service.api import WebinarApi
from .account import Account, account_of
from .identity import RoomFilling, room_in_slot
from .indexes import KnownRows, Titled, TitledSessions, known_rows
from .progress import Progress

# How often the lists are read because other runs replace what they show.
_MOST_LOOKS = 5


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
        slot = _slot_of_title(self, title)
        row = self.rows.of_slot(slot)
        return row.slot if row is not None else slot

    def session_slot(self, room_id: str, title: str) -> Slot:
        slot = Slot(self.api, "session", room_id, title)
        row = self.rows.of_slot(slot)
        return row.slot if row is not None else slot


def observe(
    api: WebinarApi,
    ledger: Ledger | None,
    asked: EventSpec,
    pool: Executor,
    *,
    sure: bool = True,
    progress: Progress | None = None,
    mine: tuple[Room, ...] | None = None,
    earlier: World | None = None,
) -> World:
    """Return the World. What fails for one room alone, such as its list of sessions, is that room's refusal.

    Raise InvalidInput where one room is named twice, and WebinarError where nothing can be read. Unless ``sure``, a
    list of several pages is read once, and an item that moves to another page meanwhile may be missing. ``mine``: the
    account's rooms, if they are known. ``earlier``: what an earlier item of a loop knew of the ledger. Its rows choose
    the asked rooms only if the rows that are read now say the same, and of no other rooms rows are read.
    """
    mine = tuple(api.my_rooms(sure=sure)) if mine is None else mine
    account = account_of(api.connection, mine, ledger.fingerprint if ledger else lambda _secret: "")
    look = partial(_observed, api, ledger, asked, pool, sure=sure, progress=progress or Progress())
    if earlier is not None and earlier.account == account and not _appeared(earlier, mine):
        before = earlier if earlier.mine is mine else replace(earlier, mine=mine)
        with suppress(InvalidInput):
            world = look(before, is_earlier=True)
            if _meant(asked, world.rooms, before) == _meant(asked, world.rooms, world):
                return world
    return look(World(api.url, account, (), mine, rows=_rows(api.url, ledger, account, mine, ())))


def _observed(
    api: WebinarApi,
    ledger: Ledger | None,
    asked: EventSpec,
    pool: Executor,
    world: World,
    *,
    sure: bool,
    progress: Progress,
    is_earlier: bool = False,
) -> World:
    """Return the World, with the rooms that the rows of ``world`` mean. ``is_earlier``: they are of an earlier item."""
    began, account, mine = time.monotonic(), world.account, world.mine
    found = progress.map(
        pool, lambda spec: _found(api, ledger, world, spec), asked.rooms, "rooms looked up", _is_refused
    )
    _refuse_one_room_twice([room.room for room in found if room.room])
    lists = progress.map(
        pool,
        lambda room: _sessions_of(api, room, sure=sure),
        found,
        "rooms read",
        lambda read: read[1] is not None,
    )
    sessions = {
        room.room.id: listed for room, (listed, _reason) in zip(found, lists, strict=True) if room.room is not None
    }
    rooms = tuple(
        replace(room, refusal=room.refusal or reason) for room, (_listed, reason) in zip(found, lists, strict=True)
    )
    chosen = _chosen(asked, rooms, world) if is_earlier else None
    read_rows = partial(_rows, api.url, ledger, account, mine, sessions, chosen)
    # Read after the lists: a session of another run that is in a list has its row by now, or its slot is pending.
    sessions, rows = _as_new_as_the_ledger(api, sessions, read_rows(), began, read_rows)
    rooms = tuple(_with_newest_row(room, rows) for room in rooms)
    world = World(api.url, account, rooms, mine, sessions, rows, clock_of(api, ledger))
    return _completed(api, asked, world, pool)


def _appeared(earlier: World, mine: tuple[Room, ...]) -> bool:
    """Return whether a room is new to the list of which the ledger may have rows that an earlier World lacks.

    Rows that name another account were left out while their rooms were not listed.
    """
    return mine is not earlier.mine and bool(
        {room.id for room in mine}.difference((room.id for room in earlier.mine), earlier.rows.ids)
    )


def with_new_rows(world: World, ledger: Ledger | None) -> World:
    """Return a World that knows the rows of all rooms, with those that were written since."""
    new = ledger.rows(world.api, (), ChosenRooms(frozenset(), frozenset(), world.rows.last_row)) if ledger else ()
    return replace(world, rows=known_rows((*world.rows.all, *new), world.account, {room.id for room in world.mine}))


def _meant(asked: EventSpec, rooms: Iterable[ObservedRoom], world: World) -> list[object]:
    """Return what the ledger's rows say of the asked rooms, to be compared. ``rooms``: those that were found."""
    return [
        _filling(world, spec.title or "")
        if spec.room_id is None
        else world.rows.of_id(found.room.id if found.room else "")
        for spec, found in zip(asked.rooms, rooms, strict=True)
    ]


def _chosen(asked: EventSpec, rooms: Iterable[ObservedRoom], world: World) -> ChosenRooms:
    """Return all rooms that the asked ones may be, by what an earlier World knows of them."""
    ids, titles = set[str](), set[str]()
    for spec, found in zip(asked.rooms, rooms, strict=True):
        bearing = world.my_rooms.bearing(spec.title) if spec.title is not None else []
        room_titles = [spec.title] if spec.title is not None else []
        for room in (*bearing, *([found.room] if found.room is not None else [])):
            ids.add(room.id)
            room_titles.append(room.title)
        for title in room_titles:
            titles.update(row.slot.title for row in world.rows.all_of_slot(_slot_of_title(world, title)))
    return ChosenRooms(frozenset(ids), frozenset(titles), world.rows.last_row)


def _is_refused(room: ObservedRoom) -> bool:
    return room.refusal is not None


def _completed(api: WebinarApi, asked: EventSpec, world: World, pool: Executor) -> World:
    """Return the World, with those sessions read one by one whose entries lack a field that is to be compared.

    A service may report less of a session in a list than for its id.
    """
    lacking = {
        session.id
        for spec, found in zip(asked.rooms, world.rooms, strict=True)
        if found.room is not None
        for one in spec.sessions
        if one.state in ("present", "live")
        for session in world.titled(found.room.id).bearing(one.title)
        if session.is_current and _leaves_out(session, one, world.rows)
    }
    if not lacking:
        return world
    read = dict(zip(lacking, pool.map(lambda one: _read_or_none(api, one), lacking), strict=True))
    sessions = {room_id: tuple(read.get(one.id) or one for one in listed) for room_id, listed in world.sessions.items()}
    return replace(world, sessions=sessions)


def _leaves_out(session: Session, spec: SessionSpec, rows: KnownRows) -> bool:
    row, shown = rows.of_id(session.id), shown_of_session(session)
    memory = row.memory if row is not None else {}
    return any(
        shown.get(name) is None and not is_same(name, value, None, memory)
        for name, value in wanted_of_session(spec).items()
        if name not in UNCHANGEABLE
    )


def _read_or_none(api: WebinarApi, session_id: str) -> Session | None:
    try:
        return api.session(session_id)
    except WebinarError:
        # The entry of the list has to do.
        return None


def observe_room(world: World, api: WebinarApi, ledger: Ledger, room_id: str) -> World:
    """Return the World with the ledger and the sessions of one room read again."""
    began = time.monotonic()
    listed = {room_id: tuple(api.sessions(room_id))}

    def read_rows() -> KnownRows:
        return _rows(api.url, ledger, world.account, world.mine, [*world.sessions, room_id])

    listed, rows = _as_new_as_the_ledger(api, listed, read_rows(), began, read_rows)
    return replace(world, sessions={**world.sessions, **listed}, rows=rows, clock=clock_of(api, ledger))


def _as_new_as_the_ledger(
    api: WebinarApi,
    sessions: Mapping[str, tuple[Session, ...]],
    rows: KnownRows,
    began: float,
    read_rows: Callable[[], KnownRows],
) -> tuple[dict[str, tuple[Session, ...]], KnownRows]:
    """Return the lists and the rows, with those lists read again that are older than a row of another run.

    Between a list and the rows, another run may remove a listed session and create one in its place. ``began``: the
    monotonic time before the first list was read.
    """
    newest = dict(sessions)
    for _look in range(_MOST_LOOKS):
        older = _older_than_rows(newest, rows, time.monotonic() - began)
        if not older:
            break
        began = time.monotonic()
        for room_id in older:
            with suppress(ServiceError, NotSent, AnswerLost):
                # Where it cannot be read, the older list has to do.
                newest[room_id] = tuple(api.sessions(room_id))
        rows = read_rows()
    return newest, rows


def _older_than_rows(sessions: Mapping[str, tuple[Session, ...]], rows: KnownRows, seconds: float) -> set[str]:
    """Return the rooms where the session of a slot's new row is not listed, but a session that it may have replaced.

    A row counts as new if it was changed within ``seconds``, the time since the lists were read.
    """
    ids = {session.id for listed in sessions.values() for session in listed}
    new = {
        (slot.parent, slot.title)
        for slot, row in rows.held.items()
        if slot.kind == "session" and row.object_id is not None and row.age <= seconds and row.object_id not in ids
    }
    return {
        room_id
        for room_id, listed in (sessions.items() if new else ())
        for session in listed
        if session.is_current and rows.of_id(session.id) is None and (room_id, canonical_title(session.title)) in new
    }


def clock_of(api: WebinarApi, ledger: Ledger | None) -> Clock:
    """Return the time. The ledger's clock is read only where the service's responses have no time."""
    service = api.service_time()
    return Clock(service, ledger.now() if ledger is not None and service is None else time.time())


def _rows(
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


def _with_newest_row(room: ObservedRoom, rows: KnownRows) -> ObservedRoom:
    row = rows.of_id(room.room.id) if room.room else None
    return replace(room, row=row or room.row)


def _sessions_of(api: WebinarApi, found: ObservedRoom, *, sure: bool) -> tuple[tuple[Session, ...], str | None]:
    if found.room is None or found.refusal is not None:
        return (), None
    try:
        return tuple(api.sessions(found.room.id, sure=sure)), None
    except WebinarError as error:
        return (), _reason_for_one_room(error)


def _reason_for_one_room(error: WebinarError) -> str:
    """Return why a room could not be read. Raise the error again where it concerns every room, as a 401 does."""
    if isinstance(error, (InvalidInput, LedgerError)) or (isinstance(error, ServiceError) and error.status == 401):
        raise error
    return str(error)


def _found(api: WebinarApi, ledger: Ledger | None, world: World, spec: RoomSpec) -> ObservedRoom:
    try:
        return _find_room(api, ledger, world, spec)
    except WebinarError as error:
        return ObservedRoom(refusal=_reason_for_one_room(error))


def _find_room(api: WebinarApi, ledger: Ledger | None, world: World, spec: RoomSpec) -> ObservedRoom:
    if spec.room_id is not None:
        return _named_by_id(api, world, spec.room_id, is_to_go=spec.state == "absent")
    title = spec.title or ""
    found = _filling(world, title)
    if found.refusal is not None:
        raise InvalidInput(found.refusal)
    if found.namesakes and (len(found.namesakes) > 1 or found.room is None or found.room not in found.namesakes):
        return _with_duplicates(api, ledger, world, title, found)
    return ObservedRoom(found.room, found.row, notes=found.notes)


def _filling(world: World, title: str) -> RoomFilling:
    return room_in_slot(title, _slot_of_title(world, title), world.my_rooms, world.rows)


def _slot_of_title(world: World, title: str) -> Slot:
    return Slot(world.api, "room", world.account.name, title)


def _named_by_id(api: WebinarApi, world: World, room_id: str, *, is_to_go: bool) -> ObservedRoom:
    room = world.my_rooms.with_id(room_id)
    if room is not None:
        return ObservedRoom(room, world.rows.of_id(room.id))
    room = api.room(room_id)
    if room is None:
        if is_to_go:
            return ObservedRoom()
        raise InvalidInput(
            f"room_id {room_id}: the service has no such room. Correct room_id, or name the room by its "
            "title to have it created."
        )
    # The list may not show yet what was created a moment ago.
    row, host = world.rows.of_id(room.id), world.account.host_id
    if (host is not None and room.host_id is not None and room.host_id.lower() == host) or (
        row is not None and row.slot.kind == "room" and world.account.has(row.slot.parent)
    ):
        return ObservedRoom(room, row)
    raise InvalidInput(
        f"room_id {room_id}: the room '{room.title}' is not one of the rooms of this account (api_key or api_token); "
        "rooms belong to the host who created them. Correct room_id, or use that account's credential."
    )


def _with_duplicates(
    api: WebinarApi, ledger: Ledger | None, world: World, title: str, found: RoomFilling
) -> ObservedRoom:
    """Return the room of a slot, and the rooms of its title that unanswered requests created.

    Raise InvalidInput where the room cannot be told from others of its title.
    """
    named, row = list(found.namesakes), found.row
    requests = row.unanswered if row is not None else Unanswered.none()
    room = found.room
    if room is None and row is not None and row.phase == "pending" and not row.leased and requests:
        # An earlier run was killed before it knew its room. Any room that its requests created will do.
        used = [one for one in named if api.sessions(one.id)]
        if len(used) < 2:
            room, requests = (used or named)[0], requests.resolved(1)
    others = tuple(one for one in named if room is not None and one.id != room.id)
    is_open = room is not None and row is not None and not row.leased and bool(requests)
    if is_open and row is not None and not any(api.sessions(one.id) for one in others):
        # Read after the lists, as in observe().
        rows = _rows(api.url, ledger, world.account, world.mine, [one.id for one in named])
        known = {*rows.ids, *(known.slot.parent for known in rows.by_id.values())}
        if are_duplicates(requests, row.seen_ids, others, known, clock_of(api, ledger)):
            return ObservedRoom(room, row, notes=found.notes, duplicates=others)
    if room is None or found.room is None:
        ids = ", ".join(one.id for one in named)
        raise InvalidInput(
            f"room '{title}': you have {len(named)} rooms of this title ({ids}). Name the one that you mean with "
            "room_id."
        )
    note = (
        f"you have other rooms of this title ({', '.join(one.id for one in others)}), which this ledger did not create "
        f"for it. They are left alone; {room.id} is the one that is used"
    )
    return ObservedRoom(room, row, notes=(*found.notes, *([note] if others else [])))


def _refuse_one_room_twice(rooms: list[Room]) -> None:
    seen: set[str] = set()
    for room in rooms:
        if room.id in seen:
            raise InvalidInput(
                f"room '{room.title}' ({room.id}) is named twice, by its title and by room_id. Join its sessions in "
                "one entry of rooms."
            )
        seen.add(room.id)
