# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The simulator as a separate process, its seed, and its routes for tests in another process."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from tests.simulator.admin import is_loopback
from tests.simulator.seed import SeedError, seed_from
from tests.simulator.server import Simulator

from .conftest import RTMP_PRESET, Client, seed

REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLE = REPOSITORY / "tests" / "simulator" / "seed.example.yml"
Starter = Callable[[Path], "subprocess.Popen[str]"]


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Starter]:
    processes: list[subprocess.Popen[str]] = []

    ready = tmp_path / "ready.json"

    def start(seed_file: Path) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "tests.simulator", "--seed", seed_file, "--ready-file", ready],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def _ready(path: Path, process: subprocess.Popen[str]) -> dict[str, Any]:
    deadline = time.monotonic() + 20
    while not path.exists():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline, "the simulator did not become ready"
        time.sleep(0.02)
    return dict(json.loads(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_simulator_serves_until_a_signal_and_prints_nothing(
    started: Starter, tmp_path: Path, number: signal.Signals
) -> None:
    process = started(EXAMPLE)
    ready = _ready(tmp_path / "ready.json", process)
    assert ready["pid"] == process.pid
    host = {"X-API-Key": yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))["users"][0]["api_key"]}
    assert requests.post(f"{ready['api_url']}/rooms", json={"title": "A room"}, headers=host, timeout=5).ok
    assert requests.post(f"{ready['ingest_url']}/on_update", data={"app": ""}, timeout=5).status_code == 200
    process.send_signal(number)
    output, _unused = process.communicate(timeout=10)
    assert (process.returncode, output) == (0, "")
    assert not (tmp_path / "ready.json").exists()


def test_the_error_about_an_invalid_seed_quotes_no_credentials(started: Starter, tmp_path: Path) -> None:
    for number, content in enumerate(("users: [{username: host, token: sim-secret-1}]", "users: {token: sim-secret-1")):
        file = tmp_path / f"seed-{number}.yml"
        file.write_text(content, encoding="utf-8")
        process = started(file)
        output, _unused = process.communicate(timeout=20)
        assert process.returncode == 2
        assert str(file) in output
        assert "sim-secret-1" not in output
        assert "Traceback" not in output


def test_another_process_can_read_the_journal_and_add_faults(client: Client) -> None:
    admin = client.sim.api_url.removesuffix("/v1/webinar") + "/_simulator"
    http = client.http
    assert http.get(f"{admin}/health", timeout=5).json() == {"status": "ok"}
    key = client.created()["stream_key"]
    assert key in http.get(f"{admin}/issued_keys", timeout=5).json()
    before = time.monotonic()
    first = http.get(f"{admin}/journal", timeout=5).json()[0]
    assert before - 60 < first.pop("at") < before
    assert first == {"method": "POST", "path": "/rooms", "status": 201, "credential": "host"}
    assert http.delete(f"{admin}/journal", timeout=5).status_code == 204
    assert len(client.sim.journal) == 0
    rule = {"action": "status", "status": 503, "method": "get", "path": "^/rooms$", "times": 2}
    assert http.post(f"{admin}/faults", json=rule, timeout=5).status_code == 201
    assert client.call("GET", "/rooms").status_code == 503
    assert http.delete(f"{admin}/faults", timeout=5).status_code == 204
    assert client.call("GET", "/rooms").status_code == 200


def test_another_process_can_set_variants_and_make_changes(client: Client) -> None:
    admin = client.sim.api_url.removesuffix("/v1/webinar") + "/_simulator"
    http = client.http
    changed = http.post(f"{admin}/variant", json={"room_titles": ["upper"], "page_after_last": 404}, timeout=5)
    assert (changed.status_code, changed.json()["room_titles"]) == (200, ["upper"])
    assert http.get(f"{admin}/variant", timeout=5).json()["page_after_last"] == 404
    made = http.post(f"{admin}/changes", json={"do": "create_room", "title": "Hall"}, timeout=5)
    assert made.status_code == 201
    assert client.data("GET", f"/rooms/{made.json()['id']}")["title"] == "HALL"
    for path, wrong in (
        ("variant", {"colour": "red"}),
        ("variant", ["sparse"]),
        ("changes", {"do": "explode"}),
        ("changes", {"do": "go_live", "session": "No such session"}),
    ):
        answer = http.post(f"{admin}/{path}", json=wrong, timeout=5)
        assert (answer.status_code, answer.json().keys()) == (400, {"error"})
    assert http.delete(f"{admin}/variant", timeout=5).json()["page_after_last"] == 200
    assert client.sim.variant.is_strict()


@pytest.mark.parametrize(("host", "trusted"), [("127.0.0.1", True), ("::1", True), ("192.0.2.1", False), ("x", False)])
def test_only_clients_on_loopback_may_use_the_routes_for_tests(host: str, trusted: bool) -> None:
    assert is_loopback(host) is trusted


WRONG_SEEDS: list[tuple[dict[str, Any], str]] = [
    ({"users": []}, "users: at least one"),
    ({"users": [{"username": "host"}]}, r"users\[0\].api_key: This field is required"),
    ({"users": [*seed()["users"], seed()["users"][0]]}, r"users\[3\].username: is the same"),
    ({"rooms": [{"title": "ab", "host": "host"}]}, r"rooms\[0\].title: .*3 characters"),
    ({"rooms": [{"title": "Main", "host": "nobody"}], "sessions": []}, r"rooms\[0\].host: no user .*'nobody'"),
    ({"presets": [{"id": "1", "name": "x", "type": "rtmp"}]}, r"presets\[0\].id: .*UUID"),
    ({"sessions": [{"room": "None", "title": "Talk", "preset_id": RTMP_PRESET}]}, r"sessions\[0\].room: 0 rooms"),
    ({"presets": []}, r"sessions\[0\].preset_id: no preset"),
    ({"ingest": {"hls_url": "http://127.0.0.1/same.m3u8"}}, "ingest.hls_url: must contain"),
    ({"ingest": {"hls_url": "http://127.0.0.1/{id}.m3u8"}}, "ingest.hls_url: only {session_id}"),
    ({"publish_starts_session": "yes"}, "publish_starts_session: must be"),
    ({"colours": []}, "colours: is not a field"),
    ({"variant": {"colour": "red"}}, "variant: colour: is unknown"),
    ({"variant": ["sparse"]}, "variant: .*mapping"),
    ({"faults": {"action": "drop"}}, "faults: must be a list"),
    ({"faults": [{"action": "drop"}, {"action": "explode"}]}, r"faults\[1\]: action: 'explode' is unknown"),
    ({"ingest": {"key_form": "the-same"}}, "ingest.key_form: must contain"),
    ({"rooms": "Main"}, "rooms: must be a list"),
    ({"rooms": ["Main"]}, r"rooms\[0\]: .*object"),
]


@pytest.mark.parametrize(("change", "message"), WRONG_SEEDS)
def test_the_error_about_an_invalid_seed_names_its_field(change: dict[str, Any], message: str) -> None:
    with pytest.raises(SeedError, match=message):
        seed_from({**seed(), **change})


def test_a_seed_may_contain_ids_statuses_and_times(client: Client) -> None:
    ids = ("5e0f2a4c-0d51-4c6b-9a35-0d1f5f6c1001", "5e0f2a4c-0d51-4c6b-9a35-0d1f5f6c1002")
    given = seed()
    given["rooms"] = [{"title": "Main hall", "host": "host", "id": ids[0]}]
    given["sessions"] = [
        {
            "room": "Main hall",
            "title": "Keynote",
            "preset_id": RTMP_PRESET,
            "id": ids[1],
            "status": "live",
            "started_at": "2026-01-01T10:00:00Z",
        }
    ]
    with Simulator(given) as seeded:
        host = Client(seeded, client.http)
        assert seeded.issued_keys() == []
        assert host.data("GET", f"/rooms/{ids[0]}")["active_session_id"] == ids[1]
        assert host.data("GET", f"/sessions/{ids[1]}")["started_at"] == "2026-01-01T10:00:00.000Z"


def test_a_seed_may_contain_variants_faults_and_the_form_of_keys(client: Client) -> None:
    given = {
        **seed(),
        "variant": {"hidden_session_fields": ["status"], "oldest_first": True},
        "faults": [{"action": "status", "status": 503, "method": "get", "path": "^/rooms$", "times": 2}],
        "ingest": {"key_form": "live_{uuid}"},
    }
    with Simulator(given) as seeded:
        host = Client(seeded, client.http)
        assert [host.call("GET", "/rooms").status_code for _unused in range(3)] == [503, 503, 200]
        created = host.created()
        assert created["stream_key"].startswith("live_")
        assert "status" not in created["session"]


def test_the_example_seed_has_the_preset_of_the_examples_in_the_documentation() -> None:
    example = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    documented = re.findall(r"preset_id: *([0-9a-f-]{36})", (REPOSITORY / "README.md").read_text(encoding="utf-8"))
    assert documented
    assert set(documented) <= seed_from(example).presets.keys()
    _before, first_line, after = EXAMPLE.read_text(encoding="utf-8").partition("# variant:\n")
    switches = "".join(re.findall(r"^# ((?:variant:|faults:| ).*\n)", first_line + after, re.MULTILINE))
    commented = seed_from({**example, **yaml.safe_load(switches)})
    assert (commented.variant.is_strict(), len(commented.faults)) == (False, 1)
