# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every documented example fails and says why if the credential is wrong or the service is unreachable."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.fernet import Fernet

from tests.documented import ROOT, code_blocks, pages, plugin_examples
from tests.integration.controller import Controller, Run
from tests.integration.playbooks.encoders import encoders_folder, inventory
from tests.integration.playbooks.event import ROOMS

# Examples that do not call the service, and so need no credential.
NEEDS_NO_SERVICE = {
    "See what the ledger holds",
    "Forget the key of one session",
    "Give the ledger a new key, in its key file",
    "Write a copy of the ledger for a safe place",
    "Encrypt all entries with a new key that is kept in a vault",
    "Take the entries of a file into the ledger of the team",
    "Forget the key of a session that another team looks after from now on",
    "Remove the streams of this host whose sessions are gone",
}
# Public data, which the simulated service returns without a credential.
PUBLIC = {
    "Read one room by its id, whoever its host is",
    "Read all public rooms of the service",
    "List all public sessions of somebody else's room",
}
# A filter or test does not call the service either, and one of their examples puts a stream on the host.
CALLING = ("plugins/modules/", "plugins/lookup/")
WRONG_KEY = "a-key-that-opens-nothing"
# What a message must say, by the reason why the service does not work.
REASONS = {"wrong credential": "credential", "unreachable": "Check api_url, the network"}


def variables(home: Path) -> dict[str, Any]:
    """The variables that the examples expect from a user."""
    return {
        "event_rooms": ROOMS,
        "vault_tenbyte_api_key": WRONG_KEY,
        "vault_ledger_key": Fernet.generate_key().decode(),
        "vault_new_ledger_key": Fernet.generate_key().decode(),
        "vault_old_ledger_key": Fernet.generate_key().decode(),
        "vault_keynote_stream_key": "adopted-stream-key",
        "vault_stream_keys": [
            {
                "session_id": "6c0e2b0e-3f57-4f0e-8a5e-1c4f2a9a7e21",
                "stream_key": "adopted-stream-key",
                "rtmp_url": "rtmp://ingest.example.com/live",
            }
        ],
        "part": 0,
        "parts": 4,
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "ansible_remote_tmp": str(home / "remote"),
    }


def examples_that_call_the_service() -> dict[str, list[dict[str, Any]]]:
    return {where: tasks for where, tasks in plugin_examples().items() if where.startswith(CALLING)}


def with_short_waits(task: dict[str, Any]) -> dict[str, Any]:
    """The example with shorter waits."""
    waits = {"retries": 1, "delay": 0} if "until" in task else {}
    elsewhere = {"vault_password_file": "vault-password", "path": "export.vault"}
    name = next((key for key in task if key == "tenbyte.webinar.ledger"), None)
    given = {name: {key: elsewhere.get(key, value) for key, value in task[name].items()}} if name else {}
    return {**task, **waits, **given}


@pytest.fixture(params=REASONS)
def unreachable(request: pytest.FixtureRequest, controller: Controller) -> str:
    """Give the controller a wrong credential, or the URL of a service that does not run."""
    reason: str = request.param
    controller.api_key = WRONG_KEY
    if reason == "unreachable":
        with socket.create_server(("127.0.0.1", 0)) as listener:
            controller.api_url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1/webinar"
    controller.environment["KEYNOTE_STREAM_KEY"] = "adopted-stream-key"
    controller.home.mkdir(parents=True)
    (controller.home / "vault-password").write_text("of a copy\n")
    (controller.home / "variables.yml").write_text(yaml.safe_dump(variables(controller.home)))
    return reason


@pytest.mark.seed(rooms=[{"id": "3f0a5a53-3f4c-4d3c-8f6e-8a4a9a0f9d10", "title": "Main stage", "host": "stranger"}])
def test_each_example_of_a_plugin_fails(unreachable: str, controller: Controller) -> None:
    plays = [
        {
            "name": where,
            "hosts": "localhost",
            "gather_facts": False,
            "ignore_errors": True,
            "module_defaults": {"group/tenbyte.webinar.all": {"retries": 0}},
            "tasks": [with_short_waits(task) for task in tasks],
        }
        for where, tasks in examples_that_call_the_service().items()
    ]
    run = controller.plays(plays, "-e", "@variables.yml")
    examples = [task for tasks in examples_that_call_the_service().values() for task in tasks]
    assert len(examples) > 40
    ended = {record["task"]: record for record in run.records if record["kind"] in ("ok", "failed", "skipped")}
    assert {task["name"] for task in examples} <= set(ended)
    well = {name for name, record in ended.items() if record["kind"] == "ok"}
    left_out = NEEDS_NO_SERVICE | (PUBLIC if unreachable == "wrong credential" else set())
    assert well - left_out == set()
    reasons = {
        name: str(record["result"])
        for name, record in ended.items()
        if record["action"].startswith("tenbyte.webinar.") and name not in left_out and record["kind"] == "failed"
    }
    said = {name for name, reason in reasons.items() if REASONS[unreachable] in reason}
    assert len(said) > 15
    if unreachable == "unreachable":
        # An example that uses the result of the one before fails because there is none. (With a wrong credential,
        # some read public data and do not find their session in it.)
        other = {name: reason for name, reason in reasons.items() if name not in said}
        assert [name for name, why in other.items() if "has no attribute" not in why and "censored" not in why] == []
    assert "Traceback" not in run.output
    assert WRONG_KEY not in run.output


def test_each_documented_playbook_fails(unreachable: str, controller: Controller) -> None:
    written = documented_playbooks(controller)
    arguments = ["-e", "@variables.yml"]

    def run_of(playbook: str) -> Run:
        return controller.playbook(playbook, *arguments)

    shipped = [f"tenbyte.webinar.{path.stem}" for path in sorted((ROOT / "playbooks").glob("*.yml"))]
    # Each waits a few seconds for a service that may come back.
    with ThreadPoolExecutor(max_workers=4) as pool, encoders_folder() as folder:
        arguments += ["-i", inventory(controller, folder, "encoder1", "encoder2", others=("relays", "studios"))]
        runs = dict(zip([*written, *shipped], pool.map(run_of, [*written, *shipped]), strict=True))
    assert len(runs) > 10
    for playbook, run in runs.items():
        assert run.returncode != 0, playbook
        assert REASONS[unreachable] in " ".join(run.output.split()), (playbook, run.output)
        assert "Traceback" not in run.output
        assert WRONG_KEY not in run.output


def documented_playbooks(controller: Controller) -> list[str]:
    """Write the documented playbooks that call the service, exactly as printed, and return the names of their files."""
    written = []
    # For vars_files. In the home folder itself, `export` would find a file that it must not overwrite.
    (controller.home / "vars").mkdir()
    (controller.home / "vars" / "event.yml").write_text(yaml.safe_dump({"event_rooms": ROOMS}))
    for page in pages():
        for number, block in enumerate(code_blocks(page, "ya?ml")):
            if "hosts:" in block and "tenbyte.webinar." in block and "tasks_from: verify" not in block:
                name = f"{'-'.join(page.relative_to(ROOT).with_suffix('').parts)}-{number}.yml"
                (controller.home / name).write_text(block)
                written.append(name)
    return written
