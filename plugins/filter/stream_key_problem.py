# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: stream_key_problem
author: tenbyte.webinar contributors (!UNKNOWN)
version_added: 0.1.0
short_description: Why the key of a stream must not be written to a host
description:
  - Private to the encoders' roles. It may change with any release.
  - Checks that a stream key is well-formed, and that the stream's settings, which others could read, do not contain it.
positional: _input, stream_key
options:
  _input:
    description: A stream, as P(tenbyte.webinar.checked_streams#filter) returns it.
    type: dict
    required: true
  stream_key:
    description: Its key. No part of it is returned.
    type: str
    required: true
seealso:
  - plugin: tenbyte.webinar.stream_key
    plugin_type: lookup
"""

EXAMPLES = r"""
- name: Check that the key can be written
  ansible.builtin.assert:
    that: problem == ''
    fail_msg: "{{ problem }}"
    quiet: true
  vars:
    problem: >-
      {{ stream | tenbyte.webinar.stream_key_problem(lookup('tenbyte.webinar.stream_key', stream.session_id)) }}
    stream: {label: Main hall/Keynote, session_id: 0d3f2c84-5f43-4b0c-9a57-0c6a6f1f2a11}
"""

RETURN = r"""
_value:
  description: A sentence that says what is wrong and what to do, empty if nothing is.
  type: str
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders.listed_streams import stream_key_problem


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"stream_key_problem": stream_key_problem}
