# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Compares the requested fields of rooms and sessions with the current ones: pure functions.

Values are compared in a canonical form, in which two spellings of one value are equal. A service may also truncate,
cap or not report a value that it was sent. The ledger remembers what the service made of it (Kept), so that the next
run does not send it again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from .model import Room, RoomSpec, Session, SessionSpec, parse_instant, settings_values
from .plain_text import canonical_title


@dataclass(frozen=True)
class Kept:
    """The value that was ``asked`` for when a field was last sent, and the one that the service ``shown`` since then.

    Both are canonical. The names are those of the JSON members in the ledger.
    """

    asked: Any
    shown: Any


# The contract has no call that changes these fields of a session: another value needs a new session.
UNCHANGEABLE = ("preset_id", "mode")
# From field name to what the service made of its value.
Memory = Mapping[str, Kept]


@dataclass(frozen=True)
class Difference:
    """A field that does not have the requested value. ``sent`` is that value as a request contains it."""

    field: str
    is_now: Any
    sent: Any

    def text(self) -> str:
        is_now = "not set" if self.is_now is None else self.is_now
        return f"{self.field.rpartition('.')[2]} is {is_now} and {self.sent} was asked for"


def memory_from(text: str | None) -> dict[str, Kept]:
    """Parse the text of ``memory_text``; raise ValueError, KeyError or TypeError for any other text."""
    if text is None:
        return {}
    return {str(name): Kept(kept["asked"], kept["shown"]) for name, kept in json.loads(text).items()}


def memory_text(memory: Memory) -> str | None:
    """Return the memory as JSON, None if it is empty."""
    return json.dumps({name: asdict(kept) for name, kept in memory.items()}, sort_keys=True) if memory else None


def _text(value: Any) -> str | None:
    """Drop what services strip: blanks around the text and at line ends. An empty text equals no text."""
    return "\n".join(line.rstrip() for line in str(value).strip().splitlines()) or None if value is not None else None


def _instant(value: Any) -> str | None:
    try:
        return parse_instant(value).isoformat() if value else None
    except ValueError:
        return str(value)


def _lower(value: Any) -> str | None:
    return str(value).lower() if value is not None else None


def _title(value: Any) -> str | None:
    return canonical_title(str(value)) if value is not None else None


def _unchanged(value: Any) -> Any:
    return value


_CANONICAL: dict[str, Callable[[Any], Any]] = {
    "title": _title,
    "description": _text,
    "scheduled_start_time": _instant,
    "preset_id": _lower,
    "mode": _lower,
}


def canonical(field: str, value: Any) -> Any:
    """Return a field's value in the form in which it is compared."""
    return _CANONICAL.get(field, _unchanged)(value)


def is_same(field: str, wanted: Any, is_now: Any, memory: Memory) -> bool:
    """Return whether a field already has the requested value, or what the service made of it before."""
    asked, shown = canonical(field, wanted), canonical(field, is_now)
    if asked == shown or (field == "scheduled_start_time" and _is_same_at_reported_precision(wanted, is_now)):
        return True
    kept = memory.get(field)
    return kept is not None and kept.asked == asked and kept.shown == shown


def _is_same_at_reported_precision(wanted: str, is_now: str | None) -> bool:
    """Compare two instants at the precision that the service reports: it may have truncated or rounded the value."""
    if not is_now:
        return False
    try:
        one, other = parse_instant(wanted), parse_instant(is_now)
    except ValueError:
        return False
    fraction = is_now.partition(".")[2]
    digits = len(fraction) - len(fraction.lstrip("0123456789"))
    return digits < 6 and abs((one - other).total_seconds()) < 10.0**-digits and bool(one.microsecond)


def difference_to_remember(field: str, wanted: Any, is_now: Any) -> Kept | None:
    """Return what to remember of a field that was sent and read back; None if it was read back as it was sent."""
    if is_same(field, wanted, is_now, {}):
        return None
    return Kept(canonical(field, wanted), canonical(field, is_now))


def updated_memory(memory: Memory, sent: Mapping[str, Any], shown: Mapping[str, Any]) -> dict[str, Kept]:
    """Return the memory after the fields ``sent``, which now have the values in ``shown``."""
    found = {field: difference_to_remember(field, value, shown.get(field)) for field, value in sent.items()}
    stays = {field: kept for field, kept in memory.items() if field not in found}
    return {**stays, **{field: kept for field, kept in found.items() if kept is not None}}


def settings_field(name: str) -> str:
    return f"settings.{name}"


def shown_of_session(session: Session) -> dict[str, Any]:
    """Return the current fields of a session. A setting's override takes precedence over its effective value."""
    overrides, in_force = settings_values(session.overrides), settings_values(session.settings)
    settings = {
        settings_field(name): value if value is not None else in_force[name] for name, value in overrides.items()
    }
    return {**shown_of_new_session(session), **settings}


def shown_of_new_session(session: Session) -> dict[str, Any]:
    """Return the current fields of a session without its settings, which a creation does not set."""
    return {
        "title": session.title or None,
        "preset_id": session.preset.id,
        "mode": session.mode,
        "scheduled_start_time": session.scheduled_start_time,
    }


def wanted_of_session(spec: SessionSpec) -> dict[str, Any]:
    """Return the requested fields of a session, by name, with the values that a request contains."""
    settings = {settings_field(name): value for name, value in spec.settings.given().items()}
    return wanted_of_new_session(spec) | settings


def wanted_of_new_session(spec: SessionSpec) -> dict[str, Any]:
    """Return the requested fields of a session without its settings and its title."""
    fields = {"preset_id": spec.preset_id, "mode": spec.mode, "scheduled_start_time": spec.scheduled_start_time}
    return {name: value for name, value in fields.items() if value is not None}


def shown_of_room(room: Room) -> dict[str, Any]:
    """Return the current fields of a room; nested ones have dotted names, such as ``analytics.x``."""
    return {"title": room.title or None, "description": room.description, **_flat("analytics", room.analytics)}


def wanted_of_room(spec: RoomSpec) -> dict[str, Any]:
    # With an id, the title is a field to set. Without one, it identifies the room, so it is equal already.
    title = spec.title if spec.room_id is not None else None
    fields = {"title": title, "description": spec.description, **_flat("analytics", spec.analytics or {})}
    return {name: value for name, value in fields.items() if value is not None}


def differences(wanted: Mapping[str, Any], shown: Mapping[str, Any], memory: Memory) -> list[Difference]:
    """Return the fields to change. A field that was not requested never differs."""
    return [
        Difference(field, shown.get(field), value)
        for field, value in wanted.items()
        if not is_same(field, value, shown.get(field), memory)
    ]


def _flat(name: str, value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return {path: leaf for key, item in value.items() for path, leaf in _flat(f"{name}.{key}", item).items()}
    return {name: value}
