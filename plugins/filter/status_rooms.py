# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: status_rooms
author: tenbyte.webinar contributors (!UNKNOWN)
version_added: 0.1.0
short_description: The rooms and sessions that the playbook status shows
description:
  - Private to the collection's playbooks. It may change with any release.
  - Combines what the service says of rooms and sessions with the event file, the facts and the ledger.
positional: _input, sessions
options:
  _input:
    description: The rooms, as RV(tenbyte.webinar.room_info#module:rooms) has them.
    type: list
    elements: dict
    required: true
  sessions:
    description: The sessions, as RV(tenbyte.webinar.session_info#module:sessions) has them.
    type: list
    elements: dict
    required: true
  event_rooms:
    description: The rooms of the event file. If there are none, all rooms are shown.
    type: list
    elements: dict
    default: []
  facts:
    description: C(ansible_facts['tenbyte_sessions']), which names encoders.
    type: dict
    default: {}
  ledger:
    description: The entries of the ledger, which has the ids of rooms and sessions that were renamed since.
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: Show the titles of the rooms
  ansible.builtin.debug:
    msg: "{{ mine.rooms | tenbyte.webinar.status_rooms(all.sessions) | map(attribute='title') }}"
  vars:
    mine: {rooms: []}
    all: {sessions: []}
"""

RETURN = r"""
_value:
  description: The rooms, each with its C(sessions) and those that are over (C(past)).
  type: list
  elements: dict
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.plain_values import plain
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._playbooks import status


def status_rooms(
    rooms: Sequence[Mapping[str, Any]],
    sessions: Sequence[Mapping[str, Any]],
    event_rooms: Any = (),
    facts: Mapping[str, Any] | None = None,
    ledger: Sequence[Mapping[str, Any]] = (),
) -> list[dict[str, Any]]:
    names = status.ledger_names(plain(ledger))
    return status.status_rooms(plain(rooms), plain(sessions), plain(event_rooms), plain(facts or {}), names)


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"status_rooms": status_rooms}
