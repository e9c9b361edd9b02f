# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every action takes its connection and ledger from the task, without the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from tests.integration.conftest import PRESET
from tests.integration.connection.test_connection import behind_tls, certificate
from tests.integration.controller import Controller
from tests.simulator.server import Simulator

NOTHING_SET = {"TENBYTE_API_URL": "", "TENBYTE_API_KEY": "", "TENBYTE_LEDGER_URL": ""}
KEYNOTE: dict[str, Any] = {
    "title": "Keynote",
    "preset_id": PRESET,
    "description": "Opens the day",
    "encoder": "encoder1",
}


@pytest.mark.parametrize("credential", ["api_key", "api_token"])
def test_each_action_takes_connection_and_ledger_from_its_task(
    simulator: Simulator, controller: Controller, tmp_path: Path, credential: str
) -> None:
    user = simulator.service.users[0]
    public, private = certificate(tmp_path)
    with behind_tls(simulator.port, public, private) as port:
        connection = {
            "api_url": f"https://127.0.0.1:{port}/v1/webinar",
            credential: user.api_key if credential == "api_key" else user.token,
            "allow_http": credential == "api_token",
            "validate_certs": True,
            "ca_path": str(public),
            "timeout": 20,
            "retries": 1,
            "concurrency": 2,
            "requests_per_second": 100,
        }
        file = tmp_path / "team" / "ledger.key"
        ledger = {
            "ledger_url": f"sqlite:///{tmp_path}/team/ledger.sqlite3",
            **({"ledger_key": Fernet.generate_key().decode()} if credential == "api_key" else {}),
            **({"ledger_key_file": str(file)} if credential == "api_token" else {}),
        }
        everything = {**connection, **ledger}
        given = ", ".join(f"{name}='{value}'" for name, value in ledger.items())
        key = f"lookup('tenbyte.webinar.stream_key', made.session.id, {given})"
        adopted = {"session_id": "{{ made.session.id }}", "stream_key": f"{{{{ {key} }}}}"}
        rooms = [{"title": "Main stage", "sessions": [KEYNOTE]}]
        tasks: list[dict[str, Any]] = [
            {"tenbyte.webinar.session": {"room": "Main stage", **KEYNOTE, **everything}, "register": "made"},
            {"tenbyte.webinar.event": {"rooms": rooms, **everything}},
            {"tenbyte.webinar.room": {"title": "Main stage", **everything}},
            {"tenbyte.webinar.room_info": everything},
            {"tenbyte.webinar.session_info": everything},
            {"tenbyte.webinar.stream_key": {**adopted, **everything}},
            {"tenbyte.webinar.ledger": {"operation": "verify", **everything}},
        ]
        play = {"hosts": "localhost", "gather_facts": False, "tasks": tasks}
        run = controller.plays([play], environment=NOTHING_SET)
    assert run.returncode == 0, run.output
    assert run.recap()["changed"] == 1
    assert {entry.credential for entry in simulator.journal} == {"host"}
    for action in ("session", "event", "session_info"):
        assert run.result(f"tenbyte.webinar.{action}")["sessions"][0]["stream_key_available"] is True
    assert (tmp_path / "team" / "ledger.sqlite3").exists()
    assert file.exists() is (credential == "api_token")
    assert not controller.ledger_file.exists()
