# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tells which of a room's sessions is the one that is asked for: pure functions."""

from __future__ import annotations

from .doubts import Doubt, may_be_fruit
from .ledger import Row
from .model import Session, SessionSpec


def is_unfinished(spec: SessionSpec, listed: tuple[Session, ...], row: Row | None, now: float | None) -> bool:
    """Say whether creation is to take up an intent: the place is empty but for what may have come of its requests.

    A session that was named by its id is not an orphan to be replaced.
    """
    if row is None or row.phase != "pending" or spec.state not in ("present", "live") or spec.session_id is not None:
        return False
    # A row of an older version does not say what was requested.
    doubt = row.doubt or Doubt(1)
    current = [session for session in listed if session.title == spec.title and session.is_current]
    if any(one.id in row.seen_ids for one in current):
        return False
    # What a run that is at work has made so far is for it to say.
    return row.leased or all(doubt.count and may_be_fruit(doubt, one, spec.preset_id, now) for one in current)


def meant_session(spec: SessionSpec, listed: tuple[Session, ...]) -> tuple[Session | None, str | None]:
    """Return the current session that the spec means, if there is one, or why it cannot be said."""
    if spec.session_id is not None:
        pinned = next((session for session in listed if session.id.lower() == spec.session_id), None)
        if pinned is None and spec.state in ("ended", "absent"):
            return None, None
        if pinned is None:
            return None, f"session_id {spec.session_id}: the room has no such session. Correct it, or leave it out."
        if pinned.title != spec.title:
            return None, (
                f"session_id {spec.session_id} is titled '{pinned.title}', and the service cannot change a title. Ask "
                "for that title, or leave session_id out."
            )
        if not pinned.is_current and spec.state in ("present", "live"):
            return None, f"session_id {spec.session_id} is {pinned.status}. Leave session_id out to have a new session."
        return (pinned if pinned.is_current else None), None
    current = [session for session in listed if session.title == spec.title and session.is_current]
    if len(current) > 1:
        ids = ", ".join(session.id for session in current)
        return None, (
            f"the room has {len(current)} current sessions of this title ({ids}). Pick one with session_id; with "
            "session_id and state: absent the others can be removed."
        )
    return (current[0] if current else None), None
