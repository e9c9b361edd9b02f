# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stage of a rehearsal: a simulated service, a real ingest, and encoder hosts as local processes, in one folder.

Everything listens on free loopback ports, and is ended by its process id.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.lab.ingest import Ingest, free_port
from tests.measuring import measuring

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
COLLECTIONS = ROOT / ".venv" / "collections"
PRESET_ID = "5e0f2a4c-0d51-4c6b-9a35-0d1f5f6c0001"
OTHER_PRESET_ID = "5e0f2a4c-0d51-4c6b-9a35-0d1f5f6c0002"
# The preset of the README's first playbook, so that it runs on the demo as printed.
README_PRESET_ID = "0d3f2c84-5f43-4b0c-9a57-0c6a6f1f2a11"
PRESETS = [
    {"id": PRESET_ID, "name": "Stage", "type": "rtmp"},
    {"id": OTHER_PRESET_ID, "name": "Other stage", "type": "rtmp"},
    {"id": README_PRESET_ID, "name": "Examples", "type": "rtmp"},
]
START_TIMEOUT = 60.0
STOP_TIMEOUT = 15.0


class StageError(RuntimeError):
    """The stage cannot be started; the message says why and what to do."""


@dataclass
class Stage:
    """``folder`` holds all files of the rehearsal; ``encoders`` are the names of its hosts.

    ``programs`` is the folder of the Ansible and the Python that run, ``collections`` where they find the collection.
    """

    folder: Path
    encoders: Sequence[str]
    api_url: str
    api_key: str
    ingest: Ingest
    programs: Path = BIN
    collections: Path = COLLECTIONS

    @property
    def inventory(self) -> Path:
        return self.folder / "inventory.yml"

    @property
    def fact_cache(self) -> Path:
        return self.folder / "facts"

    def environment(self) -> dict[str, str]:
        """Return the environment of a controller, with credentials and ledger."""
        return {
            **measuring(),
            "PATH": f"{self.programs}{os.pathsep}{os.environ['PATH']}",
            "LANG": "C.UTF-8",
            "HOME": str(self.folder),
            "ANSIBLE_HOME": str(self.folder / ".ansible"),
            "ANSIBLE_COLLECTIONS_PATH": str(self.collections),
            "ANSIBLE_CACHE_PLUGIN": "jsonfile",
            "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(self.fact_cache),
            "TENBYTE_API_URL": self.api_url,
            "TENBYTE_API_KEY": self.api_key,
            "TENBYTE_LEDGER_URL": f"sqlite:///{self.folder}/ledger/ledger.sqlite3",
        }

    def sessions(self) -> dict[str, dict[str, Any]]:
        """Return the fact ``tenbyte_sessions`` of the controller, from Ansible's fact cache."""
        cached = json.loads(next(self.fact_cache.glob("*localhost")).read_text())
        # From 2.19 on, core wraps cached facts, and prefixes the file's name with a version.
        facts = json.loads(cached["__payload__"]) if "__payload__" in cached else cached
        sessions: dict[str, dict[str, Any]] = facts["tenbyte_sessions"]
        return sessions

    def write_inventory(self) -> None:
        common = {"ansible_connection": "local", "ansible_python_interpreter": str(self.programs / "python")}
        hosts = {
            encoder: {
                **common,
                "ffmpeg_encoder_root": str(self.folder / encoder),
                "ffmpeg_encoder_service_manager": "supervisord",
                "ffmpeg_encoder_supervisord_command": str(BIN / "supervisord"),
                "ffmpeg_encoder_supervisorctl_command": str(BIN / "supervisorctl"),
            }
            for encoder in self.encoders
        }
        self.inventory.write_text(yaml.safe_dump({"encoders": {"hosts": hosts}}))


def set_stage(folder: Path, encoders: Sequence[str], address: str = "127.0.0.1") -> Stage:
    """Start the simulated service and the ingest; raise StageError if one does not start.

    ``address`` is where encoders reach the ingest. The caller must call ``stop_stage`` at the end, also after an error.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    rtmp_port, http_port = free_port(), free_port()
    # Tests search all processes of this machine for parts of it. One with a common beginning would be found in others.
    api_key = secrets.token_hex(24)
    user = {"username": "demo", "email": "demo@example.com", "api_key": api_key, "token": secrets.token_hex(16)}
    seed = {
        "users": [user],
        "presets": PRESETS,
        "rooms": [],
        "ingest": {
            "rtmp_url": f"rtmp://{address}:{rtmp_port}/live",
            "hls_url": f"http://127.0.0.1:{http_port}/hls/{{session_id}}/index.m3u8",
        },
    }
    seed_file, ready_file = folder / "seed.yml", folder / "simulator.json"
    with os.fdopen(os.open(seed_file, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
        yaml.safe_dump(seed, file)
    _start_simulator(seed_file, ready_file, folder / "simulator.log")
    ready = json.loads(ready_file.read_text())
    ingest = Ingest(folder / "ingest", ready["ingest_url"], rtmp_port, http_port, address=address)
    ingest.workdir.mkdir(exist_ok=True)
    ingest.start()
    stage = Stage(folder, tuple(encoders), ready["api_url"], api_key, ingest)
    stage.write_inventory()
    return stage


def _start_simulator(seed: Path, ready: Path, log: Path) -> None:
    command = [sys.executable, "-m", "tests.simulator", "--seed", str(seed), "--ready-file", str(ready)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    try:
        _wait_until_ready(process, ready, log)
    except BaseException:
        process.kill()
        process.wait()
        raise
    # It outlives this function, and end_processes waits for it by its id. Without a return code, Popen would warn.
    process.returncode = 0


def _wait_until_ready(process: subprocess.Popen[bytes], ready: Path, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while not ready.exists() or not ready.read_text().rstrip().endswith("}"):
        if process.poll() is not None or time.monotonic() > deadline:
            raise StageError(f"The simulator did not start: {log.read_text()[-500:]}")
        time.sleep(0.05)


@contextlib.contextmanager
def rehearsal(folder: Path, encoders: Sequence[str]) -> Iterator[Stage]:
    """A stage for a block; afterwards its processes have ended and its folder is removed."""
    try:
        yield set_stage(folder, encoders)
    finally:
        stop_stage(folder)


def stop_stage(folder: Path) -> int:
    """End the processes of a stage's folder, remove the folder, and return how many processes there were."""
    pids = processes_of(folder)
    end_processes(pids)
    end_processes(processes_of(folder))
    shutil.rmtree(folder, ignore_errors=True)
    return len(pids)


def processes_of(folder: Path) -> list[int]:
    """Return the processes that name the folder in their arguments, supervisors first: they would restart others."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (process / "cmdline").read_bytes().decode(errors="replace")
            if str(folder) in command and int(process.name) != os.getpid():
                found.append(("supervisord" not in command, int(process.name)))
    return [pid for _order, pid in sorted(found)]


def end_processes(pids: Sequence[int]) -> None:
    """End each process with TERM, in order, and with KILL if it does not end in time."""
    for pid in pids:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
            if _has_ended(pid):
                break


def _has_ended(pid: int) -> bool:
    deadline = time.monotonic() + STOP_TIMEOUT
    while time.monotonic() < deadline:
        # A child process stays in the process table until it is waited for.
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        if not Path(f"/proc/{pid}").exists():
            return True
        time.sleep(0.05)
    return False
