# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbooks that are measured, as a user would write them."""

from __future__ import annotations

EMPTY = """\
- hosts: localhost
  gather_facts: false
"""
EVENT = """\
- hosts: localhost
  gather_facts: false
  tasks:
    - name: Provision the event
      tenbyte.webinar.event:
        rooms: "{{ event_rooms }}"
"""
SESSION = """\
- hosts: localhost
  gather_facts: false
  tasks:
    - name: Provision each session
      tenbyte.webinar.session:
        room: "{{ item.0.title }}"
        title: "{{ item.1.title }}"
        preset_id: "{{ item.1.preset_id }}"
        encoder: "{{ item.1.encoder }}"
      loop: "{{ event_rooms | subelements('sessions') }}"
"""
_URI_HEAD = """\
- hosts: localhost
  gather_facts: false
  module_defaults:
    ansible.builtin.uri:
      headers: {X-API-Key: "{{ service_key }}"}
      body_format: json
      status_code: [200, 201]
"""
# The service returns all rooms at once, which spares a user of uri the pages.
URI = (
    _URI_HEAD
    + """\
  tasks:
    - name: Provision each room
      ansible.builtin.include_tasks: room.yml
      loop: "{{ event_rooms }}"
      loop_control: {loop_var: wanted, label: "{{ wanted.title }}"}
"""
)
URI_ROOM = """\
- name: List the rooms
  ansible.builtin.uri: {url: "{{ service_url }}/rooms/my?limit=1000"}
  register: mine
- name: Create the room
  ansible.builtin.uri: {url: "{{ service_url }}/rooms", method: POST, body: {title: "{{ wanted.title }}"}}
  when: wanted.title not in mine.json.data.rooms | map(attribute='title')
  register: made
- name: List its sessions
  ansible.builtin.uri: {url: "{{ service_url }}/rooms/{{ room.id }}/sessions?limit=1000"}
  register: held
  vars: &room
    room: "{{ (mine.json.data.rooms + [made.json.data.room | default({})]) | selectattr('title', 'defined')
      | selectattr('title', '==', wanted.title) | first }}"
- name: Create its sessions
  ansible.builtin.uri:
    url: "{{ service_url }}/rooms/{{ room.id }}/sessions"
    method: POST
    body: {title: "{{ item.title }}", preset_id: "{{ item.preset_id }}"}
  loop: "{{ wanted.sessions }}"
  when: item.title not in held.json.data.sessions | map(attribute='title')
  vars: *room
"""
URI_ROOMS_LISTED_ONCE = (
    _URI_HEAD
    + """\
  tasks:
    - name: List the rooms
      ansible.builtin.uri: {url: "{{ service_url }}/rooms/my?limit=1000"}
      register: mine
    - name: Create the rooms
      ansible.builtin.uri: {url: "{{ service_url }}/rooms", method: POST, body: {title: "{{ item.title }}"}}
      loop: "{{ event_rooms }}"
      when: item.title not in mine.json.data.rooms | map(attribute='title')
      register: made
    - name: Note the ids of the rooms
      ansible.builtin.set_fact:
        room_ids: "{{ (mine.json.data.rooms + made.results | selectattr('json', 'defined')
          | map(attribute='json.data.room')) | items2dict(key_name='title', value_name='id') }}"
    - name: List their sessions
      ansible.builtin.uri: {url: "{{ service_url }}/rooms/{{ room_ids[item.title] }}/sessions?limit=1000"}
      loop: "{{ event_rooms }}"
      register: held
    - name: Note the sessions
      ansible.builtin.set_fact:
        there: "{{ listed | map(attribute='room.title') | zip(listed | map(attribute='title')) | map('join', '/') }}"
      vars:
        listed: "{{ held.results | map(attribute='json.data.sessions') | flatten }}"
    - name: Create their sessions
      ansible.builtin.uri:
        url: "{{ service_url }}/rooms/{{ room_ids[item.0.title] }}/sessions"
        method: POST
        body: {title: "{{ item.1.title }}", preset_id: "{{ item.1.preset_id }}"}
      loop: "{{ event_rooms | subelements('sessions') }}"
      when: item.0.title ~ '/' ~ item.1.title not in there
"""
)
COPY = """\
- hosts: localhost
  gather_facts: false
  tasks:
    - name: Copy the options
      bench_copy:
        rooms: "{{ event_rooms }}"
"""
COPY_VALIDATED = f"{COPY}        validate: true\n"
