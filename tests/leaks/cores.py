# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The supported versions of ansible-core, each in its own virtual environment under build/cores."""

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

ROOT = Path(__file__).resolve().parents[2]
CORES = ROOT / "build" / "cores"
_RUNNER = "ansible-runner>=2.4,<3"
# Of use only where the tests are measured.
_COVERAGE = "coverage>=7.10,<8"
_REQUIREMENTS = ROOT / "meta" / "ee-requirements.txt"
_CONSTRAINTS = ROOT / ".ci" / "constraints.txt"
_CAN_MAKE_ENVIRONMENTS = "import ensurepip, sys, venv; print('%d.%d' % sys.version_info[:2])"


class NotHere(Exception):
    """This version of ansible-core cannot be installed on this machine. The message contains the reason."""


@dataclass(frozen=True)
class Core:
    """A version of ansible-core. ``pythons`` are the versions for its controller, the preferred one first."""

    series: str
    requirement: str
    pythons: tuple[str, ...]
    is_prerelease: bool = False


ALL = (
    Core("2.16", "ansible-core>=2.16,<2.17", ("3.11", "3.12", "3.10")),
    Core("2.18", "ansible-core>=2.18,<2.19", ("3.11", "3.12", "3.13")),
    Core("2.19", "ansible-core>=2.19,<2.20", ("3.11", "3.12", "3.13")),
    Core("2.20", "ansible-core>=2.20,<2.21", ("3.12", "3.13", "3.14")),
    Core("2.21", "ansible-core>=2.21,<2.22", ("3.13", "3.12", "3.14")),
    # pip installs pre-releases if the requirement names one.
    Core("2.22", "ansible-core>=2.22.0b1,<2.23", ("3.13", "3.14", "3.12"), is_prerelease=True),
)


def environment_of(core: Core) -> Path:
    """Return the folder of the commands in a core's environment, and create it if necessary; raise NotHere."""
    python = next((interpreters()[version] for version in core.pythons if version in interpreters()), None)
    if python is None:
        raise NotHere(f"no Python {' or '.join(core.pythons)} with venv on PATH or among pyenv's versions")
    folder = CORES / core.series
    CORES.mkdir(parents=True, exist_ok=True)
    with (CORES / f"{core.series}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _make(core, python, folder)
    return folder / "bin"


def _make(core: Core, python: Path, folder: Path) -> None:
    lists = [path.read_text() for path in (_REQUIREMENTS, _CONSTRAINTS)]
    wanted = [core.requirement, _RUNNER, _COVERAGE, *lists, str(python)]
    stamp, content = folder / "made-of", hashlib.sha256("\n".join(wanted).encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == content:
        return
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([python, "-m", "venv", folder], check=True, capture_output=True)
    command = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += [core.requirement, _RUNNER, _COVERAGE]
    command += ["--requirement", str(_REQUIREMENTS), "--constraint", str(_CONSTRAINTS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        reason = (done.stderr.strip() or "pip gave no reason").splitlines()[-1]
        if core.is_prerelease:
            raise NotHere(f"{core.requirement} cannot be installed: {reason[:200]}")
        raise RuntimeError(f"{core.requirement} cannot be installed on {python}: {reason[:500]}")
    stamp.write_text(content)


@functools.cache
def interpreters() -> dict[str, Path]:
    """Return the Pythons that can create virtual environments, by version; those on PATH take precedence."""
    found: dict[str, Path] = {}
    for candidate in _candidates():
        version = _version_of(candidate)
        if version is not None:
            found.setdefault(version, candidate)
    return found


def _candidates() -> Iterator[Path]:
    names = ["python3", *(f"python3.{minor}" for minor in range(10, 16))]
    for name in names:
        path = shutil.which(name)
        if path is not None:
            yield Path(path)
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(pyenv.glob("versions/3.*/bin/python3"))


def _version_of(candidate: Path) -> str | None:
    # pyenv has shims on PATH for all installed versions, and they fail for those that are not selected.
    try:
        done = subprocess.run(
            [candidate, "-c", _CAN_MAKE_ENVIRONMENTS], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
