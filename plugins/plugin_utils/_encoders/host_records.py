# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Reads an encoder role's records on a host: the streams that it has."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

# A role removes paths and units by these names. So a file that does not have such a name is not a stream's.
_NAMES = {
    "ffmpeg_encoder": re.compile(r"[a-z0-9-]{1,64}\Z"),
    "rtmp_relay": re.compile(r"[a-z0-9-]+\.[a-z0-9]+\Z"),
    "obs_encoder": re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z"),
}


def streams_on_host(keys: Iterable[str], records: Iterable[tuple[str, ...]], role: str) -> list[dict[str, Any]]:
    """Return the streams on a host, by the names of their key files, and the (path, content) of their records.

    An older version's stream, or one that was only partly removed, has no record, so only its name is known.
    """
    known: dict[str, dict[str, Any]] = {}
    for path, content in records:
        name = path.partition("/")[0] if "/" in path else path.removesuffix(".json")
        noted = _noted(content)
        if noted is not None and _NAMES[role].match(name):
            known[name] = {**noted, **_named(name, role)}
    names = (file.rpartition(".")[0] for file in keys)
    return [*known.values(), *(_named(one, role) for one in names if _NAMES[role].match(one) and one not in known)]


def _named(name: str, role: str) -> dict[str, Any]:
    """Return what a name tells about its stream. OBS streams are named after the id of their session."""
    return {"name": name, "session_id": name} if role == "obs_encoder" else {"name": name}


def _noted(content: str) -> dict[str, Any] | None:
    try:
        noted = json.loads(content)
    except ValueError:
        return None
    return noted if isinstance(noted, dict) else None
