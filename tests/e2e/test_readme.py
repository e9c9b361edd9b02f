# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The README's first playbooks, exactly as printed, run on the service of the README's demo."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.documented import ROOT, named_block
from tests.lab import ingest
from tests.lab.stage import BIN, Stage, rehearsal

pytestmark = pytest.mark.skipif(bool(ingest.missing()), reason=str(ingest.missing()))


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """The processes that `make demo KEEP=1` leaves running."""
    # supervisord's socket is in the folder, and the path of a socket may have at most 107 bytes.
    with tempfile.TemporaryDirectory() as folder, rehearsal(Path(folder) / "stage", ("encoder1", "encoder2")) as made:
        yield made


def played(stage: Stage, name: str, *arguments: str) -> str:
    (stage.folder / name).write_text(named_block(ROOT / "README.md", name))
    environment = {**stage.environment(), "ANSIBLE_INVENTORY": str(stage.inventory), "ANSIBLE_NOCOLOR": "1"}
    command = [str(BIN / "ansible-playbook"), name, *arguments]
    done = subprocess.run(
        command, cwd=stage.folder, env=environment, check=False, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_first_playbook_runs_as_printed(stage: Stage) -> None:
    preview = played(stage, "first.yml", "--check", "--diff")
    assert "Keynote" in preview
    assert "changed=1" in played(stage, "first.yml")
    assert "changed=0" in played(stage, "first.yml")
    (session,) = stage.sessions().values()
    assert (session["title"], session["status"]) == ("Keynote", "scheduled")
    # The README's playbook for finding a preset shows that session's.
    assert f"Main stage/Keynote: {session['preset']['id']} (" in played(stage, "presets.yml")


def test_the_readmes_inventory_has_the_encoder_of_its_event(stage: Stage) -> None:
    (stage.folder / "event.yml").write_text(named_block(ROOT / "README.md", "event.yml"))
    (stage.folder / "inventory.yml").write_text(named_block(ROOT / "README.md", "inventory.yml"))
    command = [str(BIN / "ansible-playbook"), "tenbyte.webinar.provision", "-i", "inventory.yml", "-e", "@event.yml"]
    listed = subprocess.run(
        [*command, "--list-hosts"],
        cwd=stage.folder,
        env=stage.environment(),
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "encoder1" in listed.stdout, listed.stderr
