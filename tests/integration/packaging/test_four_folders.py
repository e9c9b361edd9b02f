# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The collection works with the folders meta, playbooks, plugins and roles alone, as some environments keep it."""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.integration.controller import BIN, ROOT, Controller
from tests.integration.playbooks.event import ROOMS

FOLDERS = {"meta", "playbooks", "plugins", "roles"}


@pytest.fixture(scope="module")
def collections(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of collections with the installed artifact, of which only the four folders are left."""
    work = tmp_path_factory.mktemp("four-folders")
    galaxy = [str(BIN / "ansible-galaxy"), "collection"]
    subprocess.run([*galaxy, "build", str(ROOT), "--output-path", str(work)], check=True, capture_output=True)
    (artifact,) = work.glob("tenbyte-webinar-*.tar.gz")
    folder = work / "collections"
    # --force: the same version may already be in another folder that Ansible knows.
    install = [*galaxy, "install", str(artifact), "--offline", "--force", "--collections-path", str(folder)]
    subprocess.run(install, check=True, capture_output=True)
    for path in (folder / "ansible_collections/tenbyte/webinar").iterdir():
        if path.is_file():
            path.unlink()
        elif path.name not in FOLDERS:
            shutil.rmtree(path)
    return folder


def test_a_playbook_and_a_role_of_it_run(collections: Path, controller: Controller) -> None:
    left = collections / "ansible_collections/tenbyte/webinar"
    assert {path.name for path in left.iterdir()} == FOLDERS
    lonely = dataclasses.replace(controller, collections=collections)
    variables = controller.home / "event.yml"
    controller.home.mkdir(parents=True, exist_ok=True)
    variables.write_text(yaml.safe_dump({"event_rooms": ROOMS}))
    run = lonely.playbook("tenbyte.webinar.provision", "-e", f"@{variables}")
    assert run.returncode == 0, run.output
    assert run.result("tenbyte.webinar.event")["changed"] is True


def test_ansible_builder_finds_what_an_execution_environment_needs(collections: Path, tmp_path: Path) -> None:
    shutil.copytree(collections, tmp_path / "collections")
    # ansible-builder knows a collection by the list of files that ansible-galaxy installs, and reads nothing from it.
    (tmp_path / "collections/ansible_collections/tenbyte/webinar/MANIFEST.json").write_text("{}")
    command = [str(BIN / "ansible-builder"), "introspect", str(tmp_path / "collections")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found = yaml.safe_load(done.stdout)
    named = {kind: [line.split("  #")[0] for line in lines] for kind, lines in found.items()}
    assert named == {"python": requirements(), "system": ["ffmpeg [pictures]"]}


def requirements() -> list[str]:
    lines = (ROOT / "meta" / "ee-requirements.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_requirements_of_users_have_lower_bounds_and_the_tests_have_a_cap_for_each() -> None:
    caps = (ROOT / ".ci" / "constraints.txt").read_text().splitlines()
    capped = {line.split("<")[0].lower() for line in caps if line and not line.startswith("#")}
    assert requirements() != []
    assert all(re.fullmatch(r"[\w\[\]-]+>=[\d.]+", line) for line in requirements()), requirements()
    assert capped == {re.split(r"[\[>]", line)[0].lower() for line in requirements()}
