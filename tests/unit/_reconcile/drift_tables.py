# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads the tables of docs/drift.md: the rows of each heading, by column, without Markdown's marks."""

from __future__ import annotations

from pathlib import Path

PAGE = Path(__file__).resolve().parents[3] / "docs" / "drift.md"


def tables_of(text: str) -> dict[str, list[dict[str, str]]]:
    """Return the tables under each heading of the second level. A row with too few or too many cells is an error."""
    tables: dict[str, list[dict[str, str]]] = {}
    for part in text.split("\n## ")[1:]:
        heading, _newline, body = part.partition("\n")
        lines = [line for line in body.splitlines() if line.startswith("|")]
        if not lines:
            continue
        columns, _rule, *rows = [_cells(line) for line in lines]
        tables[heading] = [dict(zip(columns, row, strict=True)) for row in rows]
    return tables


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").replace("`", "").split("|")]


TABLES = tables_of(PAGE.read_text(encoding="utf-8"))
