# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Compares files with what they are to be, and writes and removes them; check mode only notes it."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .commands import HostError


class Files:
    """``written`` and ``deleted`` are paths; ``diffs`` have the form of Ansible's results."""

    def __init__(self, *, check: bool, diff: bool) -> None:
        self.check = check
        self.written: list[str] = []
        self.deleted: list[str] = []
        self.diffs: list[dict[str, Any]] = []
        self._diff = diff

    def folder(self, path: str, mode: int) -> None:
        """Make a folder, and those above it, or change its mode."""
        folder = Path(path)
        is_right = folder.is_dir() and stat.S_IMODE(folder.stat().st_mode) == mode
        # In check mode, it is not there when it is asked for again.
        if is_right or path in self.written:
            return
        self.written.append(path)
        if not self.check:
            folder.mkdir(mode=mode, parents=True, exist_ok=True)
            # The umask has applied to the mode.
            folder.chmod(mode)

    def file(self, path: str, content: bytes | None, mode: int, *, shown: bool, note: str = "") -> bool:
        """Write a file unless it has this content and mode; return whether it was, or would be, written.

        Without a content, only the mode is compared: the file was found to be right. Unless a file is ``shown``, its
        diff has the ``note`` in place of the content.
        """
        there = _content_of(path)
        if content is None:
            if there is None:
                raise HostError(f"{path} was removed while the role was at work. Run it again.")
            content = there
        if there == content and stat.S_IMODE(Path(path).stat().st_mode) == mode:
            return False
        self.written.append(path)
        if self._diff and there != content:
            before = _text(there) if shown else "" if there is None else "(another)\n"
            after = _text(content) if shown else f"{note}\n"
            self.diffs.append({"before_header": path, "after_header": path, "before": before, "after": after})
        if not self.check:
            replace(path, content, mode)
        return True

    def tell(self, done: Mapping[str, Sequence[str]]) -> None:
        """Add what is no content of a file to the diff: names, by what was, or would be, done to them."""
        lines = [f"{what}: {name}\n" for what, names in done.items() for name in names]
        if self._diff and lines:
            self.diffs.append({"prepared": "".join(lines)})

    def remove(self, path: str) -> bool:
        """Remove a file, or a folder with all that is in it; return whether it was there.

        What a killed run left of it goes, too: it may hold a key, and no later run might write this path again.
        """
        is_left = self._remove_unfinished(path)
        place = Path(path)
        is_link = place.is_symlink()
        if not is_link and not place.exists():
            return is_left
        self.deleted.append(path)
        if not self.check:
            if place.is_dir() and not is_link:
                shutil.rmtree(place)
            else:
                place.unlink()
        return True

    def _remove_unfinished(self, path: str) -> bool:
        left = _unfinished(path)
        # Nothing else is made there by the role.
        if not left.is_symlink() and not left.is_file():
            return False
        self.deleted.append(str(left))
        if not self.check:
            left.unlink()
        return True

    def remove_if_empty(self, path: str) -> None:
        """Remove a folder unless something else than what was removed is in it."""
        folder = Path(path)
        if not folder.is_dir() or any(str(one) not in self.deleted for one in folder.iterdir()):
            return
        self.deleted.append(path)
        if not self.check:
            folder.rmdir()


def replace(path: str, content: bytes, mode: int) -> None:
    """Write a file so that it is always whole: first under another name, where nobody else can read it."""
    unfinished = _unfinished(path)
    # Of a run that was killed.
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)


def _unfinished(path: str) -> Path:
    return Path(path).with_name(f".{Path(path).name}.unfinished")


def _content_of(path: str) -> bytes | None:
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        return None


def _text(content: bytes | None) -> str:
    return (content or b"").decode(errors="replace")
