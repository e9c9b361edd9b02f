# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The health checks that the roles rtmp_relay and obs_encoder install on their hosts."""

from __future__ import annotations

import importlib.util
import json
import socket
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROLES = Path(__file__).resolve().parents[2] / "roles"


def load(role: str) -> ModuleType:
    name = f"{role}_health"
    spec = importlib.util.spec_from_file_location(name, ROLES / role / "files" / "health.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # dataclasses looks its module up by name.
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


relay, obs = load("rtmp_relay"), load("obs_encoder")

PUBLISHER = "<client><id>1</id><address>127.0.0.1</address><time>9000</time><publishing/><active/></client>"
PUSH = "<client><id>2</id><address>unix:destination.sock</address><time>{}</time><active/></client>"
PAGE = "<rtmp><server><application><name>relay</name><live>{}</live></application></server></rtmp>"
STREAM = "<stream><name>a</name><bytes_in>{}</bytes_in><bytes_out>{}</bytes_out>{}</stream>"


def looked(bytes_in: int, bytes_out: int, *clients: str) -> Any:
    return relay.look(PAGE.format(STREAM.format(bytes_in, bytes_out, "".join(clients))))


def test_a_push_is_on_air_while_its_count_of_sent_bytes_grows() -> None:
    before = looked(1000, 900, PUBLISHER, PUSH.format(4000))
    assert relay.state(looked(3000, 2900, PUBLISHER, PUSH.format(6000)), before) == "on air"


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ((3000, 900, PUBLISHER), "not on air"),
        ((3000, 900, PUBLISHER, PUSH.format(200)), "connecting"),
        ((3000, 900, PUBLISHER, PUSH.format(9000)), "not on air"),
        ((1000, 900, PUBLISHER, PUSH.format(9000)), "silent encoder"),
        ((3000, 900, PUSH.format(9000)), "idle"),
        # The count starts at zero after a restart.
        ((30, 20, PUBLISHER, PUSH.format(4000)), "on air"),
    ],
)
def test_a_push_that_sends_nothing_differs_from_one_without_input(page: Any, expected: str) -> None:
    assert relay.state(looked(*page), looked(1000, 900, PUBLISHER, PUSH.format(4000))) == expected


def test_a_push_without_a_stream_is_idle_and_one_without_a_status_page_is_down() -> None:
    assert relay.state(relay.look(PAGE.format("")), None) == "idle"
    assert relay.state(None, None) == "down"


SS = """\
ESTAB 0 0 10.0.0.2:40000 192.0.2.7:1935 users:(("obs",pid=70,fd=9)) bbr bytes_sent:900 bytes_acked:800 rto:204
ESTAB 0 0 10.0.0.2:40001 192.0.2.7:443 users:(("obs",pid=70,fd=8)) bbr bytes_sent:90 bytes_acked:80
ESTAB 0 0 10.0.0.2:40002 192.0.2.7:1935 users:(("obs",pid=71,fd=9)) bbr bytes_sent:70 bytes_acked:60
ESTAB 0 0 [2001:db8::1]:40002 [2001:db8::7]:1935 users:(("obs",pid=70,fd=7)) bbr bytes_sent:7 bytes_acked:6
ESTAB 0 0 10.0.0.2:1935 192.0.2.9:50000 users:(("nginx",pid=70,fd=7)) bbr bytes_acked:5000
"""


def test_only_the_connections_of_one_obs_to_its_ingest_count() -> None:
    assert obs.acknowledged_bytes(SS, 1935, {70}) == 806
    assert obs.acknowledged_bytes(SS, 1935, {71}) == 60
    assert obs.acknowledged_bytes("", 1935, {70}) == 0


def test_an_obs_whose_media_is_not_acknowledged_is_not_on_air() -> None:
    assert obs.state({70}, 1935, 800, 900) == "on air"
    assert obs.state({70}, 1935, 800, 800) == "not on air"
    assert obs.state(set(), 1935, 0, 0) == "down"
    assert obs.state({70}, None, 0, 0) == "running"


@pytest.mark.parametrize("module", [relay, obs])
def test_restarts_of_a_failing_stream_have_growing_delays(module: ModuleType) -> None:
    due, restarts = module.next_restart(0, 3, 10.0), []
    while due < 400:
        restarts.append(due)
        due = module.next_restart(due, 3, 10.0)
    assert restarts == [3, 6, 12, 24, 48, 96, 156, 216, 276, 336, 396]
    assert module.next_restart(7, 1, 600.0) == 8


@pytest.mark.parametrize("module", [relay, obs])
def test_the_reason_says_whether_the_destination_is_reachable(module: ModuleType) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        place = {"host": "127.0.0.1", "port": listening.getsockname()[1]}
        assert f"127.0.0.1 port {place['port']} cannot be reached" in module.reason(place)
        listening.listen()
        assert "takes connections but no media" in module.reason(place)


@pytest.mark.parametrize(("module", "look"), [(relay, relay.Look(publishing=True)), (obs, "not on air")])
def test_a_failing_stream_is_restarted_until_it_is_on_air(
    module: ModuleType, look: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    looks: list[int] = []
    restarts: list[int] = []
    monkeypatch.setattr(module.subprocess, "run", lambda *_command, **_options: restarts.append(len(looks)))
    place = {"host": "127.0.0.1", "port": 1, "label": "Main hall/Keynote"}
    before: dict[str, Any] = {}
    for number in range(12):
        looks.append(number)
        before = json.loads(json.dumps(module.judge("a", place, look, before, 3)))
    assert restarts[:3] == [3, 6, 12]
    assert "is not on air: 127.0.0.1 port 1 cannot be reached" in capsys.readouterr().out
    well = relay.Look(publishing=True, bytes_in=9, bytes_out=9, seconds=9.0) if module is relay else "on air"
    assert module.judge("a", place, well, before, 3)["failures"] == 0
    assert "is on air again" in capsys.readouterr().out
