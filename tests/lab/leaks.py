# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Searches for secrets in texts, in files, and in processes while a run is at work.

Results name the place of a secret, never the secret.
"""

from __future__ import annotations

import base64
import contextlib
import io
import re
import stat
import threading
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

SAMPLE_SECONDS = 0.02
_PIECE = 12
# In base64 of a longer text, a piece has one of three forms, by its offset. Each is searched for without the
# characters at its ends, which also encode bits of neighbouring characters.
_BASE64_ENDS = ((0, None), (2, -1), (3, -1))
_BASE64_OF_A_ZIP = re.compile(rb"UEsDB[A-Za-z0-9+/]{100,}={0,2}")


def traces_of(secrets: Iterable[str]) -> list[bytes]:
    """Return the texts to search for: pieces of a secret's longest run of letters and digits, plain, in base64 and hex.

    Escaping for JSON, a URL, a shell or XML does not change such a run. Pieces of it are also found in a truncated
    secret.
    """
    traces = []
    for secret in secrets:
        run = max(re.findall(r"[A-Za-z0-9_-]+", secret), key=len)
        middle = (len(run) - _PIECE) // 2
        if len(run) < _PIECE:
            raise ValueError("a secret without twelve letters and digits in a row cannot be searched for")
        for piece in (run[:_PIECE], run[middle : middle + _PIECE], run[-_PIECE:]):
            content = piece.encode()
            traces += [content, content.hex().encode(), content.hex().upper().encode()]
        # Pieces may begin at any offset in base64, so the whole run is searched for.
        for before, (start, end) in enumerate(_BASE64_ENDS):
            encoded = base64.b64encode(b"\0" * before + run.encode()).rstrip(b"=")
            traces.append(encoded[start : end or len(encoded) - 1][: 2 * _PIECE])
    return traces


def contents_of(content: bytes) -> Iterator[bytes]:
    """Return a file's content, and the files in the zips that it holds in base64, as Ansible's modules on disk do."""
    yield content
    for found in _BASE64_OF_A_ZIP.finditer(content):
        packing = io.BytesIO(base64.b64decode(found[0] + b"=="))
        with contextlib.suppress(zipfile.BadZipFile), zipfile.ZipFile(packing) as packed:
            yield from (packed.read(name) for name in packed.namelist())


class ProcessWatch:
    """Records every argument list and environment on this machine while its block runs."""

    def __init__(self, sample_seconds: float = SAMPLE_SECONDS) -> None:
        self._sample_seconds = sample_seconds
        self._seen: dict[tuple[str, str], set[bytes]] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="process watch", daemon=True)

    def __enter__(self) -> ProcessWatch:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(self._sample_seconds):
            for process in Path("/proc").glob("[0-9]*"):
                for kind in ("cmdline", "environ"):
                    with contextlib.suppress(OSError):
                        content = (process / kind).read_bytes()
                        with self._lock:
                            self._seen.setdefault((kind, process.name), set()).add(content)

    @property
    def processes_seen(self) -> int:
        with self._lock:
            return len({pid for _kind, pid in self._seen})

    def places_of(self, secrets: Iterable[str], kinds: Iterable[str] = ("cmdline", "environ")) -> list[str]:
        wanted = traces_of(secrets)
        with self._lock:
            seen = {place: b"\0".join(contents) for place, contents in self._seen.items()}
        return [
            f"/proc/{pid}/{kind}"
            for (kind, pid), content in seen.items()
            if kind in kinds and any(trace in content for trace in wanted)
        ]


def places_in_texts(secrets: Iterable[str], texts: Mapping[str, str]) -> list[str]:
    wanted = traces_of(secrets)
    return [
        name
        for name, text in texts.items()
        if any(trace in text.encode("utf-8", "surrogateescape") for trace in wanted)
    ]


def places_in_files(secrets: Iterable[str], folder: Path) -> list[str]:
    """Return the files below a folder that hold a secret, with their modes."""
    wanted = traces_of(secrets)
    found = []
    for path in _files(folder):
        with contextlib.suppress(OSError):
            contents = list(contents_of(path.read_bytes()))
            if any(trace in content for content in contents for trace in wanted):
                found.append(f"{path.relative_to(folder)} {stat.S_IMODE(path.stat().st_mode):04o}")
    return sorted(found)


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.suffix not in (".ts", ".mp4"):
            yield path
