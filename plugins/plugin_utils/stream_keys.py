# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads stream keys from the ledger, for the lookup."""

from __future__ import annotations

from contextlib import closing

from . import ledger_location
from .errors import StreamKeyMissing
from .lease_owner import new_owner
from .ledger import open_ledger
from .ledger_location import LedgerSettings
from .plain_text import quoted_id
from .secrecy import Redactor, require_plain_stream_key


def stream_key_of(settings: LedgerSettings, session_id: str, redactor: Redactor) -> str:
    """Return a session's stream key, safe to write into a configuration file.

    Raise StreamKeyMissing where the ledger has none, LedgerError where the ledger cannot be used.
    """
    ledger = None
    if ledger_location.may_exist(settings):
        ledger = open_ledger(settings, redactor, new_owner(), writable=False)
    if ledger is None:
        raise StreamKeyMissing(
            f"ledger_url: there is no ledger at {ledger_location.shown(settings)}. Name the ledger that the "
            "sessions were created with: as ledger_url, the variable tenbyte_ledger_url or TENBYTE_LEDGER_URL."
        )
    with closing(ledger):
        row = ledger.row_of_session(session_id)
    if row is None or row.key is None:
        raise StreamKeyMissing(
            f"The ledger holds no stream key for a session with the id {quoted_id(session_id)}. Give the id of a "
            "session that tenbyte.webinar.event or tenbyte.webinar.session created with this ledger."
        )
    return require_plain_stream_key(row.key.stream_key)
