# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""The ledger's tables in this version. migration.py upgrades earlier versions to them.

To change a table or an index, change it here and append a Migration that makes the same change to an existing ledger
(missing indexes are created after all migrations). tests/fixtures/landed_ledger needs a ledger of each version.
"""

from __future__ import annotations

import sqlalchemy as sa

METADATA = sa.MetaData()
# A database may be shared with other applications, so all names have a prefix of their own.
meta = sa.Table(
    "tenbyte_webinar_meta",
    METADATA,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("value", sa.LargeBinary, nullable=False),
)
# Columns for values of the service have no maximum length: PostgreSQL would refuse a longer id after the POST.
slots = sa.Table(
    "tenbyte_webinar_slots",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("api", sa.Text, nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("parent", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("object_id", sa.Text),
    sa.Column("phase", sa.String(16), nullable=False),
    sa.Column("secret", sa.LargeBinary),
    sa.Column("fingerprint", sa.String(64)),
    sa.Column("seen_ids", sa.Text, nullable=False),
    # JSON of unanswered requests (unanswered.py), null if there are none.
    sa.Column("unanswered", sa.Text),
    sa.Column("owner", sa.String(160)),
    sa.Column("lease_until", sa.Float, nullable=False),
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("updated_at", sa.Float, nullable=False),
    # JSON of the fields that the service stored otherwise than they were sent (comparison.py), null if there are none.
    sa.Column("memory", sa.Text),
)
# The phases of rows that do not hold their slot: see store.py.
BESIDE = ("spare", "replaced", "beside", "retired")
OF_SLOT = (slots.c.api, slots.c.kind, slots.c.parent, slots.c.title)
# Conditions with their values written out: SQLite uses a partial index only if the query has the index's own condition,
# and it does not know the value of a parameter.
holds_slot = slots.c.phase.not_in([sa.literal_column(f"'{phase}'") for phase in BESIDE])
is_retired = slots.c.phase == sa.literal_column("'retired'")
is_not_retired = slots.c.phase != sa.literal_column("'retired'")
_others = slots.alias()
_unanswered_slots = sa.select(*(_others.c[column.name] for column in OF_SLOT)).where(_others.c.unanswered.is_not(None))
# The retired rows that a run needs. A retired row shows only that a session is known. That is needed while a request of
# its slot is unanswered, in whichever row it is counted.
is_needed_though_retired = is_retired & sa.tuple_(*OF_SLOT).in_(_unanswered_slots)
is_unneeded = is_retired & sa.tuple_(*OF_SLOT).not_in(_unanswered_slots)
BY_OBJECT_ID = sa.Index("tenbyte_webinar_slots_by_object_id", slots.c.object_id)
ONE_ROW_PER_SLOT = sa.Index(
    "tenbyte_webinar_one_row_per_slot",
    *OF_SLOT,
    unique=True,
    sqlite_where=holds_slot,
)
# The rows of a room are found without those that are only remembered, of which an old ledger may have very many.
BY_PARENT = sa.Index(
    "tenbyte_webinar_slots_by_parent",
    *OF_SLOT[:3],
    sqlite_where=is_not_retired,
)
RETIRED_BY_SLOT = sa.Index(
    "tenbyte_webinar_retired_by_slot",
    *OF_SLOT,
    sqlite_where=is_retired,
)
WITH_UNANSWERED = sa.Index(
    "tenbyte_webinar_with_unanswered",
    slots.c.id,
    sqlite_where=slots.c.unanswered.is_not(None),
)


def complete_indexes(dialect: str) -> None:
    """Give the partial indexes their conditions in this dialect too, before they are created.

    Not where they are defined: to name a dialect there imports all of it, in each play.
    """
    for index in slots.indexes:
        condition = index.dialect_kwargs.get("sqlite_where")
        if condition is not None:
            index.dialect_kwargs[f"{dialect}_where"] = condition
