# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Which room or session fills a slot: first by the id in the ledger, then by title. Pure functions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from .._core.model import Room, Session, SessionSpec
from .._core.plain_text import canonical_title, same_title
from .._ledger.store import Row, Slot
from .indexes import KnownRows, Thing, Titled


@dataclass(frozen=True)
class Filling:
    """The session that fills a slot, or the reason why none can be chosen (``refusal``).

    ``row`` is the ledger's row of that session, else the row that holds the slot. ``others`` are the ids of further
    current sessions of the title, which the ledger did not create and no run removes by itself. ``is_renamed``: it has
    another title in the service than when the ledger was last told.
    """

    session: Session | None = None
    row: Row | None = None
    refusal: str | None = None
    notes: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    is_renamed: bool = False


def session_in_slot(
    spec: SessionSpec, slot: Slot, sessions: Titled[Session], rows: KnownRows, left_over: Collection[str] = ()
) -> Filling:
    """Return the current session of a slot. ``left_over`` are ids of sessions that the plan removes from beside it."""
    held = rows.of_slot(slot)
    if spec.session_id is not None:
        pinned, refusal = _pinned(spec, sessions)
        return Filling(pinned, (rows.of_id(pinned.id) if pinned else None) or held, refusal)
    bearing = [one for one in sessions.bearing(spec.title) if one.is_current and one.id not in left_over]
    ours = _of_ledger(slot, sessions, rows, left_over)
    if ours is not None:
        leaving = _ids(row for row in rows.beside(slot) if row.phase != "beside")
        others = [one.id for one in bearing if one.id != ours.id and one.id not in leaving]
        strangers = [one for one in others if one not in _ids(rows.beside(slot))]
        row = rows.of_id(ours.id)
        renamed = renamed_note(ours, spec.title, row)
        notes = (*renamed, *_beside_note(ours, strangers))
        return Filling(ours, row, notes=notes, others=tuple(others), is_renamed=bool(renamed))
    found = the_one_titled(bearing, spec.title)
    if found is None and bearing:
        return Filling(None, held, several_current([session.id for session in bearing]))
    return Filling(found, (rows.of_id(found.id) if found else None) or held)


def no_such_session(session_id: str) -> str:
    return f"session_id {session_id}: the room has no such session. Correct it, or leave it out."


def several_current(ids: Sequence[str]) -> str:
    return (
        f"the room has {len(ids)} current sessions of this title ({', '.join(ids)}). Pick one with session_id; with "
        "session_id and state: absent the others can be removed."
    )


def the_one_titled(things: Sequence[Thing], title: str) -> Thing | None:
    """Return the only one, or the only one whose title is the same character by character."""
    exact = [thing for thing in things if thing.title == title]
    chosen = exact if len(exact) == 1 else things
    return chosen[0] if len(chosen) == 1 else None


def _of_ledger(slot: Slot, sessions: Titled[Session], rows: KnownRows, left_over: Collection[str]) -> Session | None:
    """Return the current session that the ledger has for a slot, else the one that it was to replace."""
    held = rows.of_slot(slot)
    beside = sorted(
        (row for row in rows.beside(slot) if row.phase in ("replaced", "spare")),
        key=lambda row: (row.phase == "replaced", row.id),
        reverse=True,
    )
    for row in ([held] if held else []) + beside:
        session = sessions.by_id.get(row.object_id or "")
        if session is not None and session.is_current and session.id not in left_over:
            return session
    return None


def _ids(rows: Iterable[Row]) -> Collection[str]:
    return {row.object_id for row in rows if row.object_id}


def _beside_note(ours: Session, others: Sequence[str]) -> tuple[str, ...]:
    if not others:
        return ()
    many = len(others) > 1
    note = (
        f"the room has {'other current sessions' if many else 'another current session'} of this title "
        f"({', '.join(others)}), which this ledger did not create for it. {'They are' if many else 'It is'} left "
        f"alone; {ours.id} is the one that is used. With session_id and state: absent "
        f"{'others' if many else 'the other'} can be removed"
    )
    return (note,)


def _pinned(spec: SessionSpec, sessions: Titled[Session]) -> tuple[Session | None, str | None]:
    pinned = sessions.with_id(spec.session_id or "")
    if pinned is None:
        if spec.state in ("ended", "absent"):
            return None, None
        return None, no_such_session(spec.session_id or "")
    if canonical_title(spec.title) not in sessions.titles_of(pinned):
        return None, (
            f"session_id {spec.session_id} is titled '{pinned.title}', and the service cannot change a title. Ask "
            "for that title, or leave session_id out."
        )
    if not pinned.is_current and spec.state in ("present", "live"):
        return None, f"session_id {spec.session_id} is {pinned.status}. Leave session_id out to have a new session."
    return (pinned if pinned.is_current else None), None


@dataclass(frozen=True)
class RoomFilling:
    """The room of a slot, or the reason why none can be chosen. ``namesakes`` are further rooms of its title."""

    room: Room | None = None
    row: Row | None = None
    refusal: str | None = None
    notes: tuple[str, ...] = ()
    namesakes: tuple[Room, ...] = ()


def room_in_slot(title: str, slot: Slot, mine: Titled[Room], rows: KnownRows) -> RoomFilling:
    """Return the room of a title among the account's rooms (``mine``)."""
    held = rows.of_slot(slot)
    named = mine.bearing(title)
    ours = mine.by_id.get(held.object_id) if held is not None and held.object_id is not None else None
    if ours is not None and held is not None:
        others = [room for room in named if room.id != ours.id]
        if not same_title(ours.title, title) and any(same_title(room.title, title) for room in others):
            ids = ", ".join(room.id for room in others)
            return RoomFilling(
                None,
                held,
                f"room '{title}': the room that was created for this title ({ours.id}) is titled '{ours.title}' by "
                f"now, and another one has the title ({ids}). Name the one that you mean with room_id.",
            )
        return RoomFilling(ours, held, notes=renamed_note(ours, title, held), namesakes=tuple(others))
    found = the_one_titled(named, title)
    return RoomFilling(found, (rows.of_id(found.id) if found else None) or held, namesakes=tuple(named))


def renamed_note(thing: Room | Session, title: str, row: Row | None) -> tuple[str, ...]:
    """Return a note about a room or session of the ledger that has another title in the service, the first time."""
    kept = row.memory.get("title") if row is not None else None
    if same_title(thing.title, title) or (kept is not None and kept.shown == canonical_title(thing.title)):
        return ()
    kind, way_out = "session", "The service's API cannot change it"
    if isinstance(thing, Room):
        kind, way_out = "room", "To give it its title back, use the action room with room_id and title"
    note = (
        f"the {kind} {thing.id}, which the ledger has for '{title}', is titled '{thing.title}' in the service now. It "
        f"is used, and keeps that title. {way_out}"
    )
    return (note,)
