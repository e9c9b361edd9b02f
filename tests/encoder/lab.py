# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two encoder hosts as local processes, an ingest to stream to, and a simulated service."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import StreamKey
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import Redactor
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.location import LedgerSettings
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import open_ledger

from tests.integration.controller import BIN, Controller, Run
from tests.lab import media
from tests.lab.ingest import Ingest, free_port
from tests.simulator.server import Simulator

HOSTS = ("enc-a", "enc-b")


def name_of(label: str) -> str:
    """The name of a stream's files and programs, made from ROOM/TITLE."""
    plain = re.sub("^-|-$", "", re.sub("[^a-z0-9]+", "-", label.lower()))[:48]
    return f"{plain}-{hashlib.sha256(label.encode()).hexdigest()[:8]}"


@dataclass
class EncoderLab:
    simulator: Simulator
    ingest: Ingest
    controller: Controller
    folder: Path
    event_rooms: list[dict[str, Any]]
    variables: dict[str, Any]

    def root(self, host: str) -> Path:
        return self.folder / host

    def converge(self, *arguments: str, provision: bool = True, **variables: Any) -> Run:
        """Run the role event, then the encoders' role on both hosts."""
        plays: list[dict[str, Any]] = []
        if provision:
            event = {"role": "tenbyte.webinar.event", "vars": {"event_rooms": self.event_rooms}}
            plays.append({"hosts": "localhost", "gather_facts": False, "roles": [event]})
        encoder = {"role": "tenbyte.webinar.ffmpeg_encoder", "vars": {**self.variables, **variables}}
        plays.append({"hosts": "encoders", "gather_facts": False, "roles": [encoder]})
        return self.controller.plays(plays, "-i", str(self.inventory()), *arguments)

    def inventory(self) -> Path:
        file = self.folder / "inventory.json"
        common = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        hosts = {host: {**common, "ffmpeg_encoder_root": str(self.root(host))} for host in HOSTS}
        local = {"hosts": {"localhost": common}}
        file.write_text(json.dumps({"all": {"children": {"encoders": {"hosts": hosts}, "local": local}}}))
        return file

    def refusals(
        self, cases: dict[str, dict[str, Any]], host: str = HOSTS[0], role: dict[str, str] | None = None
    ) -> dict[str, str]:
        """What the role says to each set of variables, by the case's name; "accepted" if it takes them."""
        role = role or {"name": "tenbyte.webinar.ffmpeg_encoder"}
        tasks: list[dict[str, Any]] = []
        for name, variables in cases.items():
            tried = [
                {"ansible.builtin.include_role": role, "vars": {**self.variables, **variables}},
                {"ansible.builtin.debug": {"msg": "accepted"}},
            ]
            tasks.append({"ansible.builtin.debug": {"msg": f"CASE {name}:"}})
            tasks.append({"block": tried, "rescue": [{"ansible.builtin.debug": {"msg": "refused"}}]})
        plays = [{"hosts": host, "gather_facts": False, "tasks": tasks}]
        run = self.controller.plays(plays, "-i", str(self.inventory()))
        _before, *parts = re.split(r"CASE (.*?):\"", run.output)
        return {name: " ".join(said.split()) for name, said in zip(parts[::2], parts[1::2], strict=True)}

    def sessions(self) -> dict[str, str]:
        """Session ids by ROOM/TITLE, of current sessions."""
        state = self.simulator.service
        with state.lock:
            current = [session for session in state.sessions.values() if session.status in ("scheduled", "live")]
            return {f"{session.room.title}/{session.title}": session.id for session in current}

    def pids(self) -> dict[str, int]:
        """Process ids by ROOM/TITLE, of what supervisord calls running."""
        labels = {
            name_of(f"{room['title']}/{session['title']}"): f"{room['title']}/{session['title']}"
            for room in self.event_rooms
            for session in room["sessions"]
        }
        found: dict[str, int] = {}
        for host in HOSTS:
            config = self.root(host) / "supervisord.conf"
            if config.exists():
                command = [str(BIN / "supervisorctl"), "-c", str(config), "status"]
                status = subprocess.run(command, capture_output=True, text=True, check=False).stdout
                found |= {
                    labels[one]: int(pid)
                    for one, pid in re.findall(r"tenbyte-encoder-(\S+) +RUNNING +pid (\d+)", status)
                }
        return found

    def wait_until_playing(self, session_id: str, timeout: float = 20.0) -> media.Probe:
        """What the session's HLS plays; a stale playlist of an encoder that left does not count."""
        started = time.time()
        playlist = self.ingest.workdir / "hls" / session_id / "index.m3u8"
        while not (playlist.exists() and playlist.stat().st_mtime > started):
            assert time.time() < started + timeout, f"no media of {session_id} within {timeout:g} s"
            time.sleep(0.1)
        return media.probe(self.ingest.hls_url(session_id))

    def rotate_key(self, session_id: str) -> str:
        """The service gives a session another key, and the ledger knows it."""
        service = self.simulator.service
        with service.lock:
            key = service.rotate_stream_key(session_id)
            service.session(session_id).publisher = None  # Thrown out: its key is not valid any more.
        url = f"sqlite:///{self.controller.ledger_file}"
        ledger = open_ledger(LedgerSettings(url), Redactor(), "test")
        assert ledger is not None
        try:
            row = ledger.row_of_session(session_id)
            assert row is not None
            ledger.adopt(row.slot, session_id, StreamKey(key, self.ingest.rtmp_url))
        finally:
            ledger.close()
        return key


@contextmanager
def encoder_lab(folder: Path, event_rooms: list[dict[str, Any]], seed: dict[str, Any]) -> Iterator[EncoderLab]:
    rtmp_port, http_port = free_port(), free_port()
    seed["ingest"] = {
        "rtmp_url": f"rtmp://127.0.0.1:{rtmp_port}/live",
        "hls_url": f"http://127.0.0.1:{http_port}/hls/{{session_id}}/index.m3u8",
    }
    (folder / "ingest").mkdir()
    variables = {
        "ffmpeg_encoder_service_manager": "supervisord",
        "ffmpeg_encoder_supervisord_command": str(BIN / "supervisord"),
        "ffmpeg_encoder_supervisorctl_command": str(BIN / "supervisorctl"),
    }
    collections = Path(".venv/collections").resolve()
    with Simulator(seed) as simulator:
        controller = Controller(folder / "controller", simulator.api_url, seed["users"][0]["api_key"], collections)
        with Ingest(folder / "ingest", simulator.ingest_url, rtmp_port, http_port) as ingest:
            lab = EncoderLab(simulator, ingest, controller, folder, event_rooms, variables)
            try:
                yield lab
            finally:
                _shut_down(lab)


def _shut_down(lab: EncoderLab) -> None:
    for host in HOSTS:
        config = lab.root(host) / "supervisord.conf"
        if config.exists():
            command = [str(BIN / "supervisorctl"), "-c", str(config), "shutdown"]
            subprocess.run(command, capture_output=True, check=False)
            pid_file = lab.root(host) / "log" / "supervisord.pid"
            deadline = time.monotonic() + 15
            while pid_file.exists() and time.monotonic() < deadline:
                time.sleep(0.1)


def processes_that_show(secret: str) -> list[str]:
    """Process ids whose command line or environment holds the secret."""
    found = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        for part in ("cmdline", "environ"):
            try:
                if secret.encode() in (process / part).read_bytes():
                    found.append(f"{process.name}/{part}")
            except OSError:
                continue
    return found
