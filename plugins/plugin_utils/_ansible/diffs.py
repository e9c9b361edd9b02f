# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""The diff of a run, as YAML: the rooms and sessions that differ, before and after. It contains no stream key.

Each entry is named after its room and session, and holds what differs in it. So the few lines around a change, which
are all that Ansible prints of a large diff, tell what it is about.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import yaml

from .._core.comparison import shown_of_room
from .._core.model import Room, Session
from .._ledger.store import Row
from .._reconcile.ensure import Outcome
from .._reconcile.outcomes import SessionOutcome, id_of
from .._reconcile.slot_plan import SessionPlan
from .._reconcile.steps import DeleteRoom, RemoveSession

# The one in C is several times as fast. Some builds of PyYAML lack it.
_BEYOND_C = re.compile("[\ud800-\udfff\U00010000-\U0010ffff]")
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
# What is shown of rooms and sessions, by their names.
Entries = dict[str, dict[str, Any]]


def diff_of(outcome: Outcome) -> dict[str, str]:
    """Return what differs before and after the run's steps; in check mode, after those that a real run would run."""
    before: Entries = {}
    after: Entries = {}
    outcomes = iter(outcome.applied.sessions)
    for room_plan, room in zip(outcome.plan.rooms, outcome.applied.rooms, strict=True):
        pairs = [(plan, next(outcomes)) for plan in room_plan.sessions]
        is_there, shown = room_plan.room, room_plan.room or room.room
        if shown is not None:
            name = _free_name(shown.title, shown.id, lambda name: f"room {name}", before, after)
            if is_there is not None:
                before[f"room {name}"] = _room(is_there)
                _put_sessions_before(before, name, pairs)
                _put_contents(before, name, room_plan.contents)
            if room.room is not None:
                after[f"room {name}"] = _room(room.room)
                _put_sessions_after(after, name, pairs)
                _put_contents(after, name, room_plan.contents)
        for step in room_plan.steps:
            if isinstance(step, DeleteRoom) and step.found != room_plan.room:
                name = _free_name(step.found.title, step.found.id, lambda name: f"room {name}", before, after)
                before[f"room {name}"] = _room(step.found)
                if step not in room.done:
                    after[f"room {name}"] = _room(step.found)
    return {
        "before_header": "webinar service",
        "after_header": "webinar service",
        "before": _yaml(_differing(before, after)),
        "after": _yaml(_differing(after, before)),
    }


def _differing(entries: Entries, others: Entries) -> Entries:
    """Return the entries that the other side lacks or has otherwise. Of the latter, the id and what differs."""
    shown: Entries = {}
    for name, entry in entries.items():
        other = others.get(name)
        if other is None:
            shown[name] = entry
        elif entry != other:
            shown[name] = {
                field: value
                for field, value in entry.items()
                if field == "id" or field not in other or other[field] != value
            }
    return shown


def _free_name(title: str, thing_id: str, key: Callable[[str], str], *taken: Entries) -> str:
    """Return a title; with the id where another room or session has that title."""
    return f"{title} ({thing_id or 'new'})" if any(key(title) in entries for entries in taken) else title


def _put_sessions_before(entries: Entries, room: str, pairs: Iterable[tuple[SessionPlan, SessionOutcome]]) -> None:
    for plan, outcome in pairs:
        if plan.session is not None:
            _put(entries, room, plan.session, _fingerprint(plan.row, plan.session), plan.spec.title)
        for step in _removals_beside(plan, outcome):
            entries[_key(room, f"{plan.spec.title} ({step.session.id})")] = _session(step.session, None)


def _put_sessions_after(entries: Entries, room: str, pairs: Iterable[tuple[SessionPlan, SessionOutcome]]) -> None:
    for plan, outcome in pairs:
        if outcome.session is not None:
            _put(entries, room, outcome.session, outcome.fingerprint, plan.spec.title)
        for step in _removals_beside(plan, outcome):
            if step not in outcome.done:
                entries[_key(room, f"{plan.spec.title} ({step.session.id})")] = _session(step.session, None)


def _put_contents(entries: Entries, room: str, contents: Iterable[tuple[Session, Row | None]]) -> None:
    for session, row in contents:
        _put(entries, room, session, _fingerprint(row, session), session.title)


def _put(entries: Entries, room: str, session: Session, fingerprint: str | None, title: str) -> None:
    name = _free_name(title, session.id, lambda name: _key(room, name), entries)
    entries[_key(room, name)] = _session(session, fingerprint)


def _key(room: str, name: str) -> str:
    return f"session {room}/{name}"


def _removals_beside(plan: SessionPlan, outcome: SessionOutcome) -> list[RemoveSession]:
    """Return the removals of sessions other than the slot's own. A session that this run created is not among them."""
    known = {plan.session.id} if plan.session else set()
    if outcome.session is not None and not outcome.changed:
        known.add(outcome.session.id)
    return [step for step in plan.steps if isinstance(step, RemoveSession) and step.session.id not in known]


def _fingerprint(row: Row | None, session: Session) -> str | None:
    return row.fingerprint if row is not None and row.object_id == session.id and row.key is not None else None


def _room(room: Room) -> dict[str, Any]:
    # Analytics as dotted names: below each other, they would be too far from the room's name.
    return {"id": id_of(room), **shown_of_room(room), "description": room.description or ""}


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
    # The one in C escapes these, or fails.
    is_unusual = _BEYOND_C.search(json.dumps(value, ensure_ascii=False))
    text: str = yaml.dump(
        dict(value), Dumper=yaml.SafeDumper if is_unusual else _DUMPER, allow_unicode=True, sort_keys=False, width=1000
    )
    return text
