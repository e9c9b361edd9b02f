# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Whether a folder is the role's, and whether streams are sent from another folder of the host. Changes nothing."""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

# Files of the role in its folder name the collection in their first lines.
_MARK, _HEAD = b"tenbyte.webinar", 1000
# Bytes, of a record.
_LARGEST = 1 << 20
# As units of the role have it, with %i for the name of a stream.
_SETTINGS = re.compile(r"^LoadCredential=[^:\n]+:(/\S+)/(?:streams|keys|pushes)/%i", re.MULTILINE)
# Of the record of a stream that another folder sends: what tells which one it is.
_TOLD = ("name", "label", "room_id", "room", "title", "session_id")
# Where there is supervisord: ROOT/run/NAME/lock in the environment of each ffmpeg of the role ffmpeg_encoder, and the
# arguments of the program that starts one again when it has ended.
_LOCK = re.compile(rb"\0TENBYTE_ENCODER_LOCK=(/[^\0]+)/run/([^/\0]+)/lock\0")
_PROGRAM = re.compile(rb"\0(/[^\0]+)/encoder\.py\0\1/streams/([^/\0]+)\.json\0")


def foreign_file(root: Path, records: Sequence[Sequence[str]], own_names: Sequence[str], mode: int) -> str:
    """Return a file in a folder that no role has used, empty if there is none or the folder is the role's.

    ``records`` are the contents of what may be the role's records of streams, with their paths. They come first in the
    folder, and the files with the mark go last. What then stays, in a folder that still has its ``mode``, is a user's,
    and harmless unless it has one of the role's ``own_names``: those are written and removed.
    """
    if any(_is_record(text) for _path, text in records) or any(_is_marked(path) for path in _listed(root)):
        return ""
    is_left = root.is_dir() and stat.S_IMODE(root.stat().st_mode) == mode
    places = [root / name for name in own_names if (root / name).exists()] if is_left else [root]
    return next((found for place in places if (found := _first_file(place))), "")


def _first_file(place: Path) -> str:
    if place.exists() and not place.is_dir():
        return str(place)
    for folder, _folders, names in os.walk(place):
        for name in names:
            # What a killed run has left of a file. It may have been the first one.
            if not (name.startswith(".") and name.endswith(".unfinished")):
                return str(Path(folder, name))
    return ""


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _is_marked(path: Path) -> bool:
    try:
        # To open a pipe would wait for whoever writes it.
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return _MARK in file.read(_HEAD)
    except OSError:
        return False


def _is_record(text: str) -> bool:
    record = _record_of(text)
    return "label" in record or "session_id" in record


def _record_of(text: str) -> Mapping[str, Any]:
    with contextlib.suppress(ValueError):
        record = json.loads(text)
        if isinstance(record, dict):
            return record
    return {}


def other_root(unit: str, root: Path, records: str) -> str:
    """Return the folder that a unit of the role has its settings from, if it is not ``root`` and has ``records``."""
    with contextlib.suppress(OSError):
        found = _SETTINGS.search(Path(unit).read_text(errors="replace"))
        other = Path(found[1]) if found else root
        if other.resolve() != root.resolve() and any(one.is_file() for one in other.glob(records)):
            return str(other)
    return ""


def _trusted(path: Path) -> str:
    """Return a text file of root's or of the module's user. Any user may name others in a process's environment."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        about = os.fstat(descriptor)
        is_trusted = stat.S_ISREG(about.st_mode) and about.st_uid in (0, os.getuid())
        return file.read(_LARGEST).decode(errors="replace") if is_trusted else ""


def sent_elsewhere(root: Path, host: str) -> list[list[Any]]:
    """Return folder and record of each stream that is sent here from another folder than ``root``.

    Only by encoders that were set up as this ``host``: two of an inventory may be one machine, and a session that moves
    between them is no such one. Encoders of other users cannot be seen without root's rights.
    """
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            # Its arguments may be read by anybody, its environment may not.
            sending = _LOCK.findall(b"\0" + (process / "environ").read_bytes())
            sending += _PROGRAM.findall((process / "cmdline").read_bytes())
            for folder, name in sending:
                # Any user may have links that lead to the role's own folder.
                file = Path(os.fsdecode(folder), "about", f"{os.fsdecode(name)}.json").resolve()
                other, record = file.parent.parent, _record_of(_trusted(file))
                if other != root.resolve() and record.get("host") == host:
                    found[(str(other), os.fsdecode(name))] = {key: record.get(key, "") for key in _TOLD}
    return [[folder, found[folder, name]] for folder, name in sorted(found)]
