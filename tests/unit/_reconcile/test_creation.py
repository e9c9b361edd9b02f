# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import (
    CreationUnresolved,
    LedgerError,
    NotSent,
    ServiceError,
)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import Room, RoomSpec, StreamKey
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger import location
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.location import LedgerSettings
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.rows import AccountNames
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import Claim, Slot
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile import creation as creation_module
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.creation import Creation, Made, create
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.creation_targets import RoomTarget
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.steps import CreateRoom
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service import transport
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.api import WebinarApi

from ..creation_scene import EFFECT_AND_LOST, ELSEWHERE, NO_EFFECT, PRESET, Scene
from ..scripted_server import Request


def test_a_session_is_created_and_its_key_is_stored(scene: Scene) -> None:
    made = scene.create()
    assert made.by_us
    assert scene.removed == []
    assert made.thing.id == scene.one_usable()
    assert made.key is not None
    assert made.key.rtmp_url == "rtmp://ingest.invalid/live"
    assert scene.service.count("POST") == 1


def test_the_intent_is_committed_when_the_post_arrives(scene: Scene, ledger_settings: LedgerSettings) -> None:
    seen: list[tuple[str, str, float]] = []

    def look(request: Request) -> None:
        if request.method == "POST":
            connection = sqlite3.connect(location.database_file(ledger_settings))
            seen.extend(connection.execute("SELECT phase, title, lease_until - updated_at FROM tenbyte_webinar_slots"))
            connection.close()

    scene.service.on_request = look
    scene.create()
    assert [(phase, title) for phase, title, _lease in seen] == [("pending", "Keynote")]
    assert seen[0][2] == pytest.approx(5.0 + creation_module.LEASE_MARGIN, abs=0.5)


def test_the_key_is_committed_before_the_next_request(scene: Scene) -> None:
    scene.create()
    assert [method for method, _path in scene.service.journal] == ["POST"]
    scene.one_usable()


def test_without_a_committed_intent_no_post_is_sent(scene: Scene) -> None:
    with scene.ledger._database.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE tenbyte_webinar_slots")
    with pytest.raises(LedgerError):
        scene.create()
    assert scene.service.count("POST") == 0


@pytest.mark.parametrize("fault", NO_EFFECT)
def test_a_lost_request_is_sent_again_after_the_grace_time(scene: Scene, fault: str) -> None:
    scene.service.faults = [fault]
    scene.create()
    assert scene.removed == []
    scene.one_usable()
    assert scene.service.count("POST") == 2
    assert scene.pauses == list(creation_module.GRACE_PAUSES)


@pytest.mark.parametrize("fault", EFFECT_AND_LOST)
def test_a_session_whose_answer_was_lost_is_replaced_by_one_with_a_key(scene: Scene, fault: str) -> None:
    scene.service.faults = [fault]
    made = scene.create()
    assert len(scene.removed) == 1
    assert made.thing.id == scene.one_usable()
    assert scene.service.count("POST") == 2


def test_no_second_post_is_sent_while_a_list_may_still_lag(scene: Scene) -> None:
    scene.service.faults = ["done-drop"]
    scene.service.hidden_lists = 3
    scene.create()
    scene.one_usable()
    assert scene.service.count("DELETE") == 1
    posts = [index for index, (method, _path) in enumerate(scene.service.journal) if method == "POST"]
    assert len(posts) == 2
    assert posts[1] - posts[0] > 4


def test_a_key_that_came_without_a_session_id_is_assigned_to_its_session(scene: Scene) -> None:
    scene.service.faults = ["done-nameless"]
    scene.service.hidden_lists = 2
    made = scene.create()
    assert scene.removed == []
    assert made.thing.id == scene.one_usable()
    assert scene.service.count("POST") == 1


def test_a_key_whose_session_no_list_shows_is_assigned_by_the_next_run(scene: Scene) -> None:
    scene.service.faults = ["done-nameless"]
    scene.service.hidden_lists = 5
    with pytest.raises(CreationUnresolved):
        scene.create()
    row = scene.row()
    assert row is not None
    assert (row.phase, row.leased) == ("pending", False)
    assert row.key is not None
    scene.create(scene.open_run())
    assert scene.removed == []
    scene.one_usable()
    assert scene.service.count("POST") == 1


def test_a_session_without_a_key_is_recorded_as_keyless(scene: Scene) -> None:
    scene.service.faults = ["done-keyless"]
    made = scene.create()
    row = scene.row()
    assert made.key is None
    assert row is not None
    assert (row.phase, row.object_id, row.key) == ("keyless", made.thing.id, None)


def test_answers_that_stay_lost_end_unresolved_and_the_next_run_resolves(scene: Scene) -> None:
    scene.service.faults = ["lost-drop"] * 3
    with pytest.raises(CreationUnresolved, match="run again"):
        scene.create()
    assert scene.service.count("POST") == 3
    row = scene.row()
    assert row is not None
    assert (row.phase, row.leased) == ("pending", False)
    scene.create(scene.open_run())
    scene.one_usable()


def test_a_definite_refusal_withdraws_the_intent(scene: Scene) -> None:
    scene.service.faults = ["refused-422"]
    with pytest.raises(ServiceError, match="not today"):
        scene.create()
    assert scene.row() is None
    assert scene.service.count("POST") == 1


def test_a_429_is_waited_out(scene: Scene) -> None:
    scene.service.faults = ["refused-429"]
    scene.create()
    scene.one_usable()


def test_a_service_that_cannot_be_reached_withdraws_the_intent(scene: Scene, connect: Callable[..., object]) -> None:
    scene.api = WebinarApi(connect("http://127.0.0.1:1", retries=0))  # type: ignore[arg-type]
    with pytest.raises(NotSent):
        scene.create()
    assert scene.row() is None


def test_another_run_is_waited_for_and_its_session_is_returned(scene: Scene) -> None:
    rival, key = scene.open_run(ELSEWHERE), StreamKey("unit-stream-rival")
    claim = rival.claim(scene.slot, [], 60.0)
    assert isinstance(claim, Claim)
    made_by_rival: list[str] = []

    def rival_finishes() -> None:
        if len(scene.pauses) == 3:
            made_by_rival.append(scene.service.add_session(scene.room_id, "Keynote", PRESET))
            rival.keep(claim, "created", made_by_rival[0], key)

    scene.on_sleep = rival_finishes
    made = scene.create()
    assert (made.thing.id, made.key, made.by_us) == (made_by_rival[0], key, False)
    assert scene.service.count("POST") == 0
    assert len(scene.pauses) == 3


def test_a_past_session_of_another_run_is_created_again(scene: Scene) -> None:
    rival = scene.open_run(ELSEWHERE)
    claim = rival.claim(scene.slot, [], 60.0)
    assert isinstance(claim, Claim)
    past = scene.service.add_session(scene.room_id, "Keynote", PRESET, "ended")
    rival.keep(claim, "created", past, StreamKey("unit-stream-rival"))
    assert scene.create().by_us
    scene.one_usable()


def test_a_run_whose_lease_was_taken_over_does_not_post(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(creation_module, "CLAIM_IS_FRESH", 0.0)
    monkeypatch.setattr(scene.ledger, "renew", lambda _claim, _lease: False)
    with pytest.raises(CreationUnresolved, match="another run took over"):
        scene.create()
    assert scene.service.count("POST") == 0


@pytest.mark.parametrize("waits", [(), (0.01,), (0.01, 0.02)], ids=["at once", "after a wait", "after two waits"])
def test_each_request_is_counted_in_the_ledger_before_it_is_sent(
    scene: Scene, waits: tuple[float, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if it waited for its turn: see Pace."""
    pace, counts = scene.api._transport._pace, list[int]()

    def wait_for_turn(what: str, before_wait: Callable[[float], None]) -> int:
        for seconds in waits:
            before_wait(seconds)
        return turn(what, before_wait)

    def look(request: Request) -> None:
        if request.method == "POST":
            row = scene.row()
            assert row is not None
            counts.append(row.unanswered.count)

    turn = pace.wait_for_turn
    monkeypatch.setattr(pace, "wait_for_turn", wait_for_turn)
    scene.service.on_request = look
    scene.service.faults = ["done-drop"]
    scene.create()
    # The first one's effect is found and deleted, so the second is counted alone.
    assert counts == [1, 1]
    scene.one_usable()


def test_a_claim_that_took_long_is_renewed_before_its_request(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    renewed, claim, renew = list[str](), scene.ledger.claim, scene.ledger.renew

    def slow_claim(*arguments: Any, **named: Any) -> Any:
        claimed = claim(*arguments, **named)
        time.sleep(0.05)
        return claimed

    monkeypatch.setattr(creation_module, "CLAIM_IS_FRESH", 0.02)
    monkeypatch.setattr(scene.ledger, "claim", slow_claim)

    def noted(*arguments: Any) -> bool:
        renewed.append("renewed")
        return renew(*arguments)

    monkeypatch.setattr(scene.ledger, "renew", noted)
    scene.create()
    assert renewed == ["renewed"]


def test_a_lease_outlasts_a_request_that_connects_and_answers_at_the_last_moment() -> None:
    assert transport.CONNECT_TIMEOUT < creation_module.LEASE_MARGIN


@pytest.mark.slow
def test_every_sequence_of_lost_answers_ends_with_one_usable_session(scene: Scene) -> None:
    for first in (*NO_EFFECT, *EFFECT_AND_LOST, "done-nameless"):
        for second in (*NO_EFFECT, *EFFECT_AND_LOST):
            scene.service.sessions.clear()
            scene.ledger.retire(scene.api.url, [getattr(scene.row(), "object_id", None) or ""])
            scene.service.faults = [first, second]
            scene.create()
            scene.one_usable()


def _create_room(scene: Scene) -> Made[Room]:
    creation = Creation(scene.api, scene.ledger, 5.0, scene.sleep)
    seen = frozenset(scene.service.rooms)
    step = CreateRoom("Workshop", None, "a test", RoomSpec(title="Workshop"))
    target = RoomTarget(scene.api, scene.ledger, Slot(scene.api.url, "room", "", "Workshop"), step, AccountNames())
    return create(creation, target, seen, [])


@pytest.mark.parametrize("fault", ["done-whole", *NO_EFFECT, *EFFECT_AND_LOST])
def test_a_room_is_created_once_whatever_the_answer(scene: Scene, fault: str) -> None:
    scene.service.faults = [fault]
    made = _create_room(scene)
    assert [entry["id"] for entry in scene.service.rooms.values() if entry["title"] == "Workshop"] == [made.thing.id]
    assert scene.service.count("DELETE") == 0
    assert scene.service.count("POST") == (2 if fault in NO_EFFECT else 1)


def test_a_room_that_was_renamed_since_is_not_created_again(scene: Scene) -> None:
    first = _create_room(scene)
    scene.service.rooms[first.thing.id]["title"] = "Something else"
    second = _create_room(scene)
    assert (second.thing.id, second.by_us) == (first.thing.id, False)
    assert scene.service.count("POST") == 1
