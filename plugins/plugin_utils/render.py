# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a user sees: results, plan lines and diffs. The one place that decides it; nothing here holds a stream key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import yaml

from .ensure import Outcome
from .model import Session, StreamKey
from .outcomes import RoomOutcome, SessionOutcome
from .secrecy import MASK, NOT_PLAIN, Redactor, is_plain_ingest_url, is_plain_stream_key
from .steps import Step

FACT = "tenbyte_sessions"
# Which run of Ansible set the fact: a persistent fact cache must not mix the sessions of last week into today's.
FACT_RUN = "tenbyte_sessions_run"


def event_result(
    outcome: Outcome, redactor: Redactor, *, facts_before: Mapping[str, Any], run: str, reveal: bool = False
) -> dict[str, Any]:
    """Return the result of the actions ``event`` and ``session``, the same shape in check mode.

    ``facts_before`` are all facts of the host, ``run`` names this run of Ansible. ``reveal`` adds the stream keys to
    the sessions of the result, and hides the result from all but the variable that it is registered in.
    """
    applied = outcome.applied
    sessions = [session_result(session) for session in applied.sessions if session.spec.state != "absent"]
    failed: list[dict[str, Any]] = [
        {"room": session.room_title, "title": session.spec.title, "reason": session.error}
        for session in applied.sessions
        if session.error
    ]
    failed += [
        {"room": room.title, "title": None, "reason": room.error}
        for room, room_plan in zip(applied.rooms, outcome.plan.rooms, strict=True)
        if room.error and not any(session.steps for session in room_plan.sessions)
    ]
    result: dict[str, Any] = {
        "changed": any(room.changed for room in applied.rooms) or any(session.changed for session in applied.sessions),
        "plan": [step_result(step) for step in outcome.plan.steps()],
        "rooms": [room_result(room) for room in applied.rooms],
        "sessions": sessions,
        "failed_sessions": failed,
        "ansible_facts": {FACT: _facts(outcome, facts_before, run), FACT_RUN: run},
        "diff": _diff(outcome),
    }
    notes = [f"{done.title}: {note}" for done in applied.rooms for note in done.notes]
    notes += [f"{done.room_title}/{done.spec.title}: {note}" for done in applied.sessions for note in done.notes]
    notes += [
        f"{done.room_title}/{done.spec.title}: the service's ingest URL is not plainly one (rtmp, rtmps or https, a "
        "host, no blanks, quotes or the like). It is not passed on, so no encoder can be set up with it."
        for done in applied.sessions
        if done.key is not None and done.key.rtmp_url is not None and _shown_ingest_url(done.key) is None
    ]
    if notes:
        result["warnings"] = notes
    if failed:
        result["failed"] = True
        result["msg"] = _failure_message(failed, len(applied.sessions))
    shown: dict[str, Any] = redactor.value(result)
    if reveal:
        _reveal(shown, [session for session in applied.sessions if session.spec.state != "absent"])
    return shown


def _reveal(shown: dict[str, Any], sessions: Sequence[SessionOutcome]) -> None:
    """Put the stream keys into a result. One that failed gets none: its message must be seen, and could not be."""
    for entry, session in zip(shown["sessions"], sessions, strict=True):
        entry["stream_key"] = None
        if session.key is None or shown.get("failed"):
            continue
        if is_plain_stream_key(session.key.stream_key):
            entry["stream_key"] = session.key.stream_key
            # For Ansible: no callback, log or diff gets to see any of the result.
            shown["_ansible_no_log"] = True
        else:
            shown.setdefault("warnings", []).append(f"{entry['room']}/{entry['title']}: {NOT_PLAIN}")


def room_result(outcome: RoomOutcome) -> dict[str, Any]:
    room, spec = outcome.room, outcome.spec
    is_there = outcome.error is not None or spec.state == "present"
    return {
        "id": room.id if room else None,
        "title": outcome.title,
        "description": room.description if room else spec.description if is_there else None,
        "state": "present" if room or (is_there and outcome.changed) else "absent",
    }


def session_result(outcome: SessionOutcome) -> dict[str, Any]:
    session, spec = outcome.session, outcome.spec
    preset = session.preset if session else None
    return {
        "id": session.id if session else None,
        "room_id": outcome.room_id,
        "room": outcome.room_title,
        "title": spec.title,
        "status": session.status if session else None,
        "mode": session.mode if session else spec.mode,
        "preset": {
            "id": (preset.id if preset else None) or spec.preset_id,
            "name": preset.name if preset else None,
            "type": preset.type if preset else None,
        },
        "scheduled_start_time": session.scheduled_start_time if session else spec.scheduled_start_time,
        "hls_url": session.hls_url if session else None,
        "rtmp_url": _shown_ingest_url(outcome.key),
        "settings": asdict(session.settings if session else spec.settings),
        "encoder": spec.encoder,
        "stream_key_available": outcome.key is not None,
        "stream_key_fingerprint": outcome.fingerprint,
    }


def step_result(step: Step) -> dict[str, Any]:
    return {
        "action": step.action,
        "room": step.room,
        "title": step.title,
        "request": {"method": step.method, "path": step.path, "body": dict(step.body) if step.body else None},
        "reason": step.reason,
    }


def fact_name(room: str, title: str) -> str:
    return f"{room}/{title}"


def _facts(outcome: Outcome, before: Mapping[str, Any], run: str) -> dict[str, Any]:
    """Merge with the facts of earlier tasks of the same run, so that several tasks add up; what is gone leaves."""
    facts = dict(before.get(FACT) or {}) if before.get(FACT_RUN) == run else {}
    for session in outcome.applied.sessions:
        if session.surplus:
            continue
        name = fact_name(session.room_title, session.spec.title)
        exists = session.session is not None and session.session.is_current
        if exists or (session.spec.state in ("present", "live") and not session.error):
            facts[name] = session_result(session)
        else:
            facts.pop(name, None)
    return facts


def _shown_ingest_url(key: StreamKey | None) -> str | None:
    """Return the ingest URL as roles put it into configuration files; None where it is not plainly one."""
    if key is None or key.rtmp_url is None or not is_plain_ingest_url(key.rtmp_url):
        return None
    return key.rtmp_url.replace(key.stream_key, MASK)


def _failure_message(failed: list[dict[str, Any]], asked: int) -> str:
    lines = [
        f"{item['room']}/{item['title']}: {item['reason']}" if item["title"] else f"{item['room']}: {item['reason']}"
        for item in failed
    ]
    count = f"{len(failed)} of {asked} sessions failed" if asked else f"{len(failed)} of the rooms failed"
    return f"{count}. " + " | ".join(lines)


def _diff(outcome: Outcome) -> dict[str, str]:
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    outcomes = iter(outcome.applied.sessions)
    for room_plan, room in zip(outcome.plan.rooms, outcome.applied.rooms, strict=True):
        sessions_before, sessions_after = {}, {}
        for plan in room_plan.sessions:
            session = next(outcomes)
            # Beside the session of its title there may be one that is one too many.
            name = f"{plan.spec.title} ({plan.session.id})" if plan.surplus and plan.session else plan.spec.title
            if plan.session is not None:
                kept = plan.row if plan.row is not None and plan.row.object_id == plan.session.id else None
                sessions_before[name] = _diff_session(plan.session, kept.fingerprint if kept else None)
            if session.session is not None:
                sessions_after[name] = _diff_session(session.session, session.fingerprint)
            elif session.changed and plan.spec.state in ("present", "live"):
                sessions_after[plan.spec.title] = _diff_wish(session)
        for twin in room_plan.twins:
            before[f"{twin.title} ({twin.id})"] = _diff_room(twin.id, twin.description, {})
        if room_plan.room is not None:
            name = room_plan.room.title
            before[name] = _diff_room(room_plan.room.id, room_plan.room.description, sessions_before)
        if room.room is not None:
            after[room.title] = _diff_room(room.room.id, room.room.description, sessions_after)
        elif room.changed and room.spec.state == "present":
            after[room.title] = _diff_room(None, room.spec.description, sessions_after)
    return {
        "before_header": "webinar service",
        "after_header": "webinar service",
        "before": _yaml(before),
        "after": _yaml(after),
    }


def _diff_room(room_id: str | None, description: str | None, sessions: dict[str, Any]) -> dict[str, Any]:
    return {"id": room_id, "description": description or "", "sessions": sessions}


def _diff_session(session: Session, fingerprint: str | None) -> dict[str, Any]:
    return {
        "id": session.id,
        "status": session.status,
        "preset_id": session.preset.id,
        "mode": session.mode,
        "scheduled_start_time": session.scheduled_start_time,
        **session.settings.given(),
        "stream_key_fingerprint": fingerprint,
    }


def _diff_wish(outcome: SessionOutcome) -> dict[str, Any]:
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
