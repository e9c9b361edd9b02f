# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The accounts of the service and their credentials."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import replace

from .records import User, new_id


def user_of_token(users: Iterable[User], token: str) -> User | None:
    return next((user for user in users if _same(user.token, token)), None)


def user_of_api_key(users: Iterable[User], api_key: str) -> User | None:
    return next((user for user in users if _same(user.api_key, api_key)), None)


def user_named(users: Iterable[User], username: str) -> User:
    """Return the user with this name; raise LookupError if there is none."""
    found = next((user for user in users if user.username == username), None)
    if found is None:
        raise LookupError(f"no user has the username {username!r}")
    return found


def new_user(username: str) -> User:
    return with_new_credentials(User(new_id(), username, f"{username}@example.com", api_key="", token=""))


def with_new_credentials(user: User) -> User:
    return replace(user, api_key=f"sim-api-key-{secrets.token_hex(12)}", token=f"sim-token-{secrets.token_hex(12)}")


def _same(known: str, offered: str) -> bool:
    return secrets.compare_digest(known.encode(), offered.encode("utf-8", "surrogateescape"))
