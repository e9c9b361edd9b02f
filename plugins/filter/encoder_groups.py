# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: encoder_groups
author: tenbyte.webinar contributors (!UNKNOWN)
version_added: 0.1.0
short_description: Which hosts of an inventory send streams, and with which role
description:
  - Private to the collection's playbooks. It may change with any release.
  - Hosts of the group C(encoders) send with the role P(tenbyte.webinar.ffmpeg_encoder#role), those of C(relays) with
    P(tenbyte.webinar.rtmp_relay#role), those of C(studios) with P(tenbyte.webinar.obs_encoder#role).
positional: _input
options:
  _input:
    description: The groups of the inventory, as the variable C(groups) has them.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show which role each host has
  ansible.builtin.debug:
    msg: "{{ (groups | tenbyte.webinar.encoder_groups).roles }}"
"""

RETURN = r"""
_value:
  description:
    - C(patterns), the groups that have hosts, or C(encoders) if none has any. C(roles), the role of each host.
      C(problem), a sentence that names the hosts in two of the groups, empty if there are none.
  type: dict
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders import groups as engine


def encoder_groups(groups: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    return engine.encoder_groups(groups)


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"encoder_groups": encoder_groups}
