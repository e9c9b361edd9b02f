# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Finds out whether a folder is in a container's writable layer, which is deleted with the container."""

from __future__ import annotations

import re
from pathlib import Path

# File systems that put a writable layer on top of an image. Their names are as in /proc/PID/mountinfo (proc(5)).
LAYERED = ("overlay", "overlayfs", "aufs", "unionfs", "fuse.fuse-overlayfs", "fuse-overlayfs")
# Docker and Podman create these files in each container, whatever its file system is.
MARKER_FILES = ("/.dockerenv", "/run/.containerenv")
MOUNTS = Path("/proc/self/mountinfo")


def is_in_container_layer(folder: Path) -> bool:
    """Return whether files in a folder are deleted with this container. The folder need not exist yet."""
    try:
        mounts = MOUNTS.read_text(errors="surrogateescape")
        point, kind = _mount_of(folder.resolve(), mounts)
        return kind in LAYERED or (point == "/" and any(Path(mark).exists() for mark in MARKER_FILES))
    except (OSError, ValueError):
        return False


def _mount_of(folder: Path, mounts: str) -> tuple[str, str]:
    """Return the mount point of a folder and its file system. Of two mounts at one path, the later one is on top."""
    found = ("", "")
    for line in mounts.splitlines():
        place, _separator, rest = line.partition(" - ")
        fields = place.split(" ")
        if len(fields) < 5 or not rest:
            continue
        point = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields[4])
        if folder.is_relative_to(point) and len(point) >= len(found[0]):
            found = (point, rest.split(" ")[0])
    return found
