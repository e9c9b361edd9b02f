# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A controller without Ansible: a process that makes the service match an event. Tests start several at once.

Reads JSON from its input: the URLs, the credential, the ledger's key, the rooms, and whether it
seems to run on another machine. Prints "ready", waits for a line, works, and prints its outcome as JSON.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import WebinarError
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import EventSpec, RoomSpec, SessionSpec
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import Redactor
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger import lease_owner
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.location import LedgerSettings
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile import creation
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.ensure import ensure
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.transport import Connection


def main() -> None:
    given: dict[str, Any] = json.loads(sys.stdin.readline())
    if given.get("elsewhere"):
        lease_owner._boot_and_namespace = lambda: given["elsewhere"]
        # Nobody knows whether a run on another machine was killed, so its lease must end first: a short one here.
        creation.LEASE_MARGIN = given["lease_margin"]
    say("ready")
    sys.stdin.readline()
    say(json.dumps(outcome_of(given)))


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def outcome_of(given: dict[str, Any]) -> dict[str, Any]:
    rooms = tuple(
        RoomSpec(title=title, sessions=tuple(SessionSpec(name, preset_id=given["preset"]) for name in names))
        for title, names in given["rooms"].items()
    )
    connection = Connection(given["api_url"], api_key=given["api_key"], timeout=given["timeout"])
    settings = LedgerSettings(given["ledger_url"], key=given["ledger_key"])
    try:
        applied = ensure(connection, settings, EventSpec(rooms), Redactor(), check_mode=False).applied
    except WebinarError as error:
        return {"errors": [str(error)], "sessions": {}}
    errors = [room.error for room in applied.rooms] + [session.error for session in applied.sessions]
    return {
        "errors": [error for error in errors if error],
        "sessions": {
            f"{outcome.room_title}/{outcome.spec.title}": [outcome.session and outcome.session.id, outcome.fingerprint]
            for outcome in applied.sessions
        },
        "notes": [note for outcome in applied.sessions for note in outcome.notes],
    }


if __name__ == "__main__":
    main()
