# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stream-key ledger: what was created in which slot, and the keys, encrypted, in SQLite or PostgreSQL.

A slot is (API, kind, parent, title): the place of one room, or of one current session in a room (its parent).
Its row goes ``pending`` (the intent, committed before the POST), then ``created`` or ``keyless``, and ``retired`` once
the session is gone. A pending row carries a lease: while it lasts, only its owner may create. A ``spare`` row holds the
key of a second session of a slot, made by a run that had lost its lease.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

import sqlalchemy as sa

from . import doubts, ledger_schema
from .doubts import Doubt
from .errors import LedgerError
from .ledger_commits import Commits
from .ledger_database import LONG_PAUSES, PAUSES
from .ledger_location import LedgerSettings
from .ledger_opening import Opened, open_database
from .ledger_rows import Kind, Phase, Row, Slot
from .ledger_schema import holds_slot, slots
from .model import StreamKey
from .secrecy import Redactor

__all__ = ["Busy", "Claim", "Kind", "Ledger", "Phase", "Row", "Slot", "open_ledger"]

T = TypeVar("T")


@dataclass(frozen=True)
class Claim:
    """The right to create in a slot.

    ``inherited``: an earlier run began ``age`` seconds ago and its outcome is not known; ``key`` is what it received
    if its answer did not name the session. ``doubt`` is about requests that were sent before.
    """

    row_id: int
    slot: Slot
    seen_ids: frozenset[str]
    inherited: bool = False
    age: float = 0.0
    key: StreamKey | None = None
    doubt: Doubt = field(default_factory=Doubt)


@dataclass(frozen=True)
class Busy:
    """Another run is creating in the slot; its lease ends in ``seconds``."""

    seconds: float


class Ledger:
    """An open ledger. Writes of concurrent threads are committed together, and each returns after its own commit.

    ``codec``, ``owner`` and ``keys``, the Fernet keys that were given, are for the ledger's upkeep.
    """

    def __init__(self, opened: Opened, owner: str) -> None:
        self._database = opened.database
        self.owner = owner
        self._version = opened.version
        self.codec = opened.codec
        self.keys = opened.keys
        self.notes = opened.notes
        # A ledger that was opened for reading may be of an older version, which cannot be written.
        self._commits = Commits(opened.database, allowed=opened.writable)

    def close(self) -> None:
        self._database.close()

    def rows(self, api: str, parents: Iterable[str]) -> list[Row]:
        """Return the rows in use of the rooms themselves and of the sessions in the rooms with these ids."""
        condition = (slots.c.api == api) & holds_slot & slots.c.parent.in_(["", *parents])
        return self._select(condition)

    def all_rows(self, api: str, parents: Iterable[str]) -> list[Row]:
        """Return what ``rows`` does, and with it spare and retired rows: one state of the ledger, read at once."""
        return self._select((slots.c.api == api) & slots.c.parent.in_(["", *parents]))

    def row_of_session(self, session_id: str) -> Row | None:
        same_id = sa.func.lower(slots.c.object_id) == session_id.lower()
        found = self._select((slots.c.kind == "session") & same_id & (slots.c.phase != "retired"))
        return found[0] if found else None

    def claim(
        self,
        slot: Slot,
        seen_ids: Iterable[str],
        lease: float,
        gone_id: str | None,
        service_time: float | None = None,
    ) -> Claim | Busy | Row:
        """Commit the intent to create in a slot.

        Return a Claim, Busy where another run's lease lasts, or the Row of what was made there meanwhile.
        A row of the object ``gone_id``, which the caller knows to be unusable, is retired by the same commit.
        ``lease`` is in seconds, ``service_time`` is what the service's clock shows by now at least.
        """
        self._database.check_space()
        seen, doubt = sorted(seen_ids), Doubt(since=service_time)
        made: dict[float, Claim] = {}

        def attempt(connection: sa.Connection) -> Claim | Busy | Row:
            now = self._database.now(connection)
            found = connection.execute(sa.select(slots).where(slot.condition() & holds_slot)).first()
            values = {"owner": self.owner, "lease_until": now + lease, "updated_at": now}
            if found is not None and found.phase == "pending":
                if found.owner == self.owner and found.updated_at in made:
                    # Committed by an attempt whose acknowledgement was lost.
                    return made[found.updated_at]
                if self.codec.is_leased(found, now):
                    return Busy(found.lease_until - now)
                connection.execute(_by_id(found.id).values(**values))
                row = self.codec.row(found, now)
                # A row of an older version does not say whether a request was sent: one may have been.
                known = row.doubt or Doubt(1)
                made[now] = Claim(row.id, slot, row.seen_ids, inherited=True, age=row.age, key=row.key, doubt=known)
                return made[now]
            if found is not None:
                if found.object_id != gone_id or gone_id is None:
                    return self.codec.row(found, now)
                self._retire(connection, slots.c.id == found.id)
            new = {**asdict(slot), "phase": "pending", "seen_ids": json.dumps(seen), "created_at": now}
            result = connection.execute(sa.insert(slots).values(**new, doubt=doubts.written(doubt), **values))
            made[now] = Claim(_new_id(result), slot, frozenset(seen), doubt=doubt)
            return made[now]

        return self._commits.run(attempt)

    def renew(self, claim: Claim, lease: float) -> bool:
        """Extend a claim's lease by ``lease`` seconds from now; False where another run has taken it over.

        The claim's doubt is committed too: before a request is sent, it counts that request.
        """
        mine = self._of_claim(claim).values(doubt=doubts.written(claim.doubt))

        def extend(connection: sa.Connection) -> int:
            now = self._database.now(connection)
            return connection.execute(mine.values(lease_until=now + lease, updated_at=now)).rowcount

        return self._commits.run(extend) == 1

    def release(self, claim: Claim) -> None:
        """End the lease and keep the intent, so that the next run resolves it without waiting for the lease.

        Only tried: this is what comes after a failure, and that is what the user has to hear of.
        """
        ended = self._of_claim(claim).values(lease_until=0.0, doubt=doubts.written(claim.doubt))
        with suppress(LedgerError):
            self._commits.run(lambda connection: connection.execute(ended).rowcount, pauses=())

    def keep(self, claim: Claim, phase: Phase, object_id: str | None, key: StreamKey | None) -> bool:
        """Commit what a creation brought, its id and its key; return whether they fill the slot.

        A key whose session is not known yet is kept in phase ``pending``. Where the claim was taken over meanwhile,
        the slot's row is another run's, and the key is kept beside it as ``spare``: a key that was seen is never
        dropped. Where the database is lost, it is tried for about a minute; the row then stays ``pending``, so that the
        next run finds the session and replaces it.
        """
        values: dict[str, Any] = {"phase": phase, "object_id": object_id, **self.codec.sealed(key)}
        if phase != "pending":
            values["lease_until"] = 0.0
        doubt = doubts.written(claim.doubt if phase == "pending" or claim.doubt.count else None)

        def commit(connection: sa.Connection) -> bool:
            now = self._database.now(connection)
            mine = self._of_claim(claim).values(**values, doubt=doubt, updated_at=now)
            if connection.execute(mine).rowcount:
                return True
            same = claim.slot.condition() & (slots.c.owner == self.owner) & (slots.c.object_id == object_id)
            known = connection.execute(sa.select(slots.c.phase).where(same & (slots.c.phase != "retired"))).first()
            if known is not None or key is None:
                # Committed by an attempt whose acknowledgement was lost.
                return known is not None and known.phase != "spare"
            beside = {**values, "phase": "spare", "owner": self.owner, "lease_until": 0.0, "seen_ids": "[]"}
            times = {"created_at": now, "updated_at": now}
            connection.execute(sa.insert(slots).values(**asdict(claim.slot), **beside, **times))
            return False

        try:
            return self._commits.run(commit, LONG_PAUSES if key is not None else PAUSES)
        except LedgerError as error:
            made = f"the {claim.slot.kind} '{claim.slot.title}' ({object_id or 'its id is not known'}) was created"
            lost = "its stream key could not be kept" if key is not None else "the ledger does not know it yet"
            raise LedgerError(f"{made}, but {lost}. {error} A run with the ledger in order settles this.") from None

    def found_twins(self, row_id: int, count: int) -> None:
        """Note that so many of a row's requests without an answer are in doubt no longer."""

        def commit(connection: sa.Connection) -> None:
            row = connection.execute(sa.select(slots.c.doubt).where(slots.c.id == row_id)).first()
            doubt = doubts.read(row.doubt) if row else None
            if doubt is not None:
                left = doubt.without(count)
                connection.execute(_by_id(row_id).values(doubt=doubts.written(left) if left.count else None))

        self._commits.run(commit)

    def adopt(self, slot: Slot, session_id: str, key: StreamKey) -> None:
        """Put the key of an existing session into its slot, in place of what was there."""
        now = time.time()
        values: dict[str, Any] = {"object_id": session_id, "phase": "created", "seen_ids": "[]", "owner": self.owner}
        values |= {**asdict(slot), **self.codec.sealed(key), "lease_until": 0.0, "created_at": now, "updated_at": now}

        def commit(connection: sa.Connection) -> None:
            same_session = (slots.c.object_id == session_id) & (slots.c.phase != "retired")
            self._retire(connection, (slot.condition() & holds_slot) | (slot.condition() & same_session))
            connection.execute(sa.insert(slots).values(**values))

        self._commits.run(commit, LONG_PAUSES)

    def withdraw(self, claim: Claim) -> None:
        """Remove an intent of which it is certain that nothing was created.

        Only tried, as in ``release``: an intent that stays is settled by the next run.
        """
        mine = (slots.c.id == claim.row_id) & (slots.c.phase == "pending") & (slots.c.owner == self.owner)
        with suppress(LedgerError):
            self._commits.run(lambda connection: connection.execute(sa.delete(slots).where(mine)).rowcount)

    def retire(self, api: str, object_id: str) -> None:
        """Erase the key of a session that is gone."""
        condition = (slots.c.api == api) & (slots.c.object_id == object_id) & (slots.c.phase != "retired")
        self._commits.run(lambda connection: self._retire(connection, condition))

    def retire_room(self, api: str, room_id: str) -> None:
        """Erase the keys of all sessions of a room that is gone, and the room's own row."""
        of_room = (slots.c.parent == room_id) | ((slots.c.kind == "room") & (slots.c.object_id == room_id))
        condition = (slots.c.api == api) & of_room & (slots.c.phase != "retired")
        self._commits.run(lambda connection: self._retire(connection, condition))

    def fingerprint(self, key: StreamKey) -> str:
        return self.codec.fingerprint(key)

    def _of_claim(self, claim: Claim) -> sa.Update:
        return _by_id(claim.row_id).where(slots.c.owner == self.owner, slots.c.phase == "pending")

    def entries(self) -> list[Row]:
        """Return all rows but the retired ones, of all APIs, in order of age; those that cannot be read are marked."""
        return self._select(slots.c.phase != "retired", self.codec.entry)

    def forget(self, row_ids: Iterable[int]) -> None:
        """Erase rows' keys; an intent is removed, because nothing would ever settle it."""
        chosen = slots.c.id.in_(list(row_ids))

        def erase(connection: sa.Connection) -> None:
            connection.execute(sa.delete(slots).where(chosen & (slots.c.phase == "pending")))
            self._retire(connection, chosen)

        self._commits.run(erase)

    def commit(self, operation: Callable[[sa.Connection, float], T]) -> T:
        """Run an operation of the ledger's upkeep, which is given the time, in a transaction of its own."""
        return self._commits.run(lambda connection: operation(connection, self._database.now(connection)))

    def look(self, operation: Callable[[sa.Connection], T]) -> T:
        """Run an operation of the ledger's upkeep that only reads."""
        return self._database.read(operation)

    def _select(
        self, condition: sa.ColumnElement[bool], read: Callable[[sa.Row[Any], float], Row] | None = None
    ) -> list[Row]:
        chosen = ledger_schema.select_slots(self._version).where(condition).order_by(slots.c.id)

        def found(connection: sa.Connection) -> tuple[Sequence[sa.Row[Any]], float]:
            return connection.execute(chosen).all(), self._database.now(connection)

        rows, now = self._database.read(found)
        return [(read or self.codec.row)(row, now) for row in rows]

    @staticmethod
    def _retire(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> None:
        values = {"phase": "retired", "secret": None, "lease_until": 0.0, "updated_at": time.time()}
        connection.execute(sa.update(slots).where(condition).values(**values))


def open_ledger(settings: LedgerSettings, redactor: Redactor, owner: str, *, writable: bool = True) -> Ledger | None:
    """Open the ledger; return None where it may not be written and does not exist yet.

    Raise LedgerError where it, its folder or its key cannot be used: before any call to the service.
    """
    opened = open_database(settings, redactor, owner, writable=writable)
    return Ledger(opened, owner) if opened is not None else None


def _new_id(inserted: sa.CursorResult[Any]) -> int:
    # The key is optional only for an INSERT of several rows.
    return int(inserted.inserted_primary_key[0]) if inserted.inserted_primary_key else 0


def _by_id(row_id: int) -> sa.Update:
    return sa.update(slots).where(slots.c.id == row_id)
