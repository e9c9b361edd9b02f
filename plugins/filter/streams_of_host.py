# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: streams_of_host
author: tenbyte.webinar contributors (!UNKNOWN)
version_added: 0.1.0
short_description: The streams that a host is to send
description:
  - Returns the list of streams that the encoder roles need, from the current sessions whose C(encoder) is the host.
positional: _input, host
options:
  _input:
    description: Sessions by C(ROOM/TITLE), as in C(ansible_facts['tenbyte_sessions']). None counts as no sessions.
    type: dict
    required: true
  host:
    description: The host's name in the inventory.
    type: str
    required: true
  check_mode:
    description: Whether sessions that do not exist yet, and have no id, are left out.
    type: bool
    default: false
  fields:
    description: The fields of each stream.
    type: list
    elements: str
    default: [session_id, label, room_id, room, title, rtmp_url, hls_url, stream_key_fingerprint]
seealso:
  - plugin: tenbyte.webinar.event_of_this_run
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Send the streams of this host, all but one
  ansible.builtin.include_role:
    name: tenbyte.webinar.ffmpeg_encoder
  vars:
    known: "{{ [ansible_facts] | tenbyte.webinar.event_of_this_run }}"
    ffmpeg_encoder_streams: >-
      {{ known.sessions | tenbyte.webinar.streams_of_host(inventory_hostname)
         | rejectattr('label', 'equalto', 'Main hall/Break') | list }}
"""

RETURN = r"""
_value:
  description: The streams, with the fields asked for.
  type: list
  elements: dict
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders import host_streams

FIELDS = ("session_id", "label", "room_id", "room", "title", "rtmp_url", "hls_url", "stream_key_fingerprint")


def streams_of_host(
    sessions: Mapping[str, Mapping[str, Any]] | None,
    host: str,
    check_mode: bool = False,
    fields: Sequence[str] = FIELDS,
) -> list[dict[str, Any]]:
    return host_streams.streams_of_host(sessions, host, check_mode=check_mode, fields=fields)


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"streams_of_host": streams_of_host}
