# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import difflib
from dataclasses import replace
from typing import Any

import pytest
import yaml
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.diffs import diff_of
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import EventSpec, Policy, RoomSpec, Settings
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.ensure import Outcome
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.outcomes import foreseen

from ..engine_run import KEYNOTE, OTHER_PRESET, Run, event
from ..scripted_server import refusal

ANALYTICS = {"google_tag_manager": {"container_id": "GTM-UNIT", "enabled": True}}
ABSENT_ROOM = EventSpec((RoomSpec(title="Main stage", state="absent"),))


def texts(run: Run, asked: EventSpec, *, check_mode: bool = False) -> tuple[str, str]:
    plan = run.plan(asked)
    applied = foreseen(plan) if check_mode else run.apply_plan(plan, policy=asked.policy)
    shown = diff_of(Outcome(plan, applied))
    assert not any(key in str(shown) for key in run.service.keys.values())
    return shown["before"], shown["after"]


def diff(run: Run, asked: EventSpec, *, check_mode: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    before, after = texts(run, asked, check_mode=check_mode)
    return yaml.safe_load(before) or {}, yaml.safe_load(after) or {}


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_deleted_room_is_shown_with_its_sessions_and_their_keys(run: Run, check_mode: bool) -> None:
    (done, _panel) = run.apply(event(KEYNOTE, replace(KEYNOTE, title="Panel"))).sessions
    before, after = diff(run, ABSENT_ROOM, check_mode=check_mode)
    assert set(before) == {"room Main stage", "session Main stage/Keynote", "session Main stage/Panel"}
    assert before["session Main stage/Keynote"]["stream_key_fingerprint"] == done.fingerprint
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
    assert diff(run, ABSENT_ROOM, check_mode=False) == ({}, {})


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_change_of_analytics_is_shown(run: Run, check_mode: bool) -> None:
    run.apply(event())
    asked = EventSpec((RoomSpec(title="Main stage", analytics=ANALYTICS),))
    before, after = diff(run, asked, check_mode=check_mode)
    (room_id,) = run.service.rooms
    assert before == {"room Main stage": {"id": room_id}}
    manager = "analytics.google_tag_manager"
    told = {f"{manager}.container_id": "GTM-UNIT", f"{manager}.enabled": True}
    assert after == {"room Main stage": {"id": room_id, **told}}


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_replacement_is_shown_as_one_session_before_and_one_after(run: Run, check_mode: bool) -> None:
    (first,) = run.apply(event(KEYNOTE)).sessions
    asked = event(replace(KEYNOTE, preset_id=OTHER_PRESET))
    before, after = diff(run, asked, check_mode=check_mode)
    assert list(before) == list(after) == ["session Main stage/Keynote"]
    (was,), (becomes,) = before.values(), after.values()
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
    # It is there before and after, so it is no difference.
    assert diff(run, asked, check_mode=False) == ({}, {})
    run.service.on_request = lambda _request: None
    before, after = diff(run, asked, check_mode=False)
    assert first.session.id in str(before)
    assert first.session.id not in str(after)


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_purged_session_is_shown_before_only(run: Run, check_mode: bool) -> None:
    run.apply(event(KEYNOTE, replace(KEYNOTE, title="Panel")))
    before, after = diff(run, event(KEYNOTE, policy=Policy(purge=True)), check_mode=check_mode)
    assert (list(before), list(after)) == (["session Main stage/Panel"], [])


@pytest.mark.parametrize("check_mode", [True, False])
def test_two_rooms_of_the_same_title_are_both_shown(run: Run, check_mode: bool) -> None:
    ids = [run.service.add_room("Main stage") for _each in range(2)]
    asked = EventSpec(tuple(RoomSpec(room_id=room_id, sessions=(KEYNOTE,)) for room_id in ids))
    before, after = diff(run, asked, check_mode=check_mode)
    assert before == {}
    assert list(after) == ["session Main stage/Keynote", f"session Main stage ({ids[1]})/Keynote"]


def test_a_run_that_changes_nothing_has_an_empty_diff(run: Run) -> None:
    asked = event(KEYNOTE)
    run.apply(asked)
    for check_mode in (True, False):
        assert texts(run, asked, check_mode=check_mode) == ("", "")


@pytest.mark.parametrize("context", [3, 10])
def test_a_few_lines_around_each_change_name_its_room_and_session(run: Run, context: int) -> None:
    """Of a large event, Ansible prints the changed lines and three lines around them."""
    talks = [replace(KEYNOTE, title=f"Talk {number}") for number in range(40)]
    run.apply(event(*talks))
    changed = {
        7: replace(talks[7], settings=Settings(max_join_limit=7)),
        8: replace(talks[8], preset_id=OTHER_PRESET),
        30: replace(talks[30], settings=Settings(chat_enabled=False, max_join_limit=9)),
    }
    asked = event(*(changed.get(number, talk) for number, talk in enumerate(talks)), KEYNOTE)
    before, after = texts(run, asked)
    assert "Talk 9" not in before + after
    name, found = "", dict[str, int]()
    for line in difflib.unified_diff(before.splitlines(), after.splitlines(), n=context, lineterm=""):
        name = "" if line.startswith("@@") else line[1:-1] if line[1:].startswith("session ") else name
        if line[:1] in "+-" and not line.startswith(("+++", "---")):
            assert name, "a changed line whose session is not named above it in its hunk"
            found[name] = found.get(name, 0) + 1
    assert set(found) == {f"session Main stage/{title}" for title in ("Talk 7", "Talk 8", "Talk 30", "Keynote")}


def test_the_diff_is_the_same_whenever_it_is_made(run: Run) -> None:
    run.apply(event(KEYNOTE))
    asked = event(replace(KEYNOTE, preset_id=OTHER_PRESET), replace(KEYNOTE, title="Panel"))
    plan = run.plan(asked)
    outcome = Outcome(plan, foreseen(plan))
    assert diff_of(outcome) == diff_of(outcome)


def test_names_that_read_the_same_do_not_hide_each_other(run: Run) -> None:
    """Room and title are joined by a slash, which either may contain."""
    rooms = (RoomSpec(title="AAA/BBB", sessions=(replace(KEYNOTE, title="CCC"),)), RoomSpec(title="AAA"))
    asked = EventSpec((*rooms[:1], replace(rooms[1], sessions=(replace(KEYNOTE, title="BBB/CCC"),))))
    _before, after = diff(run, asked, check_mode=True)
    assert len([name for name in after if name.startswith("session ")]) == 2


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
    before, _after = texts(run, EventSpec((RoomSpec(title="Main stage", description="Other"),)), check_mode=True)
    assert shown in before.replace(r"\uD83D", r"\ud83d")
