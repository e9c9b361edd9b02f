# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The earlier state of the project, as git has it."""

from __future__ import annotations

import shutil
import subprocess

from tests.public_interface import ROOT


def earlier_commit() -> str | None:
    """Return the commit that changes are compared with: where the branch left `main`, on `main` the one before."""
    head = git("rev-parse", "HEAD")
    for main in ("origin/main", "main"):
        base = git("merge-base", "HEAD", main)
        if base is not None and base != head:
            return base
    return git("rev-parse", "HEAD^") or head


def git(*arguments: str) -> str | None:
    """Return what git prints, or None if it cannot say."""
    if shutil.which("git") is None:
        return None
    done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None
