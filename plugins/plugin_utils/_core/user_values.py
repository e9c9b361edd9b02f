# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Checks of single values that users give."""

from __future__ import annotations

import re
import uuid
from typing import Any

from .errors import InvalidInput
from .plain_text import quoted_id


def is_empty(value: Any) -> bool:
    """Say whether a value counts as not given: null, or a text of blanks and line ends only."""
    return value is None or (isinstance(value, str) and not value.strip())


def checked_uuid(value: str | None, where: str) -> str | None:
    """Return an id in lower case; raise InvalidInput, which begins with ``where``, for what is no UUID."""
    if value is None:
        return None
    # Only the usual form: uuid.UUID alone also takes braces, URNs and missing hyphens, which the service may not.
    if not re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", value):
        raise InvalidInput(
            f"{where} {quoted_id(value)} is not a UUID, such as {uuid.UUID(int=0)}. Copy it from the service."
        )
    return value.lower()
