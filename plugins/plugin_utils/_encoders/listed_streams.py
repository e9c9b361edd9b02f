# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Reads the list of streams that an encoder's role is given: the identity and the ingest URL of each.

Also checks that a stream's settings do not contain its key, which is read only when its file is written.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._core.config_values import is_plain_ingest_url, is_plain_stream_key
from .._core.errors import InvalidInput
from .._core.plain_text import one_line
from .._core.user_values import checked_uuid, is_empty
from .role_values import listed, mapping, refuse, text

_DEFAULT_PORTS = {"rtmp": 1935, "rtmps": 443}
_URL = re.compile(r"(?P<scheme>[a-z]+)://(?P<host>\[[^\]]+\]|[^:/]+)(?::(?P<port>[0-9]+))?/(?P<path>.+)\Z")
# '@' is in URLs with credentials, and a shell may expand the others. An ingest URL needs none of them.
_REFUSED_IN_URL = frozenset("@!*")
# Stands in a preview for what the service says when it makes a session.
_NOT_KNOWN = "(not known yet)"
_SHORTEST_KEY, _LONGEST_KEY = 4, 500
# Characters of a key that is not an ordinary word, such as a part of a URL.
_TELLING_LENGTH = 8


@dataclass(frozen=True)
class Asked:
    """What a role was asked for. ``options`` are the role's options, without the prefix of the role's name.

    ``on_host`` are the streams that the host has, ``sessions`` the event's sessions by ``ROOM/TITLE``. With
    ``only_named``, streams are not written, so only their names and ids are checked. ``planned`` are the labels of
    sessions that check mode has not created: nobody knows their ids and URLs yet.
    """

    role: str
    options: Mapping[str, Any]
    host: str = ""
    on_host: Sequence[Mapping[str, Any]] = ()
    sessions: Mapping[str, Mapping[str, Any]] | None = None
    only_named: bool = False
    planned: Collection[str] = ()


@dataclass(frozen=True)
class Listed:
    """An entry of the list: its values, its place in messages, and its label, such as ``ROOM/TITLE``."""

    given: Mapping[str, Any]
    place: str
    label: str


def streams_in(streams: Any, role: str) -> list[Listed]:
    option = f"{role}_streams"
    return [
        _listed(one, f"{option}[{index}]") for index, one in enumerate(listed(streams, option, "a list of streams"))
    ]


def _listed(stream: Any, place: str) -> Listed:
    given = mapping(stream, place, "a mapping with session_id, room, title and rtmp_url")
    room, title, label = (text(given.get(name), f"{place}.{name}") for name in ("room", "title", "label"))
    if not room or not title:
        refuse(place, "its room or title is missing. Give both; a stream is named after them.")
    # The label is the event's name of the session, because two rooms may have the same title.
    return Listed(given, place, label or f"{room}/{title}")


def identity(one: Listed, asked: Asked) -> dict[str, Any]:
    """Return the ids, titles and label that identify a stream, and the fingerprint of its key."""
    texts = {
        name: text(one.given.get(name), f"{one.label}: {name}")
        for name in ("room_id", "room", "title", "stream_key_fingerprint")
    }
    session_id = session_id_of(one.given.get("session_id"), one.label, is_planned=one.label in asked.planned)
    return {**texts, "room_id": texts["room_id"].lower(), "session_id": session_id, "label": one.label}


def session_id_of(value: Any, label: str, *, is_planned: bool) -> str | None:
    """Return a session's id in lower case, None if the session is planned and has none.

    Raise InvalidInput where it is missing or not a UUID.
    """
    where = f"{one_line(label)}: session_id"
    given = text(value, where) or None
    try:
        checked = checked_uuid(given, where)
    except InvalidInput as error:
        raise InvalidInput(f"{error} Nothing was written.") from None
    if checked is None and not is_planned:
        refuse(where, "it is missing. Give the session's id, a UUID, which the action event returns.")
    return checked


def ingest(url: Any, label: str, *, is_planned: bool = False) -> dict[str, Any]:
    """Return an RTMP ingest URL and its parts, each safe to write into a configuration file.

    A planned session may have none yet. Raise InvalidInput for any other URL.
    """
    if is_planned and is_empty(url):
        return {**dict.fromkeys(("rtmp_url", "host", "port", "app"), _NOT_KNOWN), "tls": False}
    found = plain_url(url, ("rtmp", "rtmps"))
    if found is None:
        refuse(
            label,
            "its rtmp_url is not an ingest URL like rtmp://host/application or rtmps://host:port/application, without "
            "credentials, quotes, spaces or other special characters.",
        )
    return {
        "rtmp_url": str(url),
        "host": found["host"],
        "port": int(found["port"] or _DEFAULT_PORTS[found["scheme"]]),
        "tls": found["scheme"] == "rtmps",
        "app": found["path"].removesuffix("/"),
    }


def plain_url(url: Any, schemes: Sequence[str]) -> re.Match[str] | None:
    """Return the parts of a URL with one of these schemes, a host and a path. None for any other value."""
    found = _URL.match(url) if isinstance(url, str) else None
    if found is None or found["scheme"] not in schemes or _REFUSED_IN_URL & set(str(url)):
        return None
    # The service's own URLs have no plain http, but an endpoint that the user gives may have it.
    same = re.sub("^http:", "https:", str(url))
    return found if is_plain_ingest_url(same) and _is_host(found["host"]) else None


def _is_host(host: str) -> bool:
    if not host.startswith("["):
        return host[-1].isalnum()
    try:
        ipaddress.IPv6Address(host[1:-1])
    except ValueError:
        return False
    return True


def refuse_repeated(streams: Sequence[Mapping[str, Any]], name: str, sentence: str) -> None:
    """Raise InvalidInput where two streams have the same value of this name. None is no value."""
    seen: dict[Any, str] = {}
    for one in streams:
        if one[name] is None:
            continue
        if one[name] in seen:
            refuse(" and ".join(dict.fromkeys((seen[one[name]], str(one["label"])))), sentence)
        seen[one[name]] = str(one["label"])


def stream_key_problem(stream: Mapping[str, Any], stream_key: str) -> str:
    """Return why a stream's key must not be written, an empty text where it may be. It contains no part of the key."""
    label = one_line(str(stream.get("label")))
    if not is_plain_stream_key(stream_key) or not _SHORTEST_KEY <= len(stream_key) <= _LONGEST_KEY:
        return (
            f"The stream key of {label} (session {stream.get('session_id')}) contains characters that do not belong in "
            f"one, or is not {_SHORTEST_KEY} to {_LONGEST_KEY} characters long, so it was not written anywhere. "
            "Replace the session, so that the service makes another key."
        )
    for option, value in stream.items():
        if any(_holds(one, stream_key) for one in _texts_in(value)):
            return (
                f"{label.replace(stream_key, '(the stream key)')}: its {option} must not hold the stream key, "
                "because every user of the host could read it there. Take it out: the role passes the key by itself."
            )
    return ""


def _holds(text: str, stream_key: str) -> bool:
    """Return whether a text contains a key; a short key, which may be an ordinary word, only as a word of its own."""
    if len(stream_key) >= _TELLING_LENGTH:
        return stream_key in text
    return stream_key in text.split()


def _texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for one in value.values():
            yield from _texts_in(one)
    elif isinstance(value, (list, tuple)):
        yield " ".join(str(one) for one in value)
    else:
        yield str(value)
