# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""The right to create in a slot: it is claimed before the POST and renewed, and what came of it is kept.

A pending row carries a lease: while it lasts, only its owner may create.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

import sqlalchemy as sa

from .._core.comparison import Memory, memory_text
from .._core.errors import LedgerError
from .._core.model import StreamKey
from . import changes, unanswered
from .commits import Commits
from .database import LONG_PAUSES, PAUSES
from .opening import Opened
from .reading import LedgerReader
from .rows import Phase, Row, Slot
from .schema import BESIDE, holds_slot, slots
from .unanswered import Unanswered


@dataclass(frozen=True)
class Claim:
    """The right to create in a slot.

    ``inherited``: an earlier run began ``age`` seconds ago and its outcome is not known; ``key`` is what it received
    if its answer did not name the session. ``unanswered`` is as the ledger has it. ``replaced_id`` is the id of the
    session that the new one takes the place of.
    """

    row_id: int
    slot: Slot
    seen_ids: frozenset[str]
    inherited: bool = False
    age: float = 0.0
    key: StreamKey | None = None
    unanswered: Unanswered = field(default_factory=Unanswered.none)
    replaced_id: str | None = None


@dataclass(frozen=True)
class Busy:
    """Another run is creating in the slot; its lease ends in ``seconds``.

    ``mark`` tells one state of its lease from the next. By whatever clock it was written, a lease is no longer than
    ``length`` seconds: one whose mark has been the same for that long is over.
    """

    seconds: float
    length: float
    mark: tuple[int, float]


class Claims(LedgerReader):
    """The claims of one run, ``owner``, in an open ledger.

    Writes of concurrent threads are committed together, and each returns after its own commit.
    """

    def __init__(self, opened: Opened) -> None:
        super().__init__(opened)
        self._owner = opened.owner
        # A ledger that was opened for reading may be of an earlier version, which cannot be written.
        self._commits = Commits(opened.database, allowed=opened.writable)

    def claim(
        self,
        slot: Slot,
        seen_ids: Iterable[str],
        lease: float,
        *,
        replaced_id: str | None = None,
        over_ids: Collection[str] = (),
        expired: tuple[int, float] | None = None,
    ) -> Claim | Busy | Row:
        """Commit the intent to create in a slot.

        Return a Claim, Busy where another run's lease lasts, or the Row of what was made there meanwhile. The session
        with the id ``replaced_id`` gives its slot up by the same commit, and keeps its key. A row of one of ``over_ids``,
        which the caller knows to be unusable, is retired by it. ``lease`` is in seconds; ``expired`` is the mark of a
        lease that the caller has seen to be over.
        """
        self._database.check_space()
        seen = sorted(seen_ids)
        made: dict[float, Claim] = {}

        def attempt(connection: sa.Connection) -> Claim | Busy | Row:
            now = self._database.now(connection)
            found = changes.holder_of(connection, slot)
            leased = {"owner": self._owner, "lease_until": now + lease}
            if found is not None and found.phase == "pending":
                if found.owner == self._owner and found.updated_at in made:
                    # Committed by an attempt whose acknowledgement was lost.
                    return made[found.updated_at]
                busy = _busy(found, now)
                if self._codec.is_leased(found, now) and busy.mark != expired:
                    return busy
                connection.execute(changes.by_id(found.id).values(**leased, updated_at=now))
                self._mark_replaced(connection, slot, replaced_id, now)
                made[now] = _inherited(self._codec.undamaged_row(found, now), replaced_id)
                return made[now]
            if found is not None and found.object_id != replaced_id:
                if found.object_id not in over_ids:
                    return self._codec.undamaged_row(found, now)
                changes.retire(connection, slots.c.id == found.id, now)
            self._mark_replaced(connection, slot, replaced_id, now)
            row_id = changes.insert(connection, slot, now, phase="pending", seen_ids=json.dumps(seen), **leased)
            made[now] = Claim(row_id, slot, frozenset(seen), replaced_id=replaced_id)
            return made[now]

        return self._commits.run(attempt)

    def lease_of(self, slot: Slot) -> Busy | None:
        """Return the lease that another run has on a slot, None where there is none that lasts."""
        found, now = self._found(sa.select(slots).where(slot.condition() & holds_slot))
        return next((_busy(row, now) for row in found if self._codec.is_leased(row, now)), None)

    def renew(self, claim: Claim, lease: float) -> bool:
        """Extend a claim's lease to ``lease`` seconds from now; False where another run has taken it over.

        What the claim has unanswered is committed too: before a request is sent, it counts that request.
        """
        mine = self._pending_row(claim).values(unanswered=unanswered.written(claim.unanswered))

        def extend(connection: sa.Connection) -> int:
            now = self._database.now(connection)
            return connection.execute(mine.values(lease_until=now + lease, updated_at=now)).rowcount

        return self._commits.run(extend) == 1

    def keep(
        self,
        claim: Claim,
        phase: Phase,
        object_id: str | None,
        key: StreamKey | None,
        memory: Memory | None = None,
    ) -> bool:
        """Commit what a creation brought, its id and its key; return whether they fill the slot.

        A key whose session is not known yet is kept in phase ``pending``. Where the claim was taken over meanwhile,
        the slot's row is another run's, and the key is kept beside it as ``spare``: a key that was seen is never
        dropped. Where the database is lost, it is tried for about a minute; the row then stays ``pending``, so that the
        next run finds the session and replaced_id it.
        """
        values: dict[str, Any] = {"phase": phase, "object_id": object_id, **self._codec.key_columns(key)}
        if phase != "pending":
            values |= {"lease_until": 0.0, "memory": memory_text(memory or {})}
            if not claim.unanswered:
                # Ids are of use only as long as something may come of a request.
                values["seen_ids"] = "[]"

        def commit(connection: sa.Connection) -> bool:
            now = self._database.now(connection)
            mine = self._pending_row(claim).values(
                **values, unanswered=unanswered.written(claim.unanswered), updated_at=now
            )
            if connection.execute(mine).rowcount:
                return True
            same = claim.slot.condition() & (slots.c.owner == self._owner) & (slots.c.object_id == object_id)
            known = connection.execute(sa.select(slots.c.phase).where(same & (slots.c.phase != "retired"))).first()
            if known is not None or key is None:
                # Committed by an attempt whose acknowledgement was lost.
                return known is not None and known.phase not in BESIDE
            beside = {**values, "phase": "spare", "owner": self._owner, "lease_until": 0.0, "seen_ids": "[]"}
            changes.insert(connection, claim.slot, now, **beside)
            return False

        try:
            return self._commits.run(commit, LONG_PAUSES if key is not None else PAUSES)
        except LedgerError as error:
            made = f"the {claim.slot.kind} '{claim.slot.title}' ({object_id or 'its id is not known'}) was created"
            lost = "its stream key could not be kept" if key is not None else "the ledger does not know it yet"
            raise LedgerError(f"{made}, but {lost}. {error} A run with the ledger in order settles this.") from None

    def release(self, claim: Claim) -> None:
        """End the lease and keep the intent, so that the next run resolves it without waiting for the lease.

        Only tried: this is what comes after a failure, and that is what the user has to hear of.
        """
        with suppress(LedgerError):
            ended = self._pending_row(claim).values(lease_until=0.0)
            self._commits.run(lambda connection: connection.execute(ended).rowcount, pauses=())

    def withdraw(self, claim: Claim) -> None:
        """Remove an intent of which it is certain that nothing was created; what it would have replaced stays.

        Only tried, as in ``release``: an intent that stays is settled by the next run.
        """
        mine = (slots.c.id == claim.row_id) & (slots.c.phase == "pending") & (slots.c.owner == self._owner)
        with suppress(LedgerError):
            self._commits.run(lambda connection: changes.withdraw(connection, mine))

    def _pending_row(self, claim: Claim) -> sa.Update:
        return changes.by_id(claim.row_id).where(slots.c.owner == self._owner, slots.c.phase == "pending")

    def _mark_replaced(self, connection: sa.Connection, slot: Slot, object_id: str | None, now: float) -> None:
        """Let a session give up its slot; one that the ledger does not know becomes known by it.

        One that was created for another title, which it has lost since, is found in this slot from now on.
        """
        if object_id is None:
            return
        known = (slots.c.api == slot.api) & (slots.c.object_id == object_id) & (slots.c.phase != "retired")
        values = {**asdict(slot), "phase": "replaced", "updated_at": now, "lease_until": 0.0}
        if connection.execute(sa.update(slots).where(known).values(**values)).rowcount == 0:
            changes.insert(connection, slot, now, phase="replaced", object_id=object_id, owner=self._owner)


def _inherited(row: Row, replaced_id: str | None) -> Claim:
    return Claim(
        row.id,
        row.slot,
        row.seen_ids,
        inherited=True,
        age=row.age,
        key=row.key,
        unanswered=row.unanswered,
        replaced_id=replaced_id,
    )


def _busy(found: sa.Row[Any], now: float) -> Busy:
    length = found.lease_until - found.updated_at
    return Busy(min(found.lease_until - now, length), length, (int(found.id), float(found.updated_at)))
