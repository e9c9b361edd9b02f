# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The artifact that ansible-galaxy builds holds no stray file, installs, and works in the users' collections folder."""

from __future__ import annotations

import posixpath
import re
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.integration.conftest import SESSION, SESSION_TASKS
from tests.integration.controller import BIN, ROOT, Controller

KEPT = {
    "CHANGELOG.md",
    "COPYING",
    "FILES.json",
    "MANIFEST.json",
    "README.md",
    "SECURITY.md",
    "TESTING.md",
    "changelogs",
    "docs",
    "extensions",
    "meta",
    "playbooks",
    "plugins",
    "requirements.txt",
    "roles",
}


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("artifact")
    command = [str(BIN / "ansible-galaxy"), "collection", "build", str(ROOT), "--output-path", str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    (built,) = folder.glob("tenbyte-webinar-*.tar.gz")
    return built


def test_the_artifact_holds_only_what_users_need(artifact: Path) -> None:
    with tarfile.open(artifact) as archive:
        names = archive.getnames()
    top = {name.split("/")[0] for name in names}
    assert top == KEPT
    assert {"/".join(name.split("/")[:2]) for name in names if name.startswith("extensions/")} == {"extensions/eda"}
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]


def test_links_from_page_to_page_lead_somewhere_in_the_artifact(artifact: Path) -> None:
    dead = []
    with tarfile.open(artifact) as archive:
        names = set(archive.getnames())
        for name in sorted(one for one in names if one.endswith(".md")):
            page = archive.extractfile(name)
            assert page is not None
            for link in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page.read().decode()):
                target = posixpath.normpath(posixpath.join(posixpath.dirname(name), link))
                if target not in names:
                    dead.append(f"{name}: {link}")
    assert dead == []


def test_the_installed_collection_works(artifact: Path, controller: Controller) -> None:
    controller.home.mkdir(parents=True)
    user = {"HOME": str(controller.home), "PATH": f"{BIN}:/usr/bin:/bin"}
    command = [str(BIN / "ansible-galaxy"), "collection", "install", str(artifact), "--offline"]
    subprocess.run(command, check=True, capture_output=True, env=user)
    assert (controller.home / ".ansible/collections/ansible_collections/tenbyte/webinar/MANIFEST.json").exists()
    run = controller.tasks(SESSION_TASKS, environment={"ANSIBLE_COLLECTIONS_PATH": "", "ANSIBLE_HOME": ""})
    assert run.returncode == 0, run.output
    assert run.result(SESSION)["session"]["stream_key_available"] is True


LOOKUP = """- debug: {msg: "{{ lookup('tenbyte.webinar.stream_key', 'x') }}"}"""
INFO = "- tenbyte.webinar.room_info:"
LEDGER = "- tenbyte.webinar.ledger: {action: list}"


@pytest.mark.parametrize(
    ("library", "needed_by"),
    [
        ("requests", (SESSION_TASKS, INFO)),
        ("sqlalchemy", (SESSION_TASKS, LOOKUP, LEDGER)),
        ("cryptography", (SESSION_TASKS, INFO, LOOKUP, LEDGER)),
    ],
)
def test_a_missing_library_is_named_with_the_way_to_install_it(
    artifact: Path, controller: Controller, library: str, needed_by: tuple[str, ...]
) -> None:
    controller.home.mkdir(parents=True)
    # First on the path, and raises the same error as a missing library.
    (controller.home / "absent").mkdir()
    missing = f'raise ModuleNotFoundError("No module named {library!r}", name="{library}")\n'
    (controller.home / "absent" / f"{library}.py").write_text(missing)
    for tasks in needed_by:
        run = controller.tasks(tasks, environment={"PYTHONPATH": str(controller.home / "absent")})
        assert run.returncode != 0
        said = " ".join(run.output.split())
        assert f"needs the Python library '{library}' on the controller" in said
        assert "meta/ee-requirements.txt" in said
        assert "Traceback" not in said
