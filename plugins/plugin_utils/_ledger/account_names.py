# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""The names of an account: the slots of its rooms are one, whichever name a run knows.

The service says only with a room who its host is. Of several runs that begin with an empty account, the first ones know
the name that their credential gives them, and the later ones the host's id. The table ``meta`` remembers which host a
name of a credential belongs to.
"""

from __future__ import annotations

import hashlib
from typing import Any

import sqlalchemy as sa

from . import changes
from .rows import AccountNames, Slot
from .schema import meta

_PREFIX = "account "
# The column has 64 characters.
_DIGITS = 40


def learn(connection: sa.Connection, api: str, names: AccountNames) -> None:
    """Remember which host the names of the credential belong to, if it is known."""
    if names.host is None:
        return
    known = _hosts(connection, api, names)
    for name in names.credential:
        if known.get(name) != names.host:
            connection.execute(sa.delete(meta).where(meta.c.name == _entry(api, name)))
            connection.execute(sa.insert(meta).values(name=_entry(api, name), value=names.host.encode()))


def holder_of_room(connection: sa.Connection, slot: Slot, names: AccountNames) -> tuple[Slot, sa.Row[Any] | None]:
    """Return a room's slot under that name of its account under which a row holds it, and the row."""
    learn(connection, slot.api, names)
    hosts = [names.host] if names.host else list(_hosts(connection, slot.api, names).values())
    # Without a repetition.
    known = list(dict.fromkeys([*hosts, slot.parent, *names.credential]))
    candidates = [Slot(slot.api, slot.kind, name, slot.title) for name in known]
    for one in candidates:
        found = changes.holder_of(connection, one)
        if found is not None:
            return one, found
    return candidates[0], None


def _hosts(connection: sa.Connection, api: str, names: AccountNames) -> dict[str, str]:
    """Return the remembered hosts by name."""
    entries = {_entry(api, name): name for name in names.credential}
    found = connection.execute(sa.select(meta.c.name, meta.c.value).where(meta.c.name.in_(list(entries)))).all()
    return {entries[row.name]: bytes(row.value).decode() for row in found}


def _entry(api: str, name: str) -> str:
    return _PREFIX + hashlib.sha256(f"{api}\n{name}".encode()).hexdigest()[:_DIGITS]
