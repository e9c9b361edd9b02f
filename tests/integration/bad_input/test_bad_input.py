# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bad input fails before any writing call, without a traceback. The message names the option and what to do."""

from __future__ import annotations

import textwrap
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml
from cryptography.fernet import Fernet

from tests.integration.bad_input.refusals import Refusals, all_refused
from tests.integration.conftest import PRESET, SESSION_TASKS
from tests.integration.controller import Controller, Run
from tests.simulator.server import Simulator

UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"


def event(rooms: str) -> str:
    return f"- tenbyte.webinar.event: {{rooms: {rooms}}}"


GOOD = f"{{title: Keynote, preset_id: {PRESET}}}"


def refused(simulator: Simulator, run: Run, *said: str) -> None:
    assert run.returncode != 0, run.output
    message = next(
        record["result"]["msg"] for record in run.records if record["kind"] == "failed" and "msg" in record["result"]
    )
    for part in said:
        assert part in message
    assert simulator.journal.writes() == []
    assert "Traceback" not in run.output


REFUSED = [
    pytest.param(
        event(f"[{{room_id: {UNKNOWN_ID}, sessions: [{GOOD}]}}]"),
        ["room_id", UNKNOWN_ID, "no such room", "by its title"],
        id="unknown room id",
    ),
    pytest.param(
        event(f"[{{room_id: not-a-uuid, sessions: [{GOOD}]}}]"),
        ["rooms[0]", "room_id", "not-a-uuid", "is not a UUID"],
        id="bad room id",
    ),
    pytest.param(
        event("[{title: Main stage, sessions: [{title: Keynote, preset_id: Stage}]}]"),
        ["rooms[0] 'Main stage', sessions[0] '", "preset_id", "'Stage' is not a UUID", "Copy it from the service"],
        id="preset by name",
    ),
    pytest.param(
        event(f"[{{title: Main stage, sessions: [{{title: Hi, preset_id: {PRESET}}}]}}]"),
        ["rooms[0] 'Main stage', sessions[0] '", "title", "has 2 characters", "3 to 255"],
        id="session title too short",
    ),
    pytest.param(
        event(f"[{{title: AB, sessions: [{GOOD}]}}]"),
        ["rooms[0] 'AB': title", "has 2 characters", "3 to 255"],
        id="room title too short",
    ),
    pytest.param(
        event(f"[{{title: Main stage, sessions: [{{title: {'x' * 256}, preset_id: {PRESET}}}]}}]"),
        ["rooms[0] 'Main stage', sessions[0] '", "title", "has 256 characters"],
        id="session title too long",
    ),
    pytest.param(
        event(f"[{{title: Main stage, sessions: [{GOOD}, {GOOD}]}}]"),
        ["rooms[0] 'Main stage', sessions", "'Keynote'", "twice", "give each its own"],
        id="repeated title in a room",
    ),
    pytest.param(
        event(f"[{{title: Main stage, sessions: [{GOOD}]}}, {{title: Main stage}}]"),
        ["rooms", "'Main stage'", "twice", "Join"],
        id="repeated room",
    ),
    pytest.param(
        event("[{title: Main stage, sessions: [{title: Keynote}]}]"),
        ["rooms[0] 'Main stage', sessions[0] '", "preset_id", "missing"],
        id="no preset",
    ),
    pytest.param(
        event(f"[{{title: Main stage, room_id: {UNKNOWN_ID}}}]"),
        ["rooms[0]", "title or room_id"],
        id="title and id",
    ),
    pytest.param(event("[{sessions: []}]"), ["rooms[0]", "title or room_id"], id="neither title nor id"),
    pytest.param(
        event(
            f"[{{title: Main stage, sessions: "
            f"[{{title: Keynote, preset_id: {PRESET}, scheduled_start_time: '2027-05-04 09:00'}}]}}]"
        ),
        ["rooms[0] 'Main stage', sessions[0] '", "scheduled_start_time", "RFC 3339", "offset"],
        id="start time without offset",
    ),
    pytest.param(
        event(f"[{{title: Main stage, sessions: [{{title: Keynote, preset_id: {PRESET}, mode: fax}}]}}]"),
        ["mode", "webcam, rtmp"],
        id="unknown mode",
    ),
    pytest.param(event("[{title: Main stage, colour: red}]"), ["colour"], id="unknown option"),
    pytest.param("- tenbyte.webinar.event:", ["rooms"], id="no rooms"),
    pytest.param(f"- tenbyte.webinar.session: {{title: Keynote, preset_id: {PRESET}}}", ["room"], id="no room"),
    pytest.param(
        f"- tenbyte.webinar.session: {{room: Main stage, title: Hi, preset_id: {PRESET}}}",
        ["room 'Main stage', session 'Hi'", "title 'Hi' has 2 characters"],
        id="session action with a short title",
    ),
    pytest.param(SESSION_TASKS + "    timeout: 0\n", ["timeout", "from 1 to"], id="no timeout"),
    pytest.param(SESSION_TASKS + "    concurrency: 0\n", ["concurrency", "from 1 to"], id="no concurrency"),
    pytest.param(SESSION_TASKS + "    requests_per_second: 0\n", ["requests_per_second", "from 0.1 to"], id="no rate"),
    pytest.param(SESSION_TASKS + "    retries: -1\n", ["retries", "from 0 to"], id="negative retries"),
    pytest.param(SESSION_TASKS + "    ca_path: /nowhere.pem\n", ["ca_path", "/nowhere.pem"], id="no such ca file"),
    pytest.param(SESSION_TASKS + "    ledger_url: nonsense\n", ["ledger_url", "sqlite:///"], id="bad ledger url"),
    pytest.param(
        SESSION_TASKS + "    ledger_url: mysql://u:p@h/d\n",
        ["ledger_url", "mysql", "sqlite:///"],
        id="other database",
    ),
    pytest.param(SESSION_TASKS + "    ledger_key: secret\n", ["ledger_key", "Fernet"], id="not a ledger key"),
]


@pytest.fixture(scope="module")
def refusals(tmp_path_factory: pytest.TempPathFactory) -> Refusals:
    tasks = {str(case.id): yaml.safe_load(textwrap.dedent(str(case.values[0])))[0] for case in REFUSED}
    return all_refused(tmp_path_factory.mktemp("refusals"), tasks)


@pytest.mark.parametrize(("tasks", "said"), REFUSED)
def test_contradictory_or_invalid_input_is_refused(
    refusals: Refusals, request: pytest.FixtureRequest, tasks: str, said: list[str]
) -> None:
    name = request.node.callspec.id
    refusals.check(name, *said)
    assert not refusals.ledger_file(name).exists() or "room_id" in said


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        pytest.param({"TENBYTE_API_KEY": ""}, ["api_key", "api_token", "TENBYTE_API_KEY"], id="no credentials"),
        pytest.param({"TENBYTE_API_TOKEN": "sim-token"}, ["api_key", "api_token", "leave one out"], id="both"),
        pytest.param({"TENBYTE_API_KEY": "two words"}, ["api_key", "blanks"], id="a key with a blank"),
        pytest.param(
            {"TENBYTE_API_URL": "http://webinar.example.com/v1"},
            ["api_url", "plain http to webinar.example.com", "allow_http"],
            id="http to a foreign host",
        ),
        pytest.param({"TENBYTE_API_URL": "webinar.example.com"}, ["api_url", "https"], id="url without scheme"),
        pytest.param({"TENBYTE_API_URL": "https://u:p@localhost/"}, ["api_url", "password"], id="url with password"),
        pytest.param({"TENBYTE_ALLOW_HTTP": "perhaps"}, ["TENBYTE_ALLOW_HTTP is", "true or false"], id="not a boolean"),
    ],
)
def test_invalid_connections_are_refused(
    simulator: Simulator, controller: Controller, environment: dict[str, str], said: list[str]
) -> None:
    refused(simulator, controller.tasks(SESSION_TASKS, environment=environment), *said)
    assert len(simulator.journal) == 0


def test_a_wrong_credential_is_reported(simulator: Simulator, controller: Controller) -> None:
    run = controller.tasks(SESSION_TASKS, environment={"TENBYTE_API_KEY": "sim-api-key-of-nobody"})
    refused(simulator, run, "HTTP 401", "Check api_key or api_token")
    assert "sim-api-key-of-nobody" not in run.output


@pytest.mark.seed(rooms=[{"title": "Main stage", "host": "host"}, {"title": "Main stage", "host": "host"}])
def test_a_room_title_of_two_rooms_is_refused(simulator: Simulator, controller: Controller) -> None:
    ids = list(simulator.service.rooms)
    refused(simulator, controller.tasks(SESSION_TASKS), "2 rooms of this title", *ids, "room_id")


@pytest.mark.seed(rooms=[{"title": "Main stage", "host": "host"}])
def test_one_room_given_by_title_and_by_id_is_refused(simulator: Simulator, controller: Controller) -> None:
    (room_id,) = simulator.service.rooms
    run = controller.tasks(event(f"[{{title: Main stage, sessions: [{GOOD}]}}, {{room_id: {room_id}}}]"))
    refused(simulator, run, "named twice", room_id, "Join")


@pytest.mark.seed(rooms=[{"title": "Their stage", "host": "stranger"}])
def test_a_room_of_another_account_is_refused(simulator: Simulator, controller: Controller) -> None:
    (room_id,) = simulator.service.rooms
    run = controller.tasks(event(f"[{{room_id: {room_id}, sessions: [{GOOD}]}}]"))
    refused(simulator, run, room_id, "not one of the rooms of this account", "belong to the host who created them")


def test_a_ledger_in_a_folder_that_cannot_be_created_is_refused(simulator: Simulator, controller: Controller) -> None:
    # A regular file instead of a folder: unlike permissions, it stops root too.
    controller.home.mkdir(parents=True)
    (controller.home / "file").touch()
    ledger = {"TENBYTE_LEDGER_URL": f"sqlite:///{controller.home}/file/ledger.sqlite3"}
    for arguments in ([], ["--check"]):
        run = controller.tasks(SESSION_TASKS, *arguments, environment=ledger)
        refused(simulator, run, "ledger_url", "cannot be written", "file/ledger.sqlite3")
    assert len(simulator.journal) == 0


def test_a_ledger_on_a_read_only_file_system_is_refused(simulator: Simulator, controller: Controller) -> None:
    ledger = {
        "TENBYTE_LEDGER_URL": "sqlite:////proc/ledger.sqlite3",
        "TENBYTE_LEDGER_KEY": Fernet.generate_key().decode(),
    }
    refused(simulator, controller.tasks(SESSION_TASKS, environment=ledger), "ledger_url", "cannot be written")


def test_a_wrong_ledger_key_is_refused(simulator: Simulator, controller: Controller) -> None:
    assert controller.tasks(SESSION_TASKS).returncode == 0
    simulator.journal.clear()
    key = Fernet.generate_key().decode()
    run = controller.tasks(SESSION_TASKS, environment={"TENBYTE_LEDGER_KEY": key})
    refused(simulator, run, "ledger_key", "does not open this ledger")
    assert key not in run.output
    assert len(simulator.journal) == 0


def test_a_ledger_without_its_key_file_is_refused(simulator: Simulator, controller: Controller) -> None:
    assert controller.tasks(SESSION_TASKS).returncode == 0
    simulator.journal.clear()
    controller.ledger_file.with_name("ledger.sqlite3.key").unlink()
    refused(simulator, controller.tasks(SESSION_TASKS), "ledger.sqlite3.key is missing", "ledger_key")
    assert not controller.ledger_file.with_name("ledger.sqlite3.key").exists()


def test_a_key_file_that_others_can_read_is_refused(simulator: Simulator, controller: Controller) -> None:
    assert controller.tasks(SESSION_TASKS).returncode == 0
    simulator.journal.clear()
    controller.ledger_file.with_name("ledger.sqlite3.key").chmod(0o644)
    refused(simulator, controller.tasks(SESSION_TASKS), "can be read by others", "chmod 600")


def test_a_ledger_that_is_not_a_database_is_refused(simulator: Simulator, controller: Controller) -> None:
    controller.ledger_file.parent.mkdir(parents=True)
    content = b"these are my holiday pictures\n" * 400
    controller.ledger_file.write_bytes(content)
    ledger_key = {"TENBYTE_LEDGER_KEY": Fernet.generate_key().decode()}
    refused(simulator, controller.tasks(SESSION_TASKS, environment=ledger_key), "The ledger cannot be opened")
    assert controller.ledger_file.read_bytes() == content


@pytest.mark.parametrize(
    ("term", "said"),
    [
        pytest.param(UNKNOWN_ID, "holds no stream key for a session with the id", id="an unknown session"),
        pytest.param("", "the session id is empty", id="no id"),
    ],
)
def test_a_lookup_of_a_missing_key_fails(controller: Controller, term: str, said: str) -> None:
    controller.tasks(SESSION_TASKS)
    run = controller.tasks(f"""- debug: {{msg: "{{{{ lookup('tenbyte.webinar.stream_key', '{term}') }}}}"}}""")
    assert run.returncode != 0
    assert said in " ".join(run.output.split())
    assert "Traceback" not in run.output


def test_a_lookup_without_a_ledger_fails(controller: Controller, tmp_path: Path) -> None:
    run = controller.tasks(f"""- debug: {{msg: "{{{{ lookup('tenbyte.webinar.stream_key', '{UNKNOWN_ID}') }}}}"}}""")
    assert run.returncode != 0
    assert "there is no ledger at" in run.output
    assert "TENBYTE_LEDGER_URL" in run.output
    assert not controller.ledger_file.parent.exists()


def test_an_unreachable_service_is_reported(simulator: Simulator, controller: Controller) -> None:
    run = controller.tasks(
        SESSION_TASKS + "    retries: 1\n", environment={"TENBYTE_API_URL": "http://127.0.0.1:9/v1/webinar"}
    )
    refused(simulator, run, "no connection to http://127.0.0.1:9/v1/webinar", "api_url")


class AnyPage(BaseHTTPRequestHandler):
    """A web server that answers every request with an HTML page."""

    def do_GET(self) -> None:
        page = b"<html><title>Welcome</title></html>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, format: str, *args: object) -> None:
        del format, args


def test_a_web_server_that_is_not_the_service_is_reported(simulator: Simulator, controller: Controller) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), AnyPage) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        run = controller.tasks(SESSION_TASKS, environment={"TENBYTE_API_URL": f"http://127.0.0.1:{server.server_port}"})
        server.shutdown()
        thread.join()
    refused(simulator, run, "not the service's JSON", "api_url")
