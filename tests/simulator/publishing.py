# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The publishers that stream to sessions, and the health of their streams.

The caller must hold the lock of the service.
"""

from __future__ import annotations

import time

from .records import CURRENT, Json, Publisher, Session, now
from .refusals import Refusal
from .state import Service


def admitted_session(service: Service, key: str, client: str) -> Session | None:
    """Make a connection the publisher of the session with this key and return the session; None if it is refused."""
    session = service.session_of_key(key)
    if session is None or session.status not in CURRENT:
        return None
    holder = publisher_of(service, session)
    if holder is not None and holder.client != client:
        return None
    if service.publish_starts_session and session.status == "scheduled":
        try:
            service.require_free_air(session)
        except Refusal:
            return None
        service.put_on_air(session)
    session.publisher = Publisher(client, now(), time.monotonic())
    return session


def published_session(service: Service, name: str, client: str) -> Session | None:
    """Return the session that this connection publishes to. ``name`` is its key or its id."""
    session = service.session_of_key(name) or service.sessions.get(name)
    if session is None or session.publisher is None or session.publisher.client != client:
        return None
    return session


def publisher_of(service: Service, session: Session) -> Publisher | None:
    """Return the publisher of a session, None if there is none or it has timed out."""
    publisher = session.publisher
    if publisher and time.monotonic() - publisher.last_heard > service.ingest.publisher_timeout:
        session.publisher = publisher = None
    return publisher


def stream_health(service: Service, session: Session) -> Json:
    publisher = publisher_of(service, session)
    return {
        "publishing": publisher is not None,
        "since": publisher.since.isoformat().replace("+00:00", "Z") if publisher else None,
        "bitrate": None,
        "status": session.status,
        "viewer_count": session.viewer_count,
    }
