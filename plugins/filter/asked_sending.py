# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: asked_sending
author: tenbyte.webinar contributors (!UNKNOWN)
version_added: 0.1.0
short_description: What an event file asks for that no host would send
description:
  - Private to the collection's playbooks. It may change with any release.
positional: _input, groups
options:
  _input:
    description: The rooms of the event file.
    type: list
    elements: dict
    required: true
  groups:
    description: The groups of the inventory, as the variable C(groups) has them.
    type: dict
    required: true
  state:
    description: The state of the whole event.
    type: str
    default: ''
"""

EXAMPLES = r"""
- name: Show which encoders the inventory lacks
  ansible.builtin.debug:
    msg: "{{ (event_rooms | tenbyte.webinar.asked_sending(groups)).wrong }}"
"""

RETURN = r"""
_value:
  description:
    - C(wrong), a sentence for each encoder that sends no streams in this inventory. C(without), the first names of
      sessions without an encoder, empty if there are none.
  type: dict
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.plain_values import plain
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders.groups import encoder_groups
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._playbooks import sending


def asked_sending(event_rooms: Any, groups: Mapping[str, Sequence[str]], state: str = "") -> dict[str, Any]:
    hosts = plain(groups)
    return sending.asked_sending(plain(event_rooms), plain(state), hosts, list(encoder_groups(hosts)["roles"]))


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"asked_sending": asked_sending}
