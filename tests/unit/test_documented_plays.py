# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plays that users copy or run gather no facts and hide no failure."""

from __future__ import annotations

import re

import yaml

from tests.documented import KINDS, NOT_RUN, ROOT, blocks, code_blocks, pages, playbooks, plays, plugin_examples


def test_plays_are_found_in_the_readme_the_roles_and_the_playbooks() -> None:
    places = {where.partition(",")[0] for where, _play in plays()}
    assert {"README.md", "roles/event/README.md", "roles/ffmpeg_encoder/README.md", "playbooks/verify.yml"} <= places
    assert len(playbooks()) > 10


def test_no_play_gathers_facts() -> None:
    # Facts hold the environment with its credentials, and a fact cache keeps them in clear.
    assert [f"{where}: {play}" for where, play in plays() if play.get("gather_facts") is not False] == []


def test_every_play_in_the_pages_is_in_a_yaml_block() -> None:
    found = {where.partition(",")[0] for where, _play in plays()}
    for page in pages():
        fenced = "\n".join(code_blocks(page, "ya?ml"))
        without = page.read_text()
        for block in code_blocks(page, "ya?ml"):
            without = without.replace(block, "")
        assert not re.search(r"(?m)^\s*-? *hosts: ", without), f"{page}: a play that is in no block of YAML"
        if re.search(r"(?m)^\s*-? *hosts: \S", fenced):
            assert str(page.relative_to(ROOT)) in found


def test_no_example_takes_a_missing_list_for_success() -> None:
    # A failed task may return no lists: a default for them must not turn the failure into success.
    for where, entries in plugin_examples().items():
        for entry in entries:
            for keyword in ("failed_when", "until"):
                condition = str(entry.get(keyword, ""))
                assert "is failed" in condition or "default(" not in condition or "'gone'" in condition, (
                    where,
                    condition,
                )
            assert not entry.get("ignore_errors"), (where, entry["name"])
            assert not entry.get("ignore_unreachable"), (where, entry["name"])


def test_every_block_of_yaml_can_be_read() -> None:
    for page in pages():
        for block in code_blocks(page, "ya?ml"):
            list(yaml.parse(block))


def test_every_block_of_yaml_is_run_or_says_why_not() -> None:
    # tests/integration/examples/test_pages.py runs what has a kind.
    found = [block for page in pages() for block in blocks(page)]
    unknown = [str(block) for block in found if block.kind not in KINDS and not block.not_run]
    assert unknown == [], "name it a harness in tests/documented.py, or a reason in NOT_RUN there"
    used = {(str(block.page.relative_to(ROOT)), block.text.partition("\n")[0]) for block in found if block.not_run}
    assert used == set(NOT_RUN)
