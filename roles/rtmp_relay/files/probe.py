# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tells `health.py` what each push of the relay does, by the statistics pages of nginx's RTMP module.

A unit's state does not show that a destination is down, refuses the key or has ended the session: nginx keeps trying
and logs nothing. So the pages of a push, and that of the relay before it, are read twice: only growing numbers show
that media flows, and only a process that answers now counts.
"""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

RELAY_UNIT = "tenbyte-rtmp-relay.service"
PUSH_UNIT = "tenbyte-rtmp-relay-push@{}.service"
# A destination that refuses a key closes the connection soon. A connection that lasts so long was accepted.
ACCEPTED_SECONDS = 3.0
APART_SECONDS = 2.0
TIMEOUT = 3.0
AT_ONCE = 16

Found = dict[str, Any]


@dataclass(frozen=True)
class Look:
    """What a push does. Bytes are since its start. `seconds` are since it connected to its destination, None if not."""

    publishing: bool
    bytes_in: int = 0
    bytes_out: int = 0
    seconds: float | None = None


def look(page: str) -> Look:
    """Return what a push does, from its statistics page. The page contains no stream key."""
    stream = ElementTree.fromstring(page).find(".//stream")  # noqa: S314 - the page is our own nginx's
    if stream is None:
        return Look(publishing=False)
    clients = stream.findall("client")
    pushes = [client for client in clients if client.find("publishing") is None]
    return Look(
        publishing=len(pushes) < len(clients),
        bytes_in=int(stream.findtext("bytes_in") or 0),
        bytes_out=int(stream.findtext("bytes_out") or 0),
        seconds=int(pushes[0].findtext("time") or 0) / 1000 if pushes else None,
    )


def published(page: str) -> set[str]:
    """Return the names that encoders publish now, from the statistics page of the relay."""
    streams = ElementTree.fromstring(page).iter("stream")  # noqa: S314
    return {one.findtext("name") or "" for one in streams if one.find("client/publishing") is not None}


def state(now: Look | None, before: Look | None) -> str:
    """Return `idle` (no encoder), `on air`, `connecting`, `silent encoder`, `not on air` or `down` (no answer)."""
    if now is None or before is None:
        return "down"
    if not now.publishing:
        return "idle"
    if now.seconds is None:
        return "not on air"
    if now.seconds < ACCEPTED_SECONDS:
        return "connecting"
    # Bytes count from zero after a restart, so only growth is compared.
    if before.bytes_in <= now.bytes_in and before.publishing:
        if now.bytes_in == before.bytes_in:
            return "silent encoder"
        if now.bytes_out == before.bytes_out:
            return "not on air"
    return "on air"


def read_page(folder: Path) -> str | None:
    """Return a process's statistics page, None if it does not answer."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(TIMEOUT)
            connection.connect(str(folder / "stat.sock"))
            connection.sendall(b"GET /stat HTTP/1.0\r\n\r\n")
            with connection.makefile("rb") as answer:
                head, _separator, page = answer.read().partition(b"\r\n\r\n")
    except OSError:
        return None
    text = page.decode("utf-8", "replace")
    try:
        ElementTree.fromstring(text)  # noqa: S314
    except ElementTree.ParseError:
        return None
    return text if b" 200 " in head.partition(b"\r\n")[0] else None


def problem_of(present: str, push: str, stream: Found, *, front: set[str] | None, expected: bool) -> Found:
    """Return the problem of a push that is in a state. `front` are the names that encoders publish to the relay.

    A stream without an encoder has a problem only if it is `expected` to have one.
    """
    name = push.rpartition(".")[0]
    unit = PUSH_UNIT.format(push)
    if present == "on air":
        return {"state": present, "problem": ""}
    if present == "down":
        return {"state": present, "problem": f"{unit} does not run, or is frozen", "unit": unit, "words_of": unit}
    if front is None:
        problem = f"{RELAY_UNIT} does not run, or is frozen, so encoders do not reach it"
        return {"state": "relay down", "problem": problem, "unit": RELAY_UNIT, "words_of": RELAY_UNIT}
    if present == "silent encoder":
        return {"state": present, "problem": "its encoder is connected to the relay, but sends nothing"}
    if present == "idle" and name in front:
        problem = "its encoder publishes to the relay, but its push gets nothing of it"
        return {"state": "not on air", "problem": problem, "unit": unit}
    if present == "idle":
        problem = "its encoder has gone: nothing publishes the stream to the relay any more"
        return {"state": present, "problem": problem if expected else ""}
    return {"state": present, "problem": "", "unit": unit, "destination": (stream["host"], stream["port"])}


def find(streams: dict[str, Found], settings: Found, kept: dict[str, Found]) -> dict[str, Found]:
    folders = {push: Path(f"{settings['run']}-push", push) for push in streams}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        first = dict(zip(folders, pool.map(read_page, folders.values())))  # noqa: B905 - `strict` is of Python 3.10
        time.sleep(APART_SECONDS)
        front = pool.submit(read_page, Path(settings["run"]))
        second = dict(zip(folders, pool.map(read_page, folders.values())))  # noqa: B905
        page = front.result()
        names = None if page is None else published(page)
        found = {}
        for push, stream in streams.items():
            one, two = first[push], second[push]
            now = look(two) if two else None
            present = state(now, look(one) if one else None)
            # An encoder may come hours after the relay was set up. Once it has been there, it is missed.
            session = kept.get(push, {}).get("session")
            expected = not settings.get("idle") and session == stream.get("session_id")
            found[push] = problem_of(present, push, stream, front=names, expected=expected)
            found[push]["seconds"] = now.seconds if now else None
            found[push]["kept"] = {"session": stream.get("session_id") if present == "on air" else session}
    return found
