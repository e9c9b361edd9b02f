# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of the playbooks share: an event file that is applied, and an encoder as the ingest reports it."""

from __future__ import annotations

from typing import Any

import requests
import yaml

from tests.integration.conftest import PRESET
from tests.integration.controller import Controller, Run
from tests.simulator.records import Session
from tests.simulator.server import Simulator

ROOMS: list[dict[str, Any]] = [
    {
        "title": "Main stage",
        "description": "Plenary sessions",
        "sessions": [
            {
                "title": "Keynote",
                "preset_id": PRESET,
                "encoder": "encoder1",
                "scheduled_start_time": "2027-05-04T09:00:00+02:00",
            },
            {"title": "Panel", "preset_id": PRESET, "encoder": "encoder2"},
        ],
    },
    {"title": "Workshop", "sessions": [{"title": "Hands on", "preset_id": PRESET}]},
]
HOSTILE = """<script>alert("1")</script> {{ 7 * 7 }} {% raw %} {# c #} 'it': - #5 & \\n "Ü" \N{PARTY POPPER}"""


def play(controller: Controller, playbook: str, *arguments: str, rooms: Any = None, **options: Any) -> Run:
    """Run a playbook of the collection from the controller's home, with an event file where rooms are given."""
    if rooms is not None:
        controller.home.mkdir(parents=True, exist_ok=True)
        (controller.home / "event.yml").write_text(yaml.safe_dump({"event_rooms": rooms}))
        arguments = ("-e", "@event.yml", *arguments)
    return controller.playbook(f"tenbyte.webinar.{playbook}", *arguments, **options)


def provision(controller: Controller, rooms: Any = None) -> None:
    run = play(controller, "provision", rooms=ROOMS if rooms is None else rooms)
    assert run.returncode == 0, run.output


def session_titled(simulator: Simulator, title: str) -> Session:
    return next(session for session in simulator.service.sessions.values() if session.title == title)


def publish(simulator: Simulator, session: Session) -> None:
    """Report an encoder that publishes with the session's key, as the ingest does."""
    form = {"call": "publish", "app": "live", "name": session.stream_key, "clientid": "1"}
    answer = requests.post(f"{simulator.ingest_url}/on_publish", data=form, timeout=10, allow_redirects=False)
    assert answer.status_code == 302, answer.text


def assert_no_secret(text: str, simulator: Simulator) -> None:
    user = simulator.service.users[0]
    found = [secret for secret in (*simulator.secrets(), user.api_key, user.token) if secret in text]
    assert simulator.secrets(), "there was nothing to find"
    assert not found, f"{len(found)} secrets are shown"
