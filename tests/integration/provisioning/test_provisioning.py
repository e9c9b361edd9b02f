# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The main job on the real ansible-playbook: missing things are created, matching ones are left alone."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest

from tests.integration.conftest import EVENT, EVENT_TASKS, OTHER_PRESET, PRESET, SESSION, SESSION_TASKS
from tests.integration.controller import Controller
from tests.simulator.server import Simulator

READ_KEY = """
- ansible.builtin.copy:
    content: "{{ lookup('tenbyte.webinar.stream_key', item.id) }}"
    dest: "{{ playbook_dir }}/{{ item.title }}.key"
    mode: "0600"
  loop: "{{ ansible_facts['tenbyte_sessions'].values() }}"
  loop_control: {label: "{{ item.title }}"}
  no_log: true
  diff: false
"""


def current_sessions(simulator: Simulator) -> list[Any]:
    return [session for session in simulator.service.sessions.values() if session.status in ("scheduled", "live")]


def test_an_event_is_created_with_one_call_for_each_missing_room_and_session(
    simulator: Simulator, controller: Controller
) -> None:
    run = controller.tasks(EVENT_TASKS)
    result = run.result(EVENT)
    assert run.returncode == 0, run.output
    assert result["changed"] is True
    assert [entry.status for entry in simulator.journal.writes()] == [201] * 5
    assert [(session["room"], session["title"]) for session in result["sessions"]] == [
        ("Main stage", "Keynote"),
        ("Main stage", "Panel"),
        ("Workshop", "Hands on"),
    ]
    keynote = result["sessions"][0]
    assert keynote["preset"] == {"id": PRESET, "name": "Stage", "type": "rtmp"}
    assert keynote["scheduled_start_time"].startswith("2027-05-04T07:00:00")
    assert keynote["encoder"] == "encoder1"
    assert keynote["rtmp_url"] == "rtmp://127.0.0.1:1935/live"
    assert keynote["stream_key_available"] is True
    assert result["failed_sessions"] == []
    assert len(current_sessions(simulator)) == 3


def test_a_second_run_changes_nothing_and_the_lookup_still_answers_the_same_keys(
    simulator: Simulator, controller: Controller
) -> None:
    first = controller.tasks(EVENT_TASKS + READ_KEY)
    assert first.returncode == 0, first.output
    keys = {path.name: path.read_text() for path in controller.home.glob("*.key")}
    simulator.journal.clear()
    second = controller.tasks(EVENT_TASKS + READ_KEY)
    assert second.recap()["changed"] == 0
    assert second.result(EVENT)["plan"] == []
    assert simulator.journal.writes() == []
    assert {path.name: path.read_text() for path in controller.home.glob("*.key")} == keys
    assert sorted(keys.values()) == sorted(simulator.issued_keys())


def test_the_keys_in_the_ledger_are_those_of_their_own_sessions(simulator: Simulator, controller: Controller) -> None:
    run = controller.tasks(EVENT_TASKS + READ_KEY)
    for session in run.result(EVENT)["sessions"]:
        key = (controller.home / f"{session['title']}.key").read_text()
        assert key == simulator.service.stream_key_of(session["id"])


def test_a_new_session_is_added_to_an_existing_room_without_touching_the_others(
    simulator: Simulator, controller: Controller
) -> None:
    controller.tasks(SESSION_TASKS + '    scheduled_start_time: "2027-05-04T07:00:00Z"\n')
    simulator.journal.clear()
    run = controller.tasks(EVENT_TASKS)
    writes = [(entry.method, entry.path.rpartition("/")[2]) for entry in simulator.journal.writes()]
    assert run.returncode == 0, run.output
    assert sorted(writes) == [("POST", "rooms"), ("POST", "sessions"), ("POST", "sessions")]
    assert len(current_sessions(simulator)) == 3


def test_session_is_an_event_of_one_and_returns_it_as_session_too(simulator: Simulator, controller: Controller) -> None:
    result = controller.tasks(SESSION_TASKS).result(SESSION)
    assert result["session"] == result["sessions"][0]
    assert result["session"]["id"] in simulator.service.sessions
    assert controller.tasks(SESSION_TASKS).result(SESSION)["changed"] is False


def test_every_option_of_a_session_reaches_the_service(simulator: Simulator, controller: Controller) -> None:
    tasks = f"""
    - tenbyte.webinar.event:
        rooms:
          - title: Main stage
            description: Plenary
            sessions:
              - {{title: Keynote, preset_id: {PRESET}, description: Opening, mode: rtmp,
                  scheduled_start_time: "2027-05-04T09:00:00Z"}}
    """
    assert controller.tasks(tasks).returncode == 0
    (session,) = simulator.service.sessions.values()
    (room,) = simulator.service.rooms.values()
    assert (room.description, session.description, session.mode) == ("Plenary", "Opening", "rtmp")


def test_a_room_may_be_named_by_its_id(simulator: Simulator, controller: Controller) -> None:
    room_id = controller.tasks(SESSION_TASKS).result(SESSION)["session"]["room_id"]
    task = f"- tenbyte.webinar.session: {{room_id: {room_id}, title: Panel, preset_id: {PRESET}}}"
    result = controller.tasks(task).result(SESSION)
    assert (result["session"]["room"], result["session"]["room_id"]) == ("Main stage", room_id)
    assert list(result["ansible_facts"]["tenbyte_sessions"]) == ["Main stage/Panel"]


def test_check_mode_writes_nothing_anywhere_and_returns_the_shape_of_a_real_run(
    simulator: Simulator, controller: Controller
) -> None:
    preview = controller.tasks(EVENT_TASKS, "--check", "--diff")
    assert preview.returncode == 0, preview.output
    assert simulator.journal.writes() == []
    assert not controller.ledger_file.parent.exists()
    planned, real = preview.result(EVENT), controller.tasks(EVENT_TASKS, "--diff").result(EVENT)
    assert shape(planned) == shape(real)
    assert planned["changed"] is real["changed"] is True
    assert planned["plan"] == real["plan"]
    assert [session["id"] for session in planned["sessions"]] == [None, None, None]


def shape(value: Any) -> Any:
    """Return the names and nesting of a result, whatever its values."""
    if isinstance(value, dict):
        return {name: shape(item) for name, item in value.items() if name != "diff"}
    return [shape(item) for item in value] if isinstance(value, list) else None


def test_a_diff_shows_sessions_with_fingerprints_in_place_of_keys(simulator: Simulator, controller: Controller) -> None:
    run = controller.tasks(EVENT_TASKS, "--diff")
    fingerprints = [session["stream_key_fingerprint"] for session in run.result(EVENT)["sessions"]]
    assert all(f"+  stream_key_fingerprint: {fingerprint}" in run.output for fingerprint in fingerprints)
    assert len(set(fingerprints)) == 3
    assert not any(key in run.output for key in simulator.issued_keys())


def test_check_mode_after_provisioning_plans_nothing(controller: Controller) -> None:
    controller.tasks(EVENT_TASKS)
    run = controller.tasks(EVENT_TASKS, "--check", "--diff")
    assert run.recap()["changed"] == 0
    assert run.result(EVENT)["plan"] == []


def test_an_ended_session_does_not_count_and_another_is_created(simulator: Simulator, controller: Controller) -> None:
    first = controller.tasks(SESSION_TASKS).result(SESSION)["session"]
    simulator.service.sessions[first["id"]].status = "ended"
    second = controller.tasks(SESSION_TASKS).result(SESSION)
    assert second["changed"] is True
    assert second["session"]["id"] != first["id"]
    assert second["session"]["stream_key_fingerprint"] != first["stream_key_fingerprint"]


def test_a_live_session_counts_as_there(simulator: Simulator, controller: Controller) -> None:
    first = controller.tasks(SESSION_TASKS).result(SESSION)["session"]
    simulator.service.sessions[first["id"]].status = "live"
    second = controller.tasks(SESSION_TASKS).result(SESSION)
    assert second["changed"] is False
    assert second["session"]["status"] == "live"


def test_a_session_whose_key_nobody_kept_is_left_alone_and_reported(
    simulator: Simulator, controller: Controller
) -> None:
    controller.tasks(SESSION_TASKS)
    simulator.journal.clear()
    elsewhere = {"TENBYTE_LEDGER_URL": f"sqlite:///{controller.home}/another/ledger.sqlite3"}
    run = controller.tasks(SESSION_TASKS, environment=elsewhere)
    assert run.returncode != 0
    assert simulator.journal.writes() == []
    assert "the ledger does not hold its stream key" in run.result(SESSION)["msg"]
    assert run.result(SESSION)["session"]["stream_key_available"] is False


def test_one_bad_session_does_not_stop_the_others(simulator: Simulator, controller: Controller) -> None:
    controller.tasks(SESSION_TASKS)
    run = controller.tasks(EVENT_TASKS.replace(PRESET, OTHER_PRESET, 1) + "    replace: never\n")
    result = run.result(EVENT)
    assert run.returncode != 0
    assert [(item["room"], item["title"]) for item in result["failed_sessions"]] == [("Main stage", "Keynote")]
    assert "Main stage/Keynote" in result["msg"]
    assert len(current_sessions(simulator)) == 3
    assert [session["stream_key_available"] for session in result["sessions"]] == [True, True, True]


def test_a_refusal_of_the_service_is_told_with_its_own_words(simulator: Simulator, controller: Controller) -> None:
    unknown = "00000000-0000-4000-8000-000000000000"
    run = controller.tasks(EVENT_TASKS.replace(PRESET, unknown, 1))
    result = run.result(EVENT)
    (failure,) = result["failed_sessions"]
    assert "HTTP 422" in failure["reason"]
    assert "preset_id" in failure["reason"]
    assert len(current_sessions(simulator)) == 2
    assert controller.tasks(EVENT_TASKS).returncode == 0


def test_absent_deletes_a_scheduled_session_and_ends_a_live_one(simulator: Simulator, controller: Controller) -> None:
    sessions = {session["title"]: session["id"] for session in controller.tasks(EVENT_TASKS).result(EVENT)["sessions"]}
    simulator.service.sessions[sessions["Panel"]].status = "live"
    tasks = EVENT_TASKS.replace("rooms:\n", "state: absent\n    rooms:\n", 1)
    run = controller.tasks(tasks)
    assert run.returncode == 0, run.output
    assert [step["action"] for step in run.result(EVENT)["plan"]] == ["delete_session", "end_session", "delete_session"]
    assert sessions["Keynote"] not in simulator.service.sessions
    assert simulator.service.sessions[sessions["Panel"]].status == "ended"
    assert run.result(EVENT)["ansible_facts"]["tenbyte_sessions"] == {}
    assert controller.tasks(tasks).recap()["changed"] == 0


def test_the_key_of_a_removed_session_is_erased(controller: Controller) -> None:
    session_id = controller.tasks(SESSION_TASKS).result(SESSION)["session"]["id"]
    controller.tasks("- tenbyte.webinar.session: {room: Main stage, title: Keynote, state: absent}")
    run = controller.tasks(f"""- debug: {{msg: "{{{{ lookup('tenbyte.webinar.stream_key', '{session_id}') }}}}"}}""")
    assert run.returncode != 0
    assert "holds no stream key for a session" in run.output


@pytest.mark.parametrize("credential", ["api_key", "api_token"])
def test_credentials_may_come_from_the_task_a_variable_or_module_defaults(
    simulator: Simulator, controller: Controller, credential: str
) -> None:
    user = simulator.service.users[0]
    value = user.api_key if credential == "api_key" else user.token
    task = {"tenbyte.webinar.session": {"room": "Main stage", "title": "Keynote", "preset_id": PRESET}}
    nothing = {"TENBYTE_API_KEY": ""}
    play: dict[str, Any] = {"hosts": "localhost", "gather_facts": False, "tasks": [task]}
    defaults = {"module_defaults": {"group/tenbyte.webinar.all": {credential: value}}}
    for extra in (defaults, {"vars": {f"tenbyte_{credential}": value}}):
        run = controller.plays([{**play, **extra}], environment=nothing)
        assert run.returncode == 0, run.output
    task["tenbyte.webinar.session"][credential] = value
    assert controller.plays([play], environment=nothing).returncode == 0
    assert {entry.credential for entry in simulator.journal} == {"host"}


def test_facts_of_several_tasks_add_up(controller: Controller) -> None:
    tasks = f"""
    - tenbyte.webinar.session: {{room: Main stage, title: "Track {{{{ item }}}}", preset_id: {PRESET}}}
      loop: [A, B]
    - tenbyte.webinar.session: {{room: Main stage, title: Panel, preset_id: {PRESET}}}
    - ansible.builtin.debug:
        msg: "{{{{ ansible_facts['tenbyte_sessions'].keys() | sort | join(', ') }}}}"
    """
    run = controller.tasks(tasks)
    assert run.result("ansible.builtin.debug")["msg"] == "Main stage/Panel, Main stage/Track A, Main stage/Track B"


def test_two_hundred_sessions_cost_one_call_each(simulator: Simulator, controller: Controller) -> None:
    sessions = [{"title": f"Session {number}", "preset_id": PRESET} for number in range(200)]
    play = {
        "hosts": "localhost",
        "gather_facts": False,
        "tasks": [{EVENT: {"rooms": [{"title": "Main stage", "sessions": sessions}]}}],
    }
    assert controller.plays([play]).returncode == 0
    assert len(simulator.journal.writes()) == 201
    simulator.journal.clear()
    assert controller.plays([play]).recap()["changed"] == 0
    # One list of rooms, and 200 sessions in pages of 100 at the most.
    assert len(simulator.journal) <= 4


def test_facts_of_an_earlier_run_in_a_fact_cache_are_not_mixed_in(controller: Controller) -> None:
    controller.environment |= {
        "ANSIBLE_CACHE_PLUGIN": "jsonfile",
        "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(controller.home / "facts"),
    }
    controller.tasks(EVENT_TASKS)
    result = controller.tasks(SESSION_TASKS).result(SESSION)
    assert list(result["ansible_facts"]["tenbyte_sessions"]) == ["Main stage/Keynote"]
    tasks = """- debug: {msg: "{{ ansible_facts['tenbyte_sessions'].keys() | list }}"}"""
    assert controller.tasks(tasks).result("debug")["msg"] == ["Main stage/Keynote"]


def test_a_play_can_tell_facts_of_this_run_from_those_of_another(controller: Controller) -> None:
    checks = """
    - ansible.builtin.assert:
        that:
          - ansible_facts['tenbyte_sessions_run'] is tenbyte.webinar.of_this_run
          - "'00000000-0000-4000-8000-000000000000/1:1:1' is not tenbyte.webinar.of_this_run"
          - "'' is not tenbyte.webinar.of_this_run"
    """
    run = controller.tasks(EVENT_TASKS + textwrap.dedent(checks))
    assert run.returncode == 0, run.output
