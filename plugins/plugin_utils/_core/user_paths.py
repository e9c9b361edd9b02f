# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Paths that users give, on the controller: ``~`` in them, and whose the files are that a run may not use."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

from .errors import InvalidInput


def home_folder() -> Path | None:
    """Return the home folder of this user, None where neither HOME nor the system names one (a uid without a name)."""
    home = os.environ.get("HOME", "")
    if not home.startswith("/"):
        try:
            home = pwd.getpwuid(os.getuid()).pw_dir
        except KeyError:
            return None
    return Path(home) if home.startswith("/") else None


def expanded(text: str, option: str) -> Path:
    """Return the path with ``~`` and ``~USER`` as folders; raise InvalidInput where nobody knows which they are."""
    if text == "~" or text.startswith("~/"):
        home = home_folder()
        if home is None:
            raise InvalidInput(
                f"{option} '{text}' begins with ~, but there is no home folder: HOME is not set and this user has no "
                "name. Set HOME, or give the whole path."
            )
        return home / text[2:]
    try:
        return Path(text).expanduser()
    except RuntimeError:
        user = text.partition("/")[0]
        raise InvalidInput(f"{option} '{text}': {user} names no user. Give the whole path.") from None


def user_path(text: str, option: str) -> Path:
    """Return an absolute path; what is relative is so to the folder that ansible-playbook was started in."""
    try:
        return expanded(text, option).absolute()
    except OSError:
        raise InvalidInput(
            f"{option} is relative, and the current folder is gone. Give a path that begins with /."
        ) from None


def whose_hint(path: Path) -> str:
    """Return a sentence that names the owner of what keeps this user from a file, empty where that is not the matter.

    Such a file is what a run as another user has left, with sudo for one.
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
