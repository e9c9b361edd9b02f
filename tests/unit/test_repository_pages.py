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
# All pages but the changelog, which a tool writes.
PAGES = sorted(
    str(path.relative_to(ROOT))
    for place in ("*.md", "docs/**/*.md", "roles/*/README.md")
    for path in ROOT.glob(place)
    if path.name != "CHANGELOG.md"
)
# Characters of a line of prose. A row of a table, an address and what a block of code shows may be longer.
LONGEST_LINE = 180
# What the certification of a collection asks for, in this order.
SECTIONS = [
    "Description",
    "Requirements",
    "Installation",
    "Use cases",
    "Testing",
    "Contributing",
    "Support",
    "Release notes and roadmap",
    "Related information",
    "License information",
]


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
        program, *names = command.split(">>", maxsplit=1)[0].split()
        known = {"make": TARGETS, "scripts/test": STAGES}[program]
        assert names
        assert set(names) <= known, command


def test_the_time_of_make_test_is_the_same_wherever_it_is_named() -> None:
    # README's comment, Makefile's help, and the pages for those who change something.
    named = {
        place: re.findall(r"(about [^()\n]* on two cores)", line)
        for place in ("README.md", "Makefile", "CONTRIBUTING.md", "docs/contributing.md")
        for line in (ROOT / place).read_text().splitlines()
        if re.match(r"\$ make test\b|test: ##|`make test` takes\b", line)
    }
    assert len(named) == 4
    assert all(len(times) == 1 for times in named.values()), named
    assert len({times[0] for times in named.values()}) == 1, named


def test_every_target_that_tests_has_a_row_in_the_page_about_testing() -> None:
    by_heading = dict(re.findall(r"(?ms)^## ([^\n]*):\n(.*?)(?=^## |\Z)", (ROOT / "Makefile").read_text()))
    headings = ("While you write", "Before a commit", "Before a merge or a release", "With real media, and on machines")
    targets = {name for heading in headings for name in re.findall(r"(?m)^([a-z0-9-]+):.*##", by_heading[heading])}
    assert targets
    # It prints a list for CI.
    missing = {name for name in targets - {"matrix"} if f"`make {name}`" not in (ROOT / "TESTING.md").read_text()}
    assert not missing


def anchors(page: Path) -> list[str]:
    headings = re.findall(r"(?m)^#+ (.*)$", page.read_text())
    return [re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings]


def assert_leads_somewhere(target: Path, section: str) -> None:
    assert target.exists(), target
    assert not section or section in anchors(target), (target, section)


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files_and_sections(page: str) -> None:
    for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", (ROOT / page).read_text()):
        name, _hash, section = link.partition("#")
        assert_leads_somewhere((ROOT / page).parent / name if name else ROOT / page, section)


@pytest.mark.parametrize("page", PAGES)
def test_lines_of_prose_are_wrapped(page: str) -> None:
    prose = re.sub(r"(?ms)^ *```.*?^ *```$", "", (ROOT / page).read_text())
    lines = [line for line in prose.splitlines() if " " in line.strip() and not line.lstrip().startswith(("|", "!["))]
    assert lines
    assert [line for line in lines if len(line) > LONGEST_LINE] == []


def test_the_readme_has_full_addresses_alone_and_each_leads_to_a_file() -> None:
    # Galaxy shows README.md on a page of its own, where a relative link leads nowhere.
    text = (ROOT / "README.md").read_text()
    address = settings("galaxy.yml")["repository"]
    assert re.findall(r"\]\((?!https:)[^)]*\)|(?m:^\[[\w-]+\]: (?!https:).*$)", text) == []
    named = set(re.findall(r"(?m)^\[([\w-]+)\]: ", text))
    asked = {two or one for one, two in re.findall(r"(?<![`!\w])\[([\w -]+)\](?:\[([\w-]+)\])?(?![(:\w])", text)}
    assert {one for one in asked if one != "defaults"} == named
    raw = address.replace("https://github.com/", "https://raw.githubusercontent.com/")
    links = [*re.findall(rf"{address}/(?:blob|tree)/main/([^)\s]+)", text), *re.findall(rf"{raw}/main/([^)\s]+)", text)]
    assert len(links) > 15
    for link in links:
        name, _hash, section = link.partition("#")
        assert_leads_somewhere(ROOT / name, section)
    elsewhere = re.findall(rf"{address}/?([^)\s]*)", text)
    assert {one for one in elsewhere if not one.startswith(("blob/main/", "tree/main/"))} == {"issues"}


def test_the_readme_has_the_sections_that_certification_asks_for() -> None:
    assert re.findall(r"(?m)^## (.*)$", (ROOT / "README.md").read_text()) == SECTIONS


def test_the_address_of_the_project_is_in_three_places_alone() -> None:
    galaxy = settings("galaxy.yml")
    address = galaxy["repository"]
    assert all(galaxy[key].startswith(address) for key in ("homepage", "documentation", "issues"))
    folders = (".github", "docs", "meta", "playbooks", "plugins", "roles")
    texts = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in (".md", ".py", ".yml")]
    texts += [path for path in ROOT.glob("*") if path.is_file()]
    named = {str(path.relative_to(ROOT)) for path in texts if address in path.read_text(errors="replace")}
    assert named == {"galaxy.yml", "README.md", "docs/contributing.md"}


def test_the_licence_is_the_same_for_people_and_for_reuse() -> None:
    assert (ROOT / "LICENSES" / "GPL-3.0-or-later.txt").read_text() == (ROOT / "COPYING").read_text()
