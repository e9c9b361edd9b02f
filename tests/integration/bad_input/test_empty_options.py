# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An empty value counts as not given: in options, variables and the environment, for actions and the lookup."""

from __future__ import annotations

import csv
import itertools
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.bad_input.refusals import Refusals, all_refused
from tests.integration.conftest import EVENT, PRESET, SESSION
from tests.integration.controller import Controller
from tests.simulator.server import Simulator

EMPTY = ["", "  \n", None]
PAIR: list[dict[str, Any]] = [
    {SESSION: {"room": "Main stage", "title": "Keynote", "preset_id": PRESET}, "register": "made"},
    {
        "ansible.builtin.debug": {"msg": "{{ lookup('tenbyte.webinar.stream_key', made.session.id) | length }}"},
        "no_log": True,
    },
]


def play(*tasks: dict[str, Any], **keywords: Any) -> list[dict[str, Any]]:
    return [{"hosts": "localhost", "gather_facts": False, "tasks": list(tasks), **keywords}]


@pytest.mark.parametrize("empty", EMPTY)
def test_an_empty_variable_does_not_hide_the_environment(
    simulator: Simulator, controller: Controller, empty: str | None
) -> None:
    names = ("api_url", "api_key", "api_token", "ledger_url", "ledger_key", "ledger_key_file", "ca_path", "allow_http")
    done = controller.plays(play(*PAIR, vars={f"tenbyte_{name}": empty for name in names}))
    assert done.returncode == 0, done.output
    assert controller.ledger_file.exists()
    assert {entry.credential for entry in simulator.journal} == {"host"}


@pytest.mark.parametrize("empty", EMPTY)
def test_an_empty_option_hides_neither_a_variable_nor_the_environment(
    simulator: Simulator, controller: Controller, tmp_path: Path, empty: str | None
) -> None:
    names = (
        "api_url",
        "api_key",
        "ledger_url",
        "ledger_key",
        "ledger_key_file",
        "validate_certs",
        "timeout",
        "retries",
    )
    given: dict[str, Any] = dict.fromkeys(names, empty)
    tasks = [{SESSION: {**PAIR[0][SESSION], **given}, "register": "made"}, PAIR[1]]
    ledger = tmp_path / "by-variable.db"
    done = controller.plays(play(*tasks, vars={"tenbyte_ledger_url": f"  sqlite:///{ledger}\n"}))
    assert done.returncode == 0, done.output
    assert ledger.exists()
    assert not controller.ledger_file.exists()
    assert {entry.credential for entry in simulator.journal} == {"host"}


CELLS = "room,room_id,title,preset_id,description,mode,scheduled_start_time,encoder,session_id,state,chat,limit\n"


def test_empty_cells_of_a_table_count_as_not_given(
    simulator: Simulator, controller: Controller, tmp_path: Path
) -> None:
    table = tmp_path / "sessions.csv"
    with table.open("w", newline="") as file:
        file.write(CELLS)
        writer = csv.writer(file)
        writer.writerow(["Main stage", "", "Keynote", f" {PRESET} ", "", "", "", "", "", "", "", ""])
        writer.writerow(
            [
                "Main stage",
                "",
                "Panel",
                PRESET,
                "Talk",
                "rtmp ",
                "2027-05-04 09:00:00+02:00",
                "enc1",
                "",
                "present",
                "no",
                "20",
            ]
        )
    task = {
        SESSION: {
            **{name: f"{{{{ item.{name} }}}}" for name in CELLS.strip().split(",")[:-2]},
            "settings": {"chat_enabled": "{{ item.chat }}", "max_join_limit": "{{ item.limit }}"},
        },
    }
    rows = list(csv.DictReader(table.read_text().splitlines()))
    done = controller.plays(play({**task, "loop": rows}))
    assert done.returncode == 0, done.output
    keynote, panel = sorted(simulator.service.sessions.values(), key=lambda session: session.title)
    assert (keynote.title, keynote.scheduled_start_time) == ("Keynote", None)
    assert panel.mode == "rtmp"
    assert controller.plays(play({**task, "loop": rows})).recap()["changed"] == 0


@pytest.mark.parametrize("empty", ["", None])
def test_an_event_with_empty_values_is_the_event_without_these_values(
    simulator: Simulator, controller: Controller, empty: str | None
) -> None:
    names = ("mode", "scheduled_start_time", "encoder", "session_id", "settings", "state")
    session: dict[str, Any] = {"title": "Keynote", "preset_id": PRESET, **dict.fromkeys(names, empty)}
    settings = dict.fromkeys(("chat_enabled", "stage_enabled", "max_join_limit"), empty)
    rooms = [
        {"title": "Main stage", "room_id": empty, "analytics": empty, "state": empty, "sessions": [session]},
        {"title": "Side stage", "sessions": [{**session, "settings": settings}]},
        {"title": "Lobby", "sessions": empty},
    ]
    policies = dict.fromkeys(
        ("state", "purge", "replace", "on_missing_key", "wait_timeout", "reveal_stream_key"), empty
    )
    done = controller.plays(play({EVENT: {"rooms": rooms, **policies}}))
    assert done.returncode == 0, done.output
    assert len(simulator.service.rooms) == 3
    assert len(simulator.service.sessions) == 2


MISTAKES: list[tuple[dict[str, Any], list[str]]] = [
    ({"mode": "fax"}, ["mode is 'fax'", "webcam, rtmp"]),
    ({"colour": "red"}, ["colour is no option there", "encoder"]),
    ({"presetid": PRESET}, ["presetid", "Did you mean preset_id?"]),
    ({"settings": {"max_join_limit": True}}, ["settings.max_join_limit is true", "a whole number"]),
    ({"settings": {"max_join_limit": "many"}}, ["settings.max_join_limit is 'many'", "a whole number"]),
    ({"settings": {"chat_enabled": "perhaps"}}, ["settings.chat_enabled is 'perhaps'", "true or false"]),
    ({"settings": {"chat": True}}, ["settings.chat is no option", "chat_enabled"]),
    ({"settings": "loud"}, ["settings is 'loud'", "mapping"]),
    ({"encoder": False}, ["encoder is the truth value false", "quotes"]),
    ({"scheduled_start_time": "2027-05-04"}, ["has no time and no offset", "2027-05-04T09:00:00+02:00"]),
    ({"scheduled_start_time": "2027-05-04 09:30"}, ["has no offset", "2027-05-04T09:30:00+02:00"]),
    ({"preset_id": ""}, ["preset_id is missing"]),
    ({"title": ""}, ["title is missing"]),
]


def event_and_session(options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a task for each of both actions with a session that has these options."""
    session = {"title": "Keynote", "preset_id": PRESET}
    rooms = [
        {"title": "Side stage"},
        {"title": "Day 1: Hall", "sessions": [{**session, "title": "Panel"}, {**session, **options}]},
    ]
    return {EVENT: {"rooms": rooms}}, {SESSION: {"room": "Day 1: Hall", **session, **options}}


OPTIONS = ["timeout", "retries", "concurrency", "requests_per_second", "wait_timeout"]
NO_NUMBERS = ["true", ".nan", ".inf", "-1", "many", "[1]"]
FALSE = ["no", "false", "0", "off", "False", " no\n"]


@pytest.fixture(scope="module")
def refusals(tmp_path_factory: pytest.TempPathFactory) -> Refusals:
    tasks: dict[str, dict[str, Any]] = {}
    for number, (options, _said) in enumerate(MISTAKES):
        tasks[f"event {number}"], tasks[f"session {number}"] = event_and_session(options)
    for option, value in itertools.product(OPTIONS, NO_NUMBERS):
        tasks[f"{option}: {value}"] = {SESSION: {**PAIR[0][SESSION], option: yaml.safe_load(value)}}
    return all_refused(tmp_path_factory.mktemp("refusals"), tasks)


@pytest.mark.parametrize("number", range(len(MISTAKES)), ids=[" ".join(options) for options, _said in MISTAKES])
def test_a_message_about_an_option_names_its_room_and_session(refusals: Refusals, number: int) -> None:
    options, said = MISTAKES[number]
    names = ["rooms[1] 'Day 1: Hall', sessions[1]", *(["'Keynote'"] if "title" not in options else [])]
    refusals.check(f"event {number}", *names, *said)
    refusals.check(f"session {number}", "room 'Day 1: Hall'", *said)


@pytest.mark.parametrize("start", ["2027-05-04T09:00:00+02:00", "2027-05-04 07:00:00.000000Z", "2027-05-04t07:00:00z"])
def test_a_start_time_is_accepted_without_quotes_and_in_several_spellings(
    simulator: Simulator, controller: Controller, start: str
) -> None:
    task = f"""
    - tenbyte.webinar.event:
        rooms: "{{{{ rooms }}}}"
      vars:
        rooms:
          - title: Main stage
            sessions:
              - {{title: Keynote, preset_id: {PRESET}, scheduled_start_time: {start}}}
    - tenbyte.webinar.session:
        room: Main stage
        title: Keynote
        preset_id: {PRESET}
        scheduled_start_time: "  {start} "
    """
    done = controller.tasks(task)
    assert done.returncode == 0, done.output
    assert done.recap()["changed"] == 1
    [session] = simulator.service.sessions.values()
    assert session.scheduled_start_time == datetime(2027, 5, 4, 7, tzinfo=timezone.utc)
    assert done.result(EVENT)["plan"][-1]["request"]["body"]["scheduled_start_time"] == "2027-05-04T07:00:00Z"


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("value", NO_NUMBERS)
def test_a_number_that_is_not_a_number_is_refused(refusals: Refusals, option: str, value: str) -> None:
    refusals.check(f"{option}: {value}", option)


@pytest.fixture(scope="module")
def with_false_as_text(tmp_path_factory: pytest.TempPathFactory) -> Refusals:
    given = {"tenbyte_api_url": "http://webinar.example.com/v1"}
    tasks = {f"false {n}": {**PAIR[0], "vars": {**given, "tenbyte_allow_http": word}} for n, word in enumerate(FALSE)}
    return all_refused(tmp_path_factory.mktemp("refusals"), tasks)


@pytest.mark.parametrize("number", range(len(FALSE)), ids=[word.strip() for word in FALSE])
def test_a_variable_may_hold_a_truth_value_as_text(with_false_as_text: Refusals, number: int) -> None:
    with_false_as_text.check(f"false {number}", "plain http")
