# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""The streams of the role rtmp_relay, by the names that encoders publish them as, and a push for each destination."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .health_options import playback
from .listed_streams import Asked, Listed, identity, ingest, refuse_repeated, session_id_of, streams_in
from .role_values import fits, is_plain_path, is_program, is_within, listed, mapping, refuse, text

_PLAIN_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,78}[a-z0-9])?\Z")
_SHORT_ASCII = re.compile(r"[ -~]{1,60}\Z")
_ADDRESS = re.compile(r"[0-9A-Fa-f:.]+\Z")
_NETWORK = re.compile(r"[0-9A-Fa-f:.]+(?:/[0-9]{1,3})?\Z")


def relay_streams(streams: Any, asked: Asked) -> dict[str, list[dict[str, Any]]]:
    """Return ``streams`` and their ``pushes``.

    Raise InvalidInput for wrong values, and where two streams or pushes would collide.
    """
    if not asked.only_named:
        _check_options(asked.options)
    backups = _backups_by_label(asked)
    names = mapping(asked.options.get("names"), "rtmp_relay_names", "names by ROOM/TITLE")
    named: list[dict[str, Any]] = []
    pushes: list[dict[str, Any]] = []
    for one in streams_in(streams, asked.role):
        stream = _named(one, names, asked)
        named.append(stream)
        pushes += _pushes_of(stream, one, backups, asked)
    refuse_repeated(
        named,
        "name",
        "encoders would publish both as the same name. Each stream needs a name of its own: Set rtmp_relay_names for "
        "ROOM/TITLE.",
    )
    if not asked.only_named:
        _refuse_names_of_others(pushes, asked)
    refuse_repeated(
        pushes,
        "session_id",
        "a session is listed twice among streams and backups; a session takes one stream. Look at rtmp_relay_streams "
        "and rtmp_relay_backups.",
    )
    refuse_repeated(
        pushes,
        "address",
        "two of their pushes would get the same loopback address. Give one of them another name in rtmp_relay_names.",
    )
    return {"streams": named, "pushes": pushes}


def push_address(push: str) -> str:
    """Return the loopback address of a push. It is derived from the name, so no list of used ports is needed."""
    digest = hashlib.sha256(push.encode()).digest()
    return f"127.{64 + digest[0] % 64}.{digest[1]}.{digest[2]}"


def _named(one: Listed, names: Mapping[str, Any], asked: Asked) -> dict[str, Any]:
    name = text(one.given.get("name") or names.get(one.label), f"{one.label}: name") or _default_name(one.label)
    if not _PLAIN_NAME.match(name):
        refuse(
            f"{one.label}: its name",
            "a name is of at most 80 lower-case letters, digits and dashes. Set rtmp_relay_names for ROOM/TITLE.",
        )
    return {**identity(one, asked), "name": name}


def _default_name(label: str) -> str:
    """Return the name that encoders publish a stream as.

    A label that is long, or not ASCII, loses characters in its name. A digest of the label keeps such names unique.
    """
    slug = re.sub(r"[^a-z0-9]+", "-", label.lower())[:60].strip("-")
    if slug and _SHORT_ASCII.match(label):
        return slug
    digest = hashlib.sha1(label.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()
    return f"{slug}-{digest[:8]}".lstrip("-")


def _pushes_of(
    stream: Mapping[str, Any], one: Listed, backups: Mapping[str, list[Any]], asked: Asked
) -> Iterator[dict[str, Any]]:
    """Yield a push for the stream's own session, and one for each backup: ``NAME.primary``, ``NAME.backup1`` …"""
    own = listed(one.given.get("backups"), f"{one.place}.backups", "a list of sessions")
    for number, given in enumerate([one.given, *(own or backups.get(one.label, []))]):
        name = f"{stream['name']}.{f'backup{number}' if number else 'primary'}"
        what = f"{one.label} ({name})"
        session = mapping(given, what, "a mapping with session_id and rtmp_url")
        is_planned = (session.get("label") if number else one.label) in asked.planned
        session_id = session_id_of(session.get("session_id", session.get("id")), what, is_planned=is_planned)
        push = {
            **stream,
            "id": name,
            "name": name,
            "stream": stream["name"],
            "stream_session_id": stream["session_id"],
            "session_id": session_id,
            "stream_key_fingerprint": text(session.get("stream_key_fingerprint"), f"{what}: stream_key_fingerprint"),
            "address": push_address(name),
            "push_port": int(asked.options.get("push_port") or 0),
        }
        if not asked.only_named:
            push |= ingest(session.get("rtmp_url"), what, is_planned=is_planned)
            push |= playback(session, what, asked, is_planned=is_planned)
        yield push


def _backups_by_label(asked: Asked) -> dict[str, list[Any]]:
    """Return the sessions of the option rtmp_relay_backups, by the label of the stream that they receive."""
    option, sessions = "rtmp_relay_backups", asked.sessions or {}
    labels = {
        label: [text(one, option) for one in listed(several, f"{option}: {label}", "a list of ROOM/TITLE")]
        for label, several in mapping(asked.options.get("backups"), option, "lists of ROOM/TITLE by ROOM/TITLE").items()
    }
    unknown = dict.fromkeys(one for several in labels.values() for one in several if one not in sessions)
    if unknown:
        refuse(
            option,
            f"it names {', '.join(unknown)}, which is no session of the event. Give it as ROOM/TITLE, or set the "
            "backups of a stream in rtmp_relay_streams.",
        )
    return {label: [{**sessions[one], "label": one} for one in several] for label, several in labels.items()}


def _refuse_names_of_others(pushes: Sequence[Mapping[str, Any]], asked: Asked) -> None:
    """Raise InvalidInput where the host uses a name for a session in another room, because a name leads to one room."""
    rooms = {one.get("name"): one.get("room_id") or "" for one in asked.on_host}
    for push in pushes:
        other = rooms.get(push["id"], "")
        if asked.options.get("remove_all") or not push["room_id"] or other in ("", push["room_id"]):
            continue
        refuse(
            str(push["label"]),
            f"{asked.host} already has {push['id']} for a session in another room. Choose another name for "
            f"{push['label']} in rtmp_relay_names; or take the other event down, or set rtmp_relay_remove_all to true, "
            "if it is over.",
        )


def known_push(on_host: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return a push that the host has. A record without an address gets the one derived from its name."""
    name = str(on_host.get("name"))
    return {
        "id": name,
        "stream": name.rpartition(".")[0] or name,
        "address": on_host.get("push_address") or push_address(name),
        "push_port": int(on_host.get("push_port") or options.get("push_port") or 0),
    }


def _check_options(options: Mapping[str, Any]) -> None:
    port, push_port = options.get("port"), options.get("push_port")
    publishers = options.get("publishers")
    if (
        not _is_address(options.get("address"))
        or not (is_within(port, 1, 65535) and is_within(push_port, 1, 65535))
        or int(str(port)) == int(str(push_port))
        or not isinstance(publishers, (list, tuple))
        or not publishers
        or not all(_is_network(one) for one in publishers)
    ):
        refuse(
            "rtmp_relay",
            "rtmp_relay_address must be an IP address, rtmp_relay_port and rtmp_relay_push_port two different ports, "
            "and rtmp_relay_publishers a list of at least one IP address or network like 192.0.2.0/24.",
        )
    if not is_program(options.get("nginx")) or not is_plain_path(options.get("ca_path")):
        refuse(
            "rtmp_relay",
            "rtmp_relay_nginx must be the name of a program or an absolute path, rtmp_relay_ca_path an absolute path, "
            "both of letters, digits, dots, dashes and underscores.",
        )


def _is_address(value: Any) -> bool:
    try:
        return fits(value, _ADDRESS) and bool(ipaddress.ip_address(str(value)))
    except ValueError:
        return False


def _is_network(value: Any) -> bool:
    try:
        return fits(value, _NETWORK) and bool(ipaddress.ip_network(str(value), strict=False))
    except ValueError:
        return False
