# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The health check of the encoders' roles: when a stream fails, what is said, what is restarted and what is kept."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.unit.role_programs import ROLES, load

health = load("private_encoder", "health")
NOW = 1_800_000_000.0
WELL = {"label": "Main hall/Keynote", "state": "on air", "problem": ""}
ILL = WELL | {"state": "waiting", "problem": "the ingest is away", "unit": "stream@a.service"}


class Host:
    """A host with a health check whose probe reads what it finds from a file."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "about").mkdir(parents=True)
        for program in ("health.py", "look.py"):
            shutil.copy(ROLES / "private_encoder" / "files" / program, root / program)
        self.result = root / "run" / "health.json"
        self.settings: dict[str, Any] = {"records": str(root / "about"), "record": "*.json", "failures": 3}
        self.settings |= {"result": str(self.result), "look": False, "ffmpeg": "ffmpeg"}
        (root / "probe.py").write_text(
            "import json, pathlib\n"
            "def find(streams, settings, kept):\n"
            "    found = json.loads((pathlib.Path(__file__).parent / 'found.json').read_text())\n"
            "    return {name: {**found[name], 'kept': {'seen': kept[name]}} for name in streams}\n"
        )

    def has(self, **found: dict[str, Any]) -> None:
        (self.root / "found.json").write_text(json.dumps(found))
        for name, one in found.items():
            (self.root / "about" / f"{name}.json").write_text(json.dumps({"label": one["label"]}))

    def check(self, *arguments: str, **environment: str) -> tuple[int, str]:
        (self.root / "health_settings.json").write_text(json.dumps(self.settings))
        command = [sys.executable, "-I", str(self.root / "health.py"), *arguments]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env={"PATH": str(self.root), **environment}
        )
        assert done.stderr == ""
        return done.returncode, done.stdout

    def kept(self) -> Any:
        return json.loads(self.result.read_text())


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path / "root")


def checks(found: dict[str, Any], *seconds: float, before: Any = None, limit: int = 3) -> list[dict[str, Any]]:
    """Judge the same finding at several times, each after the other, as the timer does."""
    records, before = [], before or {}
    for second in seconds:
        before = json.loads(json.dumps(health.judge(found, before, NOW + second, limit)))
        records.append(before)
    return records


def test_a_stream_fails_that_has_had_a_problem_for_ten_seconds() -> None:
    assert [one["healthy"] for one in checks(ILL, 0, 3, 6, 9, 10, 13)] == [True] * 4 + [False] * 2
    # With the timer's 10 s between two checks of 2 s each, that is within 30 s of the last media, seen just before.
    assert [one["healthy"] for one in checks(ILL, 12, 24)] == [True, False]


def test_a_stream_fails_at_once_whose_problem_has_lasted_or_will_not_end() -> None:
    assert checks(ILL | {"lasting": 10.0}, 0)[0]["healthy"] is False
    assert checks(ILL | {"lasting": 9.0}, 0)[0]["healthy"] is True
    assert checks(ILL | {"at_once": True}, 0)[0]["healthy"] is False


def test_a_stream_is_well_again_as_soon_as_it_has_no_problem() -> None:
    ill = checks(ILL, 0, 12, 24)[-1]
    well = checks(WELL, 36, before=ill)[0]
    assert (well["healthy"], well["since"], well["failures"]) == (True, None, 0)
    assert checks(ILL, 48, before=well)[0]["healthy"] is True


def test_another_problem_does_not_begin_the_time_anew() -> None:
    first = checks(ILL, 0)[0]
    assert checks(ILL | {"problem": "another"}, 12, before=first)[0]["since"] == NOW


def test_a_problem_that_began_after_a_while_without_a_check_begins_anew() -> None:
    first = checks(ILL, 0, 60)[-1]
    # Whoever calls the check each minute cannot know of the time in between. The stream's program may.
    assert checks(ILL, 120, before=first)[0]["since"] == NOW
    known = checks(ILL | {"lasting": 12.0}, 120, before=first)[0]
    assert (known["since"], known["healthy"], known["failures"]) == (NOW + 108, False, 1)
    assert checks(ILL | {"lasting": 3.0}, 120, before=first)[0]["healthy"] is True
    # One that began soon after the check follows the one before, as each state of a stream that is lost does.
    assert checks(ILL | {"lasting": 55.0}, 120, before=first)[0]["since"] == NOW
    assert checks(ILL | {"lasting": 2.0}, 72, before=first)[0]["since"] == NOW


@pytest.mark.parametrize("since", [NOW + 3600, "yesterday", None, [], True])
def test_a_record_that_makes_no_sense_does_not_keep_a_stream_well(since: Any) -> None:
    records = checks(ILL, 0, 12, before={"since": since, "failures": "x", "due": None, "at": {}})
    assert records[-1]["healthy"] is False


def test_restarts_of_a_failing_stream_have_growing_delays() -> None:
    due, restarts = health.next_restart(0, 3, 10.0), []
    while due < 400:
        restarts.append(due)
        due = health.next_restart(due, 3, 10.0)
    assert restarts == [3, 6, 12, 24, 48, 96, 156, 216, 276, 336, 396]
    assert health.next_restart(7, 1, 600.0) == 8


def test_a_failing_stream_is_restarted_until_it_is_well_unless_a_restart_cannot_help() -> None:
    times = [10.0 * number for number in range(13)]
    restarted = [number for number, one in enumerate(checks(ILL, *times), 1) if one["restart"] == "stream@a.service"]
    assert restarted == [3, 6, 12]
    assert [one["restart"] for one in checks({**ILL, "unit": ""}, *times)] == [""] * 13
    # Not before it has failed, however short the time between two checks is.
    assert [one["restart"] for one in checks(ILL, 0, 1, 2, 3, 10)] == ["", "", "", "", "stream@a.service"]


def said(capsys: pytest.CaptureFixture[str], *found: dict[str, Any]) -> list[str]:
    before: dict[str, Any] = {}
    for number, one in enumerate(found):
        record = health.judge(one, before, NOW + 12 * number, 3)
        health.announce("a", record, before, NOW + 12 * number)
        before = record
    return capsys.readouterr().out.splitlines()


def test_it_says_each_time_why_a_stream_fails_and_once_that_it_is_back(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "is_journal", lambda: True)
    title = "Main hall/Keynote (a)"
    assert said(capsys, WELL, WELL, ILL, ILL, ILL, WELL, WELL) == [
        f"<5>{title}: on air",
        f"<5>{title}: waiting, the ingest is away",
        f"<3>{title} has not been well for 12 s (waiting): the ingest is away.",
        f"<3>{title} has not been well for 24 s (waiting): the ingest is away. stream@a.service is started again.",
        f"<5>{title} is on air again.",
    ]
    monkeypatch.setattr(health, "is_journal", lambda: False)
    assert said(capsys, ILL | {"at_once": True}) == [f"{title} is not well (waiting): the ingest is away."]


def test_the_journals_prefix_is_for_the_journal_alone(host: Host) -> None:
    host.has(a=WELL)
    assert host.check(JOURNAL_STREAM="8:1")[1].startswith("Main hall/Keynote (a): on air")
    host.result.unlink()
    with (host.root / "journal").open("w") as file:
        known = os.fstat(file.fileno())
        environment = {"JOURNAL_STREAM": f"{known.st_dev}:{known.st_ino}"}
        command = [sys.executable, "-I", str(host.root / "health.py")]
        subprocess.run(command, stdout=file, env=environment, check=True)
    assert (host.root / "journal").read_text() == "<5>Main hall/Keynote (a): on air\n"


def test_the_reason_says_whether_the_destination_is_reachable() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        found: list[dict[str, Any]] = [
            {"destination": ("127.0.0.1", port), "otherwise": ", or OBS hangs"},
            {"problem": ""},
        ]
        health.add_reasons(found)
        assert f"127.0.0.1 port {port} cannot be reached" in found[0]["problem"]
        listening.listen()
        health.add_reasons(found)
        assert "takes connections but no media: it refuses the stream key" in found[0]["problem"]
        assert found[0]["problem"].endswith(", or OBS hangs")
        assert found[1] == {"problem": ""}


def test_many_destinations_that_do_not_answer_take_no_longer_than_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "CONNECT_SECONDS", 0.2)
    # A name server that never answers.

    def too_late(*_place: Any, **_options: Any) -> None:
        time.sleep(30)
        raise OSError("too late")

    monkeypatch.setattr(health.socket, "create_connection", too_late)
    found: list[dict[str, Any]] = [{"destination": (f"host{number}", 1)} for number in range(40)]
    started = time.monotonic()
    health.add_reasons(found)
    assert time.monotonic() - started < 5
    assert {one["problem"] for one in found} == {
        f"host{number} port 1 cannot be reached (no answer)" for number in range(40)
    }


def test_the_exit_code_the_words_and_the_file_say_the_same(host: Host) -> None:
    host.has(a=WELL, b=ILL | {"label": "Side room/Talk", "at_once": True})
    code, output = host.check()
    assert code == 1
    assert output == "Main hall/Keynote (a): on air\nSide room/Talk (b) is not well (waiting): the ingest is away.\n"
    kept = host.kept()
    assert abs(kept["checked"] - time.time()) < 60
    assert kept["healthy"] is False
    assert {name: one["healthy"] for name, one in kept["streams"].items()} == {"a": True, "b": False}
    host.has(a=WELL, b=WELL | {"label": "Side room/Talk"})
    assert host.check() == (0, "Side room/Talk (b) is on air again.\nNo stream fails; this host has 2.\n")
    assert host.kept()["healthy"] is True
    # The probe gets back what it has kept.
    assert host.kept()["streams"]["a"]["kept"] == {"seen": {"seen": {}}}
    assert [path.name for path in host.root.rglob("*") if "pycache" in path.name or path.suffix == ".new"] == []


def test_a_host_without_streams_has_none_that_fails(host: Host) -> None:
    host.has()
    assert host.check() == (0, "No stream fails; this host has 0.\n")


def test_a_stream_within_its_grace_does_not_fail_and_fails_later(host: Host) -> None:
    host.has(a=ILL)
    assert host.check()[0] == 0
    kept = host.kept()
    kept["streams"]["a"]["since"] -= 11
    host.result.write_text(json.dumps(kept))
    assert host.check()[0] == 1


def test_a_result_that_cannot_be_kept_does_not_keep_a_stream_well(host: Host) -> None:
    host.has(a=ILL)
    host.result.parent.write_text("no folder")
    code, output = host.check()
    assert code == 1
    assert "The result of the check is lost" in output
    assert "Main hall/Keynote (a) is not well (waiting): the ingest is away." in output


@pytest.mark.parametrize(
    "damage", ["", "{", "[]", '{"streams": 7}', '{"streams": {"a": 7}}', '{"streams": {"a": {"kept": 7}}}']
)
def test_a_damaged_result_is_the_same_as_none(host: Host, damage: str) -> None:
    host.has(a=WELL)
    host.result.parent.mkdir()
    host.result.write_text(damage)
    assert host.check()[0] == 0
    assert host.kept()["streams"]["a"]["healthy"] is True


@pytest.mark.parametrize(
    "fault", ["no records", "damaged record", "no settings", "no probe", "no state", "broken probe"]
)
def test_a_check_that_cannot_be_made_fails_with_a_sentence(host: Host, fault: str) -> None:
    host.has(a=WELL)
    host.check()
    if fault == "no records":
        host.settings["records"] = str(host.root / "nowhere")
    elif fault == "damaged record":
        (host.root / "about" / "a.json").write_text("{")
    elif fault == "no settings":
        host.settings = {}
    elif fault == "no probe":
        (host.root / "probe.py").unlink()
    elif fault == "no state":
        (host.root / "found.json").write_text('{"a": {}}')
    else:
        (host.root / "probe.py").write_text("def find(streams, settings, kept): return 1 / 0\n")
    code, output = host.check()
    assert code == 1
    assert output.startswith("The health check cannot be made, so nobody knows whether the streams are on air: ")
    assert len(output.splitlines()) == 1


def test_a_report_changes_nothing(host: Host) -> None:
    host.has(a=WELL | {"seconds": 12.5}, b=ILL)
    code, output = host.check("--report", "--settings", str(host.root / "about"))
    assert code == 0
    assert json.loads(output) == {
        "a": {"state": "on air", "label": "Main hall/Keynote", "seconds": 12.5, "problem": ""},
        "b": {"state": "waiting", "label": "Main hall/Keynote", "problem": "the ingest is away"},
    }
    assert not host.result.exists()


def test_only_the_unit_restarts_streams(host: Host) -> None:
    host.has(a=ILL | {"at_once": True})
    host.settings["failures"] = 1
    log = host.root / "log"
    (host.root / "systemctl").write_text(f"#!/bin/sh\necho $* >>{log}\n")
    (host.root / "systemctl").chmod(0o755)
    host.check()
    assert not log.exists()
    code, output = host.check("--restart")
    assert code == 1
    assert "stream@a.service is started again." in output
    assert log.read_text() == "--no-block try-restart stream@a.service\n"


def test_records_are_also_read_from_a_folder_for_each_stream(host: Host) -> None:
    host.settings["record"] = "*/place.json"
    (host.root / "about" / "b").mkdir()
    (host.root / "about" / "b" / "place.json").write_text('{"label": "Side room/Talk"}')
    (host.root / "found.json").write_text(json.dumps({"b": WELL}))
    assert host.check()[1].startswith("Side room/Talk (b): on air\n")


LOOK = """
import json, pathlib, time
FOUND = json.loads((pathlib.Path(__file__).parent / "seen.json").read_text())

def look(url, ffmpeg, timeout):
    time.sleep(FOUND.get("takes", 0))
    return timeout

def verdict(seen, before, now):
    wrong = {"state": "black", "problem": FOUND["problem"], "lasting": 9.0, "at_once": FOUND["at_once"]}
    return wrong, {"looks": before.get("looks", 0) + 1}
"""


def looks(host: Host, problem: str, *, at_once: bool = True, takes: float = 0) -> None:
    host.settings["look"] = True
    (host.root / "look.py").write_text(LOOK)
    (host.root / "seen.json").write_text(json.dumps({"problem": problem, "at_once": at_once, "takes": takes}))


@pytest.mark.parametrize("at_once", [False, True])
def test_a_look_is_taken_only_at_streams_that_are_on_air(host: Host, *, at_once: bool) -> None:
    host.has(a=WELL, b=ILL)
    looks(host, "it is black", at_once=at_once)
    assert host.check()[0] == (1 if at_once else 0)
    kept = host.kept()["streams"]
    assert (kept["a"]["state"], kept["b"]["state"]) == ("black", "waiting")
    assert "look" not in kept["b"]["kept"]
    assert 8 < time.time() - kept["a"]["since"] < 60
    before = host.kept()
    before["streams"]["a"]["since"] -= 10
    host.result.write_text(json.dumps(before))
    assert host.check()[0] == 1
    assert host.kept()["streams"]["a"]["kept"]["look"]["looks"] == 2


@pytest.mark.slow
def test_where_there_is_no_time_for_all_looks_each_stream_has_its_turn(host: Host) -> None:
    host.has(**{f"s{number}": WELL for number in range(5)})
    looks(host, "", takes=4.5)
    looked_at: list[list[int]] = []
    for _check in range(3):
        started = time.monotonic()
        assert host.check()[0] == 0
        assert time.monotonic() - started < 8 + 3
        counts = {name: one["kept"]["look"].get("looks", 0) for name, one in host.kept()["streams"].items()}
        looked_at.append(list(counts.values()))
    # Two at once, one after the other has no time left.
    assert [sum(counts) for counts in looked_at] == [2, 4, 6]
    assert min(looked_at[-1]) == 1


def test_what_a_look_has_found_counts_until_the_next_one(host: Host) -> None:
    host.has(a=WELL)
    looks(host, "it is black")
    assert host.check()[0] == 1
    before = host.kept()
    health_file = host.root / "health.py"
    health_file.write_text(health_file.read_text().replace("LOOKING_SECONDS = 8.0", "LOOKING_SECONDS = 1.0"))
    assert host.check()[0] == 1
    after = host.kept()["streams"]["a"]
    assert after["kept"]["look"] == before["streams"]["a"]["kept"]["look"]
    assert after["state"] == "black"


def test_what_a_unit_says_last_has_no_password_of_a_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = tmp_path / "journalctl"
    journal.write_text("#!/bin/sh\necho \"Failed to open media: 'rtsp://user:a-secret-password@camera/1'\"\n")
    journal.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert health.last_words("obs.service") == "Failed to open media: 'rtsp://********@camera/1'"
    journal.write_text("#!/bin/sh\necho \"Failed to open media: 'rtsp://user:p@ss@camera/1'\"\n")
    assert health.last_words("obs.service") == "Failed to open media: 'rtsp://********@camera/1'"
