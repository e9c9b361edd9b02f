# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plays that use everything that could leak a secret, and one that leaks a planted value into every kind of place."""

from __future__ import annotations

from typing import Any

import yaml

PRESET = "5e0f2a4c-0d51-4c6b-9a35-0d1f5f6c0001"
# Creating a session in this room fails, with an error response that contains all secrets.
ECHO_ROOM = "7c9d1a52-6b7e-4f0a-8f61-3f2c5a4b0001"

FIRST = f"""
- tenbyte.webinar.event:
    rooms:
      - title: Main stage
        sessions:
          - {{title: Keynote, preset_id: {PRESET}, encoder: localhost}}
          - {{title: On air, preset_id: {PRESET}, state: live}}
- tenbyte.webinar.event:
    ledger_url: "sqlite:///{{{{ leak_home }}}}/forgotten/ledger.sqlite3"
    rooms:
      - title: Main stage
        sessions:
          - {{title: Seen elsewhere, preset_id: {PRESET}}}
"""

# Some tasks fail on purpose: their errors are searched too.
EVERYTHING = f"""
- tenbyte.webinar.event:
    rooms:
      - title: Main stage
        sessions:
          - {{title: Keynote, preset_id: {PRESET}, encoder: localhost}}
          - {{title: Panel, preset_id: {PRESET}, settings: {{chat_enabled: true}}}}
  register: event
- debug: {{var: event}}
- debug: {{var: ansible_facts}}
- tenbyte.webinar.event:
    rooms:
      - title: Main stage
        sessions:
          - {{title: Keynote, preset_id: {PRESET}, scheduled_start_time: "2027-05-04T09:00:00+02:00"}}
          - {{title: Not yet, preset_id: {PRESET}}}
  check_mode: true
  register: checked
- debug: {{var: checked}}
- tenbyte.webinar.session:
    api_token: "{{{{ leak_token }}}}"
    room: Main stage
    title: "{{{{ item }}}}"
    preset_id: {PRESET}
  loop: [Keynote, Talk]
  register: looped
- debug: {{var: looped}}
- tenbyte.webinar.session: {{room: Main stage, title: Talk, preset_id: {PRESET}, state: live}}
  register: live
- debug: {{var: live}}
- tenbyte.webinar.session: {{room: Main stage, title: Revealed, preset_id: {PRESET}, reveal_stream_key: true}}
  register: revealed
- ansible.builtin.copy:
    content: "{{{{ revealed.session.stream_key }}}}"
    dest: "{{{{ leak_keys }}}}/revealed"
    mode: "0600"
  no_log: true
  diff: false
- tenbyte.webinar.session: {{room: Main stage, title: "{{{{ item }}}}", preset_id: {PRESET}, reveal_stream_key: true}}
  loop: [Keynote, Panel]
- tenbyte.webinar.session: {{room: Main stage, title: "{{{{ item }}}}", preset_id: {PRESET}, reveal_stream_key: true}}
  loop: [Keynote, Panel]
  no_log: true
- tenbyte.webinar.room: {{title: Main stage, description: Plenary}}
  register: room
- debug: {{var: room}}
- tenbyte.webinar.room_info:
  register: room_info
- debug: {{var: room_info}}
- tenbyte.webinar.session_info: {{stream_health: true, statistics: true}}
  register: session_info
- debug: {{var: session_info}}
- tenbyte.webinar.session_info: {{live: true, stream_health: true}}
  register: live_info
- debug: {{var: live_info}}
- tenbyte.webinar.stream_key:
    session_id: "{{{{ leak_adopted_session }}}}"
    stream_key: "{{{{ leak_adopted_key }}}}"
    rtmp_url: "rtmp://127.0.0.1/live/{{{{ leak_adopted_key }}}}"
  register: adopted
- debug: {{var: adopted}}
- tenbyte.webinar.stream_key:
    session_id: "{{{{ leak_adopted_session }}}}"
    stream_key: "another than {{{{ leak_adopted_key }}}}"
  register: not_adopted
- debug: {{var: not_adopted}}
- tenbyte.webinar.stream_key: {{session_id: "{{{{ leak_adopted_session }}}}", state: absent}}
  register: forgotten
- debug: {{var: forgotten}}

- tenbyte.webinar.ledger: {{operation: "{{{{ item }}}}"}}
  loop: [list, verify]
  register: kept
- debug: {{var: kept}}
- tenbyte.webinar.ledger:
    operation: export
    path: "{{{{ leak_home }}}}/export.vault"
    vault_password: "{{{{ leak_vault_password }}}}"
  register: exported
- debug: {{var: exported}}
- tenbyte.webinar.ledger: &import
    operation: import
    path: "{{{{ leak_home }}}}/export.vault"
    vault_password: "{{{{ leak_vault_password }}}}"
    ledger_url: "sqlite:///{{{{ leak_home }}}}/copy/ledger.sqlite3"
  register: imported
- debug: {{var: imported}}
- tenbyte.webinar.ledger: {{<<: *import, vault_password: "not {{{{ leak_vault_password }}}}"}}
- tenbyte.webinar.ledger:
    operation: rotate
    ledger_url: "sqlite:///{{{{ leak_home }}}}/copy/ledger.sqlite3"
    ledger_key: "{{{{ leak_other_ledger_key }}}},{{{{ tenbyte_ledger_key }}}}"
  register: rotated
- debug: {{var: rotated}}
- tenbyte.webinar.ledger: {{operation: forget, entries: [1]}}
  check_mode: true
- tenbyte.webinar.ledger: {{operation: forget, session_ids: ["{{{{ leak_adopted_session }}}}"]}}
  register: forgotten_entry
- debug: {{var: forgotten_entry}}

- ansible.builtin.copy:
    content: "{{{{ lookup('tenbyte.webinar.stream_key', leak_id) }}}}"
    dest: "{{{{ leak_keys }}}}/copied"
    mode: "0600"
  no_log: true
  diff: false
- ansible.builtin.template: {{src: key.j2, dest: "{{{{ leak_keys }}}}/{{{{ item.title }}}}", mode: "0600"}}
  loop: "{{{{ event.sessions }}}}"
  loop_control: {{label: "{{{{ item.title }}}}"}}
  no_log: true
  diff: false
- ansible.builtin.template: {{src: key.j2, dest: /proc/nowhere, mode: "0600"}}
  vars: {{item: "{{{{ event.sessions[0] }}}}"}}
  no_log: true
  diff: false
- ansible.builtin.include_role: {{name: tenbyte.webinar.event}}
  vars:
    event_reveal_stream_keys: true
    event_rooms: [{{title: Main stage, sessions: [{{title: Keynote, preset_id: {PRESET}}}]}}]

- debug: {{msg: "{{{{ lookup('tenbyte.webinar.stream_key', leak_id) | no_such_filter }}}}"}}
- debug: {{msg: "{{{{ lookup('tenbyte.webinar.stream_key', leak_id) + 1 }}}}"}}
- debug: {{msg: "{{{{ lookup('tenbyte.webinar.stream_key', leak_id).nothing.more }}}}"}}
- debug: {{msg: "{{{{ lookup('tenbyte.webinar.stream_key', leak_id) is no_such_test }}}}"}}
- debug: {{msg: "{{{{ lookup('tenbyte.webinar.stream_key', leak_id) }} open"}}
- debug: {{msg: "{{{{ lookup('tenbyte.webinar.stream_key', tenbyte_api_key) }}}}"}}
- debug: {{msg: "{{{{ lookup('tenbyte.webinar.stream_key', leak_id, ledger_key=leak_other_ledger_key) }}}}"}}
- debug: {{msg: "{{{{ lookup('tenbyte.webinar.stream_key', leak_id, ledger_key=tenbyte_ledger_key[1:]) }}}}"}}
- ansible.builtin.assert: {{that: "lookup('tenbyte.webinar.stream_key', leak_id) == 'nothing'"}}
- debug: {{msg: never}}
  when: lookup('tenbyte.webinar.stream_key', leak_id) | length < 5
- tenbyte.webinar.session: &keynote {{room: Main stage, title: Keynote, preset_id: {PRESET}}}
- tenbyte.webinar.session: {{<<: *keynote, room: "{{{{ tenbyte_api_key.nothing.more }}}}"}}
- tenbyte.webinar.session: {{<<: *keynote, api_key: "{{{{ tenbyte_api_key + 1 }}}}"}}
- tenbyte.webinar.session: {{<<: *keynote, api_key: "two {{{{ tenbyte_api_key }}}}"}}
- tenbyte.webinar.session:
    api_key: "{{{{ tenbyte_api_key }}}}"
    api_token: "{{{{ leak_token }}}}"
    room: Main stage
    title: Keynote
    preset_id: {PRESET}
- tenbyte.webinar.session: {{<<: *keynote, api_key: {{wrong: "{{{{ tenbyte_api_key }}}}"}}}}
- tenbyte.webinar.session: {{<<: *keynote, api_key: ["{{{{ tenbyte_api_key }}}}", something else]}}
- tenbyte.webinar.session: {{<<: *keynote, api_keyy: "{{{{ tenbyte_api_key }}}}"}}
- tenbyte.webinar.session: {{<<: *keynote, ledger_key: "{{{{ leak_other_ledger_key }}}}"}}
- tenbyte.webinar.session: {{<<: *keynote, ledger_key: "{{{{ tenbyte_ledger_key[2:] }}}}"}}
- tenbyte.webinar.session: {{<<: *keynote, api_url: "http://{{{{ tenbyte_api_key | urlencode }}}}@127.0.0.1:1/"}}
- tenbyte.webinar.session: {{room_id: {ECHO_ROOM}, title: "Refused {{{{ item }}}}", preset_id: {PRESET}, retries: 0}}
  loop: [once, twice]
  register: refused
- debug: {{var: refused}}
- tenbyte.webinar.event:
    rooms:
      - room_id: {ECHO_ROOM}
        sessions: [{{title: Refused, preset_id: {PRESET}}}, {{title: Also, preset_id: {PRESET}}}]
    retries: 0
  register: refused_event
  until: refused_event is success
  retries: 1
  delay: 0
- debug: {{var: refused_event}}
- ignore_errors: false
  block:
    - tenbyte.webinar.session: {{room_id: {ECHO_ROOM}, title: Refused, preset_id: {PRESET}, retries: 0}}
  rescue:
    - debug: {{var: ansible_failed_task}}
    - debug: {{var: ansible_failed_result}}
- tenbyte.webinar.session: {{room: Main stage, title: "{{{{ item }}}}", state: absent}}
  loop: [Panel, Talk]

- ansible.builtin.include_role: {{name: tenbyte.webinar.ffmpeg_encoder}}
  vars: &encoder
    ffmpeg_encoder_state: "{{{{ item }}}}"
    ffmpeg_encoder_root: "{{{{ leak_home }}}}/enc"
    ffmpeg_encoder_binary: "{{{{ leak_home }}}}/ffmpeg"
    ffmpeg_encoder_service_manager: supervisord
    ffmpeg_encoder_supervisord_command: "{{{{ leak_commands }}}}/supervisord"
    ffmpeg_encoder_supervisorctl_command: "{{{{ leak_commands }}}}/supervisorctl"
    ffmpeg_encoder_start_timeout: 0
    ffmpeg_encoder_streams:
      - {{session_id: "{{{{ leak_id }}}}", room: Main stage, title: Keynote, rtmp_url: "rtmp://127.0.0.1:1935/live"}}
  loop: [started, started, stopped]
- debug: {{var: __ffmpeg_encoder_host}}
# The module does not start: what was sent to it must not stay.
- ansible.builtin.include_role: {{name: tenbyte.webinar.ffmpeg_encoder}}
  vars: {{<<: *encoder, ansible_python_interpreter: /nowhere/python3}}
  loop: [started]
# What stands in the way is noticed when the key has been sent.
- ansible.builtin.file: {{path: "{{{{ leak_home }}}}/enc/keys", state: absent}}
- ansible.builtin.copy: {{content: "", dest: "{{{{ leak_home }}}}/enc/keys", mode: "0600"}}
- ansible.builtin.include_role: {{name: tenbyte.webinar.ffmpeg_encoder}}
  vars: *encoder
  loop: [started, absent]
# The relay and OBS, on a host whose systemd only remembers.
- ansible.builtin.include_role: {{name: tenbyte.webinar.rtmp_relay}}
  vars: &relay
    rtmp_relay_state: "{{{{ item }}}}"
    rtmp_relay_streams:
      - {{session_id: "{{{{ leak_id }}}}", room: Main stage, title: Keynote, rtmp_url: "rtmp://127.0.0.1:1935/live"}}
    __rtmp_relay_systemd_folder: "{{{{ leak_home }}}}/host/units"
    __rtmp_relay_booted_folder: "{{{{ leak_home }}}}/host"
    __rtmp_relay_runtime_folder: "{{{{ leak_home }}}}/host/run"
    __rtmp_relay_module_folders: ["{{{{ leak_home }}}}/host/bin"]
  loop: [started, started, stopped]
- debug: {{var: __rtmp_relay_host}}
- ansible.builtin.include_role: {{name: tenbyte.webinar.obs_encoder}}
  vars: &obs
    obs_encoder_state: "{{{{ item }}}}"
    obs_encoder_streams:
      - {{session_id: "{{{{ leak_id }}}}", room: Main stage, title: Keynote, rtmp_url: "rtmp://127.0.0.1:1935/live"}}
    __obs_encoder_systemd_folder: "{{{{ leak_home }}}}/host/units"
    __obs_encoder_booted_folder: "{{{{ leak_home }}}}/host"
  loop: [started, started, stopped]
- debug: {{var: __obs_encoder_host}}
- ansible.builtin.file: {{path: "{{{{ leak_home }}}}/host/etc/{{{{ item }}}}/keys", state: absent}}
  loop: &hosts [rtmp_relay, obs_encoder]
- ansible.builtin.copy: {{content: "", dest: "{{{{ leak_home }}}}/host/etc/{{{{ item }}}}/keys", mode: "0600"}}
  loop: *hosts
- ansible.builtin.include_role: {{name: tenbyte.webinar.rtmp_relay}}
  vars: *relay
  loop: [started, absent]
- ansible.builtin.include_role: {{name: tenbyte.webinar.obs_encoder}}
  vars: *obs
  loop: [started, absent]
"""

KEY_TEMPLATE = "{{ lookup('tenbyte.webinar.stream_key', item.id) }}\n"

PLANTING = """
- debug: {msg: "{{ planted }}"}
- ansible.builtin.fail: {msg: "{{ planted | b64encode }}"}
- ansible.builtin.set_fact: {fact_planted: "{{ planted }}", cacheable: true}
- ansible.builtin.stat: {path: "/nowhere/{{ planted | urlencode }}"}
- ansible.builtin.copy: {content: "{{ planted }}", dest: "{{ leak_home }}/planted", mode: "0600"}
# A file that cannot be copied to its place remains in the remote temporary folder.
- ansible.builtin.copy: {content: "{{ planted }}", dest: /proc/nowhere, mode: "0600"}
- ansible.builtin.shell: {cmd: "sleep 1 #{{ planted }}"}
- ansible.builtin.shell: {cmd: sleep 1}
  environment: {PLANTED: "{{ planted }}"}
"""


def play(tasks: str, **keywords: Any) -> dict[str, Any]:
    variables = {
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "leak_id": "{{ event.sessions[0].id }}",
    }
    return {
        "hosts": "localhost",
        "gather_facts": False,
        "vars": variables,
        "tasks": yaml.safe_load(tasks),
        **keywords,
    }
