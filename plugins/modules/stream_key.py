# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: stream_key
author: tenbyte.webinar contributors (!UNKNOWN)
version_added: 0.1.0
short_description: Add a known stream key to the ledger, or forget one
description:
  - Puts the stream key of an existing session into the ledger, for a session that was created in the service's
    dashboard or with another tool. From then on, the session is like one that M(tenbyte.webinar.event) or
    M(tenbyte.webinar.session) created.
  - Reads the session's room and title from the service, and changes nothing there. A session that the service does not
    know, or that is over, is refused.
  - The service cannot check the key. It refuses an encoder that uses a wrong one.
  - With O(state=absent), the key is erased from the ledger, and the session is not changed.
notes:
  - Runs on the controller, whatever host the task is for.
  - Give the key as a variable (vaulted), or read it from the environment of the controller. Do not write it into the
    task, because Ansible may quote the line if the task fails.
  - Set C(no_log=true) if C(display_args_to_stdout) is set, because Ansible then shows a task's arguments.
  - Needs the Python libraries C(requests), C(SQLAlchemy) and C(cryptography) in the Python that runs Ansible.
options:
  session_id:
    description: Id of the session that the stream key belongs to, a UUID.
    type: str
    required: true
  stream_key:
    description:
      - The stream key, as the service showed it. It appears in no result, diff or message.
      - Required unless O(state=absent).
    type: str
  rtmp_url:
    description:
      - The ingest URL that was shown with the key, C(rtmp), C(rtmps) or C(https). Encoders need it.
      - If not given, the one in the ledger is kept.
    type: str
  state:
    description:
      - With V(present), the ledger holds this key for the session. An earlier key of the session is erased.
      - With V(absent), the ledger holds no key for the session. No call is made and no credential is needed.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment:
  - tenbyte.webinar.connection
  - tenbyte.webinar.ledger
  - tenbyte.webinar.attributes
  - tenbyte.webinar.attributes.action_group
seealso:
  - module: tenbyte.webinar.session_info
  - module: tenbyte.webinar.session
  - plugin: tenbyte.webinar.stream_key
    plugin_type: lookup
"""

EXAMPLES = r"""
- name: Adopt the key of a session that was created in the dashboard
  tenbyte.webinar.stream_key:
    session_id: 6c0e2b0e-3f57-4f0e-8a5e-1c4f2a9a7e21
    stream_key: "{{ vault_keynote_stream_key }}"
    rtmp_url: rtmp://ingest.example.com/live

- name: Adopt a key from the environment of the controller
  tenbyte.webinar.stream_key:
    session_id: 6c0e2b0e-3f57-4f0e-8a5e-1c4f2a9a7e21
    stream_key: "{{ lookup('ansible.builtin.env', 'KEYNOTE_STREAM_KEY') }}"
    rtmp_url: rtmp://ingest.example.com/live

- name: Adopt several keys, hidden from the loop's labels
  tenbyte.webinar.stream_key:
    session_id: "{{ item.session_id }}"
    stream_key: "{{ item.stream_key }}"
    rtmp_url: "{{ item.rtmp_url }}"
  loop: "{{ vault_stream_keys }}"
  no_log: true

- name: See whether the ledger has another key, without changing it
  tenbyte.webinar.stream_key:
    session_id: 6c0e2b0e-3f57-4f0e-8a5e-1c4f2a9a7e21
    stream_key: "{{ vault_keynote_stream_key }}"
  check_mode: true
  diff: true
  register: compared

- name: Forget the key of a session that another team looks after from now on
  tenbyte.webinar.stream_key:
    session_id: 6c0e2b0e-3f57-4f0e-8a5e-1c4f2a9a7e21
    state: absent
"""

RETURN = r"""
changed:
  description: Whether the ledger changed, or would in check mode.
  returned: always
  type: bool
session:
  description: The session whose key it is. None of these values is a secret.
  returned: success
  type: dict
  contains:
    id:
      description: Id of the session.
      type: str
    room_id:
      description: Id of the room. Null with O(state=absent) if the ledger does not know the session.
      type: str
    room:
      description: Title of the room. Null with O(state=absent), and if the service does not report it.
      type: str
    title:
      description: Title of the session. Null with O(state=absent) if the ledger does not know the session.
      type: str
    status:
      description: Status as the service names it. Null with O(state=absent).
      type: str
    stream_key_available:
      description: Whether the ledger holds a stream key for the session, or would in check mode.
      type: bool
    stream_key_fingerprint:
      description: Changes if the stream key changes, and does not reveal it. Null with O(state=absent), and in check
        mode if there is no ledger.
      type: str
  sample:
    id: 6c0e2b0e-3f57-4f0e-8a5e-1c4f2a9a7e21
    room_id: 3f0a5a53-3f4c-4d3c-8f6e-8a4a9a0f9d10
    room: Main stage
    title: Keynote
    status: scheduled
    stream_key_available: true
    stream_key_fingerprint: fp-5b0c9d1e7f3a2460
diff:
  description: The ledger's entry before and after, with fingerprints in place of the key and the ingest URL.
  returned: in diff mode
  type: dict
"""
