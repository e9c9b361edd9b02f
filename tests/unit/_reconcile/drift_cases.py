# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Builds the worlds and specs that a row of docs/drift.md describes, and plans them.

A column may stand for several cases (``live`` for every session on air, ``differs`` for each setting); all must agree.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.argument_specs import EVENT_SPEC
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.event_options import event_from
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import InvalidInput
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import (
    Policy,
    Preset,
    Room,
    RoomSpec,
    Session,
    SessionSpec,
    Settings,
)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import Row as LedgerRow
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.unanswered import Unanswered
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.plan import Plan
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.world import World

from ..worlds import OTHER_PRESET, PRESET, ROOM, kept, known, plan_of, world_of

Row = dict[str, str]
# None means that the input is refused before anything is planned.
Plans = dict[str, list[Plan | None]]

ANY = "any"
STATES: dict[str, tuple[Any, ...]] = {ANY: ("present", "live", "ended", "absent")}
STATUSES = {"scheduled": ("scheduled",), "live": ("live", "paused"), "past": ("ended", "expired")}
START, SAME_START, LATER = "2027-05-04T07:00:00Z", "2027-05-04T09:00:00+02:00", "2027-05-05T07:00:00Z"
ANALYTICS = {"google_tag_manager": {"container_id": "GTM-UNIT", "enabled": True}}
WORDS = {
    "create_session": "create",
    "delete_session": "delete",
    "end_session": "end",
    "reschedule_session": "reschedule",
    "go_live": "go live",
}
# The session that exists, unless a row says otherwise, and the spec that it matches.
EXISTING = Session("s1", "r1", "Keynote", "scheduled", "rtmp", Preset(PRESET), START, settings=Settings(True, True, 5))
ASKED = SessionSpec("Keynote", PRESET, "Opening", "rtmp", SAME_START, "encoder1", settings=Settings(True, True, 5))
OTHER = replace(ASKED, preset_id=OTHER_PRESET)


def planned(plan: Plan | None) -> str:
    """Return a plan in the words of the page."""
    if plan is None:
        return "bad input"
    (room,) = plan.rooms
    refusals = [refusal for refusal in (room.refusal, *(session.refusal for session in room.sessions)) if refusal]
    words = [WORDS.get(step.action, step.action.replace("_", " ")) for step in plan.steps()]
    assert not (words and refusals)
    return "refuse" if refusals else ", ".join(words) or "nothing"


def _plans(
    worlds: list[World], specs: list[SessionSpec], policies: Sequence[Policy] = (Policy(),)
) -> list[Plan | None]:
    """Plan every combination except one: a session with an unknown status that is to be live is put on air."""
    return [
        plan_of(world, spec, policy=policy)
        for world in worlds
        for spec in specs
        if not (spec.state == "live" and _has_own_status(world))
        for policy in policies
    ]


def _has_own_status(world: World) -> bool:
    return any(session.status == "paused" for sessions in world.sessions.values() for session in sessions)


def _existing(status: str, **changes: Any) -> list[World]:
    return [known(session) for session in _sessions(status, **changes)]


def _sessions(status: str, **changes: Any) -> list[Session]:
    return [replace(EXISTING, status=name, **changes) for name in STATUSES[status]]


def _in_states(spec: SessionSpec, cell: str) -> list[SessionSpec]:
    return [replace(spec, state=state) for state in STATES.get(cell, (cell,))]


def _policies(row: Row) -> list[Policy]:
    def choices(name: str) -> list[Any]:
        spec = EVENT_SPEC[name]
        return list(spec["choices"]) if row.get(name) == ANY else [row.get(name, spec["default"])]

    return [
        Policy(replace=choice, on_missing_key=missing)
        for choice in choices("replace")
        for missing in choices("on_missing_key")
    ]


def _state_of_a_session(row: Row) -> Plans:
    specs = _in_states(ASKED, row["state"])
    # Settings would need another call, which is not part of this table.
    specs = [replace(spec, settings=Settings()) for spec in specs]
    return {
        "no room": _plans([world_of(None)], specs),
        "no session": _plans([world_of(ROOM), known(replace(EXISTING, title="Panel"))], specs),
        **{status: _plans(_existing(status), specs) for status in STATUSES},
    }


# For each field: values of the service that differ from the requested one, and values that mean unknown.
DIFFERENT: dict[str, list[dict[str, Any]]] = {
    "title": [{"title": "Panel"}],
    "preset_id": [{"preset": Preset(OTHER_PRESET)}],
    "mode": [{"mode": "webcam"}],
    "description": [{}],
    "scheduled_start_time": [{"scheduled_start_time": LATER}, {"scheduled_start_time": "soon"}],
    "settings": [
        {"settings": Settings(False, True, 5)},
        {"settings": Settings(True, False, 5)},
        {"settings": Settings(True, True, 4)},
        {"settings": Settings(False, None, None)},
    ],
    "encoder": [{}],
}
UNKNOWN: dict[str, list[dict[str, Any]]] = {
    "title": [{"title": ""}],
    "preset_id": [{"preset": Preset(None)}],
    "mode": [{"mode": None}],
    "description": [{}],
    "scheduled_start_time": [{"scheduled_start_time": None}],
    "settings": [{"settings": Settings()}, {"settings": Settings(True, None, None)}],
    "encoder": [{}],
}


def _field_of_a_session(row: Row) -> Plans:
    field, status = row["field"], row["status"]
    # A new session must get nothing that the table does not show.
    spec = ASKED if field == "settings" else replace(ASKED, settings=Settings())
    not_asked = [_read_input(field, world) for changes in DIFFERENT[field] for world in _existing(status, **changes)]
    return {
        "same": _plans(_existing(status), [spec]),
        "differs": [plan for changes in DIFFERENT[field] for plan in _plans(_existing(status, **changes), [spec])],
        "unknown": [plan for changes in UNKNOWN[field] for plan in _plans(_existing(status, **changes), [spec])],
        "not asked for": not_asked,
    }


def _read_input(left_out: str, world: World) -> Plan | None:
    """Return the plan for the action's options without the field; None if they are refused."""
    options = {"title": ASKED.title, "preset_id": PRESET, "mode": ASKED.mode, "scheduled_start_time": START}
    session = {name: value for name, value in options.items() if name != left_out}
    checked = ArgumentSpecValidator(EVENT_SPEC).validate({"rooms": [{"title": "Main stage", "sessions": [session]}]})
    if checked.error_messages:
        return None
    try:
        (spec,) = event_from(checked.validated_parameters).rooms[0].sessions
    except InvalidInput:
        return None
    return plan_of(world, spec)


def _what_cannot_be_changed(row: Row) -> Plans:
    policies = _policies(row)
    wishes = [*_in_states(OTHER, row["state"]), *_in_states(replace(ASKED, mode="webcam"), row["state"])]
    specs = [replace(spec, settings=Settings()) for spec in wishes]
    return {status: _plans(_existing(status), specs, policies) for status in STATUSES}


def _missing_key(row: Row) -> Plans:
    policies, specs = _policies(row), _in_states(replace(ASKED, settings=Settings()), row["state"])
    return {status: _plans(_worlds_without_key(status), specs, policies) for status in ("scheduled", "live")}


def _worlds_without_key(status: str) -> list[World]:
    """Return the cases: no row in the ledger, one without a key, and one of another session."""
    worlds = []
    for session in _sessions(status):
        keyless, of_another = replace(kept(session), key=None, phase="keyless"), replace(kept(session), object_id="s0")
        worlds += [world_of(ROOM, (session,), rows) for rows in ((), (keyless,), (of_another,))]
    return worlds


SETTINGS = Settings(False, False, 9)
SEVERAL: dict[str, tuple[SessionSpec, Policy, bool]] = {
    "start time and settings": (replace(ASKED, scheduled_start_time=LATER, settings=SETTINGS), Policy(), True),
    "start time and settings, state: live": (
        replace(ASKED, scheduled_start_time=LATER, settings=SETTINGS, state="live"),
        Policy(),
        True,
    ),
    "preset, start time and settings": (replace(OTHER, scheduled_start_time=LATER, settings=SETTINGS), Policy(), True),
    "preset and missing key": (replace(OTHER, settings=Settings()), Policy(), False),
    "preset and missing key, replace: live": (replace(OTHER, settings=Settings()), Policy(replace="live"), False),
    "settings and missing key": (replace(ASKED, settings=SETTINGS), Policy(), False),
    "settings and missing key, on_missing_key: go_live": (
        replace(ASKED, settings=SETTINGS),
        Policy(on_missing_key="go_live"),
        False,
    ),
}


def _several(row: Row) -> Plans:
    spec, policy, has_key = SEVERAL[row["difference"]]
    worlds = _existing if has_key else _worlds_without_key
    return {status: _plans(worlds(status), [spec], [policy]) for status in ("scheduled", "live")}


NAMESAKE = replace(EXISTING, id="s2", status="live")
MEANT: dict[str, tuple[tuple[Session, ...], SessionSpec]] = {
    "one scheduled session of the title, and past ones": (
        (EXISTING, replace(EXISTING, id="s2", status="ended"), replace(EXISTING, id="s3", status="expired")),
        ASKED,
    ),
    "two current sessions of the title, neither in the ledger": ((EXISTING, NAMESAKE), ASKED),
    "two, of which the ledger knows the scheduled one": ((EXISTING, NAMESAKE), ASKED),
    "one that the ledger knows, which has another title by now": ((replace(EXISTING, title="Panel"),), ASKED),
    "two, and session_id names the scheduled one": ((EXISTING, NAMESAKE), replace(ASKED, session_id="s1")),
    "two, and session_id names the live one": ((EXISTING, NAMESAKE), replace(ASKED, session_id="s2")),
    "the session of session_id, with another title": (
        (replace(EXISTING, title="Panel"),),
        replace(ASKED, session_id="s1"),
    ),
    "the session of session_id, which is past": (
        (replace(EXISTING, status="ended"),),
        replace(ASKED, session_id="s1"),
    ),
    "no session of that session_id": ((EXISTING,), replace(ASKED, session_id="s9")),
    "the session of session_id, with another preset": ((EXISTING,), replace(OTHER, session_id="s1")),
}


def _which_is_meant(row: Row) -> Plans:
    sessions, spec = MEANT[row["the room has"]]
    # The ledger has one row for each title, that of the requested session.
    meant = next((session for session in sessions if session.id == spec.session_id), sessions[0])
    of_title = kept(replace(meant, title=spec.title)) if spec.session_id is None else kept(meant)
    world = world_of(ROOM, sessions, () if "neither in the ledger" in row["the room has"] else (of_title,))
    return {state: _plans([world], _in_states(spec, state)) for state in STATES[ANY]}


INTENT = 1_700_000_000.0
REQUESTS = Unanswered(1, since=INTENT, until=INTENT + 10, by_service=True, preset_ids=(PRESET,))
NEW = replace(EXISTING, created_at="2023-11-14T22:13:25Z")
SECOND = replace(NEW, id="s2")
UNFINISHED = {
    "no session of the title": ((), frozenset[str](), 1),
    "a new session of the title": ((NEW,), frozenset({"s0"}), 1),
    "two new sessions of the title, of two requests": ((NEW, SECOND), frozenset({"s0"}), 2),
    "two new sessions of the title, of one request": ((NEW, SECOND), frozenset({"s0"}), 1),
    "a new session of the title, on air": ((replace(NEW, status="live"),), frozenset({"s0"}), 1),
    "the session that was there before": ((NEW,), frozenset({"s1"}), 1),
    "a new session of the title with another preset": ((replace(NEW, preset=Preset(OTHER_PRESET)),), frozenset(), 1),
    "a new session that was created hours later": ((replace(NEW, created_at="2023-11-15T01:13:25Z"),), frozenset(), 1),
    "a new session, although no request was sent": ((NEW,), frozenset(), 0),
}


def _unfinished(row: Row) -> Plans:
    sessions, seen_ids, count = UNFINISHED[row["the room has"]]
    intent = replace(kept(EXISTING), phase="pending", key=None, object_id=None, seen_ids=seen_ids)
    intent = replace(intent, unanswered=replace(REQUESTS, count=count))
    world = world_of(ROOM, sessions, (intent,), now=INTENT + 60)
    return {"the plan": _plans([world], [replace(ASKED, settings=Settings())])}


DUPLICATE = replace(NEW, id="d1")
KEPT = replace(kept(EXISTING), unanswered=REQUESTS)
SPARE = replace(kept(EXISTING), id=2, phase="spare", object_id="d1")
REPLACED = replace(SPARE, phase="replaced")
UNANSWERED: dict[str, tuple[tuple[Session, ...], tuple[LedgerRow, ...]]] = {
    "a duplicate": ((EXISTING, DUPLICATE), (KEPT,)),
    "two duplicates of two requests": (
        (EXISTING, DUPLICATE, replace(DUPLICATE, id="d2")),
        (replace(KEPT, unanswered=replace(REQUESTS, count=2)),),
    ),
    "one more than there were requests": ((EXISTING, DUPLICATE, replace(DUPLICATE, id="d2")), (KEPT,)),
    "one, although every request was answered": ((EXISTING, DUPLICATE), (kept(EXISTING),)),
    "one with another preset": ((EXISTING, replace(DUPLICATE, preset=Preset(OTHER_PRESET))), (KEPT,)),
    "one that was there before": ((EXISTING, DUPLICATE), (replace(KEPT, seen_ids=frozenset({"d1"})),)),
    "one that was created before the intent": (
        (EXISTING, replace(DUPLICATE, created_at="2023-11-14T22:13:19Z")),
        (KEPT,),
    ),
    "one that was created hours later": ((EXISTING, replace(DUPLICATE, created_at="2023-11-15T01:13:25Z")), (KEPT,)),
    "one that is live": ((EXISTING, replace(DUPLICATE, status="live")), (KEPT,)),
    "one whose key the ledger holds": ((EXISTING, DUPLICATE), (KEPT, replace(SPARE, phase="beside"))),
    "an overtaken duplicate": ((EXISTING, DUPLICATE), (kept(EXISTING), SPARE)),
    "one that it has replaced": ((EXISTING, DUPLICATE), (kept(EXISTING), REPLACED)),
    "one on air that it has replaced": ((EXISTING, replace(DUPLICATE, status="live")), (kept(EXISTING), REPLACED)),
    "a duplicate alone, since the slot's session has ended": (
        (replace(EXISTING, status="ended"), DUPLICATE),
        (KEPT,),
    ),
}


def _unanswered(row: Row) -> Plans:
    (case,) = (value for column, value in row.items() if column not in STATES[ANY])
    sessions, rows = UNANSWERED[case]
    world = world_of(ROOM, sessions, rows, now=INTENT + 60)
    # Settings need another call if the session is created again.
    specs = {state: replace(ASKED, state=state, settings=Settings()) for state in STATES[ANY]}
    pinned = [plan_of(world, replace(spec, session_id="s1")) for spec in specs.values()]
    assert not any("d1" in step.path for plan in pinned for step in plan.steps())
    return {state: _plans([world], [spec]) for state, spec in specs.items()}


def _room_plans(room: Room | None, spec: RoomSpec, *sessions: Session) -> Plan:
    return plan_of(world_of(room, sessions), room=spec)


def _state_of_a_room(row: Row) -> Plans:
    spec = RoomSpec(title="Main stage", state=row["state"])  # type: ignore[arg-type]
    plans: Plans = {"no room": [_room_plans(None, spec)], "an empty room": [_room_plans(ROOM, spec)]}
    for status, names in STATUSES.items():
        plans[f"with a {status} session"] = [_room_plans(ROOM, spec, replace(EXISTING, status=name)) for name in names]
    return plans


FULL_ROOM = replace(ROOM, description="Plenary", analytics=ANALYTICS)
ROOM_FIELDS: dict[str, tuple[Any, Any, Any]] = {
    "title": ("Main stage", "Hall", ""),
    "description": ("Plenary", "Workshops", None),
    "analytics": (ANALYTICS, {"google_tag_manager": {"container_id": "GTM-OTHER", "enabled": True}}, {}),
}


def _field_of_a_room(row: Row) -> Plans:
    field = row["field"]
    same, different, unknown = ROOM_FIELDS[field]
    spec = RoomSpec(room_id="r1", **{field: same})
    return {
        "same": [_room_plans(FULL_ROOM, spec)],
        "differs": [_room_plans(replace(FULL_ROOM, **{field: different}), spec)],
        "unknown": [_room_plans(replace(FULL_ROOM, **{field: unknown}), spec)],
        "not asked for": [
            _room_plans(replace(FULL_ROOM, **{field: value}), RoomSpec(room_id="r1")) for value in (different, unknown)
        ],
    }


def _not_asked_for(row: Row) -> Plans:
    status, is_namesake, _nothing = row["the session"].partition(", of a title that was asked for")
    asked = replace(ASKED, session_id="s1")
    other = replace(EXISTING, id="s2", title="Keynote" if is_namesake else "Panel")
    plans: Plans = {}
    for purge in (False, True):
        policy = Policy(purge=purge)
        worlds = [
            world_of(ROOM, (EXISTING, replace(other, status=name)), (kept(EXISTING),)) for name in STATUSES[status]
        ]
        plans[f"purge: {str(purge).lower()}"] = _plans(worlds, [asked], [policy])
    return plans


def _compared(row: Row) -> Plans:
    asked, shown = json.loads(row["asked for"]), json.loads(row["the service has"])
    field, _of, thing = row["the"].partition(" of a ")
    if thing == "room":
        room_spec = RoomSpec(**{"title": "Main stage", field: asked})
        return {"the plan": [_room_plans(replace(ROOM, **{field: shown}), room_spec)]}
    wish: dict[str, Any] = {field: asked}
    there: dict[str, Any] = {field: shown}
    if field == "preset_id":
        there = {"preset": Preset(shown)}
    if field == "settings":
        wish, there = {field: Settings(**asked)}, {field: Settings(**shown)}
    spec = replace(ASKED, **{"settings": Settings(), **wish})
    return {"the plan": [plan_of(known(replace(EXISTING, **there)), spec)]}


PLANS: dict[str, Callable[[Row], Plans]] = {
    "The state of a session": _state_of_a_session,
    "The fields of a session": _field_of_a_session,
    "When preset or mode differ": _what_cannot_be_changed,
    "When the ledger does not hold the key": _missing_key,
    "Several differences at once": _several,
    "Which session a task concerns": _which_is_meant,
    "When an earlier run did not finish": _unfinished,
    "When a request was never answered": _unanswered,
    "The state of a room": _state_of_a_room,
    "The fields of a room": _field_of_a_room,
    "Sessions that were not asked for": _not_asked_for,
    "How values are compared": _compared,
}
# The columns that describe the case. Every other column except "why" has a plan.
KEYS = {
    "The state of a session": {"state"},
    "The fields of a session": {"field", "status"},
    "When preset or mode differ": {"replace", "state"},
    "When the ledger does not hold the key": {"on_missing_key", "replace", "state"},
    "Several differences at once": {"difference"},
    "Which session a task concerns": {"the room has"},
    "When an earlier run did not finish": {"the room has"},
    "When a request was never answered": {"beside the slot's session, which is scheduled, the room has"},
    "The state of a room": {"state"},
    "The fields of a room": {"field"},
    "Sessions that were not asked for": {"the session"},
    "How values are compared": {"the", "asked for", "the service has"},
}
