# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A system log for a single command: it runs with its own /dev, in which /dev/log is a socket of the test."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

# The separate mount namespace does not change the machine's /dev. Without root, it needs a user namespace.
_UNSHARE = ("unshare", "--mount", *(() if os.geteuid() == 0 else ("--map-root-user",)))
_OWN_DEV = """
set -e
new="$1"; log="$2"; shift 2
mount -t tmpfs tmpfs "$new"
for device in null zero full random urandom tty; do
  : >"$new/$device"
  mount --bind "/dev/$device" "$new/$device"
done
mkdir "$new/pts" "$new/shm"
mount --rbind /dev/pts "$new/pts"
mount --bind /dev/shm "$new/shm"
ln -s pts/ptmx "$new/ptmx"
ln -s /proc/self/fd "$new/fd"
ln -s "$log" "$new/log"
mount --move "$new" /dev
exec "$@"
"""


@dataclass
class SystemLog:
    """The logged lines, and the command prefix that redirects a command's system log to them."""

    wrapper: tuple[str, ...]
    lines: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "\n".join(list(self.lines))


def missing() -> str | None:
    """Return the reason why this machine cannot provide a separate system log, None if it can."""
    if shutil.which("unshare") is None:
        return "there is no unshare"
    with tempfile.TemporaryDirectory() as folder:
        command = [*_UNSHARE, "sh", "-c", _OWN_DEV, "sh", folder, f"{folder}/log", "true"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else f"unshare: {done.stderr.strip()[-200:]}"


@contextlib.contextmanager
def system_log() -> Iterator[SystemLog]:
    # Not in the folder of the test: the path of a socket may have at most 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="log-"))
    (folder / "dev").mkdir()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(str(folder / "log"))
    log = SystemLog((*_UNSHARE, "sh", "-c", _OWN_DEV, "sh", str(folder / "dev"), str(folder / "log")))
    stop = threading.Event()

    def listen() -> None:
        while not stop.is_set():
            if select.select([listener], [], [], 0.1)[0]:
                log.lines.append(listener.recv(1 << 20).decode(errors="replace"))

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    try:
        yield log
    finally:
        stop.set()
        thread.join()
        listener.close()
        shutil.rmtree(folder)
