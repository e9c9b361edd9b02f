# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Which streams a host is to have, and which of those that it has are to go: pure decisions of the encoders' roles.

A stream goes only on somebody's word. Whatever else is on a host belongs to another event, or nobody has said a thing
about it, and it stays as it is.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

OVER = ("ended", "expired")


@dataclass(frozen=True)
class HostStream:
    """A stream that is on a host, or is to be. ``name`` is that of its files; what is not known is empty.

    ``sessions`` are the ids of the sessions that get it. ``by_list`` says that a list put it there and no event,
    ``scope`` which one.
    """

    name: str
    label: str = ""
    room_id: str = ""
    room: str = ""
    title: str = ""
    sessions: frozenset[str] = frozenset()
    by_list: bool = False
    scope: str = ""

    def is_of(self, label: str, room_id: str, title: str) -> bool:
        """Say whether this is the stream of a title in a room; its session may have been replaced since."""
        if self.room_id and room_id:
            return self.room_id == room_id and (self.title == title or self.label == label)
        return self.label == label if self.label else self.name == stream_name(label)


@dataclass(frozen=True)
class Decision:
    """Names of streams: those that go, those of them that nobody has asked for, and those that are left as they are."""

    remove: tuple[str, ...]
    unasked: tuple[str, ...]
    left: tuple[str, ...]


def stream_name(label: str) -> str:
    """Return the name of a stream's files and unit; what it cannot hold is told apart by a hash."""
    plain = re.sub("^-|-$", "", re.sub("[^a-z0-9]+", "-", label.lower()))[:48]
    return f"{plain}-{hashlib.sha256(label.encode()).hexdigest()[:8]}"


def host_stream(entry: Mapping[str, Any]) -> HostStream:
    """Read a stream as a role notes it on its host, or as it asks for it."""
    texts = {name: _text(entry.get(name)) for name in ("name", "label", "room_id", "room", "title", "scope")}
    texts["room_id"] = texts["room_id"].lower()
    ids = (_text(entry.get(name)).lower() for name in ("session_id", "stream_session_id"))
    return HostStream(**texts, sessions=frozenset(filter(None, ids)), by_list=entry.get("by_list") is True)


def streams_of_host(
    sessions: Mapping[str, Mapping[str, Any]] | None, host: str, *, check_mode: bool, fields: Collection[str]
) -> list[dict[str, Any]]:
    """Return the streams of the current sessions that have the host as their encoder, as entries with these fields.

    In check mode a session that is yet to be created has no id, and no stream.
    """
    found = []
    for label, session in (sessions or {}).items():
        is_current = session.get("encoder") == host and session.get("status") not in OVER
        if is_current and not (check_mode and session.get("id") is None):
            entry = {**session, "session_id": session.get("id"), "label": label}
            found.append({name: entry.get(name) for name in fields})
    return found


def streams_to_remove(
    on_host: Sequence[HostStream],
    wanted: Sequence[HostStream],
    event: Mapping[str, Any],
    *,
    host: str,
    hosts: Collection[str],
    by_list: bool,
    scope: str,
    everything: bool,
) -> Decision:
    """Decide what leaves a host that is to have the wanted streams.

    ``event`` is what this run knows of an event; with ``by_list`` the wanted streams are a list's and not the event's.
    ``everything``: what is not wanted goes, whoever put it there. ``unasked`` is empty unless the host would be left
    without any stream and nobody has asked for that.
    """
    names = {one.name for one in wanted}
    others = [one for one in on_host if one.name not in names]
    if everything:
        return Decision(tuple(one.name for one in others), (), ())
    remove, asked = [], set()
    for stream in others:
        if any(_is_same(stream, one) for one in wanted):
            goes = asks = True
        elif by_list:
            goes, asks = _left_the_list(stream, wanted, scope), False
        else:
            goes, asks = _left_the_event(stream, event, host, hosts)
        if goes:
            remove.append(stream.name)
        if asks:
            asked.add(stream.name)
    is_emptied = bool(remove) and not wanted and len(remove) == len(on_host)
    unasked = tuple(name for name in remove if name not in asked) if is_emptied else ()
    return Decision(tuple(remove), unasked, tuple(one.name for one in others if one.name not in remove))


def streams_gone(on_host: Sequence[HostStream], event: Mapping[str, Any]) -> Decision:
    """Decide what leaves a host because its session is gone, or is to go; nothing else does."""
    remove = tuple(one.name for one in on_host if _is_gone(one, event))
    return Decision(remove, (), tuple(one.name for one in on_host if one.name not in remove))


def _is_same(stream: HostStream, wanted: HostStream) -> bool:
    return stream.is_of(wanted.label, wanted.room_id, wanted.title) or bool(stream.sessions & wanted.sessions)


def _left_the_list(stream: HostStream, wanted: Sequence[HostStream], scope: str) -> bool:
    """Say whether the list that put a stream there has dropped it: the one of this scope, else one with its room."""
    if not stream.by_list or stream.scope != scope:
        return False
    return bool(scope) or any(one.room == stream.room for one in wanted)


def _left_the_event(
    stream: HostStream, event: Mapping[str, Any], host: str, hosts: Collection[str]
) -> tuple[bool, bool]:
    """Say whether a stream goes, and whether that was asked for by name: a session's end, or another host."""
    for session in _sessions_of(stream, event.get("sessions")):
        if session.get("status") in OVER:
            return True, True
        encoder = session.get("encoder")
        # Unknown, not none: nobody has said that the stream is to go.
        goes = bool(encoder) and encoder != host
        return goes, goes and encoder in hosts
    if _is_gone(stream, event):
        return True, True
    return not stream.by_list and stream.room_id in {str(one).lower() for one in event.get("rooms") or {}}, False


def _is_gone(stream: HostStream, event: Mapping[str, Any]) -> bool:
    return any(_sessions_of(stream, event.get("gone")))


def _sessions_of(stream: HostStream, sessions: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the sessions that get a stream: those of its title first, then those known by id, such as backups."""
    others = []
    for label, session in (sessions or {}).items():
        if stream.is_of(label, _text(session.get("room_id")).lower(), _text(session.get("title"))):
            yield session
        elif _text(session.get("id")).lower() in stream.sessions:
            others.append(session)
    yield from others


def _text(value: Any) -> str:
    return "" if value is None else str(value)
