# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``python -m tests.hostile.reader URL TIMEOUT``: reads a list of a hostile service, and prints what came of it and how
much memory that took, as JSON."""

from __future__ import annotations

import json
import re
import resource
import sys
from pathlib import Path

from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import WebinarError
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import Redactor
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.transport import Connection, Transport

# Of address space: with the interpreter and its libraries, and what malloc reserves for threads.
MOST_MEMORY = 1536 * 1024 * 1024


def peak() -> int:
    """Return the most memory in bytes that this process has had.

    Not getrusage, which begins with what the process had from which this one was started.
    """
    [kibibytes] = re.findall(r"^VmHWM:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(kibibytes) * 1024


def main(url: str, timeout: str) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    before = peak()
    transport = Transport(Connection(url, api_key="reader-key", timeout=float(timeout), retries=0), Redactor())
    try:
        outcome = f"{len(transport.pages('/rooms/my', 'rooms'))} rooms"
        kind = "list"
    except WebinarError as error:
        kind, outcome = type(error).__name__, str(error)
    json.dump({"kind": kind, "outcome": outcome, "memory": peak() - before}, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
