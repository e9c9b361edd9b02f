# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone

import pytest
import sqlalchemy as sa
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import (
    CreationUnresolved,
    NotSent,
    WebinarError,
)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import Session, StreamKey
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger import unanswered
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.schema import slots
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile import creation as creation_module

from ..creation_scene import ELSEWHERE, PRESET, Scene
from ..ledger_cases import written
from ..scripted_server import Answer, Request, refusal


def _break_lists(scene: Scene, answer: Answer) -> None:
    """After the first POST, answer every GET with this."""
    scene.service.on_request = lambda request: (
        answer if request.method == "GET" and scene.service.count("POST") else None
    )


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
@pytest.mark.parametrize("fault", ["done-drop", "done-nameless"])
def test_an_unanswered_request_that_cannot_be_resolved_now_is_recorded_for_the_next_run(
    scene: Scene, fault: str, status: int
) -> None:
    scene.service.faults = [fault]
    _break_lists(scene, refusal(status, Retry_After="0"))
    with pytest.raises(WebinarError):
        scene.create()
    row = scene.row()
    assert row is not None, "the intent was withdrawn although the session may exist"
    assert (row.phase, row.leased) == ("pending", False)
    scene.service.on_request = lambda _request: None
    scene.create(scene.open_run())
    scene.one_usable()


def test_a_request_that_a_vanished_service_did_not_answer_is_recorded(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.service.faults = ["done-drop"]

    def gone(_room_id: str) -> list[Session]:
        raise NotSent("no connection")

    with monkeypatch.context() as patched:
        patched.setattr(scene.api, "sessions", gone)
        with pytest.raises(WebinarError):
            scene.create()
    assert scene.row() is not None, "the intent was withdrawn although the session may exist"
    scene.create(scene.open_run())
    scene.one_usable()


@pytest.mark.parametrize("status", [403, 409, 500])
def test_an_unanswered_requests_session_that_cannot_be_deleted_now_is_recorded(scene: Scene, status: int) -> None:
    scene.service.faults = ["done-drop"]
    scene.service.on_request = lambda request: refusal(status) if request.method == "DELETE" else None
    with pytest.raises(WebinarError):
        scene.create()
    assert scene.service.count("POST") == 1
    assert scene.row() is not None, "the intent was withdrawn although the orphan is still there"
    scene.service.on_request = lambda _request: None
    scene.create(scene.open_run())
    scene.one_usable()


def test_an_unanswered_requests_session_may_be_deleted_by_somebody_else(scene: Scene) -> None:
    scene.service.faults = ["done-drop"]

    def delete_first(request: Request) -> None:
        if request.method == "DELETE":
            scene.service.sessions.pop(request.path.rpartition("/")[2])

    scene.service.on_request = delete_first
    scene.create()
    scene.one_usable()


def test_a_live_session_of_an_unanswered_request_stays_and_is_named(scene: Scene) -> None:
    scene.service.faults = ["done-drop"]

    def go_live(request: Request) -> None:
        if request.method == "GET":
            for entry in scene.service.sessions.values():
                entry["status"] = "live"

    scene.service.on_request = go_live
    with pytest.raises(CreationUnresolved) as caught:
        scene.create()
    (orphan,) = scene.service.current("Keynote")
    assert orphan in str(caught.value)
    assert scene.service.count("POST") == 1
    assert scene.row() is not None


@pytest.mark.parametrize("other", ["title", "past", "seen"])
def test_a_session_of_somebody_else_is_never_attributed_to_an_unanswered_request(scene: Scene, other: str) -> None:
    title = "Panel" if other == "title" else "Keynote"
    status = "ended" if other == "past" else "scheduled"

    def appear(request: Request) -> None:
        if request.method == "POST" and len(scene.service.sessions) == 0:
            scene.service.add_session(scene.room_id, title, PRESET, status)

    if other == "seen":
        scene.service.add_session(scene.room_id, title, PRESET, status)
    else:
        scene.service.on_request = appear
    scene.service.faults = ["lost-drop"]
    scene.create()
    assert scene.service.count("DELETE") == 0
    assert len(scene.service.sessions) == 2


def test_a_keyless_session_of_a_killed_run_is_replaced_and_named(scene: Scene) -> None:
    scene.die_after_request()
    orphan = scene.service.add_session(scene.room_id, "Keynote", PRESET)
    made = scene.create()
    assert scene.removed == [orphan]
    assert made.thing.id == scene.one_usable()


def test_a_recent_intent_of_a_killed_run_is_waited_for(scene: Scene) -> None:
    scene.die_after_request()
    scene.create()
    scene.one_usable()
    assert scene.pauses == list(creation_module.GRACE_PAUSES)
    assert scene.service.count("POST") == 1


@pytest.mark.parametrize("status", [401, 500])
def test_a_key_of_an_earlier_run_survives_a_failing_list(scene: Scene, status: int) -> None:
    (dead, claim), key = scene.die_after_request(lease=60.0), StreamKey("unit-stream-inherited")
    dead.keep(claim, "pending", None, key)
    dead.release(claim)
    scene.service.on_request = lambda request: refusal(status) if request.method == "GET" else None
    with pytest.raises(WebinarError):
        scene.create()
    row = scene.row()
    assert row is not None, "the intent was withdrawn, and the key with it"
    assert row.key == key


def test_an_old_key_is_not_assigned_to_a_later_session(scene: Scene) -> None:
    dead, claim = scene.die_after_request(lease=60.0)
    dead.keep(claim, "pending", None, StreamKey("unit-stream-of-another"))
    dead.release(claim)
    scene.service.faults = ["done-keyless"]
    scene.create()
    row = scene.row()
    assert row is not None
    assert (row.phase, row.key) == ("keyless", None)


def test_a_key_without_a_session_id_is_not_assigned_to_the_session_of_another_request(scene: Scene) -> None:
    scene.service.faults = ["late-drop", "done-nameless"]

    def commit_before_the_second(request: Request) -> None:
        if request.method == "POST" and scene.service.late:
            scene.service.commit_late()

    scene.service.on_request = commit_before_the_second
    made = scene.create()
    assert len(scene.removed) == 2
    assert made.thing.id == scene.one_usable()


def test_a_session_that_only_some_lists_show_keeps_its_key(scene: Scene) -> None:
    first = scene.create()
    hidden = ["once", "twice"]

    def lag(request: Request) -> Answer | None:
        return refusal(404) if request.method == "GET" and hidden and hidden.pop() else None

    scene.service.on_request = lag
    other = scene.open_run()
    again = scene.create(other)
    assert (again.thing.id, again.by_us, again.key) == (first.thing.id, False, first.key)
    assert scene.service.count("POST") == 1
    assert scene.one_usable() == first.thing.id


def test_an_intent_without_a_request_is_not_waited_for(scene: Scene) -> None:
    scene.open_run(ELSEWHERE).claim(scene.slot, [], -1.0)
    scene.create()
    scene.one_usable()
    assert scene.pauses == []


def test_a_session_from_before_the_intent_is_not_attributed_to_it(scene: Scene) -> None:
    """The session existed, but the list did not show it yet."""
    scene.api.my_rooms()
    scene.die_after_request()
    stranger = scene.service.add_session(scene.room_id, "Keynote", PRESET)
    scene.service.sessions[stranger]["created_at"] = "2023-11-14T22:13:10Z"
    with pytest.raises(CreationUnresolved, match=stranger):
        scene.create()
    assert scene.service.current("Keynote") == [stranger]
    assert scene.service.count("POST") == 0


@pytest.mark.parametrize("created_at", [None, "now"])
def test_without_the_services_time_a_session_of_days_later_is_not_attributed_to_the_intent(
    scene: Scene, created_at: str | None
) -> None:
    _dead, claim = scene.die_after_request()
    assert not claim.unanswered.by_service
    asked = claim.unanswered
    long_ago = unanswered.written(replace(asked, since=asked.since - 2 * 86_400, until=asked.until - 2 * 86_400))
    older = sa.update(slots).values(unanswered=long_ago, updated_at=slots.c.updated_at - 2 * 86_400)
    written(scene.ledger, older)
    stranger = scene.service.add_session(scene.room_id, "Keynote", PRESET)
    if created_at is not None:
        now = datetime.fromtimestamp(scene.ledger.now(), timezone.utc)
        scene.service.sessions[stranger]["created_at"] = now.isoformat()
    with pytest.raises(CreationUnresolved, match=stranger):
        scene.create()
    assert scene.service.current("Keynote") == [stranger]
    assert scene.service.count("POST") == 0


def test_a_session_that_somebody_else_created_meanwhile_is_neither_removed_nor_duplicated(scene: Scene) -> None:
    other = "11111111-5f43-4b0c-9a57-0c6a6f1f2a11"

    def appear(request: Request) -> None:
        if request.method == "POST":
            scene.service.add_session(scene.room_id, "Keynote", other)

    scene.service.on_request = appear
    scene.service.faults = ["lost-drop"]
    with pytest.raises(CreationUnresolved, match="somebody else"):
        scene.create()
    (stranger,) = scene.service.current("Keynote")
    assert scene.service.sessions[stranger]["preset"]["id"] == other
    assert scene.service.count("DELETE") == 0


def test_an_unanswered_requests_session_is_recognised_despite_clock_differences(scene: Scene) -> None:
    scene.api.my_rooms()
    scene.die_after_request()
    orphan = scene.service.add_session(scene.room_id, "Keynote", PRESET)
    scene.service.sessions[orphan]["created_at"] = "2023-11-14T22:13:17Z"
    scene.create()
    assert scene.removed == [orphan]
    scene.one_usable()
