# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Variants of the service: switches for behaviour that the contract allows or leaves open, and that services differ in.

By default, the simulator is as strict as the contract. An error of a single request is a fault, not a variant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from .cleaning import STEPS, UNITS, Step, is_offset, is_step

# The fields of a session that the first example of the contract omits.
SPARSE_SESSION = ("status", "mode", "preset.type")
SETTINGS = ("chat_enabled", "stage_enabled", "max_join_limit")
_BOTH = ("id", "title", "description", "created_at", "updated_at")
ROOM_FIELDS = (*_BOTH, "host_id", "host", "analytics", "active_session_id")
SESSION_FIELDS = (
    *(*_BOTH, "room_id", "room", "preset", "status", "mode", "scheduled_start_time", "started_at", "ended_at"),
    *("duration", "viewer_count", "max_viewers", "recording_enabled", "hls_url"),
    *(f"{name}_override" for name in SETTINGS),
    *(f"effective_{name}" for name in SETTINGS),
)
START_FIELDS = ("session", "livekit_token", "rtmp", "rtmp_setup", "whip_url")
# The members of the response to going live that contain a key.
KEY_FIELDS = ("rtmp.stream_key", "rtmp_setup.stream_key")


class VariantError(ValueError):
    """An unknown switch, or an invalid value of one."""


@dataclass
class Variant:
    """The switches. Setting an unknown one, or an invalid value, raises VariantError."""

    # How texts are changed before they are stored: steps of ``cleaning``, such as html, blanks, trim, nfc, cut:40.
    room_titles: Sequence[Step] = ()
    session_titles: Sequence[Step] = ()
    descriptions: Sequence[Step] = ()
    empty_descriptions_omitted: bool = False
    # Fields of a request that the service ignores without an error.
    ignored_room_fields: Sequence[str] = ()
    ignored_session_fields: Sequence[str] = ()
    ignored_settings: Sequence[str] = ()
    # Which of X_override and effective_X a session contains: all, effective, overrides or none.
    settings_shown: str = "all"
    false_settings_omitted: bool = False
    # The first caps the stored value, and so the override and the effective value; the second only the effective one.
    largest_join_limit: int | None = None
    largest_effective_join_limit: int | None = None
    # Precision of times: minutes, seconds, milliseconds or microseconds; they are truncated or rounded.
    time_precision: str = "milliseconds"
    times_rounded: bool = False
    time_offset: str = "Z"
    time_zeros_cut: bool = False
    # ``timestamp`` of a response: seconds, milliseconds, zero, text (seconds as a string), date or missing.
    timestamp: str = "seconds"
    # Fields that responses omit. A dot names a member: preset.type, room.host, rtmp.stream_key.
    hidden_room_fields: Sequence[str] = ()
    hidden_session_fields: Sequence[str] = ()
    hidden_list_fields: Sequence[str] = ()
    hidden_creation_fields: Sequence[str] = ()
    hidden_start_fields: Sequence[str] = ()
    # What error messages quote: stream_key (of the session, or of the room's sessions), id, credential.
    refusals_quote: Sequence[str] = ()
    # The status for a user who is not the host: with 404, the service denies that the room exists.
    stranger_status: int = 403
    # Lists: the status of a page after the last (200: an empty page), the largest limit, the status for a larger one
    # (200: it is reduced), and whether the response then reports the requested limit.
    page_after_last: int = 200
    largest_limit: int = 100
    larger_limit: int = 200
    asked_limit_shown: bool = False
    oldest_first: bool = False
    # Going live and ending: 200 or 409 if the session is in that state already, and the delay of the change.
    whip_url_shown: str = "whip"
    start_of_live: int = 200
    end_of_ended: int = 409
    seconds_until_live: float = 0
    seconds_until_ended: float = 0
    another_key_at_start: bool = False
    one_live_per_room: bool = False
    # Quota: the number of rooms and of current sessions of an account, and the status for one more.
    most_rooms: int | None = None
    most_sessions: int | None = None
    quota_status: int = 403

    def __setattr__(self, name: str, value: object) -> None:
        if name not in _CHECKS:
            raise VariantError(f"{name}: is unknown; known: {', '.join(sorted(_CHECKS))}")
        accepts, expected = _CHECKS[name]
        # Seeds have lists, tests have tuples.
        value = tuple(value) if isinstance(value, list) else value
        if not accepts(value):
            raise VariantError(f"{name}: must be {expected}, not {value!r}")
        object.__setattr__(self, name, value)

    def set(self, **values: Any) -> None:
        """Set several switches, or none if one of the values is invalid."""
        checked = variant_from(values)
        for name in values:
            setattr(self, name, getattr(checked, name))

    def reset(self) -> None:
        """Set all switches to their strict defaults."""
        self.set(**asdict(Variant()))

    def is_strict(self) -> bool:
        return self == _STRICT

    def as_data(self) -> dict[str, Any]:
        """Return the switches as JSON; a step that is a function becomes its name."""
        return {
            name: [item if isinstance(item, str) else getattr(item, "__name__", "function") for item in value]
            if isinstance(value, tuple)
            else value
            for name, value in asdict(self).items()
        }


def variant_from(data: object) -> Variant:
    """Return the switches of a seed or a request; those that it omits are strict. Raise VariantError."""
    if not isinstance(data, Mapping):
        raise VariantError("variant: must be a mapping of switches to values")
    variant = Variant()
    for name, value in data.items():
        setattr(variant, str(name), value)
    return variant


_Check = tuple[Callable[[Any], bool], str]


def _choice(*choices: object) -> _Check:
    def accepts(value: object) -> bool:
        return any(value == choice and type(value) is type(choice) for choice in choices)

    return accepts, f"one of {', '.join(map(str, choices))}"


def _names(*known: str, into: Sequence[str] = ()) -> _Check:
    """Accept a list of known names; those in ``into`` may be followed by a dot and the name of a member."""

    def is_known(name: object) -> bool:
        if not isinstance(name, str):
            return False
        first, _dot, rest = name.partition(".")
        return name in known or (rest != "" and first in into)

    return (
        lambda value: isinstance(value, tuple) and all(map(is_known, value)),
        f"a list of names of {', '.join(known)}",
    )


def _number(least: int, most: int, optional: bool = False) -> _Check:
    def accepts(value: object) -> bool:
        if value is None:
            return optional
        return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most

    return accepts, f"an integer from {least} to {most}" + (", or null" if optional else "")


_STEPS: _Check = (
    lambda value: isinstance(value, tuple) and all(map(is_step, value)),
    f"a list of steps of {', '.join(STEPS)}, cut:N",
)
_SWITCH: _Check = (lambda value: isinstance(value, bool), "true or false")
_SECONDS: _Check = (
    lambda value: isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 3600,
    "a number of seconds up to 3600",
)
_CHECKS: dict[str, _Check] = {
    **{field.name: _SWITCH for field in fields(Variant) if field.type == "bool"},
    "room_titles": _STEPS,
    "session_titles": _STEPS,
    "descriptions": _STEPS,
    "ignored_room_fields": _names("title", "description", "analytics"),
    "ignored_session_fields": _names("description", "mode", "scheduled_start_time"),
    "ignored_settings": _names(*SETTINGS),
    "settings_shown": _choice("all", "effective", "overrides", "none"),
    "largest_join_limit": _number(1, 100, optional=True),
    "largest_effective_join_limit": _number(1, 100, optional=True),
    "time_precision": _choice(*UNITS),
    "time_offset": (is_offset, "Z or an offset such as +02:00"),
    "timestamp": _choice("seconds", "milliseconds", "zero", "text", "date", "missing"),
    "hidden_room_fields": _names(*ROOM_FIELDS, into=("host",)),
    "hidden_session_fields": _names(*SESSION_FIELDS, into=("preset", "room")),
    "hidden_list_fields": _names("total", "page", "limit"),
    "hidden_creation_fields": _names("rtmp_url", "stream_key"),
    "hidden_start_fields": _names(*START_FIELDS, into=("rtmp", "rtmp_setup")),
    "refusals_quote": _names("stream_key", "id", "credential"),
    "stranger_status": _choice(403, 404),
    "page_after_last": _choice(200, 400, 404, 422),
    "largest_limit": _number(1, 100),
    "larger_limit": _choice(200, 400, 422),
    "whip_url_shown": _choice("whip", "always", "never"),
    "start_of_live": _choice(200, 409),
    "end_of_ended": _choice(200, 409),
    "seconds_until_live": _SECONDS,
    "seconds_until_ended": _SECONDS,
    "most_rooms": _number(0, 100_000, optional=True),
    "most_sessions": _number(0, 100_000, optional=True),
    "quota_status": _choice(402, 403, 422, 429),
}
_STRICT = Variant()
