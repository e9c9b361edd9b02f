# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Encoder hosts as local processes, under a real supervisord; a script that says that it sends is their ffmpeg."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.integration.conftest import PRESET
from tests.integration.controller import BIN, Controller, Run
from tests.simulator.server import Simulator

HOST, OTHER = "enc1", "enc2"
FFMPEG = """#!/bin/sh
case "$*" in *-version*) echo "ffmpeg version 5.1.9 Copyright"; exit ;; esac
while :; do n=$((n + 1)); echo "out_time_us=${n}000000"; sleep 0.5; done
"""


def rooms(title: str, **encoders: str | None) -> list[dict[str, Any]]:
    """Return an event of one room, with a session for each encoder; None gives a session no encoder."""
    sessions = []
    for session, encoder in encoders.items():
        entry = {"title": session, "preset_id": PRESET, "mode": "rtmp", "encoder": encoder}
        sessions.append({name: value for name, value in entry.items() if value is not None})
    return [{"title": title, "sessions": sessions}]


@dataclass
class Encoders:
    """``folder`` has a short path: supervisord's sockets lie below it. Each host costs a second in each run."""

    simulator: Simulator
    controller: Controller
    folder: Path
    hosts: tuple[str, ...] = (HOST,)

    def root(self, host: str) -> Path:
        return self.folder / host

    def write_inventory(self) -> Path:
        ffmpeg = self.folder / "ffmpeg"
        ffmpeg.write_text(FFMPEG)
        ffmpeg.chmod(0o755)
        common = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        role = {
            "ffmpeg_encoder_service_manager": "supervisord",
            "ffmpeg_encoder_supervisord_command": str(BIN / "supervisord"),
            "ffmpeg_encoder_supervisorctl_command": str(BIN / "supervisorctl"),
            "ffmpeg_encoder_binary": str(ffmpeg),
            "ffmpeg_encoder_start_timeout": 0,
        }
        hosts = {host: {**common, **role, "ffmpeg_encoder_root": str(self.root(host))} for host in self.hosts}
        file = self.folder / "inventory.yml"
        file.write_text(yaml.safe_dump({"encoders": {"hosts": hosts}, "local": {"hosts": {"localhost": common}}}))
        return file

    def play(self, playbook: str, event: list[dict[str, Any]], *arguments: str, **variables: Any) -> Run:
        """Run a playbook of the collection with an event file."""
        file = self.folder / "event.yml"
        file.write_text(yaml.safe_dump({"event_rooms": event, **variables}))
        inventory = str(self.write_inventory())
        return self.controller.playbook(f"tenbyte.webinar.{playbook}", "-i", inventory, "-e", f"@{file}", *arguments)

    def role(self, *arguments: str, tasks_from: str = "main", host: str = HOST, **variables: Any) -> Run:
        """Run the encoders' role by itself, without an event before it."""
        role = {"name": "tenbyte.webinar.ffmpeg_encoder", "tasks_from": tasks_from}
        task = {"ansible.builtin.include_role": role, "vars": variables}
        plays = [{"hosts": host, "gather_facts": False, "tasks": [task]}]
        return self.controller.plays(plays, "-i", str(self.write_inventory()), *arguments)

    def on_air(self, host: str = HOST) -> dict[str, int]:
        """Process ids by the plain part of a stream's name, such as main-hall-keynote, of what is not stopped."""
        config = self.root(host) / "supervisord.conf"
        if not config.exists():
            return {}
        command = [str(BIN / "supervisorctl"), "-c", str(config)]
        deadline = time.monotonic() + 30
        while True:
            said = subprocess.run([*command, "status"], capture_output=True, text=True, check=False).stdout
            if " STARTING " not in said or time.monotonic() > deadline:
                return {name: int(pid) for name, pid in re.findall(r"encoder-(\S+)-\w{8} +RUNNING +pid (\d+)", said)}
            time.sleep(0.2)

    def forget_program(self, name: str, host: str = HOST) -> None:
        """Have supervisord stop a stream and know nothing of it, while its files stay."""
        command = [str(BIN / "supervisorctl"), "-c", str(self.root(host) / "supervisord.conf")]
        said = subprocess.run([*command, "status"], capture_output=True, text=True, check=False).stdout
        (program,) = re.findall(rf"tenbyte-encoder-{name}-\w{{8}}(?=[ :])", said)
        for word in ("stop", "remove"):
            subprocess.run([*command, word, program], capture_output=True, check=True)

    def files(self, host: str = HOST) -> Mapping[str, float]:
        files = (path for path in self.root(host).rglob("*") if path.parent.name not in ("log", "run"))
        return {str(path): path.stat().st_mtime for path in files if path.is_file() and path.name != "status.json"}

    def titles(self) -> list[str]:
        state = self.simulator.service
        with state.lock:
            current = [one for one in state.sessions.values() if one.status in ("scheduled", "live")]
        return sorted(f"{one.room.title}/{one.title}" for one in current)

    def shut_down(self) -> None:
        for host in self.hosts:
            config, pid_file = self.root(host) / "supervisord.conf", self.root(host) / "log" / "supervisord.pid"
            if config.exists():
                command = [str(BIN / "supervisorctl"), "-c", str(config), "shutdown"]
                subprocess.run(command, capture_output=True, check=False)
            deadline = time.monotonic() + 15
            while pid_file.exists() and time.monotonic() < deadline:
                time.sleep(0.1)
