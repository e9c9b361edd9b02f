# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.diffs import diff_of
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import EventSpec, Policy, RoomSpec
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.ensure import Outcome
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.outcomes import foreseen

from ..engine_run import KEYNOTE, OTHER_PRESET, Run, event
from ..scripted_server import refusal

ANALYTICS = {"google_tag_manager": {"container_id": "GTM-UNIT", "enabled": True}}
ABSENT_ROOM = EventSpec((RoomSpec(title="Main stage", state="absent"),))


def rooms_of(text: str) -> dict[str, Any]:
    found: dict[str, Any] = (yaml.safe_load(text) or {}).get("rooms", {})
    return found


def diff(run: Run, asked: EventSpec, *, check_mode: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    plan = run.plan(asked)
    applied = foreseen(plan) if check_mode else run.apply_plan(plan, policy=asked.policy)
    shown = diff_of(Outcome(plan, applied))
    assert not any(key in str(shown) for key in run.service.keys.values())
    return rooms_of(shown["before"]), rooms_of(shown["after"])


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_deleted_room_is_shown_with_its_sessions_and_their_keys(run: Run, check_mode: bool) -> None:
    (done, _panel) = run.apply(event(KEYNOTE, replace(KEYNOTE, title="Panel"))).sessions
    before, after = diff(run, ABSENT_ROOM, check_mode=check_mode)
    assert set(before["Main stage"]["sessions"]) == {"Keynote", "Panel"}
    assert before["Main stage"]["sessions"]["Keynote"]["stream_key_fingerprint"] == done.fingerprint
    assert after == {}


def test_the_plan_names_the_sessions_that_are_deleted_with_a_room(run: Run) -> None:
    (done,) = run.apply(event(KEYNOTE)).sessions
    (step,) = run.plan(ABSENT_ROOM).steps()
    assert done.session is not None
    assert f"'Keynote' ({done.session.id})" in step.reason
    assert "stream keys" in step.reason


def test_a_room_that_could_not_be_deleted_is_shown_unchanged(run: Run) -> None:
    run.apply(event(KEYNOTE))
    run.service.on_request = lambda request: refusal(403) if request.method == "DELETE" else None
    before, after = diff(run, ABSENT_ROOM, check_mode=False)
    assert before == after != {}


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_change_of_analytics_is_shown(run: Run, check_mode: bool) -> None:
    run.apply(event())
    asked = EventSpec((RoomSpec(title="Main stage", analytics=ANALYTICS),))
    before, after = diff(run, asked, check_mode=check_mode)
    assert "analytics" not in before["Main stage"]
    assert after["Main stage"]["analytics"] == ANALYTICS


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_replacement_is_shown_as_one_session_before_and_one_after(run: Run, check_mode: bool) -> None:
    (first,) = run.apply(event(KEYNOTE)).sessions
    asked = event(replace(KEYNOTE, preset_id=OTHER_PRESET))
    before, after = diff(run, asked, check_mode=check_mode)
    (was,) = before["Main stage"]["sessions"].values()
    (becomes,) = after["Main stage"]["sessions"].values()
    assert first.session is not None
    assert (was["id"], was["stream_key_fingerprint"]) == (first.session.id, first.fingerprint)
    assert becomes["id"] == (None if check_mode else next(iter(run.service.sessions)))
    assert becomes["preset_id"] == OTHER_PRESET


def test_a_replaced_session_that_could_not_be_removed_is_shown_before_and_after(run: Run) -> None:
    (first,) = run.apply(event(KEYNOTE)).sessions
    run.service.on_request = lambda request: refusal(403) if request.method == "DELETE" else None
    asked = event(replace(KEYNOTE, preset_id=OTHER_PRESET))
    diff(run, asked, check_mode=False)
    assert first.session is not None
    before, after = diff(run, asked, check_mode=False)
    assert first.session.id in str(before)
    assert first.session.id in str(after)
    run.service.on_request = lambda _request: None
    before, after = diff(run, asked, check_mode=False)
    assert first.session.id in str(before)
    assert first.session.id not in str(after)


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_purged_session_is_shown_before_only(run: Run, check_mode: bool) -> None:
    run.apply(event(KEYNOTE, replace(KEYNOTE, title="Panel")))
    before, after = diff(run, event(KEYNOTE, policy=Policy(purge=True)), check_mode=check_mode)
    assert list(before["Main stage"]["sessions"]) == ["Keynote", "Panel"]
    assert list(after["Main stage"]["sessions"]) == ["Keynote"]


@pytest.mark.parametrize("check_mode", [True, False])
def test_two_rooms_of_the_same_title_are_both_shown(run: Run, check_mode: bool) -> None:
    ids = [run.service.add_room("Main stage") for _each in range(2)]
    asked = EventSpec(tuple(RoomSpec(room_id=room_id, sessions=(KEYNOTE,)) for room_id in ids))
    before, after = diff(run, asked, check_mode=check_mode)
    assert [room["id"] for room in before.values()] == ids
    assert [room["id"] for room in after.values()] == ids
    assert [len(room["sessions"]) for room in after.values()] == [1, 1]


def test_a_run_that_changes_nothing_has_an_empty_diff(run: Run) -> None:
    asked = event(KEYNOTE)
    run.apply(asked)
    for check_mode in (True, False):
        before, after = diff(run, asked, check_mode=check_mode)
        assert before == after != {}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Plenary \N{GRINNING FACE}", "Plenary \N{GRINNING FACE}"),
        ("hello \ud83d there", r"hello \ud83d there"),
        ("Größe", "Größe"),
    ],
)
def test_every_text_of_the_service_is_shown_so_that_a_secret_in_it_is_masked(run: Run, text: str, shown: str) -> None:
    run.service.add_room("Main stage")
    for room in run.service.rooms.values():
        room["description"] = text
    plan = run.plan(event())
    before = diff_of(Outcome(plan, foreseen(plan)))["before"]
    assert shown in before.replace(r"\uD83D", r"\ud83d")
