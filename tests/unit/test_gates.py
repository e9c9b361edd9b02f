# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`make gates` says what has passed, what has failed, and what did not run; its lists agree with the project's."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from tests import cores
from tests.cores import ALL, BRANCHES, MATRIX, REQUIREMENTS, ROOT, NotHere
from tests.gates import __main__ as runner
from tests.gates import gates as listed
from tests.gates.gates import Gate, gates, oldest
from tests.gates.report import Outcome, Verdict, table

LISTS_OF_ANSIBLE_TEST = ("tests/unit/requirements.txt", "tests/integration/requirements.txt")


@pytest.fixture(autouse=True)
def logs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(runner, "LOGS", tmp_path / "logs")
    monkeypatch.setattr(runner, "path_of_pythons", lambda: os.environ["PATH"])


def python(code: str, *, results: Path | None = None) -> Gate:
    return Gate("2.18/units/3.11", lambda: [sys.executable, "-c", code], "2.18", "3.11", results)


def requirements(path: Path) -> set[str]:
    lines = path.read_text().splitlines()
    return {line.split(";")[0].strip() for line in lines if line and not line.startswith(("#", "-"))}


def test_the_matrix_has_every_series_from_the_oldest_that_is_required() -> None:
    required = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())["requires_ansible"]
    first = re.match(r">=2\.(\d+)\.0$", required)
    assert first is not None
    assert [core.series for core in ALL] == [f"2.{minor}" for minor in range(int(first[1]), int(first[1]) + len(ALL))]
    for core in ALL:
        assert re.match(rf"ansible-core>={re.escape(core.series)}(\.\w+)?,<2\.\d+$", core.requirement), core
    assert [core.series for core in BRANCHES] == ["milestone", "devel"]


def test_each_core_has_gates_for_each_of_its_pythons() -> None:
    names = {gate.name for gate in gates()}
    for core in (*ALL, *BRANCHES):
        assert f"{core.series}/sanity" in names
        for version in core.pythons:
            assert {f"{core.series}/units/{version}", f"{core.series}/integration/{version}"} <= names


@pytest.mark.parametrize(
    ("code", "verdict"), [("pass", Verdict.PASSED), ("raise SystemExit(3)", Verdict.FAILED)], ids=["passed", "failed"]
)
def test_the_exit_code_decides(code: str, verdict: Verdict) -> None:
    assert runner.perform(python(code)).verdict is verdict


def test_a_failure_shows_the_end_of_its_log(capfd: pytest.CaptureFixture[str]) -> None:
    outcome = runner.perform(python("print('the reason'); raise SystemExit(3)"))
    assert "the reason" in capfd.readouterr().out
    assert "exit code 3" in outcome.detail


def test_a_gate_that_has_tested_nothing_fails(tmp_path: Path) -> None:
    results = tmp_path / "results"
    results.mkdir()
    (results / "units.xml").write_text("<testsuite><testcase name='a'><skipped message='b'/></testcase></testsuite>")
    assert runner.perform(python("pass", results=results)).verdict is Verdict.FAILED
    (results / "units.xml").write_text("<testsuite><testcase name='a'/></testsuite>")
    assert runner.perform(python("pass", results=results)).detail == "1 (0 skipped)"


def test_a_gate_that_takes_too_long_fails_and_leaves_no_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(runner, "TIMEOUT", 1.0)
    child = tmp_path / "child"
    code = "import pathlib, subprocess; p = subprocess.Popen(['sleep', '60']); "
    code += f"pathlib.Path({str(child)!r}).write_text(str(p.pid)); p.wait()"
    assert "not done" in runner.perform(python(code)).detail
    if child.exists():
        process, give_up = Path("/proc", child.read_text(), "cmdline"), time.monotonic() + 10
        while process.exists() and process.read_text() and time.monotonic() < give_up:
            time.sleep(0.05)
        assert not process.exists() or not process.read_text()


def test_what_cannot_run_is_named_and_has_not_passed() -> None:
    def not_here() -> list[str]:
        raise NotHere("no Python 3.14")

    missing = runner.perform(Gate("2.21/units/3.14", not_here, "2.21", "3.14"))
    lines = list(table([Outcome(python("pass"), Verdict.PASSED, 5, "9 (1 skipped)"), missing]))
    assert any(re.match(r"2\.18 +3\.11 +- +passed 9 \(1 skipped\), 5 s +-$", line) for line in lines), lines
    assert any(re.match(r"2\.21 +3\.14 +- +missing +-$", line) for line in lines), lines
    assert "missing 2.21/units/3.14: no Python 3.14" in lines
    assert lines[-1] == "1 of 2 gates passed, 0 failed; 1 did not run, so nothing is known about them"


@pytest.mark.parametrize(
    "error",
    [RuntimeError("pip gave no reason"), subprocess.CalledProcessError(1, ["pip"]), OSError(28, "No space left")],
    ids=lambda error: type(error).__name__,
)
def test_a_gate_that_cannot_begin_fails_alone(error: Exception) -> None:
    def broken() -> list[str]:
        raise error

    outcome = runner.perform(Gate("libraries/oldest", broken))
    assert (outcome.verdict, outcome.detail) == (Verdict.FAILED, str(error))


def test_a_program_that_is_not_there_fails_its_gate() -> None:
    assert runner.perform(Gate("libraries/oldest", lambda: ["/nowhere/pytest"])).verdict is Verdict.FAILED


def test_a_python_that_cannot_make_an_environment_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "python3"
    broken.write_text("#!/bin/sh\necho 'ensurepip is not available' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(cores, "CORES", tmp_path / "cores")
    monkeypatch.setattr(cores, "interpreters", lambda: {"3.11": broken})
    with pytest.raises(RuntimeError, match=r"3\.11 .*ensurepip is not available"):
        cores.environment("one", "3.11", [])


@pytest.mark.parametrize(
    ("here", "chosen"), [(("3.10", "3.11", "3.12"), "3.12"), (("3.11", "3.13", "3.14", "3.15"), "3.13")]
)
def test_the_tools_run_on_the_newest_python_that_they_support(
    monkeypatch: pytest.MonkeyPatch, here: tuple[str, ...], chosen: str
) -> None:
    monkeypatch.setattr(listed, "interpreters", lambda: dict.fromkeys(here, Path("python3")))
    monkeypatch.setattr(listed, "environment", lambda _name, python, _installed: Path(python))
    (gate,) = [gate for gate in gates() if gate.name == "project/antsibull-nox"]
    assert gate.command()[0] == f"{chosen}/nox"


def test_without_a_python_for_the_tools_their_gate_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listed, "interpreters", lambda: {"3.14": Path("python3")})
    (gate,) = [gate for gate in gates() if gate.name == "project/antsibull-nox"]
    assert runner.perform(gate).verdict is Verdict.MISSING


@pytest.mark.parametrize(
    ("names", "chosen"),
    [([], True), (["2.1"], False), (["2.18"], True), (["2.18/units"], True), (["2.18/units/3.12", "project"], False)],
)
def test_a_name_chooses_all_gates_below_it(names: list[str], chosen: bool) -> None:
    assert runner.selected("2.18/units/3.11", names) is chosen


def test_the_oldest_libraries_are_the_lower_bounds() -> None:
    versions = oldest(REQUIREMENTS.read_text())
    assert versions
    assert all(re.match(r"[\w\[\]]+==[0-9.]+$", version) for version in versions), versions


@pytest.mark.parametrize("name", LISTS_OF_ANSIBLE_TEST)
def test_the_lists_of_ansible_test_repeat_those_of_the_project(name: str) -> None:
    listed = requirements(ROOT / name)
    of_users = requirements(REQUIREMENTS)
    assert of_users <= listed
    of_tests = requirements(ROOT / "requirements-tests.txt") | requirements(ROOT / "requirements-dev.txt")
    assert listed <= of_users | of_tests


def test_ci_reads_the_matrix() -> None:
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"]
    assert [step["run"] for step in jobs["matrix"]["steps"] if "run" in step] == ['make matrix >>"$GITHUB_OUTPUT"']
    for job, key in (("gates", "cores"), ("branches", "branches")):
        assert key in yaml.safe_load(MATRIX.read_text())
        assert jobs[job]["strategy"]["matrix"]["core"] == f"${{{{ fromJSON(needs.matrix.outputs.{key}) }}}}"


def test_each_exception_of_sanity_has_a_reason() -> None:
    lists = (ROOT / "tests" / "sanity").glob("ignore-*.txt")
    lines = [line for path in lists for line in path.read_text().splitlines()]
    assert [line for line in lines if not re.search(r" # \w+ \w+", line)] == []
