# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import secrets
from dataclasses import replace
from typing import Any

import pytest
import yaml
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.results import event_result, session_result
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.this_run import RUN, SESSIONS
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import (
    EventSpec,
    Preset,
    RoomSpec,
    Session,
    SessionSpec,
    StreamKey,
)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import MASK, Redactor
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.ensure import Outcome
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.outcomes import (
    Applied,
    RoomOutcome,
    SessionOutcome,
    foreseen,
)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.plan import make_plan
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.world import World

from ..worlds import PRESET, ROOM, kept, world_of, world_of_rooms

SPEC = SessionSpec("Keynote", preset_id=PRESET, mode="rtmp", encoder="encoder1")
SESSION = Session("s1", "r1", "Keynote", "scheduled", mode="rtmp", preset=Preset(PRESET, "Stage", "rtmp"))
SECRET = f"unit-stream-{secrets.token_hex(12)}"
KEY = StreamKey(SECRET, f"rtmp://ingest.invalid/live/{SECRET}")
ASKED = EventSpec((RoomSpec(title="Main stage", sessions=(SPEC,)),))
MADE = SessionOutcome("Main stage", "r1", SPEC, SESSION, KEY, "fp-1", changed=True)


def world(*, room: bool, session: bool) -> World:
    rows = [replace(kept(SESSION), key=KEY)] if session else []
    return world_of(ROOM if room else None, (SESSION,) if session else (), rows)


def shown(
    outcome: Outcome,
    before: dict[str, Any] | None = None,
    run: str = "run-1",
    redactor: Redactor | None = None,
    **options: bool,
) -> dict[str, Any]:
    return event_result(outcome, redactor or Redactor(), facts_before=before or {}, run=run, **options)


def applied(*sessions: SessionOutcome, asked: EventSpec = ASKED, room_changed: bool = False) -> Outcome:
    plan = make_plan(asked, world(room=True, session=False))
    return Outcome(plan, Applied((RoomOutcome(asked.rooms[0], ROOM, room_changed),), sessions))


def checked(*, room: bool, session: bool) -> Outcome:
    plan = make_plan(ASKED, world(room=room, session=session))
    return Outcome(plan, foreseen(plan))


def shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: shape(item) for name, item in value.items()}
    return [shape(item) for item in value] if isinstance(value, list) else None


def test_no_result_contains_the_key_even_if_the_service_puts_it_into_urls() -> None:
    spiteful = replace(MADE, session=replace(SESSION, hls_url=f"https://hls.invalid/{SECRET}"), notes=(SECRET,))
    failing = replace(MADE, error=f"the service said {SECRET}")
    for outcome in (spiteful, failing):
        result = shown(applied(outcome), redactor=Redactor([SECRET]))
        assert SECRET not in json.dumps(result)
        assert MASK in json.dumps(result)


def test_the_ingest_url_is_masked_without_a_redactor() -> None:
    assert session_result(MADE, "Main stage/Keynote")["rtmp_url"] == f"rtmp://ingest.invalid/live/{MASK}"


def test_a_created_session_is_shown_with_its_fingerprint() -> None:
    result = shown(applied(MADE))
    (session,) = result["sessions"]
    assert result["changed"] is True
    assert (session["id"], session["room"], session["encoder"]) == ("s1", "Main stage", "encoder1")
    assert (session["stream_key_available"], session["stream_key_fingerprint"]) == (True, "fp-1")
    assert "failed" not in result
    assert result["failed_sessions"] == []


def test_check_mode_has_the_shape_of_a_real_run() -> None:
    real = shown(applied(MADE))
    for room in (True, False):
        foretold = shown(checked(room=room, session=False))
        assert foretold["sessions"][0]["id"] is None
        assert shape(foretold["sessions"]) == shape(real["sessions"])
        assert set(foretold) == set(real)


def test_a_matching_session_shows_no_change_and_an_empty_diff() -> None:
    result = shown(checked(room=True, session=True))
    assert (result["changed"], result["plan"]) == (False, [])
    assert result["diff"]["before"] == result["diff"]["after"] == ""


def test_a_diff_is_yaml_of_before_and_after_with_fingerprints() -> None:
    diff = shown(applied(MADE))["diff"]
    assert diff["before"] == ""
    after = yaml.safe_load(diff["after"])
    assert list(after) == ["session Main stage/Keynote"]
    assert after["session Main stage/Keynote"] == {
        "id": "s1",
        "status": "scheduled",
        "preset_id": PRESET,
        "mode": "rtmp",
        "scheduled_start_time": None,
        "stream_key_fingerprint": "fp-1",
    }


def test_a_step_of_the_plan_has_its_request() -> None:
    (line,) = shown(checked(room=True, session=False))["plan"]
    assert line == {
        "action": "create_session",
        "room": "Main stage",
        "title": "Keynote",
        "request": {
            "method": "POST",
            "path": "/rooms/r1/sessions",
            "body": {"title": "Keynote", "preset_id": PRESET, "mode": "rtmp"},
        },
        "reason": "no current session of the room has this title",
    }


def test_a_failure_names_each_session_and_keeps_the_results_of_the_others() -> None:
    broken = SessionOutcome("Main stage", "r1", replace(SPEC, title="Panel"), None, error="no room left")
    asked = EventSpec((RoomSpec(title="Main stage", sessions=(SPEC, broken.spec)),))
    result = shown(applied(MADE, broken, asked=asked))
    assert (result["failed"], result["changed"]) == (True, True)
    assert "Main stage/Panel: no room left" in result["msg"]
    assert result["failed_sessions"] == [{"room": "Main stage", "title": "Panel", "reason": "no room left"}]
    assert list(result["ansible_facts"][SESSIONS]) == ["Main stage/Keynote"]


def test_a_failed_room_without_sessions_is_reported_as_a_room() -> None:
    asked = EventSpec((RoomSpec(title="Main stage"),))
    plan = make_plan(asked, world(room=False, session=False))
    result = shown(Outcome(plan, Applied((RoomOutcome(asked.rooms[0], None, error="refused"),), ())))
    assert result["failed"] is True
    assert result["failed_sessions"] == [{"room": "Main stage", "title": None, "reason": "refused"}]
    assert "of 0 sessions" not in result["msg"]


def test_facts_of_the_same_run_add_up_and_lose_gone_sessions() -> None:
    before = {SESSIONS: {"Main stage/Keynote": {"id": "old"}, "Other/Talk": {"id": "s7"}}, RUN: "run-1"}
    facts = shown(applied(MADE), before)["ansible_facts"]
    assert facts[SESSIONS]["Main stage/Keynote"]["id"] == "s1"
    assert facts[SESSIONS]["Other/Talk"] == {"id": "s7"}
    removed = SessionOutcome("Main stage", "r1", replace(SPEC, state="absent"), None, changed=True)
    assert list(shown(applied(removed), before)["ansible_facts"][SESSIONS]) == ["Other/Talk"]


@pytest.mark.parametrize("before", [{}, {SESSIONS: {"Old/Talk": {}}}, {SESSIONS: {"Old/Talk": {}}, RUN: "run-0"}])
def test_facts_of_an_earlier_run_are_not_mixed_in(before: dict[str, Any]) -> None:
    facts = shown(applied(MADE), before)["ansible_facts"]
    assert list(facts[SESSIONS]) == ["Main stage/Keynote"]
    assert facts[RUN] == "run-1"


def test_a_replaced_orphan_is_a_warning() -> None:
    result = shown(applied(replace(MADE, notes=("replaced s0",))))
    assert result["warnings"] == ["Main stage/Keynote: replaced s0"]


def test_absent_sessions_are_not_among_the_results() -> None:
    gone = SessionOutcome("Main stage", "r1", replace(SPEC, state="absent"), None, changed=True)
    result = shown(applied(gone))
    assert (result["sessions"], result["changed"]) == ([], True)


def failing(*reasons: str, rooms: tuple[str, ...] = ()) -> Outcome:
    """Return the outcome of a run in which a session failed for each reason, and a room for each of ``rooms``."""
    specs = tuple(replace(SPEC, title=f"Talk {number}") for number in range(len(reasons)))
    asked = EventSpec((RoomSpec(title="Main stage", sessions=specs),))
    asked = EventSpec((*asked.rooms, *(RoomSpec(title=f"Room {number}") for number in range(len(rooms)))))
    plan = make_plan(asked, world_of_rooms([ROOM, *[None] * len(rooms)]))
    outcomes = [
        SessionOutcome("Main stage", "r1", spec, replace(SESSION, id=f"id-{number}"), error=reason)
        for number, (spec, reason) in enumerate(zip(specs, reasons, strict=True))
    ]
    of_rooms = [RoomOutcome(spec, None, error=error) for spec, error in zip(asked.rooms[1:], rooms, strict=True)]
    return Outcome(plan, Applied((RoomOutcome(asked.rooms[0], ROOM), *of_rooms), tuple(outcomes)))


def test_a_failure_that_many_sessions_share_is_reported_once() -> None:
    reasons = [f"the session id-{number} exists, but the ledger does not hold its stream key." for number in range(40)]
    result = shown(failing(*reasons))
    assert result["msg"].startswith("40 of 40 sessions failed. ")
    assert result["msg"].count("the ledger does not hold its stream key") == 1
    assert "and 30 more" in result["msg"]
    assert len(result["msg"]) < 600
    # The result has the full reason of each.
    assert [item["reason"] for item in result["failed_sessions"]] == reasons


def test_a_failure_counts_rooms_and_sessions_separately() -> None:
    result = shown(failing("no", rooms=("refused", "refused")))
    assert result["msg"].startswith("1 of 1 session and 2 rooms failed. ")
    assert "Room 0, Room 1: refused" in result["msg"]
    assert shown(failing("", rooms=("refused",)))["msg"].startswith("1 room failed. ")
    assert result["failed_rooms"] == [{"room": f"Room {number}", "reason": "refused"} for number in range(2)]


@pytest.mark.parametrize("length", range(0, 60, 3))
def test_no_part_of_a_secret_is_left_where_a_long_message_is_cut(length: int) -> None:
    secret = "K" + secrets.token_hex(12)
    reasons = [f"{'x ' * 720}{'y' * length} {secret} {word}" for word in ("one", "other")]
    message = shown(failing(*reasons), redactor=Redactor([secret]))["msg"]
    assert not any(secret[:end] in message for end in range(6, len(secret)))


def test_a_malformed_ingest_url_is_not_passed_on() -> None:
    odd = replace(MADE, key=StreamKey(SECRET, "rtmp://ingest.invalid/live' exec evil", "file:///etc/passwd"))
    result = shown(applied(odd))
    (session,) = result["sessions"]
    assert (session["rtmp_url"], session["whip_url"]) == (None, None)
    assert "ingest URL is malformed" in result["warnings"][0]


@pytest.mark.parametrize("query", ["?access_token=abcdef0123456789", "?jwt=eyJhbGciOi.e30.x", "?user=a&pass=b"])
def test_a_whip_url_that_comes_with_a_credential_is_not_shown(query: str) -> None:
    whip = replace(MADE, key=StreamKey(SECRET, "rtmp://ingest.invalid/live", f"https://ingest.invalid/whip{query}"))
    shown = session_result(whip, "n")
    assert (shown["whip_url"], shown["rtmp_url"]) == (None, "rtmp://ingest.invalid/live")


def test_a_session_shows_its_whip_url_with_the_key_masked() -> None:
    whip = replace(MADE, key=StreamKey(SECRET, None, f"https://ingest.invalid/whip/{SECRET}"))
    assert session_result(whip, "n")["whip_url"] == f"https://ingest.invalid/whip/{MASK}"
