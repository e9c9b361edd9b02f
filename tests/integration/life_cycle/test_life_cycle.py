# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""States, differences and policies on the real ansible-playbook: create, update, replace, go live, end."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.conftest import EVENT, OTHER_PRESET, PRESET, SESSION
from tests.integration.controller import Controller, Run
from tests.simulator.server import Simulator

ROOM = "tenbyte.webinar.room"
KEYNOTE = {"room": "Main stage", "title": "Keynote", "preset_id": PRESET}


def session(controller: Controller, *arguments: str, **options: Any) -> Run:
    task = {SESSION: {**KEYNOTE, **options}}
    return controller.plays([{"hosts": "localhost", "gather_facts": False, "tasks": [task]}], *arguments)


def event(controller: Controller, *arguments: str, **options: Any) -> Run:
    return controller.plays([{"hosts": "localhost", "gather_facts": False, "tasks": [{EVENT: options}]}], *arguments)


def room(controller: Controller, *arguments: str, **options: Any) -> Run:
    return controller.plays([{"hosts": "localhost", "gather_facts": False, "tasks": [{ROOM: options}]}], *arguments)


def actions(run: Run, action: str = SESSION) -> list[str]:
    return [step["action"] for step in run.result(action)["plan"]]


def writes(simulator: Simulator) -> list[str]:
    return [f"{entry.method} {entry.path.rpartition('/')[2]}" for entry in simulator.journal.writes()]


def test_another_preset_replaces_a_scheduled_session_and_its_key(simulator: Simulator, controller: Controller) -> None:
    first = session(controller).result(SESSION)["session"]
    run = session(controller, preset_id=OTHER_PRESET)
    second = run.result(SESSION)["session"]
    assert run.returncode == 0, run.output
    assert actions(run) == ["create_session", "delete_session"]
    assert second["id"] != first["id"]
    assert second["preset"]["id"] == OTHER_PRESET
    assert second["stream_key_fingerprint"] != first["stream_key_fingerprint"]
    assert list(simulator.service.sessions) == [second["id"]]
    assert session(controller, preset_id=OTHER_PRESET).result(SESSION)["changed"] is False


@pytest.mark.parametrize("policy", ["never", "scheduled"])
def test_a_live_session_is_replaced_only_if_the_policy_says_live(
    simulator: Simulator, controller: Controller, policy: str
) -> None:
    first = session(controller, state="live").result(SESSION)["session"]
    simulator.journal.clear()
    run = session(controller, mode="webcam", replace=policy)
    assert run.returncode != 0
    assert "replace: live" in run.result(SESSION)["msg"]
    assert simulator.journal.writes() == []
    run = session(controller, mode="webcam", replace="live")
    assert actions(run) == ["create_session", "end_session"]
    assert simulator.service.sessions[first["id"]].status == "ended"


def test_replace_never_replaces_no_scheduled_session(simulator: Simulator, controller: Controller) -> None:
    session(controller)
    simulator.journal.clear()
    run = session(controller, preset_id=OTHER_PRESET, replace="never")
    assert run.returncode != 0
    assert f"preset_id is {PRESET} and {OTHER_PRESET} was asked for" in run.result(SESSION)["msg"]
    assert simulator.journal.writes() == []


def test_a_start_time_is_changed_in_place_and_equal_instants_are_no_difference(
    simulator: Simulator, controller: Controller
) -> None:
    first = session(controller, scheduled_start_time="2027-05-04T09:00:00+02:00").result(SESSION)["session"]
    simulator.journal.clear()
    for equal in ("2027-05-04T07:00:00Z", "2027-05-04T02:30:00.000-04:30"):
        assert session(controller, scheduled_start_time=equal).result(SESSION)["changed"] is False
    run = session(controller, scheduled_start_time="2027-05-04T10:00:00+02:00")
    assert actions(run) == ["reschedule_session"]
    assert run.result(SESSION)["session"]["id"] == first["id"]
    assert writes(simulator) == ["PATCH reschedule"]
    assert session(controller, scheduled_start_time="2027-05-04T10:00:00+02:00").result(SESSION)["changed"] is False


def test_settings_are_sent_to_a_new_session_and_updated_on_an_existing_one(
    simulator: Simulator, controller: Controller
) -> None:
    settings = {"chat_enabled": False, "stage_enabled": True, "max_join_limit": 7}
    room(controller, title="Main stage")
    run = session(controller, settings=settings)
    assert actions(run) == ["create_session", "update_settings"]
    assert run.result(SESSION)["session"]["settings"] == settings
    assert session(controller, settings=settings).result(SESSION)["changed"] is False
    simulator.journal.clear()
    run = session(controller, settings={**settings, "max_join_limit": 8})
    assert run.result(SESSION)["plan"][0]["request"]["body"] == {"max_join_limit": 8}
    assert writes(simulator) == ["PATCH settings"]


def test_live_puts_a_new_session_on_air_and_keeps_its_key(simulator: Simulator, controller: Controller) -> None:
    room(controller, title="Main stage")
    run = session(controller, state="live", wait_timeout=30)
    result = run.result(SESSION)
    assert run.returncode == 0, run.output
    assert actions(run) == ["create_session", "go_live"]
    assert result["session"]["status"] == "live"
    assert result["session"]["stream_key_available"] is True
    assert not any(secret in run.output for secret in simulator.secrets())
    assert session(controller, state="live").result(SESSION)["changed"] is False
    assert session(controller).result(SESSION)["changed"] is False


def test_a_key_that_going_live_changes_reaches_the_ledger_and_is_reported(
    simulator: Simulator, controller: Controller
) -> None:
    first = session(controller).result(SESSION)["session"]
    simulator.service.rotate_stream_key(first["id"])
    run = session(controller, state="live")
    second = run.result(SESSION)["session"]
    assert "another stream key" in " ".join(run.output.split())
    assert second["stream_key_fingerprint"] != first["stream_key_fingerprint"]
    assert session(controller).result(SESSION)["session"]["stream_key_fingerprint"] == second["stream_key_fingerprint"]


def test_a_lost_response_to_go_live_is_resolved_by_reading_the_session(
    simulator: Simulator, controller: Controller
) -> None:
    session(controller)
    simulator.faults.add("drop", method="POST", path="/go_live$", when="after")
    run = session(controller, state="live")
    assert run.returncode == 0, run.output
    assert run.result(SESSION)["session"]["status"] == "live"


def test_a_session_that_is_not_live_in_time_fails(simulator: Simulator, controller: Controller) -> None:
    session(controller)
    first = next(iter(simulator.service.sessions))
    unsaid = ["status", "started_at"]
    simulator.faults.add("without", method="GET", path=f"/sessions/{first}$", times=None, fields=unsaid)
    run = session(controller, state="live", wait_timeout=1)
    assert run.returncode != 0
    assert "wait_timeout" in run.result(SESSION)["msg"]
    assert run.result(SESSION)["changed"] is True


def test_ended_takes_a_live_session_off_air_and_leaves_a_scheduled_one(
    simulator: Simulator, controller: Controller
) -> None:
    live = session(controller, state="live").result(SESSION)["session"]["id"]
    session(controller, title="Panel")
    for title in ("Keynote", "Panel", "Never made"):
        assert session(controller, title=title, state="ended").returncode == 0
    status = {one.title: one.status for one in simulator.service.sessions.values()}
    assert status == {"Keynote": "ended", "Panel": "scheduled"}
    assert session(controller, state="ended").result(SESSION)["changed"] is False
    assert session(controller).result(SESSION)["session"]["id"] != live


@pytest.mark.parametrize(
    ("policy", "planned"),
    [("replace", ["create_session", "delete_session"]), ("go_live", ["go_live"]), ("ignore", [])],
)
def test_on_missing_key_decides_about_a_session_without_its_key(
    simulator: Simulator, controller: Controller, policy: str, planned: list[str]
) -> None:
    session(controller)
    controller.environment["TENBYTE_LEDGER_URL"] = f"sqlite:///{controller.home}/another/ledger.sqlite3"
    run = session(controller, on_missing_key=policy)
    assert run.returncode == 0, run.output
    assert actions(run) == planned
    assert run.result(SESSION)["session"]["stream_key_available"] is (policy != "ignore")
    assert session(controller, on_missing_key=policy).result(SESSION)["changed"] is False


@pytest.mark.seed(
    rooms=[{"title": "Main stage", "host": "host"}],
    sessions=[{"room": "Main stage", "title": "Keynote", "preset_id": PRESET}] * 2,
)
def test_session_id_selects_one_of_several_sessions_of_a_title(simulator: Simulator, controller: Controller) -> None:
    ids = list(simulator.service.sessions)
    run = session(controller)
    assert run.returncode != 0
    assert all(one in run.result(SESSION)["msg"] for one in [*ids, "session_id"])
    run = session(controller, session_id=ids[0].upper(), on_missing_key="ignore")
    assert run.result(SESSION)["session"]["id"] == ids[0]
    assert session(controller, session_id=ids[1], state="absent").result(SESSION)["changed"] is True
    assert list(simulator.service.sessions) == [ids[0]]
    for wrong in ("00000000-0000-4000-8000-000000000000", ids[0]):
        run = session(controller, session_id=wrong, title="Another title")
        assert run.returncode != 0
        assert "session_id" in run.result(SESSION)["msg"]


def rooms_of(*titles: str) -> list[dict[str, Any]]:
    return [{"title": "Main stage", "sessions": [{"title": title, "preset_id": PRESET} for title in titles]}]


def test_purge_deletes_scheduled_sessions_that_the_task_does_not_name_and_no_others(
    simulator: Simulator, controller: Controller
) -> None:
    made = event(controller, rooms=rooms_of("Keynote", "Panel", "Live one", "Past one")).result(EVENT)["sessions"]
    ids = {one["title"]: one["id"] for one in made}
    session(controller, room="Other room", title="Elsewhere")
    simulator.service.sessions[ids["Live one"]].status = "live"
    simulator.service.sessions[ids["Past one"]].status = "ended"
    assert event(controller, rooms=rooms_of("Keynote")).result(EVENT)["changed"] is False
    preview = event(controller, "--check", rooms=rooms_of("Keynote"), purge=True)
    run = event(controller, rooms=rooms_of("Keynote"), purge=True)
    assert preview.result(EVENT)["plan"] == run.result(EVENT)["plan"]
    assert actions(run, EVENT) == ["delete_session"]
    left = sorted(one.title for one in simulator.service.sessions.values())
    assert left == ["Elsewhere", "Keynote", "Live one", "Past one"]
    assert [one["title"] for one in run.result(EVENT)["sessions"]] == ["Keynote"]


def test_an_event_goes_on_air_and_is_ended_as_a_whole(simulator: Simulator, controller: Controller) -> None:
    rooms = rooms_of("Keynote", "Panel")
    rooms[0]["sessions"].append({"title": "Cancelled", "state": "absent"})
    run = event(controller, rooms=rooms, state="live")
    assert {one["status"] for one in run.result(EVENT)["sessions"]} == {"live"}
    assert event(controller, rooms=rooms, state="live").result(EVENT)["changed"] is False
    event(controller, rooms=rooms, state="ended")
    assert {one.status for one in simulator.service.sessions.values()} == {"ended"}


def test_description_analytics_and_title_of_a_room_are_updated(simulator: Simulator, controller: Controller) -> None:
    analytics = {"google_tag_manager": {"container_id": "GTM-XXXXXX", "enabled": True}}
    made = room(controller, title="Main stage", description="Plenary").result(ROOM)["room"]
    assert room(controller, title="Main stage").result(ROOM)["changed"] is False
    simulator.journal.clear()
    run = room(controller, "--diff", title="Main stage", description="Plenaries", analytics=analytics)
    assert actions(run, ROOM) == ["update_room"]
    assert "+  description: Plenaries" in run.output
    assert room(controller, title="Main stage", analytics=analytics).result(ROOM)["changed"] is False
    run = room(controller, room_id=made["id"], title="Grand stage")
    assert run.result(ROOM)["room"] == {
        "id": made["id"],
        "title": "Grand stage",
        "description": "Plenaries",
        "state": "present",
    }
    assert len(simulator.journal.writes()) == 2


def test_a_room_is_deleted_unless_a_session_is_on_air(simulator: Simulator, controller: Controller) -> None:
    live = session(controller, state="live").result(SESSION)["session"]["id"]
    run = room(controller, title="Main stage", state="absent")
    assert run.returncode != 0
    assert live in run.result(ROOM)["msg"]
    assert "state: ended" in run.result(ROOM)["msg"]
    session(controller, state="ended")
    run = event(controller, rooms=[{"title": "Main stage", "state": "absent"}])
    assert run.result(EVENT)["rooms"][0]["state"] == "absent"
    assert simulator.service.rooms == {}
    assert room(controller, title="Main stage", state="absent").result(ROOM)["changed"] is False


def test_check_mode_plans_the_calls_of_a_real_run(simulator: Simulator, controller: Controller) -> None:
    session(controller)
    asked: dict[str, Any] = {
        "preset_id": OTHER_PRESET,
        "state": "live",
        "settings": {"chat_enabled": False},
        "scheduled_start_time": "2027-05-04T09:00:00Z",
    }
    preview = session(controller, "--check", **asked)
    creation, _settings, removal = preview.result(SESSION)["plan"][:3]
    assert creation["request"]["path"].split("/")[2] in simulator.service.rooms
    assert removal["request"]["path"].split("/")[2] in simulator.service.sessions
    run = session(controller, **asked)
    assert preview.result(SESSION)["plan"] == run.result(SESSION)["plan"]
    assert set(preview.result(SESSION)["session"]) == set(run.result(SESSION)["session"])
