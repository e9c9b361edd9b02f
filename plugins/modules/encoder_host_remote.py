# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: encoder_host_remote
author: tenbyte.webinar contributors (!UNKNOWN)
version_added: 0.1.0
short_description: The part of encoder_host that runs on the host
description:
  - Private to the action M(tenbyte.webinar.encoder_host). It may change with any release.
  - Inspects a host, or changes it as it is told. What it is told is in a file that the action has sent to the host, and
    that this module removes before it does anything else, because stream keys may be in it.
notes:
  - The host needs Python 3.9 or newer.
options:
  mode:
    description: What to do.
    type: str
    choices: [inspect, converge]
    required: true
  request:
    description: The path of the file that says what to look at, or what the host is to have.
    type: str
    required: true
attributes:
  async:
    description: Supports being used with C(async).
    support: none
  check_mode:
    description: Supports C(check_mode). Returns what it would change.
    support: full
  diff_mode:
    description: Returns the files that change in diff mode. Stream keys appear as fingerprints.
    support: full
  platform:
    description: Where it can run.
    platforms: posix
    support: full
seealso:
  - module: tenbyte.webinar.encoder_host
"""

EXAMPLES = r"""
# The action tenbyte.webinar.encoder_host starts this module. It cannot be used alone.
"""

RETURN = r"""
taken:
  description: Whether the file of the request is gone.
  returned: always
  type: bool
problem:
  description: What has ended the run, empty if nothing has.
  returned: always with O(mode=converge)
  type: str
"""

import json
import sys
import traceback
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule


def taken(path: str) -> tuple[Any, bool]:
    """Return the request of the action, and whether its file is gone, which may hold stream keys.

    A user that Ansible has changed to may read the folder of Ansible's own user, but not change it.
    """
    with Path(path).open("rb") as file:
        try:
            Path(path).unlink()
            is_gone = True
        except PermissionError:
            is_gone = False
        return json.loads(file.read()), is_gone


def main() -> None:
    arguments = {
        "mode": {"type": "str", "choices": ["inspect", "converge"], "required": True},
        "request": {"type": "str", "required": True},
    }
    module = AnsibleModule(argument_spec=arguments, supports_check_mode=True)
    request, is_gone = taken(module.params["request"])
    if sys.version_info < (3, 9):  # noqa: UP036 - Ansible starts it with whatever Python the host has
        module.exit_json(
            taken=is_gone, problem="It needs Python 3.9 or newer (ansible_python_interpreter). Nothing was changed."
        )
    from ansible_collections.tenbyte.webinar.plugins.module_utils._encoder_host.commands import run
    from ansible_collections.tenbyte.webinar.plugins.module_utils._encoder_host.convergence import converge
    from ansible_collections.tenbyte.webinar.plugins.module_utils._encoder_host.inspection import inspect

    try:
        if module.params["mode"] == "inspect":
            result = inspect(request, run)
        else:
            result = converge(request, run, check=module.check_mode, diff=module._diff)  # noqa: SLF001 - Ansible's own name
    except Exception as error:  # noqa: BLE001 - a bug: the text of the error and its traceback could quote a secret
        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}"
        result = {"problem": f"tenbyte.webinar has a bug ({place}). Report this message, which contains no values."}
    module.exit_json(taken=is_gone, **result)


if __name__ == "__main__":
    main()
