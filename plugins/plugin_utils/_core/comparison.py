# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Compares what is wanted with what is, field by field: pure functions.

Each field has a canonical form, in which two spellings of one value are the same. What a service makes of a value
beyond that (cuts it, caps it, does not report it) is learnt when it was sent, kept in the ledger, and then no
difference any more: see Kept.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from .model import Room, RoomSpec, Session, SessionSpec, parse_instant
from .plain_text import canonical_title


@dataclass(frozen=True)
class Kept:
    """What was ``asked`` for when a field was last sent, and what the service shows of it since, both canonical."""

    asked: Any
    shown: Any


# Of a session, what can only be had with a new one, as opposed to what the service can change.
UNCHANGEABLE = ("preset_id", "mode")
# By field name.
Memory = Mapping[str, Kept]


@dataclass(frozen=True)
class Difference:
    """A field whose value is another one than is wanted. ``sent`` is the value in the form in which it is sent."""

    field: str
    is_now: Any
    sent: Any

    def text(self) -> str:
        is_now = "not set" if self.is_now is None else self.is_now
        return f"{self.field.rpartition('.')[2]} is {is_now} and {self.sent} was asked for"


def memory_from(text: str | None) -> dict[str, Kept]:
    """Read what ``memory_text`` wrote; raise ValueError, KeyError or TypeError for anything else."""
    if text is None:
        return {}
    return {str(name): Kept(kept["asked"], kept["shown"]) for name, kept in json.loads(text).items()}


def memory_text(memory: Memory) -> str | None:
    return json.dumps({name: asdict(kept) for name, kept in memory.items()}, sort_keys=True) if memory else None


def _text(value: Any) -> str | None:
    """Line ends and blanks at both ends are what services clean away; none is the same as an empty text."""
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


def _as_it_is(value: Any) -> Any:
    return value


_CANONICAL: dict[str, Callable[[Any], Any]] = {
    "title": _title,
    "description": _text,
    "scheduled_start_time": _instant,
    "preset_id": _lower,
    "mode": _lower,
}


def canonical(field: str, value: Any) -> Any:
    return _CANONICAL.get(field, _as_it_is)(value)


def is_same(field: str, wanted: Any, is_now: Any, memory: Memory) -> bool:
    """Say whether a field needs no change."""
    asked, shown = canonical(field, wanted), canonical(field, is_now)
    if asked == shown or (field == "scheduled_start_time" and _is_same_as_far_as_told(wanted, is_now)):
        return True
    kept = memory.get(field)
    return kept is not None and kept.asked == asked and kept.shown == shown


def _is_same_as_far_as_told(wanted: str, is_now: str | None) -> bool:
    """Compare two instants at the precision of the service's, which may have cut or rounded the other."""
    if not is_now:
        return False
    try:
        one, other = parse_instant(wanted), parse_instant(is_now)
    except ValueError:
        return False
    fraction = is_now.partition(".")[2]
    digits = len(fraction) - len(fraction.lstrip("0123456789"))
    return digits < 6 and abs((one - other).total_seconds()) < 10.0**-digits and bool(one.microsecond)


def learnt(field: str, wanted: Any, is_now: Any) -> Kept | None:
    """Return what is to be remembered after a field was sent and looked at; None where it is as it was sent."""
    if is_same(field, wanted, is_now, {}):
        return None
    return Kept(canonical(field, wanted), canonical(field, is_now))


def remembered(memory: Memory, sent: Mapping[str, Any], shown: Mapping[str, Any]) -> dict[str, Kept]:
    """Return the memory after these fields were sent, with what the service shows of them now."""
    found = {field: learnt(field, value, shown.get(field)) for field, value in sent.items()}
    stays = {field: kept for field, kept in memory.items() if field not in found}
    return {**stays, **{field: kept for field, kept in found.items() if kept is not None}}


def settings_field(name: str) -> str:
    return f"settings.{name}"


def shown_of_session(session: Session) -> dict[str, Any]:
    """Return a session's fields as they are; of a setting, what was set for the session before what is in force."""
    overrides, in_force = asdict(session.overrides), asdict(session.settings)
    settings = {
        settings_field(name): value if value is not None else in_force[name] for name, value in overrides.items()
    }
    return {
        "title": session.title or None,
        "preset_id": session.preset.id,
        "mode": session.mode,
        "scheduled_start_time": session.scheduled_start_time,
        **settings,
    }


def wanted_of_session(spec: SessionSpec) -> dict[str, Any]:
    """Return the fields that are asked for, in the form in which they are sent."""
    fields = {"preset_id": spec.preset_id, "mode": spec.mode, "scheduled_start_time": spec.scheduled_start_time}
    settings = {settings_field(name): value for name, value in spec.settings.given().items()}
    return {name: value for name, value in fields.items() if value is not None} | settings


def shown_of_room(room: Room) -> dict[str, Any]:
    return {"title": room.title or None, "description": room.description, **_flat("analytics", room.analytics)}


def wanted_of_room(spec: RoomSpec) -> dict[str, Any]:
    # A title names a room, unless its id does.
    title = spec.title if spec.room_id is not None else None
    fields = {"title": title, "description": spec.description, **_flat("analytics", spec.analytics or {})}
    return {name: value for name, value in fields.items() if value is not None}


def differences(wanted: Mapping[str, Any], shown: Mapping[str, Any], memory: Memory) -> list[Difference]:
    """Return what is to be changed. A field that is not asked for never differs."""
    return [
        Difference(field, shown.get(field), value)
        for field, value in wanted.items()
        if not is_same(field, value, shown.get(field), memory)
    ]


def _flat(name: str, value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return {path: leaf for key, item in value.items() for path, leaf in _flat(f"{name}.{key}", item).items()}
    return {name: value}
