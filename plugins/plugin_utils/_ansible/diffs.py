# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""The diff of a run: rooms and their sessions before and after, as YAML. Nothing here holds a stream key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from .._core.model import Room, Session
from .._ledger.store import Row
from .._reconcile.ensure import Outcome
from .._reconcile.outcomes import RoomOutcome, SessionOutcome
from .._reconcile.plan import RoomPlan, SessionPlan


def diff_of(outcome: Outcome) -> dict[str, str]:
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    outcomes = iter(outcome.applied.sessions)
    for room_plan, room in zip(outcome.plan.rooms, outcome.applied.rooms, strict=True):
        pairs = [(plan, next(outcomes)) for plan in room_plan.sessions]
        if room_plan.room is not None:
            shown = _room(room_plan.room, _sessions_before(room_plan, pairs))
            _put(before, room_plan.room.title, room_plan.room.id, shown)
        for duplicate in room_plan.duplicates:
            _put(before, duplicate.title, duplicate.id, _room(duplicate, {}))
        if room.room is not None:
            _put(after, room.room.title, room.room.id, _room(room.room, _sessions_after(room_plan, room, pairs)))
        elif room.changed and room.spec.state == "present":
            wished = Room("", room.title, None, room.spec.description, room.spec.analytics or {})
            after[room.title] = {**_room(wished, _sessions_after(room_plan, room, pairs)), "id": None}
    return {
        "before_header": "webinar service",
        "after_header": "webinar service",
        "before": _yaml(before),
        "after": _yaml(after),
    }


def _sessions_before(room_plan: RoomPlan, pairs: Iterable[tuple[SessionPlan, SessionOutcome]]) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for plan, outcome in pairs:
        if plan.session is not None:
            _put(shown, plan.spec.title, plan.session.id, _session(plan.session, _fingerprint(plan.row, plan.session)))
        for session in _beside(plan, outcome):
            shown[f"{plan.spec.title} ({session.id})"] = _session(session, None)
    for session, row in room_plan.contents:
        _put(shown, session.title, session.id, _session(session, _fingerprint(row, session)))
    return shown


def _sessions_after(
    room_plan: RoomPlan, room: RoomOutcome, pairs: Iterable[tuple[SessionPlan, SessionOutcome]]
) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for plan, outcome in pairs:
        if outcome.session is not None:
            _put(shown, plan.spec.title, outcome.session.id, _session(outcome.session, outcome.fingerprint))
        elif outcome.changed and plan.spec.state in ("present", "live"):
            shown[plan.spec.title] = _wish(outcome)
        if outcome.error:
            for session in _beside(plan, outcome):
                shown[f"{plan.spec.title} ({session.id})"] = _session(session, None)
    if room.room is not None:
        for session, row in room_plan.contents:
            _put(shown, session.title, session.id, _session(session, _fingerprint(row, session)))
    return shown


def _beside(plan: SessionPlan, outcome: SessionOutcome) -> list[Session]:
    """Return the sessions that are removed from beside the one of the slot; what came later was never there before."""
    known = {plan.session.id} if plan.session else set()
    if outcome.session is not None and not outcome.changed:
        known.add(outcome.session.id)
    return [
        step.session
        for step in plan.steps
        if step.action in ("delete_session", "end_session") and step.session and step.session.id not in known
    ]


def _fingerprint(row: Row | None, session: Session) -> str | None:
    return row.fingerprint if row is not None and row.object_id == session.id and row.key is not None else None


def _put(shown: dict[str, Any], name: str, object_id: str, value: dict[str, Any]) -> None:
    """Show a room or session by its title, and by its id too where another one bears it."""
    shown[f"{name} ({object_id})" if name in shown else name] = value


def _room(room: Room, sessions: dict[str, Any]) -> dict[str, Any]:
    analytics = {"analytics": dict(room.analytics)} if room.analytics else {}
    return {"id": room.id, "description": room.description or "", **analytics, "sessions": sessions}


def _session(session: Session, fingerprint: str | None) -> dict[str, Any]:
    return {
        "id": session.id,
        "status": session.status,
        "preset_id": session.preset.id,
        "mode": session.mode,
        "scheduled_start_time": session.scheduled_start_time,
        **session.settings.given(),
        "stream_key_fingerprint": fingerprint,
    }


def _wish(outcome: SessionOutcome) -> dict[str, Any]:
    spec = outcome.spec
    return {
        "id": None,
        "status": "live" if spec.state == "live" else "scheduled",
        "preset_id": spec.preset_id,
        "mode": spec.mode,
        "scheduled_start_time": spec.scheduled_start_time,
        **spec.settings.given(),
        "stream_key_fingerprint": None,
    }


def _yaml(value: Mapping[str, Any]) -> str:
    if not value:
        return ""
    text: str = yaml.safe_dump({"rooms": dict(value)}, allow_unicode=True, sort_keys=False, width=1000)
    return text
