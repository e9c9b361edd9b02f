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
  - Returns the stream key of each session named by its id, from the ledger on the controller, without a call to the
    service.
  - The service shows a stream key only once, when it creates the session. The actions M(tenbyte.webinar.event) and
    M(tenbyte.webinar.session) put it into the ledger, encrypted; this lookup is the way to read it.
  - Use it at the moment of writing, inside a C(template) or C(copy) task with C(no_log=true) and C(diff=false). A key
    that is put into a variable with C(set_fact) or shown with C(debug) is a key that others can see.
options:
  _terms:
    description: The ids of the sessions, as returned in RV(tenbyte.webinar.event#module:sessions[].id).
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

- name: Use a ledger of its own
  ansible.builtin.template:
    src: encoder.conf.j2 # {{ lookup('tenbyte.webinar.stream_key', session_id, ledger_url='sqlite:////srv/ledger.db') }}
    dest: /etc/encoder/encoder.conf
    mode: "0600"
  no_log: true
  diff: false

- name: Know whether there is a key without reading it
  ansible.builtin.debug:
    msg: "{{ created.session.stream_key_fingerprint if created.session.stream_key_available else 'none' }}"
"""

RETURN = r"""
_raw:
  description: The stream keys, in the order of the ids.
  type: list
  elements: str
"""

import os
from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible_collections.tenbyte.webinar.plugins.plugin_utils.action_base import (
    MISSING_LIBRARY,
    mask_on_newer_cores,
    missing_library_message,
    plain,
)

if MISSING_LIBRARY is None:
    from ansible_collections.tenbyte.webinar.plugins.plugin_utils.argument_specs import LEDGER_SPEC
    from ansible_collections.tenbyte.webinar.plugins.plugin_utils.errors import WebinarError, unexpected_message
    from ansible_collections.tenbyte.webinar.plugins.plugin_utils.options import ledger_settings_from
    from ansible_collections.tenbyte.webinar.plugins.plugin_utils.secrecy import Redactor
    from ansible_collections.tenbyte.webinar.plugins.plugin_utils.stream_keys import stream_key_of


class LookupModule(LookupBase):
    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[str]:
        if MISSING_LIBRARY is not None:
            raise AnsibleLookupError(missing_library_message(MISSING_LIBRARY))
        self.set_options(var_options=self._templated(variables or {}), direct=kwargs)
        options = {name: plain(self.get_option(name)) for name in LEDGER_SPEC}
        message, redactor = None, Redactor()
        try:
            settings = ledger_settings_from(options, os.environ)
            keys = [stream_key_of(settings, plain(term), redactor) for term in terms]
        except WebinarError as error:
            message = str(error)
        except Exception as error:  # noqa: BLE001 - a mistake of ours: even then no traceback, which could quote a key
            message = unexpected_message(error)
        if message is not None:
            # Outside the handlers, so that the original error and its frames are not chained to what is shown.
            raise AnsibleLookupError(message)
        mask_on_newer_cores([*keys, *redactor.known()])
        return keys

    def _templated(self, variables: dict[str, Any]) -> dict[str, Any]:
        """Return the variables with those of the ledger as values: a lookup is given them as they were written."""
        named = {f"tenbyte_{name}" for name in LEDGER_SPEC} & set(variables)
        if self._templar is None:
            return variables
        return {**variables, **{name: self._templar.template(variables[name]) for name in named}}
