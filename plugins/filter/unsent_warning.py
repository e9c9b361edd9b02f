# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: unsent_warning
author: tenbyte.webinar contributors (!UNKNOWN)
version_added: 0.1.0
short_description: A warning about sessions that no host sends
description:
  - Private to the collection's playbooks. It may change with any release.
positional: _input, groups
options:
  _input:
    description: The sessions, as in C(ansible_facts['tenbyte_sessions']).
    type: dict
    required: true
  groups:
    description: The groups of the inventory, as the variable C(groups) has them.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Warn about sessions that no host sends
  ansible.builtin.debug:
    msg: "{{ known.sessions | tenbyte.webinar.unsent_warning(groups) }}"
  vars:
    known: "{{ [ansible_facts] | tenbyte.webinar.event_of_this_run }}"
"""

RETURN = r"""
_value:
  description: One message, empty if all sessions with an encoder are sent.
  type: str
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.plain_values import plain
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders.groups import encoder_groups
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._playbooks import sending


def unsent_warning(sessions: Mapping[str, Any] | None, groups: Mapping[str, Sequence[str]]) -> str:
    hosts = plain(groups)
    return sending.unsent_warning(plain(sessions or {}).values(), hosts, list(encoder_groups(hosts)["roles"]))


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"unsent_warning": unsent_warning}
