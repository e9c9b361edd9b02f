# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Which sessions of an event no host of the inventory would send, and why not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .._core.plain_text import MOST_NAMED, first_of
from .wishes import Entry, entries_of, sessions_of, text_of

_GROUPS = "groups encoders, relays and studios"
# The hosts of the inventory by group, and the roles of those that send streams.
Groups = Mapping[str, Sequence[str]]


def asked_sending(event_rooms: Any, state: str, groups: Groups, senders: Sequence[str]) -> dict[str, Any]:
    """Return what an event file asks for that no host sends.

    ``wrong`` has a sentence for each encoder that does not send, ``without`` the first sessions that name no encoder.
    ``state`` is that of the whole event, ``senders`` are the hosts that send streams.
    """
    known = frozenset(senders)
    wrong: dict[str, list[str]] = {}
    without: list[str] = []
    for room in entries_of(event_rooms):
        if text_of(room, "state") == "absent":
            continue
        for session in sessions_of(room):
            if _state(state, text_of(session, "state")) in ("ended", "absent"):
                continue
            room_name = text_of(room, "title") or text_of(room, "room_id") or "?"
            name = f"{room_name}/{text_of(session, 'title') or '?'}"
            encoder = text_of(session, "encoder")
            if not encoder:
                without.append(name)
            elif encoder not in known:
                wrong.setdefault(encoder, []).append(name)
    hosts = frozenset(groups.get("all") or ())
    sentences = [_sentence(encoder, names, hosts, senders) for encoder, names in list(wrong.items())[:MOST_NAMED]]
    if len(wrong) > MOST_NAMED:
        sentences.append(f"The same is true of {len(wrong) - MOST_NAMED:,} more encoders.")
    return {"wrong": sentences, "without": first_of(without)}


def _state(of_event: str, own: str) -> str:
    """Return the state that the action gives a session."""
    overrides = of_event not in ("", "present") and not (of_event == "live" and own in ("ended", "absent"))
    return of_event if overrides else own


def _sentence(encoder: str, names: Sequence[str], hosts: frozenset[str], senders: Sequence[str]) -> str:
    many = len(names) > 1
    if not hosts - {"localhost"}:
        return (
            f"{first_of(names)}: {'have' if many else 'has'} the encoder {encoder}, but no inventory was given: add -i "
            f"INVENTORY, with {encoder} in its group encoders, relays or studios."
        )
    if encoder in hosts:
        why = f"a host of the inventory, but of none of its {_GROUPS}"
    elif senders:
        why = f"no host of the inventory; its {_GROUPS} have {first_of(senders)}"
    else:
        why = f"no host of the inventory, which has none of the {_GROUPS}"
    return f"{first_of(names)}: {'their' if many else 'its'} encoder {encoder} is {why}."


def unsent_warning(sessions: Iterable[Entry], groups: Groups, senders: Sequence[str]) -> str:
    """Return one message about the sessions whose encoder is none of ``senders``, empty where there are none.

    ``sessions`` are those of the fact tenbyte_sessions.
    """
    known, hosts = frozenset(senders), frozenset(groups.get("all") or ())
    outside: dict[str, list[str]] = {}
    foreign: dict[str, list[str]] = {}
    for session in sessions:
        encoder = text_of(session, "encoder")
        if encoder and encoder not in known:
            of_kind = outside if encoder in hosts else foreign
            of_kind.setdefault(encoder, []).append(text_of(session, "name") or f"{session['room']}/{session['title']}")
    but = f", but of none of its {_GROUPS}"
    parts = [
        _unsent(outside, f"a host of the inventory{but}", f"hosts of the inventory{but}"),
        _unsent(foreign, "no host of the inventory", "no hosts of the inventory"),
    ]
    return " ".join(f"WARNING: {part}" for part in parts if part)


def _unsent(by_encoder: Mapping[str, Sequence[str]], one: str, several: str) -> str:
    """Return a sentence about sessions by their encoder. ``one`` and ``several`` say what is wrong with encoders."""
    names = [name for of_encoder in by_encoder.values() for name in of_encoder]
    if not names:
        return ""
    head = f"{names[0]} gets no stream, because its"
    if len(names) > 1:
        head = f"{len(names):,} sessions get no stream ({first_of(names)}), because their"
    if len(by_encoder) == 1:
        return f"{head} encoder {next(iter(by_encoder))} is {one}."
    return f"{head} encoders {first_of(list(by_encoder))} are {several}."
