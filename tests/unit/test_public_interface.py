# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What users can name is what was agreed on, and a change of it is told in the changelog."""

from __future__ import annotations

import re

import pytest
import yaml

from tests.history import earlier_commit, git
from tests.public_interface import PAGE, ROOT, UPDATE, interface, playbook_variables
from tests.release.interface_change import compare, redirects, untold
from tests.release.rules import FRAGMENTS, entries_of, fragments_in, read_fragment

CHANGELOG = "changelogs/changelog.yaml"

TELL = f"""
If that is meant, write it down with `{UPDATE}` and tell users in a fragment in changelogs/fragments."""


def test_users_can_name_what_was_agreed_on() -> None:
    agreed, now = PAGE.read_text().splitlines(), interface()
    gone = [f"- {line}" for line in agreed if line not in now]
    new = [f"+ {line}" for line in now if line not in agreed]
    if gone or new:
        pytest.fail("\n".join(["What users can name has changed:", *gone, *new, TELL]), pytrace=False)
    assert agreed == now, f"{PAGE.name} is not sorted, or says something twice: {UPDATE}"


def test_a_change_of_it_is_told_in_the_changelog() -> None:
    """Compares with the branch `main`, or on it with the commit before the last."""
    base = earlier_commit()
    listed = base and git("show", f"{base}:{PAGE.relative_to(ROOT)}")
    if base is None or listed is None:
        pytest.skip("there is no earlier state to compare with")
    runtime = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())
    difference = compare(listed.splitlines(), PAGE.read_text().splitlines(), redirects(runtime))
    before = entries_at(base)
    now = entries_of(fragments_in(ROOT).values(), (ROOT / CHANGELOG).read_text())
    problems = untold(difference, {section: entries - before.get(section, set()) for section, entries in now.items()})
    if problems:
        pytest.fail("\n".join(["The changelog does not tell of (docs/versioning.md):", *problems]), pytrace=False)


def entries_at(commit: str) -> dict[str, set[str]]:
    names = (git("ls-tree", "-r", "--name-only", commit, FRAGMENTS) or "").split()
    texts = [git("show", f"{commit}:{name}") or "" for name in names]
    return entries_of(map(read_fragment, texts), git("show", f"{commit}:{CHANGELOG}") or "")


@pytest.mark.parametrize("playbook", sorted(path.stem for path in (ROOT / "playbooks").glob("*.yml")))
def test_every_variable_that_a_playbook_reads_is_documented(playbook: str) -> None:
    named = set(re.findall(r"`(\w+)`", (ROOT / "docs" / "playbooks.md").read_text()))
    assert sorted(playbook_variables(playbook) - named) == []


def test_every_variable_that_the_documentation_gives_a_playbook_is_read() -> None:
    rows = re.findall(r"(?m)^\| `(\w+)` \|[^|]*\|(.*)\|$", (ROOT / "docs" / "playbooks.md").read_text())
    cells = {name: cell for name, cell in rows if (ROOT / "playbooks" / f"{name}.yml").exists()}
    assert len(cells) == len(list((ROOT / "playbooks").glob("*.yml")))
    for playbook, cell in cells.items():
        own = {name for name in re.findall(r"`(\w+)`", cell) if name.startswith((f"{playbook}_", "event_rooms"))}
        assert sorted(own - playbook_variables(playbook)) == [], playbook
