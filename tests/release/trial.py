# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tries an artifact as its users will: in an environment that has nothing else, and in place of an earlier version."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.lab import demo
from tests.lab.stage import ROOT, Stage, set_stage, stop_stage
from tests.release.rules import Version
from tests.release.tree import ReleaseError, copy_of, run

_INSTALLED = Path("ansible_collections") / "tenbyte" / "webinar"


@dataclasses.dataclass(frozen=True)
class Environment:
    """A Python with ansible-core and nothing else, an empty home folder, and an empty place for collections."""

    folder: Path

    @property
    def programs(self) -> Path:
        return self.folder / "python" / "bin"

    @property
    def collections(self) -> Path:
        return self.folder / "collections"

    def variables(self) -> dict[str, str]:
        path = os.pathsep.join(
            one for one in os.environ["PATH"].split(os.pathsep) if Path(one).absolute() != Path(sys.executable).parent
        )
        return {
            "PATH": f"{self.programs}{os.pathsep}{path}",
            "HOME": str(self.folder / "home"),
            "ANSIBLE_COLLECTIONS_PATH": str(self.collections),
            "LANG": "C.UTF-8",
        }

    def make(self) -> None:
        for name in ("home", "collections"):
            (self.folder / name).mkdir(parents=True)
        run([sys.executable, "-m", "venv", self.folder / "python"], self.folder)
        self.pip("install", "--quiet", "ansible-core")

    def pip(self, *arguments: str) -> str:
        # With the settings of the user, which say where packages come from.
        return run([self.programs / "python", "-m", "pip", *arguments], self.folder)

    def install(self, artifact: Path, *, upgrade: bool = False) -> None:
        """Install an artifact with the Python libraries that it names."""
        command: list[str | Path] = [self.programs / "ansible-galaxy", "collection", "install", "--offline", artifact]
        run(
            [*command, "--collections-path", self.collections, *(["--upgrade"] if upgrade else [])],
            self.folder,
            self.variables(),
        )
        wanted = _version_of(artifact)
        if self.installed_version() != wanted:
            raise ReleaseError(f"ansible-galaxy has installed {self.installed_version()}, not {wanted}")
        needed = ("meta/ee-requirements.txt", "requirements.txt")
        found = next((one for name in needed if (one := self.collections / _INSTALLED / name).is_file()), None)
        if found is not None:
            self.pip("install", "--quiet", "--requirement", str(found))

    def installed_version(self) -> str:
        manifest = json.loads((self.collections / _INSTALLED / "MANIFEST.json").read_text())
        return str(manifest["collection_info"]["version"])

    def libraries(self) -> str:
        frozen = self.pip("list", "--format", "freeze").splitlines()
        told = ("ansible-core", "requests", "SQLAlchemy", "cryptography", "psycopg")
        return ", ".join(line.replace("==", " ") for line in frozen if line.partition("==")[0] in told)


def in_an_empty_environment(folder: Path, artifact: Path) -> Environment:
    """Install the artifact where nothing else is, and rehearse the demo's conference with it, with real media."""
    demo.say("Installing the artifact into an empty environment")
    fresh = Environment(folder / "fresh")
    fresh.make()
    fresh.install(artifact)
    print(f"    {fresh.libraries()}", flush=True)
    with _stage(folder / "demo", fresh, media=True) as stage:
        demo.rehearse(stage)
    return fresh


def as_an_upgrade(folder: Path, artifact: Path, commit: str) -> None:
    """Provision the conference with an earlier version, and go on with this one: same sessions and keys."""
    demo.say(f"Building the earlier version from {commit[:12]}, and provisioning the conference with it")
    built = folder / "earlier"
    built.mkdir()
    upgraded = Environment(folder / "upgraded")
    upgraded.make()
    galaxy: list[str | Path] = [upgraded.programs / "ansible-galaxy", "collection", "build", "--output-path", built]
    run([*galaxy, copy_of(ROOT, commit, folder / "earlier-source")], folder, upgraded.variables())
    upgraded.install(next(built.glob("*.tar.gz")))
    with _stage(folder / "upgrade", upgraded, media=False) as stage:
        demo.play(stage, "tenbyte.webinar.provision")
        before = _keys(stage)
        demo.say(f"Upgrading it to {_version_of(artifact)}, and provisioning the same conference: nothing may change")
        upgraded.install(artifact, upgrade=True)
        recap = demo.play(stage, "tenbyte.webinar.provision")
        changed = {host: counts["changed"] for host, counts in recap.items() if counts["changed"]}
        after = _keys(stage)
        if changed or before != after:
            raise ReleaseError(
                f"the upgrade changed the conference: tasks {changed}, keys before {before}, after {after}"
            )
        demo.say("Removing it again")
        demo.play(stage, "tenbyte.webinar.teardown")


def _keys(stage: Stage) -> dict[str, Any]:
    """Return id and fingerprint of the key of each session."""
    found = {name: (one["id"], one["stream_key_fingerprint"]) for name, one in stage.sessions().items()}
    if not found or not all(all(pair) for pair in found.values()):
        raise ReleaseError(f"the conference has sessions without a key: {found}")
    return found


@contextmanager
def _stage(folder: Path, environment: Environment, *, media: bool) -> Iterator[Stage]:
    folder.mkdir(mode=0o700)
    try:
        started = demo.set_the_stage(folder) if media else set_stage(folder, ())
        stage = dataclasses.replace(started, programs=environment.programs, collections=environment.collections)
        stage.write_inventory()
        yield stage
    finally:
        stop_stage(folder)


def _version_of(artifact: Path) -> str:
    version = Version.of(re.sub(r"^tenbyte-webinar-|\.tar\.gz$", "", artifact.name))
    if version is None:
        raise ReleaseError(f"{artifact.name} is no artifact of this collection")
    return str(version)


def checked(command: list[str | Path], folder: Path, environment: dict[str, str]) -> None:
    """Run a command that shows what it does, and raise ReleaseError if it fails."""
    words = [str(word) for word in command]
    code = subprocess.run(words, cwd=folder, env=environment, check=False).returncode
    if code != 0:
        raise ReleaseError(f"{Path(words[0]).name} ended with {code}; its output says why")
