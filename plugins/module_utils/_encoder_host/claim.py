# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""A role's folder belongs to one host of the inventory: a file in it says to which.

Two hosts of an inventory may be one machine. With one folder, each would take the streams of the other off.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .commands import HostError
from .files import Files

# Seconds. Whoever removes a folder keeps it until its streams are stopped.
_LONGEST_WAIT = 60.0
# Bytes, of the file.
_LARGEST = 10_000


class ClaimedByAnother(Exception):
    """The folder belongs to another ``host``, and nothing was changed."""

    def __init__(self, host: str) -> None:
        super().__init__(host)
        self.host = host


def host_of(path: str) -> str:
    """Return the host that a folder belongs to, by its file. It is empty for a folder of versions without that file."""
    with contextlib.suppress(OSError, ValueError):
        # To open a pipe would wait for whoever writes it.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            noted = json.loads(file.read(_LARGEST))
        host = noted.get("host") if isinstance(noted, dict) else None
        return host if isinstance(host, str) else ""
    return ""


@contextlib.contextmanager
def claimed(request: Mapping[str, Any], files: Files) -> Iterator[None]:
    """Make the folder that of the request's host, or raise ClaimedByAnother; both before anything else is changed.

    It may belong to this host already, to nobody, or to the one that was ``found`` before and that the controller has
    judged. A host that is to have nothing there does not get the folder, but has it for itself until this ends.
    """
    claim, root = request["claim"], Path(request["root"])
    if claim is None:
        yield
        return
    has_streams = request["present"] is not None
    while True:
        if has_streams and not root.is_dir() and not files.check:
            files.folder(str(root), int(claim["root_mode"], 8))
        with _held(root) as is_there:
            # The one that removed it meanwhile has not held it for long.
            if not is_there and has_streams and not files.check:
                continue
            host = host_of(claim["path"])
            if host not in ("", claim["host"], claim["found"]):
                raise ClaimedByAnother(host)
            if not has_streams:
                yield
                return
            files.folder(str(root), int(claim["root_mode"], 8))
            files.file(claim["path"], claim["content"].encode(), 0o600, shown=True)
        break
    yield


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[bool]:
    """Keep other runs from the same, and yield whether there is such a folder."""
    until = time.monotonic() + _LONGEST_WAIT
    descriptor = -1
    try:
        while True:
            try:
                descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            except FileNotFoundError:
                break
            _lock(descriptor, folder, until)
            if _is_still(descriptor, folder):
                break
            os.close(descriptor)
            descriptor = -1
        yield descriptor >= 0
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def _lock(descriptor: int, folder: Path, until: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                raise HostError(f"Another run is at work in {folder} on this host. Run it again later.") from None
            time.sleep(0.05)
        else:
            return


def _is_still(descriptor: int, folder: Path) -> bool:
    """Return whether nobody has removed the folder while its lock was waited for."""
    try:
        return os.path.samestat(os.fstat(descriptor), folder.stat())
    except FileNotFoundError:
        return False
