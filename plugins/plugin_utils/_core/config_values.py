# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Which stream keys and ingest URLs are safe in a configuration file of an encoder."""

from __future__ import annotations

import re

from .errors import StreamKeyMissing

# The characters of a stream key or ingest URL that may be written into a configuration file: RTMP playpaths and URLs
# need no others. Quotes, blanks, '$', '%', ';', '#', backslashes and braces are excluded, because a hostile response
# could inject with them into ffmpeg presets, systemd units, supervisord or nginx.
_PLAIN_STREAM_KEY = re.compile(r"[A-Za-z0-9._~:@/?&=+,!*-]{1,512}\Z")
# Not urllib's parser: it silently drops tabs and line ends.
_PLAIN_INGEST_URL = re.compile(
    r"(?P<scheme>[a-z]+)://"
    r"(?P<host>[A-Za-z0-9][A-Za-z0-9.-]{0,252}|\[[0-9A-Fa-f:.]{2,45}\])"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?:/[A-Za-z0-9._~:@/?&=+,!*-]{0,1024})?\Z"
)
# WHIP uses HTTPS.
INGEST_SCHEMES = ("rtmp", "rtmps", "https")

NOT_PLAIN = (
    "The service issued a stream key with characters that do not belong in one (blanks, quotes, control characters, $, "
    "%, ;, braces or the like). It stays in the ledger and is not passed to an encoder."
)


def is_plain_stream_key(stream_key: str) -> bool:
    return bool(_PLAIN_STREAM_KEY.match(stream_key))


def require_plain_stream_key(stream_key: str) -> str:
    """Return the key if it is safe in a configuration file, else raise StreamKeyMissing."""
    if not is_plain_stream_key(stream_key):
        raise StreamKeyMissing(NOT_PLAIN)
    return stream_key


def is_plain_ingest_url(url: str) -> bool:
    """Return whether an ingest URL is safe in a configuration file: scheme, host, port and path of plain characters."""
    found = _PLAIN_INGEST_URL.match(url)
    if found is None or found["scheme"] not in INGEST_SCHEMES:
        return False
    return found["port"] is None or 0 < int(found["port"]) < 65536
