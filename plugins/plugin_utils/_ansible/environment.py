# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Applies the keyword ``environment`` of a play, block or task to the variables that this collection reads."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from .._core.errors import InvalidInput
from .._core.user_values import is_empty

# Options, libpq parameters, the ledger's folder, proxies and certificate authorities. Others, such as HOME, are meant
# for the task's host; here they would move the ledger without notice.
_HONOURED = re.compile(r"TENBYTE_\w+|PG[A-Z]+|XDG_DATA_HOME|(?i:(https?|all|no)_proxy)|(REQUESTS|CURL)_CA_BUNDLE")
# The variables that contain a credential.
CREDENTIALS = ("TENBYTE_API_KEY", "TENBYTE_API_TOKEN", "TENBYTE_LEDGER_KEY", "PGPASSWORD")


def honoured(layers: Iterable[Any]) -> dict[str, str]:
    """Return the variables that apply. ``layers`` are the keyword's values, from the play to the task.

    A later value overrides an earlier one, unless it is empty. Raise InvalidInput for a layer that is not a mapping.
    """
    found: dict[str, str] = {}
    for layer in layers:
        if layer and not isinstance(layer, Mapping):
            raise InvalidInput("environment is no mapping. Give names with values, such as {TENBYTE_API_KEY: …}.")
        for name, value in (layer or {}).items():
            if _HONOURED.fullmatch(str(name)) and not is_empty(value):
                found[str(name)] = str(value).strip()
    return found


@contextmanager
def in_force(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables of this process, because libraries read them too, and restore them afterwards."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
