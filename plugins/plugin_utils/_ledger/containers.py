# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Tells whether a folder lies in a container's own layer, which is gone with the container."""

from __future__ import annotations

import re
from pathlib import Path

# File systems that lay a layer to be thrown away over an image (proc(5), /proc/PID/mountinfo).
LAYERED = ("overlay", "overlayfs", "aufs", "unionfs", "fuse.fuse-overlayfs", "fuse-overlayfs")
# What Docker and Podman put into a container, whatever its file system is.
MARKER_FILES = ("/.dockerenv", "/run/.containerenv")
MOUNTS = Path("/proc/self/mountinfo")


def is_in_container_layer(folder: Path) -> bool:
    """Say whether what is written into a folder, which need not exist yet, is gone with this container."""
    try:
        mounts = MOUNTS.read_text(errors="surrogateescape")
        point, kind = _mount_of(folder.resolve(), mounts)
        return kind in LAYERED or (point == "/" and any(Path(mark).exists() for mark in MARKER_FILES))
    except (OSError, ValueError):
        return False


def _mount_of(folder: Path, mounts: str) -> tuple[str, str]:
    """Return the mount point that holds a folder, and its file system; of two at one place, the later lies on top."""
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
