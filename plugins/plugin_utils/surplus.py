# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sessions of ours beside the one that fills a slot: pure functions. All others are somebody else's and are left alone.

A twin is what a request made whose answer never came, after it was given up. A spare was made by a run that had been
away for longer than its lease, while another run filled the slot.
"""

from __future__ import annotations

from dataclasses import dataclass

from .doubts import twins
from .ledger import Row, Slot
from .model import Session, SessionSpec
from .observe import World


@dataclass(frozen=True)
class Surplus:
    """A session to remove. ``row`` is the ledger row that tells of it."""

    session: Session
    row: Row
    reason: str


def surplus_sessions(world: World, slot: Slot, spec: SessionSpec) -> tuple[Surplus, ...]:
    """Return what is to be removed beside the session of a slot; nothing where ``session_id`` says which is meant."""
    row = world.rows.get(slot)
    is_wanted = spec.state in ("present", "live")
    if spec.session_id is not None:
        return ()
    # Another run may have made a session a moment ago, and what an unfinished run left is the business of creation.
    if row is not None and row.phase == "pending" and (row.leased or is_wanted):
        return ()
    listed = [session for session in world.sessions.get(slot.parent, ()) if session.title == slot.title]
    return (*_twins(world, slot, listed), *_spares(world, slot, listed))


def row_of(world: World, slot: Slot, session: Session | None) -> Row | None:
    """Return the row that holds a session's key: the slot's own, or that of a spare which alone is left."""
    row = world.rows.get(slot)
    if session is None or (row is not None and row.object_id == session.id):
        return row
    past = world.past_rows.get(slot, ())
    return next((spare for spare in past if spare.phase == "spare" and spare.object_id == session.id), row)


def _twins(world: World, slot: Slot, listed: list[Session]) -> list[Surplus]:
    rows = [*world.past_rows.get(slot, ()), *([world.rows[slot]] if slot in world.rows else [])]
    found: list[Surplus] = []
    for row in rows:
        if row.doubt is None or not row.doubt.count:
            continue
        taken = {surplus.session.id for surplus in found}
        fruits = twins(row.doubt, row.seen_ids | taken, listed, world.kept_ids, world.now)
        reason = "a request to create it that was never answered has made it after all, and nobody ever saw its key"
        found += [Surplus(session, row, reason) for session in fruits]
    return found


def _spares(world: World, slot: Slot, listed: list[Session]) -> list[Surplus]:
    current = {session.id: session for session in listed if session.is_current}
    row = world.rows.get(slot)
    if row is None or row.object_id not in current:
        return []
    reason = f"it was made by a run that had been overtaken, and {row.object_id} fills its place"
    return [
        Surplus(current[spare.object_id], spare, reason)
        for spare in world.past_rows.get(slot, ())
        if spare.phase == "spare" and spare.object_id in current and current[spare.object_id].status == "scheduled"
    ]
