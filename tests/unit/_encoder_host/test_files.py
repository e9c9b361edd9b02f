# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from ansible_collections.tenbyte.webinar.plugins.module_utils._encoder_host.commands import HostError
from ansible_collections.tenbyte.webinar.plugins.module_utils._encoder_host.files import Files, replace


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "host"
    made.mkdir()
    return made


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_is_written_only_if_its_content_or_mode_differs(folder: Path) -> None:
    path = folder / "key"
    files = Files(check=False, diff=False)
    assert files.file(str(path), b"one", 0o600, shown=False)
    written = path.stat().st_mtime_ns
    assert not files.file(str(path), b"one", 0o600, shown=False)
    assert path.stat().st_mtime_ns == written
    path.chmod(0o644)
    assert files.file(str(path), b"one", 0o600, shown=False)
    assert files.file(str(path), b"two", 0o600, shown=False)
    assert (path.read_bytes(), mode_of(path)) == (b"two", 0o600)
    assert files.written == [str(path)] * 3


def test_a_file_that_was_found_to_be_right_gets_its_mode_and_must_be_there(folder: Path) -> None:
    path = folder / "key"
    files = Files(check=False, diff=False)
    with pytest.raises(HostError, match="was removed while the role was at work"):
        files.file(str(path), None, 0o600, shown=False)
    path.write_text("one")
    path.chmod(0o640)
    assert files.file(str(path), None, 0o600, shown=False)
    assert (path.read_text(), mode_of(path)) == ("one", 0o600)


def test_a_file_is_never_there_in_part_and_what_a_killed_run_left_is_replaced(folder: Path) -> None:
    left = folder / ".key.unfinished"
    left.write_text("half")
    left.chmod(0o644)
    path = folder / "key"
    replace(str(path), b"whole", 0o600)
    assert [one.name for one in folder.iterdir()] == ["key"]
    (folder / "folder").mkdir()
    with pytest.raises(OSError, match="directory"):
        replace(str(folder / "folder"), b"whole", 0o600)
    assert sorted(one.name for one in folder.iterdir()) == ["folder", "key"]


def test_a_diff_shows_what_may_be_shown_and_a_note_in_place_of_the_rest(folder: Path) -> None:
    files = Files(check=False, diff=True)
    shown, secret = str(folder / "unit"), str(folder / "key")
    files.file(shown, b"[Unit]\n", 0o644, shown=True)
    for content in (b"first-key", b"second-key"):
        files.file(secret, content, 0o600, shown=False, note="stream key fp-1")
    assert [(one["before_header"], one["before"], one["after"]) for one in files.diffs] == [
        (shown, "", "[Unit]\n"),
        (secret, "", "stream key fp-1\n"),
        (secret, "(another)\n", "stream key fp-1\n"),
    ]


def test_folders_get_their_mode_whatever_the_umask(folder: Path) -> None:
    files = Files(check=False, diff=False)
    path = folder / "a" / "b"
    files.folder(str(path), 0o700)
    files.folder(str(path), 0o700)
    assert (files.written, mode_of(path)) == ([str(path)], 0o700)


def test_files_folders_and_dangling_links_are_removed_and_other_peoples_are_not(folder: Path) -> None:
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").touch()
    root = folder / "root"
    (root / "folder" / "deep").mkdir(parents=True)
    (root / "file").touch()
    (root / "link").symlink_to(elsewhere)
    (root / "dangling").symlink_to("/nowhere/at/all")
    files = Files(check=False, diff=False)
    removed = [files.remove(str(root / name)) for name in ("folder", "file", "link", "dangling", "missing")]
    assert removed == [True, True, True, True, False]
    assert (elsewhere / "kept").exists()
    files.remove_if_empty(str(root))
    assert not root.exists()


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("is_there", [True, False])
def test_what_a_killed_run_left_goes_with_its_path_also_if_that_has_gone(
    folder: Path, check: bool, is_there: bool
) -> None:
    path, left, other = folder / "key", folder / ".key.unfinished", folder / ".other.unfinished"
    for one in (left, other, *([path] if is_there else [])):
        one.write_text("a-key")
    files = Files(check=check, diff=False)
    assert files.remove(str(path))
    assert files.deleted == [str(left), *([str(path)] if is_there else [])]
    assert (left.exists(), path.exists(), other.exists()) == (check, check and is_there, True)
    if not check:
        assert not files.remove(str(path))


@pytest.mark.parametrize("check", [True, False])
def test_a_folder_stays_if_it_has_something_else(folder: Path, check: bool) -> None:
    root = folder / "root"
    root.mkdir()
    (root / "mine").touch()
    (root / "theirs").touch()
    files = Files(check=check, diff=False)
    files.remove(str(root / "mine"))
    files.remove_if_empty(str(root))
    assert files.deleted == [str(root / "mine")]
    assert (root / "theirs").exists()


def test_check_mode_notes_the_same_and_changes_nothing(folder: Path) -> None:
    (folder / "old").write_text("one")
    (folder / "gone").touch()
    noted = []
    for check in (True, False):
        files = Files(check=check, diff=True)
        files.folder(str(folder / "folder"), 0o700)
        for name in ("old", "new"):
            files.file(str(folder / name), b"two", 0o600, shown=True)
        files.remove(str(folder / "gone"))
        noted.append((files.written, files.deleted, files.diffs))
        if check:
            assert {path.name: path.read_text() for path in folder.iterdir()} == {"old": "one", "gone": ""}
    assert noted[0] == noted[1]
