# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Decides which streams a host is to have, and which of its streams are removed. Pure functions.

A stream is removed only if the user's list or this run's facts say so. Every other stream may belong to another event,
and stays.
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
    """A stream that a host has or is to have. ``name`` is the name of its files. A field that is not known is empty.

    ``sessions`` are the ids of the sessions that receive the stream. ``by_list`` is true if a list put it there, not an
    event; ``scope`` is the name of that list.
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
        """Return whether this is the stream of a title in a room. Its session may have been replaced since."""
        if self.room_id and room_id:
            return self.room_id == room_id and (self.title == title or self.label == label)
        return self.label == label if self.label else self.name == stream_name(label)


@dataclass(frozen=True)
class Decision:
    """Names of streams: ``remove``, those of them whose removal was not asked for, and those that are left in place.

    ``lost`` are the streams that would be removed for an encoder that is no host of the inventory, with its name.
    """

    remove: tuple[str, ...]
    unasked: tuple[str, ...]
    left: tuple[str, ...]
    lost: tuple[tuple[str, str], ...] = ()


def stream_name(label: str) -> str:
    """Return the name of a stream's files and unit: the label in plain characters, and a hash that makes it unique."""
    plain = re.sub("^-|-$", "", re.sub("[^a-z0-9]+", "-", label.lower()))[:48]
    return f"{plain}-{hashlib.sha256(label.encode()).hexdigest()[:8]}"


def host_stream(entry: Mapping[str, Any]) -> HostStream:
    """Return a HostStream from a role's record on the host, or from an entry in its list of streams."""
    texts = {name: _text(entry.get(name)) for name in ("name", "label", "room_id", "room", "title", "scope")}
    texts["room_id"] = texts["room_id"].lower()
    ids = (_text(entry.get(name)).lower() for name in ("session_id", "stream_session_id"))
    return HostStream(**texts, sessions=frozenset(filter(None, ids)), by_list=entry.get("by_list") is True)


def streams_of_host(
    sessions: Mapping[str, Mapping[str, Any]] | None, host: str, *, check_mode: bool, fields: Collection[str]
) -> list[dict[str, Any]]:
    """Return the streams of the current sessions whose encoder is the host, as entries with these fields.

    In check mode, a session that does not exist yet has no id. It is left out.
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
    """Decide which streams are removed from a host that is to have the wanted streams.

    ``event`` is what this run knows of an event. With ``by_list``, the wanted streams come from the list ``scope`` and
    not from the event. With ``everything``, all streams that are not wanted are removed. ``unasked`` is empty unless
    the host would be left without a stream though that was not asked for.
    """
    names = {one.name for one in wanted}
    others = [one for one in on_host if one.name not in names]
    if everything:
        return Decision(tuple(one.name for one in others), (), ())
    remove, asked, lost = [], set(), []
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
        elif goes and not by_list:
            lost += [(stream.name, one) for one in _encoders_of(stream, event) if one not in hosts]
    is_emptied = bool(remove) and not wanted and len(remove) == len(on_host)
    unasked = tuple(name for name in remove if name not in asked) if is_emptied else ()
    left = tuple(one.name for one in others if one.name not in remove)
    return Decision(tuple(remove), unasked, left, tuple(lost))


def streams_gone(on_host: Sequence[HostStream], event: Mapping[str, Any]) -> Decision:
    """Decide which streams are removed because their session is gone, or is to be removed. All others stay."""
    remove = tuple(one.name for one in on_host if _is_gone(one, event))
    return Decision(remove, (), tuple(one.name for one in on_host if one.name not in remove))


def _is_same(stream: HostStream, wanted: HostStream) -> bool:
    return stream.is_of(wanted.label, wanted.room_id, wanted.title) or bool(stream.sessions & wanted.sessions)


def _left_the_list(stream: HostStream, wanted: Sequence[HostStream], scope: str) -> bool:
    """Return whether a list with the wanted streams no longer has a stream that it put there.

    Without a scope, the list is taken to be the same one if it has a stream of the same room.
    """
    if not stream.by_list or stream.scope != scope:
        return False
    return bool(scope) or any(one.room == stream.room for one in wanted)


def _left_the_event(
    stream: HostStream, event: Mapping[str, Any], host: str, hosts: Collection[str]
) -> tuple[bool, bool]:
    """Return whether a stream is removed, and whether that was asked for: its session is over or has another host."""
    for session in _sessions_of(stream, event.get("sessions")):
        if session.get("status") in OVER:
            return True, True
        encoder = session.get("encoder")
        # Without an encoder in its session, a stream stays: the session's own host is not known.
        goes = bool(encoder) and encoder != host
        return goes, goes and encoder in hosts
    if _is_gone(stream, event):
        return True, True
    return not stream.by_list and stream.room_id in {str(one).lower() for one in event.get("rooms") or {}}, False


def _encoders_of(stream: HostStream, event: Mapping[str, Any]) -> list[str]:
    """Return the encoder of a stream's session, if it has one."""
    return [str(one["encoder"]) for one in _sessions_of(stream, event.get("sessions")) if one.get("encoder")][:1]


def _is_gone(stream: HostStream, event: Mapping[str, Any]) -> bool:
    return any(_sessions_of(stream, event.get("gone")))


def _sessions_of(stream: HostStream, sessions: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the sessions that receive a stream: those of its title first, then those known by id, such as backups."""
    others = []
    for label, session in (sessions or {}).items():
        if stream.is_of(label, _text(session.get("room_id")).lower(), _text(session.get("title"))):
            yield session
        elif _text(session.get("id")).lower() in stream.sessions:
            others.append(session)
    yield from others


def _text(value: Any) -> str:
    return "" if value is None else str(value)
