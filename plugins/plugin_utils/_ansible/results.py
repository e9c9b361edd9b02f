# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""The results of the actions event, room and session. They contain no stream key, unless the task asks for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .._core.config_values import NOT_PLAIN, is_plain_ingest_url, is_plain_stream_key
from .._core.model import StreamKey, settings_values
from .._core.secrecy import MASK, Redactor
from .._reconcile.ensure import Outcome
from .._reconcile.outcomes import RoomOutcome, SessionOutcome, id_of
from .._reconcile.steps import Step
from . import facts
from .diffs import diff_of
from .failure_message import failure_message


def event_result(
    outcome: Outcome,
    redactor: Redactor,
    *,
    facts_before: Mapping[str, Any],
    run: str,
    reveal: bool = False,
    check_mode: bool = False,
    may_change_facts: bool = True,
    whole: bool = True,
    with_diff: bool = True,
) -> dict[str, Any]:
    """Return the result of the actions ``event``, ``room`` and ``session``. It has the same shape in check mode.

    ``facts_before`` are the host's facts of this collection, ``run`` is the name of this run of Ansible. ``reveal``
    adds the stream keys to the sessions; only a registered variable receives such a result, no log or callback does.
    ``may_change_facts`` and ``whole`` are described in ``facts``. ``with_diff``: whether the user asked for a diff.
    """
    applied = outcome.applied
    known = facts.known_before(facts_before, run, check_mode=check_mode)
    names = facts.names_of(applied, known)
    entries = {name: session_result(session, name) for name, session in zip(names, applied.sessions, strict=True)}
    shown_sessions = [
        (name, session) for name, session in zip(names, applied.sessions, strict=True) if session.spec.state != "absent"
    ]
    failed_rooms = [{"room": room.title, "title": None, "reason": room.error} for room in applied.rooms if room.error]
    failed: list[dict[str, Any]] = [
        {"room": session.room_title, "title": session.spec.title, "reason": session.error}
        for session in applied.sessions
        if session.error
    ]
    named = {item["room"] for item in failed}
    # Where sessions failed because of their room, their entries name the room already.
    failed += [item for item in failed_rooms if item["room"] not in named]
    known = facts.facts_of(outcome.plan, applied, entries, names, known, whole=whole)
    result: dict[str, Any] = {
        "changed": any(room.changed for room in applied.rooms) or any(session.changed for session in applied.sessions),
        "plan": [step_result(step) for step in outcome.steps()],
        "rooms": [room_result(room) for room in applied.rooms],
        "sessions": [entries[name] for name, _session in shown_sessions],
        "failed_sessions": failed,
        "failed_rooms": [{"room": item["room"], "reason": item["reason"]} for item in failed_rooms],
        "ansible_facts": facts.as_facts(known, run, check_mode=check_mode, may_change_facts=may_change_facts),
    }
    if with_diff:
        result["diff"] = diff_of(outcome)
    notes = [*outcome.notes, *(f"{done.title}: {note}" for done in applied.rooms for note in done.notes)]
    notes += [f"{done.room_title}/{done.spec.title}: {note}" for done in applied.sessions for note in done.notes]
    notes += [
        f"{done.room_title}/{done.spec.title}: the service's ingest URL is malformed (it needs rtmp, rtmps or https, "
        "and a host, without blanks, quotes or the like). It is not passed on, so no encoder can be set up with it."
        for done in applied.sessions
        if done.key is not None and done.key.rtmp_url is not None and _shown_ingest_url(done.key) is None
    ]
    if notes:
        result["warnings"] = notes
    if failed:
        result["failed"] = True
        # Masked first: the message may cut a text anywhere.
        result["msg"] = failure_message(redactor.value(failed), len(applied.sessions), len(failed_rooms))
    shown: dict[str, Any] = redactor.value(result)
    if reveal:
        _reveal(shown, [session for _name, session in shown_sessions])
    return shown


def _reveal(shown: dict[str, Any], sessions: Sequence[SessionOutcome]) -> None:
    """Add the stream keys to a result. A failed result gets none: hiding it would hide its message."""
    # The facts have the same entries, and must not get the keys.
    shown["sessions"] = [dict(entry) for entry in shown["sessions"]]
    for entry, session in zip(shown["sessions"], sessions, strict=True):
        entry["stream_key"] = None
        if session.key is None or shown.get("failed"):
            continue
        if is_plain_stream_key(session.key.stream_key):
            entry["stream_key"] = session.key.stream_key
            # Makes Ansible hide the whole result from callbacks, logs and diffs.
            shown["_ansible_no_log"] = True
        else:
            shown.setdefault("warnings", []).append(f"{entry['room']}/{entry['title']}: {NOT_PLAIN}")


def room_result(outcome: RoomOutcome) -> dict[str, Any]:
    room, spec = outcome.room, outcome.spec
    is_there = outcome.error is not None or spec.state == "present"
    return {
        "id": id_of(room),
        "title": outcome.title,
        "description": room.description if room else spec.description if is_there else None,
        "state": "present" if room else "absent",
    }


def session_result(outcome: SessionOutcome, name: str) -> dict[str, Any]:
    """Return what is shown of a session; ``name`` is its name in the facts."""
    session, spec = outcome.session, outcome.spec
    preset = session.preset if session else None
    return {
        "name": name,
        "id": id_of(session),
        "room_id": outcome.room_id,
        "room": outcome.room_title,
        "title": spec.title,
        # A session that does not exist yet has no status.
        "status": session.status if session and session.id else None,
        "mode": session.mode if session else spec.mode,
        "preset": {
            "id": (preset.id if preset else None) or spec.preset_id,
            "name": preset.name if preset else None,
            "type": preset.type if preset else None,
        },
        "scheduled_start_time": session.scheduled_start_time if session else spec.scheduled_start_time,
        "hls_url": session.hls_url if session else None,
        "rtmp_url": _shown_ingest_url(outcome.key),
        "whip_url": _shown_ingest_url(outcome.key, whip=True),
        "settings": settings_values(session.settings if session else spec.settings),
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


def _shown_ingest_url(key: StreamKey | None, *, whip: bool = False) -> str | None:
    """Return the ingest URL, safe to write into a configuration file and with its key masked. None where it is not."""
    url = None if key is None else key.whip_url if whip else key.rtmp_url
    if key is None or url is None or not is_plain_ingest_url(url):
        return None
    if whip and "?" in url:
        # WHIP sends the key as a bearer token (RFC 9725), so a query may contain another credential.
        return None
    return url.replace(key.stream_key, MASK)
