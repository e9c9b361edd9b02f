# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""The stream-key ledger: what was created in which slot, and the keys, encrypted, in SQLite or PostgreSQL.

A slot is the place of one room of an account, or of one current session in a room. Its row goes ``pending`` (the
intent, committed before the POST), then ``created`` or ``keyless``; what is over leaves the ledger. A pending row
carries a lease: while it lasts, only its owner may create. Beside the slot's row there may be others, each with a key:

- ``replaced``: the session that the slot's row takes the place of, until that one's key is kept and it is removed;
- ``spare``: a second session, made by a run that had lost its lease, which the next run removes;
- ``beside``: one that was named by its id, or that another spelling of the service's URL led to; nothing removes it;
- ``retired``: a session that is over, while a request of its slot was never answered: to know it for ours.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

import sqlalchemy as sa

from .._core.comparison import Memory, memory_text
from .._core.errors import LedgerError
from .._core.model import StreamKey
from .._core.secrecy import Redactor
from .._core.service_url import normalised_or_same
from . import schema, unanswered
from .commits import Commits
from .database import LONG_PAUSES, PAUSES
from .location import LedgerSettings
from .opening import Opened, open_database
from .rows import Kind, Phase, Row, Slot, damage
from .schema import BESIDE, holds_slot, is_of_use, slots
from .unanswered import REMEMBERED, Unanswered

__all__ = ["Busy", "Claim", "Kind", "Ledger", "Phase", "Row", "Slot", "open_ledger"]

T = TypeVar("T")


@dataclass(frozen=True)
class Claim:
    """The right to create in a slot.

    ``inherited``: an earlier run began ``age`` seconds ago and its outcome is not known; ``key`` is what it received
    if its answer did not name the session. ``unanswered`` is as the ledger has it. ``replaces`` is the id of the
    session that the new one takes the place of.
    """

    row_id: int
    slot: Slot
    seen_ids: frozenset[str]
    inherited: bool = False
    age: float = 0.0
    key: StreamKey | None = None
    unanswered: Unanswered = field(default_factory=Unanswered.none)
    replaces: str | None = None


@dataclass(frozen=True)
class Busy:
    """Another run is creating in the slot; its lease ends in ``seconds``.

    ``mark`` tells one state of its lease from the next. By whatever clock it was written, a lease is no longer than
    ``length`` seconds: one whose mark has been the same for that long is over.
    """

    seconds: float
    length: float
    mark: tuple[int, float]


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

    def now(self) -> float:
        """Return the time in seconds since 1970 by the ledger's clock."""
        return self._database.read(self._database.now)

    def rows(self, api: str, room_ids: Iterable[str]) -> list[Row]:
        """Return the rows of use of all rooms, and of the sessions in the rooms with these ids, read at once.

        A row that cannot be read is marked: it concerns nobody but its own slot.
        """
        of_rooms = (slots.c.kind == "room") | slots.c.parent.in_(list(room_ids))
        return self._select(self._of_service(api) & of_rooms, self.codec.entry)

    def row_of_session(self, session_id: str) -> Row | None:
        same_id = sa.func.lower(slots.c.object_id) == session_id.lower()
        chosen = (slots.c.kind == "session") & same_id & (slots.c.phase != "retired")
        found = self._select(chosen, self.codec.entry)
        # The same session may stand in a row of another spelling of its service, without a key or one that can be read.
        row = max(found, key=lambda row: (row.key is not None, not row.damaged), default=None)
        if row is not None and row.damaged:
            raise LedgerError(damage(row))
        return row

    def claim(
        self,
        slot: Slot,
        seen_ids: Iterable[str],
        lease: float,
        *,
        replaces: str | None = None,
        gone_ids: Collection[str] = (),
        void: tuple[int, float] | None = None,
    ) -> Claim | Busy | Row:
        """Commit the intent to create in a slot.

        Return a Claim, Busy where another run's lease lasts, or the Row of what was made there meanwhile. The session
        with the id ``replaces`` gives its slot up by the same commit, and keeps its key. A row of one of ``gone_ids``,
        which the caller knows to be unusable, is retired by it. ``lease`` is in seconds; ``void`` is the mark of a
        lease that the caller has seen to be over.
        """
        self._database.check_space()
        seen = sorted(seen_ids)
        made: dict[float, Claim] = {}

        def attempt(connection: sa.Connection) -> Claim | Busy | Row:
            now = self._database.now(connection)
            found = connection.execute(sa.select(slots).where(slot.condition() & holds_slot)).first()
            values = {"owner": self.owner, "lease_until": now + lease, "updated_at": now}
            if found is not None and found.phase == "pending":
                if found.owner == self.owner and found.updated_at in made:
                    # Committed by an attempt whose acknowledgement was lost.
                    return made[found.updated_at]
                busy = _busy(found, now)
                if self.codec.is_leased(found, now) and busy.mark != void:
                    return busy
                connection.execute(_by_id(found.id).values(**values))
                self._mark_replaced(connection, slot, replaces, now)
                row = self.codec.row(found, now)
                made[now] = Claim(
                    row.id,
                    row.slot,
                    row.seen_ids,
                    inherited=True,
                    age=row.age,
                    key=row.key,
                    unanswered=row.unanswered,
                    replaces=replaces,
                )
                return made[now]
            if found is not None and found.object_id != replaces:
                if found.object_id not in gone_ids:
                    return self.codec.row(found, now)
                self._retire(connection, slots.c.id == found.id)
            self._mark_replaced(connection, slot, replaces, now)
            new = {**asdict(slot), "phase": "pending", "seen_ids": json.dumps(seen), "created_at": now}
            result = connection.execute(sa.insert(slots).values(**new, **values))
            made[now] = Claim(_new_id(result), slot, frozenset(seen), replaces=replaces)
            return made[now]

        return self._commits.run(attempt)

    def lease_of(self, slot: Slot) -> Busy | None:
        """Return the lease that another run has on a slot, None where there is none that lasts."""

        def look(connection: sa.Connection) -> Busy | None:
            now = self._database.now(connection)
            found = connection.execute(sa.select(slots).where(slot.condition() & holds_slot)).first()
            return _busy(found, now) if found is not None and self.codec.is_leased(found, now) else None

        return self._database.read(look)

    def _mark_replaced(self, connection: sa.Connection, slot: Slot, object_id: str | None, now: float) -> None:
        """Let a session give up its slot; one that the ledger does not know becomes known by it.

        One that was created for another title, which it has lost since, is found in this slot from now on.
        """
        if object_id is None:
            return
        known = (slots.c.api == slot.api) & (slots.c.object_id == object_id) & (slots.c.phase != "retired")
        values = {**asdict(slot), "phase": "replaced", "updated_at": now, "lease_until": 0.0}
        if connection.execute(sa.update(slots).where(known).values(**values)).rowcount == 0:
            new = {"object_id": object_id, "seen_ids": "[]", "created_at": now, "owner": self.owner}
            connection.execute(sa.insert(slots).values(**new, **values))

    def renew(self, claim: Claim, lease: float) -> bool:
        """Extend a claim's lease to ``lease`` seconds from now; False where another run has taken it over.

        What the claim has unanswered is committed too: before a request is sent, it counts that request.
        """
        mine = self._of_claim(claim).values(doubt=unanswered.written(claim.unanswered))

        def extend(connection: sa.Connection) -> int:
            now = self._database.now(connection)
            return connection.execute(mine.values(lease_until=now + lease, updated_at=now)).rowcount

        return self._commits.run(extend) == 1

    def release(self, claim: Claim) -> None:
        """End the lease and keep the intent, so that the next run resolves it without waiting for the lease.

        Only tried: this is what comes after a failure, and that is what the user has to hear of.
        """
        with suppress(LedgerError):
            ended = self._of_claim(claim).values(lease_until=0.0)
            self._commits.run(lambda connection: connection.execute(ended).rowcount, pauses=())

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
        next run finds the session and replaces it.
        """
        values: dict[str, Any] = {"phase": phase, "object_id": object_id, **self.codec.sealed(key)}
        if phase != "pending":
            values |= {"lease_until": 0.0, "memory": memory_text(memory or {})}
            if not claim.unanswered:
                # Ids are of use only as long as something may come of a request.
                values["seen_ids"] = "[]"
        doubt = unanswered.written(claim.unanswered)

        def commit(connection: sa.Connection) -> bool:
            now = self._database.now(connection)
            mine = self._of_claim(claim).values(**values, doubt=doubt, updated_at=now)
            if connection.execute(mine).rowcount:
                return True
            same = claim.slot.condition() & (slots.c.owner == self.owner) & (slots.c.object_id == object_id)
            known = connection.execute(sa.select(slots.c.phase).where(same & (slots.c.phase != "retired"))).first()
            if known is not None or key is None:
                # Committed by an attempt whose acknowledgement was lost.
                return known is not None and known.phase not in BESIDE
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

    def resolved(self, row_id: int, count: int) -> None:
        """Note what became of so many of a row's requests without an answer.

        An intent of which nothing is left to find out is withdrawn.
        """

        done: list[str | None] = []

        def commit(connection: sa.Connection) -> None:
            row = connection.execute(sa.select(slots).where(slots.c.id == row_id)).first()
            if row is None or row.doubt in done:
                # Gone, or committed by an attempt whose acknowledgement was lost.
                return
            left = unanswered.read(row.doubt, row.created_at, row.updated_at).resolved(count)
            if row.phase == "pending" and not left and row.secret is None:
                self._withdraw(connection, slots.c.id == row_id)
                return
            done.append(unanswered.written(left))
            values: dict[str, Any] = {"doubt": unanswered.written(left)}
            if not left and row.phase != "pending":
                values["seen_ids"] = "[]"
            connection.execute(_by_id(row_id).values(**values))
            self._drop_useless(connection)

        self._commits.run(commit)

    def settle(self, slot: Slot) -> None:
        """Withdraw an intent of an earlier run that sent no request, and give the slot back to what it had replaced."""

        def commit(connection: sa.Connection) -> None:
            now = self._database.now(connection)
            found = connection.execute(sa.select(slots).where(slot.condition() & (slots.c.phase == "pending"))).first()
            if found is None:
                self._give_back(connection, slot)
            elif not self.codec.is_leased(found, now) and found.secret is None and found.doubt is None:
                self._withdraw(connection, slots.c.id == found.id)

        self._commits.run(commit)

    def adopt(self, slot: Slot, session_id: str, key: StreamKey, over_ids: Collection[str] = ()) -> None:
        """Keep the key of a session that exists. It fills its slot, unless another session does that may be of use.

        No key leaves the ledger by this but that of one of ``over_ids``, which the caller knows to be of no use: that a
        list does not show a session is no proof.
        """

        def commit(connection: sa.Connection) -> None:
            now = self._database.now(connection)
            values = {**self.codec.sealed(key), "updated_at": now}
            same = (slots.c.api == slot.api) & (slots.c.kind == "session") & (slots.c.object_id == session_id)
            chosen = sa.select(slots.c.id, slots.c.phase).where(same & (slots.c.phase != "retired"))
            known = connection.execute(chosen.order_by(slots.c.phase.in_(BESIDE), slots.c.id)).first()
            held = connection.execute(sa.select(slots).where(slot.condition() & holds_slot)).first()
            other = held is not None and (known is None or held.id != known.id)
            if other and held is not None and self._is_over(held, over_ids, now):
                self._retire(connection, slots.c.id == held.id)
                other = False
            phase = "beside" if other else "created"
            if known is not None:
                kept_beside = {"phase": known.phase} if other and known.phase in BESIDE else {"phase": phase}
                connection.execute(_by_id(known.id).values(**values, **kept_beside, lease_until=0.0))
                return
            new = {**asdict(slot), "object_id": session_id, "seen_ids": "[]", "owner": self.owner, "created_at": now}
            connection.execute(sa.insert(slots).values(**new, **values, phase=phase, lease_until=0.0))

        self._commits.run(commit, LONG_PAUSES)

    def _is_over(self, held: sa.Row[Any], over_ids: Collection[str], now: float) -> bool:
        """Say whether what holds a slot may give it up: its session is over, or it is an intent that asked nothing."""
        if held.phase == "pending":
            return held.secret is None and held.doubt is None and not self.codec.is_leased(held, now)
        return held.object_id in over_ids

    def remember(self, slot: Slot, object_id: str, memory: Memory) -> None:
        """Keep what the service made of values that were sent to a room or session, also one that has no row yet."""

        def commit(connection: sa.Connection) -> None:
            now = self._database.now(connection)
            same = (slots.c.api == slot.api) & (slots.c.object_id == object_id) & (slots.c.phase != "retired")
            update = sa.update(slots).where(same).values(memory=memory_text(memory))
            if connection.execute(update).rowcount or not memory:
                return
            held = connection.execute(sa.select(slots.c.id).where(slot.condition() & holds_slot)).first()
            free = "created" if slot.kind == "room" else "keyless"
            new = {**asdict(slot), "object_id": object_id, "seen_ids": "[]", "owner": self.owner, "lease_until": 0.0}
            new |= {"phase": "beside" if held else free, "memory": memory_text(memory)}
            connection.execute(sa.insert(slots).values(**new, created_at=now, updated_at=now))

        self._commits.run(commit)

    def own_rooms(self, row_ids: Collection[int], account: str) -> None:
        """Write down whose rooms these rows are about: earlier versions did not, and an account's name may get known.

        Where the account has a row for the same title already, that one stays.
        """

        def commit(connection: sa.Connection) -> None:
            chosen = sa.select(slots.c.id, slots.c.api, slots.c.title, slots.c.phase)
            for row in connection.execute(chosen.where(slots.c.id.in_(list(row_ids)))).all():
                taken = Slot(row.api, "room", account, row.title).condition() & holds_slot & (slots.c.id != row.id)
                is_second = connection.execute(sa.select(slots.c.id).where(taken)).first() is not None
                phase = "beside" if is_second and row.phase not in BESIDE else row.phase
                connection.execute(_by_id(row.id).values(parent=account, phase=phase))

        self._commits.run(commit)

    def withdraw(self, claim: Claim) -> None:
        """Remove an intent of which it is certain that nothing was created; what it would have replaced stays.

        Only tried, as in ``release``: an intent that stays is settled by the next run.
        """
        mine = (slots.c.id == claim.row_id) & (slots.c.phase == "pending") & (slots.c.owner == self.owner)
        with suppress(LedgerError):
            self._commits.run(lambda connection: self._withdraw(connection, mine))

    def retire(self, api: str, object_ids: Collection[str]) -> None:
        """Erase the keys of sessions that are over or gone."""
        condition = (slots.c.api == api) & slots.c.object_id.in_(list(object_ids)) & (slots.c.phase != "retired")
        self._commits.run(lambda connection: self._retire(connection, condition))

    def retire_room(self, api: str, room_id: str) -> None:
        """Erase the keys of all sessions of a room that is gone, and the room's own row."""
        of_room = (slots.c.parent == room_id) | ((slots.c.kind == "room") & (slots.c.object_id == room_id))
        condition = (slots.c.api == api) & of_room & (slots.c.phase != "retired")
        self._commits.run(lambda connection: self._retire(connection, condition))

    def forget_old_requests(self) -> None:
        """Forget requests that were never answered, and what is kept for their sake, after REMEMBERED seconds."""

        def commit(connection: sa.Connection) -> None:
            long_ago = slots.c.updated_at < self._database.now(connection) - REMEMBERED
            old = slots.c.doubt.is_not(None) & long_ago & (slots.c.phase != "pending")
            connection.execute(sa.update(slots).where(old).values(doubt=None, seen_ids="[]"))
            self._drop_useless(connection)

        self._commits.run(commit)

    def fingerprint(self, key: StreamKey) -> str:
        return self.codec.fingerprint(key)

    def fingerprint_text(self, secret: str) -> str:
        return self.codec.fingerprint(StreamKey(secret))

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

    def _of_service(self, api: str) -> sa.ColumnElement[bool]:
        if schema.spells_services_alike(self._version):
            return slots.c.api == api
        known = self._database.read(lambda connection: connection.execute(sa.select(slots.c.api).distinct()).all())
        return slots.c.api.in_([row.api for row in known if normalised_or_same(row.api) == api])

    def _select(
        self, condition: sa.ColumnElement[bool], read: Callable[[sa.Row[Any], float], Row] | None = None
    ) -> list[Row]:
        in_use = is_of_use if schema.counts_requests(self._version) else slots.c.phase != "retired"
        chosen = schema.select_slots(self._version).where(condition & in_use).order_by(slots.c.id)

        def found(connection: sa.Connection) -> tuple[Sequence[sa.Row[Any]], float]:
            return connection.execute(chosen).all(), self._database.now(connection)

        rows, now = self._database.read(found)
        return [(read or self.codec.row)(row, now) for row in rows]

    def _withdraw(self, connection: sa.Connection, condition: sa.ColumnElement[bool]) -> None:
        """Remove intents; what such an intent would have replaced gets its slot back."""
        of_slot = sa.select(slots).where(condition)
        freed = [Slot(row.api, row.kind, row.parent, row.title) for row in connection.execute(of_slot).all()]
        connection.execute(sa.delete(slots).where(condition))
        for slot in freed:
            self._give_back(connection, slot)

    @staticmethod
    def _give_back(connection: sa.Connection, slot: Slot) -> None:
        """Give a slot that nothing holds back to the session that was to be replaced."""
        if connection.execute(sa.select(slots.c.id).where(slot.condition() & holds_slot)).first() is not None:
            return
        replaced = slot.condition() & (slots.c.phase == "replaced")
        newest = sa.select(slots.c.id).where(replaced).order_by(slots.c.updated_at.desc(), slots.c.id.desc()).limit(1)
        phase = sa.case((slots.c.secret.is_not(None), "created"), else_="keyless")
        connection.execute(sa.update(slots).where(slots.c.id.in_(newest.scalar_subquery())).values(phase=phase))

    @staticmethod
    def _drop_useless(connection: sa.Connection) -> None:
        connection.execute(sa.delete(slots).where(~is_of_use))

    def _retire(self, connection: sa.Connection, condition: sa.ColumnElement[bool]) -> None:
        """Erase rows' keys, and the rows, unless a request of their slot was never answered.

        What such a request may have created is told from what is known to be ours by the ids of these rows.
        """
        values = {"phase": "retired", "secret": None, "fingerprint": None, "lease_until": 0.0, "memory": None}
        ids = [row.id for row in connection.execute(sa.select(slots.c.id).where(condition)).all()]
        if not ids:
            return
        now = self._database.now(connection)
        connection.execute(sa.update(slots).where(slots.c.id.in_(ids)).values(**values, updated_at=now))
        self._drop_useless(connection)


def open_ledger(settings: LedgerSettings, redactor: Redactor, owner: str, *, writable: bool = True) -> Ledger | None:
    """Open the ledger; return None where it may not be written and does not exist yet.

    Raise LedgerError where it, its folder or its key cannot be used: before any call to the service.
    """
    opened = open_database(settings, redactor, owner, writable=writable)
    return Ledger(opened, owner) if opened is not None else None


def _busy(found: sa.Row[Any], now: float) -> Busy:
    length = found.lease_until - found.updated_at
    return Busy(min(found.lease_until - now, length), length, (int(found.id), float(found.updated_at)))


def _new_id(inserted: sa.CursorResult[Any]) -> int:
    # The key is optional only for an INSERT of several rows.
    return int(inserted.inserted_primary_key[0]) if inserted.inserted_primary_key else 0


def _by_id(row_id: int) -> sa.Update:
    return sa.update(slots).where(slots.c.id == row_id)
