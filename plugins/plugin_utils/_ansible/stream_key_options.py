# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""The action ``stream_key``: turns its options into a session and a key, and what was done with them into a result."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from .._core.config_values import INGEST_SCHEMES, is_plain_ingest_url, require_plain_stream_key
from .._core.errors import InvalidInput, StreamKeyMissing
from .._core.model import StreamKey
from .._core.secrecy import Redactor
from .._core.user_values import checked_uuid
from .._operations.adoption import Fingerprints, KeptKey, adopt, forget
from .connection_options import connection_from
from .ledger_location import ledger_settings_from
from .ledger_results import LEDGER


def keep_or_forget(options: Mapping[str, Any], redactor: Redactor, *, check_mode: bool) -> dict[str, Any]:
    """Return the result of the action ``stream_key``, with fingerprints in place of the key.

    Raise InvalidInput where the key is malformed, where its session is unknown or over, or where adopting the key would
    overwrite another one.
    """
    # First of all, so that every later error message is masked.
    redactor.learn(options.get("stream_key"))
    session_id = checked_uuid(options["session_id"], "session_id") or ""
    settings = ledger_settings_from(options, os.environ)
    if options["state"] == "absent":
        kept = forget(settings, session_id, redactor, check_mode=check_mode)
    else:
        key = _given_key(options)
        connection = connection_from(options, redactor)
        kept = adopt(connection, settings, session_id, key, redactor, check_mode=check_mode)
    shown: dict[str, Any] = redactor.value(_result(kept))
    return shown


def _given_key(options: Mapping[str, Any]) -> StreamKey:
    stream_key, rtmp_url = options.get("stream_key") or "", options.get("rtmp_url") or None
    if not stream_key:
        raise InvalidInput("stream_key is missing. Give the key that the service showed for the session.")
    if "://" in stream_key:
        raise InvalidInput(
            "stream_key is an address. Give the key alone as stream_key, and the address, without the key, as rtmp_url."
        )
    try:
        require_plain_stream_key(stream_key)
    except StreamKeyMissing:
        raise InvalidInput(
            "stream_key holds characters that do not belong in one (blanks, quotes, control characters, $, %, ;, "
            "braces or the like). Copy it again from where it was shown."
        ) from None
    if rtmp_url is not None and not is_plain_ingest_url(rtmp_url):
        raise InvalidInput(
            f"rtmp_url is not an ingest URL: {', '.join(INGEST_SCHEMES)} and a host, without user name, blanks, "
            "quotes or the like. Copy it from where the stream key was shown."
        )
    return StreamKey(stream_key, rtmp_url)


def _result(kept: KeptKey) -> dict[str, Any]:
    return {
        "changed": kept.changed,
        "session": {
            "id": kept.session_id,
            "room_id": kept.room_id,
            "room": kept.room,
            "title": kept.title,
            "status": kept.status,
            "stream_key_available": kept.after is not None,
            "stream_key_fingerprint": kept.after.stream_key if kept.after else None,
        },
        "diff": {
            "before_header": LEDGER,
            "after_header": LEDGER,
            "before": _entry(kept.session_id, kept.before),
            "after": _entry(kept.session_id, kept.after),
        },
    }


def _entry(session_id: str, key: Fingerprints | None) -> dict[str, Any]:
    """Return what a diff shows. The ingest URL is a fingerprint too, because it may contain a key."""
    if key is None:
        return {}
    return {
        "session_id": session_id,
        "stream_key_fingerprint": key.stream_key,
        "rtmp_url_fingerprint": key.rtmp_url,
    }
