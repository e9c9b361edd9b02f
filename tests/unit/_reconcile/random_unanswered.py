# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Random worlds with unanswered requests, the sessions that these created, and similar sessions of other origin."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone

from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import (
    EventSpec,
    Preset,
    RoomSpec,
    Session,
    SessionSpec,
)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import Phase, Row
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.unanswered import LATEST_EFFECT, Unanswered
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.world import World
from hypothesis import strategies as st

from ..random_events import policies
from ..worlds import OTHER_PRESET, PRESET, ROOM, kept, world_of

INTENT = 1_700_000_000.0
UNTIL = INTENT + 60
NOW = INTENT + 2 * LATEST_EFFECT


def instant(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat()


FITTING = {"status": "scheduled", "preset": Preset(PRESET), "created_at": instant(INTENT + 30)}
# Values that fit an unanswered request, and values that do not, drawn equally often.
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
BESIDE: list[Phase] = ["retired", "spare", "replaced", "beside"]
unanswered = st.just(Unanswered.none()) | st.builds(
    Unanswered,
    count=st.sampled_from([1, 1, 2]),
    since=st.just(INTENT),
    until=st.just(UNTIL),
    by_service=st.just(True),
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
def unanswered_events(draw: st.DrawFn) -> tuple[EventSpec, World]:
    """Draw a room, the specs of its slots, their rows with unanswered requests, and sessions beside them."""
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
        row = replace(kept(own), id=len(rows), unanswered=draw(unanswered), seen_ids=seen)
        pending = replace(row, phase="pending", object_id=None, key=None, leased=draw(st.booleans()))
        phase: Phase = draw(st.sampled_from(BESIDE))
        other = replace(row, id=100 + len(rows), phase=phase, unanswered=draw(unanswered))
        other = replace(other, object_id=draw(st.sampled_from([None, "gone", *ids])))
        rows += draw(st.sampled_from([[row], [row], [row, other], [pending], [pending, other], [other]]))
        sessions += here
        spec = draw(specs)
        asked.append(replace(spec, title=title, session_id=f"{spec.session_id}-{title}" if spec.session_id else None))
    world = world_of(ROOM, tuple(sessions), rows, now=NOW)
    return EventSpec((RoomSpec(title=ROOM.title, sessions=tuple(asked)),), draw(policies)), world
