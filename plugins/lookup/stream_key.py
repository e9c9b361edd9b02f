# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: stream_key
author: tenbyte.webinar contributors (!UNKNOWN)
version_added: 0.1.0
short_description: Read the stream key of a session from the ledger
description:
  - Returns the stream keys of sessions from the ledger on the controller, without a call to the service.
  - The service shows a stream key only once, when it creates the session. The actions M(tenbyte.webinar.event) and
    M(tenbyte.webinar.session) put it into the ledger, encrypted. This lookup reads it.
  - In check mode, a session that does not exist yet (its id is null) has the placeholder
    V(check-mode-there-is-no-stream-key-yet), so that a preview of tasks that use its key does not fail. The same
    applies to a session without a key that the same run would put on air. Any other session without a key is an error,
    as in a real run.
  - A lookup does not see the keyword C(environment) of a play, block or task. Give the ledger as an option or a
    variable, or in the environment of C(ansible-playbook) itself.
  - An empty option counts as not given. The value then comes from the variable, the environment or the default.
  - Use it at the moment of writing, inside a C(template) or C(copy) task with C(no_log=true) and C(diff=false). A key
    in a variable (C(set_fact)) or in the output of C(debug) can be seen by others.
options:
  _terms:
    description:
      - Ids of the sessions, as returned in RV(tenbyte.webinar.event#module:sessions[].id).
      - A list of ids is accepted too. The ledger is then opened once for all of them, which is much faster.
    required: true
    type: list
    elements: str
extends_documentation_fragment:
  - tenbyte.webinar.ledger
  - tenbyte.webinar.ledger.plugin
seealso:
  - module: tenbyte.webinar.event
  - module: tenbyte.webinar.session
"""

EXAMPLES = r"""
- name: Write an encoder's key file
  ansible.builtin.copy:
    content: "{{ lookup('tenbyte.webinar.stream_key', created.session.id) }}"
    dest: /etc/encoder/stream.key
    mode: "0600"
  no_log: true
  diff: false

- name: Write the keys of all sessions of this host
  ansible.builtin.copy:
    content: "{{ lookup('tenbyte.webinar.stream_key', item.id) }}"
    dest: "/etc/encoder/{{ item.id }}.key"
    mode: "0600"
  loop: "{{ ansible_facts['tenbyte_sessions'].values() | selectattr('encoder', 'eq', inventory_hostname) }}"
  loop_control:
    label: "{{ item.room }}/{{ item.title }}"
  no_log: true
  diff: false

- name: Read the keys of many sessions at once, in their order
  ansible.builtin.copy:
    content: "{{ query('tenbyte.webinar.stream_key', conference.sessions | map(attribute='id') | list) | join('\n') }}"
    dest: /etc/encoder/stream.keys
    mode: "0600"
  no_log: true
  diff: false

- name: Use another ledger
  ansible.builtin.template:
    src: encoder.conf.j2 # {{ lookup('tenbyte.webinar.stream_key', session_id, ledger_url='sqlite:////srv/ledger.db') }}
    dest: /etc/encoder/encoder.conf
    mode: "0600"
  no_log: true
  diff: false

- name: Show whether there is a key without reading it
  ansible.builtin.debug:
    msg: "{{ created.session.stream_key_fingerprint if created.session.stream_key_available else 'none' }}"
"""

RETURN = r"""
_raw:
  description: The stream keys, in the order of the ids.
  type: list
  elements: str
"""

from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.action_base import (
    MISSING_LIBRARY,
    libraries_needed,
    missing_library_message,
)


class LookupModule(LookupBase):
    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[str]:
        if MISSING_LIBRARY is not None:
            raise AnsibleLookupError(missing_library_message(MISSING_LIBRARY))
        with libraries_needed(AnsibleLookupError):
            from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.stream_key_lookup import look_up

        return look_up(terms, variables or {}, kwargs, self._templated, self._display)

    def _templated(self, value: Any) -> Any:
        return value if self._templar is None else self._templar.template(value)
