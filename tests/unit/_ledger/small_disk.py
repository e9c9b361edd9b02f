# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A script that runs the engine on a small, full or read-only disk, in its own mount namespace.

Arguments: a folder, the URL of a small service, a room's id, and the name of a scene. Prints the results as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import WebinarError
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import SessionSpec
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import Redactor
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger import database
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.lease_owner import new_owner
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.location import LedgerSettings
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import Ledger, Slot, open_ledger
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._operations.stream_keys import stream_keys_of
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.creation import Creation, create
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.creation_targets import SessionTarget
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.steps import CreateSession
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.api import WebinarApi
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.transport import Connection, Transport

ASKED = SessionSpec("Keynote", preset_id="0d3f2c84-5f43-4b0c-9a57-0c6a6f1f2a11")
FOLDER, URL, ROOM_ID, SCENE = Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
SETTINGS = LedgerSettings(f"sqlite:///{FOLDER}/ledger/keys.sqlite3", key_file=str(FOLDER.parent / "keys.key"))
BALLAST = FOLDER / "ballast"


def mount(*options: str) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(FOLDER)], check=True)


def fill() -> None:
    """Fill the disk completely."""
    with BALLAST.open("ab", buffering=0) as file:
        block = b"\0" * (64 << 10)
        while block:
            try:
                file.write(block)
            except OSError:
                block = block[: len(block) // 2]


def owner() -> str:
    """Return the name of a run that has ended, so that the next run does not wait for its lease."""
    boot, pid, started, random = new_owner().split(":")
    return f"{boot}:{pid}:{int(started) - 1}:{random}"


def run(before: Callable[[Ledger], None] = lambda _ledger: None, on_post: Callable[[], None] = lambda: None) -> str:
    """Create a session, and call ``on_post`` after the response. Return the session's id, or the error message."""
    transport = Transport(Connection(URL, api_key="unit-api-key", timeout=10.0), Redactor())
    api = WebinarApi(transport)
    post = api.create_session

    def create_and_then(
        room_id: str, body: dict[str, str], before_each: Callable[[], None], before_wait: Callable[[float], None]
    ) -> object:
        created = post(room_id, body, before_each, before_wait)
        on_post()
        return created

    api.create_session = create_and_then  # type: ignore[method-assign,assignment]
    try:
        ledger = open_ledger(SETTINGS, Redactor(), owner())
        assert ledger is not None
        with closing(ledger), closing(transport):
            before(ledger)
            seen = frozenset(session.id for session in api.sessions(ROOM_ID))
            slot = Slot(URL, "session", ROOM_ID, ASKED.title)
            step = CreateSession("Main stage", ASKED.title, "a test", ROOM_ID, ASKED)
            made = create(Creation(api, ledger, 10.0), SessionTarget(api, ledger, slot, step), seen, [])
            return made.thing.id
    except WebinarError as error:
        return str(error)


def lookup(session_id: str) -> str:
    try:
        return f"{len(stream_keys_of(SETTINGS, [session_id], Redactor())[0])} characters"
    except WebinarError as error:
        return str(error)


def scene() -> list[str]:
    mount("size=24m", "mode=0700")
    waited: list[float] = []
    database.sleep = waited.append
    match SCENE:
        case "full":
            fill()
            return [run()]
        case "full_later":
            made = run()
            fill()
            return [made, run(), lookup(made)]
        case "full_after_opening":
            message = run(before=lambda _ledger: fill())
            BALLAST.unlink()
            return [message, run()]
        case "full_after_the_post":
            message = run(on_post=fill)
            BALLAST.unlink()
            return [message, str(sum(waited)), run()]
        case "space_during_the_retries":

            def free_space(seconds: float) -> None:
                waited.append(seconds)
                if len(waited) == 3:
                    BALLAST.unlink()

            database.sleep = free_space
            return [run(on_post=fill), str(len(waited))]
        case "read_only":
            made = run()
            mount_again = ["mount", "-o", "remount,ro", str(FOLDER)]
            subprocess.run(mount_again, check=True)
            return [made, run(), lookup(made)]
        case _:
            return ["mounted"]


if __name__ == "__main__":
    os.umask(0o077)
    sys.stdout.write(json.dumps(scene()) + "\n")
