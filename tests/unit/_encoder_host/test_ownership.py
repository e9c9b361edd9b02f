# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from ansible_collections.tenbyte.webinar.plugins.module_utils._encoder_host import ownership
from ansible_collections.tenbyte.webinar.plugins.module_utils._encoder_host.ownership import other_root, sent_elsewhere

from tests.lab.stage import ROOT

# The first file that each role writes into its folder, and one that is among the last to go.
RECORDS = [["a.json", json.dumps({"label": "Hall/Talk", "session_id": "s"})]]
ALL_ROLES = ("ffmpeg_encoder", "rtmp_relay", "obs_encoder")
NAMES = ("keys", "streams", "about", "log", "health.py")


def foreign_file(root: Path, records: list[list[str]]) -> str:
    """As for a role whose folder has the mode 0700, in a folder that somebody else has made."""
    return ownership.foreign_file(root, records, NAMES, 0o700)


def put(file: Path, content: str = "mine") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    return file


@pytest.mark.parametrize("name", ["film.mp4", "keys/mine.json", "log/app/today.log", "health.py", ".hidden"])
def test_a_folder_with_files_of_others_alone_is_foreign(tmp_path: Path, name: str) -> None:
    tmp_path.chmod(0o755)
    assert foreign_file(tmp_path, []) == ""
    (tmp_path / "keys").mkdir()
    assert foreign_file(tmp_path, []) == ""
    file = put(tmp_path / name)
    assert foreign_file(tmp_path, []) == str(file)
    for text in ("", "[]", "{", json.dumps({"name": "an application's"})):
        assert foreign_file(tmp_path, [["mine.json", text]]) == str(file)


def test_a_folder_that_the_role_has_begun_to_write_or_to_remove_is_its_own(tmp_path: Path) -> None:
    put(tmp_path / "films" / "film.mp4")
    assert foreign_file(tmp_path, RECORDS) == ""
    put(tmp_path / "health.py", (ROOT / "roles" / "private_encoder" / "files" / "health.py").read_text())
    assert foreign_file(tmp_path, []) == ""


def test_what_a_user_keeps_in_the_folder_of_a_role_may_stay_there(tmp_path: Path) -> None:
    root = tmp_path / "root"
    put(root / "slate.png")
    put(root / "films" / "film.mp4")
    root.chmod(0o755)
    assert foreign_file(root, []) != ""
    # The role has left it so, with the mode that it gave it.
    root.chmod(0o700)
    assert foreign_file(root, []) == ""
    (root / "keys").mkdir()
    assert foreign_file(root, []) == ""
    for name in ("keys/mine.pem", "health.py"):
        file = put(root / name)
        assert foreign_file(root, []) == str(file)
        file.unlink()


def test_a_pipe_of_somebody_else_is_not_waited_for(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    os.mkfifo(tmp_path / "pipe")
    assert foreign_file(tmp_path, []) == str(tmp_path / "pipe")


def test_a_run_that_was_killed_at_its_first_file_has_a_folder_that_is_its_own(tmp_path: Path) -> None:
    put(tmp_path / "about" / ".talk.json.unfinished", "")
    assert foreign_file(tmp_path, []) == ""
    assert foreign_file(tmp_path / "not there", []) == ""


@pytest.mark.parametrize("role", ALL_ROLES)
def test_what_goes_last_of_a_roles_folder_tells_whose_it_is(role: str, tmp_path: Path) -> None:
    files = [ROOT / "roles" / "private_encoder" / "files" / name for name in ("health.py", "look.py")]
    files.append(ROOT / "roles" / role / "files" / "probe.py")
    for file in files:
        folder = tmp_path / file.stem
        put(folder / "mine.txt")
        put(folder / file.name, file.read_text())
        assert foreign_file(folder, []) == ""


UNIT = """\
[Service]
LoadCredential=start:/etc/other/start.sh
LoadCredential=stream.json:{}/streams/%i.json
"""


def test_a_unit_tells_the_folder_that_the_streams_are_in(tmp_path: Path) -> None:
    unit, root = put(tmp_path / "tenbyte-encoder@.service", UNIT.format(tmp_path / "old")), tmp_path / "new"
    # Whoever has removed it, or emptied it, needs nothing of it.
    assert other_root(str(unit), root, "about/*.json") == ""
    (tmp_path / "old").mkdir()
    assert other_root(str(unit), root, "about/*.json") == ""
    put(tmp_path / "old" / "about" / "talk.json")
    assert other_root(str(unit), root, "about/*.json") == str(tmp_path / "old")
    assert other_root(str(unit), tmp_path / "old", "about/*.json") == ""
    (tmp_path / "link").symlink_to(tmp_path / "old")
    assert other_root(str(unit), tmp_path / "link", "about/*.json") == ""
    assert other_root(str(tmp_path / "none"), root, "about/*.json") == ""
    assert other_root(str(put(unit, "[Service]\nExecStart=/bin/true\n")), root, "about/*.json") == ""


@pytest.mark.parametrize("role", ALL_ROLES)
def test_the_unit_of_each_role_tells_it(role: str, tmp_path: Path) -> None:
    name = "push.service.j2" if role == "rtmp_relay" else "unit.service.j2"
    text = (ROOT / "roles" / role / "templates" / name).read_text().replace(f"{{{{ {role}_root }}}}", str(tmp_path))
    put(tmp_path / "pushes" / "talk.json")
    assert other_root(str(put(tmp_path / "unit", text)), Path("/etc/new"), "pushes/*.json") == str(tmp_path)


@pytest.mark.parametrize("running", ["ffmpeg", "program"])
def test_an_encoder_of_another_folder_is_found_with_its_record(tmp_path: Path, running: str) -> None:
    # Other tests have encoders of their own on this machine.
    session, host = str(uuid.uuid4()), str(uuid.uuid4())
    record = {"label": "Hall/Talk", "session_id": session, "host": host, "hls_url": "https://play"}
    put(tmp_path / "old" / "about" / "talk.json", json.dumps(record))
    run = tmp_path / "old" / "run" / "talk"
    if running == "ffmpeg":
        process = subprocess.Popen(["sleep", "600"], env={"TENBYTE_ENCODER_LOCK": str(run / "lock")})
    else:
        # Between two ffmpegs.
        program = put(tmp_path / "old" / "encoder.py", "import time; time.sleep(600)")
        files = (tmp_path / "old" / "streams" / "talk.json", tmp_path / "old" / "keys" / "talk.ffpreset", run)
        process = subprocess.Popen([sys.executable, "-B", program, *files])
    try:
        ((folder, found),) = sent_elsewhere(tmp_path / "new", host)
        assert folder == str(tmp_path / "old")
        assert (found["label"], found["session_id"], found["room_id"]) == ("Hall/Talk", session, "")
        assert "hls_url" not in found
        # It moves to another host of the inventory, which is the same machine.
        assert sent_elsewhere(tmp_path / "new", "enc2") == []
        assert sent_elsewhere(tmp_path / "old", host) == []
    finally:
        process.kill()
        process.wait(10)
    assert sent_elsewhere(tmp_path / "new", host) == []


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
def test_a_record_that_another_user_names_is_not_read(tmp_path: Path) -> None:
    # Other tests have encoders of their own on this machine.
    session, host = str(uuid.uuid4()), str(uuid.uuid4())
    record = put(tmp_path / "old" / "about" / "talk.json", json.dumps({"session_id": session, "host": host}))
    lock = tmp_path / "old" / "run" / "talk" / "lock"
    process = subprocess.Popen(["sleep", "600"], env={"TENBYTE_ENCODER_LOCK": str(lock)})
    try:
        assert sent_elsewhere(tmp_path / "new", host) != []
        os.chown(record, 65534, 65534)
        assert sent_elsewhere(tmp_path / "new", host) == []
        os.chown(record, 0, 0)
        # Another user's folder has a link to the role's own one.
        (tmp_path / "new").symlink_to(tmp_path / "old")
        assert sent_elsewhere(tmp_path / "new", host) == []
        (tmp_path / "new").unlink()
        (tmp_path / "evil" / "run").mkdir(parents=True)
        (tmp_path / "evil" / "about").symlink_to(tmp_path / "old" / "about")
        with subprocess.Popen(
            ["sleep", "600"], env={"TENBYTE_ENCODER_LOCK": str(tmp_path / "evil" / "run" / "talk" / "lock")}
        ) as evil:
            assert sent_elsewhere(tmp_path / "old", host) == []
            evil.kill()
        record.unlink()
        os.mkfifo(record)
        assert sent_elsewhere(tmp_path / "new", host) == []
    finally:
        process.kill()
        process.wait(10)
