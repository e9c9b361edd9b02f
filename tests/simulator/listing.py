# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One page of a list."""

from __future__ import annotations

import time
from collections.abc import Sequence

from .records import Json, Room, Session
from .refusals import bad_parameter
from .validation import Listing
from .variants import Variant


def listed(name: str, items: Sequence[Room] | Sequence[Session], listing: Listing, variant: Variant) -> Json:
    """Return one page, newest first. As in real services, a new item moves the others between two requests."""
    created_before = time.monotonic() - listing.lag
    ordered = items if variant.oldest_first else items[::-1]
    visible = [item for item in ordered if not listing.lag or item.made_at <= created_before]
    first = (listing.page - 1) * listing.limit
    if listing.page > 1 and first >= len(visible) and variant.page_after_last != 200:
        raise bad_parameter(variant.page_after_last, "page", "There is no such page")
    if listing.repeat:
        first = 0
    page = visible if listing.whole else visible[first : first + listing.limit]
    return {
        name: [item.shown() for item in page[: listing.most_items]],
        "total": len(visible),
        "page": listing.page,
        "limit": listing.asked if variant.asked_limit_shown else listing.limit,
    }
