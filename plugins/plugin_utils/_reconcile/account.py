# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""The account that a credential belongs to: its rooms are the only ones that a run may use."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .._core.model import Room
from .._ledger.rows import AccountNames
from .._service.transport import Connection

# Earlier versions of the ledger did not store the account of a room.
UNKNOWN = ""


@dataclass(frozen=True)
class Account:
    """``name`` is the host's id where a room reports it, else a name made of the credential.

    ``other_names`` are names made of the credential: the ledger may have rows from before the host's id was known.
    """

    name: str
    host_id: str | None = None
    other_names: tuple[str, ...] = ()

    @property
    def names(self) -> AccountNames:
        credential = self.other_names if self.host_id is not None else (self.name, *self.other_names)
        return AccountNames(self.host_id, credential)

    def has(self, name: str) -> bool:
        return name in (self.name, *self.other_names)


def account_of(connection: Connection, rooms: Iterable[Room], fingerprint: Callable[[str], str]) -> Account:
    """Return the account of a credential, given its rooms and a function that fingerprints a secret."""
    names = _names_of(connection, fingerprint)
    hosts = {room.host_id.lower() for room in rooms if room.host_id}
    if len(hosts) == 1:
        (host,) = hosts
        return Account(host, host, names)
    return Account(names[0], None, names[1:])


def _names_of(connection: Connection, fingerprint: Callable[[str], str]) -> tuple[str, ...]:
    """Return the names that a credential gives an account; the subject of a token stays when the token is renewed."""
    credential = connection.api_key or connection.api_token or ""
    subject = _subject(connection.api_token)
    names = [f"subject {subject}"] if subject else []
    return (*names, f"credential {fingerprint(credential)}")


def _subject(token: str | None) -> str | None:
    """Return the subject of a JSON Web Token (RFC 7519, section 4.1.2), None for any other token.

    Its signature is not checked: the subject only names this account's rooms in the user's own ledger.
    """
    parts = (token or "").split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return None
    subject = claims.get("sub") if isinstance(claims, dict) else None
    return subject if isinstance(subject, str) and 0 < len(subject) <= 200 else None
