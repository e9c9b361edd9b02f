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
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleError, AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.action_base import (
    MISSING_LIBRARY,
    is_undefined,
    mask_on_newer_cores,
    missing_library_message,
    plain,
    show_frames,
)

if MISSING_LIBRARY is None:
    from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.argument_specs import LEDGER_SPEC
    from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.given import options_from
    from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.options import (
        ledger_settings_from,
        with_shared_options,
    )
    from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import (
        InvalidInput,
        WebinarError,
        unexpected_message,
    )
    from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import Redactor
    from ansible_collections.tenbyte.webinar.plugins.plugin_utils._operations import stream_keys


class LookupModule(LookupBase):
    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[str]:
        if MISSING_LIBRARY is not None:
            raise AnsibleLookupError(missing_library_message(MISSING_LIBRARY))
        message, keys, redactor = None, [], Redactor()
        try:
            keys = self._keys(terms, variables or {}, plain(kwargs), redactor)
        except WebinarError as error:
            message = redactor.text(str(error))
        except AnsibleError:
            raise
        except Exception as error:  # noqa: BLE001 - a mistake of ours: even then no traceback, which could quote a key
            show_frames(self._display, error)
            message = unexpected_message(error)
        if message is not None:
            # Outside the handlers, so that the original error and its frames are not chained to what is shown.
            raise AnsibleLookupError(message)
        mask_on_newer_cores([*keys, *redactor.known()])
        return keys

    def _keys(
        self, terms: list[Any], variables: dict[str, Any], given: Mapping[str, Any], redactor: Redactor
    ) -> list[str]:
        options = with_shared_options(options_from(given, LEDGER_SPEC), self._variable_of(variables), os.environ)
        settings = ledger_settings_from(options, os.environ)
        ids = stream_keys.session_ids_from(_defined(terms))
        if variables.get("ansible_check_mode"):
            return stream_keys.previewed_stream_keys_of(settings, ids, lambda: _going_live(variables), redactor)
        return stream_keys.stream_keys_of(settings, stream_keys.all_given(ids), redactor)

    def _variable_of(self, variables: dict[str, Any]) -> Any:
        """Return what reads a variable as a value: a lookup is given them as they were written."""

        def value(name: str) -> Any:
            if name not in variables:
                return None
            return plain(variables[name] if self._templar is None else self._templar.template(variables[name]))

        return value


def _defined(terms: Any) -> Any:
    """Return terms as plain values; raise InvalidInput for one that is not defined, which older cores pass on."""
    if isinstance(terms, (list, tuple)):
        return [_defined(term) for term in terms]
    if is_undefined(terms):
        raise InvalidInput("stream_key: a session id is not defined. Was the task skipped that creates the session?")
    return plain(terms)


def _going_live(variables: Mapping[str, Any]) -> set[str]:
    """Return the ids of the sessions that this run's previews, as this host or localhost knows them, put on air."""
    known = [variables, (variables.get("hostvars") or {}).get("localhost") or {}]
    found: set[str] = set()
    for host in known:
        facts = host.get("ansible_facts") or {}
        preview = facts.get("tenbyte_preview") or {}
        for sessions in (facts.get("tenbyte_sessions") or {}, preview.get("sessions") or {}):
            found |= {str(one["id"]).lower() for one in sessions.values() if one.get("status") == "live" and one["id"]}
    return found
