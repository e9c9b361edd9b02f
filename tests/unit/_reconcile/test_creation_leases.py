# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long a run waits for another one, how long its lease lasts, and what remains if its ledger fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import CreationUnresolved, LedgerError
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import StreamKey
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.schema import slots
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import Busy, Claim, Ledger
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile import creation as creation_module
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.creation import Creation, OtherRun

from .._ledger.test_database_lost_connections import ended_owner
from ..creation_scene import ELSEWHERE, PRESET, Scene
from ..ledger_cases import SLOT, OpenRun, both_databases, claimed, written
from ..scripted_server import Request

AHEAD = 3600.0


@dataclass
class Waiting:
    """Waits without delay: each pause only moves the clock by which a run measures its waiting."""

    scene: Scene
    passed: float = 0.0
    factor: int = 1

    def sleep(self) -> None:
        self.passed += self.factor * self.scene.pauses[-1]


@pytest.fixture
def waiting(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Waiting:
    it = Waiting(scene)
    clock = SimpleNamespace(monotonic=lambda: 1000.0 + it.passed, sleep=None)
    monkeypatch.setattr(creation_module, "time", clock)
    scene.on_sleep = it.sleep
    return it


def put_ahead(ledger: Ledger) -> None:
    """Make the ledger write leases by a fast clock."""
    ahead = {slots.c.lease_until: slots.c.lease_until + AHEAD, slots.c.updated_at: slots.c.updated_at + AHEAD}
    written(ledger, sa.update(slots).values(ahead))


@both_databases
def test_a_lease_from_a_fast_clock_lasts_no_longer_than_its_length(open_run: OpenRun) -> None:
    other_run, ledger = open_run(ELSEWHERE), open_run()
    claim = claimed(other_run, lease=60.0)
    put_ahead(other_run)
    busy = ledger.claim(SLOT, [], 60.0)
    assert isinstance(busy, Busy)
    assert busy.length == pytest.approx(60.0, abs=0.01)
    assert busy.seconds <= busy.length + 0.01
    assert ledger.lease_of(SLOT) == busy
    # It was renewed since, so it is not over.
    assert other_run.renew(claim, 60.0)
    assert isinstance(ledger.claim(SLOT, [], 60.0, expired=busy.mark), Busy)
    put_ahead(other_run)
    busy = ledger.claim(SLOT, [], 60.0)
    assert isinstance(busy, Busy)
    inherited = ledger.claim(SLOT, [], 60.0, expired=busy.mark)
    assert isinstance(inherited, Claim)
    assert inherited.inherited
    assert not other_run.renew(claim, 60.0)


def test_a_run_with_a_fast_clock_is_waited_for_no_longer_than_its_lease(scene: Scene, waiting: Waiting) -> None:
    claimed(scene.open_run(ELSEWHERE), scene.slot, lease=30.0)
    put_ahead(scene.ledger)
    assert scene.create().by_us
    scene.one_usable()
    assert 30.0 < waiting.passed < 31.0


def test_a_run_that_keeps_renewing_its_lease_is_waited_for(scene: Scene, waiting: Waiting) -> None:
    other_run, key = scene.open_run(ELSEWHERE), StreamKey("unit-stream-other-run")
    claim = claimed(other_run, scene.slot, lease=2.0)

    def renew() -> None:
        waiting.sleep()
        if waiting.passed < 20.0:
            assert other_run.renew(claim, 2.0)
        elif scene.row() and not scene.service.sessions:
            other_run.keep(claim, "created", scene.service.add_session(scene.room_id, "Keynote", PRESET), key)

    scene.on_sleep = renew
    made = scene.create()
    assert (made.by_us, made.key) == (False, key)
    assert scene.service.count("POST") == 0
    assert waiting.passed < 21.0


def test_a_run_that_never_ends_is_not_waited_for_forever(scene: Scene, waiting: Waiting) -> None:
    other_run = scene.open_run(ELSEWHERE)
    claim = claimed(other_run, scene.slot, lease=60.0)

    def renew() -> None:
        waiting.sleep()
        assert other_run.renew(claim, 60.0)

    scene.on_sleep = renew
    # Otherwise it would read the ledger 1500 times.
    waiting.factor = 5
    with pytest.raises(CreationUnresolved, match="another run has been creating it for 300 seconds"):
        scene.create()
    assert scene.service.count("POST") == 0


def test_waiting_without_a_claim_ends_with_the_lease(scene: Scene, waiting: Waiting) -> None:
    """As the plan waits for another run, before it is made."""
    claimed(scene.open_run(ELSEWHERE), scene.slot, lease=30.0)
    put_ahead(scene.ledger)
    other_run = OtherRun(Creation(scene.api, scene.ledger, 5.0, scene.sleep))
    while (busy := scene.ledger.lease_of(scene.slot)) is not None and busy.mark != other_run.expired:
        other_run.wait(busy, "session 'Keynote'")
    assert 30.0 < waiting.passed < 31.0


def test_a_wait_that_the_service_asks_for_is_within_the_lease(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise another controller would take over while this one waits, and both would send the request."""
    real, left = scene.api.create_session, list[float]()

    def told_to_wait(
        room_id: str, body: Any, before_each: Callable[[], None], before_wait: Callable[[float], None]
    ) -> Any:
        before_each()
        before_wait(600.0)
        busy = scene.open_run(ELSEWHERE).claim(scene.slot, [], 60.0)
        assert isinstance(busy, Busy)
        left.append(busy.seconds)
        return real(room_id, body, before_each, before_wait)

    monkeypatch.setattr(scene.api, "create_session", told_to_wait)
    scene.create()
    scene.one_usable()
    assert left == [pytest.approx(600.0 + 5.0 + creation_module.LEASE_MARGIN, abs=2.0)]


@pytest.mark.parametrize("comes_back", [False, True], ids=["stays away", "comes back"])
@pytest.mark.parametrize("fault", ["done-whole", "done-drop", "lost-drop", "done-nameless"])
def test_the_next_run_repairs_what_a_ledger_that_failed_after_the_request_missed(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, fault: str, comes_back: bool
) -> None:
    ledger = scene.open_run(ended_owner())
    real, failing = ledger._commits.run, list[bool]()

    def run(operation: Any, pauses: Any = ()) -> Any:
        if failing and not (comes_back and len(failing) > 1):
            failing.append(True)
            raise LedgerError("The ledger cannot be written.")
        return real(operation, pauses)

    def fail_from_now_on(request: Request) -> None:
        if request.method == "POST":
            failing.append(True)

    monkeypatch.setattr(ledger._commits, "run", run)
    scene.service.on_request = fail_from_now_on
    scene.service.faults = [fault]
    with pytest.raises(LedgerError, match="The ledger cannot be written"):
        scene.create(ledger)
    row = scene.row()
    assert row is not None
    assert (row.phase, row.unanswered.count, row.unanswered.preset_ids) == ("pending", 1, (PRESET,))
    scene.service.on_request = lambda _request: None
    lost = set(scene.service.sessions)
    made = scene.create(scene.open_run())
    assert set(scene.removed) == lost
    assert scene.one_usable() == made.thing.id


def test_a_refused_replacement_changes_nothing(scene: Scene) -> None:
    first = scene.create()
    scene.service.faults = ["refused-422"]
    with pytest.raises(Exception, match="not today"):
        scene.create(replaced_id=first.thing.id)
    assert scene.one_usable() == first.thing.id
    assert scene.service.count("DELETE") == 0


@pytest.mark.parametrize("fault", ["done-whole", "lost-drop", "done-drop", "done-nameless"])
def test_creating_a_replacement_does_not_remove_the_old_session_or_its_key(scene: Scene, fault: str) -> None:
    first = scene.create()
    scene.service.faults = [fault]
    second = scene.create(scene.open_run(), replaced_id=first.thing.id)
    rows = {row.object_id: (row.phase, row.key) for row in scene.ledger.rows(scene.api.url, [scene.room_id])}
    assert rows == {first.thing.id: ("replaced", first.key), second.thing.id: ("created", second.key)}
    assert set(scene.service.current("Keynote")) == {first.thing.id, second.thing.id}
