# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: exported_event
author: tenbyte.webinar contributors (!UNKNOWN)
version_added: 0.1.0
short_description: Rooms and sessions of the service as an event file
description:
  - Private to the collection's playbooks. It may change with any release.
  - Returns the text of an event file in which the playbook C(provision) finds nothing to change.
positional: _input, sessions
options:
  _input:
    description: The rooms, as RV(tenbyte.webinar.room_info#module:rooms) has them.
    type: list
    elements: dict
    required: true
  sessions:
    description: The scheduled and live sessions, as RV(tenbyte.webinar.session_info#module:sessions) has them.
    type: list
    elements: dict
    required: true
  event_rooms:
    description: The rooms of an earlier event file, which names encoders.
    type: list
    elements: dict
    default: []
  facts:
    description: C(ansible_facts['tenbyte_sessions']), which names encoders too.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Show the rooms of the account as an event file
  ansible.builtin.debug:
    msg: "{{ (mine.rooms | tenbyte.webinar.exported_event(current.sessions)).text }}"
  vars:
    mine: {rooms: []}
    current: {sessions: []}
"""

RETURN = r"""
_value:
  description:
    - C(text), the event file. C(without), the first names of sessions whose encoder is not known, empty if there are
      none.
  type: dict
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.plain_values import plain
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._playbooks import event_file


def exported_event(
    rooms: Sequence[Mapping[str, Any]],
    sessions: Sequence[Mapping[str, Any]],
    event_rooms: Any = (),
    facts: Mapping[str, Any] | None = None,
) -> dict[str, str]:
    return event_file.exported_event(plain(rooms), plain(sessions), plain(event_rooms), plain(facts or {}))


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"exported_event": exported_event}
