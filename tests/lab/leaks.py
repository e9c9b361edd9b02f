# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Searches for secrets wherever a run could have left them: texts, files, and the processes while it runs.

What is found is named by its place; the secret itself is never part of a message.
"""

from __future__ import annotations

import contextlib
import stat
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

SAMPLE_SECONDS = 0.02


class ProcessWatch:
    """Notes every argument list and environment on this machine while its block runs."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], set[bytes]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="process watch", daemon=True)

    def __enter__(self) -> ProcessWatch:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(SAMPLE_SECONDS):
            for process in Path("/proc").glob("[0-9]*"):
                for kind in ("cmdline", "environ"):
                    with contextlib.suppress(OSError):
                        self._seen.setdefault((kind, process.name), set()).add((process / kind).read_bytes())

    @property
    def processes_seen(self) -> int:
        return len({pid for _kind, pid in list(self._seen)})

    def places_of(self, secrets: Iterable[str], kinds: Iterable[str] = ("cmdline", "environ")) -> list[str]:
        wanted = [secret.encode() for secret in secrets]
        return [
            f"/proc/{pid}/{kind}"
            for (kind, pid), contents in list(self._seen.items())
            if kind in kinds and any(secret in content for content in list(contents) for secret in wanted)
        ]


def places_in_texts(secrets: Iterable[str], texts: Mapping[str, str]) -> list[str]:
    known = list(secrets)
    return [name for name, text in texts.items() if any(secret in text for secret in known)]


def places_in_files(secrets: Iterable[str], folder: Path) -> list[str]:
    """Return the files below a folder that hold a secret, with their modes."""
    wanted = [secret.encode() for secret in secrets]
    found = []
    for path in _files(folder):
        with contextlib.suppress(OSError):
            content = path.read_bytes()
            if any(secret in content for secret in wanted):
                found.append(f"{path.relative_to(folder)} {stat.S_IMODE(path.stat().st_mode):04o}")
    return sorted(found)


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.suffix not in (".ts", ".mp4"):
            yield path
