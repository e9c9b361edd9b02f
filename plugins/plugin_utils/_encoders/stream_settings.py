# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Checks the list of streams that an encoder's role is given, and adds the defaults.

One call handles all streams of a host. A role writes only values from here, so templates and tasks check no id, URL or
option of ffmpeg again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from .._core.user_values import is_empty
from .health_options import check_health_options, playback
from .host_streams import stream_name
from .listed_streams import Asked, Listed, identity, ingest, plain_url, refuse_repeated, streams_in
from .media import ffmpeg_media, obs_media
from .relay_pushes import relay_streams
from .role_values import fits, is_plain_text, is_program, is_within, mapping, refuse

_USER = re.compile(r"[a-z_][a-z0-9_-]*\Z")


def settled_streams(streams: Any, asked: Asked) -> dict[str, list[dict[str, Any]]]:
    """Return ``streams`` as the role writes them; for the relay also ``pushes`` and ``known``.

    Raise InvalidInput with a sentence that names the wrong stream or option, and says what belongs there.
    """
    settle = {"ffmpeg_encoder": _ffmpeg_streams, "rtmp_relay": relay_streams, "obs_encoder": _obs_streams}[asked.role]
    if not asked.only_named:
        check_health_options(asked)
    return settle(streams, asked)


def _ffmpeg_streams(streams: Any, asked: Asked) -> dict[str, list[dict[str, Any]]]:
    if not asked.only_named:
        _check_ffmpeg_options(asked.options)
    found = streams_in(streams, asked.role)
    settled = [identity(one, asked) for one in found]
    for stream in settled:
        stream["name"] = _file_name(stream["label"], stream["room_id"], asked.on_host)
    for name in ("session_id", "name"):
        refuse_repeated(
            settled,
            name,
            "ffmpeg_encoder_streams lists a session, or a title of a room, twice; a session has one encoder. Take one "
            "of them out.",
        )
    if not asked.only_named:
        for stream, one in zip(settled, found, strict=True):
            is_planned = one.label in asked.planned
            stream.update(ingest(one.given.get("rtmp_url"), one.label, is_planned=is_planned))
            stream.update(ffmpeg_media(one, asked.options))
            stream.update(playback(one.given, one.label, asked, is_planned=is_planned))
    return {"streams": settled}


def _check_timeouts(source: int, stall: int, options: Mapping[str, Any]) -> None:
    kinds = [(options.get("slate") or {}), *(options.get("slates") or {}).values()]
    has_slate = any(isinstance(one, Mapping) and one.get("type", "none") != "none" for one in kinds)
    if has_slate and source >= stall:
        refuse(
            "ffmpeg_encoder",
            f"with a slate, ffmpeg_encoder_source_timeout ({source}) must be less than ffmpeg_encoder_stall_timeout "
            f"({stall}), or the stream would be cut off before its slate is shown.",
        )


def _check_ffmpeg_options(options: Mapping[str, Any]) -> None:
    for name in ("binary", "supervisord_command", "supervisorctl_command"):
        if not is_plain_text(options.get(name)) or not str(options.get(name)).strip():
            refuse("ffmpeg_encoder", f"ffmpeg_encoder_{name} must be a program's name or absolute path.")
    for name, lowest, highest in (("stall_timeout", 5, 300), ("source_timeout", 1, 60), ("refusals", 1, 1000)):
        if not is_within(options.get(name), lowest, highest):
            unit = "" if name == "refusals" else " seconds"
            refuse(f"ffmpeg_encoder_{name}", f"it takes {lowest} to {highest}{unit}.")
    sound = options.get("sound_timeout")
    if not is_within(sound, 0, 0) and not is_within(sound, 5, 3600):
        refuse("ffmpeg_encoder_sound_timeout", "it takes 5 to 3600 seconds, or 0, which waits for ever.")
    _check_timeouts(int(str(options["source_timeout"])), int(str(options["stall_timeout"])), options)


def _file_name(label: str, room_id: str, on_host: Sequence[Mapping[str, Any]]) -> str:
    """Return the name of a stream's files and unit. It stays the same when its session is replaced.

    Two events or accounts may each have a room of this title. If the host has a stream of the other room, the hash in
    the new stream's name includes its room's id.
    """
    first = stream_name(label)
    second = first[:-8] + stream_name(f"{label} ({room_id})")[-8:]
    rooms = {str(one.get("room_id") or "").lower() for one in on_host if one.get("name") == first}
    is_second = bool(rooms - {"", room_id}) or any(one.get("name") == second for one in on_host)
    return second if room_id and is_second else first


def _obs_streams(streams: Any, asked: Asked) -> dict[str, list[dict[str, Any]]]:
    if not asked.only_named:
        _check_obs_options(asked.options)
    found = streams_in(streams, asked.role)
    settled = [{**identity(one, asked), "profile_name": _profile_name(one.label, asked.options)} for one in found]
    refuse_repeated(settled, "session_id", "obs_encoder_streams lists a session twice; a session has one encoder.")
    for stream, one in zip(settled, found, strict=True):
        # The id of a planned session is not known yet.
        stream["name"] = stream["session_id"] or f"new-{stream_name(one.label)}"
        if not asked.only_named:
            stream.update(_obs_service(one, asked) | obs_media(one, asked.options))
            stream.update(playback(one.given, one.label, asked, is_planned=one.label in asked.planned))
    return {"streams": settled}


def _check_obs_options(options: Mapping[str, Any]) -> None:
    if not options.get("start") and not fits(options.get("user"), _USER):
        refuse("obs_encoder", "without obs_encoder_start, obs_encoder_user must name the user who starts OBS.")
    if not is_program(options.get("binary")):
        refuse("obs_encoder", "obs_encoder_binary must be a program's name or absolute path.")


def _profile_name(label: str, options: Mapping[str, Any]) -> str:
    """Return the name of a profile in the menus of OBS."""
    plain = re.sub(r"[^\w .-]", " ", label).strip()
    return "Tenbyte" if options.get("start") else f"Tenbyte {plain}"


def _obs_service(one: Listed, asked: Asked) -> dict[str, Any]:
    """Return where OBS sends a stream. A URL that the user gives takes precedence over the service's."""
    options, is_planned = asked.options, one.label in asked.planned
    if options.get("service") != "whip_custom":
        return {**ingest(one.given.get("rtmp_url"), one.label, is_planned=is_planned), "whip_url": ""}
    written = mapping(options.get("whip_urls"), "obs_encoder_whip_urls", "endpoints by ROOM/TITLE").get(one.label)
    of_stream = one.given.get("whip_url")
    url = (of_stream or written) if options.get("by_list") else (written or of_stream)
    if is_planned and is_empty(url):
        ingested = ingest(None, one.label, is_planned=True)
        return {"rtmp_url": "", "whip_url": ingested["rtmp_url"], "host": ingested["host"], "port": None}
    found = plain_url(url, ("http", "https"))
    if found is None:
        refuse(
            one.label,
            "with the service whip_custom, it needs an endpoint like https://host/path as its whip_url (or in "
            "obs_encoder_whip_urls), without credentials, quotes, spaces or other special characters.",
        )
    return {"rtmp_url": "", "whip_url": str(url), "host": found["host"], "port": None}
