# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: encoder_host
author: tenbyte.webinar contributors (!UNKNOWN)
version_added: 0.1.0
short_description: Bring all streams of an encoder host to what is asked for
description:
  - Private to the roles P(tenbyte.webinar.ffmpeg_encoder#role), P(tenbyte.webinar.rtmp_relay#role) and
    P(tenbyte.webinar.obs_encoder#role). It may change with any release.
  - Handles all streams of a host in one task. The action checks the streams on the controller, reads their keys from
    the ledger and decides what to do. It starts a module on the host twice, to inspect it and to change it.
  - Everything is checked before the first change.
  - A key is sent to the host only if the host has another one. It is not among the arguments of the module, and the
    file that it is sent in is gone before the module does anything else, also with C(ANSIBLE_KEEP_REMOTE_FILES).
notes:
  - The host needs Python 3.9 or newer.
options:
  role:
    description: The role whose streams these are.
    type: str
    choices: [ffmpeg_encoder, obs_encoder, rtmp_relay]
    required: true
  state:
    description:
      - With V(started), the host has these streams, and they run.
      - With V(stopped), all streams of the role are stopped, and their files stay.
      - With V(absent), nothing of the role is left.
      - With V(gone), the streams are removed whose sessions are gone, and with the last one what they share.
      - With V(watched), nothing is changed. Waits until all streams are on air or refused, and returns what they say.
    type: str
    choices: [started, stopped, absent, gone, watched]
    required: true
  settings:
    description: The options of the role, without the prefix of its name.
    type: raw
    required: true
  event:
    description: What P(tenbyte.webinar.event_of_this_run#filter) returns.
    type: raw
    required: true
  streams:
    description: The streams that the host is to have.
    type: raw
  by_list:
    description: Whether the streams come from a list of the user and not from the event.
    type: bool
    default: false
  service_manager:
    description: What C(ansible_facts['service_mgr']) says, if anything.
    type: str
  contents:
    description:
      - The contents of files that the role brings. C(@NAME@) in some of them is replaced with what the host has.
    type: raw
  further_units:
    description:
      - Further units of systemd. Each has a C(name), a C(state) (C(started), C(written), C(stopped) or C(absent)), and
        with the first two a C(content).
    type: raw
  install:
    description:
      - Whether to return, with V(started), before anything is changed if a program is missing that the role can
        install.
    type: bool
    default: false
attributes:
  action:
    description: Decides on the controller, and runs a module on the host.
    support: full
  async:
    description: Supports being used with C(async).
    support: none
  check_mode:
    description: Supports C(check_mode). Returns what it would change.
    support: full
  diff_mode:
    description: Returns the files that change in diff mode. Stream keys appear as fingerprints.
    support: full
  idempotent:
    description: When run twice with the same options, the second run changes nothing.
    support: full
  platform:
    description: Where it can run.
    platforms: posix
    support: full
"""

EXAMPLES = r"""
# Use the role tenbyte.webinar.ffmpeg_encoder, which gives this action what it needs.
- name: Remove the streams of this host whose sessions are gone
  tenbyte.webinar.encoder_host:
    role: ffmpeg_encoder
    state: gone
    settings: "{{ __ffmpeg_encoder_settings }}"
    event: "{{ __ffmpeg_encoder_event }}"
"""

RETURN = r"""
changed:
  description: Whether the host was changed, or would be in check mode.
  returned: always
  type: bool
missing:
  description: The programs that are missing, if O(install=true) and nothing was done because of that.
  returned: with O(state=started)
  type: str
streams:
  description:
    - The streams that the host is to have, without their settings; for a relay, their pushes.
    - With O(state=watched), each also has an C(encoder), what is known of it. In that, C(unsent) says why it is not
      sent, empty if it is.
  returned: success
  type: list
  elements: dict
left:
  description: Names of streams that are not asked for but stay.
  returned: success
  type: list
  elements: str
removed:
  description: Names of the streams that were removed.
  returned: when the host was compared
  type: list
  elements: str
started:
  description: Units or programs that were started.
  returned: when the host was compared
  type: list
  elements: str
restarted:
  description: Units or programs that were restarted.
  returned: when the host was compared
  type: list
  elements: str
reloaded:
  description: Units that read their settings again.
  returned: when the host was compared
  type: list
  elements: str
stopped:
  description: Units or programs that were stopped.
  returned: when the host was compared
  type: list
  elements: str
enabled:
  description: Units that start at boot from now on.
  returned: when the host was compared
  type: list
  elements: str
written:
  description: Paths of the files and folders that were written.
  returned: when the host was compared
  type: list
  elements: str
deleted:
  description: Paths of the files and folders that were removed.
  returned: when the host was compared
  type: list
  elements: str
diff:
  description: The files that were written, with fingerprints in place of keys.
  returned: in diff mode
  type: list
  elements: dict
"""
