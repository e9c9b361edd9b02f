# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Rooms and sessions of the service as an event file, which the playbook provision can apply."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import yaml

from .._core.plain_text import canonical_title, first_of
from .wishes import Entry, by_room, entries_of, sessions_of, text_of, titled

_TEMPLATE = re.compile(r"\{[{%#]")
# As Ansible's own filter to_yaml has it: the emitter in C, if PyYAML was built with it.
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def exported_event(
    rooms: Sequence[Entry], sessions: Sequence[Entry], event_rooms: Any, facts: Mapping[str, Entry]
) -> dict[str, str]:
    """Return the ``text`` of an event file, and the first sessions ``without`` an encoder, as one text.

    ``rooms`` and ``sessions`` are results of room_info and session_info. The service does not know encoders: they come
    from the event file ``event_rooms``, else from ``facts``, the fact tenbyte_sessions.
    """
    encoders = encoders_of(rooms, sessions, event_rooms, facts)
    without = {f"{one['room'] or one['room_id']}/{one['title']}" for one in sessions if one["id"] not in encoders}
    return {
        "text": "".join(f"{line}\n" for line in _lines(rooms, sessions, encoders)),
        "without": first_of(sorted(without, key=lambda name: (name.lower(), name))),
    }


def encoders_of(
    rooms: Iterable[Entry], sessions: Iterable[Entry], event_rooms: Any, facts: Mapping[str, Entry]
) -> dict[str, str]:
    """Return the encoders that are known, by session id."""
    known = {str(fact["id"]): str(fact["encoder"]) for fact in facts.values() if fact.get("id") and fact.get("encoder")}
    of_title: dict[str, list[Entry]] = {}
    of_id: dict[str, list[Entry]] = {}
    for entry in entries_of(event_rooms):
        if text_of(entry, "title"):
            of_title.setdefault(canonical_title(text_of(entry, "title")), []).extend(sessions_of(entry))
        if text_of(entry, "room_id"):
            of_id.setdefault(text_of(entry, "room_id").lower(), []).extend(sessions_of(entry))
    listed = by_room(sessions)
    found: dict[str, str] = {}
    for room in rooms:
        named = of_title.get(canonical_title(room["title"] or ""), []) + of_id.get(room["id"].lower(), [])
        wishes = titled(named)
        for session in listed.get(room["id"], ()):
            wish = wishes.get(canonical_title(session["title"]), {})
            encoder = text_of(wish, "encoder") or known.get(session["id"])
            if encoder:
                found[session["id"]] = encoder
    return found


def _lines(rooms: Sequence[Entry], sessions: Sequence[Entry], encoders: Mapping[str, str]) -> Iterator[str]:
    yield "---"
    yield "# What the webinar service had. Apply it with: ansible-playbook tenbyte.webinar.provision -e @FILE"
    if not all(session["stream_key_available"] for session in sessions):
        keyless = "The ledger does not hold the stream keys of some sessions, marked below"
        yield f"# {keyless}, and they are to stay as they are."
        yield "event_on_missing_key: ignore"
    yield f"event_rooms:{'' if rooms else ' []'}"
    titles, listed = Counter(room["title"] for room in rooms), by_room(sessions)
    for room in rooms:
        yield from _lines_of_room(room, titles[room["title"]])
        yield from _lines_of_sessions(listed.get(room["id"], []), encoders)


def _lines_of_room(room: Entry, of_this_title: int) -> Iterator[str]:
    if room["title"] is not None and of_this_title == 1:
        yield f"  - title: {_quoted(room['title'])}"
    else:
        yield f"  # {json.dumps(room['title'])}, one of {of_this_title} rooms of this title"
        yield f"  - room_id: {_quoted(room['id'])}"
    if room["description"]:
        yield f"    description: {_quoted(room['description'])}"
    manager = (room["analytics"] or {}).get("google_tag_manager")
    if isinstance(manager, Mapping) and ("container_id" in manager or "enabled" in manager):
        yield "    analytics:"
        yield "      google_tag_manager:"
        if isinstance(manager.get("container_id"), str):
            yield f"        container_id: {_quoted(manager['container_id'])}"
        if isinstance(manager.get("enabled"), bool):
            yield f"        enabled: {json.dumps(manager['enabled'])}"


def _lines_of_sessions(sessions: Sequence[Entry], encoders: Mapping[str, str]) -> Iterator[str]:
    yield f"    sessions:{'' if sessions else ' []'}"
    same: dict[str, list[Entry]] = {}
    for session in sessions:
        same.setdefault(session["title"], []).append(session)
    for session in sorted(sessions, key=_order):
        bearing = same[session["title"]]
        # Of several sessions of one title, the one whose key is known can be applied.
        chosen = next((one for one in bearing if one["stream_key_available"]), bearing[0])
        if session is chosen:
            others = [one["id"] for one in bearing if one is not chosen]
            yield from _lines_of_session(session, others, encoders.get(session["id"]))


def _order(session: Entry) -> tuple[bool, str, str]:
    """Sessions with a start time come first, by that time."""
    start = session["scheduled_start_time"] or ""
    return not start, start.lower(), session["title"].lower()


def _lines_of_session(session: Entry, others: Sequence[str], encoder: str | None) -> Iterator[str]:
    yield f"      - title: {_quoted(session['title'])}"
    if others:
        ids = json.dumps(", ".join(others))
        yield f"        # One title names one session in an event file. These have it too: {ids}"
        yield f"        session_id: {_quoted(session['id'])}"
    if not session["stream_key_available"]:
        yield "        # Its stream key is not in the ledger."
    if not encoder:
        yield "        # No encoder is known for it: add `encoder: HOST` if it is sent from here."
    values = {
        "preset_id": session["preset"]["id"],
        **{name: session[name] for name in ("mode", "description", "scheduled_start_time")},
        "encoder": encoder,
    }
    for name, value in values.items():
        if value:
            yield f"        {name}: {_quoted(value)}"
    settings = {name: value for name, value in session["settings"].items() if value is not None}
    if settings:
        yield "        settings:"
        for name, value in settings.items():
            yield f"          {name}: {json.dumps(value)}"


@lru_cache(maxsize=4096)
def _quoted(text: str) -> str:
    """Return a text as YAML, in quotes; !unsafe keeps Ansible from reading braces in it as a template."""
    mark = "!unsafe " if _TEMPLATE.search(text) else ""
    quoted: str = yaml.dump(text, Dumper=_DUMPER, default_style='"', width=1_000_000, allow_unicode=True)
    return mark + quoted.strip()
