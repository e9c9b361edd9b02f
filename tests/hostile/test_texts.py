# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Titles, descriptions, keys and URLs of a hostile service: no template, shell or terminal executes them.

The tests use the ansible-core of the project's environment and the oldest one, whose templates handle unsafe text
differently. With TENBYTE_TEST_CORES=all (``make leaks``), they use every supported version.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.config_values import is_plain_ingest_url
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import EventSpec, RoomSpec, SessionSpec
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import Redactor
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.location import LedgerSettings
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.ensure import ensure
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.transport import Connection

from tests.conftest import COLLECTIONS
from tests.cores import ALL, Core, NotHere, environment_of
from tests.integration.controller import BIN, Controller, Run
from tests.lab.leaks import places_in_files
from tests.simulator.server import Simulator

OWN = Core("own", "", ())
CORES = ALL if os.environ.get("TENBYTE_TEST_CORES") == "all" else (OWN, ALL[0])
PRESET = "5e0f2a4c-0d51-4c6b-9a35-0d1f5f6c0001"
ROOM_ID = "7c9d1a52-6b7e-4f0a-8f61-3f2c5a4b0001"
SESSION_ID = "7c9d1a52-6b7e-4f0a-8f61-3f2c5a4b0002"
MULTIPLIED = "{{ 7 * 191 }}"
PRODUCT = str(7 * 191)
KEYS = {
    "newline": "{random}\nexec touch MARK",
    "quote": "{random}' ; touch MARK ; '",
    "double quote": '{random}"; touch MARK; "',
    "substitution": "{random}$(touch MARK)",
    "backticks": "{random}`touch MARK`",
    "specifier": "{random}%i%n",
    "template": "{random}{{ lookup('pipe', 'touch MARK') }}",
    "statement": "{random}{% for a in [1] %}{{ 7 * 191 }}{% endfor %}",
    "semicolon": "{random};push rtmp://198.51.100.1/x",
    "comment": "{random} # rest",
    "NUL": "{random}\0x",
    "surrogate": "{random}\ud800",
}
URLS = {
    "newline": "rtmp://127.0.0.1/live\nexec touch MARK",
    "semicolon": "rtmp://127.0.0.1/live;exec touch MARK;",
    "quote": "rtmp://127.0.0.1/live' -f null '/x",
    "substitution": "rtmp://127.0.0.1/$(touch MARK)",
    "specifier": "rtmp://127.0.0.1/%i",
    "template": "rtmp://127.0.0.1/{{ lookup('pipe', 'touch MARK') }}",
    "file": "file:///etc/passwd",
    "braces": "rtmp://127.0.0.1/live}\nhttp {",
}
ROLES = {"ffmpeg_encoder": "ffmpeg_encoder_root", "rtmp_relay": "rtmp_relay_root", "obs_encoder": "obs_encoder_root"}


@pytest.mark.parametrize("url", URLS.values(), ids=URLS)
def test_an_ingest_url_with_special_characters_is_refused(url: str) -> None:
    assert not is_plain_ingest_url(url)


@dataclass
class Hostile:
    simulator: Simulator
    controller: Controller
    mark: Path

    def bent(self, form: str) -> str:
        return form.replace("MARK", str(self.mark))

    def run(self, plays: list[dict[str, Any]], *arguments: str) -> Run:
        done = self.controller.plays(plays, *arguments)
        # The output contains no control character for a terminal.
        assert not [character for character in done.output if ord(character) < 32 and character not in "\n\r\t"]
        assert "\x9b" not in done.output
        assert PRODUCT not in done.output.replace("\\", "")
        assert not self.mark.exists()
        return done


@pytest.fixture(params=CORES, ids=lambda core: core.series)
def hostile(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Hostile]:
    core: Core = request.param
    try:
        commands = BIN if core is OWN else environment_of(core)
    except NotHere as reason:
        pytest.skip(f"not run on ansible-core {core.series}: {reason}")
    mark = tmp_path / "mark"
    lookup = f"{{{{ lookup('pipe', 'touch {mark}') }}}}"
    seed = {
        "users": [
            {"username": f"{MULTIPLIED}", "email": "a@example.com", "api_key": "hostile-key-1", "token": "h" * 9}
        ],
        "presets": [{"id": PRESET, "name": f"{MULTIPLIED}\x1b[2J", "type": "rtmp"}],
        "rooms": [
            {"id": ROOM_ID, "title": f"Hall {MULTIPLIED}", "host": MULTIPLIED, "description": f"\x1b[31m\x9b{lookup}"}
        ],
        "sessions": [
            {
                "id": SESSION_ID,
                "room": f"Hall {MULTIPLIED}",
                "title": f"{lookup} \x1b]0;owned\x07 \u202e",
                "preset_id": PRESET,
                "description": f"{{% for a in [1] %}}{MULTIPLIED}{{% endfor %}}",
            }
        ],
        "ingest": {
            "hls_url": f"http://127.0.0.1/{MULTIPLIED}/{{session_id}}",
            "rtmp_url": "rtmp://127.0.0.1:1935/live",
        },
    }
    with Simulator(seed) as simulator:
        controller = Controller(tmp_path / "controller", simulator.api_url, "hostile-key-1", COLLECTIONS, bin=commands)
        yield Hostile(simulator, controller, mark)


def test_no_text_of_the_service_is_evaluated_or_executed(hostile: Hostile, tmp_path: Path) -> None:
    written = tmp_path / "written"
    session = {"title": "Keynote", "preset_id": PRESET}
    tasks: list[dict[str, Any]] = [
        {"tenbyte.webinar.room_info": {}, "register": "rooms"},
        {"tenbyte.webinar.session_info": {"stream_health": True}, "register": "sessions"},
        {"tenbyte.webinar.event": {"rooms": [{"room_id": ROOM_ID, "sessions": [session]}]}, "register": "event"},
        {
            "tenbyte.webinar.session": {"room_id": ROOM_ID, "preset_id": PRESET, "title": "{{ item.title }}"},
            "loop": "{{ sessions.sessions }}",
            "ignore_errors": True,
        },
        {"ansible.builtin.set_fact": {"again": "{{ rooms.rooms[0].title }}", "nested": "{{ sessions }}"}},
        {
            "ansible.builtin.debug": {
                "msg": "{{ again }} {{ nested.sessions[0].title }} {{ rooms.rooms[0].description }}"
            }
        },
        {"ansible.builtin.debug": {"var": "ansible_facts"}},
        {"ansible.builtin.debug": {"var": "event"}},
        {"ansible.builtin.debug": {"msg": "{{ item.room }}"}, "loop": "{{ event.sessions }}"},
        {
            "ansible.builtin.copy": {"content": "{{ [again, rooms, sessions] | to_json }}", "dest": str(written)},
            "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}"},
        },
        {"ansible.builtin.fail": {"msg": "{{ again }} {{ nested.sessions[0].title }}"}},
    ]
    done = hostile.run([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}], "-vvvv", "--diff")
    assert MULTIPLIED in done.output
    again, rooms, sessions = json.loads(written.read_text())
    assert again == f"Hall {MULTIPLIED}"
    assert rooms["rooms"][0]["description"].startswith("\ufffd[31m\ufffd{{ lookup")
    assert "{{ lookup" in sessions["sessions"][0]["title"]


def test_a_key_with_special_characters_is_refused(hostile: Hostile) -> None:
    service = hostile.simulator.service
    sessions = [{"title": f"With {name}", "preset_id": PRESET} for name in KEYS]
    for session, form in zip(sessions, KEYS.values(), strict=True):
        service.key_form = hostile.bent(form)
        _create(hostile, session["title"])
    event = {"tenbyte.webinar.event": {"rooms": [{"room_id": ROOM_ID, "sessions": sessions}]}, "register": "event"}
    # Not in a loop: older versions end it at the first item whose template fails.
    lookup = "{{{{ lookup('tenbyte.webinar.stream_key', event.sessions[{}].id) }}}}"
    tasks = [
        {"ansible.builtin.debug": {"msg": lookup.format(number)}, "ignore_errors": True} for number in range(len(KEYS))
    ]
    done = hostile.run([{"hosts": "localhost", "gather_facts": False, "tasks": [event, *tasks]}])
    refusals = [record for record in done.records if "do not belong in one" in json.dumps(record["result"])]
    assert len(refusals) >= len(KEYS), done.output
    assert done.recap()["ignored"] == len(KEYS)
    known = hostile.simulator.issued_keys()
    assert len(known) == len(KEYS)
    assert (
        places_in_files([key.replace("\0", "").replace("\ud800", "") for key in known], hostile.controller.home) == []
    )


def _create(hostile: Hostile, title: str) -> None:
    """Create a session with the engine, which is faster than with a playbook."""
    asked = EventSpec((RoomSpec(room_id=ROOM_ID, sessions=(SessionSpec(title, preset_id=PRESET),)),))
    connection = Connection(hostile.simulator.api_url, api_key="hostile-key-1")
    ledger = LedgerSettings(f"sqlite:///{hostile.controller.ledger_file}")
    [done] = ensure(connection, ledger, asked, Redactor(), check_mode=False).applied.sessions
    assert done.error is None, done.error


@pytest.mark.parametrize("hostile", CORES[:1], indirect=True, ids=lambda core: core.series)
def test_no_role_writes_a_key_or_url_with_special_characters(hostile: Hostile, tmp_path: Path) -> None:
    service = hostile.simulator.service
    cases = {
        "key": (KEYS["newline"], "rtmp://127.0.0.1:1935/live"),
        "template": (KEYS["template"], "rtmp://127.0.0.1:1935/live"),
        "url": ("plain-{random}", URLS["semicolon"]),
    }
    for host, (key, url) in cases.items():
        service.key_form, service.rtmp_form = hostile.bent(key), hostile.bent(url)
        _create(hostile, f"Of {host}")
    inventory = tmp_path / "inventory.yml"
    hosts = {
        host: {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            **{variable: str(tmp_path / "hosts" / host / role) for role, variable in ROLES.items()},
            "ffmpeg_encoder_service_manager": "supervisord",
            "ffmpeg_encoder_source": {"type": "test"},
            "obs_encoder_source": {"type": "test"},
        }
        for host in cases
    }
    inventory.write_text(yaml.safe_dump({"all": {"hosts": hosts}}))
    sessions = [{"title": f"Of {host}", "preset_id": PRESET, "encoder": host} for host in cases]
    event = {"tenbyte.webinar.event": {"rooms": [{"room_id": ROOM_ID, "sessions": sessions}]}, "run_once": True}
    tasks: list[dict[str, Any]] = [event]
    for role in ROLES:
        tried = [{"ansible.builtin.include_role": {"name": f"tenbyte.webinar.{role}"}}]
        said = {"ansible.builtin.debug": {"msg": f"{role} accepted {{{{ inventory_hostname }}}}"}}
        tasks.append({"block": [*tried, said], "rescue": [{"ansible.builtin.debug": {"msg": f"{role} refused"}}]})
    plays = [{"hosts": "all", "gather_facts": False, "tasks": tasks}]
    done = hostile.run(plays, "-i", str(inventory), "--diff", "-vv")
    for role in ROLES:
        assert done.output.count(f'"msg": "{role} refused"') == len(cases), done.output[-5000:]
    for host in cases:
        failures = [
            record["result"]
            for record in done.records
            if record["kind"] in ("failed", "item_failed") and record["host"] == host
        ]
        said_of = json.dumps(failures)
        assert "ingest URL" in said_of or "do not belong in one" in said_of, said_of
    known = hostile.simulator.issued_keys()
    assert len(known) == len(cases)
    assert places_in_files(known, tmp_path / "hosts") == []
    assert not [path for path in (tmp_path / "hosts").rglob("*") if path.is_file()]
