# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import hmac
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.module_utils._encoder_host.commands import Done, run
from ansible_collections.tenbyte.webinar.plugins.module_utils._encoder_host.inspection import inspect

SECRET = b"s" * 32


def program(name: str | Path, *arguments: str, pattern: str = "", needs_home: bool = False) -> dict[str, Any]:
    return {"name": str(name), "arguments": list(arguments), "pattern": pattern, "needs_home": needs_home}


def request(root: Path, **parts: Any) -> dict[str, Any]:
    return {
        "root": str(root),
        "secret": SECRET.hex(),
        "manager": "systemd",
        "records": "about/*.json",
        "keys": ".key",
        "unit": "",
        "host": "enc1",
        "claim": str(root / "inventory_host.json"),
        "looks_elsewhere": False,
        "own_names": [],
        "root_mode": "0700",
        "booted": "/run/systemd/system",
        "program": program(""),
        "programs": [],
        "places": [],
        "texts": [],
        "account": "",
        "systemd_version": False,
        "media": [],
        "probes_media": False,
        "look": None,
        "supervisord": {"programs": [], "config": "", "include": ""},
        "watched": None,
        **parts,
    }


def test_records_and_keys_are_read_and_a_key_leaves_the_host_as_a_digest(tmp_path: Path) -> None:
    for name in ("about", "keys"):
        (tmp_path / name).mkdir()
    (tmp_path / "about" / "talk.json").write_text('{"label":\n"Hall/Talk"}')
    (tmp_path / "about" / "folder.json").mkdir()
    (tmp_path / "keys" / "talk.key").write_text("the-key\n")
    (tmp_path / "keys" / "other").touch()
    found = inspect(request(tmp_path), run)
    assert found["records"] == [["talk.json", '{"label":\n"Hall/Talk"}']]
    ((name, digest),) = found["keys"]
    assert name == "talk.key"
    assert digest == hmac.new(SECRET, b"the-key\n", hashlib.sha256).hexdigest()
    assert "the-key" not in json.dumps(found)


# Runs as a user without rights.
AS_NOBODY = f"""
import json, os, sys
sys.path.insert(0, {str(Path(inspect.__code__.co_filename).parents[6])!r})
from {inspect.__module__} import inspect
os.setuid(65534)
print(json.dumps(inspect(json.load(sys.stdin), None)))
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become a user without rights")
@pytest.mark.parametrize("root", ["closed", "closed/within", "closed/not/there"])
def test_a_folder_that_the_user_may_not_look_into_is_one_without_rights(tmp_path: Path, root: str) -> None:
    (tmp_path / "closed" / "within" / "about").mkdir(parents=True)
    (tmp_path / "closed").chmod(0o700)
    asked = request(tmp_path / root, manager="supervisord", own_names=["about"])
    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY], input=json.dumps(asked), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["writable"], found["records"], found["foreign"], found["keys"]) == (False, [], "", [])


def test_a_host_without_the_role_has_nothing(tmp_path: Path) -> None:
    found = inspect(request(tmp_path / "not" / "there"), run)
    assert (found["records"], found["keys"], found["program"]["path"], found["writable"]) == ([], [], "", True)


def test_the_service_manager_is_the_one_that_was_asked_for_or_that_runs(tmp_path: Path) -> None:
    has_systemd = Path("/run/systemd/system").is_dir()
    assert inspect(request(tmp_path, manager=""), run)["manager"] == ("systemd" if has_systemd else "supervisord")
    assert inspect(request(tmp_path, manager="supervisord"), run)["manager"] == "supervisord"


@pytest.mark.parametrize(
    ("script", "version"),
    [
        ("echo ffmpeg version 5.1.9 Copyright; echo built with gcc", "ffmpeg version 5.1.9 Copyright"),
        ("echo oops >&2; exit 1", ""),
    ],
)
def test_a_program_is_returned_with_what_it_says_about_its_version(tmp_path: Path, script: str, version: str) -> None:
    file = tmp_path / "ffmpeg"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    asked = request(tmp_path, program=program(file, "-version"))
    assert inspect(asked, run)["program"] == {"path": str(file), "version": version}
    file.chmod(0o644)
    assert inspect(asked, run)["program"] == {"path": "", "version": ""}


def test_a_program_that_writes_into_its_home_gets_one_that_is_gone_afterwards(tmp_path: Path) -> None:
    file = tmp_path / "obs"
    file.write_text('#!/bin/sh\ntouch "$HOME/x"; echo starting; echo "OBS Studio - 29.0.2 in $HOME"; echo "$1"\n')
    file.chmod(0o755)
    asked = program(file, "--version", pattern="OBS Studio - [0-9]", needs_home=True)
    found = inspect(request(tmp_path, program=asked), run)["program"]["version"]
    said, home = found.split(" in ")
    assert said == "OBS Studio - 29.0.2"
    assert home != str(Path.home())
    assert not Path(home).exists()


def test_programs_places_and_users_are_returned_as_far_as_they_are_there(tmp_path: Path) -> None:
    (tmp_path / "b.so").touch()
    places = [[f"{tmp_path}/a.so", f"{tmp_path}/b.so"], [f"{tmp_path}/c.so"]]
    (tmp_path / "people").mkdir()
    (tmp_path / "people" / "talk").write_text("/home/me/obs\n1000 100\n")
    (tmp_path / "people" / "old").write_text("/home/me/obs\n")
    (tmp_path / "people" / ".break.unfinished").write_text("/home/m")
    (tmp_path / "relay.conf").write_text("daemon off;\n")
    texts = [f"{tmp_path}/relay.conf", f"{tmp_path}/other.conf"]
    asked = {"programs": ["sh", "/nowhere/x"], "places": places, "texts": texts, "account": "root"}
    found = inspect(request(tmp_path, **asked), run)
    assert Path(found["programs"]["sh"]).name == "sh"
    assert found["programs"]["/nowhere/x"] == ""
    assert found["places"] == [f"{tmp_path}/b.so", ""]
    assert found["texts"] == {texts[0]: "daemon off;\n", texts[1]: ""}
    assert found["people"] == {
        "talk": {"home": "/home/me/obs", "owner": [1000, 100]},
        "old": {"home": "/home/me/obs", "owner": None},
    }
    assert (found["account"]["uid"], found["account"]["home"]) == (0, "/root")
    assert inspect(request(tmp_path, account="nobody-of-that-name"), run)["account"] == {}


def test_the_version_of_systemd_is_asked_for_where_it_runs(tmp_path: Path) -> None:
    def systemctl(_command: Sequence[str], _environment: Mapping[str, str] | None = None) -> Done:
        return Done(0, "systemd 252 (252.39-1~deb12u1)\n+PAM +AUDIT\n")

    asked = {"booted": str(tmp_path), "systemd_version": True}
    assert inspect(request(tmp_path, **asked), systemctl)["systemd_version"] == 252
    asked["booted"] = str(tmp_path / "not")
    assert inspect(request(tmp_path, **asked), systemctl)["systemd_version"] == 0


@pytest.mark.parametrize(
    ("content", "streams", "problem"),
    [
        (b"", "video", "it is empty"),
        (b"x", "video\naudio", ""),
        (b"x", "", "it has neither picture nor sound; ffprobe says: Invalid data"),
    ],
)
def test_media_files_without_picture_and_sound_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, streams: str, problem: str
) -> None:
    film, ffprobe = tmp_path / "film.mp4", tmp_path / "ffprobe"
    film.write_bytes(content)
    ffprobe.touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    def answer(command: Sequence[str], _environment: Mapping[str, str] | None = None) -> Done:
        assert command[-1] == f"file:{film}"
        return Done(0 if streams else 1, streams, "" if streams else "Invalid data")

    asked = request(tmp_path, media=[str(film)], probes_media=True)
    assert inspect(asked, answer)["media"][0]["problem"] == problem


def test_media_files_are_followed_and_told_apart_by_who_can_read_them(tmp_path: Path) -> None:
    open_to_all, private = tmp_path / "a $HOME %h.mp4", tmp_path / "private.mp4"
    open_to_all.touch(0o644)
    private.touch(0o600)
    (tmp_path / "link.mp4").symlink_to(open_to_all)
    paths = [str(tmp_path / name) for name in (open_to_all.name, "private.mp4", "link.mp4", "missing.mp4", ".")]
    media = inspect(request(tmp_path, media=paths), run)["media"]
    assert [one["path"] for one in media] == paths
    assert [(one["is_file"], one["readable"], one["readable_by_others"]) for one in media] == [
        (True, True, True),
        (True, True, False),
        (True, True, True),
        (False, False, False),
        (False, False, False),
    ]


@pytest.mark.parametrize(
    ("said", "folder", "says"),
    [
        ("4711\n", "there", ""),
        ("4711\n", "missing", "4711; there is no folder {}/missing"),
        ("unix:///s.sock no such file\n", "there", "unix:///s.sock no such file"),
        ("", "there", "nothing"),
    ],
)
def test_another_supervisord_has_to_answer_and_have_its_folder(
    tmp_path: Path, said: str, folder: str, says: str
) -> None:
    (tmp_path / "there").mkdir()

    def answer(_command: Sequence[str], _environment: Mapping[str, str] | None = None) -> Done:
        return Done(0, said)

    asked = {"programs": ["/bin/sh", "/nowhere/x"], "config": "/s.conf", "include": str(tmp_path / folder)}
    missing = inspect(request(tmp_path, manager="supervisord", supervisord=asked), answer)["supervisord"]
    assert missing == {"missing": ["/nowhere/x"], "says": ""}
    asked["programs"] = ["/bin/sh"]
    found = inspect(request(tmp_path, manager="supervisord", supervisord=asked), answer)["supervisord"]
    assert found == {"missing": [], "says": says.format(tmp_path)}


def watched(folder: Path, *names: str, timeout: int = 0) -> dict[str, Any]:
    folders = {"systemd": str(folder), "supervisord": str(folder)}
    return {"names": list(names), "timeout": timeout, "folders": folders, "unit": "e@{}.service", "refused": 77} | {
        "report": None,
        "settled": ["on air", "refused"],
        "passing": [],
    }


def test_streams_are_watched_until_they_are_on_air(tmp_path: Path) -> None:
    for name, state in (("talk", '{"state": "on air", "showing": "slate"}'), ("break", "{"), ("show", "[1]")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "status.json").write_text(state)
    asked = watched(tmp_path, "talk", "break", "show", "gone", timeout=1)
    began = time.monotonic()
    found = inspect(request(tmp_path, manager="supervisord", watched=asked), run)["streams"]
    assert found == {"talk": {"state": "on air", "showing": "slate"}, "break": {}, "show": {}, "gone": {}}
    assert time.monotonic() - began >= 1
    began = time.monotonic()
    inspect(request(tmp_path, manager="supervisord", watched=watched(tmp_path, "talk", timeout=30)), run)
    assert time.monotonic() - began < 5


def test_a_stream_is_waited_for_while_what_it_shows_may_pass(tmp_path: Path) -> None:
    (tmp_path / "talk").mkdir()
    status = tmp_path / "talk" / "status.json"
    status.write_text('{"state": "on air", "showing": "slate"}')
    threading.Timer(1.5, status.write_text, ['{"state": "on air", "showing": "source"}']).start()
    asked = watched(tmp_path, "talk", timeout=30) | {"passing": ["slate"]}
    found = inspect(request(tmp_path, manager="supervisord", watched=asked), run)["streams"]
    assert found["talk"]["showing"] == "source"


def state(tmp_path: Path, lock: str | None = None, **values: Any) -> dict[str, Any]:
    """Return what is found of a stream with this state, whose lock was taken by this process."""
    (tmp_path / "talk").mkdir()
    (tmp_path / "talk" / "status.json").write_text(json.dumps({"state": "on air", "showing": "source", **values}))
    if lock is not None:
        (tmp_path / "talk" / "lock").write_text(lock)
    found: dict[str, Any] = inspect(request(tmp_path, manager="supervisord", watched=watched(tmp_path, "talk")), run)[
        "streams"
    ]["talk"]
    return found


def ended_process() -> int:
    with subprocess.Popen(["true"]) as process:
        process.wait()
    return process.pid


@pytest.mark.parametrize(
    ("lock", "age", "said", "expected"),
    [
        ("its own", 1, "on air", "on air"),
        ("1\n", 1, "on air", "on air"),
        # It was killed a moment ago.
        ("ended", 1, "on air", "down"),
        # The number is another process's now, or the program does not move.
        ("its own", 60, "on air", "down"),
        ("ended", 600, "refused", "refused"),
        ("", 1, "on air", "on air"),
        (None, 1, "on air", "on air"),
        (None, 60, "on air", "down"),
    ],
)
def test_a_stream_whose_program_has_ended_is_not_on_air(
    tmp_path: Path, lock: str | None, age: float, said: str, expected: str
) -> None:
    # Its number differs from run to run, and is no part of a test's name.
    numbers = {"its own": f"{os.getpid()}\n", "ended": f"{ended_process()}\n"}
    found = state(tmp_path, numbers.get(str(lock), lock), state=said, alive=time.time() - age)
    assert found["state"] == expected
    assert (found["showing"] == "source") is (expected != "down")


def test_a_unit_that_has_given_up_is_known_by_its_exit_status(tmp_path: Path) -> None:
    def systemctl(command: Sequence[str], _environment: Mapping[str, str] | None = None) -> Done:
        given_up = command[-1] == "e@talk.service"
        started = "0" if given_up else str(int((time.monotonic() - 60) * 1e6))
        return Done(0, f"ExecMainStatus={77 if given_up else 0}\nExecMainStartTimestampMonotonic={started}\n")

    found = inspect(request(tmp_path, watched=watched(tmp_path, "talk", "break")), systemctl)["streams"]
    assert found["talk"] == {"state": "refused"}
    assert found["break"]["running_seconds"] == pytest.approx(60, abs=5)


LOOK = (
    "import json, sys; told = [one['label'] + ' by ' + one['ffmpeg'] for one in json.load(sys.stdin)]; "
    "print(json.dumps({'problems': told, 'warning': 'old'}))"
)


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        (LOOK, {"problems": ["Hall/Talk by /bin/echo"], "warning": "old", "error": ""}),
        ("import sys; sys.exit('a fault')", {"problems": [], "warning": "", "error": "a fault"}),
    ],
)
def test_media_files_are_looked_at_with_the_hosts_ffmpeg(tmp_path: Path, looks: str, expected: dict[str, Any]) -> None:
    look = {"program": looks, "streams": [{"label": "Hall/Talk", "ffmpeg": ""}]}
    found = inspect(request(tmp_path, program=program("/bin/echo"), look=look), run)
    assert found["look"] == expected
    # ffmpeg is installed first.
    assert inspect(request(tmp_path, program=program("/nowhere/ffmpeg"), look=look), run)["look"]["problems"] == []
