# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The versions of ansible-core in .ci/matrix.yml, each in its own virtual environment under build/cores."""

from __future__ import annotations

import fcntl
import functools
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests import measuring

ROOT = Path(__file__).resolve().parents[1]
MATRIX = ROOT / ".ci" / "matrix.yml"
CORES = ROOT / "build" / "cores"
# The Pythons on which the project's own tools run, the newest last.
OF_TOOLS = ("3.11", "3.12", "3.13")
_RUNNER = "ansible-runner>=2.4,<3"
# Of use only where the tests are measured.
_COVERAGE = "coverage>=7.10,<8"
REQUIREMENTS = ROOT / "meta" / "ee-requirements.txt"
_CONSTRAINTS = ROOT / ".ci" / "constraints.txt"
# Prints the program itself, which the name on PATH may only lead to.
_CAN_MAKE_ENVIRONMENTS = (
    "import ensurepip, os, sys, venv; print('%d.%d' % sys.version_info[:2], os.path.realpath(sys.executable))"
)


class NotHere(Exception):
    """This version of ansible-core cannot be installed on this machine. The message contains the reason."""


@dataclass(frozen=True)
class Core:
    """A version of ansible-core. ``pythons`` are the versions for its controller, the preferred one first."""

    series: str
    requirement: str
    pythons: tuple[str, ...]
    unreleased: bool = False


def _listed(key: str) -> tuple[Core, ...]:
    return tuple(
        Core(**{**entry, "pythons": tuple(entry["pythons"])}) for entry in yaml.safe_load(MATRIX.read_text())[key]
    )


ALL = _listed("cores")
BRANCHES = _listed("branches")


@functools.cache
def environment_of(core: Core) -> Path:
    """Return the folder of the commands in a core's environment, and create it if necessary; raise NotHere."""
    python = next((version for version in core.pythons if version in interpreters()), None)
    if python is None:
        raise NotHere(f"no Python {' or '.join(core.pythons)} with venv on PATH or among pyenv's versions")
    installed = [core.requirement, _RUNNER, _COVERAGE]
    installed += ["--requirement", str(REQUIREMENTS), "--constraint", str(_CONSTRAINTS)]
    return environment(core.series, python, installed, may_be_missing=core.unreleased)


def environment(
    name: str, python: str, installed: list[str], *, may_be_missing: bool = False, newest: bool = False
) -> Path:
    """Return the folder of the commands in an environment of that name, made by pip with these arguments.

    With ``newest``, update an environment that is there. Raise NotHere if pip fails and ``may_be_missing``.
    """
    folder = CORES / name
    CORES.mkdir(parents=True, exist_ok=True)
    with (CORES / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lists = [Path(argument).read_text() for argument in installed if argument.endswith(".txt")]
        program = interpreters()[python]
        content = hashlib.sha256("\n".join([*installed, *lists, str(program)]).encode()).hexdigest()
        stamp = folder / "made-of"
        is_there = stamp.exists() and stamp.read_text() == content
        if not is_there:
            shutil.rmtree(folder, ignore_errors=True)
            made = subprocess.run([program, "-m", "venv", folder], capture_output=True, text=True, check=False)
            if made.returncode != 0:
                reason = (made.stderr.strip() or made.stdout.strip() or "venv gave no reason").splitlines()[-1]
                raise RuntimeError(f"Python {python} cannot make an environment: {reason[:500]}")
        if newest or not is_there:
            _install(folder, [*installed, *(["--upgrade", "--upgrade-strategy", "eager"] * newest)], may_be_missing)
            stamp.write_text(content)
        measuring.prepare(folder)
    return folder / "bin"


def _install(folder: Path, arguments: list[str], may_be_missing: bool) -> None:
    command = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run(
        [*command, *(["--retries", "1"] * may_be_missing), *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        reason = (done.stderr.strip() or "pip gave no reason").splitlines()[-1]
        message = f"{arguments[0]} cannot be installed: {reason[:500]}"
        raise NotHere(message) if may_be_missing else RuntimeError(message)


@functools.cache
def interpreters() -> dict[str, Path]:
    """Return the Pythons that can create virtual environments, by version; those on PATH take precedence."""
    found: dict[str, Path] = {}
    for candidate in _candidates():
        described = _described(candidate)
        if described is not None:
            found.setdefault(*described)
    return found


def _candidates() -> Iterator[Path]:
    names = ["python3", *(f"python3.{minor}" for minor in range(9, 16))]
    for name in names:
        path = shutil.which(name)
        if path is not None:
            yield Path(path)
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(pyenv.glob("versions/3.*/bin/python3"))


def _described(candidate: Path) -> tuple[str, Path] | None:
    # pyenv has shims on PATH for all installed versions, and they fail for those that are not selected.
    try:
        done = subprocess.run(
            [candidate, "-c", _CAN_MAKE_ENVIRONMENTS], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    version, _space, program = done.stdout.strip().partition(" ")
    return (version, Path(program)) if done.returncode == 0 else None
