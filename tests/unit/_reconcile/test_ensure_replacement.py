# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A session is replaced, with various answers of the service to each of the two calls."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import Policy, Settings, StreamKey
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import Row, Slot
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile import creation as creation_module

from ..engine_run import KEYNOTE, OTHER_PRESET, Run, event
from ..scripted_server import Answer, Request, refusal

AFTER = replace(KEYNOTE, preset_id=OTHER_PRESET)
LIVE = Policy(replace="live")


@pytest.fixture
def old(run: Run, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the id of the session that is to be replaced."""
    monkeypatch.setattr(creation_module, "GRACE_PAUSES", (0.0,))
    monkeypatch.setattr(creation_module, "GRACE_TIME", 0.0)
    run.service.add_room("Main stage")
    run.apply(event(KEYNOTE))
    (session_id,) = run.service.current("Keynote")
    run.service.journal.clear()
    return session_id


def assert_replaced(run: Run, old: str) -> None:
    (new,) = run.service.current("Keynote")
    assert new != old
    assert run.service.sessions[new]["preset"]["id"] == OTHER_PRESET
    assert run.kept_keys() == {new: run.service.keys[new]}


def assert_untouched(run: Run, old: str, entry: dict[str, Any]) -> None:
    assert run.service.current("Keynote") == [old]
    assert run.service.sessions[old] == entry
    assert run.kept_keys() == {old: run.service.keys[old]}


def test_the_new_session_is_created_and_its_key_stored_before_the_old_one_is_removed(run: Run, old: str) -> None:
    kept: list[dict[str, str]] = []

    def on_request(request: Request) -> None:
        if request.method == "DELETE":
            kept.append(run.kept_keys())

    run.service.on_request = on_request
    asked = replace(KEYNOTE, preset_id=OTHER_PRESET, state="live", settings=Settings(chat_enabled=False))
    (done,) = run.apply(event(asked)).sessions
    assert done.error is None
    assert run.writes() == ["POST sessions", "PATCH settings", "DELETE sessions", "POST go_live"]
    (at_the_removal,) = kept
    assert set(at_the_removal) == {old, *run.service.current("Keynote")}
    assert_replaced(run, old)


@pytest.mark.parametrize("status", ["scheduled", "live"])
@pytest.mark.parametrize("refused", [400, 402, 403, 409, 422, 429])
def test_a_refused_creation_changes_nothing(run: Run, old: str, status: str, refused: int) -> None:
    run.service.sessions[old]["status"] = status
    entry = dict(run.service.sessions[old])
    run.service.faults = [f"refused-{refused}"] * 9
    (done,) = run.apply(event(AFTER, policy=LIVE)).sessions
    assert done.error is not None
    assert (done.changed, done.session and done.session.id, done.session and done.session.status) == (
        False,
        old,
        status,
    )
    assert (done.key and done.key.stream_key) == run.service.keys[old]
    assert_untouched(run, old, entry)
    assert [(row.phase, row.object_id) for row in session_rows(run)] == [("created", old)]


def session_rows(run: Run) -> list[Row]:
    return [row for row in run.ledger.rows(run.api.url, list(run.service.rooms)) if row.slot.kind == "session"]


@pytest.mark.parametrize("status", [403, 409, 500, 503])
def test_a_session_that_cannot_be_deleted_keeps_its_key_beside_the_new_one(run: Run, old: str, status: int) -> None:
    run.service.on_request = lambda request: refusal(status) if request.method == "DELETE" else None
    (done,) = run.apply(event(AFTER)).sessions
    assert done.error is not None
    assert done.changed
    (new,) = set(run.service.current("Keynote")) - {old}
    assert (done.session and done.session.id) == new
    assert run.kept_keys() == {one: run.service.keys[one] for one in (old, new)}
    run.service.on_request = lambda _request: None
    plan = run.plan(event(AFTER))
    assert [(step.action, step.path) for step in plan.steps()] == [("delete_session", f"/sessions/{old}")]
    run.apply(event(AFTER))
    assert_replaced(run, old)
    assert run.service.count("POST") == 1


@pytest.mark.parametrize("status", [404, 500, 502, 504])
def test_a_session_whose_deletion_returns_an_error_is_replaced_once(run: Run, old: str, status: int) -> None:
    def delete_and_fail(request: Request) -> Answer | None:
        if request.method == "DELETE":
            run.service.sessions.pop(old, None)
            return refusal(status)
        return None

    run.service.on_request = delete_and_fail
    (done,) = run.apply(event(AFTER)).sessions
    assert done.error is None
    assert_replaced(run, old)
    run.service.on_request = lambda _request: None
    run.apply(event(AFTER))
    assert_replaced(run, old)
    assert run.service.count("POST") == 1


def test_the_key_of_a_replaced_session_that_somebody_else_deleted_is_erased(run: Run, old: str) -> None:
    run.service.on_request = lambda request: refusal(403) if request.method == "DELETE" else None
    run.apply(event(AFTER))
    run.service.on_request = lambda _request: None
    del run.service.sessions[old]
    run.apply(event(AFTER))
    assert_replaced(run, old)


@pytest.mark.parametrize("fault", ["refused-422", "lost-drop", "late-drop", "done-drop"])
def test_a_replacement_whose_creation_failed_is_created_by_the_next_run(run: Run, old: str, fault: str) -> None:
    entry = dict(run.service.sessions[old])
    run.service.faults = [fault] * 3
    (done,) = run.apply(event(AFTER)).sessions
    assert done.error is not None
    assert run.service.sessions[old] == entry
    assert run.kept_keys()[old] == run.service.keys[old]
    run.service.faults = []
    run.service.commit_late()
    run.apply(event(AFTER))
    assert_replaced(run, old)


@pytest.mark.parametrize("fault", ["lost-drop", "late-drop", "done-drop"])
def test_a_replacement_that_is_no_longer_wanted_keeps_the_old_session(run: Run, old: str, fault: str) -> None:
    run.service.faults = [fault] * 3
    run.apply(event(AFTER))
    run.service.faults = []
    run.service.commit_late()
    (done,) = run.apply(event(KEYNOTE)).sessions
    assert (done.error, done.session and done.session.id) == (None, old)
    assert run.service.current("Keynote") == [old]
    assert run.kept_keys() == {old: run.service.keys[old]}
    run.service.journal.clear()
    run.apply(event(KEYNOTE))
    assert run.writes() == []


def test_a_session_that_goes_on_air_before_its_replacement_stays(run: Run, old: str) -> None:
    plan = run.plan(event(AFTER))
    run.service.sessions[old]["status"] = "live"
    entry = dict(run.service.sessions[old])
    (done,) = run.apply_plan(plan).sessions
    assert "is live by now" in (done.error or "")
    assert run.writes() == []
    assert_untouched(run, old, entry)


def test_a_session_that_goes_on_air_while_its_replacement_is_created_stays(run: Run, old: str) -> None:
    def on_request(request: Request) -> None:
        if request.method == "POST":
            run.service.sessions[old]["status"] = "live"

    run.service.on_request = on_request
    (done,) = run.apply(event(AFTER)).sessions
    assert "is live by now" in (done.error or "")
    assert run.service.sessions[old]["status"] == "live"
    assert run.kept_keys()[old] == run.service.keys[old]
    # No session on air is ended without being asked; the message names a remedy.
    (again,) = run.apply(event(AFTER)).sessions
    assert "replace: live" in (again.error or "")
    assert run.service.sessions[old]["status"] == "live"
    (ended,) = run.apply(event(AFTER, policy=LIVE)).sessions
    assert ended.error is None
    assert run.service.sessions[old]["status"] == "ended"
    assert_replaced(run, old)


def test_a_live_session_is_on_air_until_its_replacement_exists(run: Run, old: str) -> None:
    run.service.sessions[old]["status"] = "live"
    (done,) = run.apply(event(replace(AFTER, state="live"), policy=LIVE)).sessions
    assert done.error is None
    assert run.writes() == ["POST sessions", "POST end", "POST go_live"]
    assert run.service.sessions[old]["status"] == "ended"
    assert_replaced(run, old)


def test_a_replacement_without_a_key_keeps_the_old_session(run: Run, old: str) -> None:
    entry = dict(run.service.sessions[old])
    run.service.faults = ["done-keyless"]
    (done,) = run.apply(event(AFTER)).sessions
    assert f"{old}, which it was to replace, is left as it is" in (done.error or "")
    assert run.service.sessions[old] == entry
    assert run.kept_keys() == {old: run.service.keys[old]}


@pytest.mark.parametrize("fault", ["refused-422", "done-whole"])
def test_a_session_that_was_renamed_is_replaced_under_its_new_title(run: Run, old: str, fault: str) -> None:
    run.service.sessions[old]["title"] = "Opening"
    run.service.faults = [fault]
    run.service.on_request = lambda request: refusal(500) if request.method == "DELETE" else None
    asked = event(replace(AFTER, title="Opening"))
    (done,) = run.apply(asked).sessions
    assert done.error is not None
    assert {row.object_id: row.phase for row in session_rows(run)}[old] == (
        "created" if fault == "refused-422" else "replaced"
    )
    run.service.on_request = lambda _request: None
    assert run.apply(asked).sessions[0].error is None
    (new,) = run.service.current("Opening")
    assert run.kept_keys() == {new: run.service.keys[new]}


def test_an_unanswered_requests_session_with_an_adopted_key_is_replaced_like_any_other(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(creation_module, "GRACE_PAUSES", (0.0,))
    room_id = run.service.add_room("Main stage")
    run.service.faults = ["done-drop"]
    run.service.on_request = lambda request: refusal(403) if request.method == "GET" and run.service.sessions else None
    run.apply(event(KEYNOTE))
    (found,) = run.service.current("Keynote")
    run.service.on_request = lambda _request: None
    run.ledger.adopt(Slot(run.api.url, "session", room_id, "Keynote"), found, StreamKey(run.service.keys[found]))
    entry = dict(run.service.sessions[found])
    run.service.faults = ["refused-422"]
    assert run.apply(event(AFTER)).sessions[0].error is not None
    assert_untouched(run, found, entry)
    assert run.apply(event(AFTER)).sessions[0].error is None
    assert_replaced(run, found)
