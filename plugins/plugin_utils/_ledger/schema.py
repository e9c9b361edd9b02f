# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""The ledger's tables, and the way from each earlier version of them to this one.

To change them: change the tables below, and append a Migration that does the same to a ledger that exists. The version
follows from the number of migrations.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from .._core.errors import LedgerError
from .._core.service_url import normalised_or_same
from . import unanswered
from .unanswered import Unanswered

METADATA = sa.MetaData()
meta = sa.Table(
    "meta",
    METADATA,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("value", sa.LargeBinary, nullable=False),
)
# What comes from the service has no length here: PostgreSQL would refuse a longer id when its key is already seen.
slots = sa.Table(
    "slots",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("api", sa.Text, nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("parent", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("object_id", sa.Text, index=True),
    sa.Column("phase", sa.String(16), nullable=False),
    sa.Column("secret", sa.LargeBinary),
    sa.Column("fingerprint", sa.String(64)),
    sa.Column("seen_ids", sa.Text, nullable=False),
    # JSON of requests whose answer never came (unanswered.py), null where there are none.
    sa.Column("doubt", sa.Text),
    sa.Column("owner", sa.String(160)),
    sa.Column("lease_until", sa.Float, nullable=False),
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("updated_at", sa.Float, nullable=False),
    # JSON of what the service made of values that were sent (comparison.py), null where it kept all as they were.
    sa.Column("memory", sa.Text),
)
# Rows beside the one of their slot: see ledger.py.
BESIDE = ("spare", "replaced", "beside", "retired")
holds_slot = slots.c.phase.not_in(BESIDE)
OF_SLOT = (slots.c.api, slots.c.kind, slots.c.parent, slots.c.title)
_others = slots.alias()
_asked_slots = sa.select(*(_others.c[column.name] for column in OF_SLOT)).where(_others.c.doubt.is_not(None))
# What a run needs to know: a retired row tells nothing but which sessions were ours, and that only matters as long as
# a request of its slot, whichever row counts it, was never answered.
is_of_use = (slots.c.phase != "retired") | sa.tuple_(*OF_SLOT).in_(_asked_slots)
ONE_ROW_PER_SLOT = sa.Index(
    "one_row_per_slot",
    slots.c.api,
    slots.c.kind,
    slots.c.parent,
    slots.c.title,
    unique=True,
    sqlite_where=holds_slot,
    postgresql_where=holds_slot,
)


@dataclass(frozen=True)
class Migration:
    """From one version to the next: columns of ``slots`` to add, which must allow null, and what else is to be done.

    ``step`` runs in the same transaction, after the columns were added.
    """

    adds: tuple[sa.Column[Any], ...] = ()
    step: Callable[[sa.Connection], object] | None = None


def _count_what_was_pending(connection: sa.Connection) -> None:
    """Version 1 did not say whether an intent had been followed by a request: one may have been."""
    chosen = sa.select(slots.c.id, slots.c.created_at, slots.c.updated_at)
    for row in connection.execute(chosen.where(slots.c.phase == "pending")).all():
        one = Unanswered(1, row.created_at, row.updated_at, by_service=False)
        _set(connection, row.id, doubt=unanswered.written(one))


def _tidy_up(connection: sa.Connection) -> None:
    """Write what version 2 left to be guessed, spell each service in one way, and drop what nobody needs."""
    ONE_ROW_PER_SLOT.drop(connection, checkfirst=True)
    chosen = sa.select(slots.c.id, slots.c.doubt, slots.c.created_at, slots.c.updated_at)
    for row in connection.execute(chosen.where(slots.c.doubt.is_not(None))).all():
        try:
            known = unanswered.read(row.doubt, row.created_at, row.updated_at)
        except (ValueError, KeyError, TypeError):
            # Left as it is: whoever reads the row says that it is damaged.
            continue
        _set(connection, row.id, doubt=unanswered.written(known))
    _spell_services_alike(connection)
    connection.execute(sa.delete(slots).where(~is_of_use))
    answered = (slots.c.phase != "pending") & slots.c.doubt.is_(None)
    connection.execute(sa.update(slots).where(answered & (slots.c.seen_ids != "[]")).values(seen_ids="[]"))
    ONE_ROW_PER_SLOT.create(connection)


def _spell_services_alike(connection: sa.Connection) -> None:
    for (api,) in connection.execute(sa.select(slots.c.api).distinct()).all():
        if (normal := normalised_or_same(api)) != api:
            connection.execute(sa.update(slots).where(slots.c.api == api).values(api=normal))
    # Where two spellings had a row each for one slot, the one that was changed last holds it. The other keeps its key:
    # which session is of use, the service tells.
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
            is_told = _hand_over_requests(connection, row.id, holder.id) and row.secret is None
            if is_told and row.object_id in (None, holder.object_id):
                connection.execute(sa.delete(slots).where(slots.c.id == row.id))
            else:
                _set(connection, row.id, phase="beside", lease_until=0.0)


def _hand_over_requests(connection: sa.Connection, row_id: int, holder_id: int) -> bool:
    """Let the row that holds a slot count what another one has unanswered; False where that cannot be read."""
    found = connection.execute(sa.select(slots.c.id, *_OF_INTENT).where(slots.c.id.in_([row_id, holder_id]))).all()
    requests, seen_ids = Unanswered.none(), set[str]()
    try:
        for row in found:
            of_row = unanswered.read(row.doubt, row.created_at, row.updated_at)
            requests = requests.merged(of_row)
            if of_row or row.id == holder_id:
                seen_ids |= set(json.loads(row.seen_ids))
    except (ValueError, KeyError, TypeError):
        return False
    _set(connection, holder_id, doubt=unanswered.written(requests), seen_ids=json.dumps(sorted(seen_ids)))
    _set(connection, row_id, doubt=None, seen_ids="[]")
    return True


def _set(connection: sa.Connection, row_id: int, **values: Any) -> None:
    connection.execute(sa.update(slots).where(slots.c.id == row_id).values(**values))


_OF_INTENT = (slots.c.doubt, slots.c.created_at, slots.c.updated_at, slots.c.seen_ids)
# The first leads from version 1 to version 2, and so on.
MIGRATIONS: tuple[Migration, ...] = (
    Migration(adds=(sa.Column("doubt", sa.Text),), step=_count_what_was_pending),
    Migration(adds=(sa.Column("memory", sa.Text),), step=_tidy_up),
)


def newest_version() -> int:
    return 1 + len(MIGRATIONS)


def create_tables(connection: sa.Connection) -> None:
    METADATA.create_all(connection)


def exists(connection: sa.Connection) -> bool:
    return sa.inspect(connection).has_table("meta")


def stored_meta(connection: sa.Connection) -> dict[str, bytes]:
    return {row.name: bytes(row.value) for row in connection.execute(sa.select(meta.c.name, meta.c.value))}


def version_of(stored: bytes | None) -> int:
    """Return a ledger's version; raise LedgerError where this version of the collection does not know it."""
    text = (stored or b"?").decode(errors="replace")
    if not text.isdigit() or not 1 <= int(text) <= newest_version():
        raise LedgerError(
            f"The ledger has schema version {text[:20]}; this version of the collection knows {newest_version()}. Use "
            "the version of the collection that wrote it, or a newer one."
        )
    return int(text)


def upgrade(connection: sa.Connection, version: int) -> None:
    """Bring the tables of a ledger from ``version`` to the newest one, within the caller's transaction."""
    if version == newest_version():
        return
    for migration in MIGRATIONS[version - 1 :]:
        for column in migration.adds:
            definition = sa.schema.CreateColumn(column).compile(dialect=connection.dialect)
            connection.exec_driver_sql(f"ALTER TABLE {slots.name} ADD COLUMN {definition}")
        if migration.step is not None:
            migration.step(connection)
    newest = str(newest_version()).encode()
    connection.execute(sa.update(meta).where(meta.c.name == "schema_version").values(value=newest))


def counts_requests(version: int) -> bool:
    """Say whether a ledger of this version says in ``doubt`` which requests were never answered."""
    return version > 1


def spells_services_alike(version: int) -> bool:
    """Say whether a ledger of this version has each service's URL in its one spelling."""
    return version > 2


def select_slots(version: int) -> sa.Select[Any]:
    """Select every column of ``slots``, null for those that a ledger of an older version, open for reading, lacks."""
    missing = {column.name for migration in MIGRATIONS[version - 1 :] for column in migration.adds}
    columns = [sa.null().label(column.name) if column.name in missing else column for column in slots.c]
    return sa.select(*columns)
