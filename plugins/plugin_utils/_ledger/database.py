# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""The ledger's database, SQLite or PostgreSQL: connections, transactions, and retries after a lost connection.

Only one transaction writes at a time. SQLite has one lock for the whole file. On PostgreSQL, each writing transaction
begins with the same advisory lock. So writers cannot deadlock, and what a transaction has read does not change before
it commits.
"""

from __future__ import annotations

import os
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from types import TracebackType
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, InterfaceError, InternalError, OperationalError, SQLAlchemyError

from .._core.errors import LedgerError
from .._core.secrecy import Redactor
from . import location
from .file_owners import owner_hint
from .location import LedgerSettings

T = TypeVar("T")
# Tests replace it.
sleep: Callable[[float], None] = time.sleep

# Seconds that a writer waits for other writers.
BUSY_TIMEOUT = 30.0
_LOCKED_PAUSE = 0.05
# After a lost connection or a conflict, a transaction is tried again on a new connection: once after each of these
# pauses (seconds).
PAUSES = (0.1, 0.5, 1.0, 2.0)
# The pauses for a stream key: the service shows a key only once.
LONG_PAUSES = (*PAUSES, 4.0, *[8.0] * 6)
# Bytes. SQLite's write-ahead log grows to about 4 MiB before it is reused (1000 pages, wal_autocheckpoint).
SMALLEST_FREE_SPACE = 8 << 20
# Seconds after which a run closes a connection whose server accepts statements and does not respond.
LONGEST_TRANSACTION = 3 * BUSY_TIMEOUT
_WRITERS_LOCK = 7302847110
# The beginnings of the SQLSTATE codes after which the same transaction may succeed: connection exceptions,
# serialization failures and deadlocks, operator interventions such as a restart, too many connections.
_TRANSIENT_STATES = ("08", "40", "57P", "53300")
_CONNECTING = {
    "connect_timeout": 10,
    # A server that is unreachable is noticed within half a minute, while idle and while data is unacknowledged.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
    "application_name": "tenbyte.webinar",
    "client_encoding": "utf8",
}
_BEGIN_WRITING = f"""
SET LOCAL lock_timeout = '{BUSY_TIMEOUT:.0f}s';
SET LOCAL statement_timeout = '{2 * BUSY_TIMEOUT:.0f}s';
SET LOCAL idle_in_transaction_session_timeout = '{BUSY_TIMEOUT:.0f}s';
SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off';
SELECT pg_advisory_xact_lock({_WRITERS_LOCK})
"""


class Unavailable(LedgerError):
    """The database cannot be used for any operation, also after retries."""


class Database:
    """Runs operations in transactions. Raises Unavailable if the database cannot be used, else LedgerError."""

    def __init__(self, settings: LedgerSettings, redactor: Redactor, *, create: bool) -> None:
        self._settings = settings
        self._redactor = redactor
        self._is_file = location.is_file(settings)
        # Kept, because to parse the URL for each creation takes longer than to ask for the free space.
        self._folder = location.database_file(settings).parent if self._is_file else None
        self._engine = self._sqlite_engine(create=create) if self._is_file else self._postgresql_engine()
        self._writer = _Writer(self._engine)
        # Since the file was last released.
        self._has_written = False

    @property
    def engine(self) -> sa.Engine:
        return self._engine

    def close(self) -> None:
        self._writer.close()
        self._engine.dispose()

    def release_file(self) -> None:
        """Close all connections to a SQLite file that was written, so that the file alone holds everything.

        With the last connection, SQLite moves what is in the write-ahead log into the file. The next use opens it
        again.
        """
        if self._is_file and self._has_written:
            self._has_written = False
            self.close()

    def open(self, operation: Callable[[sa.Connection], T], *, writes: bool) -> T:
        """Like ``read`` or ``write``, with one short retry only: nothing has been created yet that could be lost."""
        return self._with_retries(operation, "opened", PAUSES[:1], writes=writes)

    def read(self, operation: Callable[[sa.Connection], T]) -> T:
        return self._with_retries(operation, "read", PAUSES, writes=False)

    def write(self, operation: Callable[[sa.Connection], T], pauses: tuple[float, ...] = PAUSES) -> T:
        """Run an operation in a transaction. Return its result after the commit.

        ``pauses``: it is tried again once after each of these pauses (seconds). If the connection is lost during the
        commit, the outcome is unknown, and the operation runs again. It must therefore recognise what it has already
        written.
        """
        return self._with_retries(operation, "written", pauses, writes=True)

    def now(self, connection: sa.Connection) -> float:
        """Return the time in seconds since 1970, by the server's clock if several machines share the ledger."""
        if self._is_file:
            return time.time()
        return float(connection.exec_driver_sql("SELECT extract(epoch FROM clock_timestamp())").scalar_one())

    def check_space(self) -> None:
        """Raise LedgerError if the disk is nearly full. Called before a POST, because its key must be stored."""
        if self._folder is None:
            return
        try:
            found = os.statvfs(self._folder)
        except OSError:
            return
        free = found.f_bavail * found.f_frsize
        if free < SMALLEST_FREE_SPACE:
            raise LedgerError(
                f"ledger_url: the disk of {self._folder} has {free >> 10} KiB left, and the ledger needs "
                f"{SMALLEST_FREE_SPACE >> 10}. Make room, or give a ledger_url on another disk. A key that cannot be "
                "written would be lost, so nothing was created."
            )

    def reclaim(self) -> None:
        """Shrink a SQLite file after an upgrade, if more than a quarter of it is free. Errors are suppressed."""
        if not self._is_file:
            return
        path = location.database_file(self._settings)
        # If another run uses the file, it stays as it is.
        with suppress(sqlite3.Error), closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as connection:
            pages, free = (
                connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count")
            )
            if free > pages / 4:
                # The temporary copy is kept in memory, because it would leave ciphertext on the disk.
                connection.executescript("PRAGMA secure_delete=ON; PRAGMA temp_store=MEMORY; VACUUM")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    def _with_retries(
        self, operation: Callable[[sa.Connection], T], done: str, pauses: tuple[float, ...], *, writes: bool
    ) -> T:
        # Each attempt may also wait for a lock, which the pauses do not include.
        give_up = time.monotonic() + sum(pauses) + LONGEST_TRANSACTION
        for pause in (*pauses, None):
            try:
                with self._transaction(writes=writes) as connection:
                    return operation(connection)
            except SQLAlchemyError as error:
                again = is_transient(error) or (pauses == LONG_PAUSES and is_operational(error))
                if pause is None or not again or time.monotonic() > give_up:
                    raise self._as_ledger_error(error, done) from None
            except UnicodeError:
                raise LedgerError(
                    f"The ledger cannot be {done}: a title or an id holds characters that no database takes."
                ) from None
            sleep(pause)
        raise AssertionError("the last pause is None")

    @contextmanager
    def _transaction(self, *, writes: bool) -> Iterator[sa.Connection]:
        self._has_written = self._has_written or writes
        with self._writer if writes else self._engine.connect() as connection:
            if self._is_file:
                with connection.begin():
                    # Not a listener of "begin": with one, SQLAlchemy calls its listeners for each statement too.
                    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
                    yield connection
            else:
                with _with_time_limit(connection), connection.begin():
                    connection.exec_driver_sql(_BEGIN_WRITING if writes else "SET TRANSACTION READ ONLY")
                    yield connection

    def _as_ledger_error(self, error: SQLAlchemyError, done: str) -> LedgerError:
        """Return an error for the user, with only the first line of the database's message: more could quote values."""
        lines = str(getattr(error, "orig", None) or type(error).__name__).strip().splitlines()
        reason = self._redactor.text(lines[0][:200] if lines else type(error).__name__)
        if self._is_file:
            path = location.database_file(self._settings)
            hint = owner_hint(path).strip() or "Check ledger_url, the disk and the permissions."
        else:
            hint = "Check ledger_url, the server and the rights of its user. "
            hint += "Nothing was changed." if done == "opened" else "What was committed is kept; run again."
        kind = Unavailable if is_transient(error) or is_operational(error) else LedgerError
        return kind(f"The ledger cannot be {done}: {reason.rstrip('.')}. {hint}")

    def _sqlite_engine(self, *, create: bool) -> sa.Engine:
        if create:
            location.create_file(self._settings)
        location.check_file(self._settings)
        url = location.parsed_url(self._settings)
        url = url.set(database=str(location.database_file(self._settings)))
        # hide_parameters keeps bound values out of SQLAlchemy's messages.
        engine = sa.create_engine(url, hide_parameters=True, connect_args={"timeout": BUSY_TIMEOUT})
        sa.event.listen(engine, "connect", _configure_sqlite)
        return engine

    def _postgresql_engine(self) -> sa.Engine:
        url = location.parsed_url(self._settings)
        for secret in (url.password, *(url.query.get(name) for name in ("password", "sslpassword"))):
            self._redactor.learn(str(secret) if secret else None)
        connecting: dict[str, Any] = {name: value for name, value in _CONNECTING.items() if name not in url.query}
        # A pooler (PgBouncer) may use another connection for each transaction, where a prepared statement is unknown.
        connecting["prepare_threshold"] = None
        try:
            return sa.create_engine(
                url,
                hide_parameters=True,
                connect_args=connecting,
                # The default of a server or user may be a stricter level, whose snapshot would be older than the lock.
                isolation_level="READ COMMITTED",
                pool_size=2,
                max_overflow=2,
            )
        except ImportError:
            raise LedgerError(
                "ledger_url names PostgreSQL, which needs the Python library psycopg 3 on the controller. Install it "
                "into the Python that runs Ansible: pip install 'psycopg[binary]'"
            ) from None


class _Writer:
    """One connection for all writes, which one thread at a time uses.

    To borrow one from the engine for each write takes longer than the write.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._connection: sa.Connection | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> sa.Connection:
        self._lock.acquire()
        try:
            if self._connection is None:
                self._connection = self._engine.connect()
        except BaseException:
            self._lock.release()
            raise
        return self._connection

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is not None:
                # It may be broken, so the next write gets another one.
                self._drop()
        finally:
            self._lock.release()

    def close(self) -> None:
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


@contextmanager
def _with_time_limit(connection: sa.Connection) -> Iterator[None]:
    """Close the connection after LONGEST_TRANSACTION seconds. The server's own time-outs fail if the server hangs."""
    # A duplicate of the descriptor: the driver cannot close it, so its number cannot be reused for another file.
    peer = socket.socket(fileno=os.dup(connection.connection.driver_connection.fileno()))  # type: ignore[union-attr]
    timer = threading.Timer(LONGEST_TRANSACTION, _shut_down, (peer,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        peer.close()


def _shut_down(peer: socket.socket) -> None:
    with suppress(OSError):
        peer.shutdown(socket.SHUT_RDWR)


def is_transient(error: SQLAlchemyError) -> bool:
    """Return whether the same transaction may succeed if it is tried again."""
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    # sqlite3's errors have no sqlstate. psycopg's is None if no connection was made.
    state = getattr(error.orig, "sqlstate", "")
    return isinstance(error, OperationalError) if state is None else state.startswith(_TRANSIENT_STATES)


def is_operational(error: SQLAlchemyError) -> bool:
    """Return whether the cause is the state of the database (a lock, a full disk, a restart), not the statement."""
    return isinstance(error, (OperationalError, InterfaceError, InternalError))


def _configure_sqlite(connection: Any, _record: Any) -> None:
    # _transaction begins them. The driver would begin one only before its first write, after reads.
    connection.isolation_level = None
    cursor = connection.cursor()
    _keep_a_write_ahead_log(cursor)
    cursor.execute("PRAGMA synchronous=FULL")
    # An erased key is overwritten in the file, not only marked as free space. Its ciphertext may stay in the
    # write-ahead log while another run has the ledger open.
    cursor.execute("PRAGMA secure_delete=ON")
    cursor.close()


def _keep_a_write_ahead_log(cursor: sqlite3.Cursor) -> None:
    """Change a new or an earlier file's journal. SQLite does not wait for another run that writes into it meanwhile."""
    give_up = time.monotonic() + BUSY_TIMEOUT
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if str(error) != "database is locked" or time.monotonic() > give_up:
                raise
        else:
            return
        sleep(_LOCKED_PAUSE)
