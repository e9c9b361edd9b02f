# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A PostgreSQL server of the tests' own: in a temporary folder, on a free loopback port, gone with the test run."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

HOST = "127.0.0.1"
USER = "ledger"
START_TIMEOUT = 60.0
# What a real server does for the sake of its disk, and what no test of this collection depends on.
SETTINGS = {"fsync": "off", "full_page_writes": "off", "max_connections": "60", "shared_buffers": "16MB"}


@dataclass(frozen=True)
class PostgreSQL:
    """A running server; ``pid`` is its first process, ``password`` its one user's."""

    port: int
    pid: int
    password: str

    def url(self, database: str, port: int | None = None) -> str:
        return f"postgresql+psycopg://{USER}:{self.password}@{HOST}:{port or self.port}/{database}"

    def connect(self, database: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host=HOST, port=self.port, user=USER, password=self.password, dbname=database, autocommit=True
        )

    def new_database(self) -> str:
        """Make an empty database and return its name."""
        name = f"ledger_{secrets.token_hex(6)}"
        with self.connect() as connection:
            connection.execute(f'CREATE DATABASE "{name}"'.encode())
        return name


def programs() -> Path:
    """Return the folder of the server's programs, the newest if there are several; skip the test if there is none."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    on_path = shutil.which("initdb")
    if on_path:
        found.append(Path(on_path).parent)
    if not found:
        pytest.skip("there is no PostgreSQL server on this machine: scripts/setup installs Debian's postgresql")
    return max(found, key=lambda folder: int(folder.parent.name) if folder.parent.name.isdigit() else 0)


@contextmanager
def postgresql_server() -> Iterator[PostgreSQL]:
    """Start a server and stop it by its process id. It refuses to run as root, who hands it to another user."""
    folder, binaries = Path(tempfile.mkdtemp(prefix="tenbyte-webinar-postgresql-")), programs()
    password = f"unit-database-{secrets.token_hex(12)}"
    # However this process ends, the server ends with it.
    prefix = ["setpriv", "--pdeathsig", "QUIT"]
    if os.geteuid() == 0:
        user = "postgres" if _exists("postgres") else "nobody"
        prefix += ["--reuid", user, "--regid", str(pwd.getpwnam(user).pw_gid), "--clear-groups"]
        shutil.chown(folder, user)
    data, log, password_file = folder / "data", folder / "log", folder / "password"
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    password_file.write_text(password)
    if os.geteuid() == 0:
        shutil.chown(password_file, user)
    password_file.chmod(0o600)
    initdb = [str(binaries / "initdb"), "-D", str(data), "-U", USER, "--pwfile", str(password_file)]
    subprocess.run(
        [*prefix, *initdb, "-A", "scram-sha-256", "--no-sync", "--encoding=UTF8"],
        env=environment,
        cwd=folder,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    port = _free_port()
    settings = {**SETTINGS, "listen_addresses": HOST, "port": str(port), "unix_socket_directories": str(folder)}
    arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*prefix, str(binaries / "postgres"), "-D", str(data), *arguments],
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        server = PostgreSQL(port, process.pid, password)
        _wait_until_ready(server, process, log)
        yield server
    finally:
        # The server's word for "at once": nothing of it is to be kept.
        process.send_signal(signal.SIGQUIT)
        process.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_ready(server: PostgreSQL, process: subprocess.Popen[bytes], log: Path) -> None:
    give_up = time.monotonic() + START_TIMEOUT
    while True:
        try:
            server.connect().close()
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > give_up:
                raise RuntimeError(f"PostgreSQL did not start: {log.read_text()[-2000:]}") from None
            time.sleep(0.05)
        else:
            return


def _exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
