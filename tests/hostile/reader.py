# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``python -m tests.hostile.reader URL TIMEOUT``: read a list of a hostile service, and print the outcome and the used
memory as JSON."""

from __future__ import annotations

import json
import re
import resource
import sys
from pathlib import Path

from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import WebinarError
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import Redactor
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.transport import Connection, Transport

# Of address space, including the interpreter, its libraries, and the memory that malloc reserves for threads.
MOST_MEMORY = 1536 * 1024 * 1024


def peak() -> int:
    """Return the peak memory of this process in bytes.

    Not with getrusage: its value includes the peak of the parent process before the exec.
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
