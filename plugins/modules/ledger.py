# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ledger
author: tenbyte.webinar contributors (!UNKNOWN)
version_added: 0.1.0
short_description: Look after the ledger of stream keys
description:
  - Lists the ledger's entries, compares them with the service, forgets entries, changes the ledger's own key, and moves
    stream keys from one ledger to another.
  - No stream key is returned or shown. Keys leave the ledger only in an export, encrypted as by C(ansible-vault).
notes:
  - Runs on the controller, whatever host the task is for.
  - Only O(operation=verify) calls the service, and only to read. The other operations need no credential.
  - Needs the Python libraries C(requests), C(SQLAlchemy) and C(cryptography) in the Python that runs Ansible.
options:
  operation:
    description:
      - V(list) returns the entries of the ledger, of all APIs.
      - V(verify) compares the entries of O(api_url) with the service. It returns a finding for each entry, and for each
        current session of your rooms that the ledger does not know.
      - V(forget) erases the keys of O(session_ids) and O(entries). Nothing changes on the service. The keys cannot be
        recovered.
      - V(rotate) encrypts all entries with a new key. If the key is in a key file, a new key is created and put first
        in that file. The old key stays in the file, because other ledgers or controllers may need it. Remove it by hand
        when nothing needs it. If the key is given as O(ledger_key), give the new key first and the old ones after it,
        and leave the old ones out afterwards.
      - V(export) writes all entries, with their keys, to O(path), encrypted as by C(ansible-vault). Unanswered requests
        of interrupted runs are included, so that the other ledger can resolve them.
      - V(import) adds the entries of an export to the ledger. No key of either is lost. If a session has one key in the
        ledger and another in the export, nothing is imported.
    type: str
    choices: [list, verify, forget, rotate, export, import]
    required: true
  session_ids:
    description: Ids of the sessions to forget, with O(operation=forget).
    type: list
    elements: str
  entries:
    description:
      - Numbers of the entries to forget, with O(operation=forget), as returned in RV(entries[].entry).
      - For what has no session's id, such as the intent of a run that was interrupted, or a room.
      - Each is from 1 to 2147483647.
    type: list
    elements: int
  path:
    description:
      - The file of the export, on the controller. It is written with mode C(0600).
      - An existing file is replaced only if it is an export that the vault password decrypts.
    type: path
  vault_password:
    description:
      - The vault password of the export. Give it as a variable, or read it from the environment of the controller.
      - Exactly one of O(vault_password) and O(vault_password_file) is needed with O(operation=export) and
        O(operation=import).
    type: str
  vault_password_file:
    description: A file with the vault password, or a program that prints it, as for C(--vault-password-file).
    type: path
extends_documentation_fragment:
  - tenbyte.webinar.connection
  - tenbyte.webinar.ledger
  - tenbyte.webinar.attributes
  - tenbyte.webinar.attributes.action_group
attributes:
  idempotent:
    support: partial
    details:
      - A second V(forget), V(export) or V(import) changes nothing, nor does a second V(rotate) with the same
        O(ledger_key). With a key file, each V(rotate) creates a new key, unless it continues an interrupted V(rotate),
        or the first key in the file is one that the ledger does not use yet.
seealso:
  - module: tenbyte.webinar.stream_key
  - module: tenbyte.webinar.session_info
  - plugin: tenbyte.webinar.stream_key
    plugin_type: lookup
"""

EXAMPLES = r"""
- name: See what the ledger holds
  tenbyte.webinar.ledger:
    operation: list
  register: kept

- name: Fail if a session cannot be used, or a key is kept for nothing
  tenbyte.webinar.ledger:
    operation: verify
  register: checked
  failed_when: checked is failed or not checked.in_order

- name: Forget the keys of sessions that are over or gone
  tenbyte.webinar.ledger:
    operation: forget
    entries: "{{ checked.entries | selectattr('finding', 'in', ['over', 'missing']) | map(attribute='entry') }}"
  when: checked.summary.over | default(0) + checked.summary.missing | default(0) > 0

- name: Forget the key of one session
  tenbyte.webinar.ledger:
    operation: forget
    session_ids: [6c0e2b0e-3f57-4f0e-8a5e-1c4f2a9a7e21]

- name: Give the ledger a new key, in its key file
  tenbyte.webinar.ledger:
    operation: rotate

- name: Encrypt all entries with a new key that is kept in a vault
  tenbyte.webinar.ledger:
    operation: rotate
    ledger_key: "{{ vault_new_ledger_key }},{{ vault_old_ledger_key }}"

- name: Write a copy of the ledger for a safe place
  tenbyte.webinar.ledger:
    operation: export
    path: /srv/backup/stream-keys.vault
    vault_password_file: ~/.vault_password

- name: Take the entries of a file into the ledger of the team
  tenbyte.webinar.ledger:
    operation: import
    path: /srv/backup/stream-keys.vault
    vault_password: "{{ lookup('ansible.builtin.env', 'BACKUP_PASSWORD') }}"
    ledger_url: postgresql+psycopg://ledger@db.example.com/stream_keys
    ledger_key: "{{ vault_ledger_key }}"
"""

RETURN = r"""
changed:
  description: Whether the ledger, its key or the file of the export changed, or would in check mode.
  returned: always
  type: bool
entries:
  description:
    - The entries of the operation. All entries with V(list) and V(verify), otherwise those that are forgotten, exported
      or imported. Empty with V(rotate). None of these values is a secret.
  returned: success
  type: list
  elements: dict
  contains:
    entry:
      description: Number of the entry in this ledger. Null for a session that the ledger does not know, and in an
        export.
      type: int
    api:
      description: URL of the API that the entry belongs to.
      type: str
    kind:
      description: V(session) or V(room). The ledger remembers rooms that it has created.
      type: str
    room_id:
      description: Id of the room.
      type: str
    room:
      description: Title of the room. Null if it is not known, as with V(list).
      type: str
    title:
      description: Title of the session. Null for a room.
      type: str
    session_id:
      description: Id of the session. Null for a room, and if it is not known yet.
      type: str
    phase:
      description:
        - V(pending), the intent to create it; V(created); V(keyless), created, but without a key; V(replaced), a
          session whose place a new one takes; V(beside), another session of the same title, which was named by its id
          or imported; V(spare), a second session, made by a run that had lost its lease.
        - Null for a session that the ledger does not know.
      type: str
    status:
      description: Status of the session as the service names it, with O(operation=verify).
      type: str
    finding:
      description:
        - "With O(operation=verify): V(ok); V(keyless), a current session whose key nobody kept; V(missing), the service
          no longer has it; V(over), the session has ended or expired; V(drifted), it has another title or room than the
          ledger says; V(orphaned), a second current session of the same title in its room, or a replaced one that still
          exists; V(interrupted), the intent of a run that was killed, which the next run continues; V(in_progress),
          another run is creating it; V(damaged), the entry cannot be read; V(unknown), the service does not let this
          account see it."
        - "With O(operation=import): V(added), V(beside), kept beside another session of the same title, or V(filled), a
          key for an entry that lacked it."
        - Else V(damaged), or null.
      type: str
    stream_key_available:
      description: Whether the entry holds a stream key.
      type: bool
    stream_key_fingerprint:
      description: Changes if the stream key changes, and does not reveal it. The same key has another fingerprint in
        another ledger.
      type: str
  sample:
    - entry: 7
      api: https://api.tenbyte.io/v1/webinar
      kind: session
      room_id: 3f0a5a53-3f4c-4d3c-8f6e-8a4a9a0f9d10
      room: Main stage
      title: Keynote
      session_id: 6c0e2b0e-3f57-4f0e-8a5e-1c4f2a9a7e21
      phase: created
      status: scheduled
      finding: ok
      stream_key_available: true
      stream_key_fingerprint: fp-5b0c9d1e7f3a2460
summary:
  description: How many entries each finding has.
  returned: with O(operation=verify)
  type: dict
  sample:
    ok: 12
    keyless: 1
in_order:
  description: Whether every finding is V(ok) or V(in_progress).
  returned: with O(operation=verify)
  type: bool
rotated:
  description: How many entries were encrypted with the new key, or would be in check mode. Includes the ledger's own
    settings.
  returned: with O(operation=rotate)
  type: int
diff:
  description: The entries before and after, with fingerprints in place of the keys.
  returned: in diff mode, if the operation can change something
  type: dict
"""
