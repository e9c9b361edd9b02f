# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""room_info and session_info on the real ansible-playbook: they return what exists, change nothing, show no secret."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import PRESET, SESSION, SESSION_TASKS
from tests.integration.controller import Controller, Run
from tests.simulator.server import Simulator

ROOM_INFO = "tenbyte.webinar.room_info"
SESSION_INFO = "tenbyte.webinar.session_info"
UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"
MAIN = "00000000-0000-4000-8000-00000000000a"
LIVE = "00000000-0000-4000-8000-0000000000b1"
WAITING = "00000000-0000-4000-8000-0000000000b2"
OVER = "00000000-0000-4000-8000-0000000000b3"
THEIRS = "00000000-0000-4000-8000-00000000000c"
TAG_MANAGER = {"google_tag_manager": {"container_id": "GTM-EXAMPLE", "enabled": True}}

pytestmark = pytest.mark.seed(
    rooms=[
        {"id": MAIN, "title": "Main stage", "host": "host", "description": "Plenary", "analytics": TAG_MANAGER},
        {"title": "Workshop", "host": "host"},
        {"id": THEIRS, "title": "Their stage", "host": "stranger"},
    ],
    sessions=[
        {"id": LIVE, "room": "Main stage", "title": "Keynote", "preset_id": PRESET, "status": "live"},
        {"id": WAITING, "room": "Main stage", "title": "Panel", "preset_id": PRESET, "description": "Talk"},
        {"id": OVER, "room": "Main stage", "title": "Rehearsal", "preset_id": PRESET, "status": "ended"},
        {"room": "Workshop", "title": "Hands on", "preset_id": PRESET, "mode": "webcam"},
        {"room": "Their stage", "title": "Their keynote", "preset_id": PRESET, "status": "live"},
        {"room": "Their stage", "title": "Their panel", "preset_id": PRESET},
    ],
)


def rooms(controller: Controller, options: str = "{}", *arguments: str) -> list[dict[str, Any]]:
    result = succeeded(controller.tasks(f"- tenbyte.webinar.room_info: {options}", *arguments), ROOM_INFO)
    found: list[dict[str, Any]] = result["rooms"]
    return found


def sessions(controller: Controller, options: str = "{}", *arguments: str) -> list[dict[str, Any]]:
    result = succeeded(controller.tasks(f"- tenbyte.webinar.session_info: {options}", *arguments), SESSION_INFO)
    found: list[dict[str, Any]] = result["sessions"]
    return found


def succeeded(run: Run, action: str) -> dict[str, Any]:
    assert run.returncode == 0, run.output
    result = run.result(action)
    assert result["changed"] is False
    return result


def titles(found: list[dict[str, Any]]) -> list[str]:
    return sorted(one["title"] for one in found)


def test_room_info_returns_my_rooms_by_default(simulator: Simulator, controller: Controller) -> None:
    assert titles(rooms(controller)) == titles(rooms(controller, "{scope: mine}")) == ["Main stage", "Workshop"]
    assert titles(rooms(controller, "{scope: all}")) == ["Main stage", "Their stage", "Workshop"]
    assert simulator.journal.writes() == []


def test_room_info_returns_each_field_of_a_room(simulator: Simulator, controller: Controller) -> None:
    (room,) = rooms(controller, f"{{room_id: {MAIN}}}")
    assert room.pop("created_at").endswith("Z")
    assert room.pop("updated_at").endswith("Z")
    assert room == {
        "id": MAIN,
        "title": "Main stage",
        "description": "Plenary",
        "host_id": simulator.service.users[0].id,
        "host": "host",
        "analytics": TAG_MANAGER,
        "active_session_id": LIVE,
    }


def test_a_room_is_found_by_its_title_in_both_scopes(controller: Controller) -> None:
    assert [room["id"] for room in rooms(controller, "{title: Main stage}")] == [MAIN]
    assert rooms(controller, "{title: Main}") == []
    assert rooms(controller, "{title: Their stage}") == []
    assert [room["id"] for room in rooms(controller, "{title: Their stage, scope: all}")] == [THEIRS]


def test_a_query_without_a_match_returns_an_empty_list(controller: Controller) -> None:
    assert rooms(controller, f"{{room_id: {UNKNOWN_ID}}}") == []
    assert sessions(controller, f"{{session_id: {UNKNOWN_ID}}}") == []
    assert sessions(controller, f"{{room_id: {UNKNOWN_ID}}}") == []
    assert sessions(controller, "{room: Nowhere}") == []


def test_session_info_returns_the_sessions_of_my_rooms_by_default(controller: Controller) -> None:
    mine = ["Hands on", "Keynote", "Panel", "Rehearsal"]
    assert titles(sessions(controller)) == titles(sessions(controller, "{scope: mine}")) == mine
    assert titles(sessions(controller, "{scope: all}")) == [*mine, "Their keynote", "Their panel"]


FOUND = {
    f"{{session_id: {WAITING}}}": ["Panel"],
    f"{{session_id: {WAITING.upper()}}}": ["Panel"],
    "{room: Main stage}": ["Keynote", "Panel", "Rehearsal"],
    f"{{room_id: {MAIN}}}": ["Keynote", "Panel", "Rehearsal"],
    "{room: Their stage}": [],
    "{room: Their stage, scope: all}": ["Their keynote", "Their panel"],
    f"{{room_id: {THEIRS}, scope: all}}": ["Their keynote", "Their panel"],
    "{live: true}": ["Keynote"],
    "{live: true, room: Workshop}": [],
    "{live: true, scope: all}": ["Keynote", "Their keynote"],
    f"{{live: true, room_id: {THEIRS}}}": ["Their keynote"],
    "{status: [scheduled, ended]}": ["Hands on", "Panel", "Rehearsal"],
    "{status: live, scope: all}": ["Keynote", "Their keynote"],
    "{status: expired}": [],
    f"{{session_id: {WAITING}, status: [live]}}": [],
}


def test_sessions_are_selected_by_the_options(controller: Controller) -> None:
    run = controller.tasks("".join(f"- tenbyte.webinar.session_info: {options}\n" for options in FOUND))
    assert run.returncode == 0, run.output
    results = [record["result"] for record in run.records if record["action"] == SESSION_INFO]
    assert {options: titles(result["sessions"]) for options, result in zip(FOUND, results, strict=True)} == FOUND


def test_session_info_returns_each_field_of_a_session(simulator: Simulator, controller: Controller) -> None:
    session = simulator.service.sessions[WAITING]
    simulator.service.update_settings(session, {"chat_enabled": False})
    (shown,) = sessions(controller, f"{{session_id: {WAITING}}}")
    assert shown.pop("created_at").endswith("Z")
    assert shown == {
        "id": WAITING,
        "room_id": MAIN,
        "room": "Main stage",
        "title": "Panel",
        "description": "Talk",
        "status": "scheduled",
        "mode": "rtmp",
        "preset": {"id": PRESET, "name": "Stage", "type": "rtmp"},
        "scheduled_start_time": None,
        "started_at": None,
        "ended_at": None,
        "duration": None,
        "viewer_count": 0,
        "max_viewers": 0,
        "hls_url": session.hls_url,
        "settings": {"chat_enabled": False, "stage_enabled": True, "max_join_limit": 50},
        "stream_key_available": False,
        "stream_key_fingerprint": None,
    }
    (over,) = sessions(controller, f"{{session_id: {OVER}}}")
    assert over["ended_at"].endswith("Z")
    assert over["duration"] == 0


def test_live_sessions_are_read_with_two_calls(simulator: Simulator, controller: Controller) -> None:
    sessions(controller, "{live: true}")
    assert [entry.path for entry in simulator.journal] == ["/sessions/live", "/rooms/my"]


def test_stream_health_is_read_for_current_sessions_only(simulator: Simulator, controller: Controller) -> None:
    found = {session["title"]: session for session in sessions(controller, "{room: Main stage, stream_health: true}")}
    assert found["Keynote"]["stream_health"]["publishing"] is False
    assert found["Keynote"]["stream_health"]["status"] == "live"
    assert found["Panel"]["stream_health"]["status"] == "scheduled"
    assert found["Rehearsal"]["stream_health"] is None
    assert {session["stream_health_error"] for session in found.values()} == {None}
    asked = [entry.path for entry in simulator.journal if entry.path.endswith("stream_health")]
    assert sorted(asked) == [f"/sessions/{LIVE}/stream_health", f"/sessions/{WAITING}/stream_health"]


def test_a_refused_stream_health_is_reported_without_failing_the_task(
    simulator: Simulator, controller: Controller
) -> None:
    simulator.faults.add("status", path=f"{LIVE}/stream_health", status=404, times=None)
    run = controller.tasks("- tenbyte.webinar.session_info: {room: Main stage, stream_health: true}")
    result = succeeded(run, SESSION_INFO)
    found = {session["title"]: session for session in result["sessions"]}
    assert found["Keynote"]["stream_health"] is None
    assert "HTTP 404" in found["Keynote"]["stream_health_error"]
    assert found["Panel"]["stream_health"]["status"] == "scheduled"
    assert "Main stage/Keynote: the stream's health is not known" in run.output


def test_statistics_are_those_of_the_service(controller: Controller) -> None:
    run = controller.tasks(f"- tenbyte.webinar.session_info: {{session_id: {LIVE}, statistics: true}}")
    result = succeeded(run, SESSION_INFO)
    assert result["statistics"] == {"total_sessions": 4, "live_now": 1, "scheduled": 2, "ended": 1}


def test_a_kept_key_appears_only_as_its_fingerprint(simulator: Simulator, controller: Controller) -> None:
    task = SESSION_TASKS.replace("Keynote", "Encore")
    created = controller.tasks(task).result(SESSION)["session"]
    ledger_before = controller.ledger_file.read_bytes()
    run = controller.tasks(
        "- tenbyte.webinar.session_info: {room: Main stage, stream_health: true, statistics: true}", "-vvv", "--diff"
    )
    found = {session["title"]: session for session in succeeded(run, SESSION_INFO)["sessions"]}
    assert found["Encore"]["stream_key_available"] is True
    assert found["Encore"]["stream_key_fingerprint"] == created["stream_key_fingerprint"]
    assert found["Panel"]["stream_key_available"] is False
    assert simulator.issued_keys()
    assert not shows_a_secret(simulator, run)
    assert controller.ledger_file.read_bytes() == ledger_before


def shows_a_secret(simulator: Simulator, run: Run) -> bool:
    user = simulator.service.users[0]
    everything = f"{run.output}{run.records}"
    return any(secret in everything for secret in [*simulator.secrets(), user.api_key, user.token])


def test_the_task_may_name_another_ledger(controller: Controller, tmp_path: Path) -> None:
    controller.tasks(SESSION_TASKS.replace("Keynote", "Encore"))
    elsewhere = f"ledger_url: 'sqlite:///{tmp_path}/none.sqlite3'"
    found = sessions(controller, f"{{room: Main stage, {elsewhere}}}")
    assert not any(session["stream_key_available"] for session in found)
    assert not (tmp_path / "none.sqlite3").exists()


def test_reading_creates_no_ledger(controller: Controller) -> None:
    sessions(controller)
    assert not controller.ledger_file.parent.exists()


def test_a_ledger_that_cannot_be_opened_is_reported(controller: Controller) -> None:
    controller.tasks(SESSION_TASKS.replace("Keynote", "Encore"))
    controller.ledger_file.with_name("ledger.sqlite3.key").unlink()
    run = controller.tasks("- tenbyte.webinar.session_info:")
    assert run.returncode != 0
    assert "Restore that file, or give the key as ledger_key" in run.result(SESSION_INFO)["msg"]


@pytest.mark.parametrize("action", [ROOM_INFO, SESSION_INFO])
def test_check_mode_returns_the_same_result(simulator: Simulator, controller: Controller, action: str) -> None:
    task = f"- {action}: {{scope: all}}"
    real = succeeded(controller.tasks(task), action)
    assert succeeded(controller.tasks(task, "--check", "--diff"), action) == real
    assert simulator.journal.writes() == []


@pytest.mark.parametrize("credential", ["api_key", "api_token"])
@pytest.mark.parametrize("action", [ROOM_INFO, SESSION_INFO])
def test_module_defaults_of_the_group_set_the_options_of_the_connection(
    simulator: Simulator, controller: Controller, action: str, credential: str
) -> None:
    user = simulator.service.users[0]
    defaults = {
        "api_url": simulator.api_url,
        credential: user.api_key if credential == "api_key" else user.token,
        "timeout": 20,
        "retries": 1,
        "concurrency": 2,
        "validate_certs": True,
        "allow_http": False,
    }
    play = {
        "hosts": "localhost",
        "gather_facts": False,
        "module_defaults": {"group/tenbyte.webinar.all": defaults},
        "tasks": [{action: {}}],
    }
    run = controller.plays([play], environment={"TENBYTE_API_KEY": "", "TENBYTE_API_URL": ""})
    assert succeeded(run, action)
    assert {entry.credential for entry in simulator.journal} == {"host"}


BAD_INPUT = [
    (f"room_info: {{room_id: {MAIN}, title: Main stage}}", ["room_id or title, not both"]),
    ("room_info: {room_id: main}", ["room_id 'main' is not a UUID"]),
    ("room_info: {scope: theirs}", ["scope", "mine, all"]),
    ("session_info: {session_id: keynote}", ["session_id 'keynote' is not a UUID"]),
    ("session_info: {room_id: main}", ["room_id 'main' is not a UUID"]),
    (f"session_info: {{room_id: {MAIN}, room: Main stage}}", ["only one of", "not room_id and room"]),
    (f"session_info: {{session_id: {LIVE}, room: Main stage}}", ["only one of", "not session_id and room"]),
    ("session_info: {live: true, status: [live]}", ["Leave out status"]),
    (f"session_info: {{live: true, session_id: {LIVE}}}", ["live and session_id", "status: [live]"]),
    ("session_info: {status: [over]}", ["status", "scheduled, live, ended, expired"]),
    ("session_info: {retries: -1}", ["retries is -1"]),
    ("session_info: {concurrency: 0}", ["concurrency is 0"]),
    ("session_info: {ca_path: /nowhere.pem}", ["ca_path /nowhere.pem"]),
    ("session_info: {api_url: 'http://198.51.100.1'}", ["plain http", "allow_http: true"]),
    ("session_info: {ledger_url: nonsense}", ["ledger_url", "sqlite:///"]),
]


def test_bad_input_is_refused_before_any_call(simulator: Simulator, controller: Controller) -> None:
    run = controller.tasks("".join(f"- tenbyte.webinar.{task}\n  ignore_errors: true\n" for task, _said in BAD_INPUT))
    messages = [record["result"]["msg"] for record in run.records if record["kind"] == "failed"]
    for (task, said), message in zip(BAD_INPUT, messages, strict=True):
        assert all(part in message for part in said), (task, message)
    assert len(simulator.journal) == 0
    assert "Traceback" not in run.output


def test_sessions_of_another_accounts_room_are_refused_with_the_option_that_helps(controller: Controller) -> None:
    run = controller.tasks(f"- tenbyte.webinar.session_info: {{room_id: {THEIRS}}}")
    assert run.returncode != 0
    assert "HTTP 403" in run.result(SESSION_INFO)["msg"]
    assert "scope: all" in run.result(SESSION_INFO)["msg"]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"action": "status", "status": 401}, "Check api_key or api_token"),
        ({"action": "html", "status": 502}, "HTTP 502"),
        ({"action": "drop"}, "the connection broke"),
    ],
)
@pytest.mark.parametrize("action", [ROOM_INFO, SESSION_INFO])
def test_a_faulty_service_is_reported_in_one_sentence(
    simulator: Simulator, controller: Controller, action: str, fault: dict[str, Any], said: str
) -> None:
    simulator.faults.add_from({**fault, "times": None})
    run = controller.tasks(f"- {action}: {{retries: 0}}")
    assert run.returncode != 0
    assert said in run.result(action)["msg"]
    assert "Traceback" not in run.output


def test_temporary_failures_are_retried_and_unknown_fields_are_ignored(
    simulator: Simulator, controller: Controller
) -> None:
    simulator.faults.add("status", status=503, times=1)
    simulator.faults.add("foreign_fields", times=None)
    assert titles(sessions(controller, "{room: Workshop, stream_health: true}")) == ["Hands on"]


def test_the_message_does_not_show_a_wrong_credential(controller: Controller) -> None:
    wrong = f"sim-wrong-{secrets.token_hex(8)}"
    run = controller.tasks("- tenbyte.webinar.room_info:", environment={"TENBYTE_API_KEY": wrong})
    assert "HTTP 401" in run.result(ROOM_INFO)["msg"]
    assert wrong not in run.output
