# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action ledger on the real ansible-playbook: it lists, copies and re-encrypts keys, and never shows one."""

from __future__ import annotations

import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import certifi
import yaml
from cryptography.fernet import Fernet

from tests.integration.conftest import EVENT_TASKS
from tests.integration.controller import BIN, ROOT, Controller, Run
from tests.postgresql import PostgreSQL
from tests.simulator.server import Simulator

LEDGER = "tenbyte.webinar.ledger"
PASSWORD = "unit vault password"
PASSWORD_TASK = {"vault_password": "{{ lookup('ansible.builtin.env', 'VAULT') }}"}


def run_of(controller: Controller, simulator: Simulator, *tasks: dict[str, Any], **environment: str) -> Run:
    """Run tasks of the action one after the other, even if one fails; assert that the output holds no key.

    ``check``, in a task, is not an option of the action: the task runs in check mode.
    """
    listed = [
        {
            LEDGER: {name: value for name, value in task.items() if name != "check"},
            "check_mode": task.get("check", False),
            "diff": True,
            "ignore_errors": True,
        }
        for task in tasks
    ]
    play = {"hosts": "localhost", "gather_facts": False, "tasks": listed}
    keys_before = _ledger_keys(controller)
    run = controller.plays([play], "-vvv", environment={"VAULT": PASSWORD, **environment})
    secrets = [*simulator.issued_keys(), PASSWORD, *keys_before, *_ledger_keys(controller)]
    assert not any(secret in f"{run.output}{run.records}" for secret in secrets)
    return run


def results_of(
    controller: Controller, simulator: Simulator, *tasks: dict[str, Any], **environment: str
) -> list[dict[str, Any]]:
    run = run_of(controller, simulator, *tasks, **environment)
    return [one["result"] for one in run.records if one["action"] == LEDGER and one["kind"] in ("ok", "failed")]


def _ledger_keys(controller: Controller) -> list[str]:
    path = controller.ledger_file.with_name("ledger.sqlite3.key")
    return path.read_text().strip().split(",") if path.exists() else []


def provisioned(controller: Controller) -> list[dict[str, Any]]:
    run = controller.tasks(EVENT_TASKS)
    assert run.returncode == 0, run.output
    sessions: list[dict[str, Any]] = run.result("tenbyte.webinar.event")["sessions"]
    return sessions


def remove(simulator: Simulator, session_id: str) -> None:
    """Delete a session as if in the dashboard."""
    session = simulator.service.sessions.pop(session_id)
    del session.room.sessions[session_id]


def test_entries_are_listed_compared_with_the_service_and_forgotten(
    simulator: Simulator, controller: Controller
) -> None:
    gone, renamed, untouched = (session["id"] for session in provisioned(controller))
    listed, checked = results_of(controller, simulator, {"operation": "list"}, {"operation": "verify"})
    kept = {one["session_id"] for one in listed["entries"] if one["kind"] == "session"}
    assert kept == {gone, renamed, untouched}
    assert (checked["in_order"], checked["summary"]) == (True, {"ok": 5})
    remove(simulator, gone)
    simulator.service.sessions[renamed].title = "Renamed"
    forget: dict[str, Any] = {"operation": "forget", "session_ids": [gone]}
    tasks = [{"operation": "verify"}, {**forget, "check": True}, forget, forget, {"operation": "list"}]
    checked, *forgotten, listed = results_of(controller, simulator, *tasks)
    findings = {one["session_id"]: one["finding"] for one in checked["entries"] if one["kind"] == "session"}
    assert findings == {gone: "missing", renamed: "drifted", untouched: "ok"}
    assert [result["changed"] for result in forgotten] == [True, True, False]
    assert gone not in {one["session_id"] for one in listed["entries"]}


def test_options_of_the_task_override_the_environment(
    simulator: Simulator, controller: Controller, tmp_path: Path
) -> None:
    """The environment names a service and a ledger that do not exist."""
    provisioned(controller)
    user = simulator.service.users[0]
    authorities = certifi.where()
    patience = {"timeout": 20, "retries": 1, "concurrency": 2}
    service = {"api_url": simulator.api_url, "allow_http": True, "validate_certs": True, "ca_path": authorities}
    key_file = controller.ledger_file.with_name("ledger.sqlite3.key")
    ledger = {"ledger_url": f"sqlite:///{controller.ledger_file}"}
    verify: dict[str, Any] = {"operation": "verify", **service, **patience, **ledger}
    elsewhere = {"TENBYTE_API_URL": "https://webinar.invalid", "TENBYTE_LEDGER_URL": f"sqlite:///{tmp_path}/x"}
    results = results_of(
        controller,
        simulator,
        {**verify, "api_key": user.api_key, "ledger_key_file": str(key_file)},
        {**verify, "api_token": user.token, "ledger_key": key_file.read_text().strip()},
        TENBYTE_API_KEY="",
        **elsewhere,
    )
    assert [result["summary"] for result in results] == [{"ok": 5}] * 2, results


def test_an_export_is_vault_text_that_another_ledger_imports(
    simulator: Simulator, controller: Controller, postgresql: PostgreSQL
) -> None:
    sessions = provisioned(controller)
    path, password_file = controller.home / "keys.vault", controller.home / "password"
    password_file.write_text(PASSWORD)
    export = {"operation": "export", "path": str(path), **PASSWORD_TASK}
    (result,) = results_of(controller, simulator, {**export, "check": True})
    assert (result["changed"], path.exists()) == (True, False)
    results = results_of(controller, simulator, export, export)
    assert [result["changed"] for result in results] == [True, False]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    view = [str(BIN / "ansible-vault"), "view", "--vault-password-file", str(password_file), str(path)]
    viewed = subprocess.run(view, capture_output=True, text=True, check=True).stdout
    kept = {entry["id"]: entry["stream_key"] for entry in yaml.safe_load(viewed)["entries"]}
    assert all(kept[session["id"]] == simulator.service.stream_key_of(session["id"]) for session in sessions)
    team = {
        "TENBYTE_LEDGER_URL": postgresql.url(postgresql.new_database()),
        "TENBYTE_LEDGER_KEY": Fernet.generate_key().decode(),
    }
    take_in: dict[str, Any] = {"operation": "import", "path": str(path), "vault_password_file": str(password_file)}
    tasks = [{**take_in, "check": True}, take_in, take_in, {"operation": "verify"}]
    *results, checked = results_of(controller, simulator, *tasks, **team)
    assert [result["changed"] for result in results] == [True, True, False]
    assert (checked["in_order"], checked["summary"]) == (True, {"ok": 5})
    again = controller.tasks(EVENT_TASKS, environment=team)
    assert again.recap()["changed"] == 0, again.output
    assert postgresql.password not in again.output


def test_the_ledgers_own_key_is_changed_in_its_file(simulator: Simulator, controller: Controller) -> None:
    provisioned(controller)
    (old,) = _ledger_keys(controller)
    (trial,) = results_of(controller, simulator, {"operation": "rotate", "check": True})
    assert trial["rotated"] == 4
    assert _ledger_keys(controller) == [old]
    (result,) = results_of(controller, simulator, {"operation": "rotate"})
    assert (result["changed"], result["rotated"]) == (True, 4)
    new, kept = _ledger_keys(controller)
    assert (new != old, kept) == (True, old)
    (warning,) = result["warnings"]
    assert f"{controller.ledger_file}.key keeps the old key after the new one" in warning
    again = controller.tasks(EVENT_TASKS)
    assert again.recap()["changed"] == 0, again.output
    Path(f"{controller.ledger_file}.key").write_text(new)
    again = controller.tasks(EVENT_TASKS)
    assert again.recap()["changed"] == 0, again.output
    (refused,) = results_of(controller, simulator, {"operation": "list"}, TENBYTE_LEDGER_KEY=old)
    assert "does not open this ledger" in refused["msg"]


def test_two_ledgers_of_the_first_version_that_share_a_key_file_stay_readable_when_one_key_changes(
    simulator: Simulator, controller: Controller
) -> None:
    """``event.db`` and ``event.sqlite3`` shared ``event.key``."""
    folder = controller.home / "ledger"
    one, other = ({"TENBYTE_LEDGER_URL": f"sqlite:///{folder}/event.{ending}"} for ending in ("db", "sqlite3"))
    assert controller.tasks(EVENT_TASKS, environment=one).returncode == 0
    (folder / "event.db.key").rename(folder / "event.key")
    shutil.copy(folder / "event.key", folder / "event.sqlite3.key")
    shutil.copy(folder / "event.db", folder / "event.sqlite3")
    assert controller.tasks(EVENT_TASKS, environment=other).recap()["changed"] == 0
    (folder / "event.sqlite3.key").unlink()
    for environment in (one, other, one):
        (result,) = results_of(controller, simulator, {"operation": "rotate"}, **environment)
        assert result["changed"] is True
        assert result["rotated"] >= 4
        for each in (one, other):
            run = controller.tasks(EVENT_TASKS, environment=each)
            assert (run.returncode, run.recap()["changed"]) == (0, 0), run.output
    assert sorted(path.name for path in folder.glob("*.key")) == ["event.key"]


def test_a_relative_path_to_a_ledger_is_refused_and_nothing_is_created(
    simulator: Simulator, controller: Controller
) -> None:
    cases = {
        "sqlite:////srv/keys/ledger.db": {"TENBYTE_LEDGER_URL": "sqlite:///srv/keys/ledger.db"},
        "Name a file in it": {"TENBYTE_LEDGER_URL": f"sqlite:///{controller.home}"},
        "psycopg 3": {"TENBYTE_LEDGER_URL": "postgresql+psycopg2://me@db/x"},
        "is relative": {"TENBYTE_LEDGER_KEY_FILE": "keys/ledger.key"},
        "is a folder. Name the file in it": {"TENBYTE_LEDGER_KEY_FILE": str(controller.home)},
    }
    for expected, environment in cases.items():
        for arguments in ([], ["--check"]):
            run = controller.tasks(EVENT_TASKS, *arguments, environment=environment)
            assert run.returncode != 0, environment
            assert expected in run.result("tenbyte.webinar.event")["msg"], run.output
            assert "Traceback" not in run.output
            assert "tenbyte.webinar has a bug" not in run.output
    assert simulator.journal.writes() == []


def test_without_a_home_only_operations_on_the_ledger_fail(simulator: Simulator, controller: Controller) -> None:
    """A uid without a name and no HOME, as in many containers: Ansible itself then needs ANSIBLE_HOME."""
    sessions = provisioned(controller)
    program = controller.home / "nameless.py"
    program.write_text(
        "import os, pwd, sys\n"
        "def unknown(uid): raise KeyError(uid)\n"
        "pwd.getpwuid = unknown\n"
        "os.environ.pop('HOME', None)\n"
        "from ansible.cli.playbook import main\n"
        "main(sys.argv[1:] and sys.argv)\n"
    )
    tasks = """
- tenbyte.webinar.session_info:
  register: found
- tenbyte.webinar.ledger: {operation: list}
  ignore_errors: true
- tenbyte.webinar.session: {room: Main stage, title: Keynote, preset_id: 00000000-0000-4000-8000-000000000001}
  check_mode: true
  ignore_errors: true
- tenbyte.webinar.session: {room: Main stage, title: Keynote, preset_id: 00000000-0000-4000-8000-000000000001}
  ignore_errors: true
"""
    playbook = controller.write([{"hosts": "localhost", "gather_facts": False, "tasks": yaml.safe_load(tasks)}])
    environment = controller.full_environment(controller.home / "record", {"TENBYTE_LEDGER_URL": ""})
    environment |= {"ANSIBLE_HOME": str(controller.home / "a"), "ANSIBLE_LOCAL_TEMP": str(controller.home / "t")}
    environment.pop("HOME", None)
    command = [str(BIN / "python"), str(program), "-i", "localhost,", "-c", "local", str(playbook)]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    output = ran.stdout + ran.stderr
    assert output.count("or set HOME or XDG_DATA_HOME") >= 3, output
    assert "tenbyte.webinar has a bug" not in output
    assert "ok=4" in output, output
    assert len(sessions) == 3


def test_the_playbook_reports_findings_and_runs_the_operations_that_are_asked_for(
    simulator: Simulator, controller: Controller
) -> None:
    sessions = provisioned(controller)
    playbook = str(ROOT / "playbooks" / "ledger.yml")
    run = controller.playbook(playbook)
    assert "Everything is in order." in run.output, run.output
    remove(simulator, sessions[0]["id"])
    run = controller.playbook(playbook)
    assert f"missing: Main stage/Keynote ({sessions[0]['id']})" in run.output
    assert run.recap()["changed"] == 0
    password_file, path = controller.home / "password", controller.home / "keys.vault"
    password_file.write_text(PASSWORD)
    given = {"ledger_export": str(path), "ledger_vault_password_file": str(password_file)}
    run = controller.playbook(
        playbook,
        *(part for name, value in given.items() for part in ("-e", f"{name}={value}")),
        "-e",
        "ledger_forget=true",
        "-e",
        "ledger_rotate=true",
    )
    assert (run.returncode, run.recap()["changed"]) == (0, 3), run.output
    assert path.exists()
    run = controller.playbook(playbook)
    assert "Everything is in order." in run.output, run.output


def test_the_playbook_refuses_a_typo_before_any_change_and_ignores_an_empty_variable(
    simulator: Simulator, controller: Controller
) -> None:
    sessions = provisioned(controller)
    remove(simulator, sessions[0]["id"])
    playbook, path = str(ROOT / "playbooks" / "ledger.yml"), controller.home / "keys.vault"
    for given in (
        {"ledger_forget": "true", "ledger_rotate": "ture"},
        {"ledger_forget": "1", "ledger_export": str(path)},
    ):
        run = controller.playbook(playbook, *(part for one in given.items() for part in ("-e", "=".join(one))))
        assert (run.returncode, run.recap()["changed"]) == (2, 0), run.output
        assert "ledger_export needs ledger_vault_password_file" in " ".join(run.output.split())
    empty = ("ledger_forget", "ledger_rotate", "ledger_export", "ledger_vault_password_file")
    run = controller.playbook(playbook, *(part for name in empty for part in ("-e", f"{name}=")))
    assert (run.returncode, run.recap()["changed"]) == (0, 0), run.output
    run = controller.playbook(playbook, "-e", "ledger_forget=no", "-e", "ledger_rotate=False")
    assert (run.returncode, run.recap()["changed"]) == (0, 0), run.output


def test_bad_input_is_refused_with_one_sentence_before_anything_is_created(
    simulator: Simulator, controller: Controller, tmp_path: Path
) -> None:
    cases: dict[str, dict[str, Any]] = {
        "needs session_ids or entries": {"operation": "forget"},
        "path is no option of operation list": {"operation": "list", "path": "/x"},
        "path is missing": {"operation": "export", **PASSWORD_TASK},
        "Give one of vault_password and vault_password_file": {"operation": "export", "path": str(tmp_path / "x")},
        "does not exist. Name a file": {"operation": "import", "path": str(tmp_path / "absent"), **PASSWORD_TASK},
        "session_ids": {"operation": "forget", "session_ids": ["nonsense"]},
        "there is no ledger at": {"operation": "rotate"},
    }
    messages = [result["msg"] for result in results_of(controller, simulator, *cases.values())]
    assert all(part in message for part, message in zip(cases, messages, strict=True)), messages
    assert not controller.ledger_file.exists()
