# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows of the ledger as values, and how a stream key goes into a row and comes out of it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import sqlalchemy as sa

from . import doubts
from .doubts import Doubt
from .errors import LedgerError
from .lease_owner import is_known_dead
from .ledger_schema import slots
from .model import StreamKey
from .secrecy import Cipher, Redactor, fingerprint

Kind = Literal["room", "session"]
Phase = Literal["pending", "created", "keyless", "spare", "retired"]


@dataclass(frozen=True)
class Slot:
    api: str
    kind: Kind
    parent: str
    title: str

    def condition(self) -> sa.ColumnElement[bool]:
        """Return the condition that a row is of this slot; it may be retired."""
        return sa.and_(*(slots.c[name] == value for name, value in asdict(self).items()))


@dataclass(frozen=True)
class Row:
    """One ledger row, last changed ``age`` seconds ago. ``leased`` says whether another run's lease on it still lasts.

    ``doubt`` is about requests to create, None where no such request was left without an answer. ``damaged``: what the
    row holds cannot be read; only Codec.entry returns such a row.
    """

    id: int
    slot: Slot
    object_id: str | None
    phase: Phase
    key: StreamKey | None
    fingerprint: str | None
    seen_ids: frozenset[str]
    leased: bool
    doubt: Doubt | None = None
    age: float = field(default=0.0, compare=False)
    damaged: bool = False


class Codec:
    """Knows the keys of one ledger, and which run is reading."""

    def __init__(self, cipher: Cipher, fingerprint_key: str, redactor: Redactor, owner: str) -> None:
        self._cipher = cipher
        self._fingerprint_key = fingerprint_key
        self._redactor = redactor
        self._owner = owner

    def fingerprint(self, key: StreamKey) -> str:
        return fingerprint(self._fingerprint_key, key.stream_key)

    def sealed(self, key: StreamKey | None) -> dict[str, Any]:
        """Return the columns that hold a key."""
        if key is None:
            return {"secret": None, "fingerprint": None}
        secret = self._cipher.encrypt({"stream_key": key.stream_key, "rtmp_url": key.rtmp_url})
        return {"secret": secret, "fingerprint": self.fingerprint(key)}

    def row(self, found: sa.Row[Any], now: float) -> Row:
        """Return a row as a value; raise LedgerError, with its name, where it cannot be read."""
        row = self.entry(found, now)
        if row.damaged:
            raise LedgerError(
                f"The ledger's entry {row.id}, {row.slot.kind} '{row.slot.title}' ({row.object_id or 'no id'}), is "
                "damaged or was written with a key that is not given. Restore the ledger from a copy, or forget the "
                "entry with tenbyte.webinar.ledger; it was left as it is."
            )
        return row

    def entry(self, found: sa.Row[Any], now: float) -> Row:
        """Return a row as a value, marked where it cannot be read."""
        key, damaged, seen_ids, doubt = None, False, frozenset[str](), None
        try:
            doubt = doubts.read(found.doubt)
            seen_ids = frozenset(json.loads(found.seen_ids))
            if found.secret is not None:
                secret = self._cipher.decrypt(bytes(found.secret))
                key = StreamKey(secret["stream_key"], secret.get("rtmp_url"))
                self._redactor.learn(key.stream_key)
        except (LedgerError, KeyError, TypeError, ValueError):
            damaged = True
        return Row(
            id=found.id,
            slot=Slot(found.api, found.kind, found.parent, found.title),
            object_id=found.object_id,
            phase=found.phase,
            key=key,
            fingerprint=found.fingerprint,
            seen_ids=seen_ids,
            leased=self.is_leased(found, now),
            doubt=doubt,
            age=now - found.updated_at,
            damaged=damaged,
        )

    def is_leased(self, found: sa.Row[Any], now: float) -> bool:
        """Say whether another run, which is not known to be dead, holds a lease that lasts."""
        return bool(
            found.phase == "pending"
            and found.owner != self._owner
            and found.lease_until > now
            and not is_known_dead(found.owner or "")
        )
