# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Short ways to run events and plays with the real ansible-playbook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.integration.conftest import EVENT, PRESET
from tests.integration.controller import Controller, Run
from tests.simulator.records import Session
from tests.simulator.server import Simulator


def play(controller: Controller, tasks: Sequence[Mapping[str, Any]], *arguments: str, **options: Any) -> Run:
    plays = [{"hosts": "localhost", "gather_facts": False, "tasks": list(tasks)}]
    return controller.plays(plays, *arguments, **options)


def event(controller: Controller, *arguments: str, **options: Any) -> Run:
    return play(controller, [{EVENT: options}], *arguments)


def room(title: str, *titles: str, **fields: Any) -> dict[str, Any]:
    """Return a room of an event, with a session for each title."""
    return {"title": title, "sessions": [{"title": one, "preset_id": PRESET} for one in titles], **fields}


def results(run: Run, action: str) -> list[dict[str, Any]]:
    """Return the results of an action's tasks, in order."""
    return [one["result"] for one in run.records if one["action"] == action and one["kind"] in ("ok", "failed")]


def ids(run: Run) -> dict[str, str]:
    """Return the ids of the sessions of an event's result, by title."""
    return {one["title"]: one["id"] for one in run.result(EVENT)["sessions"]}


def statuses(simulator: Simulator) -> dict[str, str]:
    with simulator.service.lock:
        return {one.title: one.status for one in simulator.service.sessions.values()}


def session_of(simulator: Simulator, title: str) -> Session:
    with simulator.service.lock:
        (found,) = (one for one in simulator.service.sessions.values() if one.title == title)
    return found


def printed(run: Run) -> str:
    """Return the output of a run as one line."""
    return " ".join(run.output.split())
