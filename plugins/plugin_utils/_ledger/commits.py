# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Commits the ledger's writes. Writes of concurrent threads share one transaction."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa

from .._core.errors import LedgerError
from .database import PAUSES, Database, Unavailable

T = TypeVar("T")


@dataclass
class _Write:
    """``is_over``: its ``result`` is committed, or ``error`` says why nothing was."""

    operation: Callable[[sa.Connection], Any]
    pauses: tuple[float, ...]
    is_over: bool = False
    result: Any = None
    error: BaseException | None = None


class Commits:
    """A queue of writes: the thread that gets the lock commits all that are queued.

    Each commit waits for the disk, and that takes longer than writing the rows.
    """

    def __init__(self, database: Database, *, allowed: bool) -> None:
        self._database = database
        self._allowed = allowed
        self._queue: list[_Write] = []
        self._queue_lock = threading.Lock()
        self._write_lock = threading.Lock()

    def run(self, operation: Callable[[sa.Connection], T], pauses: tuple[float, ...] = PAUSES) -> T:
        """Run an operation in a transaction. Return its result after the commit.

        ``pauses``: see Database.write. The operation may run several times; only its last run is committed. Raise
        LedgerError if the ledger is open for reading only, or cannot be written.
        """
        if not self._allowed:
            raise LedgerError("The ledger was opened for reading only.")
        write = _Write(operation, pauses)
        with self._queue_lock:
            self._queue.append(write)
        while not write.is_over:
            with self._write_lock:
                # Another thread may have committed it meanwhile. Then it is not for this one to commit the next ones.
                if not write.is_over:
                    with self._queue_lock:
                        batch, self._queue = self._queue, []
                    if batch:
                        self._commit(batch)
        if write.error is not None:
            raise write.error
        result: T = write.result
        return result

    def _commit(self, batch: list[_Write]) -> None:
        pauses = max((write.pauses for write in batch), key=sum)
        try:
            results = self._database.write(lambda connection: [one.operation(connection) for one in batch], pauses)
        except Exception as error:  # noqa: BLE001 - each thread raises it again for its own write
            if len(batch) == 1 or isinstance(error, Unavailable):
                _fail(batch, error)
                return
            # One of them has failed. Each gets a transaction of its own, so that the others succeed.
            for write in batch:
                self._commit([write])
        except BaseException as error:
            _fail(batch, error)
            raise
        else:
            for write, result in zip(batch, results, strict=True):
                write.result, write.is_over = result, True


def _fail(batch: list[_Write], error: BaseException) -> None:
    for write in batch:
        write.error, write.is_over = error, True
