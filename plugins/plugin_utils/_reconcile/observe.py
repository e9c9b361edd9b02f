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
from dataclasses import replace
from functools import partial

from .._core.comparison import UNCHANGEABLE, is_same, shown_of_session, wanted_of_session
from .._core.errors import AnswerLost, InvalidInput, NotSent, ServiceError, WebinarError
from .._core.model import EventSpec, Room, Session, SessionSpec
from .._core.plain_text import canonical_title
from .._ledger.rows import ChosenRooms
from .._ledger.store import Ledger
from .._service.api import WebinarApi
from .account import account_of
from .asked_rooms import asked_room, reason_for_one_room, refuse_one_room_twice
from .indexes import KnownRows, known_rows
from .progress import Progress
from .world import ObservedRoom, World, clock_of, rows_of

# How often the lists are read because other runs replace what they show.
_MOST_LOOKS = 5


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
    return look(World(api.url, account, (), mine, rows=rows_of(api.url, ledger, account, mine, ())))


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
        pool, lambda spec: asked_room(api, ledger, world, spec), asked.rooms, "rooms looked up", _is_refused
    )
    refuse_one_room_twice([room.room for room in found if room.room])
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
    read_rows = partial(rows_of, api.url, ledger, account, mine, sessions, chosen)
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
        world.filling(spec.title or "")
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
            titles.update(row.slot.title for row in world.rows.all_of_slot(world.asked_slot(title)))
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
        return rows_of(api.url, ledger, world.account, world.mine, [*world.sessions, room_id])

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


def _with_newest_row(room: ObservedRoom, rows: KnownRows) -> ObservedRoom:
    row = rows.of_id(room.room.id) if room.room else None
    return replace(room, row=row or room.row)


def _sessions_of(api: WebinarApi, found: ObservedRoom, *, sure: bool) -> tuple[tuple[Session, ...], str | None]:
    if found.room is None or found.refusal is not None:
        return (), None
    try:
        return tuple(api.sessions(found.room.id, sure=sure)), None
    except WebinarError as error:
        return (), reason_for_one_room(error)
