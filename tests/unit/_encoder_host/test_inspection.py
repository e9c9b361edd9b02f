# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.module_utils._encoder_host.commands import Done, run
from ansible_collections.tenbyte.webinar.plugins.module_utils._encoder_host.inspection import inspect

SECRET = b"s" * 32


def request(root: Path, **parts: Any) -> dict[str, Any]:
    return {
        "root": str(root),
        "secret": SECRET.hex(),
        "manager": "systemd",
        "records": "about/*.json",
        "keys": ".key",
        "program": "",
        "media": [],
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
    ((name, seconds, digest),) = found["keys"]
    assert name == "talk.key"
    assert float(seconds) == pytest.approx((tmp_path / "keys" / "talk.key").stat().st_mtime)
    assert digest == hmac.new(SECRET, b"the-key\n", hashlib.sha256).hexdigest()
    assert "the-key" not in json.dumps(found)


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
    program = tmp_path / "ffmpeg"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    assert inspect(request(tmp_path, program=str(program)), run)["program"] == {
        "path": str(program),
        "version": version,
    }
    program.chmod(0o644)
    assert inspect(request(tmp_path, program=str(program)), run)["program"] == {"path": "", "version": ""}


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
    return {"names": list(names), "timeout": timeout, "folders": folders, "unit": "e@{}.service", "refused": 77}


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


def test_a_unit_that_has_given_up_is_known_by_its_exit_status(tmp_path: Path) -> None:
    def systemctl(command: Sequence[str], _environment: Mapping[str, str] | None = None) -> Done:
        given_up = command[-1] == "e@talk.service"
        started = "0" if given_up else str(int((time.monotonic() - 60) * 1e6))
        return Done(0, f"ExecMainStatus={77 if given_up else 0}\nExecMainStartTimestampMonotonic={started}\n")

    found = inspect(request(tmp_path, watched=watched(tmp_path, "talk", "break")), systemctl)["streams"]
    assert found["talk"] == {"state": "refused"}
    assert found["break"]["running_seconds"] == pytest.approx(60, abs=5)


LOOK = "import json, sys; print(json.dumps([one['label'] + ' by ' + one['ffmpeg'] for one in json.load(sys.stdin)]))"


@pytest.mark.parametrize(
    ("program", "problems", "error"),
    [(LOOK, ["Hall/Talk by /bin/echo"], ""), ("import sys; sys.exit('no ffprobe')", [], "no ffprobe")],
)
def test_media_files_are_looked_at_with_the_hosts_ffmpeg(
    tmp_path: Path, program: str, problems: list[str], error: str
) -> None:
    look = {"program": program, "streams": [{"label": "Hall/Talk", "ffmpeg": ""}]}
    found = inspect(request(tmp_path, program="/bin/echo", look=look), run)
    assert found["look"] == {"problems": problems, "error": error}
    # ffmpeg is installed first.
    assert inspect(request(tmp_path, program="/nowhere/ffmpeg", look=look), run)["look"]["problems"] == []
