# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The git work tree: what keeps a release from beginning, a copy to make it in, and how its changes get back.

Everything is made and tried in the copy. The work tree changes in one step at the end, so that a release that fails, is
interrupted or is killed leaves it as it was.
"""

from __future__ import annotations

import datetime
import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import yaml

from tests.release.rules import Version

VERSION_LINE = re.compile(r"(?m)^version: *(\S+) *$")
# What a release may change. Everything else is written by people, and was tested before.
CHANGED = ("CHANGELOG.md", "changelogs", "galaxy.yml")
# Files that speak of versions of the past.
_HISTORY = ("CHANGELOG.md", "changelogs/", "tests/")


class ReleaseError(RuntimeError):
    """The release was not made; the message says why."""


def run(command: Sequence[str | Path], folder: Path, environment: Mapping[str, str] | None = None) -> str:
    """Return what a command prints; raise ReleaseError with its messages if it fails."""
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        messages = f"{done.stdout}{done.stderr}".strip()[-4000:]
        raise ReleaseError(f"{Path(words[0]).name} {' '.join(words[1:])} ended with {done.returncode}:\n{messages}")
    return done.stdout


def git(root: Path, *arguments: str) -> str:
    return run(["git", "-C", root, *arguments], root).strip()


def uncommitted(root: Path) -> list[str]:
    """Return the files that are not committed, with git's letters."""
    return git(root, "status", "--porcelain", "--untracked-files=all").splitlines()


def version_in(galaxy: str) -> Version:
    """Return the version in the text of a galaxy.yml."""
    found = VERSION_LINE.findall(galaxy)
    version = Version.of(found[0]) if len(found) == 1 else None
    if version is None:
        raise ReleaseError("galaxy.yml has no line `version: X.Y.Z`")
    return version


def tag_of(version: Version) -> str:
    return f"v{version}"


def has_tag(root: Path, name: str) -> bool:
    return bool(git(root, "tag", "--list", name))


def naming(root: Path, version: Version) -> list[str]:
    """Return the lines that name a version of the collection in other files than galaxy.yml: they would go stale."""
    number = rf"{re.escape(str(version))}(?![.\d]*\d)"
    pattern = re.compile(rf"tenbyte[.-]webinar[-:=<>@v'\" ]*{number}|^[- ]*version: *['\"=<>~]*{number}")
    found = []
    for path in git(root, "ls-files", "-z").split("\0"):
        if path in ("", "galaxy.yml") or path.startswith(_HISTORY) or not (root / path).is_file():
            continue
        lines = (root / path).read_text(errors="replace").splitlines()
        found += [f"{path}:{number}" for number, line in enumerate(lines, 1) if pattern.search(line)]
    return found


def earlier_commit(root: Path, current: Version) -> str | None:
    """Return the tag of the current version, or without one the first commit whose galaxy.yml names that version."""
    if has_tag(root, tag_of(current)):
        return tag_of(current)
    for commit in git(root, "log", "--first-parent", "--reverse", "--format=%H", "--", "galaxy.yml").split():
        try:
            if version_in(git(root, "show", f"{commit}:galaxy.yml")) == current:
                return commit
        except ReleaseError:
            continue
    return None


def copy_of(root: Path, commit: str, folder: Path) -> Path:
    """Check a commit out into a new folder, with its history."""
    run(["git", "clone", "--quiet", "--shared", "--no-checkout", root, folder], root)
    git(
        folder,
        "-c",
        "advice.detachedHead=false",
        "checkout",
        "--quiet",
        "--detach",
        git(root, "rev-parse", f"{commit}^{{commit}}"),
    )
    return folder


def prepare(copy: Path, version: Version, programs: Path, environment: Mapping[str, str]) -> None:
    """Write the version and the changelog into a copy of the work tree."""
    galaxy = copy / "galaxy.yml"
    galaxy.write_text(VERSION_LINE.sub(f"version: {version}", galaxy.read_text()))
    today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    run([programs / "antsibull-changelog", "release", "--version", str(version), "--date", today], copy, environment)
    # A cache of the names of all plugins, which the tool writes again.
    (copy / "changelogs" / ".plugin-cache.yaml").unlink(missing_ok=True)
    released = yaml.safe_load((copy / "changelogs" / "changelog.yaml").read_text())["releases"]
    if str(version) not in released or f"## v{version}\n" not in (copy / "CHANGELOG.md").read_text().replace(
        "\\.", "."
    ):
        raise ReleaseError(f"antsibull-changelog has not written version {version} into the changelog")


def changes(copy: Path) -> str:
    """Return all changes of a copy as a patch."""
    git(copy, "add", "--all")
    names = git(copy, "diff", "--cached", "--name-only", "--no-renames", "HEAD").splitlines()
    others = [name for name in names if not name.startswith(CHANGED)]
    if others:
        raise ReleaseError(f"the release would change {', '.join(others)}, which no release should")
    # The plumbing, which no setting of the user changes.
    plain = ("--cached", "--patch", "--binary", "--no-renames", "--no-ext-diff", "--no-color")
    return run(["git", "-C", copy, "diff-index", *plain, "HEAD"], copy)


def apply(root: Path, commit: str, patch: Path) -> None:
    """Change the work tree, or leave it as it was. A signal waits until one of the two is done."""
    with without_signals():
        if uncommitted(root) or git(root, "rev-parse", "HEAD") != commit:
            raise ReleaseError("the work tree has changed since the release began; it was left as it is")
        try:
            git(root, "apply", "--whitespace=nowarn", str(patch))
        except ReleaseError:
            git(root, "checkout", "--quiet", "HEAD", "--", *CHANGED)
            raise


@contextmanager
def without_signals() -> Iterator[None]:
    """Ignore the signals that end a release."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    earlier = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


def environment_of(programs: Path) -> dict[str, str]:
    """Return an environment in which commands of ``programs`` are found first."""
    return {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
