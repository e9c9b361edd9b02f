# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Reads stream keys from the ledger, for the lookup."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import closing

from .._core.config_values import require_plain_stream_key
from .._core.errors import NoLedger, StreamKeyMissing
from .._core.plain_text import quoted_id
from .._core.secrecy import Redactor
from .._ledger import location
from .._ledger.lease_owner import new_owner
from .._ledger.location import LedgerSettings
from .._ledger.store import open_existing_ledger

# Clearly not a key, but made of characters that a key may have, so that templates and the roles' checks accept it.
PLACEHOLDER = "check-mode-there-is-no-stream-key-yet"


def stream_keys_of(settings: LedgerSettings, session_ids: Sequence[str], redactor: Redactor) -> list[str]:
    """Return the stream keys of sessions, in their order, each safe to write into a configuration file.

    The ledger is opened once. Raise StreamKeyMissing where it has no key for one of the sessions, NoLedger where there
    is no ledger, and LedgerError where it cannot be used.
    """
    found = kept_stream_keys_of(settings, session_ids, redactor)
    for session_id in session_ids:
        if session_id not in found:
            raise StreamKeyMissing(
                f"The ledger holds no stream key for a session with the id {quoted_id(session_id)}. Give the id of a "
                "session that tenbyte.webinar.event or tenbyte.webinar.session created with this ledger."
            )
    return [found[session_id] for session_id in session_ids]


def kept_stream_keys_of(settings: LedgerSettings, session_ids: Sequence[str], redactor: Redactor) -> dict[str, str]:
    """Return the stream keys that the ledger has, by session id as given. Raise NoLedger where there is no ledger."""
    ledger = open_existing_ledger(settings, redactor, new_owner(), writable=False)
    if ledger is None:
        raise NoLedger(
            f"ledger_url: there is no ledger at {location.shown(settings)}. Name the ledger that the "
            "sessions were created with: as ledger_url, the variable tenbyte_ledger_url or TENBYTE_LEDGER_URL in the "
            "environment of ansible-playbook itself. A lookup does not see the keyword environment of a play or task."
        )
    with closing(ledger):
        rows = {session_id: ledger.row_of_session(session_id) for session_id in dict.fromkeys(session_ids)}
    return {
        session_id: require_plain_stream_key(row.key.stream_key)
        for session_id, row in rows.items()
        if row is not None and row.key is not None
    }


def previewed_stream_keys_of(
    settings: LedgerSettings,
    session_ids: Sequence[str | None],
    going_live: Callable[[], Collection[str]],
    redactor: Redactor,
) -> list[str]:
    """Return, for check mode, the keys in the ledger, and PLACEHOLDER for each that a real run would receive.

    A session that does not exist yet has the id None. ``going_live`` returns the ids of sessions that this run would
    put on air; the service then shows their keys.
    """
    named = [session_id for session_id in session_ids if session_id is not None]
    try:
        kept = kept_stream_keys_of(settings, named, redactor) if named else {}
    except NoLedger:
        if not {session_id.lower() for session_id in named} <= set(going_live()):
            raise
        kept = {}
    missing = [session_id for session_id in named if session_id not in kept]
    if missing and not {session_id.lower() for session_id in missing} <= set(going_live()):
        stream_keys_of(settings, missing, redactor)
    return [PLACEHOLDER if session_id is None else kept.get(session_id, PLACEHOLDER) for session_id in session_ids]
