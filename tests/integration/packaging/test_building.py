# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stray files of a working tree are not in the artifact, and each target of make requires only what it uses."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.integration.controller import BIN, ROOT

# What users and editors leave behind, some of it in folders that ship.
PLANTED = (
    ".env",
    ".vault",
    ".vault_password",
    "credentials.txt",
    "docs/inventories/prod.yml",
    "docs/inventory-live.yml",
    "docs/inventory_prod.yml",
    "docs/notes.txt",
    "docs/prod.ini",
    "docs/prod_inventory.yaml",
    "extensions/eda.yml",
    "extensions/eda/plugins/event_source/ledger.sqlite3",
    "extensions/molecule/event/inventory.yml",
    "extensions/notes/notes.md",
    "event.yml",
    "group_vars/all/vault.yml",
    "inventory.yml",
    "keys.vault",
    "ledger.key",
    "ledger.sqlite3",
    "ledger.sqlite3-wal",
    "meta/.secret",
    "meta/edit.txt",
    "meta/een.txt",
    "meta/notes.txt",
    "passwords",
    "playbooks/event.yml",
    "playbooks/group_vars/all.yml",
    "playbooks/inventory.yml",
    "playbooks/inventory/hosts.yml",
    "playbooks/ledger.sqlite3",
    "plugins/inventory.yml",
    "plugins/plugin_utils/ledger.key",
    "recording.mp4",
    "roles/event/files/id_ed25519",
    "roles/event/files/inventory.toml",
    "roles/event/files/prod.ini",
    "roles/event/inventory-prod.yml",
    "roles/event/vars/vault.yml",
    "roles/obs_encoder/files/hosts.ini",
    "roles/obs_encoder/prod.ini",
    "secrets.yml",
    "today.yml",
)
FILES_AT_THE_TOP = ("CHANGELOG.md", "COPYING", "README.md", "SECURITY.md", "TESTING.md", "requirements.txt")
UNKNOWN_TO_GIT = (
    "docs/draft.md",
    "docs/inventory.md",
    "plugins/inventory/rooms.py",
    "plugins/inventory/rooms.yml",
    "plugins/plugin_utils/unfinished.py",
)


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=test", "-c", "user.email=test@example.com", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout of the files in git, with planted files and this checkout's virtual environment."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("this is no checkout of git's")
    folder = tmp_path_factory.mktemp("checkout")
    for name in git(ROOT, "ls-files", "-z").rstrip("\0").split("\0"):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    (folder / ".venv").symlink_to(ROOT / ".venv")
    for name in (*PLANTED, *UNKNOWN_TO_GIT):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("planted\n")
    return folder


def contents(artifact: Path) -> dict[str, str]:
    """Return the files of an artifact, by name, with a digest of each."""
    found = {}
    with tarfile.open(artifact) as archive:
        for member in archive.getmembers():
            file = archive.extractfile(member)
            if file is not None:
                found[member.name] = hashlib.sha256(file.read()).hexdigest()
    return found


@pytest.fixture(scope="module")
def made(checkout: Path) -> tuple[dict[str, str], str]:
    """The artifact of `make build`, and its output."""
    done = subprocess.run(["make", "build"], cwd=checkout, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    (artifact,) = (checkout / "build").glob("tenbyte-webinar-*.tar.gz")
    return contents(artifact), done.stdout


@pytest.fixture(scope="module")
def built(checkout: Path, made: object, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The artifact of plain `ansible-galaxy collection build`."""
    output = tmp_path_factory.mktemp("artifact")
    command = [str(BIN / "ansible-galaxy"), "collection", "build", str(checkout), "--output-path", str(output)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    (artifact,) = output.glob("*.tar.gz")
    return contents(artifact)


def test_an_artifact_holds_no_planted_file(made: tuple[dict[str, str], str], built: dict[str, str]) -> None:
    planted = hashlib.sha256(b"planted\n").hexdigest()
    assert [name for name, digest in made[0].items() if digest == planted] == []
    # Without git, sources cannot be told from other files.
    assert sorted(name for name, digest in built.items() if digest == planted) == sorted(UNKNOWN_TO_GIT)


def test_make_build_names_sources_that_are_not_in_git(made: tuple[dict[str, str], str]) -> None:
    (line,) = [line for line in made[1].splitlines() if "git does not know" in line]
    assert all(name in line for name in UNKNOWN_TO_GIT)
    assert "playbooks/inventory.yml" in line


def test_make_build_and_ansible_galaxy_build_the_same_artifact(
    made: tuple[dict[str, str], str], built: dict[str, str]
) -> None:
    lists = {"FILES.json", "MANIFEST.json"}
    assert {name: digest for name, digest in built.items() if name not in {*lists, *UNKNOWN_TO_GIT}} == {
        name: digest for name, digest in made[0].items() if name not in lists
    }


def test_each_file_of_the_shipped_folders_in_git_is_in_the_artifact(
    checkout: Path, made: tuple[dict[str, str], str]
) -> None:
    folders = ("changelogs", "docs", "extensions/eda", "meta", "playbooks", "plugins", "roles")
    known = git(checkout, "ls-files", *folders, *FILES_AT_THE_TOP, ":!changelogs/fragments").split()
    assert sorted(set(made[0]) - {"FILES.json", "MANIFEST.json"}) == sorted(known)


def path_without(folder: Path, *left_out: str) -> str:
    """A PATH with the programs of this machine except the named ones."""
    folder.mkdir()
    for place in ("/bin", "/usr/bin"):
        for program in Path(place).iterdir():
            if program.name not in left_out and not (folder / program.name).exists():
                (folder / program.name).symlink_to(program)
    return str(folder)


def test_a_target_of_make_requires_only_what_it_uses(tmp_path: Path) -> None:
    # Without apt-get, the test cannot install what is missing.
    path = path_without(tmp_path / "programs", "ffmpeg", "ffprobe", "apt-get", "sudo")
    environment = {**os.environ, "PATH": f"{path}{os.pathsep}{Path(sys.executable).parent}"}

    def setup(*needs: str) -> subprocess.CompletedProcess[str]:
        command = [str(ROOT / "scripts" / "setup"), *needs]
        return subprocess.run(command, env=environment, check=False, capture_output=True, text=True, timeout=120)

    assert setup("python").returncode == 0
    for needs in (("media",), ()):
        refused = setup(*needs)
        assert refused.returncode != 0
        assert "ffmpeg" in refused.stderr
    assert re.search("knows .*python, media, postgresql", setup("everything").stderr)
    script = (ROOT / "scripts" / "test").read_text()
    assert 'scripts/setup" "${!needs[@]}"' in script
