# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Paths that users give, on the controller: what ``~`` and variables of the environment stand for in them."""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Mapping
from pathlib import Path

from .._core.errors import InvalidInput


def home_folder() -> Path | None:
    """Return the home folder of this user, None where neither HOME nor the system names one (a uid without a name)."""
    home = os.environ.get("HOME", "")
    if not home.startswith("/"):
        try:
            home = pwd.getpwuid(os.getuid()).pw_dir
        except KeyError:
            return None
    return Path(home) if home.startswith("/") else None


def expanded(text: str) -> str:
    """Return a path with its variables of the environment, ``~`` and ``~USER`` put in; raise ValueError as below."""
    return _with_home(os.path.expandvars(text))


def _with_home(path: str) -> str:
    """Return a path with folders for ``~`` and ``~USER``.

    Raise ValueError where nobody knows the folder, with a text that follows the option's name in a message.
    """
    if path == "~" or path.startswith("~/"):
        home = home_folder()
        if home is None:
            raise ValueError(
                f"'{path}' begins with ~, but there is no home folder: HOME is not set and this user has no name. Set "
                "HOME, or give the whole path."
            )
        return str(home / path[2:])
    try:
        return str(Path(path).expanduser())
    except RuntimeError:
        user = path.partition("/")[0]
        raise ValueError(f"'{path}': {user} names no user. Give the whole path.") from None


def absolute(path: str, option: str) -> Path:
    """Return an absolute path; what is relative is so to the folder that ansible-playbook was started in."""
    try:
        return Path(path).absolute()
    except OSError:
        raise InvalidInput(
            f"{option} is relative, and the current folder is gone. Give a path that begins with /."
        ) from None


def default_ledger_url(environment: Mapping[str, str]) -> str:
    """Return the SQLite URL under ``$XDG_DATA_HOME``, which counts only if absolute (XDG Base Directory Specification).

    Where there is no home folder, its path begins with ``~``: only who needs the file has to hear of it.
    """
    data_home = environment.get("XDG_DATA_HOME", "")
    if not data_home.startswith("/"):
        data_home = f"{home_folder() or '~'}/.local/share"
    return f"sqlite:///{Path(data_home) / 'tenbyte-webinar' / 'ledger.sqlite3'}"


def with_home_put_in(ledger_url: str) -> str:
    """Return the URL of a ledger, with its path's ``~`` put in if it is one in SQLite.

    Where there is no home folder, the ``~`` stays: only who needs the file has to hear of it.
    """
    found = re.fullmatch(r"(sqlite(?:\+pysqlite)?:///)(~.*)", ledger_url, re.DOTALL)
    if found is None:
        return ledger_url
    beginning, path = found.groups()
    try:
        return beginning + _with_home(path)
    except ValueError as error:
        if home_folder() is None:
            return ledger_url
        raise InvalidInput(f"ledger_url {error}") from None
