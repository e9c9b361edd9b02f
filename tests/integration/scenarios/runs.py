# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Short ways to write tasks, run several of them in one play, and read their results."""

from __future__ import annotations

from typing import Any

from tests.integration.conftest import EVENT, PRESET, SESSION
from tests.integration.controller import Controller, Run
from tests.simulator.server import Simulator

ROOM = "tenbyte.webinar.room"
SESSIONS_PATH = r"/rooms/[^/]+/sessions$"
Json = dict[str, Any]


def event(rooms: list[Json], **options: Any) -> Json:
    return {EVENT: {"rooms": rooms, **options}}


def session(**options: Any) -> Json:
    return {SESSION: {"room": "Main stage", "title": "Keynote", "preset_id": PRESET, **options}}


def room(**options: Any) -> Json:
    return {ROOM: options}


def rooms_of(*titles: str, **options: Any) -> list[Json]:
    return [{"title": "Main stage", "sessions": [{"title": title, "preset_id": PRESET, **options} for title in titles]}]


def run(controller: Controller, *tasks: Json, arguments: tuple[str, ...] = ()) -> Run:
    """Run tasks one after the other, each of which may fail."""
    each = [{**task, "ignore_errors": True} for task in tasks]
    return controller.plays([{"hosts": "localhost", "gather_facts": False, "tasks": each}], *arguments)


def results_of(run: Run) -> list[Json]:
    """Return the results of the collection's tasks; ``failed`` says whether the task failed."""
    ended = [one for one in run.records if one["kind"] in ("ok", "failed") and "webinar" in one["action"]]
    return [{**one["result"], "failed": one["kind"] == "failed"} for one in ended]


def results(controller: Controller, *tasks: Json, arguments: tuple[str, ...] = ()) -> list[Json]:
    """Return the result of each task."""
    done = run(controller, *tasks, arguments=arguments)
    found = results_of(done)
    assert len(found) == len(tasks), done.output
    return found


def result(controller: Controller, task: Json, *arguments: str) -> Json:
    (found,) = results(controller, task, arguments=arguments)
    return found


def succeeded(result: Json) -> Json:
    assert not result["failed"], result["msg"]
    return result


def reason(result: Json) -> str:
    """Return why a task failed."""
    assert result["failed"], result["plan"]
    return str(result["msg"])


def assert_no_change_and_no_warning(result: Json) -> None:
    """Assert that the task succeeded, with an empty plan, no change and no warning."""
    assert (succeeded(result)["changed"], result["plan"], result.get("warnings", [])) == (False, [], [])


READ_KEYS = "read.keys"


def reading_keys(*ids: str) -> Json:
    """Return a task that writes the keys of these sessions to a file of the controller."""
    return {
        "ansible.builtin.copy": {
            "content": f"{{{{ query('tenbyte.webinar.stream_key', {', '.join(map(repr, ids))}) | join('\n') }}}}",
            "dest": "{{ playbook_dir }}/" + READ_KEYS,
            "mode": "0600",
        },
        "no_log": True,
        "diff": False,
    }


def assert_no_change_and_keys_kept(simulator: Simulator, controller: Controller, task: Json, *ids: str) -> None:
    """Assert that the task has nothing to do, and that the lookup returns the keys of these sessions."""
    done = run(controller, task, reading_keys(*ids))
    (found,) = results_of(done)
    assert (succeeded(found)["changed"], found["plan"]) == (False, [])
    keys = [simulator.service.stream_key_of(one) for one in ids]
    assert (controller.home / READ_KEYS).read_text().splitlines() == keys, done.output


def actions(result: Json) -> list[str]:
    return [step["action"] for step in result["plan"]]


def paths(result: Json) -> list[str]:
    return [f"{step['request']['method']} {step['request']['path']}" for step in result["plan"]]


def warnings(result: Json) -> str:
    return " ".join(result.get("warnings", []))


def writes(simulator: Simulator) -> list[str]:
    return [f"{entry.method} {entry.path.rpartition('/')[2]}" for entry in simulator.journal.writes()]
