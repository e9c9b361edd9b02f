# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pages and settings at the top of the repository name targets, stages, files and addresses that exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
TARGETS = set(re.findall(r"(?m)^([a-z0-9-]+):.*##", (ROOT / "Makefile").read_text()))
STAGES = set(re.findall(r"(?m)^run_([\w-]+)\(\)", (ROOT / "scripts" / "test").read_text()))
PAGES = ("CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md")


def settings(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text())


def commands(*, of_hooks: bool) -> list[str]:
    if of_hooks:
        return [hook["entry"] for repo in settings(".pre-commit-config.yaml")["repos"] for hook in repo["hooks"]]
    found = []
    for job in settings(".github/workflows/ci.yml")["jobs"].values():
        targets = job.get("strategy", {}).get("matrix", {}).get("target", [""])
        runs = [step["run"] for step in job["steps"] if "run" in step]
        assert runs
        found += [run.replace("${{ matrix.target }}", target) for run in runs for target in targets]
    return found


@pytest.mark.parametrize("of_hooks", [True, False], ids=["pre-commit", "workflow"])
def test_only_existing_targets_and_stages_are_called(of_hooks: bool) -> None:
    for command in commands(of_hooks=of_hooks):
        program, *names = command.split()
        known = {"make": TARGETS, "scripts/test": STAGES}[program]
        assert names
        assert set(names) <= known, command


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files_and_sections(page: str) -> None:
    links = re.findall(r"\]\((?!https:)([^)]+)\)", (ROOT / page).read_text())
    for link in links:
        name, _hash, section = link.partition("#")
        target = ROOT / name
        assert target.is_file(), link
        headings = re.findall(r"(?m)^#+ (.*)$", target.read_text())
        anchors = [re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings]
        assert not section or section in anchors, link


def test_the_address_of_the_project_is_in_two_places_alone() -> None:
    galaxy = settings("galaxy.yml")
    address = galaxy["repository"]
    assert all(galaxy[key].startswith(address) for key in ("homepage", "documentation", "issues"))
    folders = (".github", "docs", "meta", "playbooks", "plugins", "roles")
    texts = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in (".md", ".py", ".yml")]
    texts += [path for path in ROOT.glob("*") if path.is_file()]
    named = {str(path.relative_to(ROOT)) for path in texts if address in path.read_text(errors="replace")}
    assert named == {"galaxy.yml", "docs/contributing.md"}


def test_the_licence_is_the_same_for_people_and_for_reuse() -> None:
    assert (ROOT / "LICENSES" / "GPL-3.0-or-later.txt").read_text() == (ROOT / "COPYING").read_text()
