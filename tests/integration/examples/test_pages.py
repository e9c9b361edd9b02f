# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every block of YAML in README, the pages and the roles' READMEs is run, each page on a service of its own."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import InvalidInput

from tests.documented import ROOT, Block, blocks, pages
from tests.integration.controller import Controller
from tests.integration.examples.page_run import PRESET, PageRun
from tests.simulator.server import Simulator

PAGES = {str(page.relative_to(ROOT)): page for page in pages() if any(not block.not_run for block in blocks(page))}
LEFT_OUT = [block for page in pages() for block in blocks(page) if block.not_run]


@pytest.mark.seed(presets=[{"id": PRESET, "name": "Stage", "type": "rtmp"}])
@pytest.mark.parametrize("page", PAGES)
def test_every_block_of_a_page_runs(simulator: Simulator, controller: Controller, page: str) -> None:
    with tempfile.TemporaryDirectory(prefix="page-") as folder:
        ours = [block for block in blocks(PAGES[page]) if not block.not_run]
        run = PageRun(controller, Path(folder), ours)
        run.write()
        run.environments()
        run.requirements()
        pipelines = run.pipelines()
        runs = [run.preview(), *pipelines.values()]
        assert simulator.journal.writes() == [], "check mode has written"
        runs += [done for done in (run.apply(), run.with_credential()) if done]
        # A pipeline's command without an inventory provisions the sessions alone.
        without_hosts = [done for command, done in pipelines.items() if "-i" not in command.split()]
        for done in runs:
            assert done.returncode == 0, done.output
            assert done in without_hosts or "skipping: no hosts matched" not in done.output
        # What a block writes to /etc/encoder are keys.
        for block in (block for block in ours if 'dest: "/etc/encoder' in block.text):
            written = [file.read_text() for file in run.keys_of(block).iterdir()]
            assert written, block
            assert set(written) <= set(simulator.issued_keys())


@pytest.mark.seed(presets=[{"id": PRESET, "name": "Stage", "type": "rtmp"}])
@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [("sessions:", "sesions:", "sesions"), ("encoders:", "encorders:", "Hosts without a role: ['encoder1']")],
    ids=["playbook", "inventory"],
)
def test_a_mistake_in_a_block_fails(controller: Controller, tmp_path: Path, right: str, wrong: str, said: str) -> None:
    run = with_mistake(controller, tmp_path, right, wrong)
    done = run.preview()
    assert done.returncode != 0
    assert said in done.output


def test_a_mistake_in_the_variables_of_a_stream_fails(controller: Controller, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="Main stage/Keynote: ffmpeg_encoder_sources"):
        with_mistake(controller, tmp_path, "type: url", "type: urll").preview()


def with_mistake(controller: Controller, folder: Path, right: str, wrong: str) -> PageRun:
    """Return a run of one block of README with a mistake in it."""
    page = ROOT / "README.md"
    block = next(block for block in blocks(page) if right in block.text)
    run = PageRun(controller, folder / "page", [Block(page, block.number, block.text.replace(right, wrong))])
    run.write()
    return run


@pytest.mark.parametrize("block", LEFT_OUT, ids=str)
def test_a_block_that_cannot_be_run_says_why(block: object) -> None:
    pytest.skip(f"{block}: {getattr(block, 'not_run', '')}")
