# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests to create whose answer never came, and what they may have made, however late: pure functions.

What such a request made, nobody has ever used: its key was in the answer that was lost. To be taken for it, a room or
session must fit in every respect; what fits in all but one is somebody else's.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

from .model import Room, Session, parse_instant

# A request takes effect within this time (seconds) or not at all: what is younger is not taken for its fruit.
LATEST_EFFECT = 3600.0
# By how many seconds the clocks of the service's own machines may differ. It is granted where the slot is empty, where
# an orphan that is not known for one would stop every run; a twin has to fit without it.
CLOCK_SLACK = 5.0


@dataclass(frozen=True)
class Doubt:
    """``count`` requests to create in a slot were never answered, and what they made has not been found.

    ``since`` is the time of the intent to create, ``until`` of the last request, both in seconds since 1970 by the
    service's own clock, None where it is not known. ``preset_ids`` are those that the requests asked for.
    """

    count: int = 0
    since: float | None = None
    until: float | None = None
    preset_ids: tuple[str, ...] = ()

    def with_request(self, preset_id: str | None, at: float | None) -> Doubt:
        """Return what is in doubt once another request, sent at ``at``, is left without an answer."""
        presets = {*self.preset_ids, *([preset_id.lower()] if preset_id else [])}
        return replace(
            self,
            count=self.count + 1,
            until=at,
            preset_ids=tuple(sorted(presets)),
        )

    def without(self, found: int) -> Doubt:
        """Return what is left in doubt after so many fruits were found."""
        return replace(self, count=max(0, self.count - found))


def written(doubt: Doubt | None) -> str | None:
    return json.dumps(asdict(doubt)) if doubt else None


def read(text: str | None) -> Doubt | None:
    if text is None:
        return None
    data: dict[str, Any] = json.loads(text)
    return Doubt(data["count"], data["since"], data["until"], tuple(data["preset_ids"]))


def may_have_made(doubt: Doubt, thing: Room | Session, now: float | None, slack: float = CLOCK_SLACK) -> bool:
    """Say whether a thing came into being when the requests could have made it.

    ``now`` is the service's time. A thing that does not say when it was created is as young as its observation.
    """
    created = _instant(thing.created_at)
    # A service may write its times in whole seconds.
    if created is not None and doubt.since is not None and created < math.floor(doubt.since) - slack:
        return False
    latest = created if created is not None else now
    return latest is None or doubt.until is None or latest <= doubt.until + LATEST_EFFECT


def may_be_fruit(doubt: Doubt, session: Session, preset_id: str | None, now: float | None) -> bool:
    """Say whether a current session of the slot's title, not seen before the intent, may have come of the requests.

    Less is asked than of a twin, because the slot is empty. ``preset_id`` stands in where the doubt does not name one.
    """
    presets = doubt.preset_ids or ((preset_id or "").lower(),)
    return (
        session.is_current
        and (session.preset.id is None or session.preset.id.lower() in presets)
        and may_have_made(doubt, session, now)
    )


def twins(
    doubt: Doubt, seen_ids: Collection[str], listed: Iterable[Session], kept_ids: Collection[str], now: float | None
) -> tuple[Session, ...]:
    """Return what requests without an answer made after all, of the sessions of the slot's title.

    ``kept_ids`` are those that the ledger knows. Where more fit than there were requests, none is returned: which of
    them is somebody else's cannot be told.
    """
    # Without the service's own time nobody could tell what is older than the requests.
    if doubt.since is None or doubt.until is None:
        return ()
    fitting = tuple(
        session
        for session in listed
        if session.status == "scheduled"
        and session.id not in seen_ids
        and session.id not in kept_ids
        and session.preset.id is not None
        and session.preset.id.lower() in doubt.preset_ids
        and _is_timed(session)
        and may_have_made(doubt, session, now, slack=0.0)
    )
    return fitting if len(fitting) <= doubt.count else ()


def are_twins(
    doubt: Doubt, seen_ids: Collection[str], rooms: Collection[Room], kept_ids: Collection[str], now: float | None
) -> bool:
    """Say whether rooms of the slot's title, all without sessions, are what requests without an answer made after all.

    ``kept_ids`` are of the rooms that the ledger knows, for themselves or for a session.
    """
    return (
        doubt.since is not None
        and doubt.until is not None
        and len(rooms) <= doubt.count
        and all(
            room.id not in seen_ids
            and room.id not in kept_ids
            and _is_timed(room)
            and may_have_made(doubt, room, now, slack=0.0)
            for room in rooms
        )
    )


def _is_timed(thing: Room | Session) -> bool:
    return thing.created_at is None or _instant(thing.created_at) is not None


def _instant(text: str | None) -> float | None:
    try:
        return parse_instant(text).timestamp() if text else None
    except ValueError:
        return None
