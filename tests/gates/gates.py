# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The gates of `make gates`: what runs on each ansible-core, and what runs once for the project."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.cores import (
    ALL,
    BRANCHES,
    OF_TOOLS,
    REQUIREMENTS,
    ROOT,
    Core,
    NotHere,
    environment,
    environment_of,
    interpreters,
)

WORK = ROOT / "build" / "ansible-test"
PYTHONS = ROOT / "build" / "pythons"
TOOLS = ROOT / ".ci" / "antsibull-nox.txt"
OF_UNITS = ROOT / "tests" / "unit" / "requirements.txt"
# Unit tests, and one folder of tests with ansible-playbook.
OF_LIBRARIES = ("tests/unit", "tests/integration/provisioning")
_NOT_HERE: dict[Core, NotHere] = {}
PARALLEL = ("-q", "-n", "2", "--dist", "loadfile")


@dataclass(frozen=True)
class Gate:
    """``command`` returns what runs, or raises NotHere. ``results`` is the folder of its JUnit files, if it writes any.

    ``core`` and ``python`` are empty for gates of the project.
    """

    name: str
    command: Callable[[], list[str]]
    core: str = ""
    python: str = ""
    results: Path | None = None


def gates() -> Iterator[Gate]:
    """Yield all gates, in the order in which they run."""
    yield from project_gates()
    for core in (*ALL, *BRANCHES):
        yield from core_gates(core)


def core_gates(core: Core) -> Iterator[Gate]:
    """Yield sanity once, which compiles and imports with every Python found, and the tests for each Python."""
    here = [python for python in core.pythons if python in interpreters()]
    results = WORK / core.series / "results"
    first = (here or list(core.pythons))[0]
    yield Gate(f"{core.series}/sanity", _ansible_test(core, "", "sanity", "--junit"), core.series, first, results)
    for python in core.pythons:
        units = _ansible_test(core, python, "units", "--num-workers", "2")
        yield Gate(f"{core.series}/units/{python}", units, core.series, python, results)
        integration = _ansible_test(core, python, "integration")
        yield Gate(f"{core.series}/integration/{python}", integration, core.series, python)


def _ansible_test(core: Core, python: str, kind: str, *arguments: str) -> Callable[[], list[str]]:
    def command() -> list[str]:
        if python and python not in interpreters():
            raise NotHere(f"no Python {python}")
        commands = _commands_of(core)
        chosen = ("--python", python) if python else ()
        script = ROOT / "scripts" / "ansible-test"
        return [str(script), str(commands), str(WORK / core.series), kind, "--venv", *chosen, *arguments]

    return command


def _commands_of(core: Core) -> Path:
    """Return the folder of a core's commands. What pip could not install once, it is not asked for again."""
    if core not in _NOT_HERE:
        try:
            return environment_of(core)
        except NotHere as reason:
            _NOT_HERE[core] = reason
    raise _NOT_HERE[core]


def project_gates() -> Iterator[Gate]:
    """Yield what does not depend on the version of ansible-core, and the two ends of the libraries' versions."""
    for stage in ("ansible-lint", "docs", "reuse", "importer"):
        yield Gate(f"project/{stage}", functools.partial(_stage, stage))
    yield Gate("project/antsibull-nox", _antsibull_nox)
    options = ("tests/unit/test_documentation.py", "tests/unit/test_role_options.py")
    yield Gate("project/options", lambda: _pytest(Path(sys.executable), *options))
    manifest = ("tests/unit/test_public_interface.py", "tests/integration/packaging")
    yield Gate("project/manifest", lambda: _pytest(Path(sys.executable), *manifest))
    released = [core for core in ALL if not core.unreleased]
    yield Gate("libraries/oldest", lambda: _with_libraries("oldest", released[0], oldest(REQUIREMENTS.read_text())))
    yield Gate("libraries/newest", lambda: _with_libraries("newest", released[-1], []))


def _stage(name: str) -> list[str]:
    return [str(ROOT / "scripts" / "test"), name]


def _antsibull_nox() -> list[str]:
    here = [python for python in OF_TOOLS if python in interpreters()]
    if not here:
        raise NotHere(f"no Python {' or '.join(OF_TOOLS)}")
    commands = environment("antsibull-nox", here[-1], ["--requirement", str(TOOLS)])
    folder = ROOT / "build" / "nox"
    return [str(commands / "nox"), "--noxfile", str(ROOT / "noxfile.py"), "--envdir", str(folder)]


def _pytest(python: Path, *arguments: str) -> list[str]:
    return [str(python), "-m", "pytest", *PARALLEL, *arguments]


def _with_libraries(end: str, core: Core, versions: list[str]) -> list[str]:
    """Return the tests in an environment with the oldest or the newest of Python, ansible-core and the libraries."""
    here = [python for python in core.pythons if python in interpreters()]
    if not here:
        raise NotHere(f"no Python {' or '.join(core.pythons)}")
    python = min(here, key=_numbers) if end == "oldest" else max(here, key=_numbers)
    wanted = [core.requirement, *versions, "--requirement", str(OF_UNITS), "pytest>=9,<10", "pytest-xdist>=3.8,<4"]
    commands = environment(f"libraries-{end}", python, wanted, newest=end == "newest")
    return _pytest(commands / "python", *OF_LIBRARIES)


def oldest(requirements: str) -> list[str]:
    """Return the lower bounds of a list of requirements as the only versions."""
    lines = [line for line in requirements.splitlines() if line and not line.startswith("#")]
    return [line.replace(">=", "==") for line in lines]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def path_of_pythons() -> str:
    """Return a PATH on which ansible-test finds every Python under its name, pyenv's too."""
    PYTHONS.mkdir(parents=True, exist_ok=True)
    for version, program in interpreters().items():
        named = PYTHONS / f"python{version}"
        # Not a link, which a Python would take for itself when it looks for its library.
        named.write_text(f'#!/bin/sh\nexec "{program}" "$@"\n')
        named.chmod(0o755)
    return f"{PYTHONS}{os.pathsep}{os.environ['PATH']}"
