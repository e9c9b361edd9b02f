# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""The ledger's place where none is given, and ``~`` in one that is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from .._core.user_paths import expanded, home_folder


def default_ledger_url(environment: Mapping[str, str]) -> str:
    """Return the SQLite URL under ``$XDG_DATA_HOME``, which counts only if absolute (XDG Base Directory Specification).

    Where there is no home folder, its path begins with ``~``: only who needs the file has to hear of it.
    """
    data_home = environment.get("XDG_DATA_HOME", "")
    if not data_home.startswith("/"):
        data_home = f"{home_folder() or '~'}/.local/share"
    return f"sqlite:///{Path(data_home) / 'tenbyte-webinar' / 'ledger.sqlite3'}"


def with_home_put_in(ledger_url: str) -> str:
    """Return the URL of a ledger, with its path's ``~`` put in if it is one in SQLite.

    Where there is no home folder, the ``~`` stays: only who needs the file has to hear of it.
    """
    found = re.fullmatch(r"(sqlite(?:\+pysqlite)?:///)(~.*)", ledger_url.strip(), re.DOTALL)
    if found is None or home_folder() is None:
        return ledger_url
    return f"{found[1]}{expanded(found[2], 'ledger_url')}"
