# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: session_info
author: tenbyte.webinar contributors (!UNKNOWN)
version_added: 0.1.0
short_description: Read sessions, their state and the health of their streams
description:
  - Returns the sessions of your rooms, of one room, all public sessions, or the one with a given id. Past sessions are
    included, unless O(status) leaves them out.
  - On request, returns each stream's health and the service's statistics too.
  - Returns for each session whether the ledger holds its stream key, and the key's fingerprint. The ledger is only
    read, and not created if there is none. Read the key itself with the lookup P(tenbyte.webinar.stream_key#lookup).
  - It only reads, in check mode too. If nothing is found, the list is empty, and the task does not fail.
  - Reads lists to their last page.
notes:
  - Runs on the controller, whatever host the task is for. Use C(run_once=true) in a play of several hosts.
  - Give credentials as variables (vaulted) or in the environment of the controller. Ansible shows the arguments of a
    task if C(display_args_to_stdout) is set.
  - Needs the Python libraries C(requests), C(SQLAlchemy) and C(cryptography) in the Python that runs Ansible.
options:
  scope:
    description:
      - Which sessions are read. V(mine) are those in the rooms of the account of O(api_key) or O(api_token), V(all)
        those that the service lists publicly.
      - Has no effect together with O(session_id), which finds any session.
    type: str
    choices: [mine, all]
    default: mine
  session_id:
    description:
      - Id of the one session to read, a UUID.
      - At most one of O(session_id), O(room_id) and O(room) may be given.
    type: str
  room:
    description:
      - Title of the room whose sessions are read, case-sensitive. If several rooms have this title, the sessions of all
        of them are returned.
      - At most one of O(session_id), O(room_id) and O(room) may be given.
    type: str
  room_id:
    description:
      - Id of the room whose sessions are read, a UUID. Sessions in rooms of other accounts are found only with
        O(scope=all) or O(live=true).
      - At most one of O(session_id), O(room_id) and O(room) may be given.
    type: str
  live:
    description:
      - Whether to read only the sessions that are on air now. This takes one call, however many rooms there are.
      - Not together with O(status) or O(session_id).
    type: bool
    default: false
  status:
    description: Return only sessions of these states. If not given, sessions of every state are returned.
    type: list
    elements: str
    choices: [scheduled, live, ended, expired]
  stream_health:
    description:
      - Whether to read the stream's health for each scheduled or live session found. At most O(concurrency) requests
        are made at once.
      - If the service refuses, the reason is in RV(sessions[].stream_health_error), and the task does not fail.
    type: bool
    default: false
  statistics:
    description: Whether to read the service's statistics of your sessions.
    type: bool
    default: false
extends_documentation_fragment:
  - tenbyte.webinar.connection
  - tenbyte.webinar.ledger
  - tenbyte.webinar.attributes.info
  - tenbyte.webinar.attributes
  - tenbyte.webinar.attributes.action_group
seealso:
  - module: tenbyte.webinar.session
  - module: tenbyte.webinar.room_info
  - module: tenbyte.webinar.stream_key
  - plugin: tenbyte.webinar.stream_key
    plugin_type: lookup
"""

EXAMPLES = r"""
- name: Read what is still to come or on air in the main stage
  tenbyte.webinar.session_info:
    api_key: "{{ vault_tenbyte_api_key }}"
    room: Main stage
    status: [scheduled, live]
  register: current

- name: Show the sessions whose stream key nobody kept
  ansible.builtin.debug:
    msg: "{{ current.sessions | rejectattr('stream_key_available') | map(attribute='title') | list }}"

- name: Wait until the keynote is on air
  tenbyte.webinar.session_info:
    session_id: 6c0e2b0e-3f57-4f0e-8a5e-1c4f2a9a7e21
  register: keynote
  until: keynote.sessions | map(attribute='status') | first | default('gone') == 'live'
  retries: 60
  delay: 5

- name: Look after every stream that is on air in my rooms
  tenbyte.webinar.session_info:
    live: true
    stream_health: true
  register: on_air

- name: Count my sessions
  tenbyte.webinar.session_info:
    status: [live]
    statistics: true
  register: counted

- name: Show the count
  ansible.builtin.debug:
    msg: "{{ counted.statistics.live_now }} of {{ counted.statistics.total_sessions }} sessions are on air"

- name: List all public sessions of somebody else's room
  tenbyte.webinar.session_info:
    room_id: 3f0a5a53-3f4c-4d3c-8f6e-8a4a9a0f9d10
    scope: all
"""

RETURN = r"""
changed:
  description: Always V(false).
  returned: always
  type: bool
  sample: false
sessions:
  description:
    - The sessions, room by room, in the service's order. Empty if none matches.
    - None of these values is a secret. A value that the service does not report is null.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: Id of the session.
      type: str
    room_id:
      description: Id of the room.
      type: str
    room:
      description: Title of the room.
      type: str
    title:
      description: Title of the session.
      type: str
    description:
      description: Description of the session.
      type: str
    status:
      description: Status as the service names it, usually V(scheduled), V(live), V(ended) or V(expired). If the service
        does not report it, it is derived from the times at which the session started and ended.
      type: str
    mode:
      description: How media comes in, V(webcam) or V(rtmp).
      type: str
    preset:
      description: C(id), C(name) and C(type) of the preset.
      type: dict
    scheduled_start_time:
      description: When it begins, as the service writes it.
      type: str
    started_at:
      description: When it went on air, as the service writes it.
      type: str
    ended_at:
      description: When it ended, as the service writes it.
      type: str
    duration:
      description: How long it was on air, in seconds.
      type: int
    viewer_count:
      description: How many watch now.
      type: int
    max_viewers:
      description: The highest number of viewers at once.
      type: int
    hls_url:
      description: Where it can be watched.
      type: str
    settings:
      description: The settings in force, C(chat_enabled), C(stage_enabled) and C(max_join_limit), those of the preset
        if the session has none of its own.
      type: dict
    created_at:
      description: When the session was created, as the service writes it.
      type: str
    stream_health:
      description:
        - The stream's health as the service reports it. Null for a session that is over, or if there was no response.
        - The service does not document its fields. Values that could be a key, a token or a publishing URL are left
          out.
      returned: when O(stream_health=true)
      type: dict
    stream_health_error:
      description: Why the service did not report the stream's health, null if it did.
      returned: when O(stream_health=true)
      type: str
    stream_key_available:
      description: Whether the ledger holds the stream key.
      type: bool
    stream_key_fingerprint:
      description: Changes if the stream key changes, and does not reveal it. Null if the ledger does not hold the key.
      type: str
  sample:
    - id: 6c0e2b0e-3f57-4f0e-8a5e-1c4f2a9a7e21
      room_id: 3f0a5a53-3f4c-4d3c-8f6e-8a4a9a0f9d10
      room: Main stage
      title: Keynote
      description: Opening
      status: live
      mode: rtmp
      preset:
        id: 0d3f2c84-5f43-4b0c-9a57-0c6a6f1f2a11
        name: Stage
        type: rtmp
      scheduled_start_time: "2027-05-04T07:00:00Z"
      started_at: "2027-05-04T06:58:12Z"
      ended_at: null
      duration: null
      viewer_count: 212
      max_viewers: 240
      hls_url: https://live.example.com/6c0e2b0e/index.m3u8
      settings:
        chat_enabled: true
        stage_enabled: false
        max_join_limit: 50
      created_at: "2027-04-01T08:00:00Z"
      stream_health:
        publishing: true
        bitrate: 4500
      stream_health_error: null
      stream_key_available: true
      stream_key_fingerprint: fp-5b0c9d1e7f3a2460
statistics:
  description: The service's statistics of your sessions. The service may add other fields.
  returned: when O(statistics=true)
  type: dict
  contains:
    total_sessions:
      description: All of them.
      type: int
    live_now:
      description: Those on air.
      type: int
    scheduled:
      description: Those still to come.
      type: int
    ended:
      description: Those that are over.
      type: int
  sample:
    total_sessions: 12
    live_now: 1
    scheduled: 4
    ended: 7
"""
