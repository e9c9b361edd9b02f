# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What users can name is what was agreed on, and a change of it is told in the changelog."""

from __future__ import annotations

import re

import pytest

from tests.history import earlier_commit, git
from tests.public_interface import PAGE, ROOT, UPDATE, interface, playbook_variables

TELL = f"""
If that is meant, write it down with `{UPDATE}` and tell users in a fragment in changelogs/fragments."""


def test_users_can_name_what_was_agreed_on() -> None:
    agreed, now = PAGE.read_text().splitlines(), interface()
    gone = [f"- {line}" for line in agreed if line not in now]
    new = [f"+ {line}" for line in now if line not in agreed]
    if gone or new:
        pytest.fail("\n".join(["What users can name has changed:", *gone, *new, TELL]), pytrace=False)
    assert agreed == now, f"{PAGE.name} is not sorted, or says something twice: {UPDATE}"


def test_a_change_of_it_comes_with_a_changelog_fragment() -> None:
    """Compares with the branch `main`, or on it with the commit before the last."""
    base = earlier_commit()
    if base is None or git("cat-file", "-e", f"{base}:{PAGE.relative_to(ROOT)}") is None:
        pytest.skip("there is no earlier state to compare with")
    changed = (git("diff", "--name-only", base) or "").split()
    changed += (git("ls-files", "--others", "--exclude-standard", "changelogs/fragments") or "").split()
    told = any(name.startswith("changelogs/fragments/") for name in changed)
    if str(PAGE.relative_to(ROOT)) in changed and not told:
        pytest.fail(f"{PAGE.name} has changed, and no fragment in changelogs/fragments says why", pytrace=False)


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
