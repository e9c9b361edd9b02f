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
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from . import ledger_location
from .errors import LedgerError
from .lease_owner import is_known_dead
from .ledger_location import LedgerSettings
from .ledger_schema import METADATA, SCHEMA_VERSION, holds_slot, lock_schema, meta, slots
from .model import StreamKey
from .secrecy import Cipher, Redactor, fingerprint, new_fingerprint_key

Kind = Literal["room", "session"]
Phase = Literal["pending", "created", "keyless", "spare", "retired"]
T = TypeVar("T")


@dataclass(frozen=True)
class Slot:
    api: str
    kind: Kind
    parent: str
    title: str


@dataclass(frozen=True)
class Row:
    """One ledger row. ``leased`` says whether another run's lease on it still lasts."""

    id: int
    slot: Slot
    object_id: str | None
    phase: Phase
    key: StreamKey | None
    fingerprint: str | None
    seen_ids: frozenset[str]
    leased: bool


@dataclass(frozen=True)
class Claim:
    """The right to create in a slot.

    ``inherited``: an earlier run began ``age`` seconds ago and its outcome is not known; ``key`` is what it received
    if its answer did not name the session.
    """

    row_id: int
    slot: Slot
    seen_ids: frozenset[str]
    inherited: bool = False
    age: float = 0.0
    key: StreamKey | None = None


@dataclass(frozen=True)
class Busy:
    """Another run is creating in the slot; its lease ends in ``seconds``."""

    seconds: float


class Ledger:
    """An open ledger. Writes of concurrent threads are committed together, and each returns after its own commit."""

    def __init__(self, engine: sa.Engine, cipher: Cipher, redactor: Redactor, owner: str, *, writable: bool) -> None:
        self._engine = engine
        self._cipher = cipher
        self._redactor = redactor
        self._owner = owner
        self._queue: list[tuple[Callable[[sa.Connection], Any], Future[Any]]] = []
        self._queue_lock = threading.Lock()
        self._write_lock = threading.Lock()
        self._writable = writable
        self._fingerprint_key = self._open_schema(writable=writable)

    def close(self) -> None:
        self._engine.dispose()

    def rows(self, api: str, parents: Iterable[str]) -> list[Row]:
        """Return the rows in use of the rooms themselves and of the sessions in the rooms with these ids."""
        condition = (slots.c.api == api) & holds_slot & slots.c.parent.in_(["", *parents])
        with _reported("read"), self._engine.connect() as connection:
            return [self._row(found) for found in connection.execute(sa.select(slots).where(condition))]

    def row_of_session(self, session_id: str) -> Row | None:
        same_id = sa.func.lower(slots.c.object_id) == session_id.lower()
        condition = (slots.c.kind == "session") & same_id & (slots.c.phase != "retired")
        with _reported("read"), self._engine.connect() as connection:
            found = connection.execute(sa.select(slots).where(condition)).first()
            return self._row(found) if found else None

    def claim(self, slot: Slot, seen_ids: Iterable[str], lease: float, gone_id: str | None) -> Claim | Busy | Row:
        """Commit the intent to create in a slot.

        Return a Claim, Busy where another run's lease lasts, or the Row of what was made there meanwhile.
        A row of the object ``gone_id``, which the caller knows to be unusable, is retired by the same commit.
        ``lease`` is in seconds.
        """
        seen = sorted(seen_ids)

        def attempt(connection: sa.Connection) -> Claim | Busy | Row:
            now = time.time()
            condition = _in_slot(slot) & holds_slot
            found = connection.execute(sa.select(slots).where(condition).with_for_update()).first()
            values = {"owner": self._owner, "lease_until": now + lease, "updated_at": now}
            if found is not None and found.phase == "pending":
                if self._is_leased(found):
                    return Busy(found.lease_until - now)
                connection.execute(_by_id(found.id).values(**values))
                row = self._row(found)
                return Claim(row.id, slot, row.seen_ids, inherited=True, age=now - found.updated_at, key=row.key)
            if found is not None:
                if found.object_id != gone_id or gone_id is None:
                    return self._row(found)
                self._retire(connection, slots.c.id == found.id)
            new = {**asdict(slot), "phase": "pending", "seen_ids": json.dumps(seen), "created_at": now}
            result = connection.execute(sa.insert(slots).values(**new, **values))
            return Claim(_new_id(result), slot, frozenset(seen))

        return self._write(attempt)

    def renew(self, claim: Claim, lease: float) -> bool:
        """Extend a claim's lease by ``lease`` seconds from now; False where another run has taken it over."""
        values = {"lease_until": time.time() + lease, "updated_at": time.time()}
        return self._update_claim(claim, values)

    def release(self, claim: Claim) -> None:
        """End the lease and keep the intent, so that the next run resolves it without waiting for the lease."""
        self._update_claim(claim, {"lease_until": 0.0})

    def keep(self, claim: Claim, phase: Phase, object_id: str | None, key: StreamKey | None) -> None:
        """Commit what a creation brought: its id and its key.

        A key whose session is not known yet is kept in phase ``pending``. Where the claim was taken over meanwhile,
        the slot's row is another run's, and the key is kept beside it as ``spare``: a key that was seen is never
        dropped.
        """
        values: dict[str, Any] = {"phase": phase, "updated_at": time.time(), "object_id": object_id}
        values |= self._sealed(key)
        if phase != "pending":
            values["lease_until"] = 0.0

        def commit(connection: sa.Connection) -> None:
            mine = _by_id(claim.row_id).where(slots.c.owner == self._owner, slots.c.phase == "pending")
            if connection.execute(mine.values(**values)).rowcount == 0 and key is not None:
                beside = {**values, "phase": "spare", "owner": self._owner, "lease_until": 0.0, "seen_ids": "[]"}
                connection.execute(sa.insert(slots).values(**asdict(claim.slot), **beside, created_at=time.time()))

        self._write(commit)

    def adopt(self, slot: Slot, session_id: str, key: StreamKey) -> None:
        """Put the key of an existing session into its slot, in place of what was there."""
        now = time.time()
        values: dict[str, Any] = {"object_id": session_id, "phase": "created", "seen_ids": "[]", "owner": self._owner}
        values |= {**asdict(slot), **self._sealed(key), "lease_until": 0.0, "created_at": now, "updated_at": now}

        def commit(connection: sa.Connection) -> None:
            same_session = (slots.c.object_id == session_id) & (slots.c.phase != "retired")
            self._retire(connection, (_in_slot(slot) & holds_slot) | (_in_slot(slot) & same_session))
            connection.execute(sa.insert(slots).values(**values))

        self._write(commit)

    def withdraw(self, claim: Claim) -> None:
        """Remove an intent of which it is certain that nothing was created."""
        condition = (slots.c.id == claim.row_id) & (slots.c.phase == "pending") & (slots.c.owner == self._owner)
        self._write(lambda connection: connection.execute(sa.delete(slots).where(condition)).rowcount)

    def retire(self, api: str, object_id: str) -> None:
        """Erase the key of a session that is gone."""
        condition = (slots.c.api == api) & (slots.c.object_id == object_id) & (slots.c.phase != "retired")
        self._write(lambda connection: self._retire(connection, condition))

    def retire_room(self, api: str, room_id: str) -> None:
        """Erase the keys of all sessions of a room that is gone, and the room's own row."""
        of_room = (slots.c.parent == room_id) | ((slots.c.kind == "room") & (slots.c.object_id == room_id))
        condition = (slots.c.api == api) & of_room & (slots.c.phase != "retired")
        self._write(lambda connection: self._retire(connection, condition))

    def fingerprint(self, key: StreamKey) -> str:
        return fingerprint(self._fingerprint_key, key.stream_key)

    def _sealed(self, key: StreamKey | None) -> dict[str, Any]:
        if key is None:
            return {"secret": None, "fingerprint": None}
        secret = self._cipher.encrypt({"stream_key": key.stream_key, "rtmp_url": key.rtmp_url})
        return {"secret": secret, "fingerprint": self.fingerprint(key)}

    def _update_claim(self, claim: Claim, values: dict[str, Any]) -> bool:
        mine = _by_id(claim.row_id).where(slots.c.owner == self._owner, slots.c.phase == "pending")
        return self._write(lambda connection: connection.execute(mine.values(**values)).rowcount) == 1

    @staticmethod
    def _retire(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> None:
        values = {"phase": "retired", "secret": None, "lease_until": 0.0, "updated_at": time.time()}
        connection.execute(sa.update(slots).where(condition).values(**values))

    def _row(self, found: sa.Row[Any]) -> Row:
        key = None
        if found.secret is not None:
            secret = self._cipher.decrypt(bytes(found.secret))
            key = StreamKey(secret["stream_key"], secret.get("rtmp_url"))
            self._redactor.learn(key.stream_key)
        return Row(
            id=found.id,
            slot=Slot(found.api, found.kind, found.parent, found.title),
            object_id=found.object_id,
            phase=found.phase,
            key=key,
            fingerprint=found.fingerprint,
            seen_ids=frozenset(json.loads(found.seen_ids)),
            leased=self._is_leased(found),
        )

    def _is_leased(self, found: sa.Row[Any]) -> bool:
        return bool(
            found.phase == "pending"
            and found.owner != self._owner
            and found.lease_until > time.time()
            and not is_known_dead(found.owner or "")
        )

    def _write(self, operation: Callable[[sa.Connection], T]) -> T:
        """Run an operation in a transaction and return its result once it is committed.

        Whoever gets the lock commits for all who wait: with full sync, a commit costs more than the rows in it.
        """
        if not self._writable:
            raise LedgerError("The ledger was opened for reading only.")
        future: Future[T] = Future()
        with self._queue_lock:
            self._queue.append((operation, future))
        with self._write_lock:
            with self._queue_lock:
                batch, self._queue = self._queue, []
            if batch:
                self._commit(batch)
        return future.result()

    def _commit(self, batch: list[tuple[Callable[[sa.Connection], Any], Future[Any]]]) -> None:
        try:
            with _reported("written"), self._transaction(writes=True) as connection:
                results = [operation(connection) for operation, _future in batch]
        except Exception as error:  # noqa: BLE001 - each waits in its own thread for whatever it was
            if len(batch) == 1:
                batch[0][1].set_exception(error)
                return
            # Alone, each fails or succeeds by itself.
            for one in batch:
                self._commit([one])
        except BaseException as error:
            for _operation, future in batch:
                future.set_exception(error)
            raise
        else:
            for (_operation, future), result in zip(batch, results, strict=True):
                future.set_result(result)

    @contextmanager
    def _transaction(self, *, writes: bool) -> Iterator[sa.Connection]:
        with self._engine.connect().execution_options(writes=writes) as connection, connection.begin():
            yield connection

    def _open_schema(self, *, writable: bool) -> str:
        """Create the schema on first use, prove that encryption works both ways, return the fingerprint key."""
        with _reported("opened"), self._transaction(writes=writable) as connection:
            if writable:
                lock_schema(connection)
                METADATA.create_all(connection)
            elif not sa.inspect(connection).has_table("meta"):
                return new_fingerprint_key()
            stored = {row.name: row.value for row in connection.execute(sa.select(meta.c.name, meta.c.value))}
            if not stored:
                if not writable:
                    return new_fingerprint_key()
                key = new_fingerprint_key()
                token = self._cipher.encrypt({"fingerprint_key": key})
                stored = {"schema_version": SCHEMA_VERSION.encode(), "fingerprint_key": token}
                rows = [{"name": name, "value": value} for name, value in stored.items()]
                connection.execute(sa.insert(meta), rows)
            elif writable:
                # A write that changes nothing: a read-only or full disk is found here, before any POST.
                connection.execute(sa.update(meta).values(value=meta.c.value))
            version = bytes(stored.get("schema_version", b"?")).decode()
            if version != SCHEMA_VERSION:
                raise LedgerError(
                    f"The ledger has schema version {version}; this version of the collection knows "
                    f"{SCHEMA_VERSION}. Use the version of the collection that wrote it, or a newer one."
                )
            return str(self._cipher.decrypt(bytes(stored["fingerprint_key"]))["fingerprint_key"])


def open_ledger(settings: LedgerSettings, redactor: Redactor, owner: str, *, writable: bool = True) -> Ledger | None:
    """Open the ledger; return None where it may not be written and does not exist yet.

    Raise LedgerError where it, its folder or its key cannot be used: before any call to the service.
    """
    if not ledger_location.exists(settings):
        ledger_location.check_can_be_created(settings)
        if not writable:
            return None
    cipher = Cipher(ledger_location.prepare_keys(settings, redactor, create=writable))
    engine = ledger_location.create_engine(settings, create=writable)
    return Ledger(engine, cipher, redactor, owner, writable=writable)


def _new_id(inserted: sa.CursorResult[Any]) -> int:
    # The key is optional only for an INSERT of several rows.
    return int(inserted.inserted_primary_key[0]) if inserted.inserted_primary_key else 0


def _in_slot(slot: Slot) -> sa.ColumnElement[bool]:
    return (
        (slots.c.api == slot.api)
        & (slots.c.kind == slot.kind)
        & (slots.c.parent == slot.parent)
        & (slots.c.title == slot.title)
    )


def _by_id(row_id: int) -> sa.Update:
    return sa.update(slots).where(slots.c.id == row_id)


@contextmanager
def _reported(done: str) -> Iterator[None]:
    """Turn the database's errors into one sentence, of its own message only the first line: more could quote values."""
    try:
        yield
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or type(error).__name__).splitlines()[0][:200]
        raise LedgerError(
            f"The ledger cannot be {done}: {reason}. Check ledger_url, the disk and the permissions."
        ) from None
