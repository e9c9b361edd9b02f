# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Starts a Python process that can import the collection."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core import errors

COLLECTIONS = Path(errors.__file__).parents[6]


def import_path(collections: Path = COLLECTIONS) -> str:
    """Return a PYTHONPATH with these collections first, and with Ansible where ansible-test has put it."""
    return os.pathsep.join([str(collections), *filter(None, [os.environ.get("PYTHONPATH")])])


def start_python(code: str, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": import_path()}
    command = [sys.executable, "-W", "error", "-c", code, *arguments]
    return subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
