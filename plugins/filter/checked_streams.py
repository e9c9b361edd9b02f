# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: checked_streams
author: tenbyte.webinar contributors (!UNKNOWN)
version_added: 0.1.0
short_description: Check the streams of a host and add the defaults
description:
  - Private to the roles P(tenbyte.webinar.ffmpeg_encoder#role), P(tenbyte.webinar.rtmp_relay#role) and
    P(tenbyte.webinar.obs_encoder#role). It may change with any release.
  - Checks ids, URLs, names, sources, profiles, further options of ffmpeg and the role's own options. Adds the default
    of each value that is not given. An empty value counts as not given.
  - It neither reads nor returns stream keys.
positional: _input, role, options
options:
  _input:
    description: The list of streams that the role is given.
    type: list
    elements: dict
    required: true
  role:
    description: The role that sends them.
    type: str
    choices: [ffmpeg_encoder, rtmp_relay, obs_encoder]
    required: true
  options:
    description: The options of the role that concern streams, without the prefix of the role's name.
    type: dict
    required: true
  host:
    description: The host's name in the inventory.
    type: str
    default: ''
  on_host:
    description: The streams on the host, as P(tenbyte.webinar.streams_on_host#filter) returns them.
    type: list
    elements: dict
    default: []
  sessions:
    description: The sessions of the event by C(ROOM/TITLE).
    type: dict
  only_named:
    description: Whether only names and ids are needed. Media and URLs are then neither checked nor returned.
    type: bool
    default: false
seealso:
  - plugin: tenbyte.webinar.streams_of_host
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Show by which names encoders publish to a relay
  ansible.builtin.debug:
    msg: "{{ settled.problem or settled.streams | items2dict(key_name='label', value_name='name') }}"
  vars:
    known: "{{ [ansible_facts] | tenbyte.webinar.event_of_this_run }}"
    settled: >-
      {{ known.sessions | tenbyte.webinar.streams_of_host(inventory_hostname)
         | tenbyte.webinar.checked_streams('rtmp_relay', {}, only_named=true) }}
"""

RETURN = r"""
_value:
  description:
    - C(streams), each with C(name), C(label), C(session_id), C(room_id), C(room), C(title) and the values that the role
      writes. C(problem), a sentence that says what is wrong and what to do, empty if nothing is; with a problem, the
      lists are empty.
    - For the relay also C(pushes), one for each destination of a stream; and C(known), the pushes on the host.
  type: dict
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import InvalidInput
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders.listed_streams import Asked
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders.stream_settings import settled_streams


def checked_streams(
    streams: Any,
    role: str,
    options: Mapping[str, Any],
    host: str = "",
    on_host: Sequence[Mapping[str, Any]] = (),
    sessions: Mapping[str, Mapping[str, Any]] | None = None,
    only_named: bool = False,
) -> dict[str, Any]:
    asked = Asked(role, options, host=host, on_host=on_host, sessions=sessions, only_named=only_named)
    nothing: dict[str, Any] = {"streams": [], "pushes": [], "known": []}
    try:
        return {**nothing, **settled_streams(streams, asked), "problem": ""}
    except InvalidInput as error:
        # Returned and not raised: Ansible would add its own text and the whole expression to an error in a template.
        return {**nothing, "problem": str(error)}


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"checked_streams": checked_streams}
