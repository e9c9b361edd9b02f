# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``python -m tests.bench.hosts``: how long it takes to set up encoder hosts, on booted machines of the lab.

Each cell, a number of hosts with a number of streams each, runs the role ``ffmpeg_encoder`` for new streams, again for
unchanged ones, with one changed, and with ``absent``; and, on the same hosts, an empty play and a play of six tasks
``command``. It also measures the seconds from the start of the playbook ``provision`` to the first playable segment.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab import machines, media, scenario, stage
from tests.lab.roots import LabError

from .hosts_report import COMMANDS, EMPTY, FIGURES, LARGEST, PHASES, HostFigures, PlayableFigures, save, text
from .options import at_least_one

FOLDER = stage.ROOT / "build" / "bench" / "hosts"
# Hosts and streams of each.
CELLS = ((1, 1), (1, 5), (1, 15), (LARGEST, 1))
# Streams that are copied leave the processors to what is measured.
SETTINGS = {
    "ffmpeg_encoder_profile": {"name": "copy"},
    "ffmpeg_encoder_source": {"type": "file", "path": "/srv/media/testsrc-360p.mp4"},
}
OTHER_SOURCE = {"type": "file", "path": "/srv/media/bars-720p.mp4"}
LONGEST_RUN = 900


class WrongRun(Exception):
    """A run that failed, or that changed what it should not have changed."""


@dataclass(frozen=True)
class Lab:
    """Booted machines named ``encoder01`` and so on, the service, and the ingest."""

    stage: stage.Stage
    machines: Sequence[machines.Machine]
    folder: Path

    def environment(self) -> dict[str, str]:
        return {
            **self.stage.environment(),
            "ANSIBLE_FORKS": str(LARGEST),
            "ANSIBLE_HOST_KEY_CHECKING": "false",
            "ANSIBLE_PIPELINING": "true",
            "ANSIBLE_INVENTORY": str(self.folder / "hosts.json"),
        }

    def write_inventory(self, hosts: int) -> None:
        encoders = {
            machine.name: {
                "ansible_host": machine.address,
                "ansible_user": scenario.USER,
                "ansible_ssh_private_key_file": str(self.folder / "machines" / "id_ed25519"),
                "ansible_python_interpreter": "/usr/bin/python3",
            }
            for machine in self.machines[:hosts]
        }
        (self.folder / "hosts.json").write_text(json.dumps({"encoders": {"hosts": encoders}}))

    def command(self, playbook: str | Path, variables: dict[str, Any]) -> list[str]:
        (self.folder / "variables.json").write_text(json.dumps(variables))
        return [str(stage.BIN / "ansible-playbook"), str(playbook), "-e", f"@{self.folder / 'variables.json'}"]

    def run(self, playbook: str | Path, variables: dict[str, Any]) -> tuple[float, str]:
        """Return the seconds that a playbook takes, and what it prints. Raise WrongRun if it fails."""
        command = self.command(playbook, variables)
        begun = time.perf_counter()
        done = subprocess.run(
            command,
            check=False,
            env=self.environment(),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=LONGEST_RUN,
        )
        seconds = time.perf_counter() - begun
        if done.returncode != 0:
            raise WrongRun(f"{Path(playbook).name} failed:\n{done.stdout[-4000:]}{done.stderr[-2000:]}")
        return seconds, done.stdout

    def playbook(self, name: str, tasks: list[dict[str, Any]]) -> Path:
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps([{"name": name, "hosts": "encoders", "gather_facts": False, "tasks": tasks}]))
        return path


def figures_of(lab: Lab, hosts: int, streams: int) -> Iterator[HostFigures]:
    """Run every phase of a cell once, with the plays for comparison between them."""
    lab.write_inventory(hosts)
    rooms = [
        {
            "title": f"Stage {machine.name}",
            "sessions": [
                {"title": f"Talk {number:02}", "preset_id": stage.PRESET_ID, "mode": "rtmp", "encoder": machine.name}
                for number in range(1, streams + 1)
            ],
        }
        for machine in lab.machines[:hosts]
    ]
    lab.run(_event(lab), {"event_rooms": rooms})
    role = lab.playbook(
        "role", [{"name": "Set up", "ansible.builtin.include_role": {"name": "tenbyte.webinar.ffmpeg_encoder"}}]
    )
    settings: dict[str, Any] = {
        **SETTINGS,
        "all_streams": [_stream(session) for session in lab.stage.sessions().values()],
        "ffmpeg_encoder_streams": "{{ all_streams | selectattr('room', '==', 'Stage ' ~ inventory_hostname) }}",
    }
    changed = {f"{room['title']}/Talk 01": OTHER_SOURCE for room in rooms}
    variables: dict[str, dict[str, Any]] = {
        "new": settings,
        "unchanged": settings,
        "one changed": {**settings, "ffmpeg_encoder_sources": changed},
        "absent": {"ffmpeg_encoder_state": "absent"},
    }
    one_task = {"name": "Do nothing", "ansible.builtin.command": {"argv": ["true"]}, "changed_when": False}
    for phase in PHASES:
        seconds, output = lab.run(role, variables[phase])
        _check(phase, output, hosts)
        yield HostFigures(hosts, streams, phase, seconds)
    for name, tasks in ((EMPTY, []), (COMMANDS, [one_task] * 6)):
        seconds, _output = lab.run(lab.playbook(name.replace(" ", "-"), tasks), {})
        yield HostFigures(hosts, streams, name, seconds)
    lab.run("tenbyte.webinar.teardown", {"event_rooms": rooms})


def _stream(session: dict[str, Any]) -> dict[str, Any]:
    """Return what the role takes of a session."""
    same = {name: session[name] for name in ("room", "room_id", "title", "rtmp_url", "hls_url")}
    return {"session_id": session["id"], **same}


def _event(lab: Lab) -> Path:
    path = lab.folder / "event.json"
    play = {"name": "Create the sessions", "hosts": "localhost", "gather_facts": False}
    path.write_text(json.dumps([{**play, "roles": ["tenbyte.webinar.event"]}]))
    return path


def _check(phase: str, output: str, hosts: int) -> None:
    """Raise WrongRun unless every host has changed, or none where nothing was to change."""
    recap = [line for line in output.splitlines() if " ok=" in line and "failed=0" in line]
    unchanged = sum("changed=0" in line for line in recap)
    if len(recap) != hosts or unchanged != (hosts if phase == "unchanged" else 0):
        raise WrongRun(f"the run '{phase}' has not done what it should:\n{output[-4000:]}")


def playable(lab: Lab, number: int) -> PlayableFigures:
    """Provision an event of one session on a prepared host, and return when its first segment can be played."""
    lab.write_inventory(1)
    session = {"title": f"Opening {number}", "preset_id": stage.PRESET_ID, "mode": "rtmp", "encoder": "encoder01"}
    variables = {**SETTINGS, "event_rooms": [{"title": f"Hall {number}", "sessions": [session]}]}
    empty, _output = lab.run(lab.playbook(EMPTY.replace(" ", "-"), []), {})
    folder = lab.stage.ingest.workdir / "hls"
    known = set(folder.glob("*"))
    with (lab.folder / "provision.log").open("w") as log:
        begun = time.perf_counter()
        process = subprocess.Popen(
            lab.command("tenbyte.webinar.provision", variables),
            env=lab.environment(),
            cwd=lab.folder,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            published = played = 0.0
            while not played and time.perf_counter() - begun < LONGEST_RUN:
                new = set(folder.glob("*")) - known
                published = published or (time.perf_counter() - begun if new else 0.0)
                if new and _plays(lab.stage.ingest.hls_url(next(iter(new)).name)):
                    played = time.perf_counter() - begun
                time.sleep(0.02)
            if process.wait(LONGEST_RUN) != 0 or not played:
                raise WrongRun(f"provision failed:\n{(lab.folder / 'provision.log').read_text()[-4000:]}")
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.wait()
    lab.run("tenbyte.webinar.teardown", {"event_rooms": variables["event_rooms"]})
    return PlayableFigures(empty, published, played)


def _plays(url: str) -> bool:
    """Return whether a playlist has a segment that can be fetched."""
    with contextlib.suppress(urllib.error.URLError, OSError):
        with urllib.request.urlopen(url, timeout=5) as answer:
            segments = [line for line in answer.read().decode().splitlines() if line and not line.startswith("#")]
        if segments:
            with urllib.request.urlopen(f"{url.rpartition('/')[0]}/{segments[0]}", timeout=5) as answer:
                return len(answer.read()) > 0
    return False


@contextlib.contextmanager
def booted(hosts: int) -> Iterator[Lab]:
    """Boot machines that have ffmpeg and a clip, and end them."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    try:
        platforms = [machines.Platform(f"encoder{number:02}", ("ffmpeg",)) for number in range(1, hosts + 1)]
        network, running = machines.start(FOLDER / "machines", platforms)
        names = [machine.name for machine in running]
        lab = Lab(stage.set_stage(FOLDER / "stage", names, network.address), running, FOLDER)
        lab.write_inventory(hosts)
        lab.run(lab.playbook("prepare", _preparation()), {})
        yield lab
    finally:
        scenario.down(FOLDER)


def _preparation() -> list[dict[str, Any]]:
    clips = media.make_loops(stage.ROOT / "build" / "media")
    copies = [
        {
            "name": f"Copy {name}",
            "ansible.builtin.copy": {"src": str(clips[name]), "dest": f"/srv/media/{name}.mp4", "mode": "0644"},
        }
        for name in ("testsrc-360p", "bars-720p")
    ]
    return [
        {
            "name": "Wait until the machine has booted",
            "ansible.builtin.command": {"argv": ["systemctl", "is-system-running", "--wait"]},
            "changed_when": False,
            "failed_when": False,
        },
        {
            "name": "Make a folder for clips",
            "ansible.builtin.file": {"path": "/srv/media", "state": "directory", "mode": "0755"},
        },
        *copies,
    ]


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench-hosts", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--runs", type=at_least_one, default=3, help="how often each cell runs (3); the medians are shown"
    )
    asked = parser.parse_args(arguments)
    why = scenario.why_not()
    if why:
        print(f"Nothing was measured: {why}", file=sys.stderr)
        return 1
    os.umask(0o022)
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(143))
    hosts: list[HostFigures] = []
    first: list[PlayableFigures] = []
    try:
        with booted(max(number for number, _streams in CELLS)) as lab:
            for run in range(asked.runs):
                for cell in CELLS:
                    for figures in figures_of(lab, *cell):
                        print(f"{run + 1}/{asked.runs} {figures}", flush=True)
                        hosts.append(figures)
                first.append(playable(lab, run))
                print(f"{run + 1}/{asked.runs} {first[-1]}", flush=True)
    except (WrongRun, LabError, stage.StageError, media.MediaError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    save(hosts, first)
    print(f"\n{text(hosts, first)}\n\nThe figures are in {FIGURES.relative_to(stage.ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
