# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ledger's tables. A change here is a new SCHEMA_VERSION."""

from __future__ import annotations

import sqlalchemy as sa

SCHEMA_VERSION = "1"

METADATA = sa.MetaData()
meta = sa.Table(
    "meta",
    METADATA,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("value", sa.LargeBinary, nullable=False),
)
slots = sa.Table(
    "slots",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("api", sa.String(512), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("parent", sa.String(64), nullable=False),
    sa.Column("title", sa.String(255), nullable=False),
    sa.Column("object_id", sa.String(64), index=True),
    sa.Column("phase", sa.String(16), nullable=False),
    sa.Column("secret", sa.LargeBinary),
    sa.Column("fingerprint", sa.String(64)),
    sa.Column("seen_ids", sa.Text, nullable=False),
    sa.Column("owner", sa.String(160)),
    sa.Column("lease_until", sa.Float, nullable=False),
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("updated_at", sa.Float, nullable=False),
)
holds_slot = slots.c.phase.not_in(["retired", "spare"])
sa.Index(
    "one_row_per_slot",
    slots.c.api,
    slots.c.kind,
    slots.c.parent,
    slots.c.title,
    unique=True,
    sqlite_where=holds_slot,
    postgresql_where=holds_slot,
)


def lock_schema(connection: sa.Connection) -> None:
    """Let one of several first runs create the tables. SQLite's BEGIN IMMEDIATE has done so already."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(7302847110)"))
