# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Streams in the folder of a person's OBS, who is another user than root; without root, that user is the tester."""

from __future__ import annotations

import json
import os
import pwd
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.module_utils._encoder_host.commands import HostError
from ansible_collections.tenbyte.webinar.plugins.module_utils._encoder_host.files import Files
from ansible_collections.tenbyte.webinar.plugins.module_utils._encoder_host.people import hand_over, take_back

# Whoever that is: any user but root.
UID = 65533 if os.geteuid() == 0 else os.geteuid()
GID = 65533 if os.geteuid() == 0 else os.getegid()
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")


@pytest.fixture
def home() -> Iterator[Path]:
    """Yield the home folder of the person. pytest's own folders are closed to others."""
    with tempfile.TemporaryDirectory() as folder:
        os.chown(folder, UID, GID)
        yield Path(folder)


def service(key: str) -> str:
    return json.dumps({"settings": {"key": key, "server": "rtmp://h/x"}})


def role_file(tmp_path: Path, name: str, content: str) -> Path:
    file = tmp_path / "role" / name
    file.parent.mkdir(mode=0o700, exist_ok=True)
    file.write_text(content)
    return file


def request(home: Path, *origins: Path) -> dict[str, Any]:
    folder = home / ".config" / "obs"
    files = [{"from": str(one), "path": str(folder / one.name), "note": "(not shown)"} for one in origins]
    return {"uid": UID, "gid": GID, "folders": [str(folder)], "files": files}


def handed(made: dict[str, Any], *, check: bool = False, fresh: tuple[Path, ...] = ()) -> Files:
    """Hand files over; ``fresh`` are those that the role writes in this run."""
    files = Files(check=check, diff=True)
    files.written += map(str, fresh)
    hand_over(made, files)
    files.written = [one for one in files.written if one not in map(str, fresh)]
    return files


def test_a_person_owns_what_they_get_and_nobody_else_can_read_it(tmp_path: Path, home: Path) -> None:
    origin = role_file(tmp_path, "service.json", service("the-key"))
    made = request(home, origin)
    planned = handed(made, check=True)
    assert list(home.iterdir()) == []
    files = handed(made)
    assert planned.written == files.written
    (path,) = [Path(one["path"]) for one in made["files"]]
    for one, mode in ((path, 0o600), (path.parent, 0o700)):
        assert (one.stat().st_uid, stat.S_IMODE(one.stat().st_mode)) == (UID, mode)
    # The role made it, but the person has to be able to use it.
    assert path.parent.parent.stat().st_uid == UID
    assert "the-key" not in str(files.diffs)
    assert os.geteuid() == (0 if UID == 65533 else UID)
    assert handed(made).written == []


def test_what_the_program_has_rewritten_stays_until_the_role_has_something_else(tmp_path: Path, home: Path) -> None:
    origin = role_file(tmp_path, "basic.ini", "[Output]")
    made = request(home, origin)
    handed(made)
    path = home / ".config" / "obs" / "basic.ini"
    path.write_text("[Output]\nMine=1")
    later = time.time() + 60
    os.utime(path, (later, later))
    assert handed(made).written == []
    assert handed(made, check=True, fresh=(origin,)).written == [str(path)]
    assert handed(made, fresh=(origin,)).written == [str(path)]
    assert path.read_text() == "[Output]"


@pytest.mark.parametrize(
    ("content", "is_written"), [(service("another"), True), (service("the-key"), False), ("{", True)]
)
def test_a_key_that_is_not_the_present_one_is_replaced(
    tmp_path: Path, home: Path, content: str, is_written: bool
) -> None:
    made = request(home, role_file(tmp_path, "service.json", service("the-key")))
    handed(made)
    path = home / ".config" / "obs" / "service.json"
    path.write_text(content)
    later = time.time() + 60
    os.utime(path, (later, later))
    assert handed(made).written == ([str(path)] if is_written else [])
    assert path.read_text() == service("the-key")


@needs_root
def test_a_link_of_the_person_does_not_lead_root_elsewhere(tmp_path: Path, home: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (closed / "kept").write_text("kept")
    (home / ".config").symlink_to(closed)
    made = request(home, role_file(tmp_path, "basic.ini", "x"))
    with pytest.raises(
        HostError, match=r"obs_encoder_user: that user cannot write .*/\.config/obs: Permission denied\."
    ):
        handed(made)
    files = Files(check=False, diff=False)
    entry = {"home": str(home), "owner": [UID, GID], "paths": [".config/kept"], "record": str(tmp_path / "people")}
    with pytest.raises(OSError, match="denied"):
        take_back([entry], files)
    assert [one.name for one in closed.iterdir()] == ["kept"]
    assert os.geteuid() == 0


@needs_root
@pytest.mark.parametrize("owner", [None, [UID, GID]], ids=["an old record", "a record"])
def test_a_link_of_the_person_in_place_of_the_programs_folder_gives_nobody_elses_rights(
    tmp_path: Path, home: Path, owner: list[int] | None
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        theirs = Path(folder)
        (theirs / "kept").write_text("kept")
        theirs.chmod(0o755)
        (home / ".config").mkdir()
        (home / ".config" / "obs-studio").symlink_to(theirs)
        place = str(home / ".config" / "obs-studio")
        entry = {"home": place, "owner": owner, "paths": ["kept"], "record": str(tmp_path / "record")}
        with pytest.raises(OSError, match="denied"):
            take_back([entry], Files(check=False, diff=False))
        assert (theirs / "kept").exists()


@needs_root
def test_nothing_is_removed_as_root_for_an_account_that_is_not_roots(tmp_path: Path, home: Path) -> None:
    place = home / ".config" / "obs-studio"
    (place / "basic").mkdir(parents=True)
    os.chown(home, 0, 0)
    entry = {"home": str(place), "owner": None, "paths": ["basic"], "record": str(tmp_path / "record")}
    with pytest.raises(HostError, match=f"record does not say whose {place} is"):
        take_back([entry], Files(check=False, diff=False))
    assert (place / "basic").exists()


def test_a_folder_that_the_person_cannot_have_is_told_with_the_option_that_names_the_person(
    tmp_path: Path, home: Path
) -> None:
    (home / ".config").write_text("a file where the folder has to be")
    made = request(home, role_file(tmp_path, "basic.ini", "x"))
    with pytest.raises(HostError, match=r"^obs_encoder_user: that user cannot write .*/\.config"):
        handed(made)


def test_streams_are_taken_back_and_the_record_goes_last(tmp_path: Path, home: Path) -> None:
    handed(request(home, role_file(tmp_path, "basic.ini", "x")))
    record = tmp_path / "record"
    record.write_text(str(home))
    paths = [".config/obs", ".config/not-there"]
    entry = {"home": str(home), "owner": [UID, GID], "paths": paths, "record": str(record), "required": True}
    planned = Files(check=True, diff=False)
    take_back([entry], planned)
    assert record.exists()
    files = Files(check=False, diff=False)
    take_back([entry], files)
    assert planned.deleted == files.deleted == [str(home / ".config" / "obs"), str(record)]
    assert not record.exists()
    assert (home / ".config").exists()


def taken_from(tmp_path: Path, uid: int, **more: Any) -> tuple[list[str], list[str]]:
    """Take a stream back from a home folder that is not there; return what is said, and what is removed."""
    record, files = tmp_path / "record", Files(check=True, diff=False)
    record.write_text("x")
    home = str(tmp_path / "account" / ".config" / "obs-studio")
    entry = {"home": home, "owner": [uid, GID], "paths": ["x"], "record": str(record), "required": False, **more}
    return take_back([entry], files), files.deleted


def unused_uid() -> int:
    used = {one.pw_uid for one in pwd.getpwall()}
    return next(uid for uid in range(60000, 65000) if uid not in used)


@pytest.mark.parametrize("is_mount_point", [True, False])
def test_a_person_whose_home_is_not_mounted_is_remembered(tmp_path: Path, is_mount_point: bool) -> None:
    if is_mount_point:
        (tmp_path / "account").mkdir()
    said, removed = taken_from(tmp_path, os.geteuid())
    assert removed == []
    (sentence,) = said
    assert f"{tmp_path}/account/.config/obs-studio is not there, but its user is" in sentence
    assert f"remove {tmp_path}/record if it has gone for good" in sentence
    with pytest.raises(HostError, match="obs-studio is not there, but its user is"):
        taken_from(tmp_path, os.geteuid(), required=True)


@pytest.mark.parametrize("uid", [os.geteuid(), unused_uid()], ids=["OBS has gone", "the person has gone"])
def test_who_has_gone_or_has_removed_their_obs_is_forgotten(tmp_path: Path, uid: int) -> None:
    if uid == os.geteuid():
        (tmp_path / "account").mkdir()
        (tmp_path / "account" / "something").touch()
    assert taken_from(tmp_path, uid, required=True) == ([], [str(tmp_path / "record")])


def test_a_record_without_an_owner_whose_home_has_gone_is_forgotten(tmp_path: Path) -> None:
    record = str(tmp_path / "record")
    assert taken_from(tmp_path, 0, owner=None) == ([], [record])
    assert taken_from(tmp_path, 0, owner=None, home="relative") == ([], [record])
