# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""The stream-key ledger: what was created in which slot, with the encrypted keys, in SQLite or PostgreSQL.

A slot is the place of one room of an account, or of one current session in a room. One row holds the slot. Its phase is
``pending`` for an intent, which is committed before the POST, and ``created`` or ``keyless`` after that. A pending row
has a lease: until that ends, only its owner may create. Further rows of the slot do not hold it:

- ``replaced``: a session that a new one replaces. It is removed once the key of the new one is stored.
- ``spare``: a second session, created by a run that had lost its lease. The next run removes it.
- ``beside``: a session that was named by its id, or that has a row under another spelling of the service's URL. No run
  removes it.
- ``retired``: a session that is over. Its key was erased. The row is deleted once no request of its slot is unanswered:
  until then it shows that the session is known.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from .._core.comparison import Memory, memory_text
from .._core.model import StreamKey
from .._core.secrecy import Redactor
from . import changes, unanswered
from .account_names import learn
from .claims import Busy, Claim, Claims
from .database import LONG_PAUSES
from .location import LedgerSettings, may_exist
from .opening import open_database
from .rows import AccountNames, Kind, Phase, Row, Slot
from .schema import BESIDE, is_not_retired, slots
from .unanswered import REMEMBERED

__all__ = ["Busy", "Claim", "Kind", "Ledger", "Phase", "Row", "Slot", "open_existing_ledger", "open_ledger"]


class Ledger(Claims):
    """An open ledger with all methods of a run: to read, to claim a slot, and to store what was created."""

    def adopt(self, slot: Slot, session_id: str, key: StreamKey, over_ids: Collection[str] = ()) -> None:
        """Store the key of an existing session. The session gets its slot, unless another one holds it.

        A session in ``over_ids`` gives up the slot, and its key is erased. The caller must know that such a session is
        over: that a list does not show it is no proof.
        """

        def commit(connection: sa.Connection) -> None:
            now = self._database.now(connection)
            values = {**self._codec.key_columns(key), "updated_at": now}
            same = (slots.c.api == slot.api) & (slots.c.kind == "session") & (slots.c.object_id == session_id)
            chosen = sa.select(slots.c.id, slots.c.phase).where(same & is_not_retired)
            known = connection.execute(chosen.order_by(slots.c.phase.in_(BESIDE), slots.c.id)).first()
            held = changes.holder_of(connection, slot)
            other = held is not None and (known is None or held.id != known.id)
            if other and held is not None and self._is_over(held, over_ids, now):
                changes.retire(connection, slots.c.id == held.id, now)
                other = False
            phase = "beside" if other else "created"
            if known is not None:
                kept_beside = {"phase": known.phase} if other and known.phase in BESIDE else {"phase": phase}
                connection.execute(changes.by_id(known.id).values(**values, **kept_beside, lease_until=0.0))
                return
            changes.insert(connection, slot, now, **values, phase=phase, object_id=session_id, owner=self._owner)

        self._commits.run(commit, LONG_PAUSES)

    def _is_over(self, held: sa.Row[Any], over_ids: Collection[str], now: float) -> bool:
        """Return whether the row that holds a slot may give it up: its session is over, or its intent is unsent."""
        if held.phase == "pending":
            return self._is_unsent(held, now)
        return held.object_id in over_ids

    def _is_unsent(self, intent: sa.Row[Any], now: float) -> bool:
        """Return whether an intent without a lease has neither an unanswered request nor a key."""
        return intent.secret is None and intent.unanswered is None and not self._codec.is_leased(intent, now)

    def remember(self, slot: Slot, object_id: str, memory: Memory) -> None:
        """Store the memory of a room or session: fields that the service stored otherwise than they were sent."""

        def commit(connection: sa.Connection) -> None:
            now = self._database.now(connection)
            same = (slots.c.api == slot.api) & (slots.c.object_id == object_id) & is_not_retired
            update = sa.update(slots).where(same).values(memory=memory_text(memory))
            if connection.execute(update).rowcount or not memory:
                return
            free = "created" if slot.kind == "room" else "keyless"
            phase = free if changes.holder_of(connection, slot) is None else "beside"
            known = {"object_id": object_id, "memory": memory_text(memory)}
            changes.insert(connection, slot, now, phase=phase, owner=self._owner, **known)

        self._commits.run(commit)

    def assign_rooms(self, row_ids: Collection[int], account: str, names: AccountNames | None = None) -> None:
        """Store the account that the rooms of these rows belong to. Earlier versions did not store it.

        If the account already has a row for the same title, that row keeps the slot. ``names``: remembered for runs
        that do not know this name of the account yet.
        """

        def commit(connection: sa.Connection) -> None:
            chosen = sa.select(slots.c.id, slots.c.api, slots.c.title, slots.c.phase)
            rows = connection.execute(chosen.where(slots.c.id.in_(list(row_ids)))).all()
            for api in {row.api for row in rows}:
                learn(connection, api, names or AccountNames())
            for row in rows:
                holder = changes.holder_of(connection, Slot(row.api, "room", account, row.title))
                is_second = holder is not None and holder.id != row.id
                phase = "beside" if is_second and row.phase not in BESIDE else row.phase
                connection.execute(changes.by_id(row.id).values(parent=account, phase=phase))

        self._commits.run(commit)

    def resolve_requests(self, known: Row, count: int) -> None:
        """Note that the results of ``count`` unanswered requests were found and removed.

        ``known`` is their row as it was read before. An intent whose requests are all resolved is withdrawn, unless
        another run has claimed it meanwhile: that run resolves them itself.
        """
        done: list[str | None] = []

        def commit(connection: sa.Connection) -> None:
            row = connection.execute(sa.select(slots).where(slots.c.id == known.id)).first()
            if row is None or row.unanswered in done:
                # The row was deleted, or an earlier attempt committed this and only its acknowledgement was lost.
                return
            if self._codec.is_leased(row, self._database.now(connection)):
                return
            requests = unanswered.read(row.unanswered, row.created_at, row.updated_at)
            if not requests or requests.since != known.unanswered.since:
                # Another run has resolved them. It may have begun anew, in a row that got the same id (SQLite).
                return
            left = requests.resolved(count)
            if row.phase == "pending" and not left and row.secret is None:
                changes.withdraw(connection, slots.c.id == known.id)
                return
            done.append(unanswered.written(left))
            values: dict[str, Any] = {"unanswered": unanswered.written(left)}
            if not left and row.phase != "pending":
                values["seen_ids"] = "[]"
            connection.execute(changes.by_id(known.id).values(**values))
            changes.delete_unneeded(connection)

        self._commits.run(commit)

    def withdraw_unsent(self, slot: Slot) -> None:
        """Delete the intent of a slot if it has sent no request and has no lease.

        If no row holds the slot then, the session that was to be replaced holds it again.
        """

        def commit(connection: sa.Connection) -> None:
            now = self._database.now(connection)
            held = changes.holder_of(connection, slot)
            if held is None:
                changes.give_back(connection, slot)
            elif held.phase == "pending" and self._is_unsent(held, now):
                changes.withdraw(connection, slots.c.id == held.id)

        self._commits.run(commit)

    def retire(self, api: str, ids: Collection[str]) -> None:
        """Erase the keys of sessions that are over or deleted. ``ids`` may also be rooms, with all their sessions."""
        of_ids = slots.c.object_id.in_(list(ids)) | ((slots.c.kind == "session") & slots.c.parent.in_(list(ids)))
        condition = (slots.c.api == api) & of_ids & is_not_retired
        self._commits.run(lambda connection: changes.retire(connection, condition, self._database.now(connection)))

    def forget_old_requests(self) -> None:
        """Delete unanswered requests after REMEMBERED seconds, and the ids and rows that are kept because of them."""

        def commit(connection: sa.Connection) -> None:
            long_ago = slots.c.updated_at < self._database.now(connection) - REMEMBERED
            old = slots.c.unanswered.is_not(None) & long_ago & (slots.c.phase != "pending")
            connection.execute(sa.update(slots).where(old).values(unanswered=None, seen_ids="[]"))
            changes.delete_unneeded(connection)

        self._commits.run(commit)


def open_ledger(settings: LedgerSettings, redactor: Redactor, owner: str, *, writable: bool = True) -> Ledger | None:
    """Open the ledger. Return None if it does not exist and may not be written.

    Raise InvalidInput or LedgerError if it, its folder or its key cannot be used.
    """
    opened = open_database(settings, redactor, owner, writable=writable)
    return Ledger(opened) if opened is not None else None


def open_existing_ledger(settings: LedgerSettings, redactor: Redactor, owner: str, *, writable: bool) -> Ledger | None:
    """Open the ledger as ``open_ledger`` does, but never create one: return None where there is none yet."""
    return open_ledger(settings, redactor, owner, writable=writable) if may_exist(settings) else None
