# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: room
author: tenbyte.webinar contributors (!UNKNOWN)
version_added: 0.1.0
short_description: Make a room exist, have its description, or be gone
description:
  - Makes a room exist on the webinar service, whatever its sessions. For a room with its sessions, use
    M(tenbyte.webinar.event).
  - The room is identified by its title among the rooms of the account, or by its id.
  - If a request that was given up and sent again takes effect after all, the next run removes the duplicate room with a
    warning, as long as the room is empty.
  - A room is deleted with its sessions, and the ledger forgets their stream keys. This is refused while a session is on
    air.
notes:
  - Runs on the controller, whatever host the task is for.
  - Work that takes longer than five seconds says how far it is, on the standard error of C(ansible-playbook), such as
    C(412/1000 sessions, 38/s, about 15 s left).
  - Needs the Python libraries C(requests), C(SQLAlchemy) and C(cryptography) in the Python that runs Ansible.
options:
  title:
    description:
      - Title of the room, 3 to 255 characters.
      - With O(room_id), the title that the room gets.
      - At least one of O(title) and O(room_id) is needed.
    type: str
  room_id:
    description: Id of an existing room. Needed to rename it, or if several rooms have the title.
    type: str
  description:
    description: Description of the room. If not given, that of an existing room is not changed.
    type: str
  analytics:
    description: Analytics of the room's page. What is not given is not changed.
    type: dict
    suboptions:
      google_tag_manager:
        description: Google Tag Manager on the room's page.
        type: dict
        suboptions:
          container_id:
            description: Id of the container.
            type: str
          enabled:
            description: Whether it is loaded.
            type: bool
  state:
    description: Whether the room exists.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment:
  - tenbyte.webinar.connection
  - tenbyte.webinar.ledger
  - tenbyte.webinar.attributes
  - tenbyte.webinar.attributes.action_group
seealso:
  - module: tenbyte.webinar.event
  - module: tenbyte.webinar.session
"""

EXAMPLES = r"""
- name: Make a room exist
  tenbyte.webinar.room:
    api_key: "{{ vault_tenbyte_api_key }}"
    title: Main stage
    description: Plenary sessions
  register: stage

- name: Count its viewers with Google Tag Manager
  tenbyte.webinar.room:
    title: Main stage
    analytics:
      google_tag_manager:
        container_id: GTM-XXXXXX
        enabled: true

- name: Give it another title
  tenbyte.webinar.room:
    room_id: "{{ stage.room.id }}"
    title: Grand stage

- name: Delete it, unless a session is on air
  tenbyte.webinar.room:
    title: Grand stage
    state: absent
"""

RETURN = r"""
changed:
  description: Whether a call changed the service, or would in check mode.
  returned: always
  type: bool
room:
  description: The room, in check mode too.
  returned: when the input could be used
  type: dict
  contains:
    id:
      description: Id of the room, null if it does not exist yet or no longer.
      type: str
    title:
      description: Title of the room.
      type: str
    description:
      description: Description of the room.
      type: str
    state:
      description: V(present) or V(absent).
      type: str
  sample:
    id: 3f0a5a53-3f4c-4d3c-8f6e-8a4a9a0f9d10
    title: Main stage
    description: Plenary sessions
    state: present
plan:
  description: The calls that make the service match, as in RV(tenbyte.webinar.event#module:plan).
  returned: when the input could be used
  type: list
  elements: dict
  sample: []
ansible_facts:
  description:
    - The facts of M(tenbyte.webinar.event), with the sessions of the room moved to those that are gone. See
      RV(tenbyte.webinar.event#module:ansible_facts).
  returned: when the room is deleted
  type: dict
diff:
  description: The room's id and what differs, before and after, as YAML.
  returned: in diff mode
  type: dict
"""
