# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests and responses over ASGI, with the faults of their transmission."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass

from starlette.types import Receive, Send

from .crashes import kill_tree
from .faults import Rule
from .records import Json


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: bytes
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def page(self) -> int:
        found = re.search(rb"(?:^|&)page=([0-9]{1,9})(?:&|$)", self.query)
        return int(found[1]) if found else 1

    def header(self, name: str) -> list[str]:
        return [value for known, value in self.headers if known == name]


@dataclass(frozen=True)
class Answer:
    status: int
    body: Json | str
    headers: tuple[tuple[str, str], ...] = ()

    def encoded(self) -> tuple[bytes, str]:
        if isinstance(self.body, str):
            kind = "text/html" if self.body.startswith("<html") else "text/plain"
            return self.body.encode(), f"{kind}; charset=utf-8"
        return json.dumps(self.body, separators=(",", ":")).encode(), "application/json"


async def wait(rules: list[Rule], after_commit: bool) -> None:
    for rule in rules:
        if rule.action == "latency" and rule.after_commit() == after_commit:
            await asyncio.sleep(rule.options["seconds"])


async def body_of(receive: Receive) -> bytes | None:
    """Return the request's complete body, None if the client disconnected before."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


async def crash(rules: list[Rule], point: str) -> None:
    for rule in rules:
        if rule.action == "crash" and rule.options["point"] == point:
            await asyncio.sleep(rule.options.get("seconds", 0))
            rule.struck = await asyncio.to_thread(kill_tree, rule.options["process"])


async def send_answer(send: Send, answer: Answer, rules: list[Rule]) -> None:
    payload, content_type = answer.encoded()
    headers = [("content-type", content_type), ("content-length", str(len(payload))), *answer.headers]
    await send(
        {
            "type": "http.response.start",
            "status": answer.status,
            "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers],
        }
    )
    await crash(rules, "headers")
    if any(rule.action == "truncate" for rule in rules):
        # Without the rest, the server closes the connection before the Content-Length is reached.
        await send({"type": "http.response.body", "body": payload[: len(payload) // 2], "more_body": True})
        return
    if any(rule.options.get("point") == "mid_body" for rule in rules):
        half = len(payload) // 2
        await send({"type": "http.response.body", "body": payload[:half], "more_body": True})
        await crash(rules, "mid_body")
        payload = payload[half:]
    await send({"type": "http.response.body", "body": payload})
    await crash(rules, "answered")


async def until_gone(receive: Receive) -> None:
    # If an application returns before the client has disconnected, the server sends 500.
    while (await receive())["type"] != "http.disconnect":
        pass
