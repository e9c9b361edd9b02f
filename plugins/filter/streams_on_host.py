# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: streams_on_host
author: tenbyte.webinar contributors (!UNKNOWN)
version_added: 0.1.0
short_description: The streams that an encoder role has recorded on a host
description:
  - Private to the encoders' roles. It may change with any release.
  - Reads the output of C(find) about the role's folders on the host.
positional: _input, records, role
options:
  _input:
    description: A line C(NAME.SUFFIX SECONDS) for each key file.
    type: str
    required: true
  records:
    description: A line for each stream with a record. It is C(NAME.json) or C(NAME/FILE), a blank and JSON.
    type: str
    required: true
  role:
    description: The role that wrote them.
    type: str
    choices: [ffmpeg_encoder, rtmp_relay, obs_encoder]
    required: true
seealso:
  - plugin: tenbyte.webinar.streams_to_remove
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Show the names of the streams on this host
  ansible.builtin.debug:
    msg: "{{ (files | tenbyte.webinar.streams_on_host('', 'ffmpeg_encoder')).names }}"
  vars:
    files: main-hall-keynote-1f2e3d4c.ffpreset 1793000000.5
"""

RETURN = r"""
_value:
  description:
    - C(streams), each with its C(name) and what its record says. C(names), their names. C(key_times), the times when
      their key files were written, by name.
  type: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders.host_records import streams_on_host


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"streams_on_host": streams_on_host}
