# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A ledger in PostgreSQL with the real ansible-playbook: two controllers with different home folders share it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.fernet import Fernet

from tests.integration.conftest import EVENT, EVENT_TASKS
from tests.integration.controller import Controller
from tests.postgresql import HOST, PostgreSQL
from tests.simulator.server import Simulator


@pytest.fixture
def team(controller: Controller, postgresql: PostgreSQL) -> Controller:
    controller.environment["TENBYTE_LEDGER_URL"] = postgresql.url(postgresql.new_database())
    controller.environment["TENBYTE_LEDGER_KEY"] = Fernet.generate_key().decode()
    return controller


def test_a_key_kept_by_one_controller_is_read_by_another(simulator: Simulator, team: Controller) -> None:
    assert "PLAY RECAP" in team.tasks(EVENT_TASKS, "--check").output
    assert simulator.journal.writes() == []
    assert team.tasks(EVENT_TASKS).recap()["changed"] == 1
    colleague = replace(team, home=team.home / "colleague")
    target = colleague.home / "encoder.key"
    write = f"""
- ansible.builtin.copy:
    content: "{{{{ lookup('tenbyte.webinar.stream_key', item.id) }}}}"
    dest: {target}
    mode: "0600"
  loop: "{{{{ made.sessions | selectattr('title', 'eq', 'Panel') }}}}"
  loop_control: {{label: "{{{{ item.title }}}}"}}
  no_log: true
  diff: false
"""
    run = colleague.tasks(EVENT_TASKS.rstrip() + "\n  register: made\n" + write, "-vvv", "--diff")
    assert run.returncode == 0, run.output
    (panel,) = [session for session in simulator.service.sessions.values() if session.title == "Panel"]
    assert target.read_text() == panel.stream_key
    assert run.result(EVENT)["changed"] is False
    secrets = [*simulator.issued_keys(), *colleague.environment.values()]
    assert not any(secret in f"{run.output}{run.records}" for secret in secrets)
    assert not team.ledger_file.exists()


def test_an_unreachable_database_is_reported_without_its_password_and_nothing_is_created(
    simulator: Simulator, team: Controller, postgresql: PostgreSQL
) -> None:
    team.environment["TENBYTE_LEDGER_URL"] = postgresql.url("nowhere")
    lookup = "\n- ansible.builtin.debug: {msg: \"{{ lookup('tenbyte.webinar.stream_key', 'x') | length }}\"}\n"
    tasks = EVENT_TASKS.rstrip() + "\n  ignore_errors: true\n" + lookup
    run = team.tasks(tasks, "-vvv")
    message = run.result(EVENT)["msg"]
    assert message.startswith("The ledger cannot be opened: ")
    assert f'connection to server at "{HOST}"' in message
    assert message.endswith("Nothing was changed.")
    assert run.output.count("The ledger cannot be opened: ") >= 2
    assert postgresql.password not in f"{run.output}{run.records}"
    assert "Traceback" not in run.output
    assert simulator.journal.writes() == []


def test_a_ledger_without_its_key_is_refused_before_anything_is_opened(simulator: Simulator, team: Controller) -> None:
    team.environment["TENBYTE_LEDGER_KEY"] = ""
    run = team.tasks(EVENT_TASKS)
    assert "ledger_key is missing" in run.result(EVENT)["msg"]
    assert len(simulator.journal) == 0
