# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options: {}
attributes:
  action:
    description: Runs on the controller, where the ledger is. No connection to the host of the task is made.
    support: full
  async:
    description: Supports being used with C(async).
    support: none
  check_mode:
    description: Supports C(check_mode). Returns what it would change, and makes no call that changes anything.
    support: full
  diff_mode:
    description: Returns in diff mode, as YAML, what changes or would change. Stream keys appear as fingerprints.
    support: full
  idempotent:
    description: When run twice with the same options, the second run makes no call that changes anything.
    support: full
  platform:
    description: Where it can run.
    platforms: posix
    support: full
"""

    # For actions that only read, in addition to the above.
    INFO = r"""
options: {}
attributes:
  check_mode:
    description: Supports C(check_mode). It only reads, in check mode too.
    support: full
  diff_mode:
    description: There is no diff, because nothing changes.
    support: N/A
  idempotent:
    description: Changes nothing, however often it runs.
    support: full
"""

    # For the members of the group all in meta/runtime.yml.
    ACTION_GROUP = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/tenbyte.webinar.all) in C(module_defaults) to set options for all actions of the group.
    support: full
    membership:
      - tenbyte.webinar.all
"""
