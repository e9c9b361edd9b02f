# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the health check of each role finds out about a stream, and calls well."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.unit.role_programs import load

encoder, relay, obs = (load(role, "probe") for role in ("ffmpeg_encoder", "rtmp_relay", "obs_encoder"))

# The encoder: the file that its program keeps.
NOW = 1_800_000_000.0
WELL = {"state": "on air", "showing": "source", "flowing": NOW - 1, "alive": NOW - 2, "since": NOW - 900}
WELL |= {"refusals": 0, "failures": 0, "last_words": ""}
OFF_AIR = WELL | {"state": "waiting", "since": NOW - 2, "flowing": NOW - 40, "failures": 4}


def of_encoder(status: Any, *, slate_is_well: bool = False) -> tuple[str, bool, float, str]:
    found = encoder.problem_of(status, NOW, slate_is_well=slate_is_well)
    return found["state"], bool(found.get("at_once")), found.get("lasting", 0.0), found["problem"]


@pytest.mark.parametrize(
    "status",
    [
        WELL,
        # An earlier program writes no times.
        {"state": "on air", "showing": "source", "changed": NOW - 4000},
        {"state": "on air"},
        WELL | {"flowing": NOW - 10, "alive": NOW - 15},
        # The clock was set back.
        WELL | {"flowing": NOW + 3600, "alive": NOW + 3600},
    ],
)
def test_an_encoder_whose_media_flows_from_its_source_is_well(status: Any) -> None:
    assert of_encoder(status) == ("on air", False, 0.0, "")


@pytest.mark.parametrize(
    ("status", "state", "at_once", "lasting", "words"),
    [
        (None, "down", True, 0.0, "does not run, or cannot write its state"),
        (WELL | {"alive": NOW - 16}, "down", True, 16.0, "frozen, or has not run, for 16 s"),
        # It was killed; its service manager starts it again after 3 s.
        (WELL | {"ended": True}, "down", False, 2.0, "its encoder does not run"),
        # Under supervisord, what a program says that has given up stays.
        (WELL | {"state": "refused", "ended": True}, "refused", True, 1.0, "has given up"),
        (WELL | {"state": "refused", "alive": NOW - 600}, "refused", True, 1.0, "has given up"),
        (WELL | {"flowing": NOW - 11}, "no media", False, 11.0, "has sent no media for 11 s"),
        (OFF_AIR, "waiting", False, 40.0, "waits before it tries again, after 4 failures in a row"),
        (OFF_AIR | {"state": "connecting"}, "connecting", False, 40.0, "connects to the ingest"),
        # It has never sent anything.
        (OFF_AIR | {"flowing": None}, "waiting", False, 2.0, "waits before it tries again"),
        ({"state": "waiting", "changed": NOW}, "waiting", False, 0.0, "waits before it tries again"),
        (OFF_AIR | {"state": "refused"}, "refused", True, 40.0, "refuses its key, or its session has ended"),
        (OFF_AIR | {"state": "unsendable"}, "unsendable", True, 40.0, "nothing that can be sent"),
        (WELL | {"showing": "slate"}, "on air with its slate", False, 0.0, "not the source; its source sends nothing"),
        (
            WELL | {"showing": "slate", "shown": NOW - 12, "source_problem": "Input/output error"},
            *("on air with its slate", False, 12.0, "not the source; ffmpeg said last: Input/output error"),
        ),
        (WELL | {"showing": "nothing"}, "empty", False, 0.0, "neither source nor slate"),
        (WELL | {"state": "of a later version"}, "of a later version", False, 1.0, "does not say that it sends"),
        (WELL | {"state": None}, "None", False, 1.0, "does not say that it sends"),
        # What is not a time does not make a stream well.
        (OFF_AIR | {"flowing": "now", "since": True}, "waiting", False, 0.0, "waits before it tries again"),
    ],
)
def test_an_encoder_that_is_off_air_is_not_well(
    status: Any, state: str, at_once: bool, lasting: float, words: str
) -> None:
    found = of_encoder(status)
    assert found[:3] == (state, at_once, lasting)
    assert words in found[3]


def test_the_slate_is_well_only_if_that_was_asked_for_and_it_flows() -> None:
    slate = WELL | {"showing": "slate"}
    assert of_encoder(slate, slate_is_well=True)[3] == ""
    assert "no media" in of_encoder(slate | {"flowing": NOW - 20}, slate_is_well=True)[3]


@pytest.mark.parametrize("words", ["first\n\n second:\x1b[31m  failed \n", ["first", "", " second:\x1b[31m  failed"]])
def test_the_last_words_are_one_plain_line(words: Any) -> None:
    assert of_encoder(OFF_AIR | {"last_words": words})[3].endswith("; ffmpeg said last: first / second:[31m failed")


def test_long_last_words_are_cut_at_their_beginning() -> None:
    problem = of_encoder(OFF_AIR | {"last_words": "x" * 5000 + " the end"})[3]
    assert problem.endswith(" the end")
    assert len(problem) < 500


@pytest.mark.parametrize("content", [None, "", "{", "[]", "7"])
def test_a_state_that_cannot_be_read_is_none(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "status.json").write_text(content)
    assert encoder.read_status(tmp_path / "status.json") is None


def test_a_stream_off_air_is_told_within_thirty_seconds_also_where_looks_take_long() -> None:
    """A check comes every 10 s, and up to 1 s later; all looks of a check take 8 s, and the check another one."""
    health = load("private_encoder", "health")
    for tenth in range(110):
        record: dict[str, Any] = {}
        began, now, told = 100 + tenth / 10, 0.0, None
        while told is None:
            status = WELL | {"flowing": NOW + min(now, began), "alive": NOW + now}
            found = encoder.problem_of(status, NOW + now, slate_is_well=False) | {"label": "Hall/Talk"}
            record = health.judge(found, record, NOW + now, 3)
            told = None if record["healthy"] else now + health.LOOKING_SECONDS + 1
            now += 11
        assert 10 <= told - began <= 30


def test_a_program_has_ended_if_the_process_that_took_its_lock_has(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    assert not encoder.has_ended(lock)
    ended = subprocess.Popen(["true"])
    ended.wait()
    for text, expected in ((f"{os.getpid()}\n", False), ("1\n", False), (f"{ended.pid}\n", True), ("", False)):
        lock.write_text(text)
        assert encoder.has_ended(lock) is expected, text


@pytest.mark.parametrize(
    ("shown", "found"),
    [
        ("ActiveState=failed\nResult=exit-code\nExecMainStatus=77\n", {"state": "refused", "problem": encoder.REFUSED}),
        ("ActiveState=inactive\nResult=success\nExecMainStatus=0\n", "tenbyte-encoder@a.service was stopped"),
        ("ActiveState=activating\nResult=exit-code\nExecMainStatus=1\n", "does not run (activating, exit-code)"),
        # It gave up at an earlier time.
        ("ActiveState=active\nResult=success\nExecMainStatus=77\n", {}),
        ("", "does not run (, )"),
    ],
)
def test_systemd_knows_why_a_stream_has_no_state(
    shown: str, found: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "systemctl"
    program.write_text(f"#!/bin/sh\ncat <<END\n{shown}END\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    known = encoder.of_unit("a")
    assert known == found if isinstance(found, dict) else found in known["problem"]
    settings = {"run": str(tmp_path / "run"), "manager": "systemd"}
    told = encoder.find({"a": {}}, settings, {})["a"]
    assert told["at_once"] is True
    assert "journalctl --identifier tenbyte-encoder" in told["problem"]


def test_without_systemd_the_log_of_a_stream_is_named(tmp_path: Path) -> None:
    settings = {"run": str(tmp_path / "run"), "manager": "supervisord"}
    assert str(tmp_path / "log" / "a.log") in encoder.find({"a": {}}, settings, {})["a"]["problem"]


# The relay: the statistics pages.
PUBLISHER = "<client><id>1</id><address>127.0.0.1</address><time>9000</time><publishing/><active/></client>"
PUSH = "<client><id>2</id><address>unix:destination.sock</address><time>{}</time><active/></client>"
PAGE = "<rtmp><server><application><name>relay</name><live>{}</live></application></server></rtmp>"
STREAM = "<stream><name>a</name><bytes_in>{}</bytes_in><bytes_out>{}</bytes_out>{}</stream>"


def page(bytes_in: int, bytes_out: int, *clients: str) -> str:
    return PAGE.format(STREAM.format(bytes_in, bytes_out, "".join(clients)))


def looked(bytes_in: int, bytes_out: int, *clients: str) -> Any:
    return relay.look(page(bytes_in, bytes_out, *clients))


def test_a_push_is_on_air_while_its_count_of_sent_bytes_grows() -> None:
    before = looked(1000, 900, PUBLISHER, PUSH.format(4000))
    assert relay.state(looked(3000, 2900, PUBLISHER, PUSH.format(6000)), before) == "on air"


@pytest.mark.parametrize(
    ("now", "expected"),
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
def test_a_push_that_sends_nothing_differs_from_one_without_input(now: Any, expected: str) -> None:
    assert relay.state(looked(*now), looked(1000, 900, PUBLISHER, PUSH.format(4000))) == expected


def test_a_push_without_a_stream_is_idle_and_one_that_does_not_answer_twice_is_down() -> None:
    idle = relay.look(PAGE.format(""))
    assert relay.state(idle, idle) == "idle"
    well = looked(1000, 900, PUBLISHER, PUSH.format(4000))
    assert relay.state(None, None) == relay.state(well, None) == relay.state(None, well) == "down"


@pytest.mark.parametrize(
    ("present", "front", "expected", "state", "unit", "words"),
    [
        ("on air", {"a"}, True, "on air", None, ""),
        ("on air", None, True, "on air", None, ""),
        ("down", {"a"}, True, "down", "push@a.primary", "does not run, or is frozen"),
        ("idle", set(), False, "idle", None, ""),
        ("idle", set(), True, "idle", None, "its encoder has gone"),
        ("idle", {"other"}, True, "idle", None, "its encoder has gone"),
        # What is published to the relay must arrive at the push, whether or not it was on air before.
        ("idle", {"a"}, False, "not on air", "push@a.primary", "its push gets nothing of it"),
        ("idle", None, False, "relay down", "tenbyte-rtmp-relay.service", "encoders do not reach it"),
        ("silent encoder", None, True, "relay down", "tenbyte-rtmp-relay.service", "does not run, or is frozen"),
        ("silent encoder", {"a"}, True, "silent encoder", None, "sends nothing"),
    ],
)
def test_a_stream_of_the_relay_is_well_only_on_air_or_while_it_waits_for_its_first_encoder(
    present: str, front: set[str] | None, expected: bool, state: str, unit: str | None, words: str
) -> None:
    found = relay.problem_of(present, "a.primary", {"host": "h", "port": 1}, front=front, expected=expected)
    assert found["state"] == state
    assert (words in found["problem"]) if words else (found["problem"] == "")
    assert "destination" not in found
    assert (unit in found["unit"]) if unit else ("unit" not in found)


@pytest.mark.parametrize("present", ["not on air", "connecting"])
def test_a_destination_that_takes_no_media_is_asked_why(present: str) -> None:
    found = relay.problem_of(present, "a.primary", {"host": "h", "port": 1}, front={"a"}, expected=True)
    assert found["destination"] == ("h", 1)


@contextmanager
def answering(folder: Path, pages: list[str]) -> Iterator[None]:
    """Answer as a process's statistics, one page after the other, and the last for ever."""
    folder.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / "stat.sock"))
        listening.listen()

        def serve() -> None:
            while True:
                try:
                    connection, _address = listening.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(1000)
                    text = pages.pop(0) if len(pages) > 1 else pages[0]
                    connection.sendall(f"HTTP/1.1 200 OK\r\n\r\n{text}".encode())

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def test_an_encoder_is_missed_once_its_stream_was_on_air(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "APART_SECONDS", 0.0)
    streams = {"a.primary": {"session_id": "1", "host": "127.0.0.1", "port": 1}}
    settings = {"run": str(short_path / "run")}
    on_air = [page(number, number, PUBLISHER, PUSH.format(9000)) for number in (10, 20)]
    with answering(short_path / "run", [PAGE.format("")]):
        with answering(short_path / "run-push" / "a.primary", [PAGE.format("")]):
            waiting = relay.find(streams, settings, {})["a.primary"]
        assert (waiting["state"], waiting["problem"]) == ("idle", "")
        (short_path / "run-push" / "a.primary" / "stat.sock").unlink()
        (short_path / "run-push" / "a.primary").rmdir()
        with answering(short_path / "run-push" / "a.primary", [*on_air, PAGE.format("")]):
            first = relay.find(streams, settings, {"a.primary": waiting["kept"]})["a.primary"]
            assert (first["state"], first["problem"]) == ("on air", "")
            kept = {"a.primary": first["kept"]}
            gone = relay.find(streams, settings, kept)["a.primary"]
            assert "its encoder has gone" in gone["problem"]
            assert (
                "its encoder has gone"
                in relay.find(streams, settings, {"a.primary": gone["kept"]})["a.primary"]["problem"]
            )
            assert relay.find(streams, {**settings, "idle": True}, kept)["a.primary"]["problem"] == ""
            # Another session has not had an encoder yet.
            streams["a.primary"]["session_id"] = "2"
            assert relay.find(streams, settings, kept)["a.primary"]["problem"] == ""


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder for sockets, whose paths have 107 characters at most."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="health-") as folder:
        yield Path(folder)


# OBS: what the kernel says of its connections.
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
    assert obs.state({70}, 1935, 800, 60_800) == "on air"
    assert obs.state({70}, 1935, 800, 800) == "not on air"
    # A handshake before the ingest refuses the key, or the end of a connection.
    assert obs.state({70}, 1935, 0, 4000) == "not on air"
    assert obs.state({70}, 1935, 90_000, 4000) == "not on air"
    assert obs.state(set(), 1935, 0, 0) == "down"
    assert obs.state({70}, None, 0, 0) == "running"


def test_each_obs_is_judged_by_its_own_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = iter([SS, SS.replace("bytes_acked:800", "bytes_acked:90800")])
    monkeypatch.setattr(obs, "connections", lambda: next(texts))
    monkeypatch.setattr(obs, "APART_SECONDS", 0.0)
    monkeypatch.setattr(obs, "processes_by_stream", lambda names: {"a": {70}, "b": {71}, "c": set(), "d": {72}})
    streams = {name: {"host": "[2001:db8::7]", "port": 1935} for name in ("a", "b", "c")}
    streams["d"] = {"host": "whip.example", "port": None}
    found = obs.find(json.loads(json.dumps(streams)), {}, {})
    assert {name: one["state"] for name, one in found.items()} == {
        "a": "on air",
        "b": "not on air",
        "c": "down",
        "d": "running",
    }
    assert found["b"]["destination"] == ("2001:db8::7", 1935)
    assert found["c"]["problem"] == "tenbyte-obs@c.service does not run"
    assert found["a"]["problem"] == found["d"]["problem"] == ""


def test_the_processes_of_a_stream_are_those_of_its_unit() -> None:
    assert obs.processes_by_stream(["nobody"]) == {"nobody": set()}
