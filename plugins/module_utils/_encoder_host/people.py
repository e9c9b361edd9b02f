# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""The streams that a person sends with a program of their own: put into that person's folder, and taken back.

A person can put links into their own folder. So nothing is written or removed there with more rights than theirs.
"""

from __future__ import annotations

import json
import os
import pwd
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .commands import HostError
from .files import Files


def take_back(entries: Sequence[Mapping[str, Any]], files: Files) -> list[str]:
    """Remove streams from the ``home`` of the program, and then the ``record`` of who has them.

    Return a sentence about each that cannot be reached now. Its record stays, for the next run. Where that is not
    enough, it is ``required``.
    """
    owners = [_owner(one) for one in entries]
    away = [one for one, owner in zip(entries, owners) if owner is not None and _is_away(Path(one["home"]), owner[0])]
    sentences = [
        f"{one['home']} is not there, but its user is. So what was put there stays, with its stream key. Mount the "
        f"home folder, or remove {one['record']} if it has gone for good, and run the role again."
        for one in away
    ]
    for one, sentence in zip(away, sentences):
        if one["required"]:
            raise HostError(sentence)
    for one, owner in zip(entries, owners):
        if one in away:
            continue
        if owner is not None and Path(one["home"]).parent.parent.exists():
            with _acting_as(*owner):
                if Path(one["home"]).is_dir():
                    for path in one["paths"]:
                        files.remove(f"{one['home']}/{path}")
        files.remove(one["record"])
    return sentences


def _is_away(home: Path, uid: int) -> bool:
    """Return whether the home folder of an account that exists is not mounted, so that nobody knows what is in it."""
    account = home.parent.parent
    try:
        pwd.getpwuid(uid)
        return not any(account.iterdir())
    except KeyError:
        return False
    except FileNotFoundError:
        return True
    except PermissionError:
        # A server of files may refuse root. The user itself will see.
        return False


def _owner(entry: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return the user and group with whose rights streams are removed, None if there is nobody to remove them from.

    They are of the record. Where it has none, they are those of the account's home folder, which its owner cannot
    replace with a link; the folders in it say nothing.
    """
    home = Path(entry["home"])
    # A relative path comes from no run of the role.
    if not home.is_absolute():
        return None
    if entry["owner"] is not None:
        uid, gid = entry["owner"]
        return uid, gid
    account = home.parent.parent
    for one in pwd.getpwall():
        if Path(one.pw_dir) == account:
            return one.pw_uid, one.pw_gid
    try:
        found = account.stat()
    except FileNotFoundError:
        return None
    if found.st_uid == 0:
        raise HostError(
            f"{entry['record']} does not say whose {home} is, and {account} belongs to root. Remove what is named "
            "tenbyte-* in basic/profiles and basic/scenes of that folder, and then the record."
        )
    return found.st_uid, found.st_gid


def hand_over(person: Mapping[str, Any], files: Files) -> None:
    """Write the files of streams into the folder of the person.

    The program rewrites them, so they cannot be compared. A file is written if the role's own file is newer, and the
    one with the key also if it has another key. In check mode, a file that the role would write counts as newer.
    """
    contents = {one["from"]: _content(one["from"]) for one in person["files"]}
    times = {path: _written(path) for path in contents}
    try:
        with _acting_as(person["uid"], person["gid"]):
            for path in person["folders"]:
                files.folder(path, 0o700)
            for one in person["files"]:
                origin, path = one["from"], one["path"]
                content = contents[origin]
                if origin not in files.written and _written(path) > times[origin] and not _has_other_key(path, content):
                    continue
                if content is None or (files.check and origin in files.written):
                    files.written.append(path)
                else:
                    files.file(path, content, 0o600, shown=False, note=one["note"])
    except OSError as error:
        raise HostError(
            f"obs_encoder_user: that user cannot write {error.filename or 'a file'}: {error.strerror}."
        ) from error


@contextmanager
def _acting_as(uid: int, gid: int) -> Iterator[None]:
    """Have the rights of a user for a while. Only root can, and root has no need to act as itself."""
    if os.geteuid() != 0 or uid == 0:
        yield
        return
    own = (os.getgroups(), os.getegid())
    os.setgroups([gid])
    os.setegid(gid)
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(own[1])
        os.setgroups(own[0])


def _content(path: str) -> bytes | None:
    try:
        return Path(path).read_bytes()
    except OSError:
        return None


def _written(path: str) -> int:
    """Return when a file was written, in nanoseconds; -1 where there is none."""
    try:
        return Path(path).stat().st_mtime_ns
    except FileNotFoundError:
        return -1


def _has_other_key(path: str, content: bytes | None) -> bool:
    key = _key(content)
    return key is not None and _key(_content(path)) != key


def _key(content: bytes | None) -> str | None:
    """Return the key in the settings of a service, None in other files."""
    try:
        settings = json.loads(content or b"")["settings"]
        found = settings.get("key") or settings.get("bearer_token")
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return found if isinstance(found, str) else None
