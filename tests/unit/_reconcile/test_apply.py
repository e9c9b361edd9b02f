# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import (
    EventSpec,
    Room,
    RoomSpec,
    SessionSpec,
    StreamKey,
)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import Busy, Claim, Ledger
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile import creation
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.observe import observe
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.outcomes import foreseen
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.plan import make_plan
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.api import CreatedSession

from ..engine_run import POOL, Run
from ..ledger_cases import ELSEWHERE
from ..scripted_server import Request, refusal

HOST = "7c1e5d20-93ab-4f0e-8a51-2f7b6d9c0e33"
PRESET = "0d3f2c84-5f43-4b0c-9a57-0c6a6f1f2a11"


def session(title: str, state: str = "present") -> SessionSpec:
    return SessionSpec(title, preset_id=PRESET, state=state)  # type: ignore[arg-type]


ASKED = EventSpec(
    (
        RoomSpec(title="Main stage", sessions=(session("Keynote"), session("Panel"))),
        RoomSpec(title="Workshop", sessions=(session("Hands on"),)),
    )
)


def test_an_event_is_created_and_every_key_is_stored(run: Run) -> None:
    applied = run.apply(ASKED)
    assert [(done.room_title, done.spec.title, done.changed, done.error) for done in applied.sessions] == [
        ("Main stage", "Keynote", True, None),
        ("Main stage", "Panel", True, None),
        ("Workshop", "Hands on", True, None),
    ]
    assert run.kept_keys() == run.service.keys
    assert all(done.fingerprint for done in applied.sessions)


def test_a_second_run_makes_no_writing_call_and_shows_the_same(run: Run) -> None:
    first = run.apply(ASKED)
    run.service.journal.clear()
    second = run.apply(ASKED)
    assert {method for method, _path in run.service.journal} == {"GET"}
    assert not any(done.changed for done in second.sessions)
    assert [(done.session, done.fingerprint) for done in first.sessions] == [
        (done.session, done.fingerprint) for done in second.sessions
    ]


def test_check_mode_makes_no_call_and_shows_what_would_change(run: Run) -> None:
    plan = run.plan(ASKED)
    run.service.journal.clear()
    applied = foreseen(plan)
    assert run.service.journal == []
    assert [done.changed for done in applied.sessions] == [True] * 3
    assert [done.session.id for done in applied.sessions if done.session] == [""] * 3
    assert [room.changed for room in applied.rooms] == [True, True]


def test_a_session_that_fails_does_not_stop_the_others(run: Run) -> None:
    run.service.on_request = lambda request: (
        refusal(422, {"success": False, "error": "no"}) if b"Panel" in request.body else None
    )
    applied = run.apply(ASKED)
    assert [bool(done.error) for done in applied.sessions] == [False, True, False]
    assert len(run.kept_keys()) == 2


def test_a_failed_room_fails_only_its_own_sessions(run: Run) -> None:
    run.service.on_request = lambda request: (
        refusal(403) if request.path == "/rooms" and b"Main stage" in request.body else None
    )
    applied = run.apply(ASKED)
    assert ["its room failed" in str(done.error) for done in applied.sessions] == [True, True, False]
    assert [room.title for room in applied.rooms] == ["Main stage", "Workshop"]


def test_a_malformed_answer_about_one_session_does_not_stop_the_others(run: Run) -> None:
    run.service.on_request = lambda request: (
        refusal(422, {"success": False, "errors": 5}) if b"Panel" in request.body else None
    )
    assert [bool(done.error) for done in run.apply(ASKED).sessions] == [False, True, False]


def _absent(*titles: str) -> EventSpec:
    return EventSpec((RoomSpec(title="Main stage", sessions=tuple(session(title, "absent") for title in titles)),))


def test_a_removed_session_is_gone_and_its_key_erased(run: Run) -> None:
    run.apply(ASKED)
    applied = run.apply(_absent("Keynote"))
    assert [(done.changed, done.session, done.error) for done in applied.sessions] == [(True, None, None)]
    assert run.service.current("Keynote") == []
    assert len(run.kept_keys()) == 2


def test_a_live_session_is_ended_and_not_deleted(run: Run) -> None:
    first = run.apply(ASKED).sessions[0].session
    assert first is not None
    run.service.sessions[first.id]["status"] = "live"
    run.apply(_absent("Keynote"))
    assert run.service.sessions[first.id]["status"] == "ended"
    assert first.id not in run.kept_keys()


def test_a_session_that_was_deleted_by_somebody_else_counts_as_removed(run: Run) -> None:
    run.apply(ASKED)

    def delete_first(request: Request) -> None:
        if request.method == "DELETE":
            run.service.sessions.pop(request.path.rpartition("/")[2])

    run.service.on_request = delete_first
    (done,) = run.apply(_absent("Keynote")).sessions
    assert done.error is None
    assert len(run.kept_keys()) == 2


def test_a_removal_that_fails_keeps_the_key(run: Run) -> None:
    run.apply(ASKED)
    run.service.on_request = lambda request: refusal(409) if request.method == "DELETE" else None
    (done,) = run.apply(_absent("Keynote")).sessions
    assert done.error
    assert done.session is not None
    assert len(run.kept_keys()) == 3


def test_a_session_that_was_deleted_at_the_service_is_created_again_with_a_new_key(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A session that was created just now is waited for, because the service may not show it yet.
    monkeypatch.setattr(creation, "GRACE_TIME", 0.0)
    first = run.apply(ASKED).sessions[0].session
    assert first is not None
    del run.service.sessions[first.id]
    second = run.apply(ASKED).sessions[0]
    assert second.changed
    assert second.session is not None
    assert second.session.id != first.id
    assert first.id not in run.kept_keys()
    assert run.kept_keys()[second.session.id] == run.service.keys[second.session.id]


def test_a_session_that_another_run_created_after_our_list_keeps_its_key_and_has_no_duplicate(
    run: Run, open_run: Callable[..., Ledger]
) -> None:
    asked = EventSpec((RoomSpec(title="Main stage", sessions=(session("Keynote"),)),))
    room_id = run.service.add_room("Main stage")
    plan = make_plan(asked, observe(run.api, run.ledger, asked, POOL))
    # The other run creates its session, and stores its key, after we have read the list of sessions and the ledger.
    rival = open_run()
    claim = rival.claim(plan.world.session_slot(room_id, "Keynote"), [], 60.0)
    assert isinstance(claim, Claim)
    made = run.service.add_session(room_id, "Keynote", PRESET)
    rival.keep(claim, "created", made, StreamKey(run.service.keys[made]))
    (done,) = run.apply_plan(plan).sessions
    assert run.service.current("Keynote") == [made]
    assert run.kept_keys() == {made: run.service.keys[made]}
    assert done.session is not None
    assert (done.session.id, done.changed) == (made, False)


def test_runs_that_know_an_account_by_different_names_create_each_room_once(
    run: Run, open_run: Callable[..., Ledger]
) -> None:
    run.service.host_id = HOST
    # Planned while the account had no room, so this run knows the account by its credential alone.
    plan = make_plan(ASKED, observe(run.api, run.ledger, ASKED, POOL))
    # Other runs meanwhile: the first one creates, the second one sees the rooms, and gives their rows the host's id.
    for _run in range(2):
        assert not [one.error for one in run.apply(ASKED).sessions if one.error]
    applied = run.apply_plan(plan)
    assert [one.error for one in applied.rooms] + [one.error for one in applied.sessions] == [None] * 5
    assert [one.changed for one in applied.rooms] == [False, False]
    assert sorted(room["title"] for room in run.service.rooms.values()) == ["Main stage", "Workshop"]
    assert run.kept_keys() == run.service.keys
    assert len(run.service.keys) == 3


def test_a_run_that_knows_the_host_waits_for_one_that_knows_the_credential_alone(
    run: Run, open_run: Callable[..., Ledger]
) -> None:
    run.service.host_id = HOST
    early = observe(run.api, run.ledger, ASKED, POOL)
    run.service.add_room("Made by hand")
    late = observe(run.api, run.ledger, ASKED, POOL)
    assert (early.account.host_id, late.account.host_id) == (None, HOST)
    for first, second in ((early, late), (late, early)):
        title = f"Room of {first.account.name}"
        claim = open_run(ELSEWHERE).claim(first.room_slot(title), [], 60.0, account=first.account.names)
        assert isinstance(claim, Claim)
        assert isinstance(run.ledger.claim(second.room_slot(title), [], 60.0, account=second.account.names), Busy)


def test_a_list_that_lags_behind_the_last_run_causes_no_duplicate(run: Run) -> None:
    asked = EventSpec((RoomSpec(title="Main stage", sessions=(session("Keynote"),)),))
    run.apply(asked)
    run.service.hidden_lists = 1
    run.apply(asked)
    (only,) = run.service.current("Keynote")
    assert run.kept_keys() == {only: run.service.keys[only]}


def test_two_runs_at_once_create_each_session_once(run: Run, open_run: Callable[..., Ledger]) -> None:
    room_id = run.service.add_room("Main stage")
    titles = [f"Talk {number}" for number in range(8)]
    asked = EventSpec((RoomSpec(room_id=room_id, sessions=tuple(session(title) for title in titles)),))
    runs = [run, Run(run.service, run.api, open_run())]
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda one: one.apply(asked), runs))
    assert [len(run.service.current(title)) for title in titles] == [1] * 8
    assert not any(done.error for applied in results for done in applied.sessions)
    assert len(run.kept_keys()) == 8


def test_no_outcome_shows_a_key(run: Run) -> None:
    applied = run.apply(ASKED)
    assert not any(key in repr(applied) for key in run.service.keys.values())


def test_an_internal_error_in_one_session_does_not_stop_the_others(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    created = run.api.create_session

    def mistaken(room_id: str, request: Mapping[str, Any], *hooks: Callable[..., None]) -> CreatedSession:
        if request["title"] == "Keynote":
            raise ZeroDivisionError("unit-stream-secret")
        return created(room_id, request, *hooks)

    monkeypatch.setattr(run.api, "create_session", mistaken)
    failed, *others = run.apply(ASKED).sessions
    assert "ZeroDivisionError at test_apply.py" in (failed.error or "")
    assert "secret" not in (failed.error or "")
    assert [done.error for done in others] == [None, None]
    assert len(run.kept_keys()) == 2


def test_an_internal_error_in_one_room_does_not_stop_the_others(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    created = run.api.create_room

    def mistaken(request: Mapping[str, Any], *hooks: Callable[..., None]) -> Room:
        if request["title"] == "Main stage":
            raise ZeroDivisionError
        return created(request, *hooks)

    monkeypatch.setattr(run.api, "create_room", mistaken)
    applied = run.apply(ASKED)
    assert "ZeroDivisionError" in (applied.rooms[0].error or "")
    assert [done.error is None for done in applied.sessions] == [False, False, True]
