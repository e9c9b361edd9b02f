# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Streams under a real supervisord, below a folder with a short path: its socket lies in it."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.module_utils._encoder_host.commands import run
from ansible_collections.tenbyte.webinar.plugins.module_utils._encoder_host.convergence import converge

from tests.unit._encoder_host.hosts import NO_MORE, NOTHING, file

pytestmark = pytest.mark.slow

BIN = Path(sys.executable).parent
CONFIG = """\
[unix_http_server]
file={root}/log/s.sock
[supervisord]
logfile={root}/log/s.log
pidfile={root}/log/s.pid
childlogdir={root}/log
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://{root}/log/s.sock
[include]
files={root}/streams/*.conf
"""
PROGRAM = """\
[program:e-{name}]
command={command}
environment=REVISION="@REVISION@"
autostart=true
startsecs=1
startretries=0
autorestart=unexpected
exitcodes=77
"""


class Supervised:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.supervisorctl = str(BIN / "supervisorctl")

    def request(self, **parts: Any) -> dict[str, Any]:
        manager = {
            "kind": "supervisord",
            "program": "e-{}",
            "supervisord": str(BIN / "supervisord"),
            "supervisorctl": self.supervisorctl,
            "config": f"{self.root}/s.conf",
            "include": f"{self.root}/streams",
            "own": {"content": CONFIG.format(root=self.root), "pid_file": f"{self.root}/log/s.pid"},
            "missing": "supervisord does not run on host.",
        }
        return {"root": str(self.root), "manager": manager, **NOTHING, **parts}

    def present(self, *names: str, command: str = "/bin/sleep 1000", timeout: int = 0) -> dict[str, Any]:
        present = {
            "folders": [{"path": f"{self.root}{one}", "mode": "0700"} for one in ("", "/keys", "/streams", "/log")],
            "files": [file(self.root / "keys" / name, "key", shown=False) for name in names],
            "streams": [
                {
                    "name": name,
                    "key": str(self.root / "keys" / name),
                    "revision": command,
                    "program": PROGRAM.format(name=name, command=command),
                    "note": "(not shown)",
                    "status": str(self.root / "run" / name / "status.json"),
                }
                for name in names
            ],
            **NO_MORE,
            "start_timeout": timeout,
            "up_seconds": 1,
            "try_seconds": 0,
            "not_up": "They do not stay up.",
        }
        return self.request(present=present)

    def leaving(self, *names: str) -> list[dict[str, Any]]:
        return [{"name": name, "paths": [str(self.root / "keys" / name)]} for name in names]

    def converge(self, request: dict[str, Any], *, check: bool = False) -> dict[str, Any]:
        return converge(request, run, check=check, diff=True)

    def status(self) -> dict[str, str]:
        said = self._ctl("status")
        return {line.split()[0]: line.split()[1] for line in said.splitlines() if line.startswith("e-")}

    def _ctl(self, *words: str) -> str:
        return run([self.supervisorctl, "-c", f"{self.root}/s.conf", *words]).output

    def tell(self, *words: str) -> None:
        self._ctl(*words)

    def shut_down(self) -> None:
        self.converge(self.request(absent={"units": [], "commands": [], "paths": []}))


@pytest.fixture
def host() -> Iterator[Supervised]:
    with tempfile.TemporaryDirectory(prefix="sup-") as folder:
        made = Supervised(Path(folder) / "root")
        try:
            yield made
        finally:
            made.shut_down()


def test_new_streams_start_with_supervisord_and_then_they_are_left_alone(host: Supervised) -> None:
    preview = host.converge(host.present("talk", "break"), check=True)
    assert not host.root.exists()
    first = host.converge(host.present("talk", "break", timeout=20))
    assert (first["problem"], first["started"]) == ("", ["e-talk", "e-break"])
    assert preview == {**first, "off_air": []}
    assert host.status() == {"e-talk": "RUNNING", "e-break": "RUNNING"}
    again = host.converge(host.present("talk", "break"))
    assert again["changed"] is False, again
    assert host.converge(host.present("talk", "break"), check=True)["changed"] is False


def test_what_changes_restarts_that_stream_and_what_leaves_is_stopped(host: Supervised) -> None:
    host.converge(host.present("talk", "break"))
    (host.root / "keys" / "talk").unlink()
    planned = host.converge({**host.present("talk"), "leaving": host.leaving("break")}, check=True)
    done = host.converge({**host.present("talk"), "leaving": host.leaving("break")})
    assert planned["stopped"] == done["stopped"] == ["e-break"]
    assert (done["restarted"], done["removed"], done["problem"]) == (["e-talk"], ["break"], "")
    assert (planned["restarted"], planned["removed"]) == (["e-talk"], ["break"])
    assert set(host.status()) == {"e-talk"}


def test_a_stream_that_supervisord_was_never_told_of_is_started_or_removed(host: Supervised) -> None:
    host.converge(host.present("talk", "break"))
    for word in ("stop", "remove"):
        host.tell(word, "e-break")
    assert host.converge(host.present("talk", "break"))["started"] == ["e-break"]
    for word in ("stop", "remove"):
        host.tell(word, "e-break")
    done = host.converge({**host.present("talk"), "leaving": host.leaving("break")})
    assert (done["problem"], set(host.status())) == ("", {"e-talk"})
    # Without a supervisord at all, too.
    host.tell("shutdown")
    host.shut_down()
    assert host.converge(host.request(leaving=host.leaving("talk")))["problem"] == ""


def test_stopped_streams_stay_stopped_until_they_are_started_again(host: Supervised) -> None:
    host.converge(host.present("talk", "break"))
    host.tell("stop", "e-talk")
    planned = host.converge(host.request(stopping=["talk", "break"]), check=True)
    done = host.converge(host.request(stopping=["talk", "break"]))
    assert planned["stopped"] == done["stopped"] == ["e-talk", "e-break"]
    assert set(host.status().values()) <= {"STOPPED"}
    assert host.converge(host.request(stopping=["talk", "break"]))["changed"] is False
    host.tell("start", "e-talk")
    planned = host.converge(host.request(stopping=["talk", "break"]), check=True)
    assert planned["stopped"] == host.converge(host.request(stopping=["talk", "break"]))["stopped"] == ["e-talk"]
    host.converge(host.present("talk", "break", timeout=20))
    assert host.status() == {"e-talk": "RUNNING", "e-break": "RUNNING"}
    host.tell("stop", "e-break")
    assert host.converge(host.present("talk", "break"))["started"] == ["e-break"]


def test_a_stream_that_does_not_stay_up_is_told(host: Supervised) -> None:
    done = host.converge(host.present("talk", command="/bin/false", timeout=2))
    assert done["problem"] == "They do not stay up."


def test_a_stream_that_has_given_up_is_told_and_not_waited_for(host: Supervised) -> None:
    request = host.present("talk", command="/bin/sh -c 'sleep 2; exit 77'", timeout=30)
    request["present"] |= {"refused": 77, "try_seconds": 30}
    began = time.monotonic()
    done = host.converge(request)
    assert (done["problem"], time.monotonic() - began < 20) == ("", True)
    assert [(one["name"], one["state"]) for one in done["off_air"]] == [("talk", "refused")]


def test_a_supervisord_that_does_not_start_is_told_with_what_it_says(host: Supervised) -> None:
    request = host.present("talk")
    request["manager"]["supervisord"] = "/nowhere/supervisord"
    said = host.converge(request)["problem"]
    assert said == "supervisord does not run on host. It said: /nowhere/supervisord: No such file or directory"


def test_absent_ends_the_roles_own_supervisord(host: Supervised) -> None:
    host.converge(host.present("talk"))
    pid = int((host.root / "log" / "s.pid").read_text())
    absent = {
        "units": [],
        "commands": [],
        "paths": [f"{host.root}/{one}" for one in ("keys", "streams", "log", "s.conf")],
    }
    planned = host.converge(host.request(leaving=host.leaving("talk"), absent=absent), check=True)
    assert Path(f"/proc/{pid}").exists()
    done = host.converge(host.request(leaving=host.leaving("talk"), absent=absent))
    assert done["problem"] == ""
    assert planned["removed"] == done["removed"] == ["talk"]
    assert not host.root.exists()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and Path(f"/proc/{pid}/cmdline").read_bytes():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert host.converge(host.request(absent=absent))["changed"] is False


def test_an_error_of_supervisorctl_ends_the_run(host: Supervised) -> None:
    host.supervisorctl = "/bin/false"
    for request in (host.present("talk"), host.request(leaving=host.leaving("talk")), host.request(stopping=["talk"])):
        assert "supervisorctl" in host.converge(request)["problem"]
    host.supervisorctl = str(BIN / "supervisorctl")
