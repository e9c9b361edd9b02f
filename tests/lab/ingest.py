# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real RTMP ingest for tests and the demo: nginx with its RTMP module, on loopback, in its own process."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

MODULE_FOLDERS = ("/usr/lib/nginx/modules", "/usr/lib64/nginx/modules", "/usr/share/nginx/modules")

# What every nginx of the tests has. The error log shows stream keys at level `info`: it must stay at `warn`.
HEAD = """\
{user}daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 512; }}
"""
# What one that serves HTTP has, lest it writes to the folders of the system's own.
TEMPORARY = """\
    access_log off;
    client_body_temp_path {folder}/temp/body;
    proxy_temp_path {folder}/temp/proxy;
    fastcgi_temp_path {folder}/temp/fastcgi;
    uwsgi_temp_path {folder}/temp/uwsgi;
    scgi_temp_path {folder}/temp/scgi;
"""
CONFIGURATION = """\
load_module {module};
rtmp {{
    access_log off;
    server {{
        listen 127.0.0.1:{rtmp_port};
{more_listen}        chunk_size 4096;
        notify_method post;
        application live {{
            live on;
            deny play all;
            on_publish {callback_url}/on_publish;
            on_publish_done {callback_url}/on_publish_done;
            on_update {callback_url}/on_update;
            notify_update_timeout {update_seconds}s;
            push rtmp://127.0.0.1:{rtmp_port}/hls;
        }}
        application hls {{
            live on;
            allow publish 127.0.0.1;
            deny publish all;
            deny play all;
            hls on;
            hls_path {workdir}/hls;
            hls_nested on;
            hls_fragment {fragment_seconds}s;
            hls_playlist_length {playlist_seconds}s;
        }}
    }}
}}
http {{
{temporary}    types {{
        application/vnd.apple.mpegurl m3u8;
        video/mp2t ts;
    }}
    server {{
        listen 127.0.0.1:{http_port};
        location /hls/ {{
            root {workdir};
            add_header Cache-Control no-cache;
        }}
    }}
}}
"""


class IngestError(RuntimeError):
    """The ingest cannot run; the message says why and what to do."""


def free_port() -> int:
    """A TCP port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def nginx_binary() -> str:
    found = shutil.which("nginx", path=os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin")))
    if found is None:
        raise IngestError("nginx is not installed: install the Debian packages nginx and libnginx-mod-rtmp")
    return found


def rtmp_module() -> Path:
    for folder in MODULE_FOLDERS:
        module = Path(folder, "ngx_rtmp_module.so")
        if module.is_file():
            return module
    raise IngestError(f"nginx has no RTMP module in {', '.join(MODULE_FOLDERS)}: install the package libnginx-mod-rtmp")


def missing() -> str | None:
    """Why no ingest can run on this machine, or None if one can."""
    try:
        nginx_binary()
        rtmp_module()
    except IngestError as error:
        return str(error)
    return None


class Nginx:
    """nginx as a process of its own, in a folder with its configuration and its log."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def error_log(self) -> Path:
        return self.folder / "error.log"

    @property
    def pid(self) -> int:
        if self._process is None:
            raise IngestError("the ingest is not running")
        return self._process.pid

    def start(self, configuration: str, ports: Sequence[int], timeout: float = 30.0) -> None:
        """Returns when all ports accept connections. Raises IngestError.

        The configuration comes without what every nginx here has: its process, its user, its log.
        """
        if any(character in str(self.folder) for character in " \t;{}\"'$"):
            raise IngestError(f"nginx cannot work in {self.folder}: choose a folder without spaces, quotes, ; or $")
        self.folder.mkdir(parents=True, exist_ok=True)
        # Workers that root starts would change to a user without access to the folder.
        user = "user root;\n" if os.geteuid() == 0 else ""
        head = HEAD.format(user=user, folder=self.folder)
        file = self.folder / "nginx.conf"
        # Modules are loaded before anything else.
        loaded = [line for line in configuration.splitlines() if line.startswith("load_module")]
        rest = [line for line in configuration.splitlines() if line not in loaded]
        file.write_text("\n".join([*loaded, head, *rest, ""]), encoding="utf-8")
        self._process = subprocess.Popen(
            [nginx_binary(), "-p", str(self.folder), "-e", str(self.error_log), "-c", str(file)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            self._wait(ports, timeout)
        except BaseException:
            self.stop()
            raise

    def stop(self, timeout: float = 30.0) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        # TERM and not QUIT: a graceful shutdown waits for encoders that never disconnect.
        process.terminate()
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _wait(self, ports: Sequence[int], timeout: float) -> None:
        assert self._process is not None
        deadline = time.monotonic() + timeout
        waiting_for = list(ports)
        while waiting_for:
            if self._process.poll() is not None:
                log = self.error_log.read_text(encoding="utf-8", errors="replace") if self.error_log.exists() else ""
                raise IngestError(f"nginx left with code {self._process.returncode} at its start: {log.strip()[-500:]}")
            if time.monotonic() > deadline:
                raise IngestError(
                    f"nginx did not open port {waiting_for[0]} within {timeout:g} s; see {self.error_log}"
                )
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", waiting_for[0]), timeout=1):
                waiting_for.pop(0)
                continue
            time.sleep(0.05)


class Ingest:
    """Encoders publish to `rtmp_url` with a key that the callbacks accept; viewers read `hls_url(session_id)`.

    Encoders on other machines publish to `address`, another address of this host.
    The callback `on_publish` answers 302 with `Location: SESSION_ID`: that renames the stream, so no path holds a key.
    """

    def __init__(
        self,
        workdir: Path,
        callback_url: str,
        rtmp_port: int = 0,
        http_port: int = 0,
        *,
        address: str = "127.0.0.1",
        fragment_seconds: int = 1,
        playlist_seconds: int = 10,
        update_seconds: int = 2,
    ) -> None:
        self.workdir = workdir.resolve()
        self.callback_url = callback_url.rstrip("/")
        self.address = address
        self.rtmp_port = rtmp_port or free_port()
        self.http_port = http_port or free_port()
        self.fragment_seconds = fragment_seconds
        self.playlist_seconds = playlist_seconds
        self.update_seconds = update_seconds
        self._nginx = Nginx(self.workdir)

    @property
    def rtmp_url(self) -> str:
        return f"rtmp://{self.address}:{self.rtmp_port}/live"

    @property
    def hls_base_url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}/hls"

    def hls_url(self, session_id: str) -> str:
        return f"{self.hls_base_url}/{session_id}/index.m3u8"

    @property
    def error_log(self) -> Path:
        return self._nginx.error_log

    @property
    def pid(self) -> int:
        return self._nginx.pid

    def __enter__(self) -> Ingest:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self, timeout: float = 30.0) -> None:
        """Returns when both ports accept connections. Raises IngestError."""
        more = f"        listen {self.address}:{self.rtmp_port};\n" if self.address != "127.0.0.1" else ""
        configuration = CONFIGURATION.format(
            module=rtmp_module(),
            workdir=self.workdir,
            callback_url=self.callback_url,
            more_listen=more,
            rtmp_port=self.rtmp_port,
            http_port=self.http_port,
            temporary=TEMPORARY.format(folder=self.workdir),
            fragment_seconds=self.fragment_seconds,
            playlist_seconds=self.playlist_seconds,
            update_seconds=self.update_seconds,
        )
        for folder in ("hls", "temp"):
            (self.workdir / folder).mkdir(parents=True, exist_ok=True)
        self._nginx.start(configuration, [self.rtmp_port, self.http_port], timeout)

    def stop(self, timeout: float = 30.0) -> None:
        self._nginx.stop(timeout)
