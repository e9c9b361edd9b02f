# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which version may follow which, and what its changelog may say."""

from __future__ import annotations

import pytest
import yaml

from tests.public_interface import ROOT
from tests.release.rules import (
    LEVELS,
    SECTIONS,
    Fragment,
    Version,
    entries_of,
    fragment_problems,
    level_of,
    read_fragment,
    version_problem,
)

CURRENT = Version(1, 4, 2)


@pytest.mark.parametrize("text", ["1.4.3", "1.5.0", "2.0.0"])
def test_the_next_patch_minor_and_major_version_may_follow(text: str) -> None:
    assert version_problem(text, CURRENT) is None


@pytest.mark.parametrize(
    "text", ["1", "1.5", "v1.5.0", "1.5.0-rc.1", "1.5.0+b", "01.5.0", "1.5.0 ", "\u0661.\u0665.\u0660", "x", "1.5.0\n"]
)
def test_a_text_that_is_no_version_is_refused_by_its_form(text: str) -> None:
    assert "three numbers" in (version_problem(text, CURRENT) or "")


@pytest.mark.parametrize("text", ["1.4.2", "1.4.1", "1.3.9", "0.9.0"])
def test_a_version_that_is_not_newer_is_refused(text: str) -> None:
    assert "not newer than 1.4.2" in (version_problem(text, CURRENT) or "")


@pytest.mark.parametrize("text", ["1.4.4", "1.6.0", "1.5.1", "2.1.0", "3.0.0", "2.0.1"])
def test_a_version_that_leaves_out_others_is_refused_and_the_choice_is_named(text: str) -> None:
    problem = version_problem(text, CURRENT) or ""
    assert "leaves out" in problem
    assert all(str(CURRENT.after(level)) in problem for level in LEVELS)


def test_a_missing_version_names_the_choice() -> None:
    assert "1.4.3 (patch), 1.5.0 (minor), 2.0.0 (major)" in (version_problem("", CURRENT) or "")


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_needs_a_release_of_its_level_or_a_higher_one(section: str, level: str) -> None:
    fragments = {"a.yml": {section: ("text",)}, "b.yml": {"bugfixes": ("text",)}}
    problems = fragment_problems(fragments, CURRENT.after(level), CURRENT)
    assert bool(problems) == (LEVELS.index(SECTIONS[section]) > LEVELS.index(level))
    assert all("a.yml" in one and section in one for one in problems)


def test_before_version_1_a_minor_release_may_break_things_and_a_patch_may_not() -> None:
    early, fragments = Version(0, 3, 1), {"a.yml": {"breaking_changes": ("text",)}}
    assert not fragment_problems(fragments, early.after("minor"), early)
    assert fragment_problems(fragments, early.after("patch"), early)


@pytest.mark.parametrize("fragments", [{}, {"a.yml": {}}, {"a.yml": {"trivial": ("text",)}}])
def test_a_release_without_anything_to_tell_is_refused(fragments: dict[str, dict[str, tuple[str, ...]]]) -> None:
    assert fragment_problems(fragments, CURRENT.after("patch"), CURRENT)


def test_a_section_that_nobody_knows_needs_a_major_release() -> None:
    assert fragment_problems({"a.yml": {"bugfix": ("text",)}}, CURRENT.after("minor"), CURRENT)


def test_each_section_of_the_changelog_has_a_level() -> None:
    config = yaml.safe_load((ROOT / "changelogs" / "config.yaml").read_text())
    sections = {name for name, _title in config["sections"]}
    assert {*sections, config["prelude_section_name"], config["trivial_section_name"]} == set(SECTIONS)


def test_a_fragment_is_read_by_its_sections() -> None:
    assert read_fragment("release_summary: One.\nbugfixes: [a, b]") == {
        "release_summary": ("One.",),
        "bugfixes": ("a", "b"),
    }
    assert read_fragment("- a list") == {}


def test_every_version_but_a_skipped_one_has_a_level() -> None:
    assert [level_of(CURRENT.after(level), CURRENT) for level in LEVELS] == list(LEVELS)
    assert level_of(Version(1, 4, 9), CURRENT) is None


def test_entries_are_those_of_fragments_and_of_releases() -> None:
    changelog = "releases: {1.0.0: {changes: {bugfixes: [c], release_summary: one}}, 1.0.1: {}}"
    fragments: list[Fragment] = [{"bugfixes": ("a", "b")}, {"minor_changes": ("d",)}]
    expected = {"bugfixes": {"a", "b", "c"}, "minor_changes": {"d"}, "release_summary": {"one"}}
    assert entries_of(fragments, changelog) == expected
    assert entries_of([], "releases: {}") == entries_of([], "") == {}
