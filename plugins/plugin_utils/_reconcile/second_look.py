# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.
"""The look before a removal (may the session still go?) and after a change (what did the service store?)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._core.comparison import Memory, shown_of_room, shown_of_session, updated_memory
from .._core.errors import WebinarError
from .._core.model import Room, Session
from .._ledger.store import Ledger, Row, Slot


def reason_to_stay(planned: Session, now: Session | None, row: Row | None, ledger: Ledger) -> str | None:
    """Return why a session must stay, None where it may be removed.

    ``planned`` is the session in the plan, ``now`` the session as just read. ``row``: the ledger's row whose unanswered
    request created it, None for any other session.
    """
    if now is None or not now.is_current:
        return None
    if planned.is_scheduled and not now.is_scheduled:
        return (
            f"the session {planned.id} is left alone: it was scheduled when the plan was made, and is {now.status} by "
            "now. Run again to see what can be done with it."
        )
    if row is not None and (own := ledger.row_of_session(planned.id)) is not None:
        return f"{planned.id} is left alone: the ledger knows it by now (entry {own.id}). Run again."
    return None


def remember_values(
    ledger: Ledger, slot: Slot, row: Row | None, sent: Mapping[str, Any], now: Room | Session
) -> tuple[str, ...]:
    """Remember the values that the service stored otherwise than they were sent; return the notes for the user.

    So the next run does not send them again. ``row`` is the ledger's row of the room or session, ``now`` the room or
    session as read after the change.
    """
    known = row.memory if row is not None else {}
    shown = shown_of_room(now) if isinstance(now, Room) else shown_of_session(now)
    memory = updated_memory(known, sent, shown)
    if memory != known:
        ledger.remember(slot, now.id, memory)
    return kept_notes(sent, memory, shown)


def kept_otherwise(field: str, asked: Any, shown: Any) -> str:
    name = field.rpartition(".")[2]
    return f"the service keeps '{shown}' as {name}, where '{asked}' was asked for. It is taken as it is"


def kept_notes(asked: Mapping[str, Any], memory: Memory, shown: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a note for each value that the service reports otherwise than it was asked for."""
    if not memory:
        return ()
    told = [name for name in asked if name in memory and shown.get(name) is not None]
    return tuple(kept_otherwise(name, asked[name], shown[name]) for name in told)


def not_looked_at(error: WebinarError) -> str:
    """Return the note for a change that succeeded and could not be read back."""
    return f"what the service made of the change is not known: {error}"
