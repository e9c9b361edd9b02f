# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a variant of the service stores of a request, and the quota of an account."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .cleaning import Step, cleaned, cut_time
from .records import CURRENT, Json, Room, User
from .refusals import over_quota
from .variants import Variant


def stored_fields(fields: Json, variant: Variant, titles: Sequence[Step], ignored: Iterable[str]) -> Json:
    """Return the fields of a room or session as they are stored."""
    stored = {name: value for name, value in fields.items() if name not in ignored}
    for name, steps in (("title", titles), ("description", variant.descriptions)):
        if name in stored:
            stored[name] = cleaned(stored[name], steps)
    if variant.empty_descriptions_omitted and stored.get("description") == "":
        stored["description"] = None
    if "scheduled_start_time" in stored and not variant.is_strict():
        moment = stored["scheduled_start_time"]
        stored["scheduled_start_time"] = cut_time(moment, variant.time_precision, variant.times_rounded)
    return stored


def stored_settings(settings: Json, variant: Variant) -> Json:
    stored = {name: value for name, value in settings.items() if name not in variant.ignored_settings}
    if "max_join_limit" in stored and variant.largest_join_limit is not None:
        stored["max_join_limit"] = min(stored["max_join_limit"], variant.largest_join_limit)
    return stored


def require_quota(kind: str, most: int | None, user: User, rooms: Iterable[Room], variant: Variant) -> None:
    """Raise Refusal if an account may not have another room, or another session."""
    own = [room for room in rooms if room.host is user]
    current = [item for room in own for item in room.sessions.values() if item.status in CURRENT]
    if most is not None and len(own if kind == "rooms" else current) >= most:
        raise over_quota(variant.quota_status, f"The account has all of its {most} {kind}.")
