# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Unanswered requests to create, and the search for what they created. Pure functions.

Nobody can use a session that such a request created: its key was in the lost response. A room or session counts as
created by the request only if it matches in every respect. Any other one may be somebody else's.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any

from .._core.model import Room, Session, parse_instant

# A request takes effect within this time (seconds) or not at all. It did not create what was created later.
LATEST_EFFECT = 3600.0
# After this time (seconds) the ledger forgets an unanswered request: runs no longer look for what it may have created,
# and delete nothing because of it.
REMEMBERED = 30 * 86_400.0
# Seconds by which the clocks of the service's own machines may differ. This tolerance applies to an empty slot only:
# there, a session that is not recognised would stop every run. A session in addition to a filled slot must match
# without it.
CLOCK_SLACK = 5.0
# Seconds by which the service's clock and the ledger's may differ: a tolerance for responses without a usable time.
LOCAL_CLOCK_SLACK = 300.0


@dataclass(frozen=True)
class Clock:
    """The time now, in seconds since 1970, by two clocks. ``service`` is None if responses have no time.

    ``local`` is the ledger's clock.
    """

    service: float | None
    local: float


@dataclass(frozen=True)
class Unanswered:
    """``count`` requests to create in a slot got no response, and what they created was not found.

    ``since`` and ``until``: times of the first and the last of them, in seconds since 1970, by the service's clock if
    ``by_service``, else by the ledger's. ``preset_ids``: the presets in the requests.
    """

    count: int = 0
    since: float = 0.0
    until: float = 0.0
    by_service: bool = False
    preset_ids: tuple[str, ...] = ()

    @staticmethod
    def none() -> Unanswered:
        return Unanswered()

    def __bool__(self) -> bool:
        return self.count > 0

    def with_request(self, preset_id: str | None, clock: Clock) -> Unanswered:
        """Return the unanswered requests with one more, which is sent now."""
        by_service = clock.service is not None and (self.by_service or not self)
        at = clock.service if by_service and clock.service is not None else clock.local
        presets = {*self.preset_ids, *([preset_id.lower()] if preset_id else [])}
        return Unanswered(
            count=self.count + 1,
            # If the times are from two clocks, the earlier time misses nothing.
            since=min(self.since, at) if self else at,
            until=max(self.until, at),
            by_service=by_service,
            preset_ids=tuple(sorted(presets)),
        )

    def resolved(self, count: int) -> Unanswered:
        """Return the unanswered requests without ``count`` of them, whose outcome is known."""
        left = max(0, self.count - count)
        return replace(self, count=left) if left else Unanswered.none()

    def merged(self, other: Unanswered) -> Unanswered:
        """Return the unanswered requests of two intents for one slot."""
        if not self or not other:
            return self or other
        return Unanswered(
            self.count + other.count,
            min(self.since, other.since),
            max(self.until, other.until),
            self.by_service and other.by_service,
            tuple(sorted({*self.preset_ids, *other.preset_ids})),
        )


def written(unanswered: Unanswered) -> str | None:
    """Return the JSON for the ledger, None if every request was answered."""
    if not unanswered:
        return None
    return json.dumps(
        {
            "count": unanswered.count,
            "since": unanswered.since,
            "until": unanswered.until,
            "by_service": unanswered.by_service,
            "preset_ids": list(unanswered.preset_ids),
        }
    )


def read(text: str | None, intended_at: float = 0.0, changed_at: float = 0.0) -> Unanswered:
    """Parse the text of ``written``, also of earlier versions. Raise ValueError, KeyError or TypeError for other texts.

    Earlier versions stored no times if the service gave none. They are then replaced by the row's own times, by the
    ledger's clock: ``intended_at``, when the intent was committed, and ``changed_at``, when the row was last changed.
    """
    if text is None:
        return Unanswered.none()
    data: dict[str, Any] = json.loads(text)
    count, since, until = int(data["count"]), data["since"], data["until"]
    by_service = bool(data.get("by_service", since is not None and until is not None))
    if since is None or until is None:
        since, until = intended_at, changed_at
    if count <= 0:
        return Unanswered.none()
    return Unanswered(count, float(since), float(until), by_service, tuple(str(one) for one in data["preset_ids"]))


def may_have_created(unanswered: Unanswered, thing: Room | Session, clock: Clock, slack: float = CLOCK_SLACK) -> bool:
    """Return whether a room or session was created at a time when the requests could have created it.

    A thing without a creation time counts as created now. ``slack``: tolerance in seconds.
    """
    if not unanswered:
        return False
    created = _instant(thing.created_at)
    now = clock.service if unanswered.by_service else None
    local_slack = 0.0 if unanswered.by_service else LOCAL_CLOCK_SLACK
    # A service may report times in whole seconds.
    if created is not None and created < math.floor(unanswered.since) - (slack + local_slack if slack else 0.0):
        return False
    latest = created if created is not None else now if now is not None else clock.local
    return latest <= unanswered.until + LATEST_EFFECT + local_slack


def fills_empty_slot(unanswered: Unanswered, session: Session, clock: Clock) -> bool:
    """Return whether the requests may have created a session of the slot's title that was not seen before the intent.

    The slot is empty, so less is required than of a duplicate.
    """
    return (
        session.is_current
        and (session.preset.id is None or session.preset.id.lower() in unanswered.preset_ids)
        and may_have_created(unanswered, session, clock)
    )


def duplicates(
    unanswered: Unanswered,
    seen_ids: Collection[str],
    listed: Iterable[Session],
    known_ids: Collection[str],
    clock: Clock,
) -> tuple[Session, ...]:
    """Return those sessions of the slot's title (``listed``) that unanswered requests have created.

    ``known_ids``: ids in the ledger. If more sessions match than there were requests, return none: some of them are
    somebody else's, and nothing shows which.
    """
    if not unanswered:
        return ()
    fitting = tuple(
        session
        for session in listed
        if session.is_scheduled
        and session.id not in seen_ids
        and session.id not in known_ids
        and session.preset.id is not None
        and session.preset.id.lower() in unanswered.preset_ids
        and _is_timed(session)
        and may_have_created(unanswered, session, clock, slack=0.0)
    )
    return fitting if len(fitting) <= unanswered.count else ()


def are_duplicates(
    unanswered: Unanswered,
    seen_ids: Collection[str],
    rooms: Collection[Room],
    known_ids: Collection[str],
    clock: Clock,
) -> bool:
    """Return whether unanswered requests have created all these rooms, which have the slot's title and no sessions.

    ``known_ids``: ids of rooms in the ledger, in rows of their own or of their sessions.
    """
    return len(rooms) <= unanswered.count and all(
        room.id not in seen_ids
        and room.id not in known_ids
        and _is_timed(room)
        and may_have_created(unanswered, room, clock, slack=0.0)
        for room in rooms
    )


def _is_timed(thing: Room | Session) -> bool:
    return thing.created_at is None or _instant(thing.created_at) is not None


def _instant(text: str | None) -> float | None:
    try:
        return parse_instant(text).timestamp() if text else None
    except ValueError:
        return None
