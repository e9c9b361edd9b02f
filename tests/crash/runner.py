# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Starts runs of the engine within milliseconds: a process that has imported it forks one for each line of its input.

Each run has its own process group. It stops itself before it does anything, so that a rule to kill it can be added, and
continues after SIGCONT.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import WebinarError
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import (
    EventSpec,
    Policy,
    RoomSpec,
    SessionSpec,
    Settings,
)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import Redactor
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.location import LedgerSettings
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.ensure import ensure
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.transport import Connection


def event_of(rooms: list[dict[str, Any]]) -> EventSpec:
    return EventSpec(
        tuple(
            RoomSpec(
                title=room["title"],
                sessions=tuple(
                    SessionSpec(**{**session, "settings": Settings(**session.get("settings", {}))})
                    for session in room["sessions"]
                ),
            )
            for room in rooms
        ),
        policy=Policy(replace="live"),
    )


def result_of(given: dict[str, Any]) -> dict[str, Any]:
    """Run the engine once, and return the errors and notes that it reports."""
    connection = Connection(given["api_url"], api_key=given["api_key"], timeout=given["timeout"], concurrency=8)
    settings = LedgerSettings(given["ledger_url"], **given["ledger_options"])
    try:
        outcome = ensure(connection, settings, event_of(given["rooms"]), Redactor(), check_mode=False)
    except WebinarError as error:
        return {"errors": [str(error)], "notes": []}
    applied = outcome.applied
    found = [*(room.error for room in applied.rooms), *(session.error for session in applied.sessions)]
    return {
        "errors": [error for error in found if error],
        "notes": [note for done in applied.sessions for note in done.notes],
    }


def main() -> None:
    # Nothing waits for the forked runs: without this, killed ones would remain as zombies.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        given = json.loads(line)
        pid = os.fork()
        if pid:
            sys.stdout.write(f"{pid}\n")
            sys.stdout.flush()
            continue
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGSTOP)
        code = 1
        try:
            result_file = Path(given["result_file"])
            unfinished = result_file.with_suffix(".unfinished")
            unfinished.write_text(json.dumps(result_of(given)))
            unfinished.replace(result_file)
            code = 0
        finally:
            os._exit(code)


if __name__ == "__main__":
    main()
