# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`scripts/test`: signals, lanes that are killed, a second run in the same tree, and why the lab failed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Catches signals and exits as usual, as pytest and ansible-test do.
WAITS = """#!/bin/sh
trap 'exit 0' INT TERM HUP
echo "$0" >>"$BEGUN"
for _ in $(seq 600); do sleep 0.1; done
"""
PASSES = """#!/bin/sh
echo "$0" >>"$BEGUN"
"""
KILLS_ITS_LANE = """#!/bin/sh
echo "$0" >>"$BEGUN"
kill -KILL 0
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the scripts of this one, and with tools that only note that they were begun."""
    folder = tmp_path / "project"
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / "scripts").mkdir()
    for name in ("test", "environment.sh"):
        shutil.copy(ROOT / "scripts" / name, folder / "scripts" / name)
    write(folder / "scripts" / "setup", "#!/bin/sh\n")
    for tool in ("ruff", "mypy", "yamllint", "shellcheck", "ansible-lint", "antsibull-changelog", "python"):
        write(folder / ".venv" / "bin" / tool, PASSES)
    monkeypatch.setenv("BEGUN", str(folder / "begun"))
    return folder


def write(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def begun(project: Path) -> list[str]:
    path = project / "begun"
    return sorted(Path(line).name for line in path.read_text().splitlines()) if path.exists() else []


def wait_until_begun(project: Path, tools: list[str]) -> None:
    give_up = time.monotonic() + 20
    while begun(project) != tools and time.monotonic() < give_up:
        time.sleep(0.05)


def start(project: Path, *stages: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [project / "scripts" / "test", *stages],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGHUP, 129), (signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["HUP", "INT", "TERM"]
)
@pytest.mark.parametrize(
    ("stages", "waiting"), [(["check"], ["python", "ruff"]), (["ruff", "format", "yamllint"], ["ruff"])], ids=str
)
def test_a_signal_ends_all_stages(
    project: Path, number: signal.Signals, code: int, stages: list[str], waiting: list[str]
) -> None:
    for tool in waiting:
        write(project / ".venv" / "bin" / tool, WAITS)
    with start(project, *stages) as process:
        wait_until_begun(project, waiting)
        os.killpg(process.pid, number)
        try:
            process.communicate(timeout=20)
        finally:
            process.kill()
    assert process.returncode == code
    assert begun(project) == waiting


def test_a_second_run_in_the_same_tree_is_refused_and_leaves_the_reports_of_the_first(project: Path) -> None:
    write(project / ".venv" / "bin" / "ruff", WAITS)
    with start(project, "ruff") as first:
        wait_until_begun(project, ["ruff"])
        with start(project, "yamllint") as second:
            output, _unused = second.communicate(timeout=20)
        assert second.returncode == 1
        assert f"scripts/test is at work here (process {first.pid})" in output
        assert (project / "build" / "test" / "ruff").exists()
        os.killpg(first.pid, signal.SIGTERM)
        first.communicate(timeout=20)
    with start(project, "yamllint") as third:
        output, _unused = third.communicate(timeout=20)
    assert third.returncode == 0, output


def test_a_lane_that_is_killed_has_failed_and_the_others_are_counted(project: Path) -> None:
    write(project / ".venv" / "bin" / "yamllint", KILLS_ITS_LANE)
    with start(project, "check") as process:
        output, _unused = process.communicate(timeout=30)
    assert process.returncode == 1
    rows = {line.split()[0]: line for line in output.partition("\nstage ")[2].splitlines() if " s  " in line}
    assert rows["mypy"].endswith("passed"), output
    for stage in ("yamllint", "shellcheck", "changelog"):
        assert rows[stage].endswith("FAILED (killed before its end)"), output
    last = output.splitlines()[-1]
    failed = sum("FAILED" in row for row in rows.values())
    assert last == f"{len(rows) - failed} passed, {failed} failed, 0 skipped"


def test_check_lints_only_the_content_that_differs_from_the_last_commit(project: Path) -> None:
    notes = '#!/bin/sh\necho "$0 $*" >>"$BEGUN"\n'
    write(project / ".venv" / "bin" / "ansible-lint", notes)
    for name in ("same.yml", "changed.yml", "gone.yml"):
        (project / name).write_text("---\n")
    who = ["-c", "user.name=tests", "-c", "user.email=tests@example.com"]
    for command in (["init"], ["add", "*.yml"], [*who, "commit", "--message", "first"]):
        subprocess.run(["git", "-C", str(project), *command], check=True, capture_output=True)
    with start(project, "check") as process:
        output, _unused = process.communicate(timeout=30)
    assert "ansible-lint" not in output
    (project / "changed.yml").write_text("--- {}\n")
    (project / "new.yml").write_text("---\n")
    (project / "gone.yml").unlink()
    with start(project, "check") as process:
        output, _unused = process.communicate(timeout=30)
    assert "<== ansible-lint: passed" in output
    (linted,) = (line for line in (project / "begun").read_text().splitlines() if "ansible-lint" in line)
    assert linted.endswith("--offline changed.yml new.yml")


def test_the_summary_says_which_tasks_of_the_lab_failed_and_why(project: Path) -> None:
    said = """
TASK [Boot the machines] ****************************
changed: [localhost]

TASK [Say why there are no machines] ****************
fatal: [localhost]: FAILED! =>
    changed: false
    msg: |-
        The lab: cannot make a root
        because of a mirror

PLAY RECAP ******************************************

TASK [Halt the machines] ****************************
failed: [localhost] (item=one) =>
    msg: no such file
"""
    (project / "said").write_text(said)
    write(project / "scripts" / "molecule", f"#!/bin/sh\ncat '{project / 'said'}'\nexit 1\n")
    with start(project, "lab") as process:
        output, _unused = process.communicate(timeout=20)
    assert process.returncode == 1
    summary = output.partition("failed, and why:\n")[2].partition("\n\nall of it")[0]
    assert summary.splitlines() == [
        "  lab: TASK [Say why there are no machines]",
        "    fatal: [localhost]: FAILED! =>",
        "        changed: false",
        "        msg: |-",
        "            The lab: cannot make a root",
        "            because of a mirror",
        "    TASK [Halt the machines]",
        "    failed: [localhost] (item=one) =>",
        "        msg: no such file",
    ]
