# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Properties of the plan that hold for every service, ledger and request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import PAST, EventSpec, SessionSpec
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import Redactor
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.lease_owner import new_owner
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.location import LedgerSettings
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import Row, open_ledger
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.unanswered import Unanswered
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.ensure import Outcome
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.indexes import KnownRows
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.outcomes import Applied, foreseen
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.plan import Plan, make_plan
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.slot_plan import SessionPlan
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.steps import DeleteRoom, RemoveSession, Step
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.world import World
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.api import WebinarApi
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.transport import Connection, Transport
from hypothesis import given, settings
from hypothesis import strategies as st

from ..engine_run import Run
from ..random_events import Scenario, scenarios
from ..small_service import SmallService, small_service
from ..worlds import ROOM
from .random_unanswered import INTENT, UNTIL, instant, unanswered_events

pytestmark = pytest.mark.slow

EVERY_STATUS = ("scheduled", "live", "ended", "expired", "paused")
pure = settings(max_examples=100)
unanswered = settings(max_examples=400)
applied = settings(max_examples=50)


def session_plans(plan: Plan) -> list[SessionPlan]:
    return [session for room in plan.rooms for session in room.sessions]


def touched(plan: Plan) -> set[str]:
    """Return the ids of the sessions that the plan's calls name."""
    return {step.path.split("/")[2] for step in plan.steps() if step.path.startswith("/sessions/")}


def ids(scenario: Scenario, *statuses: str) -> set[str]:
    return {session.id for session in scenario.sessions if session.status in statuses}


@pure
@given(scenarios(EVERY_STATUS))
def test_no_past_session_is_touched(scenario: Scenario) -> None:
    assert not touched(make_plan(scenario.asked, scenario.world())) & ids(scenario, *PAST)


@pure
@given(scenarios(EVERY_STATUS))
def test_a_session_on_air_ends_only_if_requested_or_if_the_policy_replaces_live_ones(scenario: Scenario) -> None:
    for plan in session_plans(make_plan(scenario.asked, scenario.world())):
        if any(step.action == "end_session" for step in plan.steps):
            assert plan.spec.state in ("ended", "absent") or scenario.asked.policy.replace == "live"


@pure
@given(scenarios(EVERY_STATUS))
def test_nothing_is_replaced_if_the_policy_says_never(scenario: Scenario) -> None:
    for plan in session_plans(make_plan(scenario.asked, scenario.world())):
        if scenario.asked.policy.replace == "never" and plan.spec.state in ("present", "live"):
            assert not {"end_session", "delete_session"} & {step.action for step in plan.steps}


@pure
@given(scenarios(EVERY_STATUS))
def test_a_purge_only_deletes_scheduled_sessions(scenario: Scenario) -> None:
    for plan in session_plans(make_plan(scenario.asked, scenario.world())):
        if plan.purged:
            assert scenario.asked.policy.purge
            assert plan.session is not None
            assert plan.session.id in ids(scenario, "scheduled")
            assert [step.action for step in plan.steps] == ["delete_session"]


@pure
@given(scenarios(EVERY_STATUS))
def test_no_slot_gets_a_second_session(scenario: Scenario) -> None:
    plan = make_plan(scenario.asked, scenario.world())
    created = Counter((step.room, step.title) for step in plan.steps() if step.action == "create_session")
    assert set(created.values()) <= {1}
    gone = {step.path.split("/")[2] for step in plan.steps() if step.action in ("delete_session", "end_session")}
    titles = {room.id: room.title for room in scenario.rooms}
    staying = {
        (titles[session.room_id or ""], session.title)
        for session in scenario.sessions
        if session.is_current and session.id not in gone
    }
    assert not set(created) & staying


@pure
@given(scenarios(EVERY_STATUS))
def test_a_refusal_means_that_nothing_is_done(scenario: Scenario) -> None:
    plan = make_plan(scenario.asked, scenario.world())
    assert not any(session.refusal and session.steps for session in session_plans(plan))
    # The deletion of duplicates does not depend on it.
    of_room = [step for room in plan.rooms if room.refusal for step in room.steps if not isinstance(step, DeleteRoom)]
    assert of_room == []


@pure
@given(scenarios(EVERY_STATUS))
def test_calls_name_only_requested_rooms_and_titles_except_for_a_purge(scenario: Scenario) -> None:
    plan = make_plan(scenario.asked, scenario.world())
    asked: set[tuple[str | None, str | None]] = {(room.title, None) for room in scenario.asked.rooms}
    asked |= {(room.title, session.title) for room in scenario.asked.rooms for session in room.sessions}
    purged = {id(step) for session in session_plans(plan) if session.purged for step in session.steps}
    assert {(step.room, step.title) for step in plan.steps() if id(step) not in purged} <= asked


def row_of(step: Step) -> Row | None:
    """The ledger's row whose unanswered request created what a step removes."""
    return step.row if isinstance(step, (RemoveSession, DeleteRoom)) else None


def removals_beside(plan: SessionPlan) -> list[RemoveSession]:
    """Return the removals of sessions that do not fill the slot."""
    return [
        step
        for step in plan.steps
        if isinstance(step, RemoveSession) and (plan.session is None or step.session.id != plan.session.id)
    ]


@unanswered
@given(unanswered_events())
def test_only_sessions_of_ours_are_removed_beside_a_slot(event: tuple[EventSpec, World]) -> None:
    asked, world = event
    by_id = {row.id: row for rows in world.rows.others.values() for row in rows}
    by_id |= {row.id: row for row in world.rows.held.values()}
    counted: Counter[int] = Counter()
    removed: list[str] = []
    for plan in session_plans(make_plan(asked, world)):
        if plan.purged:
            continue
        assert not (plan.spec.session_id and removals_beside(plan))
        holder = world.rows.of_slot(world.session_slot(ROOM.id, plan.spec.title))
        for step in removals_beside(plan):
            session = step.session
            removed.append(session.id)
            assert session.title == plan.spec.title
            if step.row is None:
                # A spare, or what another one has taken the place of.
                rows = world.rows.beside(world.session_slot(ROOM.id, plan.spec.title))
                assert session.id in {row.object_id for row in rows if row.phase in ("spare", "replaced")}
                assert plan.session is not None
                assert plan.session.is_current
                continue
            row = by_id[step.row.id]
            assert holder is None or holder.phase != "pending" or not holder.leased
            counted[row.id] += 1
            assert counted[row.id] <= row.unanswered.count
            assert (session.status, step.path) == ("scheduled", f"/sessions/{session.id}")
            assert session.id not in row.seen_ids
            assert session.id not in world.rows.ids
            if plan.session is not None:
                assert session.preset.id in row.unanswered.preset_ids
                assert session.created_at in (instant(INTENT + 30), instant(UNTIL))
    assert len(removed) == len(set(removed))


@unanswered
@given(unanswered_events())
def test_a_session_without_a_row_is_removed_only_for_an_unanswered_request(
    event: tuple[EventSpec, World],
) -> None:
    """Any other one is somebody else's. Only a purge, or its own session_id, removes it."""
    asked, world = event
    nobody_waits = replace(world, rows=without_requests(world))
    for plan in session_plans(make_plan(asked, nobody_waits)):
        if plan.purged:
            continue
        for step in removals_beside(plan):
            assert step.session.id in world.rows.ids


def without_requests(world: World) -> KnownRows:
    def answered(row: Row) -> Row:
        return replace(row, unanswered=Unanswered.none())

    held = {slot: answered(row) for slot, row in world.rows.held.items()}
    others = {slot: tuple(answered(row) for row in rows) for slot, rows in world.rows.others.items()}
    return replace(world.rows, held=held, others=others, by_id={k: answered(r) for k, r in world.rows.by_id.items()})


@unanswered
@given(unanswered_events())
def test_duplicates_do_not_change_the_rest_of_the_plan(event: tuple[EventSpec, World]) -> None:
    asked, world = event
    plan = make_plan(asked, world)
    gone = {step.session.id for step in plan.steps() if isinstance(step, RemoveSession) and step.row is not None}
    left = {room: tuple(one for one in listed if one.id not in gone) for room, listed in world.sessions.items()}
    rest = make_plan(asked, replace(world, sessions=left))
    for found, other in zip(session_plans(plan), session_plans(rest), strict=False):
        assert found.spec == other.spec
        if found.refusal is None and other.refusal is None:
            assert [step for step in found.steps if row_of(step) is None] == list(other.steps)


def test_the_random_worlds_contain_duplicates_and_similar_sessions() -> None:
    """Otherwise the tests above would prove little."""
    seen: Counter[str] = Counter()

    @settings(max_examples=300, derandomize=True, database=None)
    @given(unanswered_events())
    def count(event: tuple[EventSpec, World]) -> None:
        plans = session_plans(make_plan(*event))
        is_removed = any(row_of(step) is not None for plan in plans for step in plan.steps)
        seen["duplicates"] += is_removed
        seen["look-alikes"] += not is_removed and any(_is_crowded(plan) for plan in plans)

    count()
    assert min(seen["duplicates"], seen["look-alikes"]) >= 20, seen


def _is_crowded(plan: SessionPlan) -> bool:
    return bool(plan.notes and "another current session" in plan.notes[0]) or "current sessions" in (plan.refusal or "")


@pytest.fixture(scope="module")
def api_and_service() -> Iterator[tuple[WebinarApi, SmallService]]:
    with small_service() as service:
        connection = Connection(service.url, api_key="unit-api-key", timeout=5.0, retries=0, concurrency=4)
        transport = Transport(connection, Redactor())
        yield WebinarApi(transport), service
        transport.close()


def run_of(scenario: Scenario, api_and_service: tuple[WebinarApi, SmallService], folder: str) -> Run:
    api, service = api_and_service
    ledger = open_ledger(LedgerSettings(f"sqlite:///{Path(folder) / 'keys.sqlite3'}"), Redactor(), new_owner())
    assert ledger is not None
    scenario.load(service, ledger, api.url)
    return Run(service, api, ledger)


@applied
@given(scenario=scenarios())
def test_an_applied_event_needs_no_second_run(scenario: Scenario, api_and_service: Any) -> None:
    with TemporaryDirectory() as folder:
        run = run_of(scenario, api_and_service, folder)
        first = run.plan(scenario.asked)
        done = run.apply(scenario.asked)
        check_the_run(run, scenario, first, done)
        check_that_the_plan_holds_every_call(run, Outcome(first, done))
        second = run.plan(scenario.asked)
        run.ledger.close()
    assert [step.action for step in second.steps()] == []
    # The same sessions are refused as before. Only a session_id may name a session that another entry removed.
    pinned = {(room.title, spec.title) for room in scenario.asked.rooms for spec in room.sessions if spec.session_id}
    assert refused(first) - pinned <= refused(second) <= refused(first)


def check_that_the_plan_holds_every_call(run: Run, outcome: Outcome) -> None:
    """Check that every deletion of the run is in its steps, and that check mode showed it."""
    destroyed = [
        (method, path)
        for method, path in run.service.journal
        if method == "DELETE" or (method == "POST" and path.endswith("/end"))
    ]
    assert sorted(destroyed) == sorted((step.method, step.path) for step in outcome.steps() if _destroys(step))
    assert not [step for done in outcome.applied.sessions for step in done.more_steps]


def _destroys(step: Step) -> bool:
    return step.action in ("delete_session", "end_session", "delete_room")


def refused(plan: Plan) -> set[tuple[str | None, str | None]]:
    rooms = {(room.spec.title, None) for room in plan.rooms if room.refusal}
    return rooms | {(r.spec.title, s.spec.title) for r in plan.rooms for s in r.sessions if s.refusal}


def check_the_run(run: Run, scenario: Scenario, foretold: Plan, done: Applied) -> None:
    """Check that the service accepted every call, and that check mode showed everything that can be known before."""
    expected = foreseen(foretold)
    for before, after in zip(expected.rooms, done.rooms, strict=True):
        assert (before.changed, before.error) == (after.changed, after.error)
        if before.room is not None and before.room.id:
            assert before.room == after.room
        elif before.room is not None:
            assert after.room is not None
            assert before.room.title == after.room.title
    for check, real in zip(expected.sessions, done.sessions, strict=True):
        assert (check.changed, check.error) == (real.changed, real.error)
        if check.session is not None and check.session.id:
            assert check.session == real.session
        elif check.session is not None:
            # Only a real run knows its id, and what the service adds.
            assert real.session is not None
            assert (check.session.title, check.session.status) == (real.session.title, real.session.status)
            assert check.session.preset.id == real.session.preset.id
            assert check.session.settings.given().items() <= real.session.settings.given().items()
    wishes = {(room.title, spec.title): spec for room in scenario.asked.rooms for spec in room.sessions}
    # Somebody else's session of the same title, beside the one that the ledger knows, stays.
    crowded = {(room.spec.title, one.spec.title) for room in foretold.rooms for one in room.sessions if one.notes}
    for (room, title), spec in wishes.items():
        current = [
            entry
            for entry in run.service.sessions.values()
            if entry["title"] == title
            and entry["status"] in ("scheduled", "live")
            and run.service.rooms[entry["room_id"]]["title"] == room
        ]
        if (room, title) not in refused(foretold) | crowded and spec.session_id is None:
            assert_fulfilled(spec, current)


def assert_fulfilled(spec: SessionSpec, current: list[dict[str, Any]]) -> None:
    if spec.state in ("present", "live"):
        (entry,) = current
        assert entry["preset"]["id"] == spec.preset_id
        assert spec.mode is None or entry.get("mode") in (None, spec.mode)
        assert spec.state == "present" or entry["status"] == "live"
    else:
        assert [entry for entry in current if spec.state == "absent" or entry["status"] == "live"] == []


@applied
@given(scenario=scenarios())
def test_a_run_leaves_past_sessions_and_sessions_on_air_as_they_were(scenario: Scenario, api_and_service: Any) -> None:
    with TemporaryDirectory() as folder:
        run = run_of(scenario, api_and_service, folder)
        before = deepcopy(run.service.sessions)
        run.apply(scenario.asked)
        run.ledger.close()
    titles = {room.id: room.title for room in scenario.rooms}
    wishes = {(room.title, spec.title): spec for room in scenario.asked.rooms for spec in room.sessions}
    deleted = {room.title for room in scenario.asked.rooms if room.state == "absent"}
    for session_id, entry in before.items():
        room, after = titles[entry["room_id"]], run.service.sessions.get(session_id)
        if entry["status"] in PAST:
            # A room is deleted with its past sessions.
            assert after == entry or (after is None and room in deleted)
        wish = wishes.get((room, entry["title"]))
        may_end = wish is not None and (wish.state in ("ended", "absent") or scenario.asked.policy.replace == "live")
        if entry["status"] == "live" and not may_end:
            assert after is not None
            assert after["status"] == "live"


STORES: dict[str, Any] = {
    "title": [str.upper, lambda text: text[:5], lambda text: f" {text} "],
    "max_join_limit": [lambda value: min(value, 7), lambda _value: None],
    "chat_enabled": [lambda _value: None, lambda _value: True],
    "scheduled_start_time": [lambda text: text[:10] + "T00:00:00Z", lambda _text: None],
    "description": [str.strip, lambda _text: None, lambda text: text[:3]],
    "mode": [lambda _mode: None, lambda _mode: "webcam"],
    "analytics": [lambda _value: {}],
}
tastes = st.fixed_dictionaries({}, optional={name: st.sampled_from(choices) for name, choices in STORES.items()})


@applied
@given(scenario=scenarios(), taste=tastes)
def test_the_second_run_plans_nothing_however_the_service_stores_values(
    scenario: Scenario, taste: dict[str, Any], api_and_service: Any
) -> None:
    service = api_and_service[1]
    with TemporaryDirectory() as folder:
        run = run_of(scenario, api_and_service, folder)
        service.stores = lambda body: {
            name: taste[name](value) if name in taste else value for name, value in body.items()
        }
        try:
            run.apply(scenario.asked)
            second = run.plan(scenario.asked)
        finally:
            service.stores = lambda body: body
            run.ledger.close()
    assert [step for step in second.steps() if step.action != "go_live"] == []
