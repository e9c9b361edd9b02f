# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""What this run of Ansible knows of an event. Facts of other runs, which a fact cache keeps, are ignored."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from .._ledger.lease_owner import name_of_process

# The facts that tasks set. The sessions, by name:
SESSIONS = "tenbyte_sessions"
# The run of Ansible that set them: a persistent fact cache may contain the sessions of an earlier event.
RUN = "tenbyte_sessions_run"
# The rooms that the run has handled completely, and the sessions that it ended or removed.
EVENT = "tenbyte_event"
# What a task in check mode found. It has a fact of its own, so that a preview changes no fact of a real run.
PREVIEW = "tenbyte_preview"


def is_this_run(run: object) -> bool:
    """Return whether this is the name of the current run of Ansible.

    A run is named after the process of ansible-playbook. Templates are evaluated in that process or in its workers,
    which are its children.
    """
    return str(run) in (name_of_process(os.getpid()), name_of_process(os.getppid()))


def event_of_this_run(facts: Sequence[Mapping[str, Any]], *, preview: bool) -> dict[str, Any]:
    """Return the sessions, rooms and gone sessions that this run knows of.

    ``facts`` are those of several hosts; the first host that has facts of this run is used. With ``preview``, the facts
    of tasks in check mode come before those of real tasks. ``sessions`` is None where this run has set none. ``stale``
    is true where there are only facts of another run.
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
    """Return the titles of rooms by id. The facts have a list of rooms; one that does not exist yet has no id."""
    if isinstance(rooms, Mapping):
        return dict(rooms)
    listed = [one for one in rooms if isinstance(one, Mapping)] if isinstance(rooms, (list, tuple)) else []
    return {one["id"]: one.get("title") for one in listed if one.get("id")}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
