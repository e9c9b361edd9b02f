# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What verify.yml and rehearse.yml look at, without media: an inventory, encoders that say that they send, and HLS."""

from __future__ import annotations

import http.server
import json
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.encoder.lab import name_of
from tests.integration.controller import Controller
from tests.integration.playbooks.event import publish, session_titled
from tests.simulator.records import Session
from tests.simulator.server import Simulator


class GoingOn(http.server.BaseHTTPRequestHandler):
    """A playlist that has another segment at each request, under any session's id, but not below ``/silent/``."""

    number = 0

    def do_GET(self) -> None:
        type(self).number += 1
        content = f"#EXTM3U\n#EXTINF:1,\nsegment{self.number}.ts\n".encode()
        self.send_response(404 if self.path.startswith("/silent/") else 200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Last-Modified", self.date_time_string())
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    do_HEAD = do_GET

    def log_message(self, *_arguments: object) -> None:
        pass


@contextmanager
def hls() -> Iterator[str]:
    """Serve streams that play; yield their base URL."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), GoingOn)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join(10)
    server.server_close()


@contextmanager
def encoders_folder() -> Iterator[Path]:
    """Yield a folder for what encoder hosts hold: a short one, because supervisord has a socket in it."""
    folder = Path(tempfile.mkdtemp(prefix="tenbyte-webinar-encoders-"))
    yield folder
    shutil.rmtree(folder)


def inventory(
    controller: Controller, folder: Path, *encoders: str, others: tuple[str, ...] = (), **variables: Any
) -> str:
    """Write an inventory whose hosts are this machine, and return its name."""
    controller.home.mkdir(parents=True, exist_ok=True)
    hosts = {
        host: {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "ffmpeg_encoder_root": str(folder / host),
            "ffmpeg_encoder_service_manager": "supervisord",
            "ffmpeg_encoder_verify_timeout": 2,
            **variables,
        }
        for host in (*encoders, *others)
    }
    groups = {
        "encoders": {"hosts": {host: hosts[host] for host in encoders}},
        "others": {"hosts": {host: hosts[host] for host in others}},
    }
    (controller.home / "inventory.yml").write_text(yaml.safe_dump(groups))
    return "inventory.yml"


def plays(simulator: Simulator, title: str, hls_url: str) -> Session:
    """Let a session be live and play."""
    session = session_titled(simulator, title)
    session.hls_url = hls_url
    publish(simulator, session)
    return session


def on_air(folder: Path, simulator: Simulator, host: str, title: str, hls_url: str, **says: Any) -> None:
    """Let a session be live, play, and its encoder say that it sends, and what else it ``says``."""
    session = plays(simulator, title, hls_url)
    name = name_of(f"{session.room.title}/{title}")
    running, keys = folder / host / "run" / name, folder / host / "keys"
    keys.mkdir(parents=True, exist_ok=True)
    # What the role finds there tells it that the stream was put on the host.
    (keys / f"{name}.ffpreset").touch()
    running.mkdir(parents=True)
    status = {"state": "on air", "showing": "source", "first_media_seconds": 1, **says}
    (running / "status.json").write_text(json.dumps(status))
