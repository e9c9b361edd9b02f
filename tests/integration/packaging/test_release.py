# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`make release` refuses before it does anything, leaves one difference to review, and changes nothing if it fails.

The trials of the artifact, which take minutes, are replaced here; so are the programs that build and import it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from tests.lab.demo import DemoError
from tests.release import __main__ as command
from tests.release import tree, trial
from tests.release.rules import Version
from tests.release.tree import ReleaseError

ROOT = Path(__file__).resolve().parents[3]
CURRENT = Version(1, 4, 2)
CHANGELOG = """ancestor: null
releases: {}
"""
GALAXY = """namespace: tenbyte
name: webinar
version: 1.4.2
readme: README.md
authors: [nobody]
"""
FAKE_BUILD = """#!/bin/sh
mkdir -p build
echo artifact > build/tenbyte-webinar-$(sed -n 's/^version: //p' galaxy.yml).tar.gz
"""
INTERFACE = ("module room", "module room: option title: str")


class Repository:
    """A small project with all that a release reads, in a git repository of its own."""

    def __init__(self, folder: Path) -> None:
        self.root = folder
        shutil.copytree(ROOT / "changelogs", folder / "changelogs", ignore=shutil.ignore_patterns("fragments"))
        self.write("changelogs/changelog.yaml", CHANGELOG)
        self.write("galaxy.yml", GALAXY)
        self.write("CHANGELOG.md", "No version has been released yet.\n")
        self.write("README.md", "A project.\n")
        self.write(".gitignore", "/build/\n")
        self.write("meta/runtime.yml", "requires_ansible: '>=2.16.0'\n")
        self.interface(*INTERFACE)
        self.fragment("bugfixes", "room - works.")
        for name, script in (("build", FAKE_BUILD), ("importer", "#!/bin/sh\nexit 0\n")):
            self.write(f"scripts/{name}", script)
            (folder / "scripts" / name).chmod(0o755)
        self.git("init", "--quiet", "--initial-branch", "main")
        self.git("config", "user.name", "nobody")
        self.git("config", "user.email", "nobody@example.com")
        self.commit()
        self.git("tag", "v1.4.2")

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def fragment(self, section: str, text: str, name: str = "change.yml") -> None:
        self.write(f"changelogs/fragments/{name}", yaml.safe_dump({section: [text]}))

    def interface(self, *lines: str) -> None:
        self.write("tests/public_interface.txt", "".join(f"{line}\n" for line in lines))

    def git(self, *arguments: str) -> str:
        return tree.git(self.root, *arguments)

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "change")

    def state(self) -> dict[str, bytes]:
        """Return all files but git's and those that git ignores, with what git says of them."""
        files = {
            str(path.relative_to(self.root)): path.read_bytes()
            for path in self.root.rglob("*")
            if path.is_file() and path.relative_to(self.root).parts[0] not in (".git", "build")
        }
        return {**files, "HEAD": self.git("rev-parse", "HEAD").encode(), "status": "\n".join(self.status()).encode()}

    def status(self) -> list[str]:
        return tree.uncommitted(self.root)

    def problems(self, version: str) -> list[str]:
        return command.problems(self.root, version, CURRENT)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    folder = tmp_path / "project"
    folder.mkdir()
    return Repository(folder)


@pytest.fixture
def release(repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Make a release of the repository. The trials of the artifact pass, unless a test replaces them again."""
    monkeypatch.setattr(command, "ROOT", repository.root)
    monkeypatch.setattr(command, "RELEASED", repository.root / "build" / "release")
    monkeypatch.setattr(trial, "in_an_empty_environment", lambda *_arguments: None)
    monkeypatch.setattr(trial, "as_an_upgrade", lambda *_arguments: None)

    def make(version: str) -> None:
        folder = tmp_path / "work"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        command.tell(command.release(version, folder))

    return make


def test_a_release_is_one_difference_that_is_not_committed(
    repository: Repository, release: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    before = repository.git("rev-parse", "HEAD")
    release("1.4.3")
    assert (repository.git("rev-parse", "HEAD"), repository.git("tag", "--list")) == (before, "v1.4.2")
    assert {line.split()[-1] for line in repository.status()} == {
        *("CHANGELOG.md", "galaxy.yml", "changelogs/changelog.yaml", "changelogs/fragments/change.yml"),
    }
    assert (repository.root / "galaxy.yml").read_text() == GALAXY.replace("1.4.2", "1.4.3")
    assert "room \\- works" in (repository.root / "CHANGELOG.md").read_text()
    assert not list((repository.root / "changelogs" / "fragments").glob("*"))
    released = repository.root / "build" / "release"
    assert {path.name for path in released.iterdir()} == {"SHA256SUMS", "tenbyte-webinar-1.4.3.tar.gz"}
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=released, check=True)
    # The printed commands do what they say.
    said = capsys.readouterr().out
    for name in ("Commit:", "git commit", "Tag:"):
        line = next(line for line in said.splitlines() if line.strip().startswith(name))
        subprocess.run(
            ["sh", "-c", line.partition(":")[2] if name.endswith(":") else line], cwd=repository.root, check=True
        )
    assert repository.status() == []
    assert repository.git("tag", "--list").split() == ["v1.4.2", "v1.4.3"]
    # And the next release follows.
    repository.fragment("bugfixes", "room - works better.")
    repository.commit()
    release("1.4.4")
    assert (repository.root / "CHANGELOG.md").read_text().count("\n## v1") == 2
    assert {path.name for path in released.iterdir()} == {"SHA256SUMS", "tenbyte-webinar-1.4.4.tar.gz"}


@contextmanager
def kept_handlers() -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    earlier = {number: signal.getsignal(number) for number in numbers}
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


@contextmanager
def kept_output() -> Iterator[None]:
    kept = os.dup(1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def failing(error: BaseException) -> Callable[..., None]:
    def fail(*_arguments: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    ("step", "error"),
    [
        ("checked", ReleaseError("no")),
        ("in_an_empty_environment", DemoError("no")),
        ("as_an_upgrade", KeyboardInterrupt()),
    ],
    ids=repr,
)
def test_a_release_that_fails_leaves_everything_as_it_was(
    repository: Repository,
    release: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    error: BaseException,
) -> None:
    before = repository.state()
    monkeypatch.setattr(trial, step, failing(error))
    with pytest.raises(type(error)):
        release("1.4.3")
    assert repository.state() == before
    assert not (repository.root / "build" / "release").exists()


def test_a_work_tree_that_changes_during_the_release_is_left_alone(
    repository: Repository, release: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "as_an_upgrade", lambda *_arguments: repository.write("README.md", "Mine.\n"))
    with pytest.raises(ReleaseError, match="has changed since the release began"):
        release("1.4.3")
    assert [line.split()[-1] for line in repository.status()] == ["README.md"]
    assert not (repository.root / "build" / "release").exists()


def test_the_artifact_of_an_earlier_release_stays_until_the_next_one_is_done(
    repository: Repository, release: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = repository.root / "build" / "release" / "tenbyte-webinar-1.4.2.tar.gz"
    repository.write(f"{earlier.relative_to(repository.root)}", "earlier\n")
    with monkeypatch.context() as failed:
        failed.setattr(tree, "apply", failing(ReleaseError("no")))
        with pytest.raises(ReleaseError):
            release("1.4.3")
    assert earlier.read_text() == "earlier\n"
    assert [path.name for path in earlier.parent.parent.iterdir()] == ["release"]
    release("1.4.3")
    assert not earlier.exists()
    assert [path.name for path in earlier.parent.parent.iterdir()] == ["release"]


@pytest.mark.usefixtures("release")
@pytest.mark.parametrize("error", [BrokenPipeError(32, "Broken pipe"), ReleaseError("git diff")], ids=repr)
def test_a_release_that_cannot_say_all_does_not_claim_that_nothing_has_changed(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], error: Exception
) -> None:
    monkeypatch.setattr(command, "tell", failing(error))
    with kept_handlers(), kept_output():
        assert command.main(["1.4.3"]) == 1
    said = capfd.readouterr().err
    assert "1.4.3 is in the work tree" in said
    assert "as it was" not in said
    assert "galaxy.yml" in "".join(repository.status())


def test_a_difference_that_cannot_be_applied_changes_nothing(repository: Repository, tmp_path: Path) -> None:
    before = repository.state()
    patch = tmp_path / "release.patch"
    patch.write_text(
        "--- a/galaxy.yml\n+++ b/galaxy.yml\n@@ -3 +3 @@\n-version: 1.4.2\n+version: 1.4.3\n"
        "--- a/CHANGELOG.md\n+++ b/CHANGELOG.md\n@@ -1 +1 @@\n-something else\n+no\n"
    )
    with pytest.raises(ReleaseError, match="git -C"):
        tree.apply(repository.root, repository.git("rev-parse", "HEAD"), patch)
    assert repository.state() == before


def test_a_release_may_change_nothing_else(repository: Repository) -> None:
    repository.write("README.md", "changed\n")
    with pytest.raises(ReleaseError, match=r"would change README\.md"):
        tree.changes(repository.root)


def test_nothing_keeps_a_good_release_from_beginning(repository: Repository) -> None:
    assert repository.problems("1.4.3") == repository.problems("1.5.0") == repository.problems("2.0.0") == []


@pytest.mark.parametrize("name", ["README.md", "new.txt", "changelogs/fragments/change.yml"])
def test_a_work_tree_that_is_not_clean_is_refused(repository: Repository, name: str) -> None:
    repository.write(name, "bugfixes: [other]\n")
    (problem,) = repository.problems("1.4.3")
    assert "not clean" in problem
    assert name in problem


@pytest.mark.parametrize("version", ["", "x", "1.4.2", "1.4.1", "1.9.0", "v1.4.3"])
def test_an_odd_version_is_refused(repository: Repository, version: str) -> None:
    (problem,) = repository.problems(version)
    assert problem.startswith("VERSION")


def test_a_release_without_fragments_is_refused(repository: Repository) -> None:
    repository.git("rm", "--quiet", "-r", "changelogs/fragments")
    repository.commit()
    (problem,) = repository.problems("1.4.3")
    assert "no fragment" in problem


@pytest.mark.parametrize(
    ("section", "version"),
    [("minor_changes", "1.4.3"), ("breaking_changes", "1.5.0"), ("removed_features", "1.5.0")],
)
def test_a_fragment_that_needs_a_higher_release_is_refused(repository: Repository, section: str, version: str) -> None:
    repository.fragment(section, "room - other.", "other.yml")
    repository.commit()
    (problem,) = repository.problems(version)
    assert section in problem
    assert "other.yml" in problem


def test_a_fragment_that_is_none_is_refused(repository: Repository) -> None:
    repository.write("changelogs/fragments/bad.yml", "no_such_section: [a]\n")
    repository.commit()
    (problem,) = repository.problems("1.4.3")
    assert "bad.yml" in problem


def test_an_existing_tag_is_refused(repository: Repository) -> None:
    repository.git("tag", "v1.4.3")
    assert repository.problems("1.4.3") == ["there is a tag v1.4.3 already"]


@pytest.mark.parametrize(
    ("lines", "version", "is_refused"),
    [
        ((*INTERFACE, "module other"), "1.4.3", True),
        ((*INTERFACE, "module other"), "1.5.0", False),
        (INTERFACE[:1], "1.5.0", True),
        (INTERFACE[:1], "2.0.0", False),
    ],
)
def test_names_that_changed_since_the_last_tag_need_a_release_of_their_level(
    repository: Repository, lines: tuple[str, ...], version: str, is_refused: bool
) -> None:
    repository.interface(*lines)
    repository.commit()
    problems = repository.problems(version)
    assert len(problems) == is_refused
    assert all("v1.4.2" in problem for problem in problems)


def test_without_the_tag_that_names_are_compared_with_there_is_no_release(repository: Repository) -> None:
    repository.git("tag", "--delete", "v1.4.2")
    (problem,) = repository.problems("1.4.3")
    assert "there is no tag v1.4.2" in problem
    assert "git fetch --tags" in problem


def test_before_the_first_stable_version_no_tag_is_needed(repository: Repository) -> None:
    repository.write("galaxy.yml", GALAXY.replace("1.4.2", "0.1.0"))
    repository.commit()
    assert command.problems(repository.root, "1.0.0", Version(0, 1, 0)) == []


def test_a_diff_obeys_no_setting_of_the_user(repository: Repository, release: Callable[[str], None]) -> None:
    for name, value in (("diff.noprefix", "true"), ("color.ui", "always"), ("diff.external", "false")):
        repository.git("config", name, value)
    release("1.4.3")
    assert "1.4.3" in (repository.root / "galaxy.yml").read_text()


@pytest.mark.parametrize(
    ("line", "is_refused"),
    [
        ("ansible-galaxy collection install tenbyte-webinar-1.4.2.tar.gz", True),
        ("ansible-galaxy collection install tenbyte.webinar:==1.4.2", True),
        ("  version: '>=1.4.2'", True),
        ("ansible-galaxy collection install tenbyte-webinar-*.tar.gz", False),
        ("version_added: 1.4.2", False),
        ("tenbyte.webinar needs other 1.4.2", False),
        ("tenbyte.webinar 1.4.21", False),
    ],
)
def test_a_file_that_names_the_version_is_refused(repository: Repository, line: str, is_refused: bool) -> None:
    repository.write("docs/page.md", f"text\n{line}\n")
    repository.commit()
    problems = repository.problems("1.4.3")
    assert len(problems) == is_refused
    assert all("docs/page.md:2" in problem for problem in problems)


def test_no_other_file_of_this_project_names_the_version() -> None:
    assert tree.naming(ROOT, tree.version_in((ROOT / "galaxy.yml").read_text())) == []


def test_the_earlier_version_is_its_tag_or_the_first_commit_that_names_it(repository: Repository) -> None:
    first = repository.git("rev-parse", "HEAD")
    repository.git("tag", "--delete", "v1.4.2")
    repository.write("galaxy.yml", f"{GALAXY}# a comment\n")
    repository.commit()
    assert tree.earlier_commit(repository.root, CURRENT) == first
    assert tree.earlier_commit(repository.root, Version(0, 1, 0)) is None
    repository.git("tag", "v1.4.2")
    assert tree.earlier_commit(repository.root, CURRENT) == "v1.4.2"


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_an_interrupted_release_leaves_everything_as_it_was(
    repository: Repository, tmp_path: Path, number: signal.Signals
) -> None:
    repository.write("scripts/build", "#!/bin/sh\necho building\nexec sleep 60\n")
    repository.commit()
    before = repository.state()
    folder = tmp_path / "temporary"
    folder.mkdir()
    program = (
        "import sys; from pathlib import Path; from tests.release import __main__ as command; "
        "command.ROOT = Path(sys.argv[1]); command.RELEASED = command.ROOT / 'build' / 'release'; "
        "sys.exit(command.main(['1.4.3']))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(repository.root)],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as run:
        assert run.stdout is not None
        for line in run.stdout:
            if line == "building\n":
                # A terminal sends the signal to all processes in the foreground.
                os.killpg(run.pid, number)
                break
        run.stdout.read()
    expected = {signal.SIGINT: 130, signal.SIGKILL: -9}
    assert run.returncode == expected.get(number, 128 + number)
    assert repository.state() == before
    if number != signal.SIGKILL:
        assert list(folder.iterdir()) == []


def test_the_script_says_so_if_the_version_is_missing() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "VERSION"}
    done = subprocess.run(["make", "release"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "VERSION is missing: make release VERSION=X.Y.Z" in done.stderr
