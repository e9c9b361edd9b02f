# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: of_this_run
author: tenbyte.webinar contributors (!UNKNOWN)
version_added: 0.1.0
short_description: Whether a fact is of this run of Ansible
description:
  - The actions M(tenbyte.webinar.event) and M(tenbyte.webinar.session) set the name of the run with their facts, as
    C(ansible_facts['tenbyte_sessions_run']). This test tells whether that is the current run.
  - A persistent fact cache keeps the facts of other runs, which may concern another event.
options:
  _input:
    description: The name of a run.
    type: str
    required: true
seealso:
  - plugin: tenbyte.webinar.event_of_this_run
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Check that the sessions are of this run
  ansible.builtin.assert:
    that: ansible_facts['tenbyte_sessions_run'] | default('') is tenbyte.webinar.of_this_run
"""

RETURN = r"""
_value:
  description: Whether it is the name of this run.
  type: bool
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.this_run import is_this_run


class TestModule:
    def tests(self) -> dict[str, Callable[[Any], bool]]:
        return {"of_this_run": is_this_run}
