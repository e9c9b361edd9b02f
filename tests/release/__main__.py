# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`python -m tests.release [--check] VERSION`: checks, makes and tries a release, and leaves one difference to review.

With --check, it only says what keeps the release from beginning.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import yaml

from tests.lab.demo import DemoError, say
from tests.lab.ingest import IngestError
from tests.lab.media import MediaError
from tests.lab.stage import StageError
from tests.release import tree, trial
from tests.release.interface_change import compare, redirects
from tests.release.rules import LEVELS, Version, fragment_problems, fragments_in, permitted, version_problem
from tests.release.tree import ReleaseError

ROOT = Path(__file__).resolve().parents[2]
RELEASED = ROOT / "build" / "release"
PROGRAMS = Path(sys.executable).parent
INTERFACE = "tests/public_interface.txt"
FIRST_STABLE = Version(1, 0, 0)


def main(arguments: Sequence[str]) -> int:
    only_check, arguments = "--check" in arguments, [one for one in arguments if one != "--check"]
    if len(arguments) != 1:
        print("usage: make release VERSION=X.Y.Z", file=sys.stderr)
        return 2
    # TERM and a closed terminal clean up as Ctrl-C does.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda got, _frame: sys.exit(128 + got))
    folder = Path(tempfile.mkdtemp(prefix="tenbyte-webinar-release-"))
    try:
        if only_check:
            permitted_version(arguments[0])
            return 0
        version = release(arguments[0], folder)
    except (ReleaseError, DemoError, StageError, IngestError, MediaError, OSError) as error:
        print(f"\nNo release: {error}\nThe work tree is as it was.", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, SystemExit) as ended:
        print("\nInterrupted. The work tree is as it was.", file=sys.stderr)
        return 130 if isinstance(ended, KeyboardInterrupt) else int(ended.code or 0)
    finally:
        # A second Ctrl-C must not interrupt the cleaning up.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        shutil.rmtree(folder, ignore_errors=True)
    # From here on, the changes are in the work tree.
    try:
        tell(version)
    except (ReleaseError, OSError) as error:
        # Nothing more can be printed there, by the interpreter's own end either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        print(
            f"\n{version} is in the work tree (git diff) and in build/release, but not all could be said: {error}",
            file=sys.stderr,
        )
        return 1
    return 0


def permitted_version(text: str) -> tuple[Version, Version]:
    """Return the version to make and the current one, or raise ReleaseError with all that keeps it from beginning."""
    current = tree.version_in((ROOT / "galaxy.yml").read_text())
    found = problems(ROOT, text, current)
    version = Version.of(text)
    if found or version is None:
        raise ReleaseError("\n".join(["it was refused before anything was done:", *(f"  - {one}" for one in found)]))
    return version, current


def release(text: str, folder: Path) -> Version:
    version, current = permitted_version(text)
    commit = tree.git(ROOT, "rev-parse", "HEAD")
    earlier = tree.earlier_commit(ROOT, current)

    say(f"Writing {version} and its changelog in a copy of {commit[:12]}")
    copy = tree.copy_of(ROOT, commit, folder / "source")
    environment = tree.environment_of(PROGRAMS)
    tree.prepare(copy, version, PROGRAMS, environment)
    patch = folder / "release.patch"
    patch.write_text(tree.changes(copy))

    say("Building the artifact, and checking it as Galaxy and Automation Hub do")
    trial.checked([copy / "scripts" / "build"], copy, environment)
    artifact = copy / "build" / f"tenbyte-webinar-{version}.tar.gz"
    importer = {**environment, "IMPORTER_ENVIRONMENT": str(ROOT / "build" / "importer"), "PYTHON": sys.executable}
    trial.checked([copy / "scripts" / "importer", artifact, folder / "importer"], copy, importer)

    trial.in_an_empty_environment(folder, artifact)
    if earlier is None:
        say(f"This clone has no commit of {current}: the upgrade from it was not tried")
    else:
        trial.as_an_upgrade(folder, artifact, earlier)
    with tree.without_signals(), placed(artifact):
        tree.apply(ROOT, commit, patch)
    return version


def problems(root: Path, text: str, current: Version) -> list[str]:
    """Return what keeps a release from beginning, all of it at once."""
    found = []
    dirty = tree.uncommitted(root)
    if dirty:
        found.append(f"the work tree is not clean; commit or remove: {', '.join(line.strip() for line in dirty[:10])}")
    problem = version_problem(text, current)
    if problem is not None:
        found.append(problem)
    linted = subprocess.run(
        [PROGRAMS / "antsibull-changelog", "lint"], cwd=root, capture_output=True, text=True, check=False
    )
    if linted.returncode != 0:
        return [*found, f"antsibull-changelog refuses a fragment: {linted.stdout.strip() or linted.stderr.strip()}"]
    version = Version.of(text)
    if problem is None and version is not None:
        found += fragment_problems(fragments_in(root), version, current)
        found += interface_problems(root, version, current)
        if tree.has_tag(root, tree.tag_of(version)):
            found.append(f"there is a tag {tree.tag_of(version)} already")
    found += [
        f"{line} names the version {current}, which only galaxy.yml should" for line in tree.naming(root, current)
    ]
    return found


def interface_problems(root: Path, version: Version, current: Version) -> list[str]:
    """Return which changes of the public names since the tag of the current version need a higher release."""
    tag = tree.tag_of(current)
    if not tree.has_tag(root, tag):
        if current < FIRST_STABLE:
            return []
        return [f"there is no tag {tag}, with which {INTERFACE} is to be compared: git fetch --tags"]
    runtime = yaml.safe_load((root / "meta" / "runtime.yml").read_text())
    difference = compare(
        tree.git(root, "show", f"{tag}:{INTERFACE}").splitlines(),
        (root / INTERFACE).read_text().splitlines(),
        redirects(runtime),
    )
    level = LEVELS.index(permitted(version, current))
    needed = [("major", line) for line in difference.broken] + [("minor", line) for line in difference.added]
    return [
        f"{INTERFACE} has changed since {tag} in a way that needs a {least} release: {line}"
        for least, line in needed
        if LEVELS.index(least) > level
    ]


@contextmanager
def placed(artifact: Path) -> Iterator[None]:
    """Put the artifact and its checksum into build/release; put back what was there if the body fails."""
    made, earlier = RELEASED.with_name("release.new"), RELEASED.with_name("release.earlier")
    # A release that was killed here has left both.
    shutil.rmtree(made, ignore_errors=True)
    if earlier.exists() and not RELEASED.exists():
        earlier.rename(RELEASED)
    shutil.rmtree(earlier, ignore_errors=True)
    made.mkdir(parents=True)
    shutil.copy(artifact, made)
    checksum = hashlib.sha256(artifact.read_bytes()).hexdigest()
    (made / "SHA256SUMS").write_text(f"{checksum}  {artifact.name}\n")
    if RELEASED.exists():
        RELEASED.rename(earlier)
    try:
        made.rename(RELEASED)
        yield
    except BaseException:
        shutil.rmtree(RELEASED, ignore_errors=True)
        if earlier.exists():
            earlier.rename(RELEASED)
        raise
    shutil.rmtree(earlier, ignore_errors=True)


def tell(version: Version) -> None:
    say(f"{version} is ready for review; nothing is committed, tagged or published")
    print(tree.git(ROOT, "diff", "--stat", "--stat-width=100"))
    artifact = f"build/release/tenbyte-webinar-{version}.tar.gz"
    print(
        f"""
The artifact is {artifact}; its checksum is in build/release/SHA256SUMS
(cd build/release && sha256sum --check SHA256SUMS).

Before:   make test and make gates have passed on the commit before this difference
Review:   git diff. If a line is to change: undo, commit it, and make the release again (the artifact has the old one)
Commit:   git add --all -- {" ".join(tree.CHANGED)}
          git commit --message 'Release {version}'
Tag:      git tag --annotate {tree.tag_of(version)} --message 'tenbyte.webinar {version}'
Publish:  ansible-galaxy collection publish {artifact}
Or undo:  git checkout HEAD -- {" ".join(tree.CHANGED)}""",
        flush=True,
    )


if __name__ == "__main__":
    started = time.monotonic()
    code = main(sys.argv[1:])
    if code == 0:
        print(f"\nThe release took {time.monotonic() - started:.0f} s.", flush=True)
    sys.exit(code)
