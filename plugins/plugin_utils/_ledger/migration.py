# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Finds a ledger of any version, reads earlier versions, and upgrades them to the tables of schema.py.

Up to version 3, the tables were called ``meta`` and ``slots``. Other applications may use these names too, so a ledger
is recognised by the content of its tables. The upgrade renames them in its transaction. It also leaves a table ``meta``
with a newer schema version, so that earlier versions of the collection refuse the ledger.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from .._core.errors import LedgerError
from .._core.service_url import normalised_or_same
from . import unanswered
from .lease_owner import is_known_ended
from .schema import METADATA, OF_SLOT, ONE_ROW_PER_SLOT, complete_indexes, holds_slot, is_unneeded, meta, slots
from .unanswered import Unanswered

# The first schema version whose tables have the prefix tenbyte_webinar_.
FIRST_WITH_OWN_NAMES = 4
_EARLIER = sa.MetaData()
_earlier_meta = sa.Table(
    "meta",
    _EARLIER,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("value", sa.LargeBinary, nullable=False),
)
_EARLIER_SLOTS = "slots"
_EARLIER_UNIQUE_INDEX = "one_row_per_slot"
_EARLIER_INDEXES = ("ix_slots_object_id", _EARLIER_UNIQUE_INDEX)
_BLOCKING_VIEW = (
    "CREATE VIEW one_row_per_slot AS SELECT 'keeps earlier versions of tenbyte.webinar from making a ledger' AS purpose"
)
# Today's column names with their earlier ones.
_RENAMED = {"unanswered": "doubt"}


@dataclass(frozen=True)
class Migration:
    """The upgrade from one version to the next. ``adds``: columns to add to ``slots``; they must allow null.

    ``step`` runs in the same transaction, after the columns were added. The tables already have today's names.
    """

    adds: tuple[sa.Column[Any], ...] = ()
    step: Callable[[sa.Connection], object] | None = None


class InUse(LedgerError):
    """A run of an earlier version is creating something. It could not store the key in renamed tables."""


@dataclass(frozen=True)
class Found:
    """A ledger in a database: its schema version, and the content of its table ``meta``."""

    version: int
    values: Mapping[str, bytes] = field(repr=False)


def find(connection: sa.Connection) -> Found | None:
    """Return the ledger in a database, None if it has none. Tables of other applications are not a ledger.

    Raise LedgerError if this version of the collection does not know its schema version.
    """
    # Another run may rename the tables between the first two look-ups, so the first one is repeated.
    values = _values(connection) or _earlier_values(connection) or _values(connection)
    return Found(_version_of(values.get("schema_version")), values) if values else None


def _values(connection: sa.Connection) -> dict[str, bytes]:
    return stored_meta(connection) if sa.inspect(connection).has_table(meta.name) else {}


def _earlier_values(connection: sa.Connection) -> dict[str, bytes]:
    """Return the content of ``meta`` if it is the table of an earlier version, {} otherwise."""
    columns = _columns(connection, _earlier_meta.name)
    if set(columns) != {"name", "value"} or not isinstance(columns["value"], sa.LargeBinary):
        return {}
    # An upgrade locks this table first. Reading it first keeps an upgrade from starting before the next look-up.
    rows = connection.exec_driver_sql(f"SELECT name, value FROM {_earlier_meta.name}").all()  # noqa: S608
    # SQLite stores a text in a column of any type.
    values = {row.name: bytes(row.value) for row in rows if isinstance(row.value, bytes)}
    first_columns = {column.name for column in slots.c} - {column.name for one in MIGRATIONS for column in one.adds}
    is_ours = {"schema_version", "fingerprint_key"} <= set(values)
    return values if is_ours and first_columns <= set(_columns(connection, _EARLIER_SLOTS)) else {}


def _columns(connection: sa.Connection, table: str) -> dict[str, sa.types.TypeEngine[Any]]:
    inspector = sa.inspect(connection)
    if not inspector.has_table(table):
        return {}
    return {column["name"]: column["type"] for column in inspector.get_columns(table)}


def stored_meta(connection: sa.Connection) -> dict[str, bytes]:
    """Return the content of the table ``meta`` by name."""
    return {row.name: bytes(row.value) for row in connection.execute(sa.select(meta))}


def _version_of(stored: bytes | None) -> int:
    text = (stored or b"?").decode(errors="replace")
    if not text.isdigit() or not 1 <= int(text) <= newest_version():
        raise LedgerError(
            f"The ledger has schema version {text[:20]}; this version of the collection knows {newest_version()}. Use "
            "the version of the collection that wrote it, or a newer one."
        )
    return int(text)


def create_tables(connection: sa.Connection) -> None:
    """Create the tables of a new ledger. Keep earlier versions from creating a second ledger in the same database."""
    # A file is the ledger's own. Other applications may come to a server's database later, and want the name ``meta``.
    is_own_file = connection.dialect.name == "sqlite" and not sa.inspect(connection).get_table_names()
    complete_indexes(connection.dialect.name)
    METADATA.create_all(connection)
    if is_own_file:
        _create_marker(connection)
    elif _is_free(connection, _EARLIER_UNIQUE_INDEX):
        # This view takes the name of an index without which earlier versions cannot create their tables.
        connection.exec_driver_sql(_BLOCKING_VIEW)


def ensure_one_row_per_slot(connection: sa.Connection) -> None:
    """Create the index on which claims rest, if a copy of the database has lost it.

    Raise LedgerError if two rows hold one slot by now.
    """
    if not _is_free(connection, str(ONE_ROW_PER_SLOT.name)):
        return
    complete_indexes(connection.dialect.name)
    try:
        ONE_ROW_PER_SLOT.create(connection)
    except sa.exc.IntegrityError:
        raise LedgerError(
            "The ledger has lost an index since it was made, and two entries hold the place of one session. Restore "
            "it from a copy that the database's own tools have made."
        ) from None


def _is_free(connection: sa.Connection, name: str) -> bool:
    if connection.dialect.name == "sqlite":
        found = sa.text("SELECT count(*) FROM sqlite_master WHERE name = :name")
    else:
        found = sa.text("SELECT count(to_regclass(:name))")
    return int(connection.execute(found, {"name": name}).scalar_one()) == 0


def _create_marker(connection: sa.Connection) -> None:
    """Create a table ``meta`` with a schema version that earlier versions do not know, so that they refuse it."""
    _earlier_meta.create(connection)
    marker = {"name": "schema_version", "value": str(FIRST_WITH_OWN_NAMES).encode()}
    connection.execute(sa.insert(_earlier_meta).values(marker))


def upgrade(connection: sa.Connection, version: int, now: float) -> None:
    """Upgrade the tables of a ledger from ``version`` to the newest version, in the caller's transaction.

    Raise InUse if a run of an earlier version is creating something. ``now`` is in seconds since 1970.
    """
    if version == newest_version():
        return
    complete_indexes(connection.dialect.name)
    if version < FIRST_WITH_OWN_NAMES:
        _refuse_while_leased(connection, version, now)
        _rename_tables(connection, version)
    for migration in MIGRATIONS[version - 1 :]:
        for column in migration.adds:
            definition = sa.schema.CreateColumn(column).compile(dialect=connection.dialect)
            connection.exec_driver_sql(f"ALTER TABLE {slots.name} ADD COLUMN {definition}")
        if migration.step is not None:
            migration.step(connection)
    # After the columns that some of them need.
    for index in slots.indexes:
        index.create(connection, checkfirst=True)
    newest = str(newest_version()).encode()
    connection.execute(sa.update(meta).where(meta.c.name == "schema_version").values(value=newest))


def _rename_tables(connection: sa.Connection, version: int) -> None:
    connection.exec_driver_sql(f"ALTER TABLE {_earlier_meta.name} RENAME TO {meta.name}")
    connection.exec_driver_sql(f"ALTER TABLE {_EARLIER_SLOTS} RENAME TO {slots.name}")
    for name, earlier in _RENAMED.items():
        if name not in _added_after(version):
            connection.exec_driver_sql(f"ALTER TABLE {slots.name} RENAME COLUMN {earlier} TO {name}")
    for index in sa.inspect(connection).get_indexes(slots.name):
        if index["name"] in _EARLIER_INDEXES:
            connection.exec_driver_sql(f"DROP INDEX {index['name']}")
    for table in (meta, slots):
        if connection.dialect.name == "postgresql":
            _rename_key_and_sequence(connection, table)
    _create_marker(connection)


def _rename_key_and_sequence(connection: sa.Connection, table: sa.Table) -> None:
    """Rename the primary key and the sequence as PostgreSQL names them when it creates the table."""
    key = sa.inspect(connection).get_pk_constraint(table.name)["name"]
    connection.exec_driver_sql(f'ALTER TABLE {table.name} RENAME CONSTRAINT "{key}" TO {table.name}_pkey')
    if "id" in table.c:
        owned = sa.text("SELECT pg_get_serial_sequence(:table, 'id')")
        sequence = connection.execute(owned, {"table": table.name}).scalar_one()
        connection.exec_driver_sql(f"ALTER SEQUENCE {sequence} RENAME TO {table.name}_id_seq")


def _refuse_while_leased(connection: sa.Connection, version: int, now: float) -> None:
    leased = (slots.c.phase == "pending") & (slots.c.lease_until > now)
    chosen = sa.select(slots.c.kind, slots.c.title, slots.c.owner).where(leased)
    for row in connection.execute(as_of(version, chosen)).all():
        if not is_known_ended(row.owner or ""):
            raise InUse(
                f"The ledger is of an earlier version, and a run of that version is creating the {row.kind} "
                f"'{row.title}'. It was left as it is: run again when that run has ended."
            )


def _count_pending_requests(connection: sa.Connection) -> None:
    """Count one request for each intent. Version 1 did not store whether a request was sent."""
    chosen = sa.select(slots.c.id, slots.c.created_at, slots.c.updated_at)
    for row in connection.execute(chosen.where(slots.c.phase == "pending")).all():
        one = Unanswered(1, row.created_at, row.updated_at, by_service=False)
        _set(connection, row.id, unanswered=unanswered.written(one))


def _normalise_rows(connection: sa.Connection) -> None:
    """Store the times that version 2 left out, normalise the services' URLs, and delete what is not needed."""
    ONE_ROW_PER_SLOT.drop(connection, checkfirst=True)
    chosen = sa.select(slots.c.id, slots.c.unanswered, slots.c.created_at, slots.c.updated_at)
    for row in connection.execute(chosen.where(slots.c.unanswered.is_not(None))).all():
        try:
            known = unanswered.read(row.unanswered, row.created_at, row.updated_at)
        except (ValueError, KeyError, TypeError):
            # The row stays as it is. A reader reports it as damaged.
            continue
        _set(connection, row.id, unanswered=unanswered.written(known))
    _normalise_services(connection)
    connection.execute(sa.delete(slots).where(is_unneeded))
    answered = (slots.c.phase != "pending") & slots.c.unanswered.is_(None)
    connection.execute(sa.update(slots).where(answered & (slots.c.seen_ids != "[]")).values(seen_ids="[]"))
    ONE_ROW_PER_SLOT.create(connection)


def _normalise_services(connection: sa.Connection) -> None:
    """Give each service's URL one spelling. Merge the rows that then hold the same slot."""
    for (api,) in connection.execute(sa.select(slots.c.api).distinct()).all():
        if (normal := normalised_or_same(api)) != api:
            connection.execute(sa.update(slots).where(slots.c.api == api).values(api=normal))
    # If a slot had a row under each of two spellings, the one that was changed last holds it. The other row keeps its
    # key, because only the service shows which of the sessions is current.
    held = sa.select(*OF_SLOT).where(holds_slot).group_by(*OF_SLOT).having(sa.func.count() > 1)
    of_row = (slots.c.id, slots.c.phase, slots.c.object_id, slots.c.secret, *_OF_INTENT)
    for slot in connection.execute(held).all():
        same = sa.and_(*(column == value for column, value in zip(OF_SLOT, slot, strict=True)))
        newest_first = slots.c.updated_at.desc(), slots.c.id.desc()
        rows = connection.execute(sa.select(*of_row).where(same & holds_slot).order_by(*newest_first)).all()
        holder = next((row for row in rows if row.phase != "pending"), rows[0])
        for row in rows:
            if row.id == holder.id:
                continue
            is_moved = _move_requests(connection, row.id, holder.id) and row.secret is None
            if is_moved and row.object_id in (None, holder.object_id):
                connection.execute(sa.delete(slots).where(slots.c.id == row.id))
            else:
                _set(connection, row.id, phase="beside", lease_until=0.0)


def _move_requests(connection: sa.Connection, row_id: int, holder_id: int) -> bool:
    """Move the unanswered requests of a row to the row that holds the slot. Return False if they cannot be read."""
    found = connection.execute(sa.select(slots.c.id, *_OF_INTENT).where(slots.c.id.in_([row_id, holder_id]))).all()
    requests, seen_ids = Unanswered.none(), set[str]()
    try:
        for row in found:
            of_row = unanswered.read(row.unanswered, row.created_at, row.updated_at)
            requests = requests.merged(of_row)
            if of_row or row.id == holder_id:
                seen_ids |= set(json.loads(row.seen_ids))
    except (ValueError, KeyError, TypeError):
        return False
    _set(connection, holder_id, unanswered=unanswered.written(requests), seen_ids=json.dumps(sorted(seen_ids)))
    _set(connection, row_id, unanswered=None, seen_ids="[]")
    return True


def _remove_maximum_lengths(connection: sa.Connection) -> None:
    """Let texts have any length. PostgreSQL holds ledgers that early versions made to the lengths of that time."""
    if connection.dialect.name != "postgresql":
        return
    columns = _columns(connection, slots.name)
    limited = [name for name, of in columns.items() if getattr(of, "length", None) and _is_unlimited(slots.c[name])]
    for index in slots.indexes if limited else ():
        # upgrade() creates it again. PostgreSQL would rewrite its condition.
        index.drop(connection, checkfirst=True)
    for name in limited:
        connection.exec_driver_sql(f"ALTER TABLE {slots.name} ALTER COLUMN {name} TYPE TEXT")


def _is_unlimited(column: sa.Column[Any]) -> bool:
    return isinstance(column.type, sa.Text)


def _set(connection: sa.Connection, row_id: int, **values: Any) -> None:
    connection.execute(sa.update(slots).where(slots.c.id == row_id).values(**values))


_OF_INTENT = (slots.c.unanswered, slots.c.created_at, slots.c.updated_at, slots.c.seen_ids)
# The first one upgrades version 1 to version 2, and so on. Their number determines the newest version.
MIGRATIONS: tuple[Migration, ...] = (
    Migration(adds=(sa.Column("unanswered", sa.Text),), step=_count_pending_requests),
    Migration(adds=(sa.Column("memory", sa.Text),), step=_normalise_rows),
    # Version 4 renamed the tables, which upgrade() does before all steps.
    Migration(),
    # Version 5 has the same tables. Early ledgers of version 4 lack indexes, which upgrade() creates after all steps.
    Migration(step=_remove_maximum_lengths),
)


def newest_version() -> int:
    return 1 + len(MIGRATIONS)


def _added_after(version: int) -> set[str]:
    return {column.name for migration in MIGRATIONS[version - 1 :] for column in migration.adds}


def as_of(version: int, statement: sa.Select[Any] | sa.CompoundSelect[Any]) -> sa.Select[Any] | sa.CompoundSelect[Any]:
    """Return a query on today's tables, changed so that it reads the tables of an earlier version."""
    if version >= FIRST_WITH_OWN_NAMES:
        return statement
    missing = _added_after(version)
    columns = [
        sa.null().label(column.name)
        if column.name in missing
        else sa.column(_RENAMED.get(column.name, column.name), column.type).label(column.name)
        for column in slots.c
    ]
    earlier_slots = sa.select(*columns).select_from(sa.table(_EARLIER_SLOTS))
    earlier_meta = sa.select(_earlier_meta)
    return statement.add_cte(earlier_slots.cte(slots.name), earlier_meta.cte(meta.name))
