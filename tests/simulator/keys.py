# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stream keys and LiveKit tokens: their creation, their sessions, and all that were issued."""

from __future__ import annotations

import secrets
from uuid import uuid4

from .records import Session

TOKEN_PREFIX = "simlk-"
# Placeholders in the form of a key: 48 hexadecimal digits, six hyphenated groups of four digits, or a UUID.
PARTS_OF_KEYS = ("{random}", "{hyphenated}", "{uuid}")


class Keys:
    """The keys of all sessions. The caller must hold the lock of the service."""

    def __init__(self) -> None:
        self.issued: list[str] = []
        self.issued_tokens: list[str] = []
        self._sessions: dict[str, Session] = {}

    def of(self, session: Session, form: str) -> str:
        """Return a session's key; if it has none, issue one in this form."""
        if session.stream_key is None:
            session.stream_key = _new_key(form)
            self._sessions[session.stream_key] = session
            self.issued.append(session.stream_key)
        return session.stream_key

    def session_of(self, key: str) -> Session | None:
        return self._sessions.get(key)

    def forget(self, session: Session) -> None:
        if session.stream_key is not None:
            del self._sessions[session.stream_key]
            session.stream_key = None

    def new_token(self) -> str:
        token = TOKEN_PREFIX + secrets.token_hex(24)
        self.issued_tokens.append(token)
        return token


def _new_key(form: str) -> str:
    digits = secrets.token_hex(24)
    hyphenated = "-".join(digits[start : start + 4] for start in range(0, 24, 4))
    for part, value in zip(PARTS_OF_KEYS, (digits, hyphenated, str(uuid4())), strict=True):
        form = form.replace(part, value)
    return form
