# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: session
author: tenbyte.webinar contributors (!UNKNOWN)
version_added: 0.1.0
short_description: Make one session exist in a room, and keep its stream key
description:
  - Makes the webinar service have one session of a title in a room, with a preset. It is an event of one. For several
    sessions, M(tenbyte.webinar.event) is faster and shows one plan.
  - Creates missing rooms and sessions, and leaves matching ones alone. Changes a start time or setting that differs in
    place. The service cannot change a session's preset or mode. If either differs, the session is replaced, as far as
    O(replace) allows.
  - The service shows the stream key of a session only once, in its response to the call that creates the session. The
    key goes into the ledger, encrypted, before anything else happens. Read it with the lookup
    P(tenbyte.webinar.stream_key#lookup).
  - If the response is lost, the task reads the room's list to see whether the session was created. A session whose key
    was lost is replaced. If a request that was given up and sent again takes effect after all, the next run removes the
    duplicate. Each of these comes with a warning.
notes:
  - Runs on the controller, whatever host the task is for.
  - Give credentials as variables (vaulted) or in the environment of the controller. Ansible shows the arguments of a
    task if C(display_args_to_stdout) is set.
  - Work that takes longer than five seconds says how far it is, on the standard error of C(ansible-playbook), such as
    C(412/1000 sessions, 38/s, about 15 s left).
  - Needs the Python libraries C(requests), C(SQLAlchemy) and C(cryptography) in the Python that runs Ansible.
options:
  room:
    description:
      - Title of the room, 3 to 255 characters. If you have no room of this title, it is created.
      - Exactly one of O(room) and O(room_id) is needed.
    type: str
  room_id:
    description: Id of an existing room. Needed if several rooms have the title.
    type: str
  title:
    description:
      - Title of the session, 3 to 255 characters. It identifies the session in its room.
    type: str
    required: true
  preset_id:
    description:
      - Id of the preset, a UUID. Copy it from the service's dashboard.
      - Required unless O(state=absent).
    type: str
  description:
    description:
      - Description of a new session. The service cannot change it later, so that of an existing session is not
        compared.
    type: str
  mode:
    description: How media comes in. If not given, the service decides.
    type: str
    choices: [webcam, rtmp]
  scheduled_start_time:
    description:
      - When the session begins, as a date-time of RFC 3339 with an offset, for example V(2027-05-04T09:00:00+02:00).
        Compared as an instant, not as text.
      - Quotes are not needed. A blank instead of C(T), and lower case, are accepted. A time without an offset is
        refused. It is sent in UTC.
    type: str
  encoder:
    description:
      - Inventory name of the host that sends the media. It is not sent to the service. Roles use it in the results to
        select the sessions of their host.
    type: str
  session_id:
    description:
      - Id of the session. Needed if several current sessions of the room have the title.
      - The session must have the title. The id of a session that is over is refused with V(present) and V(live).
    type: str
  settings:
    description: Runtime settings. What is not given is not changed. A new session has the preset's.
    type: dict
    suboptions:
      chat_enabled:
        description: Whether viewers can chat.
        type: bool
      stage_enabled:
        description: Whether viewers can be brought on stage.
        type: bool
      max_join_limit:
        description: How many may join the stage, from 1 to 1000000.
        type: int
  state:
    description:
      - With V(present), a scheduled or live session exists.
      - With V(live), it is on air. The task waits until the service reports it as live.
      - With V(ended), no session of this title is on air. A live session is ended, a scheduled one is kept.
      - With V(absent), there is no current session. A scheduled session is deleted, a live one is ended. Past sessions
        are not changed.
    type: str
    choices: [present, live, ended, absent]
    default: present
  replace:
    description:
      - Which sessions may be replaced if their preset or mode differs. The service can change neither in an existing
        session. The new session has a new id and a new stream key.
      - The new session is created, and its key kept, before the old one is deleted or ended. If the service refuses the
        new session, the old one is not changed.
      - V(scheduled) replaces sessions that have not begun. V(live) also ends and replaces those on air. V(never)
        changes nothing and reports the session as failed.
    type: str
    choices: [scheduled, never, live]
    default: scheduled
  on_missing_key:
    description:
      - What to do with an existing session whose stream key the ledger does not hold.
      - V(fail) changes nothing and reports the session as failed. V(replace) replaces it, as far as O(replace) allows.
        V(go_live) puts it on air, because the service then shows the key too. V(ignore) accepts a session without a
        key.
    type: str
    choices: [fail, replace, go_live, ignore]
    default: fail
  wait_timeout:
    description: Seconds to wait until a session that is put on air is V(live), from 0 to 86400 (a day).
    type: float
    default: 60.0
  reveal_stream_key:
    description:
      - Whether the registered result holds the stream key, as C(stream_key) of RV(session) and in RV(sessions). Facts
        never hold one.
      - Ansible then hides the whole result of the task from the screen, logs and callbacks, as with C(no_log). It does
        not hide later uses of the registered variable. A C(debug) of it shows the keys, except on ansible-core 2.22 and
        later, which masks them everywhere.
      - If the task fails, the result has no keys, so that its message can be shown. The keys are in the ledger.
      - Up to ansible-core 2.18, a task with C(loop) and this option needs C(no_log=true).
      - Prefer the lookup P(tenbyte.webinar.stream_key#lookup), which reads a key at the moment of use.
    type: bool
    default: false
extends_documentation_fragment:
  - tenbyte.webinar.connection
  - tenbyte.webinar.ledger
  - tenbyte.webinar.attributes
  - tenbyte.webinar.attributes.action_group
seealso:
  - module: tenbyte.webinar.event
  - plugin: tenbyte.webinar.stream_key
    plugin_type: lookup
"""

EXAMPLES = r"""
- name: Make the keynote exist
  tenbyte.webinar.session:
    api_key: "{{ vault_tenbyte_api_key }}"
    room: Main stage
    title: Keynote
    preset_id: 0d3f2c84-5f43-4b0c-9a57-0c6a6f1f2a11
  register: keynote

- name: Hand its stream key to an encoder
  ansible.builtin.copy:
    content: "{{ lookup('tenbyte.webinar.stream_key', keynote.session.id) }}"
    dest: /etc/encoder/keynote.key
    mode: "0600"
  no_log: true
  diff: false

- name: One session for each language
  tenbyte.webinar.session:
    room: Main stage
    title: "Keynote ({{ item }})"
    preset_id: 0d3f2c84-5f43-4b0c-9a57-0c6a6f1f2a11
    scheduled_start_time: "2027-05-04T09:00:00+02:00"
    encoder: "encoder-{{ item }}"
  loop: [de, en, fr]

- name: Know whether the keynote exists, without changing anything
  tenbyte.webinar.session:
    room: Main stage
    title: Keynote
    preset_id: 0d3f2c84-5f43-4b0c-9a57-0c6a6f1f2a11
  check_mode: true
  register: keynote

- name: Move it by an hour and close the chat
  tenbyte.webinar.session:
    room: Main stage
    title: Keynote
    preset_id: 0d3f2c84-5f43-4b0c-9a57-0c6a6f1f2a11
    scheduled_start_time: "2027-05-04T10:00:00+02:00"
    settings:
      chat_enabled: false

- name: Go on air, and be done when the service says so
  tenbyte.webinar.session:
    room: Main stage
    title: Keynote
    preset_id: 0d3f2c84-5f43-4b0c-9a57-0c6a6f1f2a11
    state: live

- name: Replace a session that was made in the dashboard, to have its key
  tenbyte.webinar.session:
    room: Main stage
    title: Keynote
    preset_id: 0d3f2c84-5f43-4b0c-9a57-0c6a6f1f2a11
    on_missing_key: replace

- name: Cancel it
  tenbyte.webinar.session:
    room: Main stage
    title: Keynote
    state: absent
"""

RETURN = r"""
changed:
  description: Whether a call changed the service, or would in check mode.
  returned: always
  type: bool
plan:
  description: The calls that make the service match, in order. Empty if it matches already.
  returned: when the input could be used
  type: list
  elements: dict
  contains:
    action:
      description: V(create_room), V(create_session), V(delete_session), V(end_session), V(reschedule_session),
        V(update_settings) or V(go_live).
      type: str
    room:
      description: Title of the room.
      type: str
    title:
      description: Title of the session, null for a room.
      type: str
    request:
      description: C(method), C(path) and C(body) of the call. The path holds C({room_id}) if the room does not exist
        yet.
      type: dict
    reason:
      description: Why the call is made.
      type: str
  sample:
    - action: create_session
      room: Main stage
      title: Keynote
      request:
        method: POST
        path: /rooms/3f0a5a53-3f4c-4d3c-8f6e-8a4a9a0f9d10/sessions
        body:
          title: Keynote
          preset_id: 0d3f2c84-5f43-4b0c-9a57-0c6a6f1f2a11
      reason: no current session of the room has this title
rooms:
  description: The rooms, in the order of the input.
  returned: when the input could be used
  type: list
  elements: dict
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
    - id: 3f0a5a53-3f4c-4d3c-8f6e-8a4a9a0f9d10
      title: Main stage
      description: Plenary sessions
      state: present
sessions:
  description:
    - The session as a list of one, as in the result of M(tenbyte.webinar.event). Empty with O(state=absent).
    - None of these values is a secret.
  returned: when the input could be used
  type: list
  elements: dict
  contains:
    name:
      description: The name of the session in C(ansible_facts['tenbyte_sessions']), C(ROOM/TITLE). If two sessions would
        have the same name, the room's id follows the name of the one whose room was given by C(room_id).
      type: str
    id:
      description: Id of the session, null if it does not exist yet.
      type: str
    room_id:
      description: Id of the room, null if it does not exist yet.
      type: str
    room:
      description: Title of the room.
      type: str
    title:
      description: Title of the session.
      type: str
    status:
      description: Status as the service names it, usually V(scheduled) or V(live). Null if there is no session yet.
      type: str
    mode:
      description: How media comes in, V(webcam) or V(rtmp), null if the service does not report it.
      type: str
    preset:
      description: C(id), C(name) and C(type) of the preset.
      type: dict
    scheduled_start_time:
      description: When it begins, as the service writes it.
      type: str
    hls_url:
      description: Where it can be watched, null if the service does not report it.
      type: str
    rtmp_url:
      description: The ingest URL for the stream key. If the service puts the key into it, the key is masked. Null if
        the service's value is not clearly a URL.
      type: str
    whip_url:
      description: The URL for WebRTC (WHIP), which the service shows when a session goes live. Null if it is not known,
        is not clearly a URL, or has a query, which may hold a credential.
      type: str
    settings:
      description: C(chat_enabled), C(stage_enabled) and C(max_join_limit) as they are in force, each null if the
        service does not report it.
      type: dict
    encoder:
      description: The name given as O(encoder).
      type: str
    stream_key_available:
      description: Whether the ledger holds the stream key.
      type: bool
    stream_key:
      description: The stream key. Null if the ledger holds none, if it has characters that no key has, or if the task
        failed.
      returned: with O(reveal_stream_key=true)
      type: str
    stream_key_fingerprint:
      description: Changes if the stream key changes, and does not reveal it.
      type: str
  sample:
    - name: Main stage/Keynote
      id: 6c0e2b0e-3f57-4f0e-8a5e-1c4f2a9a7e21
      room_id: 3f0a5a53-3f4c-4d3c-8f6e-8a4a9a0f9d10
      room: Main stage
      title: Keynote
      status: scheduled
      mode: rtmp
      preset:
        id: 0d3f2c84-5f43-4b0c-9a57-0c6a6f1f2a11
        name: Stage
        type: rtmp
      scheduled_start_time: "2027-05-04T07:00:00Z"
      hls_url: https://live.example.com/6c0e2b0e/index.m3u8
      rtmp_url: rtmp://ingest.example.com/live
      whip_url: null
      settings:
        chat_enabled: true
        stage_enabled: false
        max_join_limit: 5
      encoder: encoder1
      stream_key_available: true
      stream_key_fingerprint: fp-5b0c9d1e7f3a2460
session:
  description: The session, as in RV(sessions). Null with O(state=absent).
  returned: when the input could be used
  type: dict
failed_sessions:
  description: The session with C(room), C(title) and C(reason), if it failed.
  returned: when the input could be used
  type: list
  elements: dict
  sample: []
failed_rooms:
  description: What failed with a room itself, each with C(room) and C(reason). The session is done all the same, unless
    the room could not be created or read.
  returned: when the input could be used
  type: list
  elements: dict
  sample: []
ansible_facts:
  description: Facts for the host, and with C(run_once=true) for every host of the play.
  returned: when the input could be used
  type: dict
  contains:
    tenbyte_sessions:
      description:
        - The sessions of RV(sessions) by C(ROOM/TITLE), merged with those of earlier tasks of the same run. Safe to
          cache.
      type: dict
    tenbyte_sessions_run:
      description: The run of Ansible that set the facts. Facts of an earlier run, in a fact cache, are not merged.
      type: str
    tenbyte_event:
      description:
        - What roles need to remove streams from a host, with C(run) as above.
        - C(rooms) has the C(id) and C(title) of the rooms that M(tenbyte.webinar.event) read with all their sessions.
          C(gone) has, by name, the sessions that were to be ended or absent, or were purged.
      type: dict
    tenbyte_preview:
      description:
        - Set instead of the other three if a task in check mode must not change the facts of a real run, because a
          persistent fact cache is configured or only this task is in check mode. Has C(run), C(sessions), C(rooms) and
          C(gone) as above.
      type: dict
diff:
  description:
    - The rooms and sessions that differ, before and after, as YAML. Each is an entry C(room ROOM) or
      C(session ROOM/TITLE) with its id and what differs.
  returned: in diff mode
  type: dict
"""
