# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Random worlds with requests in doubt, their twins, and sessions that look like twins but for one thing."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone

from ansible_collections.tenbyte.webinar.plugins.plugin_utils.doubts import LATEST_EFFECT, Doubt
from ansible_collections.tenbyte.webinar.plugins.plugin_utils.ledger import Row
from ansible_collections.tenbyte.webinar.plugins.plugin_utils.model import (
    EventSpec,
    Preset,
    RoomSpec,
    Session,
    SessionSpec,
)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils.observe import World, rows_by_slot
from hypothesis import strategies as st

from .random_events import policies
from .worlds import OTHER_PRESET, PRESET, ROOM, kept, world_of

INTENT = 1_700_000_000.0
UNTIL = INTENT + 60
NOW = INTENT + 2 * LATEST_EFFECT


def instant(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat()


FITTING = {"status": "scheduled", "preset": Preset(PRESET), "created_at": instant(INTENT + 30)}
# What fits, as often as what does not in one respect.
looks = st.just({}) | st.sampled_from(
    [
        {"status": "live"},
        {"status": "ended"},
        {"status": "paused"},
        {"preset": Preset(OTHER_PRESET)},
        {"preset": Preset(None)},
        {"created_at": instant(INTENT - 2)},
        {"created_at": instant(UNTIL + LATEST_EFFECT + 2)},
        {"created_at": None},
        {"created_at": "soon"},
    ]
)
doubts = st.builds(
    Doubt,
    count=st.sampled_from([1, 1, 2, 0]),
    since=st.sampled_from([INTENT] * 5 + [None]),
    until=st.just(UNTIL),
    preset_ids=st.sampled_from([(PRESET,), (PRESET,), tuple(sorted((PRESET, OTHER_PRESET))), (OTHER_PRESET,)]),
)


specs = st.builds(
    SessionSpec,
    title=st.just(""),
    preset_id=st.sampled_from([PRESET, PRESET, OTHER_PRESET]),
    session_id=st.sampled_from([None, None, None, "beside-0", "own"]),
    state=st.sampled_from(["present", "present", "live", "ended", "absent"]),
)


@st.composite
def doubtful_events(draw: st.DrawFn) -> tuple[EventSpec, World]:
    """Draw a room, what is asked of its slots, what each holds and is in doubt about, and sessions beside it."""
    sessions: list[Session] = []
    rows: list[Row] = []
    asked: list[SessionSpec] = []
    for title in ("Keynote", "Panel")[: draw(st.integers(1, 2))]:
        plain = Session("", ROOM.id, title, "scheduled", preset=Preset(PRESET), created_at=instant(UNTIL))
        own = replace(plain, id=f"own-{title}", status=draw(st.sampled_from(["scheduled"] * 3 + ["live", "ended"])))
        beside = [
            replace(plain, id=f"beside-{copy}-{title}", **{**FITTING, **draw(looks)})  # type: ignore[arg-type]
            for copy in range(draw(st.integers(0, 3)))
        ]
        here = [*draw(st.sampled_from([[own], [own], []])), *beside]
        ids = [session.id for session in here]
        seen = frozenset(draw(st.sampled_from([[], [], [], ids[-1:]])))
        row = replace(kept(own), id=len(rows), doubt=draw(doubts), seen_ids=seen)
        pending = replace(row, phase="pending", object_id=None, key=None, leased=draw(st.booleans()))
        past = replace(row, id=100 + len(rows), phase=draw(st.sampled_from(["retired", "spare"])), doubt=draw(doubts))
        past = replace(past, object_id=draw(st.sampled_from([None, "gone", *ids])))
        rows += draw(st.sampled_from([[row], [row], [row, past], [pending], [pending, past], [past]]))
        sessions += here
        spec = draw(specs)
        asked.append(replace(spec, title=title, session_id=f"{spec.session_id}-{title}" if spec.session_id else None))
    world = replace(world_of(ROOM, tuple(sessions)), now=NOW, **rows_by_slot(rows))
    return EventSpec((RoomSpec(title=ROOM.title, sessions=tuple(asked)),), draw(policies)), world
