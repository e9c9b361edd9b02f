# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""The owner of a file that this user may not use."""

from __future__ import annotations

import os
import pwd
from pathlib import Path


def owner_hint(path: Path) -> str:
    """Return a sentence that names who owns the file, or the folder above it, that this user may not use.

    Return "" if permissions are not the problem. Such files come from a run as another user, for example with sudo.
    """
    for part in (*reversed(path.parents), path):
        try:
            info = part.stat()
        except OSError:
            return ""
        wanted = os.X_OK if part not in (path, path.parent) else os.R_OK | os.W_OK
        if info.st_uid != os.geteuid() and not os.access(part, wanted):
            return (
                f" {part} belongs to {_name(info.st_uid)}, and this run to {_name(os.geteuid())}. Run ansible-playbook "
                "as the same user each time, without sudo if it was made without; become makes no difference here, "
                "because the ledger is used by the user who runs ansible-playbook."
            )
    return ""


def _name(uid: int) -> str:
    try:
        return f"user {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"uid {uid}"
