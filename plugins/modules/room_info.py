# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: room_info
author: tenbyte.webinar contributors (!UNKNOWN)
version_added: 0.1.0
short_description: Read the rooms of the webinar service
description:
  - Returns your rooms, all public rooms, or those with a given id or title.
  - It only reads, in check mode too. If nothing is found, the list is empty, and the task does not fail.
  - Reads lists to their last page.
notes:
  - Runs on the controller, whatever host the task is for. Use C(run_once=true) in a play of several hosts.
  - Give credentials as variables (vaulted) or in the environment of the controller. Ansible shows the arguments of a
    task if C(display_args_to_stdout) is set.
  - The options of the ledger are accepted and not used, so that C(module_defaults) of the group C(tenbyte.webinar.all)
    may contain them.
  - Needs the Python libraries C(requests), C(SQLAlchemy) and C(cryptography) in the Python that runs Ansible.
options:
  scope:
    description:
      - Which rooms are read. V(mine) are those of the account of O(api_key) or O(api_token), V(all) those that the
        service lists publicly.
      - Has no effect together with O(room_id), which finds any room.
    type: str
    choices: [mine, all]
    default: mine
  room_id:
    description:
      - Id of the one room to read, a UUID.
      - Not together with O(title).
    type: str
  title:
    description:
      - Title of the rooms to return, case-sensitive. Titles are not unique, so several rooms may be returned.
      - Not together with O(room_id).
    type: str
extends_documentation_fragment:
  - tenbyte.webinar.connection
  - tenbyte.webinar.ledger
  - tenbyte.webinar.attributes.info
  - tenbyte.webinar.attributes
  - tenbyte.webinar.attributes.action_group
seealso:
  - module: tenbyte.webinar.room
  - module: tenbyte.webinar.session_info
"""

EXAMPLES = r"""
- name: Read all my rooms
  tenbyte.webinar.room_info:
    api_key: "{{ vault_tenbyte_api_key }}"
  register: mine

- name: Show which rooms are on air
  ansible.builtin.debug:
    msg: "{{ mine.rooms | selectattr('active_session_id') | map(attribute='title') | list }}"

- name: Look for a room by its title
  tenbyte.webinar.room_info:
    title: Main stage
  register: main_stage

- name: Stop unless there is exactly one
  ansible.builtin.assert:
    that: main_stage.rooms | length == 1
    fail_msg: "Rooms called Main stage: {{ main_stage.rooms | map(attribute='id') | list }}"

- name: Read one room by its id, whoever its host is
  tenbyte.webinar.room_info:
    room_id: 3f0a5a53-3f4c-4d3c-8f6e-8a4a9a0f9d10
  register: room

- name: Wait until a room is on air
  tenbyte.webinar.room_info:
    room_id: 3f0a5a53-3f4c-4d3c-8f6e-8a4a9a0f9d10
  register: room
  until: room.rooms | selectattr('active_session_id') | length > 0
  retries: 30
  delay: 10

- name: Read all public rooms of the service
  tenbyte.webinar.room_info:
    scope: all
"""

RETURN = r"""
changed:
  description: Always V(false).
  returned: always
  type: bool
  sample: false
rooms:
  description:
    - The rooms, in the service's order. Empty if none matches.
    - None of these values is a secret. A value that the service does not report is null.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: Id of the room.
      type: str
    title:
      description: Title of the room.
      type: str
    description:
      description: Description of the room.
      type: str
    host_id:
      description: Id of the user who owns the room.
      type: str
    host:
      description: Name of the user who owns the room.
      type: str
    analytics:
      description: The room's analytics, as the service has them. Empty when there are none.
      type: dict
    active_session_id:
      description: Id of the session that is on air in the room, null when none is.
      type: str
    created_at:
      description: When the room was created, as the service writes it.
      type: str
    updated_at:
      description: When the room was last changed, as the service writes it.
      type: str
  sample:
    - id: 3f0a5a53-3f4c-4d3c-8f6e-8a4a9a0f9d10
      title: Main stage
      description: Plenary sessions
      host_id: 9c1f7a60-18a5-4cc0-b2f4-0f0f7a5a1c02
      host: conference-team
      analytics:
        google_tag_manager:
          container_id: GTM-EXAMPLE
          enabled: true
      active_session_id: 6c0e2b0e-3f57-4f0e-8a5e-1c4f2a9a7e21
      created_at: "2027-04-01T08:00:00Z"
      updated_at: "2027-05-04T07:00:00Z"
"""
