# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Claims: a run claims a slot before its POST, renews the claim, and then stores the result.

The row of a claim is ``pending`` and has a lease. Until the lease ends, only its owner may create in the slot.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from .._core.comparison import Memory, memory_text
from .._core.errors import LedgerError
from .._core.model import StreamKey
from . import changes, unanswered
from .account_names import holder_of_room
from .commits import Commits
from .database import LONG_PAUSES, PAUSES
from .opening import Opened
from .reading import LedgerReader, Query
from .rows import AccountNames, Phase, Row, Slot
from .schema import BESIDE, holds_slot, is_not_retired, slots
from .unanswered import Unanswered

_UPDATE_PENDING = sa.update(slots).where(
    slots.c.id == sa.bindparam("claim_row"),
    slots.c.owner == sa.bindparam("claim_owner"),
    slots.c.phase == "pending",
)


@dataclass(frozen=True)
class Claim:
    """The right to create in a slot.

    ``inherited``: an earlier run had claimed the slot, and the outcome is unknown. ``age``: seconds since that run last
    changed its row. ``key``: the key that it received in a response without the session's id. ``unanswered``: the
    unanswered requests of the slot. ``replaced_id``: the id of the session that the new one replaces.
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
    """Another run is creating in the slot. Its lease ends in ``seconds`` and lasts ``length`` seconds in total.

    ``mark`` changes whenever the lease is renewed. If it stays the same for ``length`` seconds, the lease is over, even
    if the other run's clock was wrong.
    """

    seconds: float
    length: float
    mark: tuple[int, float]


class Claims(LedgerReader):
    """The claims of one run in an open ledger. Safe to use from several threads."""

    def __init__(self, opened: Opened) -> None:
        super().__init__(opened)
        self._owner = opened.owner
        # A ledger that was opened for reading may have an earlier schema, which this version cannot write.
        self._commits = Commits(opened.database, allowed=opened.writable)

    def claim(
        self,
        asked: Slot,
        seen_ids: Iterable[str],
        lease: float,
        *,
        replaced_id: str | None = None,
        over_ids: Collection[str] = (),
        expired: tuple[int, float] | None = None,
        first_request: Unanswered | None = None,
        account: AccountNames | None = None,
    ) -> Claim | Busy | Row:
        """Commit the intent to create in a slot, with a lease of ``lease`` seconds.

        Return a Claim, Busy if another run's lease has not ended, or the Row of what another run has created there.
        ``replaced_id``: a session that gives up its slot in the same commit and keeps its key. ``over_ids``: sessions
        that the caller knows to be over; a row of one of them is retired in the same commit. ``expired``: the mark of a
        lease that the caller knows to be over. ``first_request``: the request of a new intent, counted in the same
        commit. ``account``: the names of a room's account, of which another run may know others. Raise LedgerError if
        it cannot be committed or the disk is nearly full.
        """
        self._database.check_space()
        seen, sent = sorted(seen_ids), first_request or Unanswered.none()
        intent = {"phase": "pending", "seen_ids": json.dumps(seen), "unanswered": unanswered.written(sent)}
        made: dict[float, Claim] = {}

        def begun(row_id: int, slot: Slot, now: float) -> Claim:
            made[now] = Claim(row_id, slot, frozenset(seen), unanswered=sent, replaced_id=replaced_id)
            return made[now]

        def attempt(connection: sa.Connection) -> Claim | Busy | Row:
            now = self._database.now(connection)
            leased = {"owner": self._owner, "lease_until": now + lease}
            if account is None:
                if replaced_id is None:
                    # Most slots are free. To look first would take a quarter of the time of a claim.
                    row_id = changes.insert_into_free(connection, asked, now, **intent, **leased)
                    if row_id is not None:
                        return begun(row_id, asked, now)
                slot, found = asked, changes.holder_of(connection, asked)
            else:
                slot, found = holder_of_room(connection, asked, account)
            if found is not None and found.phase == "pending":
                if found.owner == self._owner and found.updated_at in made:
                    # An earlier attempt committed this, and only its acknowledgement was lost.
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
            return begun(changes.insert(connection, slot, now, **intent, **leased), slot, now)

        return self._commits.run(attempt)

    def lease_of(self, slot: Slot) -> Busy | None:
        """Return the lease that another run has on a slot, None if no lease lasts."""
        found, now = self._found(Query(sa.select(slots).where(slot.condition() & holds_slot)))
        return next((_busy(row, now) for row in found if self._codec.is_leased(row, now)), None)

    def renew(self, claim: Claim, lease: float) -> bool:
        """Extend a claim's lease to ``lease`` seconds from now. Return False if another run has taken over the slot.

        The claim's ``unanswered`` is committed too: that is how a request is counted before it is sent.
        """
        counted = unanswered.written(claim.unanswered)

        def extend(connection: sa.Connection) -> int:
            now = self._database.now(connection)
            return self._update_pending(connection, claim, unanswered=counted, lease_until=now + lease, updated_at=now)

        return self._commits.run(extend) == 1

    def keep(
        self,
        claim: Claim,
        phase: Phase,
        object_id: str | None,
        key: StreamKey | None,
        memory: Memory | None = None,
    ) -> bool:
        """Commit the id and the key of what was created. Return whether this row now holds the slot.

        A key whose session is unknown is stored in phase ``pending``. If another run has taken over the slot, the key
        is stored in an additional row (``spare``), because no key may be lost. If the database fails, a key is tried
        again for about a minute. Then LedgerError is raised and the row stays ``pending``, so that the next run finds
        the session and replaces it.
        """
        values: dict[str, Any] = {"phase": phase, "object_id": object_id, **self._codec.key_columns(key)}
        if phase != "pending":
            values |= {"lease_until": 0.0, "memory": memory_text(memory or {})}
            if not claim.unanswered:
                # The ids are needed only while a request may still take effect.
                values["seen_ids"] = "[]"

        def commit(connection: sa.Connection) -> bool:
            now = self._database.now(connection)
            left = unanswered.written(claim.unanswered)
            if self._update_pending(connection, claim, **values, unanswered=left, updated_at=now):
                return True
            same = claim.slot.condition() & (slots.c.owner == self._owner) & (slots.c.object_id == object_id)
            known = connection.execute(sa.select(slots.c.phase).where(same & is_not_retired)).first()
            if known is not None or key is None:
                # An earlier attempt committed this, and only its acknowledgement was lost.
                return known is not None and known.phase not in BESIDE
            beside = {**values, "phase": "spare", "owner": self._owner, "lease_until": 0.0, "seen_ids": "[]"}
            changes.insert(connection, claim.slot, now, **beside)
            return False

        try:
            return self._commits.run(commit, LONG_PAUSES if key is not None else PAUSES)
        except LedgerError as error:
            made = f"the {claim.slot.kind} '{claim.slot.title}' ({object_id or 'its id is not known'}) was created"
            lost = "its stream key could not be kept" if key is not None else "the ledger does not know it yet"
            settled = "replaces" if key is not None else "finds"
            raise LedgerError(
                f"{made}, but {lost}. {error} Run again when the ledger can be used: that run {settled} it."
            ) from None

    def release(self, claim: Claim) -> None:
        """End the lease and keep the intent, so that the next run does not have to wait for the lease.

        A LedgerError is suppressed: the failure before this call is the one to report.
        """
        with suppress(LedgerError):
            self._commits.run(lambda connection: self._update_pending(connection, claim, lease_until=0.0), pauses=())

    def withdraw(self, claim: Claim) -> None:
        """Delete an intent that has certainly created nothing. The session that it was to replace keeps its slot.

        A LedgerError is suppressed: the next run resolves an intent that stays.
        """
        mine = (slots.c.id == claim.row_id) & (slots.c.phase == "pending") & (slots.c.owner == self._owner)
        with suppress(LedgerError):
            self._commits.run(lambda connection: changes.withdraw(connection, mine))

    def _update_pending(self, connection: sa.Connection, claim: Claim, **values: Any) -> int:
        """Set columns of a claim's row while it is pending and this run's. Return how many rows that changed."""
        row = {"claim_row": claim.row_id, "claim_owner": self._owner}
        return int(connection.execute(_UPDATE_PENDING, {**values, **row}).rowcount)

    def _mark_replaced(self, connection: sa.Connection, slot: Slot, object_id: str | None, now: float) -> None:
        """Mark the session that is to be replaced. Add a row for it if the ledger has none.

        If its row has another title, from before the session was renamed, the row moves to this slot.
        """
        if object_id is None:
            return
        known = (slots.c.api == slot.api) & (slots.c.object_id == object_id) & is_not_retired
        values = {**slot.values(), "phase": "replaced", "updated_at": now, "lease_until": 0.0}
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
