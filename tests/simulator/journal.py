# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The journal of requests, without secrets. Tests count calls in it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, overload

from .operations import OPERATIONS
from .validation import Unacceptable, uuid

WORDS_OF_PATHS = frozenset(segment for path in OPERATIONS for segment in path.split("/"))


@dataclass(frozen=True)
class Entry:
    """One request. ``path`` is below the API's base URL and has no query.

    ``status`` is ``None`` if the connection was closed without a response. ``credential`` is a user name,
    ``anonymous`` or ``invalid``. ``at``: when the request arrived, in seconds of the monotonic clock.
    """

    method: str
    path: str
    status: int | None
    credential: str
    at: float


class Journal(Sequence[Entry]):
    """The entries, in the order in which the requests were completed. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: list[Entry] = []

    def record(self, method: str, path: str, status: int | None, credential: str, at: float) -> None:
        entry = Entry(method, safe_path(path), status, credential, at)
        with self._lock:
            self._entries.append(entry)

    def writes(self) -> list[Entry]:
        """Return the entries whose method is not GET."""
        return [entry for entry in self.entries() if entry.method != "GET"]

    def entries(self) -> list[Entry]:
        with self._lock:
            return list(self._entries)

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()

    def as_data(self) -> list[dict[str, Any]]:
        return [asdict(entry) for entry in self.entries()]

    def __len__(self) -> int:
        with self._lock:
            return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries())

    @overload
    def __getitem__(self, index: int) -> Entry: ...

    @overload
    def __getitem__(self, index: slice) -> list[Entry]: ...

    def __getitem__(self, index: int | slice) -> Entry | list[Entry]:
        return self.entries()[index]


def safe_path(path: str) -> str:
    """Return the path with every segment masked that is neither in the contract nor a UUID.

    Otherwise the journal would store a key or token that a client puts into a URL.
    """
    return "/".join(segment if _is_known(segment) else "{masked}" for segment in path.split("/"))


def _is_known(segment: str) -> bool:
    if not segment or segment in WORDS_OF_PATHS:
        return True
    try:
        uuid(segment)
    except Unacceptable:
        return False
    return True
