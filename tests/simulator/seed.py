# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The seed: the initial state of a simulator. Error messages contain the field's path."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .faults import FaultError, Rule, rule_from
from .keys import PARTS_OF_KEYS
from .records import CURRENT, Json, Room, Session, User, new_id, now
from .validation import Field, Unacceptable, boolean, date_time, mapping, one_of, text, uuid, whole_number
from .variants import Variant, VariantError, variant_from

DEFAULT_RTMP_URL = "rtmp://127.0.0.1:1935/live"
DEFAULT_KEY_FORM = "sim-{random}"
DEFAULT_HLS_URL = "http://127.0.0.1:8080/hls/{session_id}/index.m3u8"
# Three of the ingest's usual update intervals (30 s). After that, the ingest of the publisher has failed.
DEFAULT_PUBLISHER_TIMEOUT = 90

_WORD = text(1, 255)
_TITLE = text(3, 255)
_USER = {
    "username": Field(_WORD, required=True),
    "email": Field(_WORD, required=True),
    "api_key": Field(text(8, 255), required=True),
    "token": Field(text(8, 4096), required=True),
    "id": Field(uuid),
    "role": Field(one_of("host", "viewer")),
}
_SWITCHES_ON = (
    "stage_enabled",
    "chat_enabled",
    "poll_enabled",
    "viewer_count_visible",
    "host_add_co_host",
    "host_camera_enabled",
    "host_screen_share",
    "host_chat_send_text",
    "host_chat_receive_message",
    "onstage_camera_enabled",
    "onstage_viewer_view",
    "audience_stage_join_request",
    "audience_chat_send_text",
    "audience_chat_receive_message",
    "moderator_manage_chat",
)
_SWITCHES_OFF = ("recording_enabled", "is_default")
_PRESET = {
    "id": Field(uuid, required=True),
    "name": Field(_WORD, required=True),
    "type": Field(one_of("whip", "rtmp"), required=True),
    "max_join_limit": Field(whole_number(1, 100)),
    "primary_color": Field(text(7, 7)),
    "logo": Field(text(0, 2048)),
    "logo_destination_url": Field(text(0, 2048)),
    **{name: Field(boolean) for name in (*_SWITCHES_ON, *_SWITCHES_OFF)},
}
_TAG_MANAGER = {"container_id": Field(text()), "enabled": Field(boolean)}
ANALYTICS = Field(mapping({"google_tag_manager": Field(mapping(_TAG_MANAGER))}))
_ROOM = {
    "title": Field(_TITLE, required=True),
    "host": Field(_WORD, required=True),
    "id": Field(uuid),
    "description": Field(text()),
    "analytics": ANALYTICS,
}
_SESSION = {
    "room": Field(_WORD, required=True),
    "title": Field(_TITLE, required=True),
    "preset_id": Field(uuid, required=True),
    "id": Field(uuid),
    "status": Field(one_of("scheduled", "live", "ended", "expired")),
    "description": Field(text()),
    "mode": Field(one_of("webcam", "rtmp")),
    "scheduled_start_time": Field(date_time),
    "started_at": Field(date_time),
    "ended_at": Field(date_time),
}
_INGEST = {
    "rtmp_url": Field(text(8, 2048)),
    "hls_url": Field(text(8, 2048)),
    "key_form": Field(text(1, 255)),
    "publisher_timeout": Field(whole_number(1, 86400)),
}


class SeedError(ValueError):
    """An invalid seed. The message starts with the path of the field."""


@dataclass(frozen=True)
class Ingest:
    rtmp_url: str = DEFAULT_RTMP_URL
    hls_url: str = DEFAULT_HLS_URL
    key_form: str = DEFAULT_KEY_FORM
    publisher_timeout: int = DEFAULT_PUBLISHER_TIMEOUT


@dataclass(frozen=True)
class Seed:
    users: tuple[User, ...]
    presets: dict[str, Json]
    rooms: tuple[Room, ...]
    ingest: Ingest
    publish_starts_session: bool
    variant: Variant
    faults: tuple[Rule, ...]


def seed_from(data: object) -> Seed:
    """Return a checked seed; raise SeedError with the field's path."""
    if not isinstance(data, Mapping):
        raise SeedError("seed: must be a mapping with users, presets, rooms")
    known = {"users", "presets", "rooms", "sessions", "ingest", "publish_starts_session", "variant", "faults"}
    for name in data:
        if name not in known:
            raise SeedError(f"{name}: is not a field of a seed; known: {', '.join(sorted(known))}")
    users = {user.username: user for user in _all_of(data, "users", _USER, _user)}
    if not users:
        raise SeedError("users: at least one user is needed")
    presets = {preset["id"]: preset for preset in _all_of(data, "presets", _PRESET, _preset)}
    rooms = _all_of(data, "rooms", _ROOM, lambda fields, where: _room(fields, where, users))
    ingest = _ingest(data.get("ingest", {}))
    _all_of(data, "sessions", _SESSION, lambda fields, where: _session(fields, where, rooms, presets, ingest))
    _refuse_repeats(data, "users", ("username", "id", "api_key", "token"))
    for section in ("presets", "rooms", "sessions"):
        _refuse_repeats(data, section, ("id",))
    publish_starts_session = data.get("publish_starts_session", True)
    if not isinstance(publish_starts_session, bool):
        raise SeedError("publish_starts_session: must be true or false")
    return Seed(
        tuple(users.values()),
        presets,
        tuple(rooms),
        ingest,
        publish_starts_session,
        _variant(data.get("variant") or {}),
        _faults(data.get("faults") or []),
    )


def _all_of(
    data: Mapping[str, Any], section: str, fields: Mapping[str, Field], build: Callable[[Json, str], Any]
) -> list[Any]:
    items = data.get(section) or []
    if not isinstance(items, list):
        raise SeedError(f"{section}: must be a list")
    return [build(_checked(item, fields, f"{section}[{i}]"), f"{section}[{i}]") for i, item in enumerate(items)]


def _checked(item: object, fields: Mapping[str, Field], where: str) -> Json:
    # YAML reads an unquoted date as a datetime; the checks expect strings, as in JSON.
    if isinstance(item, Mapping):
        item = {key: value.isoformat() if hasattr(value, "isoformat") else value for key, value in item.items()}
    try:
        return dict(mapping(fields)(item))
    except Unacceptable as error:
        problems = getattr(error, "problems", None)
        if not problems:
            raise SeedError(f"{where}: {error}") from None
        raise SeedError("; ".join(f"{where}.{item['field']}: {item['message']}" for item in problems)) from None


def _refuse_repeats(data: Mapping[str, Any], section: str, names: tuple[str, ...]) -> None:
    for name in names:
        seen: dict[str, int] = {}
        for index, item in enumerate(data.get(section) or []):
            value = item.get(name)
            if value is None:
                continue
            if value in seen:
                raise SeedError(f"{section}[{index}].{name}: is the same as {section}[{seen[value]}].{name}")
            seen[value] = index


def _user(fields: Json, _where: str) -> User:
    return User(**{"id": new_id(), **fields})


def _preset(fields: Json, _where: str) -> Json:
    written_at = now().isoformat(timespec="seconds").replace("+00:00", "Z")
    return {
        **dict.fromkeys(_SWITCHES_ON, True),
        **dict.fromkeys(_SWITCHES_OFF, False),
        "max_join_limit": 50,
        "primary_color": "#336699",
        "created_at": written_at,
        "updated_at": written_at,
        **fields,
    }


def _room(fields: Json, where: str, users: Mapping[str, User]) -> Room:
    host = users.get(fields["host"])
    if host is None:
        raise SeedError(f"{where}.host: no user has the username {fields['host']!r}")
    return Room(**{"id": new_id(), **fields, "host": host})


def _session(fields: Json, where: str, rooms: list[Room], presets: Mapping[str, Json], ingest: Ingest) -> Session:
    of_title = [room for room in rooms if room.title == fields["room"]]
    if len(of_title) != 1:
        raise SeedError(f"{where}.room: {len(of_title)} rooms have the title {fields['room']!r}, exactly one is needed")
    preset = presets.get(fields.pop("preset_id"))
    if preset is None:
        raise SeedError(f"{where}.preset_id: no preset has this id")
    status = fields.get("status", "scheduled")
    if status in ("live", "ended"):
        fields.setdefault("started_at", now())
    if status not in CURRENT:
        fields.setdefault("ended_at", now())
    session = Session(
        **{"id": new_id(), "mode": mode_of(preset), **fields, "room": of_title[0], "preset": preset},
    )
    session.hls_url = ingest.hls_url.format(session_id=session.id)
    session.room.sessions[session.id] = session
    return session


def mode_of(preset: Mapping[str, Any]) -> str:
    """Return the default mode of a session, which depends on the preset's type. The contract does not specify it."""
    return "webcam" if preset["type"] == "whip" else "rtmp"


def _variant(data: object) -> Variant:
    try:
        return variant_from(data)
    except VariantError as error:
        raise SeedError(f"variant: {error}") from None


def _faults(data: object) -> tuple[Rule, ...]:
    if not isinstance(data, list):
        raise SeedError("faults: must be a list")
    rules = []
    for index, item in enumerate(data):
        try:
            rules.append(rule_from(item))
        except FaultError as error:
            raise SeedError(f"faults[{index}]: {error}") from None
    return tuple(rules)


def _ingest(data: object) -> Ingest:
    ingest = Ingest(**_checked(data, _INGEST, "ingest"))
    try:
        once, other = ingest.hls_url.format(session_id="1"), ingest.hls_url.format(session_id="2")
    except (KeyError, IndexError, ValueError) as error:
        raise SeedError(f"ingest.hls_url: only {{session_id}} may stand in braces ({error!r})") from None
    if not any(part in ingest.key_form for part in PARTS_OF_KEYS):
        raise SeedError(f"ingest.key_form: must contain one of {', '.join(PARTS_OF_KEYS)}, else all keys are the same")
    if once == other:
        raise SeedError("ingest.hls_url: must contain {session_id}, else all sessions have the same URL")
    return ingest
