# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The commands and files of docs/scaling-out.md, as printed, with workers that are processes of this machine.

A script is in place of ssh. It starts the worker's command as a login on another machine does: in another home folder
and with nothing of the caller's environment. It keeps a copy of what goes in and out.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.documented import ROOT, code_blocks, named_block
from tests.integration.controller import BIN
from tests.measuring import measuring

PAGE = ROOT / "docs" / "scaling-out.md"
PARTS = 4
# In each home folder.
SECRETS_FILE = ".config/tenbyte-webinar.yml"
SSH = """#!/bin/sh
set -eu
worker={workers}/$1
shift
tee "$worker/transmitted.$$" |
  env -i HOME="$worker" TMPDIR="$worker/tmp" {environment} sh -c 'echo $$ >"$HOME/pid"; cd; exec '"$*" |
  tee "$worker/returned.$$"
"""


def documented_commands() -> list[str]:
    return re.findall(r"(?m)^\$ (.*)$", "".join(code_blocks(PAGE, "console")))


@dataclass(frozen=True)
class Workers:
    """``folder`` is the controller's current and home folder. The workers' home folders are below it."""

    folder: Path
    environment: dict[str, str]

    @property
    def homes(self) -> list[Path]:
        return [self.folder / "workers" / f"worker{part}" for part in range(PARTS)]

    def result(self, part: int) -> Path:
        return self.folder / "results" / "artifacts" / f"part-{part}"

    def process_id(self, part: int) -> int:
        """Return the id of the process of ansible-runner that was started last on a worker."""
        return int((self.homes[part] / "pid").read_text())

    def run(self, command: str) -> tuple[int, str]:
        return self.end(self.start(command))

    def start(self, command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def end(self, process: subprocess.Popen[str]) -> tuple[int, str]:
        """Return a command's exit status and output. A copy of the output is kept in the folder."""
        output, _unused = process.communicate(timeout=180)
        (self.folder / f"output.{process.pid}").write_text(output)
        return process.returncode, output


def set_up(
    folder: Path, collections: Path, event: dict[str, Any], settings: dict[str, str], of_workers: dict[str, str]
) -> Workers:
    """Write the files of the page.

    ``settings`` are the values of the variables that the page has in the file of secrets. ``of_workers`` is added to
    the workers' environment.
    """
    project = folder / "event" / "project"
    project.mkdir(parents=True)
    (project / "event.yml").write_text(yaml.safe_dump(event))
    (project / "part.yml").write_text(named_block(PAGE, "part.yml"))
    (script,) = code_blocks(PAGE, "bash")
    (folder / "part.sh").write_text(script)
    (folder / "inventory.yml").write_text("encoders: {hosts: {}}\n")
    common = {
        **measuring(),
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "LANG": "C.UTF-8",
        "ANSIBLE_COLLECTIONS_PATH": str(collections),
    }
    workers = Workers(folder, {**common, "PATH": f"{folder / 'bin'}{os.pathsep}{common['PATH']}", "HOME": str(folder)})
    documented = yaml.safe_load(named_block(PAGE, f"~/{SECRETS_FILE}"))
    # Users do not need the URL: the service's own is the default.
    variables = {name: settings[name] for name in (*documented, "tenbyte_api_url")}
    for home in (folder, *workers.homes):
        (home / "tmp").mkdir(parents=True)
        file = home / SECRETS_FILE
        file.parent.mkdir()
        file.touch(mode=0o600)
        file.write_text(yaml.safe_dump(variables))
    ssh = folder / "bin" / "ssh"
    ssh.parent.mkdir()
    assignments = " ".join(shlex.quote(f"{name}={value}") for name, value in {**common, **of_workers}.items())
    ssh.write_text(SSH.format(workers=shlex.quote(str(folder / "workers")), environment=assignments))
    ssh.chmod(0o755)
    return workers
