# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action stream_key on the real ansible-playbook: it adds or forgets a key, and never shows one."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import PRESET, SESSION, SESSION_TASKS
from tests.integration.controller import Controller, Run
from tests.simulator.server import Simulator

STREAM_KEY = "tenbyte.webinar.stream_key"
UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"
MAIN = "00000000-0000-4000-8000-00000000000a"
KEYNOTE = "00000000-0000-4000-8000-0000000000b1"
OVER = "00000000-0000-4000-8000-0000000000b2"
URL = "rtmp://127.0.0.1:1935/live"

pytestmark = pytest.mark.seed(
    rooms=[{"id": MAIN, "title": "Main stage", "host": "host"}],
    sessions=[
        {"id": KEYNOTE, "room": "Main stage", "title": "Keynote", "preset_id": PRESET},
        {"id": OVER, "room": "Main stage", "title": "Rehearsal", "preset_id": PRESET, "status": "ended"},
    ],
)


def adopt(controller: Controller, key: str, *arguments: str, session_id: str = KEYNOTE, more: str = "") -> Run:
    """Run the action. The key comes from the environment, so no file of the playbook holds it."""
    task = f"""
    - tenbyte.webinar.stream_key:
        session_id: {session_id}
        stream_key: "{{{{ lookup('ansible.builtin.env', 'ADOPTED_KEY') }}}}"
        {more or f"rtmp_url: {URL}"}
    """
    run = controller.tasks(task, *arguments, environment={"ADOPTED_KEY": key})
    assert not key or key not in f"{run.output}{run.records}"
    return run


def forget(controller: Controller, *arguments: str, environment: dict[str, str] | None = None) -> Run:
    task = f"- tenbyte.webinar.stream_key: {{session_id: {KEYNOTE}, state: absent}}"
    return controller.tasks(task, *arguments, environment=environment)


def result_of(run: Run) -> dict[str, Any]:
    assert run.returncode == 0, run.output
    return run.result(STREAM_KEY)


def kept_key(controller: Controller, session_id: str = KEYNOTE) -> str | None:
    """Return the key that the lookup gives to an encoder's task."""
    target = controller.home / "encoder.key"
    target.unlink(missing_ok=True)
    controller.tasks(f"""
    - ansible.builtin.copy:
        content: "{{{{ lookup('tenbyte.webinar.stream_key', '{session_id}') }}}}"
        dest: {target}
        mode: "0600"
      no_log: true
      diff: false
    """)
    return target.read_text() if target.exists() else None


def the_key(simulator: Simulator) -> str:
    return simulator.service.stream_key_of(KEYNOTE)


def another_key() -> str:
    return f"sim-other-{secrets.token_hex(16)}"


def test_a_session_with_an_added_key_is_like_one_that_the_collection_created(
    simulator: Simulator, controller: Controller
) -> None:
    before = controller.tasks(SESSION_TASKS)
    assert "does not hold its stream key" in before.result(SESSION)["msg"]
    result = result_of(adopt(controller, the_key(simulator)))
    assert result["changed"] is True
    after = controller.tasks(SESSION_TASKS)
    session = after.result(SESSION)["session"]
    assert after.recap()["changed"] == 0
    assert (session["id"], session["rtmp_url"]) == (KEYNOTE, URL)
    assert session["stream_key_fingerprint"] == result["session"]["stream_key_fingerprint"]
    assert kept_key(controller) == the_key(simulator)


def test_the_result_has_the_session_and_the_fingerprint_of_its_key(
    simulator: Simulator, controller: Controller
) -> None:
    session = result_of(adopt(controller, the_key(simulator)))["session"]
    assert session.pop("stream_key_fingerprint").startswith("fp-")
    assert session == {
        "id": KEYNOTE,
        "room_id": MAIN,
        "room": "Main stage",
        "title": "Keynote",
        "status": "scheduled",
        "stream_key_available": True,
    }
    assert simulator.journal.writes() == []


def test_the_same_key_again_changes_nothing(simulator: Simulator, controller: Controller) -> None:
    adopt(controller, the_key(simulator))
    assert result_of(adopt(controller, the_key(simulator)))["changed"] is False
    assert result_of(adopt(controller, the_key(simulator), more="state: present"))["changed"] is False


def test_another_key_or_another_ingest_url_is_a_change(simulator: Simulator, controller: Controller) -> None:
    first = result_of(adopt(controller, another_key()))
    second = result_of(adopt(controller, the_key(simulator)))
    assert second["changed"] is True
    assert first["session"]["stream_key_fingerprint"] != second["session"]["stream_key_fingerprint"]
    third = result_of(adopt(controller, the_key(simulator), more="rtmp_url: rtmps://ingest.invalid/app"))
    assert third["changed"] is True
    assert third["session"] == second["session"]
    assert kept_key(controller) == the_key(simulator)
    assert controller.tasks(SESSION_TASKS).result(SESSION)["session"]["rtmp_url"] == "rtmps://ingest.invalid/app"


def test_a_new_key_without_an_ingest_url_keeps_the_old_ingest_url(simulator: Simulator, controller: Controller) -> None:
    adopt(controller, another_key())
    assert result_of(adopt(controller, the_key(simulator), more="state: present"))["changed"] is True
    assert controller.tasks(SESSION_TASKS).result(SESSION)["session"]["rtmp_url"] == URL


def test_a_key_is_added_to_a_live_session_too(simulator: Simulator, controller: Controller) -> None:
    simulator.service.sessions[KEYNOTE].status = "live"
    assert result_of(adopt(controller, the_key(simulator)))["session"]["status"] == "live"


def test_check_mode_with_diff_returns_what_would_change_and_writes_nothing(
    simulator: Simulator, controller: Controller
) -> None:
    planned = result_of(adopt(controller, the_key(simulator), "--check", "--diff"))
    assert not controller.ledger_file.parent.exists()
    real = result_of(adopt(controller, the_key(simulator), "--diff"))
    assert planned["changed"] is real["changed"] is True
    assert planned.keys() == real.keys()
    assert planned["session"].keys() == real["session"].keys()
    assert (planned["diff"]["before"], real["diff"]["before"]) == ({}, {})
    assert real["diff"]["after"]["stream_key_fingerprint"] == real["session"]["stream_key_fingerprint"]
    assert result_of(adopt(controller, the_key(simulator), "--check", "--diff"))["changed"] is False


def test_a_diff_of_another_key_shows_two_fingerprints_and_neither_key(
    simulator: Simulator, controller: Controller
) -> None:
    old = another_key()
    adopt(controller, old)
    run = adopt(controller, the_key(simulator), "--check", "--diff", "-vvv")
    diff = result_of(run)["diff"]
    assert diff["before"]["stream_key_fingerprint"] != diff["after"]["stream_key_fingerprint"]
    assert diff["before"]["rtmp_url_fingerprint"] == diff["after"]["rtmp_url_fingerprint"]
    assert diff["after"]["stream_key_fingerprint"] in run.output
    assert old not in f"{run.output}{run.records}"
    assert kept_key(controller) == old


def test_the_result_has_a_diff_only_in_diff_mode(simulator: Simulator, controller: Controller) -> None:
    assert "diff" not in result_of(adopt(controller, the_key(simulator)))


def test_a_forgotten_key_is_erased_and_its_session_is_not_changed(simulator: Simulator, controller: Controller) -> None:
    adopt(controller, the_key(simulator))
    planned = result_of(forget(controller, "--check", "--diff"))
    assert kept_key(controller) == the_key(simulator)
    run = forget(controller, "--diff")
    result = result_of(run)
    assert planned["changed"] is result["changed"] is True
    assert planned["session"] == result["session"]
    assert result["session"]["stream_key_available"] is False
    assert (result["session"]["title"], result["session"]["room_id"]) == ("Keynote", MAIN)
    assert (planned["diff"], result["diff"]["after"]) == (result["diff"], {})
    assert the_key(simulator) not in run.output
    assert kept_key(controller) is None
    assert simulator.service.sessions[KEYNOTE].status == "scheduled"
    assert result_of(forget(controller))["changed"] is False


def test_a_key_is_forgotten_without_the_service_and_without_a_credential(
    simulator: Simulator, controller: Controller
) -> None:
    adopt(controller, the_key(simulator))
    simulator.journal.clear()
    assert result_of(forget(controller, environment={"TENBYTE_API_KEY": ""}))["changed"] is True
    assert len(simulator.journal) == 0


def test_forgetting_an_unknown_key_creates_no_ledger(controller: Controller) -> None:
    assert result_of(forget(controller))["changed"] is False
    assert not controller.ledger_file.parent.exists()


def test_the_task_may_have_the_options_of_the_ledger_and_the_connection(
    simulator: Simulator, controller: Controller, tmp_path: Path
) -> None:
    more = f"""api_url: {simulator.api_url}
        ledger_url: sqlite:///{tmp_path}/team.sqlite3
        ledger_key_file: {tmp_path}/team.key
        timeout: 20
        retries: 1
        concurrency: 1"""
    assert result_of(adopt(controller, the_key(simulator), more=more))["changed"] is True
    assert (tmp_path / "team.sqlite3").exists()
    assert (tmp_path / "team.key").stat().st_mode & 0o777 == 0o600
    assert not controller.ledger_file.exists()


@pytest.mark.parametrize(
    ("session_id", "said"),
    [
        (UNKNOWN_ID, ["has no such session", "nothing was kept"]),
        (OVER, ["'Rehearsal'", "is ended", "can never be used again"]),
        ("keynote", ["session_id 'keynote' is not a UUID"]),
    ],
)
def test_a_session_that_cannot_be_used_is_refused_and_no_ledger_is_created(
    controller: Controller, session_id: str, said: list[str]
) -> None:
    run = adopt(controller, another_key(), session_id=session_id)
    assert run.returncode != 0
    assert all(part in run.result(STREAM_KEY)["msg"] for part in said)
    assert not controller.ledger_file.parent.exists()


@pytest.mark.parametrize(
    ("key", "more", "said"),
    [
        ("", "", "stream_key is missing"),
        (f"sim-{secrets.token_hex(8)} with blanks", "", "stream_key holds characters"),
        (f"sim-{secrets.token_hex(8)};$(id)", "", "stream_key holds characters"),
        (f"sim-{secrets.token_hex(8)}", "rtmp_url: ftp://ingest.invalid/live", "rtmp_url is not an ingest URL"),
        (
            f"sim-{secrets.token_hex(8)}",
            "rtmp_url: 'rtmp://me:word@ingest.invalid/live'",
            "rtmp_url is not an ingest URL",
        ),
        (f"sim-{secrets.token_hex(8)}", "state: kept", "present, absent"),
    ],
    ids=["no key", "blanks", "shell", "scheme", "user name", "state"],
)
def test_bad_input_is_refused_before_any_call(
    simulator: Simulator, controller: Controller, key: str, more: str, said: str
) -> None:
    run = adopt(controller, key, "-vvv", more=more)
    assert run.returncode != 0
    assert said in run.result(STREAM_KEY)["msg"]
    assert len(simulator.journal) == 0
    assert not controller.ledger_file.parent.exists()
    assert "Traceback" not in run.output


def test_a_refusal_of_the_service_does_not_repeat_the_key(simulator: Simulator, controller: Controller) -> None:
    key = the_key(simulator)
    simulator.faults.add("status", status=400, body={"success": False, "error": f"no such thing as {key}"})
    run = adopt(controller, key, "-vvv")
    assert run.returncode != 0
    assert "no such thing as ********" in run.result(STREAM_KEY)["msg"]


def test_the_key_of_another_current_session_of_the_title_is_kept(simulator: Simulator, controller: Controller) -> None:
    simulator.service.sessions[KEYNOTE].status = "ended"
    ours = controller.tasks(SESSION_TASKS).result(SESSION)["session"]["id"]
    simulator.service.sessions[KEYNOTE].status = "scheduled"
    run = adopt(controller, the_key(simulator))
    assert run.returncode != 0
    assert f"the ledger holds the key of {ours}" in run.result(STREAM_KEY)["msg"]
    assert kept_key(controller, ours) == simulator.service.stream_key_of(ours)
    simulator.service.sessions[ours].status = "ended"
    assert result_of(adopt(controller, the_key(simulator)))["changed"] is True
    assert kept_key(controller) == the_key(simulator)
