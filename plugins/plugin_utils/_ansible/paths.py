# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Paths on the controller that users give: expands ``~`` and environment variables in them."""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Mapping
from pathlib import Path

from .._core.errors import InvalidInput


def home_folder() -> Path | None:
    """Return this user's home folder, None where neither HOME nor the user database has one."""
    home = os.environ.get("HOME", "")
    if not home.startswith("/"):
        try:
            home = pwd.getpwuid(os.getuid()).pw_dir
        except KeyError:
            return None
    return Path(home) if home.startswith("/") else None


def expanded(text: str) -> str:
    """Return a path with environment variables, ``~`` and ``~USER`` expanded. Raise ValueError as _with_home does."""
    return _with_home(os.path.expandvars(text))


def _with_home(path: str) -> str:
    """Return a path with ``~`` and ``~USER`` expanded.

    Raise ValueError where the folder is not known. Its text follows the option's name in a message.
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
    """Return an absolute path. A relative one starts at the folder in which ansible-playbook was started."""
    try:
        return Path(path).absolute()
    except OSError:
        raise InvalidInput(
            f"{option} is relative, and the current folder is gone. Give a path that begins with /."
        ) from None


def default_ledger_url(environment: Mapping[str, str]) -> str:
    """Return the SQLite URL under ``$XDG_DATA_HOME``.

    A relative ``$XDG_DATA_HOME`` is ignored (XDG Base Directory Specification). Where there is no home folder, the path
    begins with ``~``, and opening the ledger fails with a message.
    """
    data_home = environment.get("XDG_DATA_HOME", "")
    if not data_home.startswith("/"):
        data_home = f"{home_folder() or '~'}/.local/share"
    return f"sqlite:///{Path(data_home) / 'tenbyte-webinar' / 'ledger.sqlite3'}"


def ledger_url_with_home(ledger_url: str) -> str:
    """Return a ledger's URL, with ``~`` expanded in the path of a SQLite URL.

    Where there is no home folder, the ``~`` stays, and opening the ledger fails with a message.
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
