# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: event_of_this_run
author: tenbyte.webinar contributors (!UNKNOWN)
version_added: 0.1.0
short_description: What this run of Ansible knows of an event
description:
  - Reads the facts that the actions M(tenbyte.webinar.event) and M(tenbyte.webinar.session) set, and ignores those of
    other runs. A persistent fact cache keeps the facts of other runs, which may concern another event.
positional: _input
options:
  _input:
    description: The facts (C(ansible_facts)) of one or several hosts. The first host with facts of this run is used.
    type: list
    elements: dict
    required: true
  preview:
    description: Whether results of tasks in check mode come before those of real tasks.
    type: bool
    default: false
seealso:
  - plugin: tenbyte.webinar.of_this_run
    plugin_type: test
"""

EXAMPLES = r"""
- name: Show the sessions of this run, the host's own or else the controller's
  ansible.builtin.debug:
    msg: "{{ known.sessions | default({}, true) | dict2items | map(attribute='key') }}"
  vars:
    known: >-
      {{ [ansible_facts, (hostvars['localhost'] | default({}))['ansible_facts'] | default({})]
         | tenbyte.webinar.event_of_this_run(preview=ansible_check_mode) }}
"""

RETURN = r"""
_value:
  description:
    - C(sessions), the sessions by C(ROOM/TITLE), none if no task of this run has set any. C(rooms), the titles by id of
      the rooms that this run has handled completely. C(gone), the sessions that this run has ended or removed, or found
      gone. C(stale), whether there are only facts of another run.
  type: dict
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible import this_run


def event_of_this_run(facts: Sequence[Mapping[str, Any]], preview: bool = False) -> dict[str, Any]:
    return this_run.event_of_this_run(facts, preview=preview)


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"event_of_this_run": event_of_this_run}
