# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Which room or session fills a slot: first by the id in the ledger, then by title. Pure functions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from .._core.model import Room, Session, SessionSpec
from .._core.plain_text import canonical_title, same_title
from .._ledger.store import Row, Slot
from .account import UNKNOWN, Account

Thing = TypeVar("Thing", Room, Session)


@dataclass(frozen=True)
class KnownRows:
    """The ledger's rows, indexed by slot (with canonical titles) and by the id of the room or session.

    ``held`` has the row that holds each slot, ``others`` the further rows of a slot. ``unassigned`` are rows of this
    account's rooms that do not have the account's name yet.
    """

    held: Mapping[Slot, Row] = field(default_factory=dict)
    others: Mapping[Slot, tuple[Row, ...]] = field(default_factory=dict)
    by_id: Mapping[str, Row] = field(default_factory=dict)
    unassigned: tuple[Row, ...] = ()

    def of_slot(self, slot: Slot) -> Row | None:
        return self.held.get(_canonical(slot))

    def beside(self, slot: Slot) -> tuple[Row, ...]:
        """Return the rows of a slot that do not hold it, oldest first, with the retired ones."""
        return self.others.get(_canonical(slot), ())

    def of_id(self, object_id: str) -> Row | None:
        """Return the row that holds most about a room or session: one with a key comes first."""
        return self.by_id.get(object_id)

    @property
    def ids(self) -> Collection[str]:
        return self.by_id.keys()


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
    return replace(slot, title=canonical_title(slot.title))


@dataclass(frozen=True)
class Filling:
    """The session that fills a slot, or the reason why none can be chosen (``refusal``).

    ``row`` is the ledger's row of that session, else the row that holds the slot. ``others`` are the ids of further
    current sessions of the title, which the ledger did not create and no run removes by itself.
    """

    session: Session | None = None
    row: Row | None = None
    refusal: str | None = None
    notes: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


def session_in_slot(
    spec: SessionSpec, slot: Slot, listed: Sequence[Session], rows: KnownRows, left_over: Collection[str] = ()
) -> Filling:
    """Return the current session of a slot. ``left_over`` are ids of sessions that the plan removes from beside it."""
    held = rows.of_slot(slot)
    if spec.session_id is not None:
        pinned, refusal = _pinned(spec, listed, rows)
        return Filling(pinned, (rows.of_id(pinned.id) if pinned else None) or held, refusal)
    current = [one for one in listed if one.is_current and one.id not in left_over]
    bearing = [one for one in current if bears_title(one, spec.title, rows)]
    ours = _of_ledger(slot, current, rows)
    if ours is not None:
        leaving = _ids(row for row in rows.beside(slot) if row.phase != "beside")
        others = [one.id for one in bearing if one.id != ours.id and one.id not in leaving]
        strangers = [one for one in others if one not in _ids(rows.beside(slot))]
        return Filling(ours, rows.of_id(ours.id), notes=_beside_note(ours, strangers), others=tuple(others))
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


def bears_title(thing: Room | Session, title: str, rows: KnownRows) -> bool:
    """Say whether a room or session has this title in the service, or was created for it."""
    if same_title(thing.title, title):
        return True
    row = rows.of_id(thing.id)
    return row is not None and same_title(row.slot.title, title)


def the_one_titled(things: Sequence[Thing], title: str) -> Thing | None:
    """Return the only one, or the only one whose title is the same character by character."""
    exact = [thing for thing in things if thing.title == title]
    chosen = exact if len(exact) == 1 else things
    return chosen[0] if len(chosen) == 1 else None


def _of_ledger(slot: Slot, current: Sequence[Session], rows: KnownRows) -> Session | None:
    """Return the current session that the ledger has for a slot, else the one that it was to replace."""
    by_id = {session.id: session for session in current}
    held = rows.of_slot(slot)
    beside = sorted(
        (row for row in rows.beside(slot) if row.phase in ("replaced", "spare")),
        key=lambda row: (row.phase == "replaced", row.id),
        reverse=True,
    )
    for row in ([held] if held else []) + beside:
        if row.object_id in by_id:
            return by_id[row.object_id]
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


def _pinned(spec: SessionSpec, listed: Sequence[Session], rows: KnownRows) -> tuple[Session | None, str | None]:
    pinned = next((session for session in listed if session.id.lower() == spec.session_id), None)
    if pinned is None:
        if spec.state in ("ended", "absent"):
            return None, None
        return None, no_such_session(spec.session_id or "")
    if not bears_title(pinned, spec.title, rows):
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


def room_in_slot(title: str, slot: Slot, mine: Sequence[Room], rows: KnownRows) -> RoomFilling:
    """Return the room of a title among the account's rooms (``mine``)."""
    held = rows.of_slot(slot)
    named = [room for room in mine if bears_title(room, title, rows)]
    ours = next((room for room in mine if held is not None and room.id == held.object_id), None)
    if ours is not None and held is not None:
        others = [room for room in named if room.id != ours.id]
        if not same_title(ours.title, title) and any(same_title(room.title, title) for room in others):
            ids = ", ".join(room.id for room in others)
            return RoomFilling(
                None,
                held,
                f"room '{title}': the room that was created for this title ({ours.id}) is titled '{ours.title}' by "
                f"now, and another one bears the title ({ids}). Name the one that you mean with room_id.",
            )
        return RoomFilling(ours, held, notes=renamed_note(ours, title, held), namesakes=tuple(others))
    found = the_one_titled(named, title)
    return RoomFilling(found, (rows.of_id(found.id) if found else None) or held, namesakes=tuple(named))


def renamed_note(room: Room, title: str, row: Row) -> tuple[str, ...]:
    kept = row.memory.get("title")
    if same_title(room.title, title) or (kept is not None and kept.shown == canonical_title(room.title)):
        return ()
    return (f"the service's title of the room {room.id} is '{room.title}' now. It is used as it is",)
