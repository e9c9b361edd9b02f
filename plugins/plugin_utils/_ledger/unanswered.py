# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Requests to create whose answer never came, and what they may have created, however late: pure functions.

What such a request created, nobody has ever used: its key was in the answer that was lost. To be taken for it, a room
or session must fit in every respect; what fits in all but one is somebody else's.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any

from .._core.model import Room, Session, parse_instant

# A request takes effect within this time (seconds) or not at all: what came later is not taken for its work.
LATEST_EFFECT = 3600.0
# After this time (seconds) the ledger forgets a request that was never answered: nothing that it may have created is
# looked for any more, and nothing is deleted for its sake.
REMEMBERED = 30 * 86_400.0
# By how many seconds the clocks of the service's own machines may differ. It is granted where the slot is empty, where
# a session that is not known for ours would stop every run; what stands beside a filled slot has to fit without it.
CLOCK_SLACK = 5.0
# By how many seconds the service's clock and the ledger's may differ: granted where answers carry no usable time.
LOCAL_CLOCK_SLACK = 300.0


@dataclass(frozen=True)
class Clock:
    """The time now, in seconds since 1970: by the service's own clock, where it tells it, and by the ledger's."""

    service: float | None
    local: float


@dataclass(frozen=True)
class Unanswered:
    """``count`` requests to create in a slot were never answered, and what they created has not been found.

    ``since`` is the time of the first of them, ``until`` of the last, in seconds since 1970: by the service's clock
    where ``by_service``, else by the ledger's. ``preset_ids`` are those that the requests asked for.
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
        """Return what is unanswered once one more request is on its way."""
        by_service = clock.service is not None and (self.by_service or not self)
        at = clock.service if by_service and clock.service is not None else clock.local
        presets = {*self.preset_ids, *([preset_id.lower()] if preset_id else [])}
        return Unanswered(
            count=self.count + 1,
            # Of two clocks, the earlier beginning is the one that misses nothing.
            since=min(self.since, at) if self else at,
            until=max(self.until, at),
            by_service=by_service,
            preset_ids=tuple(sorted(presets)),
        )

    def resolved(self, count: int) -> Unanswered:
        """Return what is left once it is known what became of so many requests."""
        left = max(0, self.count - count)
        return replace(self, count=left) if left else Unanswered.none()

    def merged(self, other: Unanswered) -> Unanswered:
        """Return what is unanswered of two intents for one slot."""
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
    """Return the text that the ledger keeps: null where every request was answered."""
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
    """Read what ``written`` or an earlier version wrote; raise ValueError, KeyError or TypeError for anything else.

    Earlier versions left the times out where the service did not tell them. Then the row's own times stand in, by the
    ledger's clock: when the intent was committed, and when the row was last changed.
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
    """Say whether a thing came into being when the requests could have created it.

    A thing that does not say when it was created is as young as its observation.
    """
    if not unanswered:
        return False
    created = _instant(thing.created_at)
    now = clock.service if unanswered.by_service else None
    local_slack = 0.0 if unanswered.by_service else LOCAL_CLOCK_SLACK
    # A service may write its times in whole seconds.
    if created is not None and created < math.floor(unanswered.since) - (slack + local_slack if slack else 0.0):
        return False
    latest = created if created is not None else now if now is not None else clock.local
    return latest <= unanswered.until + LATEST_EFFECT + local_slack


def fills_empty_slot(unanswered: Unanswered, session: Session, clock: Clock) -> bool:
    """Say whether a current session of the slot's title, not seen before the intent, may have come of the requests.

    Less is asked than of a duplicate, because the slot is empty.
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
    """Return what requests without an answer created after all, of the sessions of the slot's title.

    ``known_ids`` are those that the ledger knows. Where more fit than there were requests, none is returned: which of
    them is somebody else's cannot be told.
    """
    fitting = tuple(
        session
        for session in listed
        if session.status == "scheduled"
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
    """Say whether rooms of the slot's title, all without sessions, are what unanswered requests created after all.

    ``known_ids`` are of the rooms that the ledger knows, for themselves or for a session.
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
