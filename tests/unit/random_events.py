# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hypothesis strategies for services, ledgers and requested events."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import (
    EventSpec,
    Policy,
    Preset,
    Room,
    RoomSpec,
    Session,
    SessionSpec,
    Settings,
    StreamKey,
)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import Ledger, Slot
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.world import World
from hypothesis import strategies as st

from .small_service import INGEST_URL, SmallService
from .worlds import OTHER_PRESET, PRESET, rows_of, world_of_rooms

ROOMS = ("Main stage", "Workshop")
TITLES = ("Keynote", "Panel", "Closing")
STARTS = (None, "2027-05-04T07:00:00Z", "2027-05-04T09:00:00+02:00", "2027-05-05T07:00:00Z")
TAGS = [{"container_id": "GTM-UNIT"}, {"enabled": True}, {"container_id": "GTM-OTHER", "enabled": False}]
analytics = st.sampled_from([{"google_tag_manager": tag} for tag in TAGS])


@dataclass(frozen=True)
class Scenario:
    """Rooms and sessions of the service, the sessions whose keys are in the ledger (``keys``), the requested event."""

    rooms: tuple[Room, ...]
    sessions: tuple[Session, ...]
    keys: frozenset[str]
    asked: EventSpec

    def world(self) -> World:
        by_title = {room.title: room for room in self.rooms}
        rows = rows_of([session for session in self.sessions if session.id in self.keys])
        world = world_of_rooms([by_title.get(spec.title or "") for spec in self.asked.rooms], self.sessions, rows)
        return replace(world, mine=self.rooms)

    def load(self, service: SmallService, ledger: Ledger, api_url: str) -> None:
        """Replace the contents of the service, and fill the empty ledger."""
        for content in (service.rooms, service.sessions, service.keys, service.journal):
            content.clear()
        for room in self.rooms:
            shown = {"id": room.id, "title": room.title, "description": room.description, "analytics": room.analytics}
            service.rooms[room.id] = {name: value for name, value in shown.items() if value is not None}
        for session in self.sessions:
            service.sessions[session.id] = _shown(session)
            service.keys[session.id] = f"unit-stream-{session.id}"
            if session.id in self.keys:
                slot = Slot(api_url, "session", session.room_id or "", session.title)
                ledger.adopt(slot, session.id, StreamKey(service.keys[session.id], INGEST_URL))


def _shown(session: Session) -> dict[str, Any]:
    return {
        "id": session.id,
        "room_id": session.room_id,
        "title": session.title,
        "status": session.status,
        "mode": session.mode,
        "preset": {"id": session.preset.id},
        "scheduled_start_time": session.scheduled_start_time,
        **{f"effective_{name}": value for name, value in session.settings.given().items()},
    }


truths = st.sampled_from([None, True, False])
settings = st.builds(Settings, truths, truths, st.sampled_from([None, 5, 9]))
rooms_there = st.builds(
    Room,
    id=st.just(""),
    title=st.just(""),
    description=st.sampled_from([None, "Plenary", "Talks"]),
    analytics=st.just({}) | analytics,
)


def sessions_there(statuses: tuple[str, ...]) -> st.SearchStrategy[Session]:
    return st.builds(
        Session,
        id=st.just(""),
        room_id=st.sampled_from(ROOMS),
        # Usually one session per title, sometimes two.
        title=st.sampled_from([*TITLES, "Something else", "And more"]),
        status=st.sampled_from(statuses),
        mode=st.sampled_from([None, "rtmp", "webcam"]),
        preset=st.sampled_from([Preset(PRESET), Preset(OTHER_PRESET)]),
        scheduled_start_time=st.sampled_from(STARTS),
        settings=settings,
    )


def sessions_asked(pins: list[str]) -> st.SearchStrategy[SessionSpec]:
    return st.builds(
        SessionSpec,
        title=st.sampled_from(TITLES),
        preset_id=st.sampled_from([PRESET, OTHER_PRESET]),
        mode=st.sampled_from([None, "rtmp", "webcam"]),
        scheduled_start_time=st.sampled_from(STARTS),
        session_id=st.sampled_from([None, None, None, *pins]),
        settings=settings,
        state=st.sampled_from(["present", "present", "live", "ended", "absent"]),
    )


policies = st.builds(
    Policy,
    replace=st.sampled_from(["scheduled", "never", "live"]),
    on_missing_key=st.sampled_from(["fail", "replace", "go_live", "ignore"]),
    purge=st.booleans(),
)


@st.composite
def scenarios(draw: st.DrawFn, statuses: tuple[str, ...] = ("scheduled", "live", "ended", "expired")) -> Scenario:
    titles = draw(st.lists(st.sampled_from(ROOMS), unique=True))
    rooms = tuple(replace(draw(rooms_there), id=f"room-{title[:4].lower()}", title=title) for title in titles)
    ids = {room.title: room.id for room in rooms}
    found = draw(st.lists(sessions_there(statuses), max_size=6)) if rooms else []
    sessions = tuple(
        replace(session, id=f"session-{number}", room_id=ids[session.room_id or ""])
        for number, session in enumerate(found)
        if session.room_id in ids
    )
    # The ledger has one row for each room and title.
    slots = {(session.room_id, session.title): session.id for session in sessions if draw(st.booleans())}
    asked = tuple(
        RoomSpec(
            title=title,
            description=draw(st.sampled_from([None, "", "Plenary"])),
            analytics=draw(st.none() | analytics),
            state=draw(st.sampled_from(["present", "present", "present", "absent"])),
            sessions=tuple(
                draw(st.lists(sessions_asked([s.id for s in sessions]), max_size=3, unique_by=lambda spec: spec.title))
            ),
        )
        for title in draw(st.lists(st.sampled_from(ROOMS), min_size=1, unique=True))
    )
    requested = tuple(replace(room, sessions=()) if room.state == "absent" else room for room in asked)
    return Scenario(rooms, sessions, frozenset(slots.values()), EventSpec(requested, draw(policies)))
