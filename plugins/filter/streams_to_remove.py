# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: streams_to_remove
author: tenbyte.webinar contributors (!UNKNOWN)
version_added: 0.1.0
short_description: Which streams are removed from a host
description:
  - Decides which streams the encoder roles remove from a host. A stream is removed if its session has another encoder,
    is over or gone; if this run has handled its room completely, and the room has no such session any more; or if the
    list that put it there no longer has it. All other streams stay.
positional: _input, event
options:
  _input:
    description: The streams on the host, with what their records say.
    type: list
    elements: dict
    required: true
  event:
    description: What P(tenbyte.webinar.event_of_this_run#filter) returns.
    type: dict
    required: true
  wanted:
    description: The streams that the host is to have. If not given, only streams of sessions that are gone are removed.
    type: list
    elements: dict
  host:
    description: The host's name in the inventory.
    type: str
    default: ''
  hosts:
    description: The names of all hosts of the inventory.
    type: list
    elements: str
    default: []
  by_list:
    description: Whether the wanted streams come from a list and not from the event.
    type: bool
    default: false
  scope:
    description: The name of that list.
    type: str
    default: ''
  everything:
    description: Whether all streams that are not wanted are removed.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Show what would be removed from this host
  ansible.builtin.debug:
    msg: "{{ (on_host | tenbyte.webinar.streams_to_remove(known)).remove }}"
  vars:
    on_host: [{name: main-hall-keynote, label: Main hall/Keynote}]
    known: "{{ [ansible_facts] | tenbyte.webinar.event_of_this_run }}"
"""

RETURN = r"""
_value:
  description:
    - Names of streams. C(remove), those that are removed. C(unasked), those of them whose removal would leave the host
      without any stream though that was not asked for. C(left), those that are not wanted but stay.
  type: dict
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders import host_streams


def streams_to_remove(
    on_host: Sequence[Mapping[str, Any]],
    event: Mapping[str, Any],
    wanted: Sequence[Mapping[str, Any]] | None = None,
    host: str = "",
    hosts: Sequence[str] = (),
    by_list: bool = False,
    scope: str = "",
    everything: bool = False,
) -> dict[str, list[str]]:
    there = [host_streams.host_stream(one) for one in on_host]
    if wanted is None:
        decision = host_streams.streams_gone(there, event)
    else:
        decision = host_streams.streams_to_remove(
            there,
            [host_streams.host_stream(one) for one in wanted],
            event,
            host=host,
            hosts=hosts,
            by_list=by_list,
            scope=scope,
            everything=everything,
        )
    return {name: list(names) for name, names in asdict(decision).items()}


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"streams_to_remove": streams_to_remove}
