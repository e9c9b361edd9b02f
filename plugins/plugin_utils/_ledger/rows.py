# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Rows of the ledger as values, and the encryption of the stream keys in them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

import sqlalchemy as sa

from .._core.comparison import Kept, memory_from
from .._core.errors import LedgerError
from .._core.model import StreamKey
from .._core.secrecy import Cipher, Redactor, fingerprint
from .._core.service_url import normalised_or_same
from . import unanswered
from .lease_owner import is_known_ended
from .schema import slots
from .unanswered import Unanswered

Kind = Literal["room", "session"]
Phase = Literal["pending", "created", "keyless", "spare", "replaced", "beside", "retired"]
_NO_IDS, _ALL_ANSWERED = frozenset[str](), Unanswered.none()
_normalised_api = lru_cache(maxsize=64)(normalised_or_same)


@dataclass(frozen=True)
class Slot:
    """A place for one room or one current session. ``parent``: the account for a room, the room's id for a session."""

    api: str
    kind: Kind
    parent: str
    title: str

    def values(self) -> dict[str, str]:
        """Return the columns of a row of this slot."""
        return {"api": self.api, "kind": self.kind, "parent": self.parent, "title": self.title}

    def condition(self) -> sa.ColumnElement[bool]:
        """Return the SQL condition for the rows of this slot, with the retired ones."""
        return sa.and_(*(slots.c[name] == value for name, value in self.values().items()))


@dataclass(frozen=True)
class ChosenRooms:
    """Rooms by their ids and by the titles that the ledger has for them. Rows after ``last_row`` are of any room."""

    ids: frozenset[str]
    titles: frozenset[str]
    last_row: int


@dataclass(frozen=True)
class AccountNames:
    """``host`` is the host's id, None if it is not known. ``credential`` are the names made of the credential."""

    host: str | None = None
    credential: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    """One ledger row, last changed ``age`` seconds ago. ``leased``: another run's lease on it has not ended.

    ``memory``: the fields that the service stored otherwise than they were sent. ``damaged``: the row cannot be read.
    """

    id: int
    slot: Slot
    object_id: str | None
    phase: Phase
    key: StreamKey | None
    fingerprint: str | None
    seen_ids: frozenset[str]
    leased: bool
    unanswered: Unanswered = field(default_factory=Unanswered.none)
    memory: Mapping[str, Kept] = field(default_factory=dict)
    age: float = field(default=0.0, compare=False)
    damaged: bool = False

    @property
    def holds_slot(self) -> bool:
        return self.phase in ("pending", "created", "keyless")

    def aged(self, age: float) -> Row:
        """Return this row as it is now that ``age`` seconds have passed. ``replace`` takes ten times as long."""
        same = object.__new__(Row)
        same.__dict__.update(self.__dict__, age=age)
        return same


def damage(row: Row) -> str:
    """Return the message about a row that cannot be read."""
    return (
        f"The ledger's entry {row.id}, {row.slot.kind} '{row.slot.title}' ({row.object_id or 'no id'}), is damaged or "
        "was written with a key that is not given. Restore the ledger from a copy, or forget the entry with "
        "tenbyte.webinar.ledger; it was left as it is."
    )


class Codec:
    """Converts rows with the keys of one ledger, for the run ``owner``."""

    def __init__(self, cipher: Cipher, fingerprint_key: str, redactor: Redactor, owner: str) -> None:
        self._cipher = cipher
        self._fingerprint_key = fingerprint_key
        self._redactor = redactor
        self._owner = owner
        # By id, what was read last: an item of a loop reads the rows of the items before it.
        self._read: dict[int, tuple[sa.Row[Any], Row]] = {}

    def fingerprint(self, secret: str) -> str:
        return fingerprint(self._fingerprint_key, secret)

    def key_columns(self, key: StreamKey | None) -> dict[str, Any]:
        """Return the columns for a key: ``secret``, encrypted, and ``fingerprint``."""
        if key is None:
            return {"secret": None, "fingerprint": None}
        content = {"stream_key": key.stream_key, "rtmp_url": key.rtmp_url}
        if key.whip_url is not None:
            content["whip_url"] = key.whip_url
        secret = self._cipher.encrypt(content)
        return {"secret": secret, "fingerprint": self.fingerprint(key.stream_key)}

    def undamaged_row(self, found: sa.Row[Any], now: float) -> Row:
        """Return a row as a value. Raise LedgerError, with the name of the entry, if it cannot be read."""
        row = self.row(found, now)
        if row.damaged:
            raise LedgerError(damage(row))
        return row

    def row(self, found: sa.Row[Any], now: float) -> Row:
        """Return a row as a value, marked ``damaged`` if it cannot be read."""
        before, row = self._read.get(found.id, (None, None))
        # Whether another run has a lease may change without the row.
        if row is not None and before == found and row.phase != "pending":
            return row.aged(now - found.updated_at)
        row = self._decoded(found, now)
        self._read[found.id] = (found, row)
        return row

    def _decoded(self, found: sa.Row[Any], now: float) -> Row:
        key, damaged, seen_ids = None, False, _NO_IDS
        requests, memory = _ALL_ANSWERED, dict[str, Kept]()
        try:
            # Most rows have none of these.
            if found.unanswered is not None:
                requests = unanswered.read(found.unanswered, found.created_at, found.updated_at)
            if found.memory is not None:
                memory = memory_from(found.memory)
            if found.seen_ids != "[]":
                seen_ids = frozenset(json.loads(found.seen_ids))
            if found.secret is not None:
                secret = self._cipher.decrypt(bytes(found.secret))
                key = StreamKey(secret["stream_key"], secret.get("rtmp_url"), secret.get("whip_url"))
                self._redactor.learn(key.stream_key)
        except (LedgerError, AttributeError, KeyError, TypeError, ValueError):
            damaged = True
        return Row(
            id=found.id,
            slot=Slot(_normalised_api(found.api), found.kind, found.parent, found.title),
            object_id=found.object_id,
            phase=found.phase,
            key=key,
            fingerprint=found.fingerprint,
            seen_ids=seen_ids,
            leased=self.is_leased(found, now),
            unanswered=requests,
            memory=memory,
            age=now - found.updated_at,
            damaged=damaged,
        )

    def is_leased(self, found: sa.Row[Any], now: float) -> bool:
        """Return whether another run has a lease that lasts, and is not known to have ended."""
        return bool(
            found.phase == "pending"
            and found.owner != self._owner
            and found.lease_until > now
            and not is_known_ended(found.owner or "")
        )
