# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Versions, and what a release of each level may say in the changelog: the rules of docs/versioning.md."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

LEVELS = ("patch", "minor", "major")
# The least level of a release that may have a section of the changelog.
SECTIONS = {
    "release_summary": "patch",
    "bugfixes": "patch",
    "security_fixes": "patch",
    "known_issues": "patch",
    "trivial": "patch",
    "minor_changes": "minor",
    "major_changes": "minor",
    "deprecated_features": "minor",
    "breaking_changes": "major",
    "removed_features": "major",
}
FRAGMENTS = "changelogs/fragments"
# A fragment's entries by its sections.
Fragment = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, order=True)
class Version:
    major: int
    minor: int
    patch: int

    @classmethod
    def of(cls, text: str) -> Version | None:
        """Return None if the text is not a version of three numbers. A release of this project has no suffix."""
        found = re.fullmatch(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)", text, re.ASCII)
        return cls(*(int(part) for part in found.groups())) if found else None

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    def after(self, level: str) -> Version:
        """Return the version that follows this one."""
        following = {
            "patch": Version(self.major, self.minor, self.patch + 1),
            "minor": Version(self.major, self.minor + 1, 0),
            "major": Version(self.major + 1, 0, 0),
        }
        return following[level]


def version_problem(text: str, current: Version) -> str | None:
    """Return why a text cannot be the next version, None if it can."""
    choice = ", ".join(f"{current.after(level)} ({level})" for level in LEVELS)
    if not text:
        return f"VERSION is missing: make release VERSION=X.Y.Z; after {current} come {choice}"
    version = Version.of(text)
    if version is None:
        return (
            f"VERSION is '{text[:40]}'; give three numbers without leading zeros, such as {current.after('minor')}, "
            "and nothing before or after them"
        )
    if version <= current:
        return f"VERSION {version} is not newer than {current} in galaxy.yml; after it come {choice}"
    if level_of(version, current) is None:
        return f"VERSION {version} leaves out versions; after {current} come {choice}"
    return None


def level_of(version: Version, current: Version) -> str | None:
    """Return the level of a release, None if it does not follow the current version."""
    return next((level for level in LEVELS if current.after(level) == version), None)


def permitted(version: Version, current: Version) -> str:
    """Return the level of the changes that a release may have. Before 1.0.0, a minor release may break things."""
    level = level_of(version, current) or "patch"
    return "major" if level == "minor" and version.major == 0 else level


def read_fragment(text: str) -> Fragment:
    """Return a fragment's entries by section; what is no fragment has none, and antsibull-changelog names it."""
    found: Any = yaml.safe_load(text)
    if not isinstance(found, dict):
        return {}
    return {
        str(section): tuple(str(one) for one in (entries if isinstance(entries, list) else [entries]))
        for section, entries in found.items()
    }


def fragments_in(root: Path) -> dict[str, Fragment]:
    """Return all fragments of a work tree by their paths."""
    found = sorted(path for path in (root / FRAGMENTS).glob("*") if path.suffix in (".yml", ".yaml"))
    return {str(path.relative_to(root)): read_fragment(path.read_text()) for path in found}


def fragment_problems(fragments: Mapping[str, Fragment], version: Version, current: Version) -> list[str]:
    """Return what keeps the fragments from being a release's changelog."""
    if not any(set(fragment) - {"trivial"} for fragment in fragments.values()):
        return [f"no fragment in {FRAGMENTS} says what has changed since {current}"]
    level = permitted(version, current)
    found = []
    for path, fragment in fragments.items():
        needed = {section: SECTIONS.get(section, "major") for section in fragment}
        found += [
            f"{path} has {section}, for which {version} would have to be a {least} release; it is a {level} one"
            for section, least in needed.items()
            if LEVELS.index(least) > LEVELS.index(level)
        ]
    return found


def entries_of(fragments: Iterable[Fragment], changelog: str) -> dict[str, set[str]]:
    """Return all entries by section: of fragments, and of the releases in the text of changelogs/changelog.yaml."""
    releases = (yaml.safe_load(changelog) or {}).get("releases") or {}
    released = [read_fragment(yaml.safe_dump(one["changes"])) for one in releases.values() if one.get("changes")]
    found: dict[str, set[str]] = {}
    for fragment in (*fragments, *released):
        for section, entries in fragment.items():
            found.setdefault(section, set()).update(entries)
    return found
