# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Where the ledger is, from an action's or lookup's options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._ledger.location import LedgerSettings, check_settings
from .paths import default_ledger_url, ledger_url_with_home


def ledger_settings_from(options: Mapping[str, Any], environment: Mapping[str, str]) -> LedgerSettings:
    """Return where the ledger is. Whether its folder exists is checked when the ledger is opened."""
    ledger_url, default = options.get("ledger_url"), default_ledger_url(environment)
    url = default if ledger_url is None else ledger_url_with_home(ledger_url)
    settings = LedgerSettings(
        url=url,
        key=options.get("ledger_key"),
        key_file=options.get("ledger_key_file"),
        is_default=url == default,
    )
    check_settings(settings)
    return settings
