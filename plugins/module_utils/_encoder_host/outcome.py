# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""What was, or in check mode would be, done to the processes of a host."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .files import Files


@dataclass
class Outcome:
    """Names of streams and units, and sentences about what could not be reached."""

    started: list[str] = field(default_factory=list)
    restarted: list[str] = field(default_factory=list)
    reloaded: list[str] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    enabled: list[str] = field(default_factory=list)
    unreached: list[str] = field(default_factory=list)


def revision_of(stream: Mapping[str, Any], files: Files) -> str:
    """Return a value that changes with everything that the process of a stream starts with.

    The key is in it by the time when its file was written, so a key that an interrupted run has written counts. A file
    that check mode would write has no such time yet.
    """
    if files.check and stream["key"] in files.written:
        return ""
    written = Path(stream["key"]).stat().st_mtime_ns
    return hashlib.sha256(f"{stream['revision']} {written}".encode()).hexdigest()[:16]
