# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""What this run of Ansible knows of an event. The facts of other runs, which a fact cache keeps, do not count."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from .._ledger.lease_owner import name_of_process

# The names of the facts that tasks leave.
SESSIONS = "tenbyte_sessions"
# Which run of Ansible set the facts: a persistent fact cache must not mix the sessions of last week into today's.
RUN = "tenbyte_sessions_run"
# What the run has looked at as a whole, and what it was told to end or remove: roles take nothing else off the air.
EVENT = "tenbyte_event"
# What a task in check mode would leave: a preview changes no fact of a real run.
PREVIEW = "tenbyte_preview"


def is_this_run(run: object) -> bool:
    """Say whether this run of Ansible bears the name.

    Facts are named after the process of ansible-playbook itself. Templates are evaluated there and in its workers,
    which are its children.
    """
    return str(run) in (name_of_process(os.getpid()), name_of_process(os.getppid()))


def event_of_this_run(facts: Sequence[Mapping[str, Any]], *, preview: bool) -> dict[str, Any]:
    """Return the sessions, rooms and gone sessions that this run knows of.

    ``facts`` are those of several hosts; the first counts that has any of this run. With ``preview``, what a task in
    check mode has left comes before what was really done. ``sessions`` is None where no task of this run has left any;
    ``stale`` says whether there are some of another run.
    """
    if preview:
        for known in (_mapping(one.get(PREVIEW)) for one in facts):
            if is_this_run(known.get("run")):
                return _event(_mapping(known.get("sessions")), known)
    for one in facts:
        about = _mapping(one.get(EVENT))
        about = about if is_this_run(about.get("run")) else {}
        if about or is_this_run(one.get(RUN)):
            sessions = _mapping(one.get(SESSIONS)) if is_this_run(one.get(RUN)) else {}
            return _event(sessions, about)
    return {**_event(None, {}), "stale": any(SESSIONS in one or PREVIEW in one for one in facts)}


def _event(sessions: Mapping[str, Any] | None, known: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "sessions": None if sessions is None else dict(sessions),
        "rooms": _titles_by_id(known.get("rooms")),
        "gone": dict(_mapping(known.get("gone"))),
        "stale": False,
    }


def _titles_by_id(rooms: Any) -> dict[str, Any]:
    """Return the titles of rooms by their ids. Facts list rooms; one that is yet to be created has no id."""
    if isinstance(rooms, Mapping):
        return dict(rooms)
    listed = [one for one in rooms if isinstance(one, Mapping)] if isinstance(rooms, (list, tuple)) else []
    return {one["id"]: one.get("title") for one in listed if one.get("id")}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
