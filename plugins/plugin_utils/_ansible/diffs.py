# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""The diff of a run: rooms and their sessions before and after, as YAML. It contains no stream key."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from .._core.model import Room, Session
from .._ledger.store import Row
from .._reconcile.ensure import Outcome
from .._reconcile.outcomes import SessionOutcome, id_of
from .._reconcile.plan import RoomPlan
from .._reconcile.slot_plan import SessionPlan
from .._reconcile.steps import DeleteRoom, RemoveSession

# The one in C is several times as fast. Some builds of PyYAML lack it.
_BEYOND_C = re.compile("[\ud800-\udfff\U00010000-\U0010ffff]")
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def diff_of(outcome: Outcome) -> dict[str, str]:
    """Return the state before and after the run's steps; in check mode, after the steps that a real run would run."""
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    outcomes = iter(outcome.applied.sessions)
    for room_plan, room in zip(outcome.plan.rooms, outcome.applied.rooms, strict=True):
        pairs = [(plan, next(outcomes)) for plan in room_plan.sessions]
        if room_plan.room is not None:
            _put(before, room_plan.room, _room(room_plan.room, _sessions_before(room_plan, pairs)))
        for step in room_plan.steps:
            if isinstance(step, DeleteRoom) and step.found != room_plan.room:
                _put(before, step.found, _room(step.found, {}))
                if step not in room.done:
                    _put(after, step.found, _room(step.found, {}))
        if room.room is not None:
            _put(after, room.room, _room(room.room, _sessions_after(room_plan, pairs)))
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
            shown_session = _session(plan.session, _fingerprint(plan.row, plan.session))
            _put(shown, plan.session, shown_session, plan.spec.title)
        for step in _removals_beside(plan, outcome):
            shown[f"{plan.spec.title} ({step.session.id})"] = _session(step.session, None)
    _put_contents(shown, room_plan)
    return shown


def _sessions_after(room_plan: RoomPlan, pairs: Iterable[tuple[SessionPlan, SessionOutcome]]) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for plan, outcome in pairs:
        if outcome.session is not None:
            _put(shown, outcome.session, _session(outcome.session, outcome.fingerprint), plan.spec.title)
        for step in _removals_beside(plan, outcome):
            if step not in outcome.done:
                shown[f"{plan.spec.title} ({step.session.id})"] = _session(step.session, None)
    _put_contents(shown, room_plan)
    return shown


def _put_contents(shown: dict[str, Any], room_plan: RoomPlan) -> None:
    for session, row in room_plan.contents:
        _put(shown, session, _session(session, _fingerprint(row, session)))


def _removals_beside(plan: SessionPlan, outcome: SessionOutcome) -> list[RemoveSession]:
    """Return the removals of sessions other than the slot's own. A session that this run created is not among them."""
    known = {plan.session.id} if plan.session else set()
    if outcome.session is not None and not outcome.changed:
        known.add(outcome.session.id)
    return [step for step in plan.steps if isinstance(step, RemoveSession) and step.session.id not in known]


def _fingerprint(row: Row | None, session: Session) -> str | None:
    return row.fingerprint if row is not None and row.object_id == session.id and row.key is not None else None


def _put(shown: dict[str, Any], thing: Room | Session, value: dict[str, Any], title: str | None = None) -> None:
    """Add a room or session under its title; with its id where another one has that title."""
    name = title or thing.title
    shown[f"{name} ({thing.id or 'new'})" if name in shown else name] = value


def _room(room: Room, sessions: dict[str, Any]) -> dict[str, Any]:
    analytics = {"analytics": dict(room.analytics)} if room.analytics else {}
    return {"id": id_of(room), "description": room.description or "", **analytics, "sessions": sessions}


def _session(session: Session, fingerprint: str | None) -> dict[str, Any]:
    return {
        "id": id_of(session),
        "status": session.status,
        "preset_id": session.preset.id,
        "mode": session.mode,
        "scheduled_start_time": session.scheduled_start_time,
        **session.settings.given(),
        "stream_key_fingerprint": fingerprint,
    }


def _yaml(value: Mapping[str, Any]) -> str:
    if not value:
        return ""
    shown = {"rooms": dict(value)}
    # The one in C escapes these, or fails.
    is_unusual = _BEYOND_C.search(json.dumps(shown, ensure_ascii=False))
    text: str = yaml.dump(
        shown, Dumper=yaml.SafeDumper if is_unusual else _DUMPER, allow_unicode=True, sort_keys=False, width=1000
    )
    return text
