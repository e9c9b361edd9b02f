# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Sessions that this ledger's runs created and that no slot needs any more. Pure functions.

There are three kinds: a *late* duplicate, created by an unanswered request; a session that another one has *replaced*;
and an *overtaken* duplicate, created by a run that had lost its lease. Any other session is somebody else's.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from .._core.model import Session
from .._ledger.store import Row, Slot
from .._ledger.unanswered import Clock, duplicates, fills_empty_slot
from .indexes import KnownRows, Titled

UNANSWERED = "a request to create it that was never answered has made it after all, and nobody ever saw its key"


@dataclass(frozen=True)
class Leftover:
    """A session to remove, with the ledger's row that it is known by. ``is_late``: an unanswered request created it."""

    session: Session
    row: Row
    reason: str
    is_late: bool = False


def late_duplicates(
    slot: Slot, sessions: Titled[Session], rows: KnownRows, clock: Clock
) -> tuple[tuple[Leftover, ...], str | None]:
    """Return the late duplicates of a slot, or the reason why they cannot be told from somebody else's sessions."""
    held = rows.of_slot(slot)
    bearing = [one for one in sessions.bearing(slot.title) if one.is_current]
    if held is not None and held.phase == "pending":
        if held.leased:
            # The run that holds the lease looks for its own sessions.
            return (), None
        unknown = [one for one in bearing if one.id not in held.seen_ids and one.id not in rows.ids]
        fitting = [one for one in unknown if fills_empty_slot(held.unanswered, one, clock)]
        if fitting and len(fitting) == len(bearing):
            return _of_empty_slot(held, fitting)
    found: list[Leftover] = []
    for row in rows.all_of_slot(slot):
        seen: Collection[str] = {*row.seen_ids, *(one.session.id for one in found)}
        made = duplicates(row.unanswered, seen, bearing, rows.ids, clock)
        found += [Leftover(session, row, UNANSWERED, is_late=True) for session in made]
    return tuple(found), None


def _of_empty_slot(held: Row, fitting: Sequence[Session]) -> tuple[tuple[Leftover, ...], str | None]:
    """Return what is removed before the unfinished creation of ``held`` goes on."""
    if held.key is not None and len(fitting) == held.unanswered.count == 1:
        # A response had a key without an id, and this is the only session that the key can belong to.
        return (), None
    ids = ", ".join(one.id for one in fitting)
    if len(fitting) > held.unanswered.count:
        return (), (
            f"{held.unanswered.count} of the requests to create it were never answered, and {len(fitting)} sessions "
            f"may be what they made ({ids}). Which of them are somebody else's cannot be told, so all are left alone. "
            "Pick one with session_id; with session_id and state: absent the others can be removed."
        )
    begun = [one for one in fitting if not one.is_scheduled]
    if begun:
        return (), (
            f"the session {begun[0].id} was created, its answer with the stream key was lost, and it is "
            f"{begun[0].status} already. It is left as it is: end it, or name it with session_id."
        )
    reason = "it was created by an interrupted or unanswered call, and nobody ever saw its key"
    return tuple(Leftover(one, held, reason, is_late=True) for one in fitting), None


def replaced_and_overtaken(slot: Slot, sessions: Titled[Session], rows: KnownRows, filling: Session) -> list[Leftover]:
    """Return the replaced and overtaken sessions of a slot that ``filling`` fills."""
    reasons = {
        "replaced": f"{filling.id} has replaced it",
        "spare": f"it was made by a run that had been overtaken, and {filling.id} fills its place",
    }
    beside = [(row, sessions.by_id.get(row.object_id or "")) for row in rows.beside(slot) if row.phase in reasons]
    return [
        Leftover(session, row, reasons[row.phase])
        for row, session in beside
        if session is not None and session.is_current and session.id != filling.id
    ]
