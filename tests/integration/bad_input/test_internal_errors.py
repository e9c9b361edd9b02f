# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An internal error of the collection is one sentence. At -vvv its frames are shown, without values."""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path

import pytest

from tests.integration.controller import ROOT, Controller

SECRET = f"unit-{secrets.token_hex(12)}"
FAULT = f'''

def new_owner() -> str:
    raise ValueError("{SECRET}")
'''
SESSION = (
    "- tenbyte.webinar.session: {room: Main stage, title: Keynote, preset_id: 5e0f2a4c-0d51-4c6b-9a35-0d1f5f6c0001}\n"
)
LOOKUP = "- debug: {msg: \"{{ lookup('tenbyte.webinar.stream_key', 'x') }}\"}\n"


@pytest.fixture
def with_internal_error(controller: Controller, tmp_path: Path) -> Controller:
    """A controller with a copy of the collection that raises an internal error."""
    copy = tmp_path / "collections" / "ansible_collections" / "tenbyte" / "webinar"
    for name in ("plugins", "meta", "galaxy.yml"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name)
        else:
            shutil.copy(source, copy / name)
    with (copy / "plugins" / "plugin_utils" / "_ledger" / "lease_owner.py").open("a") as file:
        file.write(FAULT)
    controller.collections = tmp_path / "collections"
    controller.ledger_file.parent.mkdir(parents=True)
    controller.ledger_file.touch()
    return controller


@pytest.mark.parametrize("task", [SESSION, LOOKUP], ids=["action", "lookup"])
def test_an_internal_error_is_one_sentence_and_shows_its_frames_only_at_vvv(
    with_internal_error: Controller, task: str
) -> None:
    quiet = with_internal_error.tasks(task)
    assert "has a bug (ValueError at lease_owner.py:" in " ".join(quiet.output.split())
    assert " in new_owner" not in quiet.output
    asked = with_internal_error.tasks(task, "-vvv")
    assert " in new_owner" in asked.output
    assert (
        "tenbyte.webinar: action_base.py:" in asked.output or "tenbyte.webinar: stream_key_lookup.py:" in asked.output
    )
    for run in (quiet, asked):
        assert SECRET not in run.output
        assert "Traceback" not in run.output
