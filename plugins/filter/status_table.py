# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: status_table
author: tenbyte.webinar contributors (!UNKNOWN)
version_added: 0.1.0
short_description: The table of the playbook status
description:
  - Private to the collection's playbooks. It may change with any release.
positional: _input
options:
  _input:
    description: The rooms, as P(tenbyte.webinar.status_rooms#filter) returns them.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Show the table
  ansible.builtin.debug:
    msg: "{{ mine.rooms | tenbyte.webinar.status_rooms(all.sessions) | tenbyte.webinar.status_table }}"
  vars:
    mine: {rooms: []}
    all: {sessions: []}
"""

RETURN = r"""
_value:
  description: The lines of the table.
  type: list
  elements: str
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.plain_values import plain
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._playbooks import status


def status_table(rooms: Sequence[Mapping[str, Any]]) -> list[str]:
    return status.status_table(plain(rooms))


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"status_table": status_table}
